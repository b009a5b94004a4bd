"""Who asks: what a verified token says about its bearer."""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.domain.ownership import Role

LOCAL_ISSUER = "plumbline-local"
"""The issuer of tokens that the installation's own key has signed."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller: several roles are a union; what grants there are decides about rows (hub.domain.row_scope).

    `allow` lists what a service account is granted: names of mutations, and `read:` with a field group.
    """

    subject: str
    roles: frozenset[Role]
    practices: frozenset[str] = field(default_factory=frozenset)
    legal_entities: frozenset[str] = field(default_factory=frozenset)
    email: str | None = None
    allow: frozenset[str] = field(default_factory=frozenset)
    issuer: str = ""

"""Who asks: what a verified token says about its bearer."""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.domain.ownership import Role


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller: several roles are a union; empty practices and legal entities name no restriction of their own.

    `allow` lists the mutations that a service account may use.
    """

    subject: str
    roles: frozenset[Role]
    practices: frozenset[str] = field(default_factory=frozenset)
    legal_entities: frozenset[str] = field(default_factory=frozenset)
    email: str | None = None
    allow: frozenset[str] = field(default_factory=frozenset)
    issuer: str = ""

"""Who may read the audit trail, and what of it (domain.md 9.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hub.domain.ownership import Role
from hub.errors import NotPermitted

READERS = frozenset({Role.INTEGRATION_SUPPORT, Role.FINANCE_OPS})


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One thing that somebody did or tried.

    `before` and `after` are values by attribute, in the JSON form in which the hub keeps values.
    """

    id: int
    at: datetime
    actor: str
    roles: tuple[str, ...]
    on_behalf_of: str | None
    correlation_id: str
    action: str
    entity_id: str | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    outcome: str
    code: str | None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Rows, newest first; `total` counts all of the list."""

    rows: tuple[AuditRow, ...]
    has_next: bool
    total: int


def require_reader(roles: frozenset[Role]) -> None:
    """Raise NotPermitted for a caller who may not read the trail."""
    if not roles & READERS:
        raise NotPermitted("Your role may not read the audit trail.")


def as_shown(row: AuditRow, roles: frozenset[Role]) -> AuditRow:
    """The row as the reader may see it: integration support sees that money changed, finance also how much."""
    if Role.FINANCE_OPS in roles:
        return row
    return replace(row, before=_masked(row.before), after=_masked(row.after))


def _masked(values: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if values is None:
        return None
    return {name: None if _is_money(value) else value for name, value in values.items()}


def _is_money(value: Any) -> bool:
    return isinstance(value, Mapping) and "m" in value


def value_text(value: Any) -> str | None:
    """A kept value for people: the tag of its kind left out, lists joined."""
    match value:
        case None:
            return None
        case {"m": [minor, currency]}:
            return f"{minor} {currency} (minor units)"
        case {"r": [_, reference, *_]}:
            return str(reference)
        case {**tagged} if len(tagged) == 1:
            return str(next(iter(tagged.values())))
        case bool():
            return str(value).lower()
        case list():
            return ", ".join(value_text(item) or "" for item in value)
        case _:
            return str(value)

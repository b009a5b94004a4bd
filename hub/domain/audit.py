"""Who may read the audit trail, and what of it (domain.md 9.1).

A value is shown as the graph's field of that name would be (hub.domain.visibility); what the graph has no field for
counts as free text, unless it is named here. People who act are pseudonyms to whoever reads no names; service
accounts are not people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hub.domain.ids import MalformedId, kind_of, parse_id
from hub.domain.kinds import entity_kind
from hub.domain.names import field_name, type_name
from hub.domain.ownership import Role
from hub.domain.pseudonyms import Pseudonyms
from hub.domain.visibility import FIELDS, FieldGroup, Rights
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


_BESIDE_THE_GRAPH: Mapping[str, FieldGroup] = {
    **dict.fromkeys("system kind external_id".split(), FieldGroup.FRAME),
    **dict.fromkeys("delivery_status archived role approved_on completed_by".split(), FieldGroup.DELIVERY),
    "whole_submission": FieldGroup.HOURS,
    "approved_by": FieldGroup.NAMES,
}
"""The groups of values that commands write and the graph has no field for; `completed_by` is a vendor's id."""


def as_shown(row: AuditRow, rights: Rights, pseudonyms: Pseudonyms) -> AuditRow:
    """The row as a reader with these rights may see it: that something changed always, what it says as the table says.

    `rights` are those that hold on all rows (hub.domain.visibility.common_rights).
    """
    values = [_shown(row, v, rights, pseudonyms) for v in (row.before, row.after)]
    if rights.reads(FieldGroup.NAMES):
        return replace(row, before=values[0], after=values[1])
    user = None if row.on_behalf_of is None else pseudonyms.of_person(row.on_behalf_of)
    actor = row.actor if Role.SERVICE in row.roles else pseudonyms.of_person(row.actor)
    return replace(row, actor=actor, on_behalf_of=user, before=values[0], after=values[1])


def _shown(
    row: AuditRow, values: Mapping[str, Any] | None, rights: Rights, pseudonyms: Pseudonyms
) -> Mapping[str, Any] | None:
    if values is None:
        return None
    return {name: _value(value, _group(row.entity_id, name), rights, pseudonyms) for name, value in values.items()}


def _value(value: Any, group: FieldGroup, rights: Rights, pseudonyms: Pseudonyms) -> Any:
    if not rights.reads(group):
        named = group is FieldGroup.NAMES and isinstance(value, str)
        return pseudonyms.of_person(value) if named else None
    return None if _is_money(value) and not rights.reads(FieldGroup.COMMERCIAL) else value


def _group(entity_id: str | None, attribute: str) -> FieldGroup:
    """The group of an entity's attribute."""
    known = FIELDS.get((_type_of(entity_id), field_name(attribute))) or _BESIDE_THE_GRAPH.get(attribute)
    return known or FieldGroup.NOTES


def _type_of(entity_id: str | None) -> str:
    """The graph's name of an entity's type; empty for none."""
    try:
        return type_name(entity_kind(kind_of(parse_id(entity_id or ""))))
    except MalformedId:
        return ""


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

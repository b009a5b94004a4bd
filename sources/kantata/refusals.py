"""Kantata's own refusals of a write in the hub's words: which value is at fault, and why where only one reason can be.

The vendor gives no codes, only the names of the columns that it refuses, and texts that nobody promises. So the
column tells the value, and the reason is one of ours where no other remains of those that the adapter has not ruled
out before: more time than a day has, or a person who takes no part in the project or may not sign in any more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from hub.domain.kinds import Kind
from hub.domain.records import Ref
from hub.errors import SourceError, SourceRejected
from hub.ports import SourceWrite
from sources.kantata.bodies import ASSIGNMENT, PROJECT, TIME_ENTRY, Columns

HOURS_INVALID = "HOURS_INVALID"
NOT_ON_PROJECT = "NOT_ON_PROJECT"
PERSON_DISABLED = "PERSON_DISABLED"
VALIDATION = "validation:"

Disabled = Callable[[str], Awaitable[bool | None]]
"""Whether the account of the person with that id is disabled."""


def _attributes(columns: Columns, **others: str) -> Mapping[str, str]:
    return {**{column: name for name, (column, _) in columns.items()}, **others}


ATTRIBUTES: Mapping[Kind, Mapping[str, str]] = {
    Kind.PROJECT: _attributes(PROJECT),
    Kind.ASSIGNMENT: _attributes(ASSIGNMENT, user_id="resource", resource_id="resource", role_id="role"),
    Kind.TIME_ENTRY: _attributes(TIME_ENTRY),
}
"""The canonical names of the columns that a change writes."""


async def explained(exc: SourceRejected, change: SourceWrite, disabled: Disabled) -> SourceRejected:
    """The refusal with the value at fault; itself when the vendor names none, or several."""
    named = set(exc.reason.split(","))
    columns = [reason.removeprefix(VALIDATION) for reason in named if reason.startswith(VALIDATION)]
    attribute = ATTRIBUTES.get(change.kind, {}).get(columns[0]) if len(columns) == len(named) == 1 else None
    if attribute is None or change.action not in ("create", "update"):
        return exc
    reason = await _reason(attribute, change, disabled) or exc.reason
    message = str(exc).removeprefix(f"{exc.system}: ").removesuffix(f" ({exc.operation})")
    return SourceRejected(exc.system, message, operation=exc.operation, reason=reason, attribute=attribute)


async def _reason(attribute: str, change: SourceWrite, disabled: Disabled) -> str | None:
    if attribute in ("hours", "planned_hours"):
        return HOURS_INVALID
    person = change.values.get("resource")
    if attribute != "resource" or not isinstance(person, Ref):
        return None
    try:
        is_disabled = await disabled(person.value)
    except SourceError:
        return None
    if is_disabled:
        return PERSON_DISABLED
    return NOT_ON_PROJECT if change.kind is Kind.TIME_ENTRY and is_disabled is False else None

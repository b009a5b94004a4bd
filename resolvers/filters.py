"""From the graph's filter and order arguments to conditions of the directory.

A list is any-of (an empty one matches nothing), fields are all-of, null is no condition, a practice
includes its subtree, `search` is a casefolded contains on name, code and number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hub.domain.kinds import Kind
from hub.domain.records import Value
from hub.errors import InvalidInput
from hub.ports import Condition, DirectoryReader, Op, PageQuery
from resolvers.arguments import canonical_ids, few_enough, text
from resolvers.graph import Arguments

LEGAL_ENTITY_CODE = "legal_entity_code"
"""Attribute of a condition whose values are codes still; `settled` turns it into one on `legal_entity`."""

Test = Callable[[str, Any], Condition | None]
"""(argument's name, its value) → the condition; None where the value asks for nothing."""

_SORT_NAMES: Mapping[str, str] = {
    "NAME": "name",
    "CODE": "code",
    "START_DATE": "start_date",
    "END_DATE": "end_date",
    "CONTRACT_VALUE": "value",
}
_RECORD_KINDS: Mapping[str, Kind] = {"EMPLOYEE": Kind.RESOURCE, "SUBCONTRACTOR": Kind.SUBCONTRACTOR}


# -- what one argument asks for ---------------------------------------------------------------------


def _one_of(attribute: str, op: Op = Op.IN) -> Test:
    def test(argument: str, values: Sequence[str]) -> Condition:
        few_enough(argument, values)
        return Condition(attribute, op, tuple(text(argument, value) for value in values))

    return test


def _entities(attribute: str, op: Op = Op.IN) -> Test:
    return lambda argument, values: Condition(attribute, op, canonical_ids(argument, values))


def _before(attribute: str, *, or_open: bool = False) -> Test:
    return lambda _, day: Condition(attribute, Op.LESS, _or_open(day, or_open))


def _from(attribute: str, *, or_open: bool = False) -> Test:
    return lambda _, day: Condition(attribute, Op.GREATER_OR_EQUAL, _or_open(day, or_open))


def _after(attribute: str, *, or_open: bool = False) -> Test:
    """Later than the day itself: from the next day on."""

    def test(argument: str, day: date) -> Condition:
        if day == date.max:
            raise InvalidInput(argument, "is the last day there is")
        return Condition(attribute, Op.GREATER_OR_EQUAL, _or_open(day + timedelta(days=1), or_open))

    return test


def _or_open(day: date, or_open: bool) -> tuple[Value, ...]:  # noqa: FBT001 -- forwarded from a keyword
    return (day, None) if or_open else (day,)


def _search(argument: str, wanted: str) -> Condition | None:
    return Condition("search", Op.CONTAINS, (text(argument, wanted),)) if wanted.strip() else None


def _min_probability(argument: str, least: Decimal) -> Condition:
    if not 0 <= least <= 1:
        raise InvalidInput(argument, "must be between 0 and 1")
    return Condition("probability", Op.GREATER_OR_EQUAL, (least,))


def _resource_kind(_: str, kind: str) -> Condition:
    return Condition("record_kind", Op.IN, (_RECORD_KINDS[kind],))


# -- what each list's arguments mean ----------------------------------------------------------------

_PROJECT: Mapping[str, Test] = {
    "stage": _one_of("stage"),
    "practice": _entities("practice", Op.SUBTREE),
    "legalEntity": _one_of(LEGAL_ENTITY_CODE),
    "customer": _entities("customer"),
    "manager": _entities("manager"),
    "model": _one_of("models", Op.OVERLAPS),
    "startsBefore": _before("start_date"),
    # A project without an end is still open on any day.
    "endsAfter": _after("end_date", or_open=True),
    "search": _search,
}
_RESOURCE: Mapping[str, Test] = {
    "kind": _resource_kind,
    "status": _one_of("status"),
    "role": _one_of("role"),
    "skill": _one_of("skills", Op.OVERLAPS),
    "practice": _entities("practice", Op.SUBTREE),
    "legalEntity": _one_of(LEGAL_ENTITY_CODE),
    "manager": _entities("manager"),
    "search": _search,
}
_OPPORTUNITY: Mapping[str, Test] = {
    "status": _one_of("status"),
    "customer": _entities("customer"),
    "minProbability": _min_probability,
    "closesBefore": _before("date"),
    "search": _search,
}
_CONTRACT: Mapping[str, Test] = {
    "status": _one_of("status"),
    "customer": _entities("customer"),
    "legalEntity": _one_of(LEGAL_ENTITY_CODE),
    "model": _one_of("models", Op.OVERLAPS),
    "search": _search,
}
_CUSTOMER: Mapping[str, Test] = {"search": _search}
_TIME_ENTRY: Mapping[str, Test] = {"from": _from("date"), "to": _before("date"), "status": _one_of("status")}
# The interval asked for is half-open; a vendor's end date is the last day, so it overlaps from that day on.
_ASSIGNMENT: Mapping[str, Test] = {
    "from": _from("end_date", or_open=True),
    "to": _before("start_date", or_open=True),
}


def _conditions(tests: Mapping[str, Test], given: Mapping[str, Any], prefix: str = "") -> tuple[Condition, ...]:
    asked = (test(f"{prefix}{name}", given[name]) for name, test in tests.items() if given.get(name) is not None)
    return tuple(condition for condition in asked if condition is not None)


def _filtered(tests: Mapping[str, Test], arguments: Arguments) -> tuple[Condition, ...]:
    return _conditions(tests, arguments.get("filter") or {}, "filter.")


def project_conditions(arguments: Arguments) -> tuple[Condition, ...]:
    """Conditions of `projects(filter:)`."""
    return _filtered(_PROJECT, arguments)


def resource_conditions(arguments: Arguments) -> tuple[Condition, ...]:
    """Conditions of `resources(filter:)`."""
    return _filtered(_RESOURCE, arguments)


def opportunity_conditions(arguments: Arguments) -> tuple[Condition, ...]:
    """Conditions of `opportunities(filter:)`."""
    return _filtered(_OPPORTUNITY, arguments)


def contract_conditions(arguments: Arguments) -> tuple[Condition, ...]:
    """Conditions of `contracts(filter:)`."""
    return _filtered(_CONTRACT, arguments)


def customer_conditions(arguments: Arguments) -> tuple[Condition, ...]:
    """Conditions of `customers(search:)`."""
    return _conditions(_CUSTOMER, arguments)


def time_entry_conditions(arguments: Arguments) -> tuple[Condition, ...]:
    """Conditions of `timeEntries(from:, to:, status:)`: work dates in `[from, to)`."""
    return _conditions(_TIME_ENTRY, arguments)


def assignment_conditions(arguments: Arguments) -> tuple[Condition, ...]:
    """Conditions of `assignments(from:, to:)`: assignments that overlap `[from, to)`."""
    return _conditions(_ASSIGNMENT, arguments)


def project_order(arguments: Arguments) -> tuple[str, bool]:
    """Sort name and whether descending, of `projects(orderBy:)`; by name when nothing is asked."""
    order = arguments.get("orderBy")
    return ("name", False) if order is None else (_SORT_NAMES[order["by"]], order["direction"] == "DESC")


async def settled(conditions: tuple[Condition, ...], directory: DirectoryReader) -> tuple[Condition, ...]:
    """The conditions with codes of legal entities replaced by their ids; an unknown code matches nothing."""
    if not any(condition.attribute == LEGAL_ENTITY_CODE for condition in conditions):
        return conditions
    # There are few legal entities, and lists are kept in memory: cheaper than a look-up by code in the database.
    page = await directory.page(PageQuery(Kind.LEGAL_ENTITY))
    known = {e.kept.get("code"): e.id for e in await directory.entities(page.ids) if e is not None}
    return tuple(
        replace(c, attribute="legal_entity", values=tuple(known[code] for code in c.values if code in known))
        if c.attribute == LEGAL_ENTITY_CODE
        else c
        for c in conditions
    )

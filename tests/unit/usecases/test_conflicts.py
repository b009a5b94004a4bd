"""What the refusal of an old version tells, and to whom."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from hub.domain.callers import Caller
from hub.domain.commands import Actor
from hub.domain.kinds import Kind
from hub.domain.money import Money
from hub.domain.ownership import Role
from hub.domain.records import Record, RecordKey, Ref, Value
from hub.usecases.conflicts import stale

NOW = datetime(2026, 3, 31, tzinfo=UTC)


def told(kind: Kind, values: dict[str, Value], role: Role = Role.PMO, allow: frozenset[str] = frozenset()) -> str:
    """The message of a conflict about all of these values."""
    record = Record(RecordKey("psa", kind, "771"), {"version": "f" * 32, **values}, "1", NOW, NOW)
    refusal = stale(record, values, Actor(Caller("somebody", frozenset({role}), allow=allow)))
    assert (refusal.code, refusal.field, refusal.allowed) == ("VERSION_CONFLICT", "expectedVersion", ("f" * 32,))
    return refusal.message.partition("now ")[2]


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (Kind.PROJECT, {"name": "Gemini", "end_date": None}, "endDate is not set, name is Gemini."),
        (Kind.ASSIGNMENT, {"planned_hours": Decimal("80.50")}, "plannedHours is 80.50."),
        (Kind.ASSIGNMENT, {"start_date": date(2026, 5, 4)}, "startDate is 2026-05-04."),
        (Kind.TIME_ENTRY, {"billable": True}, "billable is true."),
        (Kind.PROJECT, {"manager": Ref(Kind.RESOURCE, "90041")}, "see the payload."),
        (Kind.CONTRACT_LINE, {"price": Money(100, "USD")}, "see the payload."),
        (Kind.PROJECT, {"delivery_status": "ACTIVE"}, "see the payload."),
    ],
)
def test_values_are_told_in_the_words_of_the_graph(kind: Kind, values: dict[str, Value], message: str) -> None:
    """By the graph's names; what has no short text there, or is no field of it, is left to the payload."""
    assert told(kind, values) == message


def test_what_may_not_be_read_is_not_told() -> None:
    """Notes are hidden from integration support, hours from a service account without the grant."""
    assert told(Kind.TIME_ENTRY, {"note": "Ann is ill"}) == "note is Ann is ill."
    assert told(Kind.TIME_ENTRY, {"note": "Ann is ill"}, Role.INTEGRATION_SUPPORT) == "see the payload."
    hours: dict[str, Value] = {"planned_hours": Decimal(8), "booking": "HARD"}
    projects_only = frozenset({"updateProject"})
    assert told(Kind.ASSIGNMENT, hours, Role.SERVICE, projects_only) == "booking is HARD."
    assert told(Kind.RESOURCE, {"name": "Ann"}, Role.INTEGRATION_SUPPORT) == "see the payload."

"""An owner's refusal as callers read it: the input's field, a code to act on, what would have been taken."""

from __future__ import annotations

import pytest

from hub.domain.commands import Refusal
from hub.domain.ids import new_id
from hub.domain.kinds import Kind
from hub.domain.records import Value
from hub.errors import SourceRejected
from hub.ports import SourceWrite
from hub.store.ledger import Sending
from hub.usecases.write_through import refusal_of


def told(reason: str, attribute: str | None = None, allowed: tuple[str, ...] = (), **values: Value) -> Refusal:
    """The refusal of a write of these values."""
    write = SourceWrite("create", Kind.TIME_ENTRY, None, values, "token", new_id(Kind.TIME_ENTRY))
    error = SourceRejected("psa", "no", operation="POST x", reason=reason, attribute=attribute, allowed=allowed)
    return refusal_of(error, Sending("psa", write, (), None))


@pytest.mark.parametrize(
    ("reason", "attribute", "code", "field"),
    [
        ("HOURS_INVALID", "hours", "HOURS_INVALID", "hours"),
        ("HOURS_INVALID", "planned_hours", "HOURS_INVALID", "plannedHours"),
        ("NOT_ON_PROJECT", "resource", "NOT_ON_PROJECT", "resourceId"),
        ("PERSON_DISABLED", "manager", "PERSON_DISABLED", "managerId"),
        ("OTHER_ROLE", "role", "OTHER_ROLE", "role"),
        ("SUBMISSION_SHARED", None, "SUBMISSION_SHARED", "wholeSubmission"),
        ("INVALID_VALUE", "work_date", "INVALID_INPUT", "workDate"),
        ("validation:title", "name", "SOURCE_REJECTED", "name"),
        ("validation:status_key", "delivery_status", "SOURCE_REJECTED", "stage"),
        ("validation:base", None, "SOURCE_REJECTED", None),
    ],
)
def test_the_value_at_fault_is_the_inputs_field(
    reason: str, attribute: str | None, code: str, field: str | None
) -> None:
    """By the input's name, whatever the attribute is called."""
    refusal = told(reason, attribute, hours=None, note="x")
    assert (refusal.code, refusal.field) == (code, field)


def test_what_would_have_been_taken_is_said() -> None:
    """None where the owner does not say."""
    assert told("OTHER_ROLE", "role", ("Consultant",)).allowed == ("Consultant",)
    assert told("validation:title", "name").allowed is None

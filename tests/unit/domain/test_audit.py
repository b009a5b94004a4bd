"""What integration support and finance read of the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.domain.audit import AuditRow, as_shown
from hub.domain.ids import new_id
from hub.domain.kinds import Kind
from hub.domain.ownership import Role
from hub.domain.pseudonyms import Pseudonyms
from hub.domain.visibility import Rights, common_rights

NAMES = Pseudonyms(b"k" * 32)
SUPPORT = common_rights(frozenset({Role.INTEGRATION_SUPPORT}))
FINANCE = common_rights(frozenset({Role.FINANCE_OPS}))


def row(kind: Kind = Kind.PROJECT, **other: Any) -> AuditRow:
    """A command of Ada's about an entity of that kind."""
    made = AuditRow(
        1, datetime(2026, 6, 1, tzinfo=UTC), "ada@firm.example", ("pmo",), None, "c", "updateProject",
        new_id(kind), None, None, "APPLIED", None,
    )  # fmt: skip
    return replace(made, **other)


def after(kind: Kind, values: Mapping[str, Any], rights: Rights = SUPPORT) -> Mapping[str, Any] | None:
    """What is shown of the values that a command about an entity of that kind has left."""
    return as_shown(row(kind, after=values), rights, NAMES).after


def test_support_tells_people_apart_by_pseudonyms_that_stay() -> None:
    """Letter case makes nobody another person; the name is nowhere in it."""
    ada, again, bob = (
        as_shown(row(actor=name), SUPPORT, NAMES).actor for name in ("ada@firm.example", "ADA@firm.example", "bob")
    )
    assert ada == again != bob
    assert ada.startswith("Person ")
    assert "ada" not in ada.casefold().removeprefix("person ")


def test_the_user_behind_a_service_account_is_a_person_and_the_account_is_not() -> None:
    """Its name says which tool it was."""
    shown = as_shown(row(actor="timesheets", roles=("service",), on_behalf_of="ada@firm.example"), SUPPORT, NAMES)
    assert shown.actor == "timesheets"
    assert shown.on_behalf_of == NAMES.of_person("ada@firm.example")


def test_finance_sees_names_and_everything_that_changed() -> None:
    """The same row as it is kept."""
    kept = row(Kind.TIME_ENTRY, on_behalf_of="bob", before={"note": "ill"}, after={"hours": {"d": "8"}, "reason": "no"})
    assert as_shown(kept, FINANCE, NAMES) == kept


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Kind.TIME_ENTRY, {"note": "with Carla"}),
        (Kind.TIME_ENTRY, {"reason": "ask Carla"}),
        (Kind.PROJECT, {"reason": "Carla left"}),
        (Kind.RESOURCE, {"skills": ["Falconry"]}),
        (Kind.RESOURCE, {"add": ["Falconry"], "remove": []}),
        (Kind.RESOURCE, {"email": "carla@firm.example", "anything_new": "?"}),
        (Kind.CHANGE_ORDER, {"price_delta": {"m": [100, "EUR"]}}),
        (Kind.MILESTONE, {"amount": {"m": [100, "EUR"]}}),
    ],
)
def test_support_sees_that_free_text_people_and_money_changed_and_not_how(kind: Kind, values: dict[str, Any]) -> None:
    """Null in place of each value; the attribute is named."""
    assert after(kind, values) == dict.fromkeys(values)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Kind.PROJECT, {"name": "Gemini", "end_date": {"t": "2026-01-01"}, "delivery_status": "ON_HOLD"}),
        (Kind.TIME_ENTRY, {"status": "APPROVED", "hours": {"d": "8.00"}, "whole_submission": True}),
        (Kind.ASSIGNMENT, {"planned_hours": {"d": "40"}, "resource": {"r": ["resource", "11", "id"]}, "role": "Dev"}),
        (Kind.CHANGE_ORDER, {"status": "PROPOSED", "hours_delta": {"d": "4"}}),
        (Kind.CUSTOMER, {"system": "erp", "kind": "customer", "external_id": "77"}),
        (Kind.CONTRACT_LINE, {"revenue_method": "POINT"}),
        (Kind.MILESTONE, {"status": "APPROVED", "completed_by": {"r": ["resource", "11", "id"]}}),
    ],
)
def test_support_sees_what_is_not_about_people(kind: Kind, values: dict[str, Any]) -> None:
    """Names of projects, states, hours, links."""
    assert after(kind, values) == values


def test_who_accepted_a_milestone_has_the_pseudonym_of_the_one_who_acted() -> None:
    """So that support can tell that it was the same person."""
    values = after(Kind.MILESTONE, {"approved_by": "Ada@firm.example"})
    assert values == {"approved_by": NAMES.of_person("ada@firm.example")}
    assert after(Kind.MILESTONE, {"approved_by": "ada@firm.example"}, FINANCE) == {"approved_by": "ada@firm.example"}


def test_a_read_of_a_cost_rate_stays_an_event() -> None:
    """Whose it was is an id, who read it a pseudonym."""
    read = row(Kind.RESOURCE, action="read:costRate", outcome="READ")
    shown = as_shown(read, SUPPORT, NAMES)
    assert (shown.action, shown.entity_id, shown.outcome) == ("read:costRate", read.entity_id, "READ")


def test_whoever_reads_names_by_another_role_reads_them_here() -> None:
    """Several roles are a union, except what holds on own projects only."""
    both = common_rights(frozenset({Role.INTEGRATION_SUPPORT, Role.PMO}))
    assert as_shown(row(), both, NAMES).actor == "ada@firm.example"
    own_only = common_rights(frozenset({Role.INTEGRATION_SUPPORT, Role.DELIVERY_MANAGER}))
    assert as_shown(row(), own_only, NAMES).actor != "ada@firm.example"


def test_a_row_without_an_entity_hides_what_nobody_has_decided_about() -> None:
    """A refused create concerns nothing yet."""
    assert as_shown(row(entity_id=None, before={"note": "x"}), SUPPORT, NAMES).before == {"note": None}

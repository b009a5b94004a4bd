"""Kantata's rows become records with exact types; what does not fit is refused by name."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from hub.domain.directory import kept_by
from hub.domain.ids import new_id
from hub.domain.kinds import Domain, Kind
from hub.domain.money import Money
from hub.domain.ownership import attributes_of
from hub.domain.records import BY_CANONICAL, Key, Record, Ref
from hub.errors import SourceMisconfigured, SourceShapeBroken
from sources.kantata.translate import FIELDS
from tests.support.kantata_account import (
    Account,
    Json,
    allocation,
    billing,
    custom,
    story,
    time_entry,
    workspace,
)


@pytest.fixture
def account() -> Account:
    """An account with a workspace resource, a role and nothing else."""
    account = Account()
    account.add("roles", {"id": "9", "name": "Developer"})
    account.beside("roles", {"id": "9", "name": "Developer"})
    account.beside("workspace_resources", {"id": "31", "workspace_id": 100, "user_id": "13", "role_id": "9"})
    return account


COLLECTION = {
    Kind.PROJECT: "workspaces",
    Kind.TASK: "stories",
    Kind.MILESTONE: "stories",
    Kind.ASSIGNMENT: "workspace_allocations",
    Kind.TIME_ENTRY: "time_entries",
    Kind.EXPENSE: "expenses",
    Kind.CUSTOMER: "workspace_groups",
    Kind.RESOURCE: "users",
}


async def read(account: Account, kind: Kind, row: Json) -> dict[str, Any]:
    """All attributes of one row."""
    account.add(COLLECTION[kind], row)
    [record] = await account.adapter().fetch(kind, [row["id"]], attributes_of(Domain.PSA, kind))
    assert record is not None
    return dict(record.attributes)


async def feed(account: Account, kind: Kind) -> list[Record]:
    """The whole feed of a kind."""
    return [record async for page in account.adapter().changes(kind, None) for record in page.records]


def test_supplies_what_the_psa_owns_and_nothing_else() -> None:
    """The tables of fields are the ownership table's."""
    for kind, fields in FIELDS.items():
        assert fields.keys() == attributes_of(Domain.PSA, kind), kind


async def test_project(account: Account) -> None:
    """Title, dates with "" for none, custom fields by definition, group and team lead."""
    account.beside("custom_field_values", custom("a", "Project code", "PRJ-1"), custom("c", "Contract", "800x"))
    account.beside("custom_field_values", custom("b", "Practice", [77], kind="single", shown="CLOUD"))
    account.beside("workspace_groups", {"id": "21", "company": True, "name": "Acme"})
    account.beside("participations", {"id": "1", "user_id": "13", "is_team_lead": True, "role": "maven"})
    row = workspace(custom_field_value_ids=["a", "b", "c"], primary_workspace_group_id="21", participation_ids=["1"])
    assert await read(account, Kind.PROJECT, row) == {
        "name": "Migration",
        "code": "PRJ-1",
        "start_date": date(2026, 1, 5),
        "end_date": None,
        "archived": False,
        "percent_complete": Decimal("0.4"),
        "delivery_status": "ACTIVE",
        "manager": Ref(Kind.RESOURCE, "13"),
        "customer": Ref(Kind.CUSTOMER, "21"),
        "practice": Ref(Kind.PRACTICE, "CLOUD", "code"),
        "contract": Ref(Kind.CONTRACT, "800x", "id:CRM"),
    }


async def test_project_with_nothing_filled_in(account: Account) -> None:
    """An empty workspace has no values, not wrong ones."""
    row = workspace(start_date="", percentage_complete=None)
    values = await read(account, Kind.PROJECT, row)
    empty = {name for name, value in values.items() if value is None}
    assert empty == {
        "start_date", "end_date", "code", "practice", "contract", "manager", "customer", "percent_complete"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "status"),
    [(100, "NOT_STARTED"), (200, "ACTIVE"), (300, "ON_HOLD"), (400, "COMPLETE"), (500, "CANCELLED")],
)
async def test_project_status(account: Account, key: int, status: str) -> None:
    """The tenant's status keys."""
    values = await read(account, Kind.PROJECT, workspace(status={"key": key}))
    assert values["delivery_status"] == status


@pytest.mark.parametrize("status", [{"key": 250}, {"key": "200"}, {}, None, "Active"])
async def test_unknown_project_status_is_drift(account: Account, status: Any) -> None:
    """A status that the tenant's list lacks is never guessed."""
    with pytest.raises(SourceShapeBroken, match="key"):
        await read(account, Kind.PROJECT, workspace(status=status))


async def test_manager_is_the_providers_lead(account: Account) -> None:
    """The client's lead does not count; among several the workspace's own lead wins, else the first made."""
    account.beside(
        "participations",
        {"id": "5", "user_id": "77", "is_team_lead": True, "role": "buyer"},
        {"id": "30", "user_id": "13", "is_team_lead": True, "role": "maven"},
        {"id": "4", "user_id": "14", "is_team_lead": True, "role": "maven"},
        {"id": "3", "user_id": "15", "is_team_lead": False, "role": "maven"},
    )
    leads = {"participation_ids": ["5", "30", "4", "3"]}
    assert (await read(account, Kind.PROJECT, workspace("1", **leads)))["manager"] == Ref(Kind.RESOURCE, "14")
    named = workspace("2", primary_maven_id="13", **leads)
    assert (await read(account, Kind.PROJECT, named))["manager"] == Ref(Kind.RESOURCE, "13")
    stranger = workspace("3", primary_maven_id="15", **leads)
    assert (await read(account, Kind.PROJECT, stranger))["manager"] == Ref(Kind.RESOURCE, "14")


async def test_a_group_that_is_no_company_is_no_customer(account: Account) -> None:
    """Groups are also used as labels."""
    account.beside("workspace_groups", {"id": "22", "company": False, "name": "Region North"})
    values = await read(account, Kind.PROJECT, workspace(primary_workspace_group_id="22"))
    assert values["customer"] is None


async def test_task(account: Account) -> None:
    """Minutes become hours, what remains is estimate less logged."""
    account.beside("custom_field_values", custom("a", "Contract line", "a01x"))
    assert await read(account, Kind.TASK, story(custom_field_value_ids=["a"])) == {
        "project": Ref(Kind.PROJECT, "100"),
        "name": "Build",
        "contract_line": Ref(Kind.CONTRACT_LINE, "a01x", "id:CRM"),
        "planned_hours": Decimal("10.00"),
        "remaining_hours": Decimal("7.50"),
        "billable": True,
        "start_date": None,
        "end_date": date(2026, 4, 30),
        "done": False,
    }


@pytest.mark.parametrize(
    ("estimate", "logged", "planned", "remaining"),
    [
        (None, 30, None, None),
        (0, 0, Decimal("0.00"), Decimal("0.00")),
        (100, 500, Decimal("1.67"), Decimal("0.00")),
        (20, 0, Decimal("0.33"), Decimal("0.33")),
        (5, 2, Decimal("0.08"), Decimal("0.05")),
    ],
)
async def test_remaining_hours(
    account: Account, estimate: int | None, logged: int, planned: Decimal | None, remaining: Decimal | None
) -> None:
    """Never below zero, unknown without an estimate, rounded once."""
    row = story(
        time_estimate_in_minutes=estimate,
        logged_billable_time_in_minutes=logged,
        logged_nonbillable_time_in_minutes=0,
    )
    values = await read(account, Kind.TASK, row)
    assert (values["planned_hours"], values["remaining_hours"]) == (planned, remaining)


async def test_completed_task_is_done(account: Account) -> None:
    """Only the state completed counts."""
    assert (await read(account, Kind.TASK, story(state="completed")))["done"] is True


async def test_a_story_of_another_type_is_not_there(account: Account) -> None:
    """A milestone's id asked for as a task."""
    account.add("stories", story("1", "milestone"), story("2", "issue"))
    assert await account.adapter().fetch(Kind.TASK, ["1", "2"], frozenset({"name"})) == [None, None]


async def test_planned_milestone_without_billing(account: Account) -> None:
    """No billing milestone: no amount."""
    values = await read(account, Kind.MILESTONE, story(story_type="milestone"))
    assert values == {
        "project": Ref(Kind.PROJECT, "100"),
        "name": "Build",
        "due_date": date(2026, 4, 30),
        "status": "PLANNED",
        "amount": None,
        "completed_at": None,
        "completed_by": None,
        "approved_at": None,
    }


async def test_milestone_through_its_life(account: Account) -> None:
    """Completed, then accepted, then billed."""
    account.beside(
        "story_state_changes",
        {"id": "1", "state": "completed", "created_at": "2026-03-01T10:00:00Z", "user_id": "11"},
        {"id": "2", "state": "started", "created_at": "2026-03-02T10:00:00Z", "user_id": "12"},
        {"id": "3", "state": "completed", "created_at": "2026-03-03T02:00:00-08:00", "user_id": "13"},
    )
    account.beside("custom_field_values", custom("d", "Accepted on", "2026-03-05", kind="date"))
    done: Json = {"state": "completed", "story_state_change_ids": ["1", "2", "3"], "story_type": "milestone"}
    account.add("billing_milestones", billing("1", "201", 3_000_000), billing("2", "202", 100))
    values = await read(account, Kind.MILESTONE, story("201", **done))
    assert values["status"] == "COMPLETED"
    assert values["amount"] == Money(3_000_000, "USD")
    assert values["completed_at"] == datetime(2026, 3, 3, 10, tzinfo=UTC)
    assert values["completed_by"] == Ref(Kind.RESOURCE, "13")

    values = await read(account, Kind.MILESTONE, story("202", **done, custom_field_value_ids=["d"]))
    assert (values["status"], values["approved_at"]) == ("APPROVED", datetime(2026, 3, 5, tzinfo=UTC))

    account.beside("invoices", {"id": "8", "status": "new"}, {"id": "9", "status": "cancelled"})
    account.add("billing_milestones", billing("3", "203", 100, invoice_ids=["9", "8"]))
    account.add("billing_milestones", billing("4", "204", 100, invoice_ids=["9"]))
    assert (await read(account, Kind.MILESTONE, story("203", **done)))["status"] == "BILLED"
    assert (await read(account, Kind.MILESTONE, story("204", **done)))["status"] == "COMPLETED"


async def test_the_last_of_two_completions_in_one_second_counts(account: Account) -> None:
    """Stamps have whole seconds, ids grow; a completion that names nobody has nobody."""
    at = "2026-03-01T10:00:00Z"
    account.beside(
        "story_state_changes",
        {"id": "9", "state": "completed", "created_at": at, "user_id": "11"},
        {"id": "10", "state": "completed", "created_at": at, "user_id": "12"},
        {"id": "11", "state": "completed", "created_at": at, "user_id": None},
    )
    for changes, who in ((["10", "9"], Ref(Kind.RESOURCE, "12")), (["9", "10", "11"], None), ([], None)):
        done = story(state="completed", story_type="milestone", story_state_change_ids=changes)
        assert (await read(account, Kind.MILESTONE, done))["completed_by"] == who


@pytest.mark.parametrize(
    ("cents", "currency", "base", "money"),
    [
        (12345, "USD", 100, Money(12345, "USD")),
        (12345, "JPY", 1, Money(12345, "JPY")),
        (1234500, "JPY", 100, Money(12345, "JPY")),
        (12345, "JPY", None, Money(12345, "JPY")),
        (12345, "KWD", None, Money(12345, "KWD")),
        (-500, "USD", 100, Money(-500, "USD")),
    ],
)
async def test_amounts_follow_the_vendors_base_unit(
    account: Account, cents: int, currency: str, base: int | None, money: Money
) -> None:
    """The row says how many subunits make a unit; where it does not, the currency does."""
    account.add("billing_milestones", billing("1", "200", cents, currency, currency_base_unit=base))
    assert (await read(account, Kind.MILESTONE, story(story_type="milestone")))["amount"] == money


async def test_several_billing_milestones_of_one_story_add_up(account: Account) -> None:
    """The story is billed when all its parts are."""
    account.beside("invoices", {"id": "8", "status": "new"})
    account.add("billing_milestones", billing("1", "200", 100, invoice_ids=["8"]), billing("2", "200", 50))
    values = await read(account, Kind.MILESTONE, story(story_type="milestone"))
    assert (values["amount"], values["status"]) == (Money(150, "USD"), "PLANNED")


async def test_billing_milestones_in_two_currencies_are_drift(account: Account) -> None:
    """A sum over currencies would be wrong."""
    account.add("billing_milestones", billing("1", "200", 100), billing("2", "200", 50, "EUR"))
    with pytest.raises(SourceShapeBroken, match="currency"):
        await read(account, Kind.MILESTONE, story(story_type="milestone"))


async def test_assignment(account: Account) -> None:
    """Half time, booked hard."""
    assert await read(account, Kind.ASSIGNMENT, allocation()) == {
        "project": Ref(Kind.PROJECT, "100"),
        "resource": Ref(Kind.RESOURCE, "13"),
        "role": "Developer",
        "start_date": date(2026, 3, 2),
        "end_date": date(2026, 3, 13),
        "planned_hours": Decimal("40.00"),
        "allocation": Decimal("0.5"),
        "booking": "HARD",
    }


async def test_unnamed_soft_assignment(account: Account) -> None:
    """A role without a person; the percentage may be missing, or above one hundred."""
    account.beside("workspace_resources", {"id": "32", "user_id": None, "role_id": "9"})
    values = await read(account, Kind.ASSIGNMENT, allocation(workspace_resource_id=32, hard=False, percentage=None))
    assert (values["resource"], values["role"], values["booking"]) == (None, "Developer", "SOFT")
    assert values["allocation"] is None
    assert (await read(account, Kind.ASSIGNMENT, allocation("301", percentage=150)))["allocation"] == Decimal("1.5")


SUBMISSION = {"id": "31", "updated_at": "2026-04-02T09:00:00Z", "current_resolution_created_at_date": None}


async def test_time_entry(account: Account) -> None:
    """An entry that nobody submitted is a draft."""
    assert await read(account, Kind.TIME_ENTRY, time_entry(role_id="9", notes="Design")) == {
        "project": Ref(Kind.PROJECT, "100"),
        "task": Ref(Kind.TASK, "200"),
        "resource": Ref(Kind.RESOURCE, "13"),
        "role": "Developer",
        "work_date": date(2026, 3, 30),
        "hours": Decimal("7.50"),
        "billable": True,
        "note": "Design",
        "status": "DRAFT",
        "approved_at": None,
    }


@pytest.mark.parametrize(
    ("submission", "status"),
    [("pending", "SUBMITTED"), ("approved", "APPROVED"), ("rejected", "REJECTED"), ("cancelled", "DRAFT")],
)
async def test_time_status_follows_the_submission(account: Account, submission: str, status: str) -> None:
    """Withdrawn time is a draft again; only an approval has a moment of approval."""
    account.beside("timesheet_submissions", {**SUBMISSION, "status": submission})
    values = await read(account, Kind.TIME_ENTRY, time_entry(recent_submission_id="31"))
    assert values["status"] == status
    approved = datetime(2026, 4, 2, 9, tzinfo=UTC) if status == "APPROVED" else None
    assert values["approved_at"] == approved


async def test_billed_time_keeps_its_approval(account: Account) -> None:
    """Invoiced counts before the submission; a resolution with a time of day is the moment of approval."""
    account.beside(
        "timesheet_submissions",
        {**SUBMISSION, "status": "approved", "current_resolution_created_at_date": "2026-04-01T17:00:00Z"},
    )
    values = await read(account, Kind.TIME_ENTRY, time_entry(recent_submission_id="31", is_invoiced=True))
    assert (values["status"], values["approved_at"]) == ("BILLED", datetime(2026, 4, 1, 17, tzinfo=UTC))


async def test_unknown_submission_status_is_drift(account: Account) -> None:
    """Money hangs on it."""
    account.beside("timesheet_submissions", {**SUBMISSION, "status": "escalated"})
    with pytest.raises(SourceShapeBroken, match="submission status"):
        await read(account, Kind.TIME_ENTRY, time_entry(recent_submission_id="31"))


async def test_expense(account: Account) -> None:
    """Amounts in the currency's own subunits, status as for time."""
    account.beside("expense_report_submissions", {"id": "51", "status": "approved"})
    row = {
        "id": "500",
        "workspace_id": "100",
        "user_id": "13",
        "date": "2026-03-30",
        "category": "Travel",
        "amount_in_cents": 12300,
        "currency": "JPY",
        "currency_base_unit": 1,
        "is_billable": False,
        "is_invoiced": False,
        "recent_submission_id": "51",
        "updated_at": "2026-03-31T08:15:00Z",
    }
    assert await read(account, Kind.EXPENSE, row) == {
        "project": Ref(Kind.PROJECT, "100"),
        "resource": Ref(Kind.RESOURCE, "13"),
        "date": date(2026, 3, 30),
        "category": "Travel",
        "amount": Money(12300, "JPY"),
        "billable": False,
        "status": "APPROVED",
    }


BROKEN: list[tuple[Kind, Json, str]] = [
    (Kind.PROJECT, workspace(title=""), "title"),
    (Kind.PROJECT, workspace(archived="false"), "archived"),
    (Kind.PROJECT, workspace(due_date="30.04.2026"), "due_date"),
    (Kind.PROJECT, workspace(percentage_complete="40"), "percentage_complete"),
    (Kind.PROJECT, workspace(participation_ids=None), "participation_ids"),
    (Kind.PROJECT, workspace(participation_ids=["404"]), "participations"),
    (Kind.PROJECT, workspace(custom_field_value_ids=["404"]), "custom_field_values"),
    (Kind.PROJECT, workspace(updated_at=None), "updated_at"),
    (Kind.PROJECT, workspace(updated_at="2026-03-01T09:30:00"), "updated_at"),
    (Kind.TASK, story(workspace_id=True), "workspace_id"),
    (Kind.TASK, story(time_estimate_in_minutes="600"), "time_estimate_in_minutes"),
    (Kind.TASK, story(time_estimate_in_minutes=True), "time_estimate_in_minutes"),
    (Kind.TASK, story(state=None), "state"),
    (Kind.ASSIGNMENT, allocation(hard=None), "hard"),
    (Kind.ASSIGNMENT, allocation(workspace_resource_id=None), "workspace_resource_id"),
    (Kind.TIME_ENTRY, time_entry(is_invoiced=0), "is_invoiced"),
    (Kind.TIME_ENTRY, time_entry(time_in_minutes=7.5), "time_in_minutes"),
]


@pytest.mark.parametrize(("kind", "row", "field"), BROKEN)
async def test_a_value_of_another_shape_is_drift(account: Account, kind: Kind, row: Json, field: str) -> None:
    """The error names the field."""
    with pytest.raises(SourceShapeBroken, match=field):
        await read(account, kind, row)


@pytest.mark.parametrize(
    ("kind", "row", "column"),
    [
        (Kind.PROJECT, workspace(), "due_date"),
        (Kind.TASK, story(), "time_estimate_in_minutes"),
        (Kind.TIME_ENTRY, time_entry(), "recent_submission_id"),
    ],
)
async def test_a_column_that_is_gone_is_drift(account: Account, kind: Kind, row: Json, column: str) -> None:
    """Absence is not emptiness."""
    del row[column]
    with pytest.raises(SourceShapeBroken, match=column):
        await read(account, kind, row)


async def test_a_mapped_field_that_the_tenant_lacks(account: Account) -> None:
    """The error names the mapping entry to correct."""
    account.add("workspaces", workspace())
    adapter = account.adapter({"project.practice": "Practise"})
    with pytest.raises(SourceMisconfigured, match=r"'Practise' \(mapping entry project\.practice\)"):
        await adapter.fetch(Kind.PROJECT, ["100"], frozenset({"practice"}))
    [record] = await adapter.fetch(Kind.PROJECT, ["100"], frozenset({"name", "contract"}))
    assert record is not None


async def test_keys_of_customers_and_people(account: Account) -> None:
    """External references and e-mail tie a row to the other systems."""
    canonical = new_id(Kind.CUSTOMER)
    account.beside(
        "external_references",
        {"id": "1", "service_name": "salesforce", "service_model": "Account", "service_model_ref": "001x"},
        {"id": "2", "service_name": "plumbline", "service_model": "customer", "service_model_ref": canonical},
        {"id": "3", "service_name": "workday", "service_model": "Employee", "service_model_ref": "21001"},
        {"id": "4", "service_name": "plumbline", "service_model": "customer", "service_model_ref": "not one"},
        {"id": "5", "service_name": "jira", "service_model": "Issue", "service_model_ref": "X-1"},
    )
    account.add(
        "workspace_groups",
        {"id": "21", "company": True, "name": "Acme", "external_reference_ids": ["1", "2", "5"]},
        {"id": "22", "company": False, "name": "North", "external_reference_ids": []},
        {"id": "23", "company": True, "name": "Beta", "external_reference_ids": ["4"]},
    )
    account.add(
        "users",
        {"id": "13", "full_name": "Ana Lima", "email_address": "Ana@Firm.example", "external_reference_ids": ["3"]},
        {"id": "14", "full_name": "Sub One", "email_address": "sub@x.example", "external_reference_ids": []},
    )
    acme, beta = await feed(account, Kind.CUSTOMER)
    assert acme.keys == (Key("id:CRM", "001x"), Key(BY_CANONICAL, canonical))
    assert (beta.keys, beta.label, beta.attributes) == ((), "Beta", {})
    ana, sub = await feed(account, Kind.RESOURCE)
    assert ana.keys == (Key("employee_number", "21001"), Key("email", "ana@firm.example"))
    assert sub.keys == (Key("email", "sub@x.example"),)
    assert (ana.label, ana.source_timestamp) == ("Ana Lima", None)
    assert ana.stamp != sub.stamp


async def test_hub_key_of_a_time_entry(account: Account) -> None:
    """The key is domain.md 6.2's: the canonical JSON array, hashed."""
    account.add("time_entries", time_entry())
    [record] = await feed(account, Kind.TIME_ENTRY)
    parts = ["PSA", "psa-eu", "TimeEntry", "400", "2026-03-31T08:15:00.000Z", "ERP:createActual"]
    text = json.dumps(parts, separators=(",", ":"))
    assert record.keys == (Key("hub_key", hashlib.sha256(text.encode()).hexdigest()),)
    assert record.attributes.keys() == kept_by(Domain.PSA, Kind.TIME_ENTRY)
    assert record.label == "2026-03-30, 7.50 h"


async def test_stamps_are_utc_instants(account: Account) -> None:
    """The account's zone is the vendor's business."""
    account.add("workspaces", workspace())
    [record] = await feed(account, Kind.PROJECT)
    assert record.source_timestamp == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert record.stamp == "2026-03-01T01:30:00-08:00"

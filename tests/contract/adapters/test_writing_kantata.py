"""Changes written to Kantata: seen by the vendor's own API, refused, lost at every step, repeated."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from hub.domain.ids import new_id
from hub.domain.kinds import Kind
from hub.domain.records import Ref, Value
from hub.errors import (
    SourceMisconfigured,
    SourceRejected,
    SourceThrottled,
    SourceUnavailable,
    VersionConflict,
    WriteOutcomeUnknown,
)
from hub.ports import ProcessState, SourceWrite, SourceWriter, WriteReceipt
from sources.kantata import KantataAdapter
from sources.sandbox.firm.vendor_ids import kantata_id
from tests.contract.adapters.systems import SYSTEMS, Connection, connect
from tests.support.sandboxes import RunningSandbox, small_firm, start_sandbox

OPEN = next(p for p in small_firm().projects if p.in_psa and not p.archived and p.psa_status == 200 and p.manager)
PROJECT = kantata_id("workspace", OPEN.n)
TASK = kantata_id("story", next(task.n for task in small_firm().tasks if task.project == OPEN.n and not task.done))
VERSION = frozenset({"version"})
LOSSES = ["lost-reply", "half-body", "malformed"]
_numbers = itertools.count()
Json = dict[str, Any]


@dataclass(frozen=True)
class Vendor:
    """The vendor's own API, called directly."""

    sandbox: RunningSandbox

    def call(self, method: str, path: str, **arguments: Any) -> Json:
        """One successful call's envelope."""
        headers = {"Authorization": self.sandbox.authorization()}
        url = f"{self.sandbox.base_url}/api/v1/{path}"
        answer = httpx.request(method, url, headers=headers, trust_env=False, **arguments)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def rows(self, path: str, **params: Any) -> list[Json]:
        """The rows of a list, up to the vendor's page size."""
        found = self.call("GET", path, params={"per_page": 200, **params})
        return [found[result["key"]][result["id"]] for result in found["results"]]

    def row(self, path: str, row_id: str, **params: Any) -> Json:
        """One row by id."""
        (found,) = self.rows(path, only=row_id, **params)
        return found

    def lead(self) -> list[str]:
        """Who leads the project's team."""
        return [s["user_id"] for s in self.rows("participations", workspace_id=PROJECT) if s["is_team_lead"]]

    def outsider(self) -> str:
        """An active member of the account who does not take part in the project yet."""
        inside = {seat["user_id"] for seat in self.rows("participations", workspace_id=PROJECT)}
        users = self.rows("users", on_my_account="true")
        return next(str(u["id"]) for u in users if u["id"] not in inside and not u["disabled"] and u["role_id"])

    def member(self) -> str:
        """A person who is booked on the project."""
        named = self.rows("workspace_resources", workspace_id=PROJECT)
        return next(
            str(r["user_id"]) for r in named if r["user_id"] and not self.row("users", r["user_id"])["disabled"]
        )

    def disabled(self) -> str:
        """Somebody whose account is disabled, and who is no resource of the project."""
        named = {r["user_id"] for r in self.rows("workspace_resources", workspace_id=PROJECT)}
        users = self.rows("users", on_my_account="true")
        return next(str(u["id"]) for u in users if u["disabled"] and u["id"] not in named)

    def role(self, user_id: str) -> str:
        """The role that a person has on the project."""
        (resource,) = self.rows("workspace_resources", workspace_id=PROJECT, user_ids=user_id)
        return str(resource["role_name"])

    def bookings(self, user_id: str) -> list[Json]:
        """A person's bookings on the project."""
        return self.rows("workspace_allocations", workspace_ids=PROJECT, user_ids=user_id)

    def entries(self, user_id: str, work_date: date) -> list[Json]:
        """A person's time of one day."""
        span = f"{work_date}:{work_date}"
        return self.rows("time_entries", with_user_ids=user_id, date_performed_between=span, on_my_account="false")

    def references(self, subject_type: str, subject_id: str) -> set[tuple[str, str, str]]:
        """The references that an object carries: service, model, ref."""
        held = self.rows("external_references", subject_type=subject_type, subject_id=subject_id)
        return {(r["service_name"], r["service_model"], r["service_model_ref"]) for r in held}

    def texts(self, story_id: str) -> Mapping[str, str]:
        """A story's custom field values by name."""
        held = self.rows("custom_field_values", subject_type="story", with_subject_id=story_id)
        return {value["custom_field_name"]: value["value"] for value in held}

    def user_of_token(self) -> str:
        """The user as whom the token acts: whatever is written with it is that user's doing."""
        (user,) = self.call("GET", "users/me")["users"]
        return str(user)

    def milestone(self) -> str:
        """A fresh milestone of the project."""
        story = {"title": "Handover", "story_type": "milestone", "workspace_id": PROJECT}
        return str(self.call("POST", "stories", json={"story": story})["results"][0]["id"])

    def submitted(self, user_id: str, *, entries: int = 1) -> list[str]:
        """Fresh time entries that were submitted together."""
        day = fresh_day()
        made = [
            self.call(
                "POST",
                "time_entries",
                json={
                    "time_entry": {
                        "workspace_id": PROJECT,
                        "user_id": user_id,
                        "date_performed": day.isoformat(),
                        "time_in_minutes": 60,
                    }
                },
            )["results"][0]["id"]
            for _ in range(entries)
        ]
        self.call(
            "POST",
            "timesheet_submissions",
            json={"timesheet_submission": {"workspace_id": PROJECT, "line_item_ids": made}},
        )
        return made


@pytest.fixture(scope="module")
def account() -> Iterator[RunningSandbox]:
    """Give one account for all tests; what a test changes it looks up or makes itself."""
    with start_sandbox("kantata") as running:
        yield running


@pytest.fixture
async def connection(account: RunningSandbox) -> AsyncIterator[Connection]:
    """Give an adapter on the account, without faults."""
    account.clear_faults()
    account.forget_requests()
    made = connect(SYSTEMS["kantata"], account)
    yield made
    await made.adapter.aclose()
    account.clear_faults()


@pytest.fixture
def psa(connection: Connection) -> SourceWriter:
    """Give the adapter as a writer."""
    assert isinstance(connection.adapter, KantataAdapter)
    return connection.adapter


@pytest.fixture
def vendor(account: RunningSandbox) -> Vendor:
    """Give the vendor's own API."""
    return Vendor(account)


def fresh_day() -> date:
    """A work day of its own, so that no test fills another's 24 hours."""
    return date(2026, 7, 1) + timedelta(days=next(_numbers))


def update(kind: Kind, external_id: str, action: str = "update", **values: Value) -> SourceWrite:
    """A change of an existing record with a token of its own."""
    return SourceWrite(action, kind, external_id, values, f"token-{next(_numbers)}")


def booking(user_id: str, **values: Value) -> SourceWrite:
    """A booking of a person on the project."""
    given: dict[str, Value] = {
        "project": Ref(Kind.PROJECT, PROJECT),
        "resource": Ref(Kind.RESOURCE, user_id),
        "role": "Consultant",
        "start_date": date(2026, 8, 3),
        "end_date": date(2026, 8, 14),
        "planned_hours": Decimal("60.5"),
        "booking": "SOFT",
    }
    return SourceWrite("create", Kind.ASSIGNMENT, None, {**given, **values}, "token", new_id(Kind.ASSIGNMENT))


def time_entry(user_id: str, **values: Value) -> SourceWrite:
    """Time of a person on the project's task, on a day of its own."""
    given: dict[str, Value] = {
        "project": Ref(Kind.PROJECT, PROJECT),
        "task": Ref(Kind.TASK, TASK),
        "resource": Ref(Kind.RESOURCE, user_id),
        "work_date": fresh_day(),
        "hours": Decimal("7.35"),
        "billable": False,
        "note": "Workshop “Lager” & more",
    }
    return SourceWrite("create", Kind.TIME_ENTRY, None, {**given, **values}, "token", new_id(Kind.TIME_ENTRY))


def acceptance(story_id: str, by: str = "pm@firm.example") -> SourceWrite:
    """An acceptance of a milestone."""
    return update(Kind.MILESTONE, story_id, "approve", approved_on=date(2026, 6, 16), approved_by=by)


async def version_of(psa: SourceWriter, kind: Kind, external_id: str) -> str:
    """The record's version as the hub knows it."""
    (record,) = await psa.fetch(kind, [external_id], VERSION)
    assert record is not None
    return str(record.attributes["version"])


def writes(account: RunningSandbox) -> list[str]:
    """The writing calls so far: method and path."""
    calls = account.requests()
    return [f"{c['method']} {c['path'].removeprefix('/api/v1/')}" for c in calls if c["method"] != "GET"]


# What each action does.


async def test_a_projects_attributes_and_manager_change(psa: SourceWriter, vendor: Vendor) -> None:
    """Everything at once: two calls and a new participation; the lead before loses it."""
    manager = vendor.outsider()
    change = update(
        Kind.PROJECT,
        PROJECT,
        name="Migration “Ost”",
        start_date=date(2026, 1, 5),
        end_date=date(2026, 12, 18),
        delivery_status="ON_HOLD",
        manager=Ref(Kind.RESOURCE, manager),
    )
    change = replace(change, version=await version_of(psa, Kind.PROJECT, PROJECT))
    receipt = await psa.write(change)
    assert (receipt.external_id, receipt.pending) == (PROJECT, None)
    row = vendor.row("workspaces", PROJECT)
    assert (row["title"], row["start_date"], row["due_date"]) == ("Migration “Ost”", "2026-01-05", "2026-12-18")
    assert (row["status"]["key"], row["primary_maven_id"]) == (300, manager)
    assert vendor.lead() == [manager]
    assert ("plumbline-write", "command", change.token) in vendor.references("workspace", PROJECT)
    (record,) = await psa.fetch(Kind.PROJECT, [PROJECT], frozenset(change.values))
    assert record is not None
    assert record.attributes == change.values
    assert await psa.verify(change) == receipt
    assert await psa.process_state(PROJECT) is ProcessState.DONE
    await psa.write(update(Kind.PROJECT, PROJECT, delivery_status="ACTIVE"))


@pytest.mark.parametrize(
    ("status", "key"), [("ON_HOLD", 300), ("COMPLETE", 400), ("CANCELLED", 500), ("NOT_STARTED", 100), ("ACTIVE", 200)]
)
async def test_every_delivery_status_has_its_key(psa: SourceWriter, vendor: Vendor, status: str, key: int) -> None:
    """The stages of the lifecycle arrive as the vendor's numbers."""
    await psa.write(update(Kind.PROJECT, PROJECT, delivery_status=status))
    assert vendor.row("workspaces", PROJECT)["status"]["key"] == key


async def test_a_closed_project_is_archived_and_comes_back(psa: SourceWriter, vendor: Vendor) -> None:
    """The archive hides it from the vendor's lists, not from the hub."""
    await psa.write(update(Kind.PROJECT, PROJECT, archived=True))
    assert vendor.row("workspaces", PROJECT, include_archived="true")["archived"] is True
    await psa.write(update(Kind.PROJECT, PROJECT, archived=False))
    assert vendor.row("workspaces", PROJECT)["archived"] is False


async def test_the_same_manager_again_costs_no_write(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox
) -> None:
    """What is so already is left alone."""
    (lead,) = vendor.lead()
    account.forget_requests()
    await psa.write(update(Kind.PROJECT, PROJECT, manager=Ref(Kind.RESOURCE, lead)))
    assert writes(account) == []


async def test_a_booking_needs_a_workspace_resource_first(psa: SourceWriter, vendor: Vendor) -> None:
    """Two writes for a newcomer; the booking carries its canonical id."""
    person = vendor.outsider()
    change = booking(person)
    receipt = await psa.write(change)
    (row,) = vendor.bookings(person)
    assert row["id"] == receipt.external_id
    assert (row["start_date"], row["end_date"], row["minutes"], row["hard"]) == (
        "2026-08-03",
        "2026-08-14",
        3630,
        False,
    )
    assert vendor.references("workspace_allocation", row["id"]) == {
        ("plumbline", "assignment", str(change.canonical_id))
    }
    assert vendor.row("workspace_resources", row["workspace_resource_id"])["role_name"] == "Consultant"
    (record,) = await psa.fetch(Kind.ASSIGNMENT, [receipt.external_id], frozenset(change.values))
    assert record is not None
    assert record.attributes == change.values
    assert await psa.verify(change) == receipt


async def test_a_second_booking_uses_the_same_workspace_resource(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox
) -> None:
    """One write for who is there already; the same change again writes nothing."""
    person = vendor.member()
    before = len(vendor.bookings(person))
    change = booking(person, role=vendor.role(person), booking="HARD")
    account.forget_requests()
    receipt = await psa.write(change)
    assert writes(account) == ["POST workspace_allocations"]
    assert await psa.write(change) == receipt
    assert len(vendor.bookings(person)) == before + 1


async def test_a_booking_moves(psa: SourceWriter, vendor: Vendor) -> None:
    """Dates, hours and hardness change; the canonical id stays."""
    person = vendor.member()
    change = booking(person, role=vendor.role(person))
    made = (await psa.write(change)).external_id
    moved = update(
        Kind.ASSIGNMENT,
        made,
        start_date=date(2026, 9, 1),
        end_date=date(2026, 9, 30),
        planned_hours=Decimal(40),
        booking="HARD",
    )
    await psa.write(replace(moved, version=await version_of(psa, Kind.ASSIGNMENT, made)))
    row = vendor.row("workspace_allocations", made)
    assert (row["start_date"], row["end_date"], row["minutes"], row["hard"]) == ("2026-09-01", "2026-09-30", 2400, True)
    services = {service for service, _, _ in vendor.references("workspace_allocation", made)}
    assert services == {"plumbline", "plumbline-write"}


async def test_time_is_entered_and_submitted(psa: SourceWriter, vendor: Vendor) -> None:
    """Two writes: the entry, and a submission of its own."""
    person = vendor.member()
    change = time_entry(person)
    receipt = await psa.write(change)
    row = vendor.row("time_entries", receipt.external_id, on_my_account="false")
    assert (row["workspace_id"], row["story_id"], row["user_id"]) == (PROJECT, TASK, person)
    assert (row["time_in_minutes"], row["billable"], row["notes"]) == (441, False, "Workshop “Lager” & more")
    submission = vendor.row("timesheet_submissions", row["recent_submission_id"], include="time_entries")
    assert (submission["status"], submission["time_entry_ids"]) == ("pending", [receipt.external_id])
    assert ("plumbline", "time_entry", str(change.canonical_id)) in vendor.references("time_entry", row["id"])
    (record,) = await psa.fetch(Kind.TIME_ENTRY, [row["id"]], frozenset({*change.values, "status"}))
    assert record is not None
    assert record.attributes == {**change.values, "status": "SUBMITTED"}
    assert await psa.verify(change) == receipt


@pytest.mark.parametrize(("action", "status"), [("approve", "approved"), ("reject", "rejected")])
async def test_time_is_decided_on_through_its_submission(
    psa: SourceWriter, vendor: Vendor, action: str, status: str
) -> None:
    """The reason stands in the submission."""
    (entry,) = vendor.submitted(vendor.member())
    change = update(Kind.TIME_ENTRY, entry, action, reason="As agreed", whole_submission=False)
    change = replace(change, version=await version_of(psa, Kind.TIME_ENTRY, entry))
    assert await psa.verify(change) is None
    receipt = await psa.write(change)
    row = vendor.row("time_entries", entry, on_my_account="false")
    submission = vendor.row("timesheet_submissions", row["recent_submission_id"])
    assert (submission["status"], submission["resolution_description"]) == (status, "As agreed")
    assert row["approved"] is (action == "approve")
    assert await psa.verify(change) == receipt


@pytest.mark.parametrize("action", ["approve", "reject"])
async def test_a_shared_submission_is_decided_on_as_a_whole_or_not_at_all(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox, action: str
) -> None:
    """One entry of it alone is refused before anything is sent."""
    first, second = vendor.submitted(vendor.member(), entries=2)
    account.forget_requests()
    with pytest.raises(SourceRejected) as refusal:
        await psa.write(update(Kind.TIME_ENTRY, first, action))
    assert refusal.value.reason == "SUBMISSION_SHARED"
    assert writes(account) == []
    whole = update(Kind.TIME_ENTRY, first, action, whole_submission=True)
    receipt = await psa.write(whole)
    assert (receipt.external_id, receipt.also) == (first, (second,))
    assert await psa.verify(whole) == receipt
    other = update(Kind.TIME_ENTRY, second, action)
    assert await psa.verify(other) is not None


async def test_a_milestone_is_completed_and_then_accepted(psa: SourceWriter, vendor: Vendor) -> None:
    """Completion is the story's state; acceptance is who and when."""
    story = vendor.milestone()
    complete = update(Kind.MILESTONE, story, "complete")
    await psa.write(replace(complete, version=await version_of(psa, Kind.MILESTONE, story)))
    assert vendor.row("stories", story)["state"] == "completed"
    assert await psa.verify(complete) is not None
    (done,) = await psa.fetch(Kind.MILESTONE, [story], frozenset({"completed_by"}))
    assert done is not None
    assert done.attributes["completed_by"] == Ref(Kind.RESOURCE, vendor.user_of_token())
    accept = acceptance(story)
    assert await psa.verify(accept) is None
    receipt = await psa.write(replace(accept, version=await version_of(psa, Kind.MILESTONE, story)))
    assert vendor.texts(story) == {"Accepted on": "2026-06-16", "Accepted by": "pm@firm.example"}
    (record,) = await psa.fetch(Kind.MILESTONE, [story], frozenset({"status", "approved_at"}))
    assert record is not None
    assert record.attributes == {"status": "APPROVED", "approved_at": datetime(2026, 6, 16, tzinfo=UTC)}
    assert await psa.verify(accept) == receipt


# Refusals.


async def test_a_stale_version_is_refused_before_any_write(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox
) -> None:
    """For every action on a record that exists."""
    person = vendor.member()
    story, (entry,) = vendor.milestone(), vendor.submitted(person)
    made = (await psa.write(booking(person, role=vendor.role(person)))).external_id
    account.forget_requests()
    for change in (
        update(Kind.PROJECT, PROJECT, name="Late"),
        update(Kind.PROJECT, PROJECT, manager=Ref(Kind.RESOURCE, vendor.outsider())),
        update(Kind.ASSIGNMENT, made, booking="HARD"),
        update(Kind.TIME_ENTRY, entry, "approve"),
        update(Kind.MILESTONE, story, "complete"),
        acceptance(story),
    ):
        with pytest.raises(VersionConflict):
            await psa.write(replace(change, version="0" * 32))
    assert writes(account) == []


async def test_the_version_is_that_of_a_read(psa: SourceWriter, vendor: Vendor) -> None:
    """A change made at the vendor in between is seen."""
    version = await version_of(psa, Kind.PROJECT, PROJECT)
    await psa.write(replace(update(Kind.PROJECT, PROJECT, name="First"), version=version))
    vendor.call("PUT", f"workspaces/{PROJECT}", json={"workspace": {"title": "By hand"}})
    with pytest.raises(VersionConflict):
        await psa.write(replace(update(Kind.PROJECT, PROJECT, name="Second"), version=version))
    assert vendor.row("workspaces", PROJECT)["title"] == "By hand"


async def test_a_vendors_refusal_names_the_field_and_not_its_words(psa: SourceWriter, vendor: Vendor) -> None:
    """The reason is stable; the message says what to look at."""
    with pytest.raises(SourceRejected, match="due_date") as refusal:
        await psa.write(update(Kind.PROJECT, PROJECT, start_date=date(2026, 5, 1), end_date=date(2026, 4, 1)))
    assert refusal.value.reason == "validation:due_date"
    assert "on or after" not in str(refusal.value)


@pytest.mark.parametrize("field", ["project", "resource"])
async def test_unknown_links_are_refused(psa: SourceWriter, vendor: Vendor, field: str) -> None:
    """A project or person that is not there."""
    change = booking(vendor.outsider(), **{field: Ref(Kind.PROJECT, "999999")})
    with pytest.raises(SourceRejected) as refusal:
        await psa.write(change)
    assert refusal.value.reason in ("NOT_FOUND", "validation:user_id")
    assert await psa.verify(change) is None


@pytest.mark.parametrize("external_id", ["999999", "", "1,2", "../users/1", "٣"])
async def test_a_record_that_is_not_there_is_refused(
    psa: SourceWriter, account: RunningSandbox, external_id: str
) -> None:
    """An id that is none never becomes part of a path or a filter."""
    for kind, action in ((Kind.PROJECT, "update"), (Kind.TIME_ENTRY, "approve"), (Kind.MILESTONE, "complete")):
        values: dict[str, Value] = {"name": "x"} if kind is Kind.PROJECT else {}
        change = update(kind, external_id, action, **values)
        with pytest.raises(SourceRejected) as refusal:
            await psa.write(change)
        assert refusal.value.reason == "NOT_FOUND"
        assert await psa.verify(change) is None
    assert writes(account) == []


async def test_a_disabled_manager_is_refused_whole(psa: SourceWriter, vendor: Vendor, account: RunningSandbox) -> None:
    """Not even the name of the same change is written."""
    disabled = next(user["id"] for user in vendor.rows("users", on_my_account="true") if user["disabled"])
    account.forget_requests()
    for manager, reason in ((disabled, "PERSON_DISABLED"), ("999999", "NOT_FOUND")):
        with pytest.raises(SourceRejected) as refusal:
            await psa.write(update(Kind.PROJECT, PROJECT, name="Half", manager=Ref(Kind.RESOURCE, manager)))
        assert refusal.value.reason == reason
    assert writes(account) == []


async def test_an_unknown_role_is_refused(psa: SourceWriter, vendor: Vendor, account: RunningSandbox) -> None:
    """The tenant's roles are a closed list."""
    account.forget_requests()
    with pytest.raises(SourceRejected) as refusal:
        await psa.write(booking(vendor.outsider(), role="Transformation Guru"))
    assert refusal.value.reason == "UNKNOWN_ROLE"
    assert writes(account) == []


async def test_nobody_is_booked_in_another_role_than_asked_for(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox
) -> None:
    """A person is one resource of a project, whose role is that of all their bookings: the refusal names it."""
    person = vendor.member()
    role, before = vendor.role(person), vendor.bookings(person)
    other = next(name for name in ("QA Engineer", "Consultant") if name != role)
    account.forget_requests()
    with pytest.raises(SourceRejected) as refusal:
        await psa.write(booking(person, role=other))
    assert (refusal.value.reason, refusal.value.allowed) == ("OTHER_ROLE", (role,))
    assert writes(account) == []
    assert vendor.bookings(person) == before
    await psa.write(booking(person, role=role.upper()))
    assert len(vendor.bookings(person)) == len(before) + 1


async def test_two_bookings_of_a_newcomer_in_two_roles_make_one(psa: SourceWriter, vendor: Vendor) -> None:
    """The one that comes first settles the role, also when both find the person not there yet."""
    person = vendor.outsider()
    done = await asyncio.gather(
        *(psa.write(booking(person, role=role)) for role in ("QA Engineer", "Consultant")), return_exceptions=True
    )
    (refusal,) = [one for one in done if isinstance(one, SourceRejected)]
    assert (refusal.reason, refusal.allowed) == ("OTHER_ROLE", (vendor.role(person),))
    assert len(vendor.bookings(person)) == 1


async def test_time_that_is_not_pending_is_not_decided_on(psa: SourceWriter, vendor: Vendor) -> None:
    """Drafts and what has been decided on already."""
    person, day = vendor.member(), fresh_day()
    entry = {"workspace_id": PROJECT, "user_id": person, "date_performed": day.isoformat(), "time_in_minutes": 5}
    draft = vendor.call("POST", "time_entries", json={"time_entry": entry})["results"][0]["id"]
    (decided,) = vendor.submitted(person)
    await psa.write(update(Kind.TIME_ENTRY, decided, "approve"))
    for entry_id, reason in ((draft, "NOT_SUBMITTED"), (decided, "SUBMISSION_APPROVED")):
        with pytest.raises(SourceRejected) as refusal:
            await psa.write(update(Kind.TIME_ENTRY, entry_id, "reject"))
        assert refusal.value.reason == reason


async def test_the_vendors_refusals_of_time_name_the_value_at_fault(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox
) -> None:
    """A day has 24 hours for all entries together, and only who takes part in a project works on it."""
    person, day = vendor.member(), fresh_day()
    await psa.write(time_entry(person, work_date=day, hours=Decimal(1)))
    for change, reason, attribute in (
        (time_entry(person, work_date=day, hours=Decimal("23.05")), "HOURS_INVALID", "hours"),
        (time_entry(vendor.outsider()), "NOT_ON_PROJECT", "resource"),
        (time_entry(person, task=Ref(Kind.TASK, "999999")), "validation:story_id", "task"),
        (booking(vendor.outsider(), planned_hours=Decimal(9_999)), "HOURS_INVALID", "planned_hours"),
        (booking(vendor.outsider(), resource=Ref(Kind.RESOURCE, "999999")), "validation:user_id", "resource"),
    ):
        with pytest.raises(SourceRejected) as refusal:
            await psa.write(change)
        assert (refusal.value.reason, refusal.value.attribute) == (reason, attribute)
    await psa.write(time_entry(person, work_date=day, hours=Decimal(23)))


async def test_whoever_may_not_sign_in_any_more_works_and_is_booked_no_more(psa: SourceWriter, vendor: Vendor) -> None:
    """The vendor names the person only; that the account is disabled is looked up."""
    person = vendor.disabled()
    for change in (time_entry(person), booking(person)):
        with pytest.raises(SourceRejected) as refusal:
            await psa.write(change)
        assert (refusal.value.reason, refusal.value.attribute) == ("PERSON_DISABLED", "resource")


async def test_an_acceptance_is_not_overwritten(psa: SourceWriter, vendor: Vendor) -> None:
    """The first one stands; the same one again is no change."""
    story = vendor.milestone()
    await psa.write(acceptance(story))
    await psa.write(acceptance(story))
    with pytest.raises(SourceRejected) as refusal:
        await psa.write(acceptance(story, by="other@firm.example"))
    assert refusal.value.reason == "ALREADY_APPROVED"
    assert vendor.texts(story)["Accepted by"] == "pm@firm.example"


async def test_an_entry_that_others_have_submitted_is_submitted(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox
) -> None:
    """The vendor refuses a second submission; the entry is not taken back for that."""
    change = time_entry(vendor.member())
    made = await psa.write(change)
    # As if the look before had been taken just before the others' submission.
    account.set_fault("drift", field="recent_submission_id", change="null", match="time_entries", method="GET", count=1)
    account.forget_requests()
    assert await psa.write(change) == made
    assert writes(account) == ["POST timesheet_submissions"]
    assert vendor.row("time_entries", made.external_id, on_my_account="false")["recent_submission_id"]


async def test_two_first_bookings_of_a_person_at_once(psa: SourceWriter, vendor: Vendor) -> None:
    """Both are made, on one workspace resource."""
    person = vendor.outsider()
    receipts = await asyncio.gather(*(psa.write(booking(person)) for _ in range(4)))
    assert {row["id"] for row in vendor.bookings(person)} == {receipt.external_id for receipt in receipts}
    assert len(vendor.rows("workspace_resources", workspace_id=PROJECT, user_ids=person)) == 1


# Lost answers. After each the truth is told, and writing again finishes the change once.


@pytest.mark.parametrize("fault", LOSSES)
@pytest.mark.parametrize(
    ("method", "match"), [("POST", "participations"), ("PUT", "workspaces"), ("PUT", "participations")]
)
async def test_a_project_update_survives_losing_any_step(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox, method: str, match: str, fault: str
) -> None:
    """Even with a version, which the change's own first step has moved."""
    manager = vendor.outsider()
    name = f"Lost {next(_numbers)}"
    change = update(Kind.PROJECT, PROJECT, name=name, manager=Ref(Kind.RESOURCE, manager))
    change = replace(change, version=await version_of(psa, Kind.PROJECT, PROJECT))
    account.set_fault(fault, method=method, match=match, count=1)
    with pytest.raises(WriteOutcomeUnknown):
        await psa.write(change)
    last = (method, match) == ("PUT", "participations")
    assert is_whole(await psa.verify(change)) == last
    if not last:
        account.forget_requests()
        await psa.write(change)
        assert is_whole(await psa.verify(change))
        done = {"participations": "POST participations", "workspaces": f"PUT workspaces/{PROJECT}"}[match]
        assert done not in writes(account)
    assert vendor.row("workspaces", PROJECT)["title"] == name
    assert vendor.lead() == [manager]
    assert len(vendor.rows("participations", workspace_id=PROJECT, user_ids=manager)) == 1


async def test_a_change_made_by_others_after_a_lost_one_is_not_overwritten(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox
) -> None:
    """The token tells that the change was carried out, though its values are gone."""
    change = update(Kind.PROJECT, PROJECT, name=f"Ours {next(_numbers)}")
    account.set_fault("lost-reply", method="PUT", count=1)
    with pytest.raises(WriteOutcomeUnknown):
        await psa.write(change)
    vendor.call("PUT", f"workspaces/{PROJECT}", json={"workspace": {"title": "Theirs"}})
    assert await psa.verify(change) is not None
    await psa.write(change)
    assert vendor.row("workspaces", PROJECT)["title"] == "Theirs"


@pytest.mark.parametrize("fault", LOSSES)
@pytest.mark.parametrize("match", ["workspace_resources", "workspace_allocations"])
async def test_a_booking_survives_losing_either_step(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox, match: str, fault: str
) -> None:
    """One resource and one booking, whichever answer was lost."""
    person = vendor.outsider()
    change = booking(person)
    account.set_fault(fault, method="POST", match=match, count=1)
    with pytest.raises(WriteOutcomeUnknown):
        await psa.write(change)
    found = await psa.verify(change)
    assert (found is not None) == (match == "workspace_allocations")
    receipt = found or await psa.write(change)
    assert await psa.verify(change) == receipt
    assert [row["id"] for row in vendor.bookings(person)] == [receipt.external_id]
    named = vendor.rows("workspace_resources", workspace_id=PROJECT, user_ids=person)
    assert len(named) == 1


def is_whole(receipt: WriteReceipt | None) -> bool:
    """Whether every step of the change was made."""
    return receipt is not None and receipt.whole


@pytest.mark.parametrize("fault", LOSSES)
@pytest.mark.parametrize("match", ["time_entries", "timesheet_submissions"])
async def test_time_survives_losing_either_step(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox, match: str, fault: str
) -> None:
    """One entry in one submission, whichever answer was lost."""
    person = vendor.member()
    change = time_entry(person)
    account.set_fault(fault, method="POST", match=match, count=1)
    with pytest.raises(WriteOutcomeUnknown):
        await psa.write(change)
    found = await psa.verify(change)
    assert found is not None
    assert found.whole == (match == "timesheet_submissions")
    receipt = found if found.whole else await psa.write(change)
    work_date = change.values["work_date"]
    assert isinstance(work_date, date)
    (row,) = vendor.entries(person, work_date)
    assert row["id"] == receipt.external_id
    held = vendor.rows("timesheet_submissions", user_ids=person, include="time_entries")
    assert sum(row["id"] in submission["time_entry_ids"] for submission in held) == 1


@pytest.mark.parametrize("action", ["approve", "reject"])
async def test_a_lost_decision_is_found(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox, action: str
) -> None:
    """The entry's own status tells."""
    (entry,) = vendor.submitted(vendor.member())
    change = update(Kind.TIME_ENTRY, entry, action)
    account.set_fault("lost-reply", method="PUT", match=action, count=1)
    with pytest.raises(WriteOutcomeUnknown):
        await psa.write(change)
    receipt = await psa.verify(change)
    assert receipt is not None
    assert receipt.external_id == entry


async def test_a_lost_completion_is_found(psa: SourceWriter, vendor: Vendor, account: RunningSandbox) -> None:
    """And completing again writes nothing."""
    story = vendor.milestone()
    change = update(Kind.MILESTONE, story, "complete")
    account.set_fault("lost-reply", method="PUT", match="stories", count=1)
    with pytest.raises(WriteOutcomeUnknown):
        await psa.write(change)
    assert await psa.verify(change) is not None
    account.forget_requests()
    await psa.write(change)
    assert writes(account) == []


@pytest.mark.parametrize("lost", [1, 2])
async def test_an_acceptance_survives_losing_either_step(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox, lost: int
) -> None:
    """The milestone is approved only with the second value."""
    story = vendor.milestone()
    change = replace(acceptance(story), version=await version_of(psa, Kind.MILESTONE, story))
    if lost == 2:
        # The first value is there already, of an acceptance that was never finished.
        field = next(f["id"] for f in vendor.rows("custom_fields") if f["name"] == "Accepted by")
        value = {"subject_type": "story", "subject_id": story, "custom_field_id": field, "value": "x@firm.example"}
        vendor.call("POST", "custom_field_values", json={"custom_field_value": value})
    account.set_fault("lost-reply", method="POST", match="custom_field_values", count=1)
    with pytest.raises(WriteOutcomeUnknown):
        await psa.write(change)
    found = await psa.verify(change)
    assert (found is not None) == (lost == 2)
    if found is None:
        await psa.write(change)
    assert vendor.texts(story) == {"Accepted on": "2026-06-16", "Accepted by": "pm@firm.example"}
    assert await psa.verify(change) is not None


@pytest.mark.parametrize("fault", ["down", "reset-before", "error", "html"])
async def test_a_write_that_may_have_arrived_is_unknown_and_then_known_not_to_have(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox, fault: str
) -> None:
    """The connection broke, so nobody can say; reading back can. Nothing was repeated meanwhile."""
    person = vendor.member()
    before = len(vendor.bookings(person))
    change = booking(person, role=vendor.role(person))
    account.forget_requests()
    account.set_fault(fault, method="POST")
    with pytest.raises(WriteOutcomeUnknown):
        await psa.write(change)
    account.clear_faults()
    assert len(writes(account)) == 1
    assert await psa.verify(change) is None
    assert len(vendor.bookings(person)) == before


async def test_a_read_that_fails_before_the_write_means_that_nothing_was_sent(
    psa: SourceWriter, account: RunningSandbox
) -> None:
    """Whatever became of the read."""
    account.set_fault("down", method="GET")
    with pytest.raises(SourceUnavailable) as failure:
        await psa.write(update(Kind.PROJECT, PROJECT, name="Never"))
    assert not failure.value.sent
    assert writes(account) == []


async def test_a_throttled_write_was_not_carried_out(psa: SourceWriter, account: RunningSandbox) -> None:
    """The first step says so; a later one leaves the fate open."""
    account.set_fault("throttle", method="PUT", match="workspaces")
    with pytest.raises(SourceThrottled):
        await psa.write(update(Kind.PROJECT, PROJECT, name="Later"))


async def test_a_later_step_that_fails_leaves_the_fate_open(
    psa: SourceWriter, vendor: Vendor, account: RunningSandbox
) -> None:
    """Not sent is only half the truth when the step before was carried out."""
    manager = vendor.outsider()
    change = update(Kind.PROJECT, PROJECT, name=f"Half {next(_numbers)}", manager=Ref(Kind.RESOURCE, manager))
    account.set_fault("throttle", method="PUT", match="participations")
    with pytest.raises(WriteOutcomeUnknown):
        await psa.write(change)
    account.clear_faults()
    half = await psa.verify(change)
    assert half is not None
    assert not half.whole
    await psa.write(change)
    assert is_whole(await psa.verify(change))
    assert vendor.lead() == [manager]


async def test_while_the_vendor_is_down_nothing_can_be_verified(psa: SourceWriter, account: RunningSandbox) -> None:
    """An error, never a None."""
    account.set_fault("down")
    for change in (booking("1"), update(Kind.PROJECT, PROJECT, name="x"), acceptance("1")):
        with pytest.raises(SourceUnavailable):
            await psa.verify(change)


async def test_a_gone_vendor_was_sent_nothing() -> None:
    """No connection at all."""
    running = start_sandbox("kantata")
    made = connect(SYSTEMS["kantata"], running)
    running.stop()
    assert isinstance(made.adapter, KantataAdapter)
    with pytest.raises(SourceUnavailable) as failure:
        await made.adapter.write(booking("1"))
    assert not failure.value.sent
    await made.adapter.aclose()


async def test_a_bad_token_is_for_a_person(account: RunningSandbox) -> None:
    """Before anything is written."""
    made = connect(SYSTEMS["kantata"], account, secret="hush")
    assert isinstance(made.adapter, KantataAdapter)
    with pytest.raises(SourceMisconfigured):
        await made.adapter.write(update(Kind.PROJECT, PROJECT, name="x"))
    await made.adapter.aclose()

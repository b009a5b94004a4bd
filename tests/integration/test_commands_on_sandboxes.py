"""Every mutation against the vendors' sandboxes: seen there, and safe when replies are lost at any step."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.domain.callers import Caller
from hub.domain.commands import Actor, CommandStatus
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import Role
from hub.domain.records import RecordKey
from hub.store.people import entity_of
from sources.sandbox.firm.generate import generate
from sources.sandbox.firm.model import Firm, Size
from tests.support.commands import FINANCE, PMO
from tests.support.live import (
    CLERK,
    NOW,
    Live,
    Sandboxes,
    approver_for,
    booking,
    environment,
    start_sandboxes,
    time_input,
)
from tests.support.postgres import DatabaseServer

pytestmark = pytest.mark.xdist_group("commands on sandboxes")

APPLIED, ACCEPTED, REJECTED = CommandStatus.APPLIED, CommandStatus.ACCEPTED, CommandStatus.REJECTED


@pytest.fixture(scope="module")
def firm() -> Firm:
    """The small firm as of today; a milestone of a running project was completed in Kantata two days ago."""
    made = generate(Size.SMALL, today=NOW.date())
    running = {p.n for p in made.projects if p.in_psa and p.in_erp and not p.archived}
    waiting = [m for m in made.milestones if m.completed_at is None and m.project in running][-1]
    made.milestones[made.milestones.index(waiting)] = replace(waiting, completed_at=NOW - timedelta(days=2))
    return made


@pytest.fixture(scope="module")
def sandboxes(
    firm: Firm, database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory, migrated_template: str
) -> Iterator[Sandboxes]:
    """The four sandboxes and a loaded directory, for all tests of this module."""
    url = database_server.create(migrated_template)
    with start_sandboxes(firm, url, tmp_path_factory.mktemp("estate")) as made:
        yield made
    database_server.drop(url)


@pytest.fixture
async def hub(sandboxes: Sandboxes) -> AsyncIterator[Live]:
    """A hub in front of sandboxes that behave."""
    sandboxes.clear()
    made = Live(sandboxes)
    await made.start()
    yield made
    sandboxes.clear()
    await made.close()


# -- seen in the vendor -----------------------------------------------------------------------------


async def test_a_project_is_renamed_and_gets_a_manager(hub: Live) -> None:
    """Dates, name and lead arrive in Kantata, and in the directory."""
    project, person = await hub.open_project(), await hub.idle_person()
    end = date(NOW.year + 2, 3, 31)
    outcome = await hub.do("updateProject", PMO, id=project.id, name="Renamed", endDate=end, managerId=person.id)
    assert (outcome.status, outcome.errors) == (APPLIED, ())
    workspace = hub.kantata("workspaces", project.keys[Domain.PSA].external_id)
    assert (workspace["title"], workspace["due_date"]) == ("Renamed", end.isoformat())
    (now,) = await hub.directory.entities([project.id])
    assert now is not None
    assert (now.kept["name"], now.kept["end_date"], now.kept["manager"]) == ("Renamed", end, person.id)
    assert await hub.rows("SELECT code FROM sync_exception") == []


async def test_a_project_goes_through_its_manual_steps(hub: Live) -> None:
    """Held and back, delivered, closed, reopened: Kantata's status and the hub's stage agree each time."""
    project = await hub.open_project()
    external = project.keys[Domain.PSA].external_id
    steps = [
        (PMO, "ON_HOLD", 300, False),
        (PMO, "IN_DELIVERY", 200, False),
        (PMO, "DELIVERED", 400, False),
        (FINANCE, "CLOSED", 400, True),
        (FINANCE, "DELIVERED", 400, False),
    ]
    for actor, stage, key, archived in steps:
        outcome = await hub.do("changeProjectStage", actor, id=project.id, stage=stage, reason="so it is")
        assert (outcome.status, outcome.errors) == (APPLIED, ()), stage
        workspace = hub.kantata("workspaces", external, "&include_archived=true")
        assert (workspace["status"]["key"], workspace["archived"]) == (key, archived)
        (now,) = await hub.directory.entities([project.id])
        assert now is not None
        assert now.kept["stage"] == stage
    assert await hub.rows("SELECT code FROM sync_exception") == []


async def test_a_person_is_booked_and_the_booking_changed(hub: Live) -> None:
    """The allocation is in Kantata; more than capacity is refused."""
    project, person = await hub.open_project(), await hub.idle_person()
    outcome = await hub.do("assignResource", PMO, **booking(project, person))
    assert (outcome.status, outcome.errors) == (APPLIED, ())
    assert outcome.entity is not None
    (made,) = await hub.directory.entities([outcome.entity])
    assert made is not None
    assert (made.kept["resource"], made.kept["project"]) == (person.id, project.id)
    external = made.keys[Domain.PSA].external_id
    assert hub.kantata("workspace_allocations", external)["minutes"] == 1200
    changed = await hub.do("updateAssignment", PMO, id=made.id, plannedHours=Decimal(30))
    assert (changed.status, changed.errors) == (APPLIED, ())
    assert hub.kantata("workspace_allocations", external)["minutes"] == 1800
    too_much = await hub.do("updateAssignment", PMO, id=made.id, plannedHours=Decimal(90))
    assert [e.code for e in too_much.errors] == ["OVERBOOKED"]
    assert await hub.rows("SELECT code FROM sync_exception") == []


async def test_time_is_submitted_approved_and_rejected(hub: Live) -> None:
    """One submission per entry, decided on by somebody else."""
    given = await time_input(hub)
    manager = await approver_for(hub, given["resourceId"])
    for mutation, status in (("approveTimeEntry", "APPROVED"), ("rejectTimeEntry", "REJECTED")):
        submitted = await hub.do("submitTimeEntry", CLERK, **given)
        assert (submitted.status, submitted.errors) == (APPLIED, ())
        reviewed = await hub.do(mutation, manager, id=submitted.entity, reason="as agreed")
        assert (reviewed.status, reviewed.errors) == (APPLIED, ())
        assert reviewed.entity is not None
        (entry,) = await hub.directory.entities([reviewed.entity])
        assert entry is not None
        assert entry.kept["status"] == status
    assert await hub.rows("SELECT code FROM sync_exception") == []


async def test_entries_that_were_submitted_together_are_shown_together(hub: Live) -> None:
    """All of a submission's entries are current in directory and cache when the answer leaves."""
    given = await time_input(hub)
    ids = {name: (await hub.directory.entities([given[f"{name}Id"]]))[0] for name in ("project", "task", "resource")}
    workspace, story, user = (e.keys[Domain.PSA].external_id for e in ids.values() if e is not None)
    made = []
    for minutes in (60, 90):
        entry = {
            "workspace_id": workspace,
            "story_id": story,
            "user_id": user,
            "date_performed": given["workDate"].isoformat(),
            "time_in_minutes": minutes,
        }
        answer = hub.vendor("kantata", "/api/v1/time_entries", "POST", {"time_entry": entry})
        made.append(answer["results"][0]["id"])
    submission = {"workspace_id": workspace, "user_id": user, "line_item_ids": made}
    hub.vendor("kantata", "/api/v1/timesheet_submissions", "POST", {"timesheet_submission": submission})
    keys = [RecordKey("kantata", Kind.TIME_ENTRY, external_id) for external_id in made]
    async for page in hub.desk.adapters["kantata"].changes(Kind.TIME_ENTRY, NOW - timedelta(minutes=5)):
        await hub.writer.apply(page.records)
    first, second = [await entity_of(hub.engine, key) for key in keys]
    assert first is not None
    assert second is not None
    await hub.cache.load(keys, frozenset({"status"}))
    manager = await approver_for(hub, given["resourceId"])
    shared = await hub.do("approveTimeEntry", manager, id=first)
    assert [e.code for e in shared.errors] == ["SUBMISSION_SHARED"]
    approved = await hub.do("approveTimeEntry", manager, id=first, wholeSubmission=True)
    assert (approved.status, approved.errors) == (APPLIED, ())
    entries = await hub.directory.entities([first, second])
    assert [None if e is None else e.kept["status"] for e in entries] == ["APPROVED", "APPROVED"]
    cached = [hub.cache.peek(key, frozenset({"status"})) for key in keys]
    assert [c.record.attributes["status"] for c in cached if c and c.record] == ["APPROVED", "APPROVED"]


async def test_a_milestone_is_completed_and_accepted(hub: Live) -> None:
    """By two people; Kantata's story and custom fields say so."""
    milestones = await hub.rows(
        "SELECT m.id FROM entity m JOIN entity p ON p.id = m.project_id WHERE m.kind = 'milestone'"
        " AND p.status = 'IN_DELIVERY' ORDER BY m.id"
    )
    first, second = await approver_for(hub), None
    (completer,) = await hub.rows("SELECT id FROM entity WHERE kept->>'email' = :email", email=first.caller.email)
    second = await approver_for(hub, completer.id)
    for row in milestones:
        outcome = await hub.do("completeMilestone", first, id=row.id)
        if outcome.status is APPLIED:
            break
        assert [e.code for e in outcome.errors] == ["INVALID_TRANSITION"]
    else:
        pytest.fail("no milestone is open")
    assert [e.code for e in (await hub.do("approveMilestone", first, id=row.id)).errors] == ["SEGREGATION_OF_DUTIES"]
    approved = await hub.do("approveMilestone", second, id=row.id)
    assert (approved.status, approved.errors) == (APPLIED, ())
    (milestone,) = await hub.directory.entities([CanonicalId(row.id)])
    assert milestone is not None
    record = await hub.desk.read(milestone.keys[Domain.PSA])
    assert record is not None
    assert record.attributes["status"] == "APPROVED"


async def test_a_milestone_that_was_completed_in_kantata_is_accepted_by_somebody_else(hub: Live) -> None:
    """Kantata's state changes say whose doing it was: the project's lead, who may not accept it here."""
    rows = await hub.rows(
        "SELECT m.id, l.kept ->> 'email' AS lead, l.id AS lead_id FROM entity m JOIN entity p ON p.id = m.project_id"
        " JOIN entity l ON l.id = p.manager_id"
        " WHERE m.kind = 'milestone' AND l.kept ->> 'status' = 'ACTIVE' ORDER BY m.id"
    )
    for row in rows:
        (milestone,) = await hub.directory.entities([CanonicalId(row.id)])
        assert milestone is not None
        record = await hub.desk.read(milestone.keys[Domain.PSA])
        assert record is not None
        if record.attributes["status"] == "COMPLETED":
            break
    else:
        pytest.fail("the firm has no milestone that waits for acceptance")
    lead = Actor(Caller(row.lead, frozenset({Role.DELIVERY_MANAGER}), email=row.lead, issuer="test"))
    refused = await hub.do("approveMilestone", lead, id=row.id)
    assert [e.code for e in refused.errors] == ["SEGREGATION_OF_DUTIES"]
    approved = await hub.do("approveMilestone", await approver_for(hub, row.lead_id), id=row.id)
    assert (approved.status, approved.errors) == (APPLIED, ())


async def test_skills_change_when_workdays_process_ends(hub: Live) -> None:
    """ACCEPTED first, then APPLIED, and the directory shows the new skill."""
    person = await hub.find(Kind.RESOURCE, "status = 'ACTIVE' AND record_kind = 'resource' AND skills IS NOT NULL")
    outcome = await hub.settled("updateSkills", PMO, resourceId=person.id, add=["Falconry"], remove=[])
    assert (outcome.status, outcome.errors) == (APPLIED, ())
    (now,) = await hub.directory.entities([person.id])
    assert now is not None
    skills = now.kept["skills"]
    assert isinstance(skills, tuple)
    assert "Falconry" in skills


async def test_a_revenue_method_is_set_in_netsuite(hub: Live) -> None:
    """An unknown one is refused with the methods that there are."""
    line = await hub.find(
        Kind.CONTRACT_LINE, "EXISTS (SELECT 1 FROM record r WHERE r.entity_id = e.id AND r.system = 'netsuite')"
    )
    given = {"contractLineId": line.id}
    refused = await hub.do("setRevenueMethod", FINANCE, **given, revenueMethod="by moonlight")
    assert [(e.code, e.field) for e in refused.errors] == [("INVALID_INPUT", "revenueMethod")]
    assert "RATABLE" in refused.errors[0].message
    outcome = await hub.do("setRevenueMethod", FINANCE, **given, revenueMethod="RATABLE")
    assert (outcome.status, outcome.errors) == (APPLIED, ())
    record = await hub.desk.read(line.keys[Domain.ERP])
    assert record is not None
    assert record.attributes["revenue_method"] == "RATABLE"


async def test_a_change_order_is_proposed_and_listed(hub: Live) -> None:
    """It is in Salesforce under the canonical id, and under its contract in the directory."""
    line = await hub.find(
        Kind.CONTRACT_LINE,
        "EXISTS (SELECT 1 FROM entity c WHERE c.id = e.contract_id AND c.status IN ('SIGNED', 'ACTIVE'))",
    )
    given = {
        "contractLineId": line.id,
        "reason": "a wider scope",
        "priceDelta": Decimal(1000),
        "hoursDelta": Decimal(8),
        "effectiveDate": NOW.date(),
    }
    outcome = await hub.do("proposeChangeOrder", PMO, **given)
    assert (outcome.status, outcome.errors, outcome.entity) == (APPLIED, (), line.kept["contract"])
    rows = await hub.rows(
        "SELECT r.external_id, o.status FROM entity o JOIN record r ON r.entity_id = o.id"
        " WHERE o.kind = 'change_order' AND o.contract_id = :contract ORDER BY o.changed_at DESC",
        contract=line.kept["contract"],
    )
    stored = hub.vendor("salesforce", f"/services/data/v66.0/sobjects/Change_Order__c/{rows[0].external_id}")
    assert (stored["Reason__c"], rows[0].status) == ("a wider scope", "PROPOSED")


# -- lost replies -----------------------------------------------------------------------------------

LOST_STEPS = [
    ("assignResource", "kantata", "POST", "workspace_resources"),
    ("assignResource", "kantata", "POST", "workspace_allocations"),
    ("submitTimeEntry", "kantata", "POST", "time_entries"),
    ("submitTimeEntry", "kantata", "POST", "timesheet_submissions"),
    ("updateProject", "kantata", "PUT", "workspaces"),
    ("updateSkills", "workday", "POST", "explicitSkills"),
    ("proposeChangeOrder", "salesforce", "PATCH", "Change_Order__c"),
    ("setRevenueMethod", "netsuite", "PATCH", "salesOrder"),
]


async def command_input(hub: Live, mutation: str, n: int) -> tuple[Actor, dict[str, Any]]:
    """Who may give a command, and an input that is right."""
    match mutation:
        case "assignResource":
            person = await hub.idle_person(8 + n)
            return PMO, booking(await hub.open_project(), person, weeks=8 + n)
        case "submitTimeEntry":
            return CLERK, await time_input(hub)
        case "updateProject":
            return PMO, {"id": (await hub.open_project()).id, "name": f"Renamed {n}"}
        case "updateSkills":
            person = await hub.find(Kind.RESOURCE, "status = 'ACTIVE' AND record_kind = 'resource'")
            return PMO, {"resourceId": person.id, "add": [f"Skill {n}"], "remove": []}
        case "setRevenueMethod":
            line = await hub.find(
                Kind.CONTRACT_LINE, "EXISTS (SELECT 1 FROM record r WHERE r.entity_id = e.id AND r.system = 'netsuite')"
            )
            return FINANCE, {"contractLineId": line.id, "revenueMethod": ("COST_TO_COST", "HOURS_TO_HOURS")[n % 2]}
        case _:
            line = await hub.find(
                Kind.CONTRACT_LINE,
                "EXISTS (SELECT 1 FROM entity c WHERE c.id = e.contract_id AND c.status IN ('SIGNED', 'ACTIVE'))",
            )
            return PMO, {
                "contractLineId": line.id,
                "reason": f"reason {n}",
                "priceDelta": Decimal(1000),
                "hoursDelta": Decimal(8),
                "effectiveDate": NOW.date(),
            }


@pytest.mark.parametrize("fault", ["lost-reply", "down"])
@pytest.mark.parametrize(("mutation", "system", "method", "path"), LOST_STEPS)
async def test_a_reply_lost_at_any_step_ends_as_one_write(
    hub: Live, mutation: str, system: str, method: str, path: str, fault: str
) -> None:
    """Lost or not answered for good: the command ends, and every writing call was made once where it got through."""
    number = LOST_STEPS.index((mutation, system, method, path)) * 2 + (fault == "down")
    actor, given = await command_input(hub, mutation, number)
    sandbox = hub.sandboxes.by_system[system]
    sandbox.forget_requests()
    sandbox.set_fault(fault, method=method, match=path, count=1)
    outcome = await hub.settled(mutation, actor, **given)
    if outcome.status is REJECTED and outcome.errors[0].code == "SOURCE_UNAVAILABLE":
        outcome = await hub.settled(mutation, actor, **given)
    assert (outcome.status, outcome.errors) == (APPLIED, ()), (outcome, sandbox.requests())
    made = [r for r in sandbox.requests() if r["method"] == method and path in r["path"] and (r["status"] or 500) < 400]
    assert len(made) <= 1, made
    assert all(state in ("APPLIED", "REJECTED", "RECEIVED") for state in await hub.states())


async def test_a_system_that_is_down_is_told_and_costs_nothing(hub: Live) -> None:
    """The key works again once it is back."""
    project = await hub.open_project()
    given = {"id": project.id, "name": "After the storm"}
    hub.sandboxes.by_system["kantata"].set_fault("down")
    hub.sandboxes.keys += 1
    key = f"key-{hub.sandboxes.keys}"
    outcome = await hub.run("updateProject", PMO, key, **given)
    assert (outcome.status, [e.code for e in outcome.errors]) == (REJECTED, ["SOURCE_UNAVAILABLE"])
    hub.sandboxes.clear()
    for _ in range(60):
        outcome = await hub.run("updateProject", PMO, key, **given)
        if outcome.status is APPLIED:
            return
        await asyncio.sleep(0.25)
    pytest.fail(f"{outcome}")


async def test_a_stale_version_is_a_conflict_in_the_vendor_too(hub: Live) -> None:
    """Somebody renames the project in Kantata; the caller's version is old."""
    project = await hub.open_project()
    key = project.keys[Domain.PSA]
    record = await hub.desk.read(RecordKey(key.system, key.kind, key.external_id))
    assert record is not None
    hub.vendor("kantata", f"/api/v1/workspaces/{key.external_id}", "PUT", {"workspace": {"title": "Theirs"}})
    version = record.attributes["version"]
    outcome = await hub.do("updateProject", PMO, id=project.id, name="Ours", expectedVersion=version)
    assert [e.code for e in outcome.errors] == ["VERSION_CONFLICT"]
    assert "Theirs" in outcome.errors[0].message
    (now,) = await hub.directory.entities([project.id])
    assert now is not None
    assert now.kept["name"] == "Theirs"


# -- killed processes -------------------------------------------------------------------------------

CHILD = """
import asyncio, os, sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from hub.estate import read_estate
from tests.support.commands import PMO
from tests.support.live import Live, Sandboxes

async def main():
    url, estate_file, when, project, person, start, end = sys.argv[1:]
    hub = Live(Sandboxes({}, read_estate(Path(estate_file), dict(os.environ)), url, Path(estate_file)), lease_s=1.0)
    adapter = hub.desk.adapters["kantata"]
    write = adapter.write

    async def hang(change):
        if when == "after":
            await write(change)
        print("now", flush=True)
        await asyncio.sleep(3600)

    adapter.write = hang
    await hub.run(
        "assignResource", PMO, f"killed-{when}", projectId=project, resourceId=person, role="Consultant",
        startDate=date.fromisoformat(start), endDate=date.fromisoformat(end), plannedHours=Decimal(20),
        booking="HARD", allowOverbooking=False,
    )

asyncio.run(main())
"""


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_process_that_is_killed_while_it_writes_leaves_one_booking(hub: Live, when: str) -> None:
    """Killed before the write left, or after it was made: another replica finds out, and the key tells."""
    weeks = 60 + (when == "after")
    project, person = await hub.open_project(), await hub.idle_person(weeks)
    given = booking(project, person, weeks=weeks)
    days = [given["startDate"].isoformat(), given["endDate"].isoformat()]
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CHILD,
        *(hub.sandboxes.url, str(hub.sandboxes.estate_file), when, project.id, person.id, *days),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment()},
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    try:
        assert await asyncio.wait_for(child.stdout.readline(), 60) == b"now\n"
    finally:
        child.kill()
        await child.wait()
    meanwhile = await hub.run("assignResource", PMO, f"killed-{when}", **given)
    assert (meanwhile.status, meanwhile.errors[0].code in {"IN_PROGRESS", "WRITE_OUTCOME_UNKNOWN"}) == (ACCEPTED, True)
    async with asyncio.timeout(30):
        outcome = meanwhile
        while outcome.status is ACCEPTED:
            await hub.verify()
            await asyncio.sleep(0.2)
            outcome = await hub.run("assignResource", PMO, f"killed-{when}", **given)
    assert (outcome.status, outcome.errors, outcome.replayed) == (APPLIED, (), True)
    workspace = project.keys[Domain.PSA].external_id
    rows = hub.vendor("kantata", f"/api/v1/workspace_allocations?workspace_ids={workspace}&per_page=200")
    assert sum(row["start_date"] == days[0] for row in rows["workspace_allocations"].values()) == 1

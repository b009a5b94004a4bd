"""Writes on the Workday tenant: business processes and what shows when they complete."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sources.sandbox.workday import Settings
from tests.contract.sandbox.workday_tenant import COMMON, DEV, GONE, PROCESS, STAFFING, Tenant, running


@pytest.fixture
async def tenant() -> AsyncIterator[Tenant]:
    """A tenant with the vendor's own settings."""
    async with running() as started:
        yield started


async def test_an_added_skill_shows_once_its_event_completes(tenant: Tenant) -> None:
    """Until then the worker is unchanged; afterwards the stamp has moved in every source."""
    initiated = await tenant.http.post(
        f"{STAFFING}/workers/{DEV}/explicitSkills", json={"skillItem": {"skillName": "Rust"}}
    )
    assert initiated.status_code == 201
    assert initiated.json()["businessProcessParameters"]["overallStatus"] == "In Progress"
    event = f"{PROCESS}/events/{initiated.json()['id']}"
    assert (await tenant.http.get(event)).json()["status"]["descriptor"] == "In Progress"
    assert (await tenant.http.get(event + "/remainingSteps")).json()["total"] == 1
    assert "Rust" not in await tenant.skills_of(DEV)
    tenant.clock.move(2)
    done = (await tenant.http.get(event)).json()
    assert (done["status"]["descriptor"], done["completedDate"]) == ("Successfully Completed", "2026-06-15")
    assert (await tenant.http.get(event + "/completedSteps")).json()["total"] == 2
    assert (await tenant.http.get(event + "/remainingSteps")).json()["data"] == []
    assert "Rust" in await tenant.skills_of(DEV)
    bulk = await tenant.rows("SELECT skill FROM workerSkills WHERE employeeID = '10002'")
    assert "Rust" in {row["skill"]["descriptor"] for row in bulk}
    changed = await tenant.rows(
        "SELECT employeeID, lastFunctionallyUpdated FROM allWorkers "
        "WHERE lastFunctionallyUpdated >= '2026-06-15T12:00:00Z'"
    )
    assert changed == [{"employeeID": "10002", "lastFunctionallyUpdated": "2026-06-15T12:00:02.000Z"}]


async def test_a_removed_skill_goes_once_its_event_completes(tenant: Tenant) -> None:
    """DELETE takes the id of the worker's own skill."""
    path = f"{STAFFING}/workers/{DEV}/explicitSkills"
    first = (await tenant.http.get(path)).json()["data"][0]
    initiated = await tenant.http.delete(f"{path}/{first['id']}")
    assert initiated.status_code == 200
    assert await tenant.skills_of(DEV) == {"Python", "SQL"}
    tenant.clock.move(3)
    assert await tenant.skills_of(DEV) == {"SQL"}
    assert (await tenant.http.get(f"{path}/{first['id']}")).status_code == 404
    assert (await tenant.http.delete(f"{path}/{first['id']}")).status_code == 404
    again = {"skillItem": {"id": first["skillItem"]["id"]}}
    assert (await tenant.http.post(path, json=again)).status_code == 201


async def test_a_conflicting_pending_event_is_refused_and_another_skill_is_not(tenant: Tenant) -> None:
    """The validation error carries a code; when the first event ends, the refusal does too."""
    path = f"{STAFFING}/workers/{DEV}/explicitSkills"
    rust = {"skillItem": {"skillName": "Rust"}}
    assert (await tenant.http.post(path, json=rust)).status_code == 201
    conflict = await tenant.http.post(path, json={"skillItem": {"skillName": "rust"}})
    assert (conflict.status_code, conflict.json()["errors"][0]["code"]) == (400, "A178")
    assert (await tenant.http.post(path, json={"skillItem": {"skillName": "Go"}})).status_code == 201
    tenant.clock.move(2)
    assert (await tenant.http.post(path, json=rust)).json()["errors"][0]["field"] == "skillItem"


async def test_a_process_can_wait_for_approval_and_be_denied() -> None:
    """Then time alone changes nothing."""
    async with running(Settings(event_delay_s=None)) as tenant:
        path = f"{STAFFING}/workers/{DEV}/explicitSkills"
        events = [
            (await tenant.http.post(path, json={"skillItem": {"skillName": name}})).json()["id"]
            for name in ("Rust", "Go")
        ]
        tenant.clock.move(600)
        assert await tenant.skills_of(DEV) == {"Python", "SQL"}
        steps = [
            (await tenant.http.get(f"{PROCESS}/events/{event}/inProgressSteps")).json()["data"][0]["id"]
            for event in events
        ]
        approved = await tenant.http.post(f"{PROCESS}/eventSteps/{steps[0]}/approve", json={"id": steps[0]})
        assert approved.status_code == 201
        again = await tenant.http.post(f"{PROCESS}/eventSteps/{steps[0]}/approve", json={})
        assert again.json()["errors"][0]["code"] == "A212"
        silent = await tenant.http.post(f"{PROCESS}/eventSteps/{steps[1]}/deny", json={})
        assert silent.json()["errors"][0]["code"] == "A181"
        denied = await tenant.http.post(f"{PROCESS}/eventSteps/{steps[1]}/deny", json={"comment": "no"})
        assert denied.json()["eventStatus"]["descriptor"] == "Denied"
        assert await tenant.skills_of(DEV) == {"Python", "SQL", "Rust"}
        listed = (await tenant.http.get(f"{PROCESS}/events", params={"worker": DEV})).json()["data"]
        assert [event["id"] for event in listed] == events[::-1]
        assert (await tenant.http.get(f"{PROCESS}/events")).json()["total"] == 0
        assert (await tenant.http.get(f"{PROCESS}/events/{'0' * 32}")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"skillItem": "Rust"},
        {"skillItem": {}},
        {"skillItem": {"descriptor": "Rust"}},
        {"skillItem": {"id": "0" * 32}},
        {"skillItem": {"id": "not an id"}},
        {"skillItem": {"skillName": " "}},
        {"skillItem": {"skillName": "Rust", "level": 5}},
        {"skillItem": {"skillName": "Rust"}, "level": 5},
        {"skillItem": {"id": "Skill_ID=Python"}},
    ],
)
async def test_a_wrong_skill_is_refused_with_validation_errors(tenant: Tenant, body: dict[str, Any]) -> None:
    """Nothing is started by it."""
    refused = await tenant.http.post(f"{STAFFING}/workers/{DEV}/explicitSkills", json=body)
    assert refused.status_code == 400
    assert refused.json()["errors"]
    assert (await tenant.http.get(f"{PROCESS}/events", params={"worker": DEV})).json()["total"] == 0


async def test_skills_of_a_terminated_or_missing_worker_cannot_change(tenant: Tenant) -> None:
    """400 for the one, 404 for the other."""
    body = {"skillItem": {"skillName": "Rust"}}
    assert (await tenant.http.post(f"{STAFFING}/workers/{GONE}/explicitSkills", json=body)).status_code == 400
    assert (await tenant.http.post(f"{STAFFING}/workers/{'0' * 32}/explicitSkills", json=body)).status_code == 404


async def test_a_title_changed_through_the_api_shows_everywhere(tenant: Tenant) -> None:
    """As a user of the vendor would change it."""
    path = f"{COMMON}/workers/{DEV}/businessTitleChanges"
    assert (await tenant.http.post(path, json={})).status_code == 400
    initiated = await tenant.http.post(path, json={"proposedBusinessTitle": "Architect"})
    assert initiated.status_code == 201
    tenant.clock.move(2)
    query = "SELECT businessTitle FROM allWorkers WHERE lastFunctionallyUpdated > '2026-06-01'"
    assert await tenant.rows(query) == [{"businessTitle": "Architect"}]
    assert (await tenant.http.get(f"{STAFFING}/workers/{DEV}")).json()["primaryJob"]["businessTitle"] == "Architect"
    assert (await tenant.http.get(f"{COMMON}/workers/{DEV}")).json()["businessTitle"] == "Architect"

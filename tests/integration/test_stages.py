"""In which stages of a project commands are taken, and where a held project goes back to (domain.md section 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from hub.domain.commands import OPEN, REACHABLE, CommandStatus, Outcome
from hub.domain.kinds import Kind
from hub.domain.lifecycle import ProjectStage
from hub.domain.records import RecordKey, Value
from tests.support.commands import MANAGER, OTHER_MANAGER, PMO, Firm

APPLIED = CommandStatus.APPLIED
S = ProjectStage


@pytest.fixture
async def firm(migrated_database: str) -> AsyncIterator[Firm]:
    """A hub with a small firm behind it."""
    made = Firm(migrated_database)
    await made.start()
    await made.open()
    yield made
    await made.close()


def code(outcome: Outcome) -> str | None:
    """The code of the first error."""
    return outcome.errors[0].code if outcome.errors else None


async def in_system(firm: Firm, system: str, kind: Kind, external_id: str, **values: Value) -> None:
    """Somebody changes an object in its own system, and a feed tells the hub."""
    firm.adapters[system].objects[kind, external_id] |= values
    record = await firm.desk.read(RecordKey(system, kind, external_id))
    assert record is not None
    await firm.desk.take([record])


async def stage(firm: Firm) -> Any:
    """The stage that the directory shows."""
    (entity,) = await firm.directory.entities([firm.ids["project"]])
    assert entity is not None
    return entity.kept["stage"]


IN_PSA: Mapping[ProjectStage, dict[str, Value]] = {
    S.IN_DELIVERY: {},
    S.ON_HOLD: {"delivery_status": "ON_HOLD"},
    S.DELIVERED: {"delivery_status": "COMPLETE"},
    S.CANCELLED: {"delivery_status": "CANCELLED"},
    S.CLOSED: {"archived": True},
}
"""What makes the project's stage."""


@pytest.mark.parametrize("there", IN_PSA, ids=str)
async def test_final_stages_refuse_and_a_hold_stops_no_decision(firm: Firm, there: ProjectStage) -> None:
    """The refusal names the stages that are open; nothing is asked of any system."""
    if there is S.CLOSED:
        posted = {**firm.psa.objects[Kind.TIME_ENTRY, "41"], "status": "APPROVED"}
        await firm.put("posted", "psa", Kind.TIME_ENTRY, "42", posted)
    await in_system(firm, "psa", Kind.PROJECT, "1", **IN_PSA[there])
    assert await stage(firm) == there
    ids, before = firm.ids, [adapter.fetches for adapter in firm.adapters.values()]
    renamed = await firm.run("updateProject", PMO, "1", id=ids["project"], name="Gemini")
    completed = await firm.run("completeMilestone", MANAGER, "2", id=ids["milestone"])
    accepted = await firm.run("approveMilestone", OTHER_MANAGER, "3", id=ids["milestone"])
    reviewed = await firm.run("approveTimeEntry", MANAGER, "4", id=ids["entry"])
    rejected = await firm.run("rejectTimeEntry", MANAGER, "5", id=ids["entry"])
    if there in OPEN:
        assert [o.status for o in (renamed, completed, accepted, reviewed)] == [APPLIED] * 4
        return
    assert {code(o) for o in (renamed, completed, accepted, reviewed, rejected)} == {"PROJECT_NOT_OPEN"}
    assert renamed.errors[0].allowed == tuple(s for s in S if s in OPEN)
    assert reviewed.errors[0].allowed == accepted.errors[0].allowed == tuple(s for s in S if s in REACHABLE)
    assert [adapter.fetches for adapter in firm.adapters.values()] == before
    assert firm.psa.asked == []


async def test_a_project_that_the_psa_held_goes_back_where_the_rules_put_it(firm: Firm) -> None:
    """The hub never saw it leave a stage; started and with bookings, it is in delivery and nowhere else."""
    await in_system(firm, "psa", Kind.PROJECT, "1", delivery_status="ON_HOLD")
    project = firm.ids["project"]
    for n, wrong in enumerate((S.SHELL, S.STAFFED)):
        refused = await firm.run("changeProjectStage", PMO, f"{n}", id=project, stage=wrong)
        assert (code(refused), refused.errors[0].allowed) == ("INVALID_TRANSITION", ("IN_DELIVERY",))
    assert (await firm.run("changeProjectStage", PMO, "3", id=project, stage=S.IN_DELIVERY)).status is APPLIED
    assert await stage(firm) == "IN_DELIVERY"


async def test_a_project_that_no_hold_explains_goes_back_by_no_manual_step(firm: Firm) -> None:
    """All its tasks are done: without the hold it is delivered, and that is no way back from a hold."""
    await in_system(firm, "psa", Kind.PROJECT, "1", delivery_status="ON_HOLD")
    await in_system(firm, "psa", Kind.TASK, "21", done=True)
    outcome = await firm.run("changeProjectStage", PMO, "1", id=firm.ids["project"], stage=S.IN_DELIVERY)
    assert (code(outcome), outcome.errors[0].allowed) == ("INVALID_TRANSITION", ())

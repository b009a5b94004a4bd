"""Commands end to end below the graph: a real ledger and directory, systems in memory that fail as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from hub.domain.commands import Actor, CommandStatus, Outcome
from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import Role
from hub.domain.records import RecordKey, Ref
from hub.domain.row_scope import EVERYTHING
from hub.errors import SourceMisconfigured, SourceRejected, SourceThrottled, SourceUnavailable
from hub.ports import ProcessState
from hub.store.audit import Reader
from hub.store.audit import read as read_audit
from tests.support.commands import (
    EMAIL,
    FINANCE,
    MANAGER,
    OTHER_MANAGER,
    PMO,
    SUPPORT,
    TIME_CLERK,
    Firm,
    caller,
)

APPLIED, ACCEPTED, REJECTED = CommandStatus.APPLIED, CommandStatus.ACCEPTED, CommandStatus.REJECTED
AUDITOR = Reader(EVERYTHING, "test", "auditor")


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


# -- success, and the caller reads its own write ----------------------------------------------------


async def test_an_update_goes_to_the_owner_and_is_read_back(firm: Firm) -> None:
    """Cache and directory show the change before the answer leaves, in this replica."""
    outcome = await firm.run("updateProject", PMO, id=firm.ids["project"], name="Gemini")
    assert (outcome.status, outcome.entity, outcome.errors) == (APPLIED, firm.ids["project"], ())
    assert [w.values for w in firm.psa.written] == [{"name": "Gemini"}]
    (entity,) = await firm.directory.entities([firm.ids["project"]])
    assert entity is not None
    assert entity.kept["name"] == "Gemini"
    cached = firm.cache.peek(RecordKey("psa", Kind.PROJECT, "1"), frozenset({"name"}))
    assert cached is not None
    assert cached.record is not None
    assert cached.record.attributes["name"] == "Gemini"


async def test_another_replica_hears_of_a_change(firm: Firm) -> None:
    """What a second replica had in memory is dropped."""
    other = firm.another()
    await other.start()
    try:
        key = RecordKey("psa", Kind.PROJECT, "1")
        await other.cache.load([key], frozenset({"name"}))
        await other.directory.entities([firm.ids["project"]])
        await firm.run("updateProject", PMO, id=firm.ids["project"], name="Gemini")
        for _ in range(100):
            (loaded,) = await other.cache.load([key], frozenset({"name"}))
            (entity,) = await other.directory.entities([firm.ids["project"]])
            assert loaded.record is not None
            assert entity is not None
            if loaded.record.attributes["name"] == entity.kept["name"] == "Gemini":
                return
            await asyncio.sleep(0.02)
        pytest.fail("the other replica still shows the old name")
    finally:
        await other.close()


async def test_a_manager_is_written_in_the_owners_words(firm: Firm) -> None:
    """A link becomes a reference by the PSA's own id."""
    outcome = await firm.run("updateProject", PMO, id=firm.ids["project"], managerId=firm.ids["bob"])
    assert outcome.status is APPLIED
    assert firm.psa.written[0].values == {"manager": Ref(Kind.RESOURCE, "12")}


async def test_a_booking_gets_the_canonical_id_that_was_sent(firm: Firm) -> None:
    """The new record joins the entity whose id it carries."""
    outcome = await firm.run("assignResource", PMO, **firm.assignment())
    assert (outcome.status, outcome.entity) == (APPLIED, firm.psa.written[0].canonical_id)


async def test_time_is_submitted_and_approved_by_somebody_else(firm: Firm) -> None:
    """The worker's own approval is refused, an unknown approver's too."""
    assert (await firm.run("submitTimeEntry", TIME_CLERK, **firm.time())).status is APPLIED
    entry = firm.ids["entry"]
    assert code(await firm.run("approveTimeEntry", OTHER_MANAGER, "a", id=entry)) == "SEGREGATION_OF_DUTIES"
    stranger = Actor(caller(Role.DELIVERY_MANAGER, email="nobody@firm.example"))
    assert code(await firm.run("approveTimeEntry", stranger, "b", id=entry)) == "APPROVER_UNKNOWN"
    assert code(await firm.run("approveTimeEntry", Actor(caller(Role.DELIVERY_MANAGER)), "c", id=entry)) == (
        "APPROVER_UNKNOWN"
    )
    assert (await firm.run("approveTimeEntry", MANAGER, "d", id=entry)).status is APPLIED
    again = await firm.run("rejectTimeEntry", MANAGER, "e", id=entry, reason="no")
    assert (code(again), again.errors[0].allowed) == ("INVALID_TRANSITION", ("SUBMITTED",))


async def test_a_milestone_is_completed_by_one_and_approved_by_another(firm: Firm) -> None:
    """Who completed it is known from the audit trail."""
    milestone = firm.ids["milestone"]
    assert code(await firm.run("approveMilestone", OTHER_MANAGER, "0", id=milestone)) == "INVALID_TRANSITION"
    assert (await firm.run("completeMilestone", MANAGER, "1", id=milestone)).status is APPLIED
    assert code(await firm.run("approveMilestone", MANAGER, "2", id=milestone)) == "SEGREGATION_OF_DUTIES"
    assert (await firm.run("approveMilestone", OTHER_MANAGER, "3", id=milestone)).status is APPLIED
    assert firm.psa.written[-1].values["approved_by"] == EMAIL["bob"]


async def test_skills_are_accepted_until_the_owners_process_ends(firm: Firm) -> None:
    """The verifier follows the process and then shows the result."""
    firm.hcm.pending = True
    given: dict[str, Any] = {"resourceId": firm.ids["ada"], "add": ["Go"], "remove": []}
    outcome = await firm.run("updateSkills", PMO, **given)
    assert (outcome.status, outcome.errors) == (ACCEPTED, ())
    await firm.verify()
    assert await firm.states() == ["ACCEPTED"]
    firm.hcm.process = ProcessState.DONE
    firm.hcm.objects[Kind.RESOURCE, "hcm-11"] |= {"skills": ("Go", "Python"), "stamp": "later"}
    await firm.verify()
    replay = await firm.run("updateSkills", PMO, **given)
    assert (replay.status, replay.replayed) == (APPLIED, True)
    (entity,) = await firm.directory.entities([firm.ids["ada"]])
    assert entity is not None
    assert entity.kept["skills"] == ("Go", "Python")


async def test_a_process_that_the_owner_refuses_ends_as_rejected(firm: Firm) -> None:
    """Nothing has changed, and the caller learns why."""
    firm.hcm.pending, firm.hcm.process = True, ProcessState.REFUSED
    given: dict[str, Any] = {"resourceId": firm.ids["ada"], "add": ["Go"], "remove": []}
    await firm.run("updateSkills", PMO, **given)
    await firm.verify()
    replay = await firm.run("updateSkills", PMO, **given)
    assert (replay.status, code(replay), replay.replayed) == (REJECTED, "PROCESS_REFUSED", True)


async def test_a_revenue_method_goes_to_the_erp_and_a_change_order_to_the_crm(firm: Firm) -> None:
    """Each attribute has its own owner."""
    line = firm.ids["line"]
    method = await firm.run("setRevenueMethod", FINANCE, contractLineId=line, revenueMethod="OVER_TIME")
    assert (method.status, method.entity) == (APPLIED, line)
    assert [w.external_id for w in firm.erp.written] == ["5:1"]
    change = await firm.run(
        "proposeChangeOrder",
        PMO,
        contractLineId=line,
        reason="more",
        priceDelta=Decimal("1000.50"),
        hoursDelta=Decimal(8),
        effectiveDate=date(2026, 7, 1),
    )
    assert (change.status, change.entity) == (APPLIED, firm.ids["contract"])
    assert str(firm.crm.written[0].values["price_delta"]) == "1000.50"
    orders = await firm.rows("SELECT contract_id FROM entity WHERE kind = 'change_order'")
    assert [row.contract_id for row in orders] == [firm.ids["contract"]]


# -- lifecycle --------------------------------------------------------------------------------------


async def stage(firm: Firm) -> Any:
    """The stage that the directory shows."""
    (entity,) = await firm.directory.entities([firm.ids["project"]])
    assert entity is not None
    return entity.kept["stage"]


async def test_a_project_is_held_and_goes_back_to_the_stage_it_left(firm: Firm) -> None:
    """The PSA's status is written, the stage follows, and the history says who and why."""
    project = firm.ids["project"]
    assert await stage(firm) == "IN_DELIVERY"
    held = await firm.run("changeProjectStage", PMO, "1", id=project, stage="ON_HOLD", reason="budget")
    assert held.status is APPLIED
    assert await stage(firm) == "ON_HOLD"
    refused = await firm.run("submitTimeEntry", TIME_CLERK, "t", **firm.time())
    assert code(refused) == "PROJECT_NOT_OPEN"
    wrong = await firm.run("changeProjectStage", PMO, "2", id=project, stage="SHELL")
    assert (code(wrong), wrong.errors[0].allowed) == ("INVALID_TRANSITION", ("IN_DELIVERY",))
    assert (await firm.run("changeProjectStage", MANAGER, "3", id=project, stage="IN_DELIVERY")).status is APPLIED
    assert await stage(firm) == "IN_DELIVERY"
    history = await firm.rows("SELECT from_stage, stage, reason, actor FROM project_stage ORDER BY id")
    assert [tuple(row) for row in history] == [
        ("IN_DELIVERY", "ON_HOLD", "budget", "pmo"),
        ("ON_HOLD", "IN_DELIVERY", None, EMAIL["ada"]),
    ]


async def test_closing_and_reopening_are_finances_and_need_a_reason(firm: Firm) -> None:
    """Delivered, closed, reopened; each refusal says what would have been right."""
    project = firm.ids["project"]
    entry = dict(firm.psa.objects[Kind.TIME_ENTRY, "41"], status="APPROVED")
    await firm.put("billed", "psa", Kind.TIME_ENTRY, "42", entry)
    assert (await firm.run("changeProjectStage", PMO, "1", id=project, stage="DELIVERED")).status is APPLIED
    assert code(await firm.run("changeProjectStage", PMO, "2", id=project, stage="CLOSED")) == "NOT_PERMITTED"
    assert code(await firm.run("changeProjectStage", FINANCE, "3", id=project, stage="CLOSED")) == "REASON_REQUIRED"
    assert (
        await firm.run("changeProjectStage", FINANCE, "4", id=project, stage="CLOSED", reason="x")
    ).status is APPLIED
    assert await stage(firm) == "CLOSED"
    reopened = await firm.run("changeProjectStage", FINANCE, "5", id=project, stage="DELIVERED", reason="late invoice")
    assert reopened.status is APPLIED
    assert await stage(firm) == "DELIVERED"


# -- refusals ---------------------------------------------------------------------------------------


async def test_malformed_input_is_refused_without_an_upstream_call(firm: Firm) -> None:
    """Each refusal names the field; nothing was asked, and no key is used up."""
    project = firm.ids["project"]
    wrong: list[tuple[str, Actor, dict[str, Any], str, str]] = [
        ("updateProject", PMO, {"id": "nonsense", "name": "x"}, "INVALID_INPUT", "id"),
        ("updateProject", PMO, {"id": project}, "INVALID_INPUT", "input"),
        ("updateProject", PMO, {"id": project, "name": "  "}, "INVALID_INPUT", "name"),
        ("updateProject", PMO, {"id": project, "name": "x\x00"}, "INVALID_INPUT", "name"),
        (
            "updateProject",
            PMO,
            {"id": project, "startDate": date(2026, 2, 1), "endDate": date(2026, 1, 1)},
            "INVALID_INPUT",
            "endDate",
        ),
        ("updateProject", PMO, {"id": firm.ids["task"], "name": "x"}, "NOT_FOUND", "id"),
        ("updateProject", PMO, {"id": "prj_" + "0" * 26, "name": "x"}, "NOT_FOUND", "id"),
        ("updateProject", PMO, {"id": project, "managerId": "wrk_" + "0" * 26}, "NOT_FOUND", "managerId"),
        ("assignResource", PMO, firm.assignment(plannedHours=Decimal(0)), "INVALID_INPUT", "plannedHours"),
        ("assignResource", PMO, firm.assignment(plannedHours=Decimal("1.234")), "INVALID_INPUT", "plannedHours"),
        ("assignResource", PMO, firm.assignment(endDate=date(2026, 6, 7)), "INVALID_INPUT", "endDate"),
        ("submitTimeEntry", TIME_CLERK, firm.time(hours=Decimal("24.5")), "INVALID_INPUT", "hours"),
        ("submitTimeEntry", TIME_CLERK, firm.time(taskId="tsk_" + "0" * 26), "NOT_FOUND", "taskId"),
        ("updateSkills", PMO, {"resourceId": firm.ids["ada"], "add": [], "remove": []}, "INVALID_INPUT", "add"),
    ]
    for n, (mutation, actor, given, expected, field) in enumerate(wrong):
        outcome = await firm.run(mutation, actor, f"k{n}", **given)
        assert (outcome.status, code(outcome), outcome.errors[0].field) == (REJECTED, expected, field), given
    assert not any(adapter.fetches or adapter.asked for adapter in firm.adapters.values())


async def test_a_key_must_be_a_key(firm: Firm) -> None:
    """Blank, over-long and unstorable keys are malformed."""
    for key in ("", "  ", "x" * 256, "a\x00b"):
        outcome = await firm.run("updateProject", PMO, key, id=firm.ids["project"], name="x")
        assert (code(outcome), outcome.errors[0].field) == ("INVALID_INPUT", "idempotencyKey")


@pytest.mark.parametrize(
    ("mutation", "actor"),
    [
        ("updateProject", FINANCE),
        ("submitTimeEntry", PMO),
        ("approveTimeEntry", PMO),
        ("completeMilestone", PMO),
        ("setRevenueMethod", PMO),
        ("proposeChangeOrder", MANAGER),
        ("updateSkills", FINANCE),
        ("linkRecord", PMO),
        ("updateProject", Actor(caller(Role.SERVICE, allow=["submitTimeEntry"]))),
        ("submitTimeEntry", Actor(caller(Role.SERVICE))),
        ("updateProject", Actor(caller(Role.PMO), caller(Role.PMO, email="x@firm.example"))),
    ],
)
async def test_who_is_no_writer_is_refused(firm: Firm, mutation: str, actor: Actor) -> None:
    """Roles come from the ownership table; a service account has what its grant lists."""
    assert code(await firm.run(mutation, actor, id="prj_")) == "NOT_PERMITTED"


async def test_a_service_account_approves_for_the_one_who_leads_the_project(firm: Firm) -> None:
    """Without a user, or for a user without that right, an approval is refused."""
    service, entry = TIME_CLERK.caller, firm.ids["entry"]
    assert code(await firm.run("approveTimeEntry", TIME_CLERK, "1", id=entry)) == "ON_BEHALF_OF_REQUIRED"
    nobody = caller(email="nobody@firm.example")
    assert code(await firm.run("approveTimeEntry", Actor(service, nobody), "2", id=entry)) == "APPROVER_UNKNOWN"
    worker = caller(email=EMAIL["bob"])
    assert code(await firm.run("approveTimeEntry", Actor(service, worker), "3", id=entry)) == "NOT_PERMITTED"
    finance = caller(Role.FINANCE_OPS, email=EMAIL["ada"])
    assert code(await firm.run("approveTimeEntry", Actor(service, finance), "4", id=entry)) == "NOT_PERMITTED"
    leader = caller(email=EMAIL["ada"])
    assert (await firm.run("approveTimeEntry", Actor(service, leader), "5", id=entry)).status is APPLIED


async def test_the_owner_is_named_where_the_hub_cannot_write(firm: Firm) -> None:
    """A subcontractor's skills are not the HCM's; a project without a PSA record cannot be renamed."""
    sub = await firm.put("sub", "erp", Kind.SUBCONTRACTOR, "v1", {"name": "Sam"})
    outcome = await firm.run("updateSkills", PMO, resourceId=sub, add=["Go"], remove=[])
    assert (code(outcome), outcome.errors[0].owner) == ("NOT_SYSTEM_OF_RECORD", Domain.ERP)
    half = await firm.put("half", "erp", Kind.PROJECT, "job-9", {"financial_status": "OPEN"})
    outcome = await firm.run("updateProject", PMO, id=half, name="x")
    assert (code(outcome), outcome.errors[0].owner) == ("XREF_MISSING", Domain.PSA)


async def test_time_and_bookings_after_a_persons_last_day_are_refused(firm: Firm) -> None:
    """So is work before the first day."""
    await firm.person("cy", "13", end_date=date(2026, 6, 10))
    booking = firm.assignment(resourceId=firm.ids["cy"])
    assert code(await firm.run("assignResource", PMO, "1", **booking)) == "OUT_OF_DATES"
    assert code(await firm.run("submitTimeEntry", TIME_CLERK, "2", **firm.time(resourceId=firm.ids["cy"]))) == (
        "OUT_OF_DATES"
    )


async def test_overbooking_is_refused_unless_the_caller_says_so_and_then_recorded(firm: Firm) -> None:
    """20 h are booked in the first week of June: 20 more fit, 21 do not."""
    week = {"startDate": date(2026, 6, 1), "endDate": date(2026, 6, 5)}
    outcome = await firm.run("assignResource", PMO, "1", **firm.assignment(plannedHours=Decimal(21), **week))
    assert code(outcome) == "OVERBOOKED"
    assert "2026-06-01" in outcome.errors[0].message
    soft = firm.assignment(plannedHours=Decimal(21), booking="SOFT", **week)
    assert (await firm.run("assignResource", PMO, "2", **soft)).status is APPLIED
    wanted = firm.assignment(plannedHours=Decimal(21), allowOverbooking=True, **week)
    assert (await firm.run("assignResource", PMO, "3", **wanted)).status is APPLIED
    found = await firm.rows("SELECT code, severity, class FROM sync_exception")
    assert [tuple(row) for row in found] == [("OVERBOOKED", "WARNING", "BUSINESS_RULE")]


async def test_an_assignment_may_grow_within_capacity_only(firm: Firm) -> None:
    """Its own old hours do not count against it."""
    booking = firm.ids["booking"]
    assert (await firm.run("updateAssignment", PMO, "1", id=booking, plannedHours=Decimal(40))).status is APPLIED
    assert code(await firm.run("updateAssignment", PMO, "2", id=booking, plannedHours=Decimal(41))) == "OVERBOOKED"


async def test_a_booking_has_bounds(firm: Firm) -> None:
    """No longer than ten years, on days that have weeks around them; a boundless one of the PSA's is no hindrance."""
    booking = firm.ids["booking"]
    longer = await firm.run("updateAssignment", PMO, "1", id=booking, endDate=date(2040, 1, 1))
    assert (code(longer), longer.errors[0].field) == ("INVALID_INPUT", "endDate")
    last = firm.assignment(startDate=date(9999, 12, 1), endDate=date.max)
    assert code(await firm.run("assignResource", PMO, "2", **last)) == "INVALID_INPUT"
    await firm.booking("boundless", "39", "12", date(2020, 1, 1), date.max, "99999")
    assert (await firm.run("assignResource", PMO, "3", **firm.assignment())).status is APPLIED


async def test_what_the_owner_refuses_is_rejected_with_its_reason(firm: Firm) -> None:
    """A shared submission keeps its own code, other reasons are told in the message."""
    firm.psa.fault = SourceRejected("psa", "no", reason="SUBMISSION_SHARED")
    shared = await firm.run("approveTimeEntry", MANAGER, "1", id=firm.ids["entry"])
    assert (code(shared), shared.errors[0].field) == ("SUBMISSION_SHARED", "wholeSubmission")
    firm.psa.fault = SourceRejected("psa", "no", reason="invalid:title")
    other = await firm.run("updateProject", PMO, "2", id=firm.ids["project"], name="x")
    assert (code(other), "invalid:title" in other.errors[0].message) == ("SOURCE_REJECTED", True)


# -- repeats (domain.md 6.2) ------------------------------------------------------------------------


async def test_a_repeat_gets_the_stored_result(firm: Firm) -> None:
    """Applied and rejected ones alike; another request under the key is refused, another scope is another key."""
    project = firm.ids["project"]
    first = await firm.run("updateProject", PMO, id=project, name="Gemini")
    again = await firm.run("updateProject", PMO, id=project, name="Gemini")
    assert (first.replayed, again.replayed, again.status, again.entity) == (False, True, APPLIED, project)
    assert len(firm.psa.asked) == 1
    reused = await firm.run("updateProject", PMO, id=project, name="Mercury")
    assert (reused.status, code(reused)) == (REJECTED, "IDEMPOTENCY_KEY_REUSED")
    assert (await firm.run("updateProject", MANAGER, id=project, name="Mercury")).status is APPLIED
    refused = await firm.run("changeProjectStage", PMO, id=project, stage="SHELL")
    replay = await firm.run("changeProjectStage", PMO, id=project, stage="SHELL")
    assert (code(refused), refused.replayed) == ("INVALID_TRANSITION", False)
    assert (replay.errors, replay.replayed) == (refused.errors, True)


async def test_two_simultaneous_requests_with_one_key_write_once(firm: Firm) -> None:
    """Over two replicas: one runs, the other is told that it does."""
    other = firm.another()
    firm.psa.delay_s = 0.3
    try:
        requests = [r.run("assignResource", PMO, **firm.assignment()) for r in (firm, other, firm, other)]
        outcomes = await asyncio.gather(*requests)
        assert sorted(o.status for o in outcomes) == [ACCEPTED, ACCEPTED, ACCEPTED, APPLIED]
        assert {code(o) for o in outcomes if o.status is ACCEPTED} == {"IN_PROGRESS"}
        assert len(firm.psa.asked) == 1
    finally:
        await other.close()


async def test_a_system_that_is_down_leaves_the_key_usable(firm: Firm) -> None:
    """Nothing was sent, so the same request may simply be made again."""
    project = firm.ids["project"]
    for fault in ("down", SourceThrottled("psa", "slow down"), SourceMisconfigured("psa", "no")):
        firm.psa.fault = fault
        outcome = await firm.run("updateProject", PMO, id=project, name="Gemini")
        assert (outcome.status, outcome.replayed) == (REJECTED, False)
        assert code(outcome) in {"SOURCE_UNAVAILABLE", "RATE_LIMITED", "AUTH_FAILED"}
    firm.psa.failure = SourceUnavailable("psa", "no answer")
    assert code(await firm.run("updateProject", PMO, id=project, name="Gemini")) == "SOURCE_UNAVAILABLE"
    firm.psa.fault = firm.psa.failure = None
    assert (await firm.run("updateProject", PMO, id=project, name="Gemini")).status is APPLIED


# -- lost answers -----------------------------------------------------------------------------------


async def test_a_lost_reply_ends_as_applied_without_a_second_write(firm: Firm) -> None:
    """Meanwhile the key says that it is being found out."""
    firm.psa.fault = "lost-reply"
    given = firm.assignment()
    outcome = await firm.run("assignResource", PMO, **given)
    assert (outcome.status, code(outcome)) == (ACCEPTED, "WRITE_OUTCOME_UNKNOWN")
    again = await firm.run("assignResource", PMO, **given)
    assert (again.status, code(again)) == (ACCEPTED, "WRITE_OUTCOME_UNKNOWN")
    await firm.verify()
    final = await firm.run("assignResource", PMO, **given)
    assert (final.status, final.replayed) == (APPLIED, True)
    assert final.entity == firm.psa.written[0].canonical_id
    assert len(firm.psa.asked) == 1


async def test_a_lost_request_is_written_once_more(firm: Firm) -> None:
    """Under its old token, after it certainly had not arrived."""
    firm.psa.fault = "lost-request"
    await firm.run("assignResource", PMO, **firm.assignment())
    firm.psa.fault = None
    await firm.verify()
    assert await firm.states() == ["APPLIED"]
    assert len({w.token for w in firm.psa.asked}) == len(firm.psa.written) == 1


async def test_a_request_that_is_lost_again_is_given_up(firm: Firm) -> None:
    """Once more, and no third time: the caller decides, a person is told."""
    firm.psa.fault = "lost-request"
    await firm.run("updateProject", PMO, id=firm.ids["project"], name="Gemini")
    await firm.verify()
    await firm.verify()
    await firm.verify()
    final = await firm.run("updateProject", PMO, id=firm.ids["project"], name="Gemini")
    assert (final.status, code(final)) == (REJECTED, "WRITE_LOST")
    assert len(firm.psa.asked) == 2
    assert [row.code for row in await firm.rows("SELECT code FROM sync_exception WHERE status = 'OPEN'")] == [
        "WRITE_LOST"
    ]


async def test_a_lost_request_does_not_overwrite_what_others_have_set_since(firm: Firm) -> None:
    """The vendor's own user has moved on: the old command is given up, and nobody claims that it never arrived."""
    firm.psa.fault = "lost-request"
    await firm.run("updateProject", PMO, "1", id=firm.ids["project"], name="Gemini")
    firm.psa.fault = None
    firm.psa.objects[Kind.PROJECT, "1"]["name"] = "Mercury"
    await firm.verify()
    final = await firm.run("updateProject", PMO, "1", id=firm.ids["project"], name="Gemini")
    assert (final.status, code(final)) == (REJECTED, "WRITE_OVERTAKEN")
    assert firm.psa.objects[Kind.PROJECT, "1"]["name"] == "Mercury"


@pytest.mark.parametrize("fault", ["lost-reply", "lost-request"])
async def test_a_command_waits_until_it_is_known_what_became_of_the_one_before(firm: Firm, fault: str) -> None:
    """A write that nobody answered may still arrive, and would undo the next one; each is told the truth."""
    firm.psa.fault = fault
    await firm.run("updateProject", PMO, "1", id=firm.ids["project"], name="Gemini")
    firm.psa.fault = None
    second = asyncio.create_task(firm.run("updateProject", PMO, "2", id=firm.ids["project"], name="Mercury"))
    await asyncio.sleep(0.3)
    assert not second.done()
    await firm.verify()
    assert (await second).status is APPLIED
    first = await firm.run("updateProject", PMO, "1", id=firm.ids["project"], name="Gemini")
    assert first.status is APPLIED
    assert [w.values["name"] for w in firm.psa.written] == ["Gemini", "Mercury"]
    assert firm.psa.objects[Kind.PROJECT, "1"]["name"] == "Mercury"


async def test_a_command_that_waits_too_long_leaves_its_key_usable(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent, and the caller may simply ask again."""
    monkeypatch.setattr("hub.usecases.write_through.UNDECIDED_WAIT_S", 0.1)
    firm.psa.fault = "lost-reply"
    await firm.run("updateProject", PMO, "1", id=firm.ids["project"], name="Gemini")
    given = {"id": firm.ids["project"], "name": "Mercury"}
    assert code(await firm.run("updateProject", PMO, "2", **given)) == "RECORD_BUSY"
    firm.psa.fault = None
    await firm.verify()
    assert (await firm.run("updateProject", PMO, "2", **given)).status is APPLIED


async def test_what_is_so_already_is_not_written_again(firm: Firm) -> None:
    """Under a new key: the same content of the same record is a duplicate (domain.md 6.2)."""
    given = {"id": firm.ids["project"], "name": "Gemini", "managerId": firm.ids["bob"]}
    assert (await firm.run("updateProject", PMO, "1", **given)).status is APPLIED
    again = await firm.run("updateProject", PMO, "2", **given)
    assert (again.status, again.entity, again.replayed) == (APPLIED, firm.ids["project"], False)
    assert len(firm.psa.asked) == 1
    assert (await firm.run("updateProject", PMO, "3", **{**given, "name": "Apollo"})).status is APPLIED
    assert len(firm.psa.written) == 2


async def test_skills_that_were_half_changed_are_completed(firm: Firm) -> None:
    """What the command itself has changed so far is no change by somebody else."""
    firm.hcm.fault = "lost-request"
    given: dict[str, Any] = {"resourceId": firm.ids["bob"], "add": ["Rust", "Go"], "remove": ["Python"]}
    assert (await firm.run("updateSkills", PMO, **given)).status is ACCEPTED
    firm.hcm.fault = None
    firm.hcm.objects[Kind.RESOURCE, "hcm-12"]["skills"] = ("Python", "Rust")
    await firm.verify()
    assert (await firm.run("updateSkills", PMO, **given)).status is APPLIED
    assert len(firm.hcm.written) == 1


async def test_an_unsettled_request_is_not_believed_to_be_lost(firm: Firm) -> None:
    """It may still be carried out: 'not there' counts only after a while."""
    patient = firm.another(settle_s=60.0)
    firm.psa.fault = "lost-request"
    try:
        await patient.run("updateProject", PMO, id=firm.ids["project"], name="Gemini")
        await patient.verify()
        assert await firm.states() == ["UNKNOWN"]
        assert len(firm.psa.asked) == 1
    finally:
        await patient.close()


async def test_a_system_that_cannot_be_asked_keeps_the_outcome_open(firm: Firm) -> None:
    """And a person learns of it after a while."""
    firm.psa.fault, firm.psa.verify_fault = "lost-reply", SourceUnavailable("psa", "down")
    await firm.run("updateProject", PMO, id=firm.ids["project"], name="Gemini")
    for _ in range(7):
        await firm.verify()
    assert await firm.states() == ["UNKNOWN"]
    assert [row.code for row in await firm.rows("SELECT code FROM sync_exception")] == ["WRITE_OUTCOME_UNKNOWN"]
    firm.psa.verify_fault = None
    await firm.verify()
    assert await firm.states() == ["APPLIED"]
    assert [r.status for r in await firm.rows("SELECT status FROM sync_exception")] == ["RESOLVED"]


async def test_a_confirmed_write_that_cannot_be_read_back_is_accepted(firm: Firm) -> None:
    """The answer does not claim what the caller could not see yet."""

    def silence() -> None:
        firm.psa.failure = SourceUnavailable("psa", "down")

    firm.psa.before_write = silence
    outcome = await firm.run("updateProject", PMO, id=firm.ids["project"], name="Gemini")
    assert (outcome.status, outcome.errors) == (ACCEPTED, ())
    firm.psa.failure = None
    await firm.verify()
    assert (await firm.run("updateProject", PMO, id=firm.ids["project"], name="Gemini")).status is APPLIED
    assert len(firm.psa.asked) == 1


async def test_a_caller_that_goes_away_does_not_stop_a_command(firm: Firm) -> None:
    """The connection is lost while the owner is asked: the command runs to its end."""
    firm.psa.delay_s = 0.2
    request = asyncio.create_task(firm.run("updateProject", PMO, id=firm.ids["project"], name="Gemini"))
    await firm.psa.was_asked.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    await firm.commands.aclose()
    assert await firm.states() == ["APPLIED"]


# -- concurrency ------------------------------------------------------------------------------------


async def test_a_stale_version_is_a_conflict_that_shows_the_present_values(firm: Firm) -> None:
    """Nothing is sent; the version to go on with is named."""
    project, old = firm.ids["project"], firm.psa.version(Kind.PROJECT, "1")
    assert (await firm.run("updateProject", PMO, "1", id=project, name="Gemini", expectedVersion=old)).status is APPLIED
    outcome = await firm.run("updateProject", PMO, "2", id=project, name="Mercury", expectedVersion=old)
    assert (outcome.status, code(outcome), outcome.entity) == (REJECTED, "VERSION_CONFLICT", project)
    assert outcome.errors[0].allowed == (firm.psa.version(Kind.PROJECT, "1"),)
    assert "Gemini" in outcome.errors[0].message
    assert len(firm.psa.asked) == 1


async def test_a_conflict_tells_values_in_the_words_of_the_graph(firm: Firm) -> None:
    """Fields by their names, no vendor's ids; a person is what the payload shows."""
    project, bob = firm.ids["project"], firm.ids["bob"]
    wanted: dict[str, Any] = {"managerId": bob, "endDate": date(2027, 1, 1), "startDate": date(2026, 1, 1)}
    outcome = await firm.run("updateProject", PMO, id=project, expectedVersion="0" * 32, **wanted)
    assert outcome.errors[0].message == (
        "The record has changed since that version: now endDate is 2026-12-31, startDate is 2026-06-01."
    )


async def test_a_change_between_the_hubs_look_and_the_write_is_the_owners_conflict(firm: Firm) -> None:
    """The vendor's own concurrency control refuses; the present values are shown all the same."""
    project, version = firm.ids["project"], firm.psa.version(Kind.PROJECT, "1")

    def meddle() -> None:
        firm.psa.objects[Kind.PROJECT, "1"] |= {"name": "Soyuz", "stamp": "meddled"}

    firm.psa.before_write = meddle
    outcome = await firm.run("updateProject", PMO, id=project, name="Gemini", expectedVersion=version)
    assert code(outcome) == "VERSION_CONFLICT"
    assert "Soyuz" in outcome.errors[0].message


async def test_a_foreign_change_in_between_is_reported(firm: Firm) -> None:
    """Nothing of it is lost, and a person can see that it happened."""

    def meddle() -> None:
        firm.psa.objects[Kind.PROJECT, "1"]["end_date"] = date(2027, 1, 31)

    firm.psa.before_write = meddle
    assert (await firm.run("updateProject", PMO, id=firm.ids["project"], name="Gemini")).status is APPLIED
    found = await firm.rows("SELECT code, class, message FROM sync_exception")
    assert [(r.code, r[1]) for r in found] == [("CONCURRENT_CHANGE", "DATA_QUALITY")]
    assert "end_date" in found[0].message


async def test_two_bookings_of_one_person_cannot_both_take_the_last_hours(firm: Firm) -> None:
    """Two replicas at once: a lock on the person lets one see the other's booking."""
    other = firm.another()
    firm.psa.delay_s = 0.1
    try:
        given = firm.assignment(plannedHours=Decimal(30))
        outcomes = await asyncio.gather(
            firm.run("assignResource", PMO, "1", **given), other.run("assignResource", PMO, "2", **given)
        )
        assert sorted(str(code(o)) for o in outcomes) == ["None", "OVERBOOKED"]
    finally:
        await other.close()


# -- links and audit --------------------------------------------------------------------------------


async def test_a_record_is_linked_by_a_person(firm: Firm) -> None:
    """By the vendor's or the hub's name of its kind; taken and unfitting ones are refused."""
    await firm.put("stray", "erp", Kind.CUSTOMER, "77", {})
    customer = firm.ids["customer"]
    given = {"entityId": customer, "system": "erp", "kind": "customer", "externalId": "77"}
    wrong = [
        ({**given, "system": "sap"}, "NOT_FOUND", "system"),
        ({**given, "kind": "spaceship"}, "NOT_FOUND", "kind"),
        ({**given, "externalId": "78"}, "NOT_FOUND", "externalId"),
        ({**given, "entityId": firm.ids["project"]}, "WRONG_KIND", "kind"),
    ]
    for n, (other, expected, field) in enumerate(wrong):
        outcome = await firm.run("linkRecord", SUPPORT, f"w{n}", **other)
        assert (code(outcome), outcome.errors[0].field) == (expected, field)
    assert (await firm.run("linkRecord", SUPPORT, "1", **given)).status is APPLIED
    (entity,) = await firm.directory.entities([customer])
    assert entity is not None
    assert RecordKey("erp", Kind.CUSTOMER, "77") in entity.records
    second = await firm.put("second", "crm", Kind.CUSTOMER, "acc-2", {"name": "Acme Ltd"})
    assert code(await firm.run("linkRecord", SUPPORT, "2", **{**given, "entityId": second})) == "RECORD_TAKEN"
    await firm.put("stray2", "erp", Kind.CUSTOMER, "79", {})
    taken = await firm.run("linkRecord", SUPPORT, "3", **{**given, "externalId": "79"})
    assert code(taken) == "ENTITY_HAS_RECORD"


async def test_every_command_is_audited_with_before_and_after(firm: Firm) -> None:
    """Applied, refused and not permitted; rows can be neither changed nor deleted."""
    project = firm.ids["project"]
    await firm.run("updateProject", PMO, "1", id=project, name="Gemini")
    await firm.run("updateProject", FINANCE, "2", id=project, name="Mercury")
    rows = await read_audit(firm.engine, AUDITOR, first=10)
    assert [(r.action, r.outcome, r.code, r.actor) for r in rows] == [
        ("updateProject", "REJECTED", "NOT_PERMITTED", "finance-ops"),
        ("updateProject", "APPLIED", None, "pmo"),
    ]
    assert (rows[1].before, rows[1].after, rows[1].entity_id) == ({"name": "Apollo"}, {"name": "Gemini"}, project)
    assert [r.id for r in await read_audit(firm.engine, AUDITOR, first=1, before_id=rows[0].id)] == [rows[1].id]
    with pytest.raises(Exception, match="append-only"):
        async with firm.engine.begin() as connection:
            await connection.execute(text("UPDATE audit SET actor = 'nobody'"))

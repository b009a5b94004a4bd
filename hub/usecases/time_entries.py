"""Time: entering it, and approving or rejecting it (domain.md sections 3 and 9)."""

from __future__ import annotations

from decimal import Decimal

from hub.domain import commands
from hub.domain.commands import (
    REACHABLE,
    WORKABLE,
    different_people,
    refuse,
    require_employed,
    require_stage,
    require_state,
)
from hub.domain.ids import new_id
from hub.domain.kinds import Kind
from hub.domain.records import Value
from hub.ports import Entity, SourceWrite
from hub.store.audit import has_submitted, last_done
from hub.store.ledger import Sending
from hub.usecases.bookings import check_hours, employment_of
from hub.usecases.desk import Given, Mutation, Work, writers_of
from hub.usecases.projects import MAX_REASON, check_day, check_text, require_stage_of_project, stage_of

HOURS_OF_A_DAY = Decimal(24)
SUBMIT, SUBMITTED = "submitTimeEntry", "SUBMITTED"
REVIEW_MOVES = frozenset({"status", "approved_at"})


def _check_submit(given: Given) -> None:
    check_day("workDate", given["workDate"])
    check_hours("hours", given["hours"], HOURS_OF_A_DAY)
    check_text("note", given.get("note") or None, 4_000)


async def _prepare_submit(work: Work) -> Sending:
    project, task, person = (work.targets[name] for name in ("projectId", "taskId", "resourceId"))
    if task.kept.get("project") != project.id:
        refuse(
            commands.INVALID_INPUT, "The task belongs to another project.", cls=commands.DATA_QUALITY, field="taskId"
        )
    require_stage(stage_of(project), WORKABLE, "no time can be entered", field="projectId")
    worked = work.given["workDate"]
    require_employed(employment_of(person), worked, worked, field="workDate")
    key = work.key(task, ["name"], field="taskId")
    values: dict[str, Value] = {
        "project": work.ref(project, key.system, field="projectId"),
        "task": work.ref(task, key.system, field="taskId"),
        "resource": work.ref(person, key.system, field="resourceId"),
        "work_date": worked,
        "hours": work.given["hours"],
        "billable": work.given["billable"],
    }
    if work.given.get("note"):
        values["note"] = work.given["note"]
    write = SourceWrite("create", Kind.TIME_ENTRY, None, values, work.token, new_id(Kind.TIME_ENTRY))
    return Sending(key.system, write, work.locks, None)


def _check_review(given: Given) -> None:
    check_text("reason", given.get("reason") or None, MAX_REASON)


async def _prepare_approve(work: Work) -> Sending:
    return await _review(work, "approve", "APPROVED")


async def _prepare_reject(work: Work) -> Sending:
    return await _review(work, "reject", "REJECTED")


async def _review(work: Work, action: str, to: str) -> Sending:
    """Whoever reviews is known, and somebody else than who worked and than for whom it was submitted."""
    entry = work.targets["id"]
    key = work.key(entry, ["status"])
    await require_stage_of_project(work, entry, REACHABLE, "its time is settled")
    await _require_other_person(work, entry)
    before = await work.current(key)
    require_state(_text(before.get("status")), (SUBMITTED,), to, "A time entry")
    values: dict[str, Value] = {"whole_submission": bool(work.given.get("wholeSubmission"))}
    if work.given.get("reason"):
        values["reason"] = work.given["reason"]
    write = SourceWrite(
        action, key.kind, key.external_id, values, work.token, version=work.given.get("expectedVersion")
    )
    return Sending(key.system, write, work.locks, entry.id, before, REVIEW_MOVES)


async def _require_other_person(work: Work, entry: Entity) -> None:
    """Refuse who worked the time, and whoever has had it submitted, or had others of its submission submitted."""
    worker, approver = _text(entry.kept.get("resource")), await work.approver()
    different_people(approver, worker)
    submitted = await last_done(work.desk.engine, SUBMIT, entry.id)
    if submitted is not None:
        different_people(approver, await work.resource_behind(submitted))
    if work.given.get("wholeSubmission") and worker is not None:
        person, project = work.actor.person, _text(entry.kept.get("project"))
        names = [name for name in (person.email, person.subject) if name]
        if await has_submitted(work.desk.engine, SUBMIT, names, project, worker):
            different_people(approver, approver)


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None


MUTATIONS = (
    Mutation(
        SUBMIT,
        writers_of(Kind.TIME_ENTRY, "project", "task", "resource", "work_date", "hours", "billable", "note"),
        {"projectId": Kind.PROJECT, "taskId": Kind.TASK, "resourceId": Kind.RESOURCE},
        _prepare_submit,
        _check_submit,
        shows=None,
        # Nothing that exists is changed, so nothing is locked: a firm's time comes in by the hundred.
        locked=frozenset(),
    ),
    *(
        Mutation(
            name,
            writers_of(Kind.TIME_ENTRY, "status", "approved_at"),
            {"id": Kind.TIME_ENTRY},
            prepare,
            _check_review,
            approval=True,
        )
        for name, prepare in (("approveTimeEntry", _prepare_approve), ("rejectTimeEntry", _prepare_reject))
    ),
)

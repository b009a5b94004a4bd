"""The rows of the table for time."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hub.domain.callers import Caller
from hub.domain.commands import Actor
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import Role
from hub.ports import Entity
from tests.integration.commands.case import Case, Ready, Refused, Spoils, given, given_by
from tests.integration.commands.people import user_id
from tests.support.commands import caller
from tests.support.live import CLERK, NOW, Live, approver_for, time_input

STRANGER = "nobody@elsewhere.example"
UNKNOWN = Actor(caller(Role.DELIVERY_MANAGER, email=STRANGER))
NAMELESS = Actor(caller(Role.DELIVERY_MANAGER))


def entries(hub: Live, user: str, day: date) -> list[tuple[int, str | None, str | None]]:
    """A person's time of one day as Kantata has it: minutes, note, and what became of its submission."""
    path = f"/api/v1/time_entries?with_user_ids={user}&date_performed_between={day}:{day}&on_my_account=false"
    rows = hub.vendor("kantata", f"{path}&per_page=200")["time_entries"].values()
    return sorted(
        ((row["time_in_minutes"], row["notes"], submission(hub, row["recent_submission_id"])) for row in rows), key=str
    )


def submission(hub: Live, external_id: str | None) -> str | None:
    """The status of a submission."""
    return None if external_id is None else hub.kantata("timesheet_submissions", external_id)["status"]


# -- submitTimeEntry --------------------------------------------------------------------------------


async def _worker(hub: Live) -> dict[str, Any]:
    """Time of somebody who is booked on a project in delivery, always the same one's."""
    memo = hub.sandboxes.memo
    if "time" not in memo:
        memo["time"] = await time_input(hub)
    known: dict[str, Any] = memo["time"]
    return known


async def _submit(hub: Live) -> Ready:
    """A quarter of an hour on one of the last days: entered and then submitted, two calls."""
    number, known = hub.number(), await _worker(hub)
    day, note = NOW.date() - timedelta(days=1 + number % 28), f"Built {number}"
    user = user_id(await hub.entity(known["resourceId"]))
    return Ready(
        CLERK,
        {**known, "workDate": day, "hours": Decimal("0.25"), "note": note},
        lambda: entries(hub, user, day),
        lambda before: sorted([*before, (15, note, "pending")], key=str),
        other={"hours": Decimal("0.5")},
        shows={"hours": Decimal("0.25"), "note": note, "billable": True},
        kept={"status": "SUBMITTED", "task": known["taskId"], "resource": known["resourceId"], "work_date": day},
    )


async def _on_a_task_of_another_project(hub: Live, ready: Ready) -> Ready:
    task = await hub.find(Kind.TASK, "project_id <> :project", project=ready.given["projectId"])
    return ready.but(taskId=task.id)


async def _on_a_closed_project(hub: Live, ready: Ready) -> Ready:
    closed = await hub.find(Kind.PROJECT, "status = 'CLOSED' AND kept ->> 'financial_status' = 'CLOSED'")
    task = await hub.find(Kind.TASK, "project_id = :project", project=closed.id)
    return ready.but(projectId=closed.id, taskId=task.id)


async def _on_a_held_project(hub: Live, ready: Ready) -> Ready:
    task = await hub.find(
        Kind.TASK, "EXISTS (SELECT 1 FROM entity p WHERE p.id = e.project_id AND p.status = 'ON_HOLD')"
    )
    return ready.but(projectId=task.kept["project"], taskId=task.id)


async def _of_a_newcomer(hub: Live, ready: Ready) -> Ready:
    return ready.but(resourceId=(await hub.newcomer()).id)


async def _of_one_who_has_left(hub: Live, ready: Ready) -> Ready:
    return ready.but(resourceId=(await hub.gone_person()).id, workDate=NOW.date())


SUBMIT = Case(
    "submitTimeEntry",
    "kantata",
    _submit,
    (
        Refused("INVALID_INPUT", "no hours", given(hours=Decimal(0)), "hours"),
        Refused("INVALID_INPUT", "negative hours", given(hours=Decimal(-1)), "hours"),
        Refused("INVALID_INPUT", "more than a day", given(hours=Decimal("24.25")), "hours"),
        Refused("INVALID_INPUT", "hours too fine", given(hours=Decimal("1.125")), "hours"),
        Refused("INVALID_INPUT", "a day in antiquity", given(workDate=date.min), "workDate"),
        Refused("INVALID_INPUT", "a day a century off", given(workDate=date(2100, 1, 1)), "workDate"),
        Refused("INVALID_INPUT", "a note too long", given(note="n" * 4_001), "note"),
        Refused("INVALID_INPUT", "a task of another project", _on_a_task_of_another_project, "taskId"),
        Refused("PROJECT_NOT_OPEN", "a closed project", _on_a_closed_project, "projectId"),
        Refused("PROJECT_NOT_OPEN", "a held project", _on_a_held_project, "projectId"),
        Refused("OUT_OF_DATES", "before the person starts", given(workDate=date(1980, 1, 1)), "workDate"),
        Refused("OUT_OF_DATES", "after the person has left", _of_one_who_has_left, "workDate"),
        Refused("XREF_MISSING", "a person that the PSA has not", _of_a_newcomer, "resourceId"),
        Refused("INVALID_INPUT", "no whole number of minutes", given(hours=Decimal("1.01")), "hours", asks=True),
    ),
    versioned=False,
    disturbed=False,
)


# -- approveTimeEntry, rejectTimeEntry --------------------------------------------------------------


async def enter(hub: Live, *, submitted: bool = True, together: int = 1) -> Entity:
    """Time that its worker has entered in Kantata, and submitted there with others or alone."""
    known = await _worker(hub)
    project, task, worker = [await hub.entity(known[name]) for name in ("projectId", "taskId", "resourceId")]
    workspace = project.keys[Domain.PSA].external_id
    made = []
    for _ in range(together):
        number = hub.number()
        entry = {
            "workspace_id": workspace,
            "story_id": task.keys[Domain.PSA].external_id,
            "user_id": user_id(worker),
            "date_performed": (NOW.date() - timedelta(days=40 + number % 60)).isoformat(),
            "time_in_minutes": 15,
            "notes": f"Entered {number}",
        }
        answer = hub.vendor("kantata", "/api/v1/time_entries", "POST", {"time_entry": entry})
        made.append(answer["results"][0]["id"])
    if submitted:
        _hand_in(hub, workspace, made)
    return await hub.discovered(Kind.TIME_ENTRY, made[0])


def _hand_in(hub: Live, workspace: str, entry_ids: list[str]) -> None:
    body = {"timesheet_submission": {"workspace_id": workspace, "line_item_ids": entry_ids}}
    hub.vendor("kantata", "/api/v1/timesheet_submissions", "POST", body)


async def _review(hub: Live, decided: str, kept: str, *, together: int = 1, **other: Any) -> Ready:
    """Decided on by a delivery manager who has not worked it."""
    entry = await enter(hub, together=together)
    key = entry.keys[Domain.PSA]
    manager = await approver_for(hub, entry.kept["resource"])
    project = await hub.entity(CanonicalId(str(entry.kept["project"])))
    number = hub.number()

    def state() -> dict[str, Any]:
        row = hub.kantata("time_entries", key.external_id)
        status = submission(hub, row["recent_submission_id"])
        return {"minutes": row["time_in_minutes"], "approved": row["approved"], "note": row["notes"], "status": status}

    def meddle() -> None:
        """The worker takes the time back, corrects it and hands it in again."""
        held = hub.kantata("time_entries", key.external_id)["recent_submission_id"]
        hub.vendor("kantata", f"/api/v1/timesheet_submissions/{held}/cancel", "PUT", {})
        body = {"time_entry": {"notes": f"Corrected {number}"}}
        hub.vendor("kantata", f"/api/v1/time_entries/{key.external_id}", "PUT", body)
        _hand_in(hub, project.keys[Domain.PSA].external_id, [key.external_id])

    return Ready(
        manager,
        {"id": entry.id, "reason": f"for reason {number}", **other},
        state,
        lambda before: {**before, "status": decided, "approved": decided == "approved"},
        other={"reason": "for another reason"},
        shows={"status": kept},
        kept={"status": kept},
        record=key,
        meddle=meddle,
    )


async def _approve(hub: Live) -> Ready:
    return await _review(hub, "approved", "APPROVED")


async def _reject(hub: Live) -> Ready:
    return await _review(hub, "rejected", "REJECTED")


async def _approve_all(hub: Live) -> Ready:
    """All that was submitted together."""
    return await _review(hub, "approved", "APPROVED", together=2, wholeSubmission=True)


async def _reject_all(hub: Live) -> Ready:
    return await _review(hub, "rejected", "REJECTED", together=2, wholeSubmission=True)


async def _for_the_lead(hub: Live) -> Ready:
    """A service account on behalf of the person who leads the project, who is named by e-mail only."""
    ready = await _approve(hub)
    return ready.by(clerk_for(await _lead_of(hub, ready), "approveTimeEntry"))


async def _lead_of(hub: Live, ready: Ready) -> str:
    entry = await hub.entity(ready.given["id"])
    project = await hub.entity(CanonicalId(str(entry.kept["project"])))
    return await email_of(hub, project.kept["manager"])


async def email_of(hub: Live, person: object) -> str:
    """A person's work e-mail."""
    email = (await hub.entity(CanonicalId(str(person)))).kept["email"]
    assert isinstance(email, str)
    return email


def clerk_for(email: str, *mutations: str) -> Actor:
    """A service account that acts for a user, of whom only the e-mail is known."""
    user = Caller(email, frozenset(), email=email, issuer="test")
    return Actor(caller(Role.SERVICE, allow=mutations, subject="clerk"), user)


async def _by_the_worker(hub: Live, ready: Ready) -> Ready:
    entry = await hub.entity(ready.given["id"])
    email = await email_of(hub, entry.kept["resource"])
    return ready.by(Actor(Caller(email, frozenset({Role.DELIVERY_MANAGER}), email=email, issuer="test")))


def _for_somebody_else(mutation: str) -> Spoils:
    """On behalf of a person of the firm who does not lead the project."""

    async def spoil(hub: Live, ready: Ready) -> Ready:
        entry = await hub.entity(ready.given["id"])
        project = await hub.entity(CanonicalId(str(entry.kept["project"])))
        other = await approver_for(hub, entry.kept["resource"], project.kept["manager"])
        return ready.by(clerk_for(str(other.caller.email), mutation))

    return spoil


async def _that_is_a_draft(hub: Live, ready: Ready) -> Ready:
    return ready.but(id=(await enter(hub, submitted=False)).id)


async def _that_was_decided_on(hub: Live, ready: Ready) -> Ready:
    """In Kantata, by somebody there, of which the hub has not heard."""
    entry = await hub.entity(ready.given["id"])
    held = hub.kantata("time_entries", entry.keys[Domain.PSA].external_id)["recent_submission_id"]
    hub.vendor("kantata", f"/api/v1/timesheet_submissions/{held}/approve", "PUT", {})
    return ready


async def _that_is_one_of_two(hub: Live, ready: Ready) -> Ready:
    return ready.but(id=(await enter(hub, together=2)).id)


async def _of_a_closed_project(hub: Live, ready: Ready) -> Ready:
    where = "EXISTS (SELECT 1 FROM entity p WHERE p.id = e.project_id AND p.status = 'CLOSED')"
    return ready.but(id=(await hub.find(Kind.TIME_ENTRY, where)).id)


def _review_refusals(mutation: str) -> tuple[Refused, ...]:
    return (
        Refused("INVALID_INPUT", "an empty reason", given(reason=" "), "reason"),
        Refused("INVALID_INPUT", "a reason too long", given(reason="r" * 2_001), "reason"),
        Refused("INVALID_TRANSITION", "not submitted", _that_is_a_draft, asks=True),
        Refused("INVALID_TRANSITION", "decided on already", _that_was_decided_on, asks=True),
        Refused("SUBMISSION_SHARED", "one of two", _that_is_one_of_two, "wholeSubmission", asks=True),
        Refused("PROJECT_NOT_OPEN", "a closed project", _of_a_closed_project, "id"),
        Refused("SEGREGATION_OF_DUTIES", "by the worker", _by_the_worker),
        Refused("APPROVER_UNKNOWN", "by nobody of the firm", given_by(UNKNOWN)),
        Refused("APPROVER_UNKNOWN", "by somebody without an e-mail", given_by(NAMELESS)),
        Refused("APPROVER_UNKNOWN", "for nobody of the firm", given_by(clerk_for(STRANGER, mutation))),
        Refused("NOT_PERMITTED", "for somebody else than the lead", _for_somebody_else(mutation)),
    )


APPROVE = Case("approveTimeEntry", "kantata", _approve, _review_refusals("approveTimeEntry"))
APPROVE_FOR_THE_LEAD = Case("approveTimeEntry", "kantata", _for_the_lead, variant="for the lead")
APPROVE_ALL = Case("approveTimeEntry", "kantata", _approve_all, variant="as a whole", versioned=False, disturbed=False)
REJECT = Case("rejectTimeEntry", "kantata", _reject, _review_refusals("rejectTimeEntry"))
REJECT_ALL = Case("rejectTimeEntry", "kantata", _reject_all, variant="as a whole", versioned=False, disturbed=False)

CASES = (SUBMIT, APPROVE, APPROVE_FOR_THE_LEAD, APPROVE_ALL, REJECT, REJECT_ALL)

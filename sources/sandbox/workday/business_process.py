"""The business process service (businessProcess/v1): where a write stands, and the approval it may wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.routing import Route

from sources.sandbox.workday.calls import Answer, Call, Desk, resource
from sources.sandbox.workday.instances import INSTANCE_ID, Ref, ref
from sources.sandbox.workday.processes import Event
from sources.sandbox.workday.replies import invalid, not_found
from sources.sandbox.workday.settings import PROCESSES

INITIATION = ref("step_type", "Initiation")
APPROVAL = ref("step_type", "Approval")
SERVICE_STEP = ref("step_type", "Service")
STEP_DONE = ref("step_status", "Completed")
STEP_AWAITING = ref("step_status", "Awaiting Action")
STEP_DENIED = ref("step_status", "Denied")


def business_process_routes(desk: Desk) -> list[Route]:
    """The routes of the service."""
    root = "/ccx/api/businessProcess/v1/{tenant}"
    event = f"{root}/events/{{ID}}"
    step = f"{root}/eventSteps/{{ID}}"
    return [
        resource(desk, f"{root}/events", PROCESSES, GET=list_events),
        resource(desk, event, PROCESSES, GET=get_event),
        resource(desk, f"{event}/completedSteps", PROCESSES, GET=list_completed_steps),
        resource(desk, f"{event}/inProgressSteps", PROCESSES, GET=list_open_steps),
        resource(desk, f"{event}/remainingSteps", PROCESSES, GET=list_open_steps),
        resource(desk, step, PROCESSES, GET=get_step),
        resource(desk, f"{step}/approve", PROCESSES, POST=approve),
        resource(desk, f"{step}/deny", PROCESSES, POST=deny),
    ]


def list_events(call: Call) -> Answer:
    """The events of one worker, newest first; without a worker there are none."""
    call.allow("worker", "limit", "offset")
    given = call.every("worker")
    if any(not INSTANCE_ID.fullmatch(value) for value in given):
        raise invalid("invalid ID value for worker", field="worker")
    worker = call.tenant.find_worker(given[0]) if len(given) == 1 else None
    events = [event for event in call.desk.processes.events.values() if event.worker is worker]
    return call.collection(events[::-1], lambda event: _event_body(call, event))


def get_event(call: Call) -> Answer:
    """One event by its id."""
    call.allow()
    return Answer(_event_body(call, _event(call)))


def list_completed_steps(call: Call) -> Answer:
    """The steps of an event that are behind it: its initiation, and its second step once it has ended."""
    call.allow("limit", "offset")
    event = _event(call)
    makers: list[Callable[[Call, Event], dict[str, Any]]] = [_initiation_body]
    return call.collection(makers if event.pending else [*makers, _step_body], lambda make: make(call, event))


def list_open_steps(call: Call) -> Answer:
    """The steps of an event that are still ahead."""
    call.allow("limit", "offset")
    event = _event(call)
    return call.collection([event] if event.pending else [], lambda event: _step_body(call, event))


def get_step(call: Call) -> Answer:
    """The second step of an event by its own id."""
    call.allow()
    return Answer(_step_body(call, _step_event(call)))


def approve(call: Call) -> Answer:
    """Approve the step that an event waits for; the change takes effect now."""
    call.allow()
    event = _awaiting_event(call)
    event.comment = _comment(call)
    call.desk.processes.complete(event, call.now)
    return Answer(_decision_body(event), 201)


def deny(call: Call) -> Answer:
    """Deny the step that an event waits for; a comment is required."""
    call.allow()
    event = _awaiting_event(call)
    comment = _comment(call)
    if comment is None:
        raise invalid("A comment is required", field="comment", code="A181")
    event.comment = comment
    call.desk.processes.deny(event, call.now)
    return Answer(_decision_body(event), 201)


def _comment(call: Call) -> str | None:
    body = call.json_object(["id", "comment"])
    if body.get("id") not in (None, call.path["ID"]):
        raise invalid("id must be that of the event step", field="id")
    comment = body.get("comment")
    if comment is not None and not isinstance(comment, str):
        raise invalid("comment must be a text", field="comment")
    return comment or None


def _awaiting_event(call: Call) -> Event:
    event = _step_event(call)
    if not event.pending or event.due is not None:
        raise invalid("This event step is not awaiting your action.", code="A212")
    return event


def _event(call: Call) -> Event:
    event = call.desk.processes.events.get(call.instance_id("ID"))
    if event is None:
        raise not_found()
    return event


def _step_event(call: Call) -> Event:
    event = call.desk.processes.find_step(call.instance_id("ID"))
    if event is None:
        raise not_found()
    return event


def _event_body(call: Call, event: Event) -> dict[str, Any]:
    body = {
        "id": event.wid,
        "descriptor": event.descriptor,
        "for": call.worker_ref(event.worker).body(),
        "overallBusinessProcess": call.event_ref(event),
        "status": event.status.body(),
        "creationDate": event.initiated.date().isoformat(),
        "effectiveDate": event.initiated.date().isoformat(),
        "subBusinessProcesses": [],
    }
    return body if event.completed is None else {**body, "completedDate": event.completed.date().isoformat()}


def _initiation_body(call: Call, event: Event) -> dict[str, Any]:
    wid = ref("initiation_step", event.wid).wid
    return _any_step_body(call, event, Ref(wid, "Initiation", ""), INITIATION, STEP_DONE)


def _step_body(call: Call, event: Event) -> dict[str, Any]:
    kind = APPROVAL if event.due is None else SERVICE_STEP
    done = STEP_DENIED if event.denied else STEP_DONE
    step = Ref(event.step_wid, kind.descriptor, "")
    return _any_step_body(call, event, step, kind, STEP_AWAITING if event.pending else done)


def _any_step_body(call: Call, event: Event, step: Ref, kind: Ref, status: Ref) -> dict[str, Any]:
    comments = [] if event.comment is None or kind is INITIATION else [{"comment": event.comment}]
    return {
        **step.body(),
        "event": call.event_ref(event),
        "stepType": kind.body(),
        "status": status.body(),
        "comments": comments,
    }


def _decision_body(event: Event) -> dict[str, Any]:
    body = {"id": event.step_wid, "descriptor": APPROVAL.descriptor, "eventStatus": event.status.body()}
    return body if event.comment is None else {**body, "comment": event.comment}

"""The absence management service (absenceManagement/v2): the time off of a worker, day by day."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from sources.sandbox.firm.model import TimeOff
from sources.sandbox.firm.vendor_ids import workday_wid
from sources.sandbox.workday.calls import Answer, Call, Desk, resource
from sources.sandbox.workday.instances import INSTANCE_ID, ref
from sources.sandbox.workday.replies import invalid
from sources.sandbox.workday.settings import TIME_OFF
from sources.sandbox.workday.tenant import Worker

APPROVED = ref("time_off_status", "Approved")
STATUSES = (APPROVED, *(ref("time_off_status", name) for name in ("Submitted", "Not Submitted", "Sent Back")))
HOURS = ref("unit_of_time", "Hours")


def absence_routes(desk: Desk) -> list[Route]:
    """The routes of the service."""
    root = "/ccx/api/absenceManagement/v2/{tenant}"
    return [
        resource(desk, f"{root}/workers/{{ID}}/timeOffDetails", TIME_OFF, GET=list_time_off),
        resource(desk, f"{root}/values/timeOff/status", TIME_OFF, GET=list_statuses),
    ]


def list_time_off(call: Call) -> Answer:
    """The worker's approved time off, oldest first; the only status that the firm's records have."""
    call.allow("fromDate", "toDate", "status", "timeOffType", "limit", "offset")
    worker = call.worker()
    first, last = call.day("fromDate"), call.day("toDate")
    if first is not None and last is not None and first > last:
        raise invalid("fromDate must not be after toDate", field="fromDate")
    statuses, types = _instances(call, "status"), _instances(call, "timeOffType")
    days = [
        off
        for off in sorted(worker.person.time_off, key=lambda off: off.day)
        if (first is None or off.day >= first)
        and (last is None or off.day <= last)
        and (not types or ref("time_off_type", off.kind).wid in types)
        and (not statuses or APPROVED.wid in statuses)
    ]
    return call.collection(days, lambda off: _time_off_body(call, worker, off))


def list_statuses(call: Call) -> Answer:
    """The statuses that time off can have."""
    call.allow("limit", "offset")
    return call.collection(STATUSES, lambda status: status.body())


def _instances(call: Call, name: str) -> list[str]:
    given = call.every(name)
    wrong = next((value for value in given if not INSTANCE_ID.fullmatch(value)), None)
    if wrong is not None:
        raise invalid(f"invalid ID value: {wrong}", field=name)
    return given


def _time_off_body(call: Call, worker: Worker, off: TimeOff) -> dict[str, Any]:
    return {
        "date": off.day.isoformat(),
        "quantity": off.hours,
        "unit": HOURS.body(),
        "status": APPROVED.body(),
        "timeOffType": ref("time_off_type", off.kind).body(),
        "worker": call.worker_ref(worker).body(),
        "position": {"id": workday_wid("position", worker.person.n), "descriptor": worker.title},
    }

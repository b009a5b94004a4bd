"""The common service (v1): worker summaries, and the change of a business title."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.routing import Route

from sources.sandbox.workday.calls import Answer, Call, Desk, resource
from sources.sandbox.workday.instances import ref
from sources.sandbox.workday.replies import invalid
from sources.sandbox.workday.settings import STAFFING
from sources.sandbox.workday.skills import initiated_body, start
from sources.sandbox.workday.staffing import searched
from sources.sandbox.workday.tenant import FUTURE_HIRE, TERMINATED, Worker


def common_routes(desk: Desk) -> list[Route]:
    """The routes of the service."""
    root = "/ccx/api/v1/{tenant}"
    return [
        resource(desk, f"{root}/workers", STAFFING, GET=list_workers),
        resource(desk, f"{root}/workers/{{ID}}", STAFFING, GET=get_worker),
        resource(desk, f"{root}/workers/{{ID}}/directReports", STAFFING, GET=list_reports),
        resource(desk, f"{root}/workers/{{ID}}/businessTitleChanges", STAFFING, POST=change_title),
    ]


def list_workers(call: Call) -> Answer:
    """Summaries of the workers as of now, without terminated ones and future hires."""
    call.allow("limit", "offset", "search")
    workers = _present(call, call.tenant.workers)
    return call.collection(searched(workers, call.first("search")), lambda worker: summary_body(call, worker))


def get_worker(call: Call) -> Answer:
    """One worker with the location and the years of service."""
    call.allow()
    worker = call.worker()
    years = max(0, (call.today - worker.person.hired).days // 365)
    return Answer({**summary_body(call, worker), "location": _location(worker), "yearsOfService": years})


def list_reports(call: Call) -> Answer:
    """Summaries of the workers whom a worker manages."""
    call.allow("limit", "offset")
    manager = call.worker()
    reports = [worker for worker in _present(call, call.tenant.workers) if worker.person.manager == manager.person.n]
    return call.collection(reports, lambda worker: summary_body(call, worker))


def summary_body(call: Call, worker: Worker) -> dict[str, Any]:
    """A worker as the service summarizes it."""
    tenant = call.tenant
    organization = tenant.organizations[tenant.organization_of[worker.wid]]
    return {
        **call.worker_ref(worker).body(),
        "href": call.href("v1", f"workers/{worker.wid}"),
        "primaryWorkEmail": worker.person.email,
        "businessTitle": worker.title,
        "isManager": worker.wid in tenant.managers,
        "primarySupervisoryOrganization": {"id": organization.wid, "descriptor": organization.name},
    }


def change_title(call: Call) -> Answer:
    """Start the process that changes a worker's business title: 201 with the event."""
    call.allow()
    worker = call.worker()
    title = call.json_object(["proposedBusinessTitle"]).get("proposedBusinessTitle")
    if not isinstance(title, str) or not title.strip():
        raise invalid("Proposed Business Title is required.", field="proposedBusinessTitle")
    if worker.status(call.today) is TERMINATED:
        raise invalid("Worker is terminated and does not have a future hire.")
    proposed = title.strip()

    def effect(at: datetime) -> None:
        call.tenant.set_title(worker, proposed, at)

    event = start(call, worker, "businessTitle", "Business Title Change", effect)
    return Answer({**initiated_body(call, event), "proposedBusinessTitle": proposed}, 201)


def _present(call: Call, workers: list[Worker]) -> list[Worker]:
    return [worker for worker in workers if worker.status(call.today) not in (FUTURE_HIRE, TERMINATED)]


def _location(worker: Worker) -> dict[str, str]:
    return ref("location", worker.person.location).body()

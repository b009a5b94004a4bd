"""The staffing service (staffing/v6): workers, job profiles and supervisory organizations."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from sources.sandbox.firm.vendor_ids import workday_wid
from sources.sandbox.workday.calls import Answer, Call, Desk, resource
from sources.sandbox.workday.instances import Ref, ref
from sources.sandbox.workday.replies import not_found
from sources.sandbox.workday.settings import STAFFING
from sources.sandbox.workday.tenant import FUTURE_HIRE, TERMINATED, SupervisoryOrganization, Tenant, Worker

SERVICE = "staffing/v6"


def staffing_routes(desk: Desk) -> list[Route]:
    """The routes of the service, skills aside."""
    root = "/ccx/api/staffing/v6/{tenant}"
    return [
        resource(desk, f"{root}/workers", STAFFING, GET=list_workers),
        resource(desk, f"{root}/workers/{{ID}}", STAFFING, GET=get_worker),
        resource(desk, f"{root}/workers/{{ID}}/serviceDates", STAFFING, GET=list_service_dates),
        resource(desk, f"{root}/workers/{{ID}}/serviceDates/{{subresourceID}}", STAFFING, GET=get_service_dates),
        resource(desk, f"{root}/jobProfiles", STAFFING, GET=list_job_profiles),
        resource(desk, f"{root}/jobProfiles/{{ID}}", STAFFING, GET=get_job_profile),
        resource(desk, f"{root}/supervisoryOrganizations", STAFFING, GET=list_organizations),
        resource(desk, f"{root}/supervisoryOrganizations/{{ID}}", STAFFING, GET=get_organization),
        resource(desk, f"{root}/supervisoryOrganizations/{{ID}}/members", STAFFING, GET=list_members),
    ]


def list_workers(call: Call) -> Answer:
    """Workers as of now: no future hires, terminated ones only on request."""
    call.allow("limit", "offset", "search", "includeTerminatedWorkers")
    hidden = (FUTURE_HIRE,) if call.flag("includeTerminatedWorkers") else (FUTURE_HIRE, TERMINATED)
    workers = [worker for worker in call.tenant.workers if worker.status(call.today) not in hidden]
    return call.collection(searched(workers, call.first("search")), lambda worker: worker_body(call, worker))


def searched(workers: list[Worker], search: str | None) -> list[Worker]:
    """The workers whose name or number contains one of the words, letter case aside."""
    words = (search or "").casefold().split()
    if not words:
        return workers
    return [worker for worker in workers if any(word in _searchable(worker) for word in words)]


def _searchable(worker: Worker) -> str:
    return f"{worker.person.name} {worker.person.employee_number}".casefold()


def get_worker(call: Call) -> Answer:
    """One worker, whatever the status."""
    call.allow()
    return Answer(worker_body(call, call.worker()))


def worker_body(call: Call, worker: Worker) -> dict[str, Any]:
    """A worker as the service represents it; it has no manager and no status of its own."""
    person = worker.person
    return {
        **call.worker_ref(worker).body(),
        "workerId": person.employee_number,
        "workerType": worker.type.body(),
        "person": {"id": workday_wid("person", person.n), "descriptor": person.name, "email": person.email},
        "primaryJob": _job_body(call.tenant, worker),
        "additionalJobs": [],
    }


def _job_body(tenant: Tenant, worker: Worker) -> dict[str, Any]:
    person = worker.person
    organization = tenant.organizations[tenant.organization_of[worker.wid]]
    country = {"country": {"descriptor": person.country}}
    return {
        "id": workday_wid("position", person.n),
        "descriptor": f"{worker.title} - {person.name}",
        "businessTitle": worker.title,
        "supervisoryOrganization": {"id": organization.wid, "descriptor": organization.name},
        "jobProfile": ref("job_profile", person.job_profile).body(),
        "jobType": {"descriptor": "Primary"},
        "location": {**ref("location", person.location).body(), **country},
    }


def list_service_dates(call: Call) -> Answer:
    """The worker's service dates, a collection of one."""
    call.allow("limit", "offset")
    return call.collection([call.worker()], _service_dates_body)


def get_service_dates(call: Call) -> Answer:
    """The worker's service dates by their own id."""
    call.allow()
    body = _service_dates_body(call.worker())
    if call.instance_id("subresourceID") != body["id"]:
        raise not_found()
    return Answer(body)


def _service_dates_body(worker: Worker) -> dict[str, Any]:
    hired = worker.person.hired.isoformat()
    return {
        "id": workday_wid("service_dates", worker.person.n),
        "descriptor": worker.person.name,
        "hireDate": hired,
        "originalHireDate": hired,
        "continuousServiceDate": hired,
    }


def _job_profiles(tenant: Tenant) -> dict[str, dict[str, Any]]:
    bodies: dict[str, dict[str, Any]] = {}
    for worker in tenant.workers:
        profile = ref("job_profile", worker.person.job_profile)
        if profile.wid not in bodies:
            bodies[profile.wid] = _job_profile_body(profile, worker)
    return bodies


def _job_profile_body(profile: Ref, worker: Worker) -> dict[str, Any]:
    """A job profile; its management level is that of the first worker who has it."""
    return {
        **profile.body(),
        "name": profile.descriptor,
        "jobCode": profile.reference.partition("=")[2],
        "managementLevel": ref("management_level", worker.person.grade).body(),
        "jobFamilies": [],
        "inactive": False,
    }


def list_job_profiles(call: Call) -> Answer:
    """The job profiles that workers have; all of them are active."""
    call.allow("limit", "offset", "includeInactive")
    call.flag("includeInactive")
    return call.collection(list(_job_profiles(call.tenant).values()), lambda body: body)


def get_job_profile(call: Call) -> Answer:
    """One job profile by WID or reference id."""
    call.allow()
    given = call.instance_id("ID")
    for body in _job_profiles(call.tenant).values():
        if given in (body["id"], f"Job_Profile_ID={body['jobCode']}"):
            return Answer(body)
    raise not_found()


def list_organizations(call: Call) -> Answer:
    """The supervisory organizations; all of them are active."""
    call.allow("limit", "offset", "includeInactive")
    call.flag("includeInactive")
    organizations = list(call.tenant.organizations.values())
    return call.collection(organizations, lambda organization: organization_body(call, organization))


def get_organization(call: Call) -> Answer:
    """One supervisory organization by WID or reference id."""
    call.allow()
    return Answer(organization_body(call, _organization(call)))


def list_members(call: Call) -> Answer:
    """The workers of an organization who are there now; its manager sits in the organization above."""
    call.allow("limit", "offset")
    present = [w for w in _organization(call).members if w.status(call.today) not in (FUTURE_HIRE, TERMINATED)]
    return call.collection(present, lambda worker: worker_body(call, worker))


def _organization(call: Call) -> SupervisoryOrganization:
    given = call.instance_id("ID")
    for organization in call.tenant.organizations.values():
        if given in (organization.wid, f"Organization_Reference_ID={organization.code}"):
            return organization
    raise not_found()


def organization_body(call: Call, organization: SupervisoryOrganization) -> dict[str, Any]:
    """A supervisory organization with its managers and the organization above it."""
    manager = organization.manager
    body = {
        "id": organization.wid,
        "descriptor": organization.name,
        "name": organization.name,
        "code": organization.code,
        "href": call.href(SERVICE, f"supervisoryOrganizations/{organization.wid}"),
        "managers": [] if manager is None else [call.worker_ref(manager).body()],
        "inactive": False,
    }
    if manager is None:
        return body
    superior = call.tenant.organizations[call.tenant.organization_of[manager.wid]]
    return {**body, "superior": {"id": superior.wid, "descriptor": superior.name}}

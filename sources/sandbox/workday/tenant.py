"""The tenant's tables: workers with what can change of them, supervisory organizations, skills, locations.

Built once from the firm, then mutated by completed business processes. `version` counts the mutations, so
that whatever was computed from the tables can tell whether it is still right.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime

from sources.sandbox.firm.model import CostRate, Firm, Person
from sources.sandbox.firm.vendor_ids import workday_wid
from sources.sandbox.workday.instances import Ref, ref, reference_value

ACTIVE = ref("worker_status", "Active")
ON_LEAVE = ref("worker_status", "On Leave")
TERMINATED = ref("worker_status", "Terminated")
FUTURE_HIRE = ref("worker_status", "Future Hire")
EMPLOYEE = ref("worker_type", "Employee")
CONTINGENT = ref("worker_type", "Contingent Worker")


@dataclass(frozen=True, slots=True)
class ExplicitSkill:
    """A skill that a worker claims: the instance of the claim and the skill item it points to."""

    wid: str
    item: Ref


@dataclass(slots=True)
class Worker:
    """One worker: the person of the firm, and what business processes changed since."""

    person: Person
    wid: str
    title: str
    skills: dict[str, ExplicitSkill]
    modified: datetime

    def status(self, day: date) -> Ref:
        """The status as of a day, leave aside; the termination date itself is the last day of work."""
        if self.person.hired > day:
            return FUTURE_HIRE
        if self.person.terminated is not None and self.person.terminated < day:
            return TERMINATED
        return ACTIVE

    def cost_rate(self, day: date) -> CostRate | None:
        """The cost rate in force on a day, None before the first one."""
        return max(
            (rate for rate in self.person.cost_rates if rate.valid_from <= day),
            key=lambda rate: rate.valid_from,
            default=None,
        )

    @property
    def type(self) -> Ref:
        """Employee or contingent worker."""
        return CONTINGENT if self.person.contingent else EMPLOYEE

    @property
    def reference(self) -> str:
        """The reference id that paths and queries may use instead of the WID."""
        kind = "Contingent_Worker_ID" if self.person.contingent else "Employee_ID"
        return f"{kind}={self.person.employee_number}"


@dataclass(frozen=True, slots=True)
class SupervisoryOrganization:
    """The organization that a manager leads: the manager's reports are its members."""

    wid: str
    code: str
    name: str
    manager: Worker | None
    members: tuple[Worker, ...]


@dataclass(slots=True)
class Tenant:
    """All tables of the tenant; workers are in the firm's order."""

    firm: Firm
    workers: list[Worker]
    by_wid: dict[str, Worker]
    by_number: dict[str, Worker]
    by_email: dict[str, Worker]
    by_n: dict[int, Worker]
    organizations: dict[str, SupervisoryOrganization]
    skill_items: dict[str, Ref]
    countries: dict[str, str]
    version: int = 0
    organization_of: dict[str, str] = field(default_factory=dict)
    managers: set[str] = field(default_factory=set)

    def status_of(self, worker: Worker, day: date) -> Ref:
        """The worker's status as of a day, leave included; the past of a leave is not known, so it begins today."""
        status = worker.status(day)
        on_leave = worker.person.on_leave and day >= self.firm.today
        return ON_LEAVE if status is ACTIVE and on_leave else status

    def worker_ref(self, worker: Worker, day: date) -> Ref:
        """The worker as an instance; its display text shows leave and termination."""
        status = self.status_of(worker, day)
        suffix = f" ({status.descriptor})" if status in (ON_LEAVE, TERMINATED) else ""
        return Ref(worker.wid, worker.person.name + suffix, worker.reference)

    def find_worker(self, given: str) -> Worker | None:
        """The worker that a WID or a reference id names, or None."""
        if given in self.by_wid:
            return self.by_wid[given]
        worker = self.by_number.get(given.partition("=")[2])
        return worker if worker is not None and worker.reference == given else None

    def find_skill_item(self, given: str) -> Ref | None:
        """The skill item that a WID or a reference id names, or None."""
        return next((item for item in self.skill_items.values() if item.named(given)), None)

    def skill_item_called(self, name: str) -> Ref:
        """The skill item of this name, whatever its letter case; a name that is new joins the catalogue."""
        return self.skill_items.setdefault(name.casefold(), ref("skill", name))

    def add_skill(self, worker: Worker, item: Ref, at: datetime) -> None:
        """Record a skill of a worker."""
        worker.skills[item.wid] = explicit_skill(worker.person, item)
        self._touch(worker, at)

    def remove_skill(self, worker: Worker, item: Ref, at: datetime) -> None:
        """Take a skill from a worker."""
        worker.skills.pop(item.wid, None)
        self._touch(worker, at)

    def set_title(self, worker: Worker, title: str, at: datetime) -> None:
        """Change a worker's business title."""
        worker.title = title
        self._touch(worker, at)

    def _touch(self, worker: Worker, at: datetime) -> None:
        worker.modified = max(_stamp(at), worker.modified)
        self.version += 1


def explicit_skill(person: Person, item: Ref) -> ExplicitSkill:
    """The claim of a skill item by a person; the same claim has the same WID whenever it is made."""
    return ExplicitSkill(workday_wid("explicit_skill", f"{person.n}:{item.wid}"), item)


def build_tenant(firm: Firm) -> Tenant:
    """The tenant's tables as the firm's HCM would hold them."""
    workers = [_worker(person) for person in firm.people]
    tenant = Tenant(
        firm=firm,
        workers=workers,
        by_wid={worker.wid: worker for worker in workers},
        by_number={worker.person.employee_number: worker for worker in workers},
        by_email={worker.person.email.casefold(): worker for worker in workers},
        by_n={worker.person.n: worker for worker in workers},
        organizations={},
        skill_items={skill.item.descriptor.casefold(): skill.item for w in workers for skill in w.skills.values()},
        countries={person.location: person.country for person in firm.people},
    )
    _build_organizations(tenant)
    return tenant


def _worker(person: Person) -> Worker:
    items = [ref("skill", name) for name in person.skills]
    return Worker(
        person=person,
        wid=workday_wid("worker", person.n),
        title=person.title,
        skills={item.wid: explicit_skill(person, item) for item in items},
        modified=_stamp(person.modified),
    )


def _stamp(at: datetime) -> datetime:
    """An instant as the tenant keeps it: in milliseconds, so that what is shown is what is compared."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _build_organizations(tenant: Tenant) -> None:
    members: dict[int | None, list[Worker]] = defaultdict(list)
    for worker in tenant.workers:
        members[worker.person.manager].append(worker)
    for n, reports in sorted(members.items(), key=lambda entry: entry[0] or 0):
        manager = tenant.by_n.get(n) if n is not None else None
        organization = _organization(manager, reports)
        tenant.organizations[organization.wid] = organization
        if manager is not None:
            tenant.managers.add(manager.wid)
        tenant.organization_of.update(dict.fromkeys((worker.wid for worker in reports), organization.wid))


def _organization(manager: Worker | None, reports: list[Worker]) -> SupervisoryOrganization:
    code = "SUP_TOP" if manager is None else f"SUP_{reference_value(manager.person.employee_number)}"
    name = "Board" if manager is None else f"{manager.title} team ({manager.person.name})"
    return SupervisoryOrganization(workday_wid("supervisory_organization", code), code, name, manager, tuple(reports))

"""Data sources whose primary object is the worker, and the skills of workers.

`company` (legal entity code) and `practiceCode` (cost-centre reference id) are calculated text fields of this
tenant, as are the two cost-rate companions; status, type, job profile, management level and location are
instances. Compensation and personal data are in no security group of the integration user: no such field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sources.sandbox.firm.model import Amount
from sources.sandbox.workday.instances import Ref, ref
from sources.sandbox.workday.tenant import FUTURE_HIRE, TERMINATED, ExplicitSkill, Tenant, Worker
from sources.sandbox.workday.wql.columns import Column, Kind, by_alias, instance, text
from sources.sandbox.workday.wql.data_source import DataSource, Scope


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker as of a day."""

    tenant: Tenant
    worker: Worker
    day: date


@dataclass(frozen=True, slots=True)
class SkillRow:
    """One skill of one worker."""

    worker: Worker
    skill: ExplicitSkill


def _manager_number(row: WorkerRow) -> str | None:
    number = row.worker.person.manager
    manager = None if number is None else row.tenant.by_n.get(number)
    return None if manager is None else manager.person.employee_number


def _termination(row: WorkerRow) -> date | None:
    terminated = row.worker.person.terminated
    return terminated if terminated is not None and terminated <= row.day else None


def _cost_rate(row: WorkerRow) -> Amount | None:
    rate = row.worker.cost_rate(row.day)
    return None if rate is None else rate.rate


def _cost_rate_currency(row: WorkerRow) -> str | None:
    rate = row.worker.cost_rate(row.day)
    return None if rate is None else rate.rate.currency


def _cost_rate_from(row: WorkerRow) -> date | None:
    rate = row.worker.cost_rate(row.day)
    return None if rate is None else rate.valid_from


def _fte(row: WorkerRow) -> Decimal:
    return row.worker.person.fte


def _reference(kind: str, key: Callable[[WorkerRow], str]) -> Callable[[WorkerRow], Ref]:
    return lambda row: ref(kind, key(row))


_PLAIN = by_alias(
    text("workdayID", "Workday ID", lambda row: row.worker.wid),
    text("employeeID", "Employee ID", lambda row: row.worker.person.employee_number),
    text("fullName", "Full Name", lambda row: row.worker.person.name),
    text("primaryWorkEmail", "Email - Primary Work", lambda row: row.worker.person.email),
    instance("workerStatus", "Worker Status", lambda row: row.tenant.status_of(row.worker, row.day)),
    Column("hireDate", "Hire Date", Kind.DATE, lambda row: row.worker.person.hired),
    Column("terminationDate", "Termination Date", Kind.DATE, _termination),
    Column("fte", "FTE", Kind.NUMERIC, _fte),
    text("businessTitle", "Business Title", lambda row: row.worker.title),
    instance("managementLevel", "Management Level", _reference("management_level", lambda r: r.worker.person.grade)),
    instance("location", "Location", _reference("location", lambda row: row.worker.person.location)),
    text("company", "Company Reference ID", lambda row: row.worker.person.company),
    text("practiceCode", "Cost Center Reference ID", lambda row: row.worker.person.practice),
    text("managerEmployeeID", "Manager Employee ID", _manager_number),
    instance("jobProfile", "Job Profile", _reference("job_profile", lambda row: row.worker.person.job_profile)),
    instance("workerType", "Worker Type", lambda row: row.worker.type),
    Column("costRate", "Project Labor Cost Rate", Kind.CURRENCY, _cost_rate),
    text("costRateCurrency", "Project Labor Cost Rate Currency", _cost_rate_currency),
    Column("costRateFrom", "Project Labor Cost Rate Effective Date", Kind.DATE, _cost_rate_from),
    Column("lastFunctionallyUpdated", "Last Functionally Updated", Kind.DATETIME, lambda row: row.worker.modified),
)
_SELF = Column(
    "worker",
    "Worker",
    Kind.INSTANCE,
    lambda row: row.tenant.worker_ref(row.worker, row.day),
    _PLAIN,
    expand=lambda row: row,
)
WORKER_COLUMNS = {"worker": _SELF, **_PLAIN}

SKILL_COLUMNS = by_alias(
    text("workdayID", "Workday ID", lambda row: row.worker.wid),
    text("employeeID", "Employee ID", lambda row: row.worker.person.employee_number),
    instance("skill", "Skill Item", lambda row: row.skill.item),
    Column("lastFunctionallyUpdated", "Last Functionally Updated", Kind.DATETIME, lambda row: row.worker.modified),
)


def named_workers(tenant: Tenant, alias: str, values: Iterable[str]) -> list[Worker]:
    """The workers whose indexed field has one of these values, each once, in table order."""
    index = {"employeeID": tenant.by_number, "workdayID": tenant.by_wid, "primaryWorkEmail": tenant.by_email}[alias]
    keys = (value.casefold() if alias == "primaryWorkEmail" else value for value in values)
    found = {worker.wid: worker for worker in (index.get(key) for key in keys) if worker is not None}
    return sorted(found.values(), key=lambda worker: worker.person.n)


def _worker_rows(workers: Iterable[Worker], scope: Scope) -> list[WorkerRow]:
    return [WorkerRow(scope.tenant, worker, scope.day) for worker in workers]


def _is_active_employee(row: WorkerRow) -> bool:
    status = row.tenant.status_of(row.worker, row.day)
    return not row.worker.person.contingent and status not in (TERMINATED, FUTURE_HIRE)


def _active(rows: Iterable[WorkerRow]) -> list[WorkerRow]:
    return [row for row in rows if _is_active_employee(row)]


def _at_address(scope: Scope) -> Sequence[WorkerRow]:
    return _worker_rows(named_workers(scope.tenant, "primaryWorkEmail", [scope.texts["emailAddress"]]), scope)


def _skill_rows(workers: Iterable[Worker]) -> list[SkillRow]:
    return [SkillRow(worker, skill) for worker in workers for skill in worker.skills.values()]


WORKER_SOURCES = (
    DataSource(
        alias="allWorkers",
        label="All Workers",
        columns=WORKER_COLUMNS,
        rows=lambda scope: _worker_rows(scope.tenant.workers, scope),
        pick=lambda scope, alias, keys: _worker_rows(named_workers(scope.tenant, alias, keys), scope),
        indexed=("employeeID", "workdayID", "primaryWorkEmail"),
        dated=True,
    ),
    DataSource(
        alias="allActiveEmployees",
        label="All Active Employees",
        columns=WORKER_COLUMNS,
        rows=lambda scope: _active(_worker_rows(scope.tenant.workers, scope)),
        pick=lambda scope, alias, keys: _active(_worker_rows(named_workers(scope.tenant, alias, keys), scope)),
        indexed=("employeeID", "workdayID", "primaryWorkEmail"),
        dated=True,
    ),
    DataSource(
        alias="workerFromEmailAddress",
        label="Worker from Email Address",
        columns=WORKER_COLUMNS,
        rows=_at_address,
        required=("emailAddress",),
        dated=True,
    ),
    DataSource(
        alias="workerSkills",
        label="Worker Skills",
        columns=SKILL_COLUMNS,
        rows=lambda scope: _skill_rows(scope.tenant.workers),
        pick=lambda scope, alias, keys: _skill_rows(named_workers(scope.tenant, alias, keys)),
        indexed=("employeeID", "workdayID"),
    ),
)

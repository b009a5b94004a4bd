"""Workday's rows as records' attributes: which mapping entries each attribute needs, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from hub.domain.kinds import Kind
from hub.domain.money import Money
from hub.domain.records import DatedRate, Key, Ref, Value
from sources.shapes import Row

CONTINGENT = "Contingent Worker"

DEFAULT_MAPPING: Mapping[str, str] = {
    "resource.name": "fullName",
    "resource.email": "primaryWorkEmail",
    "resource.status": "workerStatus",
    "resource.hire_date": "hireDate",
    "resource.end_date": "terminationDate",
    "resource.title": "businessTitle",
    "resource.grade": "managementLevel",
    "resource.location": "location",
    "resource.job_profile": "jobProfile",
    "resource.fte": "fte",
    "resource.practice": "practiceCode",
    "resource.legal_entity": "company",
    "resource.manager": "managerEmployeeID",
    "resource.cost_rate": "costRate",
    "resource.cost_rate.currency": "costRateCurrency",
    "resource.cost_rate.valid_from": "costRateFrom",
    "resource.skills": "skill",
    "resource.time_off.date": "date",
    "resource.time_off.hours": "hours",
    "resource.work_week.weekday": "weekday",
    "resource.work_week.hours": "hours",
    "resource.holidays.date": "date",
    "resource.worker_type": "workerType",
    "resource.employee_number": "employeeID",
    "resource.stamp": "lastFunctionallyUpdated",
}
"""The tenant's WQL aliases: columns of `allWorkers`, and of the data sources in sources.workday.lists.

A tenant that lacks one of those data sources maps the entries of its columns to "".
"""

STATUSES: Mapping[str, str] = {
    "Active": "ACTIVE",
    "On Leave": "ON_LEAVE",
    "Terminated": "TERMINATED",
    "Future Hire": "FUTURE_HIRE",
}

_SUFFIX = re.compile(r" \((?:Terminated|On Leave)\)$")


@dataclass(frozen=True, slots=True)
class Worker:
    """A row of `allWorkers`, read by mapping entry; an entry without an alias has no value."""

    row: Row
    mapping: Mapping[str, str]
    statuses: Mapping[str, str]
    today: date

    def text(self, entry: str) -> str | None:
        """A text column."""
        return self.row.text(self.mapping[entry])

    def day(self, entry: str) -> date | None:
        """A date column."""
        return self.row.day(self.mapping[entry])

    def name(self, entry: str) -> str | None:
        """The display text of an instance, or a text column."""
        return display(self.row, self.mapping[entry])

    def ref(self, kind: Kind, entry: str, by: str) -> Ref | None:
        """A reference by the business key in a text column."""
        text = self.text(entry)
        return None if text is None else Ref(kind, text, by)


def display(row: Row, column: str) -> str | None:
    """The descriptor of an instance value `{id, descriptor}`, or a plain text."""
    value = row.data.get(column)
    if not isinstance(value, dict):
        return row.text(column)
    descriptor = value.get("descriptor")
    if not isinstance(descriptor, str):
        raise row.broken(column, "an instance with a descriptor")
    return descriptor


def _name(worker: Worker) -> Value:
    column = worker.mapping["resource.name"]
    return _SUFFIX.sub("", worker.row.required(column, worker.text("resource.name")))


def _status(worker: Worker) -> Value:
    """The employment status; one who is active from a later day on is a future hire."""
    column = worker.mapping["resource.status"]
    status = worker.statuses.get(worker.row.required(column, worker.name("resource.status")))
    if status is None:
        raise worker.row.broken(column, "a known worker status")
    hired = worker.day("resource.hire_date")
    return "FUTURE_HIRE" if status == "ACTIVE" and hired is not None and hired > worker.today else status


def cost_rate(worker: Worker) -> DatedRate | None:
    """The rate per hour: an amount object, or a number with its currency in the next column."""
    column = worker.mapping["resource.cost_rate"]
    value = worker.row.data.get(column)
    if isinstance(value, dict):
        amount = Row(worker.row.system, worker.row.operation, value)
        rate = amount.money("value", amount.text("currency"))
    else:
        rate = worker.row.money(column, worker.text("resource.cost_rate.currency"))
    return None if rate is None else _dated(rate, worker)


def _dated(rate: Money, worker: Worker) -> DatedRate:
    return DatedRate(rate, worker.day("resource.cost_rate.valid_from"))


@dataclass(frozen=True, slots=True)
class Field:
    """Where an attribute comes from: how it is read, and the mapping entries whose columns it needs."""

    read: Callable[[Worker], Value]
    entries: tuple[str, ...]


def _plain(read: Callable[[Worker, str], Value], entry: str) -> Field:
    return Field(lambda worker: read(worker, entry), (entry,))


RATE_ENTRIES = ("resource.cost_rate", "resource.cost_rate.currency", "resource.cost_rate.valid_from")
FIELDS: Mapping[str, Field] = {
    "name": Field(_name, ("resource.name",)),
    "email": _plain(Worker.text, "resource.email"),
    "status": Field(_status, ("resource.status", "resource.hire_date")),
    "hire_date": _plain(Worker.day, "resource.hire_date"),
    "end_date": _plain(Worker.day, "resource.end_date"),
    "title": _plain(Worker.text, "resource.title"),
    "grade": _plain(Worker.name, "resource.grade"),
    "location": _plain(Worker.name, "resource.location"),
    "job_profile": _plain(Worker.name, "resource.job_profile"),
    "fte": _plain(lambda worker, entry: worker.row.number(worker.mapping[entry]), "resource.fte"),
    "practice": _plain(lambda worker, entry: worker.ref(Kind.PRACTICE, entry, "code"), "resource.practice"),
    "legal_entity": _plain(lambda worker, entry: worker.ref(Kind.LEGAL_ENTITY, entry, "code"), "resource.legal_entity"),
    "manager": _plain(lambda worker, entry: worker.ref(Kind.RESOURCE, entry, "employee_number"), "resource.manager"),
    "cost_rate": Field(cost_rate, RATE_ENTRIES),
}
"""All attributes but those in sources.workday.lists, which are rows of data sources of their own."""


def label_of(worker: Worker) -> str:
    """The name for people, marked when the worker is not an employee."""
    name = str(_name(worker))
    return f"{name} (contingent worker)" if worker.name("resource.worker_type") == CONTINGENT else name


def keys_of(worker: Worker) -> tuple[Key, ...]:
    """What a worker can be matched by: employee number and e-mail."""
    number, email = worker.text("resource.employee_number"), worker.text("resource.email")
    keys = (number and Key("employee_number", number), email and Key("email", email.casefold()))
    return tuple(key for key in keys if key)

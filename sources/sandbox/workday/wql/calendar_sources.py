"""Data sources of time: approved time off, work schedules by location, and holiday calendars.

The firm works eight hours from Monday to Friday everywhere. A holiday calendar belongs to the locations
whose name, or whose country, it carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sources.sandbox.firm.model import TimeOff
from sources.sandbox.workday.instances import Ref, ref
from sources.sandbox.workday.tenant import Tenant, Worker
from sources.sandbox.workday.wql.columns import Column, Kind, by_alias, instance, text
from sources.sandbox.workday.wql.data_source import DataSource
from sources.sandbox.workday.wql.worker_sources import named_workers

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WORKING_DAYS = WEEKDAYS[:5]
WORKING_HOURS = Decimal(8)


@dataclass(frozen=True, slots=True)
class TimeOffRow:
    """Approved hours of a worker on one day."""

    worker: Worker
    off: TimeOff


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """The hours of one weekday at a location."""

    location: Ref
    weekday: str
    hours: Decimal


@dataclass(frozen=True, slots=True)
class HolidayRow:
    """A holiday of a calendar, at a location that follows it; no location when none does."""

    calendar: str
    location: Ref | None
    day: date


TIME_OFF_COLUMNS = by_alias(
    text("workdayID", "Workday ID", lambda row: row.worker.wid),
    text("employeeID", "Employee ID", lambda row: row.worker.person.employee_number),
    Column("date", "Time Off Date", Kind.DATE, lambda row: row.off.day),
    Column("hours", "Approved Hours", Kind.NUMERIC, lambda row: row.off.hours),
    instance("timeOffType", "Time Off Type", lambda row: ref("time_off_type", row.off.kind)),
)
SCHEDULE_COLUMNS = by_alias(
    instance("location", "Location", lambda row: row.location),
    text("weekday", "Day of the Week", lambda row: row.weekday),
    Column("hours", "Scheduled Hours", Kind.NUMERIC, lambda row: row.hours),
)
HOLIDAY_COLUMNS = by_alias(
    text("calendar", "Holiday Calendar", lambda row: row.calendar),
    instance("location", "Location", lambda row: row.location),
    Column("date", "Holiday Date", Kind.DATE, lambda row: row.day),
)


def _time_off(workers: Sequence[Worker]) -> list[TimeOffRow]:
    return [
        TimeOffRow(worker, off) for worker in workers for off in sorted(worker.person.time_off, key=lambda o: o.day)
    ]


def _schedules(tenant: Tenant) -> list[ScheduleRow]:
    return [
        ScheduleRow(ref("location", name), weekday, WORKING_HOURS if weekday in WORKING_DAYS else Decimal(0))
        for name in sorted(tenant.countries)
        for weekday in WEEKDAYS
    ]


def _holidays(tenant: Tenant) -> list[HolidayRow]:
    return [
        HolidayRow(calendar, location, day)
        for calendar, days in sorted(tenant.firm.holidays.items())
        for location in _followers(tenant, calendar)
        for day in sorted(days)
    ]


def _followers(tenant: Tenant, calendar: str) -> list[Ref | None]:
    countries = sorted(tenant.countries.items())
    names: list[str | None] = [name for name, country in countries if calendar in (name, country)]
    return [None if name is None else ref("location", name) for name in names or [None]]


CALENDAR_SOURCES = (
    DataSource(
        alias="approvedTimeOff",
        label="Approved Time Off",
        columns=TIME_OFF_COLUMNS,
        rows=lambda scope: _time_off(scope.tenant.workers),
        pick=lambda scope, alias, keys: _time_off(named_workers(scope.tenant, alias, keys)),
        indexed=("employeeID", "workdayID"),
    ),
    DataSource(
        alias="workSchedules",
        label="Work Schedules by Location",
        columns=SCHEDULE_COLUMNS,
        rows=lambda scope: _schedules(scope.tenant),
    ),
    DataSource(
        alias="holidays",
        label="Holidays by Location",
        columns=HOLIDAY_COLUMNS,
        rows=lambda scope: _holidays(scope.tenant),
    ),
)

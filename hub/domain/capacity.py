"""What a person can work, and where bookings go beyond it (domain.md sections 5 and 7).

Net capacity of a day: the hours of its weekday times FTE; nothing on a public holiday or outside employment; less
the hours of approved time off. A booking's hours fall on the days of its interval in proportion to these hours: so
half a day off takes half a day's share, and what fits into the interval as a whole is nowhere too much by itself.
Sums are exact: shares are fractions, and rounded only where they are shown.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, ROUND_UP, Context, Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cache
from itertools import accumulate

from hub.domain.lifecycle import PlannedWork

WEEK, ONE_DAY = timedelta(days=7), timedelta(days=1)
SATURDAY = 5
NO_HOURS = Decimal(0)
STANDARD_WEEK: tuple[Decimal, ...] = (*(Decimal(8),) * 5, *(NO_HOURS,) * 2)
"""The hours of Monday to Sunday for somebody of whom no system tells other ones."""
CRITICAL_LOAD = Fraction(6, 5)
"""A week booked beyond 120 % is critical."""
DAY_LOAD = Fraction(3, 2)
"""A day may carry half as much again as its hours; what is more is too much even in a week that has room."""


@dataclass(frozen=True, slots=True)
class Employment:
    """When a person may work: first and last day, both included; `ended` tells that the person has left."""

    first: date | None = None
    last: date | None = None
    ended: bool = False

    def includes(self, day: date) -> bool:
        """Whether the day lies between the first and the last."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a person can work; `work_week` has the hours of Monday to Sunday at FTE 1, `time_off` hours by day."""

    work_week: tuple[Decimal, ...] = STANDARD_WEEK
    fte: Decimal = Decimal(1)
    holidays: frozenset[date] = frozenset()
    time_off: Mapping[date, Decimal] = field(default_factory=dict)
    employment: Employment = field(default_factory=Employment)

    def hours_of(self, day: date) -> Decimal:
        """Net hours of one day, never below zero."""
        if day in self.holidays or not self.employment.includes(day):
            return NO_HOURS
        whole = self.work_week[day.weekday()] * self.fte
        return max(NO_HOURS, whole - max(NO_HOURS, self.time_off.get(day, NO_HOURS)))

    def hours(self, start: date, end: date) -> Decimal:
        """Net hours of `[start, end)`."""
        return sum((self.hours_of(day) for day in days_of(start, end)), NO_HOURS)


def days_of(start: date, end: date) -> Iterator[date]:
    """The days of `[start, end)`, in order."""
    return (start + timedelta(days=n) for n in range((end - start).days))


def monday_of(day: date) -> date:
    """The Monday of the day's ISO week."""
    return day - timedelta(days=day.weekday())


class Span(StrEnum):
    """What is overbooked; the words are for people."""

    WEEK = "week of"
    DAY = "day"


class Severity(StrEnum):
    """How bad an overbooking is."""

    OVERBOOKED = "overbooked"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Overbooking:
    """An ISO week (by its Monday) or a day in which a person is booked beyond capacity, in hours."""

    span: Span
    first: date
    booked: Decimal
    capacity: Decimal
    severity: Severity

    @property
    def load(self) -> Decimal | None:
        """Booked hours by capacity, to six places; None without any capacity."""
        if not self.capacity:
            return None
        return Context(prec=28).divide(self.booked, self.capacity).quantize(Decimal("0.000001"), ROUND_HALF_UP)

    def __str__(self) -> str:
        """Span, hours and load, for people."""
        parts = [f"{_plain(self.booked)} h booked", f"{_plain(self.capacity)} h capacity"]
        parts += [] if self.load is None else [f"load {_plain(self.load)}"]
        parts += [self.severity] if self.severity is Severity.CRITICAL else []
        return f"{self.span} {self.first}: {', '.join(parts)}"


def overbookings(wanted: PlannedWork, others: Iterable[PlannedWork], capacity: Capacity) -> tuple[Overbooking, ...]:
    """The weeks, then the days, that a new hard booking takes part in and that are then booked beyond capacity.

    A week is when its hours exceed the week's capacity, a day when they exceed one and a half times the day's. Without
    any capacity every booking is too much, and critical in a week. Other bookings without dates do not count.
    """
    if wanted.start is None or wanted.end is None or wanted.hours <= 0:
        return ()
    hours_of = cache(capacity.hours_of)
    days = _days_taken(wanted.start, max(wanted.end, wanted.start + ONE_DAY), hours_of)
    loads = _Loads([wanted, *(work for work in others if _reaches(work, days[0], days[-1]))], hours_of)
    weeks = (_week(monday, loads, hours_of) for monday in dict.fromkeys(monday_of(day) for day in days))
    single = (_day(day, loads.on(day), hours_of(day)) for day in days)
    return tuple(found for found in (*weeks, *single) if found is not None)


def worsened(now: Iterable[Overbooking], before: Iterable[Overbooking]) -> tuple[Overbooking, ...]:
    """Those that were not there before, or that have more hours now."""
    had = {(one.span, one.first): one.booked for one in before}
    return tuple(one for one in now if one.booked > had.get((one.span, one.first), NO_HOURS))


HoursOf = Callable[[date], Decimal]


def _days_taken(start: date, end: date, hours_of: HoursOf) -> list[date]:
    """The days of `[start, end)` that a booking lies on: with hours, else Monday to Friday, else what is there."""
    days = list(days_of(start, end))
    return [day for day in days if hours_of(day)] or [day for day in days if day.weekday() < SATURDAY] or days


def _reaches(work: PlannedWork, first: date, last: date) -> bool:
    """Whether a booking has dates, and may lie on some day of the weeks from that of `first` to that of `last`."""
    return work.start is not None and work.end is not None and work.start < last + WEEK and work.end > first - WEEK


class _Loads:
    """The hours that are booked on each day, by several bookings together.

    On days with hours a booking takes a constant part of them, so the sum of these parts changes only where a booking
    begins or ends: long bookings cost no more than short ones. Bookings without hours to lie on are kept by day.
    """

    def __init__(self, bookings: Iterable[PlannedWork], hours_of: HoursOf) -> None:
        self._hours_of = hours_of
        self._by_day = defaultdict[date, Fraction](Fraction)
        changes = defaultdict[date, Fraction](Fraction)
        for work in bookings:
            if work.start is not None and work.end is not None:
                self._add(Fraction(work.hours), work.start, work.end, changes)
        self._from = sorted(changes)
        self._parts = list(accumulate(changes[day] for day in self._from))

    def _add(self, hours: Fraction, start: date, until: date, changes: dict[date, Fraction]) -> None:
        end = max(until, start + ONE_DAY)
        days = _days_taken(start, end, self._hours_of)
        room = Fraction(sum((self._hours_of(day) for day in days), NO_HOURS))
        if room:
            changes[start] += hours / room
            changes[end] -= hours / room
            return
        for day in days:
            self._by_day[day] += hours / len(days)

    def on(self, day: date) -> Fraction:
        """The hours booked on a day."""
        at = bisect_right(self._from, day)
        part = self._parts[at - 1] if at else Fraction(0)
        return part * Fraction(self._hours_of(day)) + self._by_day.get(day, Fraction(0))


def _week(monday: date, loads: _Loads, hours_of: HoursOf) -> Overbooking | None:
    days = list(days_of(monday, monday + WEEK))
    booked, capacity = sum((loads.on(day) for day in days), Fraction(0)), sum(map(hours_of, days), NO_HOURS)
    if booked <= Fraction(capacity):
        return None
    severity = Severity.CRITICAL if booked > CRITICAL_LOAD * Fraction(capacity) else Severity.OVERBOOKED
    return Overbooking(Span.WEEK, monday, _shown(booked), capacity, severity)


def _day(day: date, booked: Fraction, capacity: Decimal) -> Overbooking | None:
    if booked <= DAY_LOAD * Fraction(capacity):
        return None
    return Overbooking(Span.DAY, day, _shown(booked), capacity, Severity.OVERBOOKED)


def _shown(hours: Fraction) -> Decimal:
    """Hours to two places, up: what is too much must not look like enough."""
    return (
        Context(prec=28)
        .divide(Decimal(hours.numerator), Decimal(hours.denominator))
        .quantize(Decimal("0.01"), ROUND_UP)
    )


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"

"""What a person can work, and where bookings go beyond it (domain.md sections 5 and 7).

Net capacity of a day: the hours of its weekday times FTE; nothing on a public holiday or outside employment; less
the hours of approved time off. A booking's hours fall on the days of its interval in proportion to these hours: so
half a day off takes half a day's share, and what fits into the interval as a whole is nowhere too much by itself.
Sums are exact: shares are fractions, and rounded only where they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, ROUND_UP, Context, Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cache

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
    mine = _spread(wanted.hours, wanted.start, wanted.end, hours_of)
    first, until = monday_of(min(mine.weights)), monday_of(max(mine.weights)) + WEEK
    shares = [mine, *(s for work in others if (s := _touching(work, first, until, hours_of)) is not None)]
    weeks = (
        _week(monday, shares, hours_of) for monday in dict.fromkeys(monday_of(day) for day in sorted(mine.weights))
    )
    days = (_day(day, shares, hours_of(day)) for day in sorted(mine.weights))
    return tuple(found for found in (*weeks, *days) if found is not None)


def worsened(now: Iterable[Overbooking], before: Iterable[Overbooking]) -> tuple[Overbooking, ...]:
    """Those that were not there before, or that have more hours now."""
    had = {(one.span, one.first): one.booked for one in before}
    return tuple(one for one in now if one.booked > had.get((one.span, one.first), NO_HOURS))


HoursOf = Callable[[date], Decimal]


@dataclass(frozen=True, slots=True)
class _Spread:
    """A booking over its days: what each day weighs, and the hours that one unit of weight stands for."""

    weights: Mapping[date, Decimal]
    per_unit: Fraction

    def within(self, days: Iterable[date]) -> Fraction:
        """The booking's hours on these days."""
        return self.per_unit * Fraction(sum((self.weights.get(day, NO_HOURS) for day in days), NO_HOURS))


def _spread(hours: Decimal, start: date, end: date, hours_of: HoursOf) -> _Spread:
    """By the hours of each day; without any, evenly over Monday to Friday, or over a weekend that is all there is."""
    days = list(days_of(start, end)) or [start]
    weights = {day: weight for day in days if (weight := hours_of(day))}
    if not weights:
        weights = dict.fromkeys([day for day in days if day.weekday() < SATURDAY] or days, Decimal(1))
    return _Spread(weights, Fraction(hours) / Fraction(sum(weights.values(), NO_HOURS)))


def _touching(work: PlannedWork, first: date, until: date, hours_of: HoursOf) -> _Spread | None:
    """The spread of another booking, if it has dates and reaches into `[first, until)`."""
    if work.start is None or work.end is None or work.start >= until or work.end < first:
        return None
    return _spread(work.hours, work.start, work.end, hours_of)


def _week(monday: date, shares: Sequence[_Spread], hours_of: HoursOf) -> Overbooking | None:
    days = list(days_of(monday, monday + WEEK))
    booked, capacity = _sum(shares, days), sum((hours_of(day) for day in days), NO_HOURS)
    if booked <= Fraction(capacity):
        return None
    severity = Severity.CRITICAL if booked > CRITICAL_LOAD * Fraction(capacity) else Severity.OVERBOOKED
    return Overbooking(Span.WEEK, monday, _shown(booked), capacity, severity)


def _day(day: date, shares: Sequence[_Spread], capacity: Decimal) -> Overbooking | None:
    booked = _sum(shares, [day])
    if booked <= DAY_LOAD * Fraction(capacity):
        return None
    return Overbooking(Span.DAY, day, _shown(booked), capacity, Severity.OVERBOOKED)


def _sum(shares: Sequence[_Spread], days: Sequence[date]) -> Fraction:
    return sum((share.within(days) for share in shares), Fraction(0))


def _shown(hours: Fraction) -> Decimal:
    """Hours to two places, up: what is too much must not look like enough."""
    return (
        Context(prec=28)
        .divide(Decimal(hours.numerator), Decimal(hours.denominator))
        .quantize(Decimal("0.01"), ROUND_UP)
    )


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"

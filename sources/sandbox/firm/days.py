"""The firm's calendar: periods and when they close, working days, public holidays, instants that lie in the past."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

CLOSING_DAY = 6
"""A period stops taking postings when this day of the following month begins, in every legal entity."""

FIXED_HOLIDAYS: dict[str, tuple[tuple[int, int], ...]] = {
    "US": ((1, 1), (5, 25), (6, 19), (7, 4), (9, 7), (11, 26), (12, 25)),
    "GB": ((1, 1), (5, 4), (5, 25), (8, 31), (12, 25), (12, 28)),
    "DE": ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26)),
    "JP": ((1, 1), (2, 11), (2, 23), (4, 29), (5, 4), (5, 5), (8, 11), (9, 21), (11, 3), (11, 23)),
}


def period_of(day: date) -> str:
    """The posting period (YYYY-MM) that a day lies in."""
    return f"{day.year:04d}-{day.month:02d}"


def period_start(period: str) -> date:
    """The first day of a period."""
    return date(int(period[:4]), int(period[5:]), 1)


def months_later(day: date, months: int) -> date:
    """The first day of the month that lies so many months after (or, negative, before) the day's month."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def periods_between(first: date, last: date) -> list[str]:
    """Every period touched by the days from first to last, both included, in order."""
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return [period_of(months_later(first, i)) for i in range(count)]


def closes_on(period: str) -> date:
    """The day from which on a period takes no more postings."""
    return months_later(period_start(period), 1).replace(day=CLOSING_DAY)


def earliest_open_period(on: date) -> str:
    """The earliest period that still takes postings on a day."""
    return period_of(months_later(on, -1) if on.day < CLOSING_DAY else on)


def holidays(country: str, years: Iterable[int]) -> list[date]:
    """A country's public holidays on working days, in order."""
    days = (date(year, month, day) for year in years for month, day in FIXED_HOLIDAYS.get(country, ()))
    return sorted(day for day in days if day.weekday() < 5)


def working_days(first: date, last: date) -> list[date]:
    """The Mondays to Fridays from first to last, both included."""
    count = (last - first).days + 1
    days = (first + timedelta(days=i) for i in range(max(0, count)))
    return [day for day in days if day.weekday() < 5]


def monday_of(day: date) -> date:
    """The Monday of the day's ISO week."""
    return day - timedelta(days=day.weekday())


def next_working_day(day: date) -> date:
    """The day itself, or the Monday after a weekend."""
    return day + timedelta(days=7 - day.weekday()) if day.weekday() > 4 else day


def instant(day: date, hour: int = 9, minute: int = 0) -> datetime:
    """An aware UTC instant on a day."""
    return datetime.combine(day, time(hour, minute), UTC)


def past(moment: datetime, today: date) -> datetime:
    """The moment, or the last hour of yesterday when it would lie after the start of today."""
    return min(moment, instant(today, 0) - timedelta(minutes=30))

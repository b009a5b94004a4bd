"""SOQL's relative dates: each names a span of days, seen from today in UTC. Weeks begin on Sunday."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

DaySpan = tuple[date, date]
"""The first day of a span, and the day after its last."""


def find_span(text: str, today: date) -> DaySpan | None:
    """The span that a relative date such as `TODAY` or `LAST_N_DAYS:30` names, or None when there is none.

    A count that leads out of the calendar names none.
    """
    name, _, count = text.partition(":")
    if count:
        counted = _COUNTED.get(name)
        try:
            return counted(today, int(count)) if counted is not None else None
        except (OverflowError, ValueError):
            return None
    plain = _PLAIN.get(name)
    return plain(today) if plain is not None else None


def _days(today: date, first: int, after: int) -> DaySpan:
    return today + timedelta(days=first), today + timedelta(days=after)


def _month(today: date, first: int, after: int) -> DaySpan:
    return _month_start(today, first), _month_start(today, after)


def _month_start(today: date, months: int) -> date:
    index = today.year * 12 + today.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _week(today: date, first: int, after: int) -> DaySpan:
    sunday = today - timedelta(days=(today.weekday() + 1) % 7)
    return sunday + timedelta(weeks=first), sunday + timedelta(weeks=after)


def _quarter(today: date, first: int, after: int) -> DaySpan:
    into = (today.month - 1) % 3
    return _month_start(today, 3 * first - into), _month_start(today, 3 * after - into)


def _year(today: date, first: int, after: int) -> DaySpan:
    return date(today.year + first, 1, 1), date(today.year + after, 1, 1)


_PLAIN: dict[str, Callable[[date], DaySpan]] = {
    "YESTERDAY": lambda today: _days(today, -1, 0),
    "TODAY": lambda today: _days(today, 0, 1),
    "TOMORROW": lambda today: _days(today, 1, 2),
    "LAST_90_DAYS": lambda today: _days(today, -90, 1),
    "NEXT_90_DAYS": lambda today: _days(today, 1, 91),
    "LAST_WEEK": lambda today: _week(today, -1, 0),
    "THIS_WEEK": lambda today: _week(today, 0, 1),
    "NEXT_WEEK": lambda today: _week(today, 1, 2),
    "LAST_MONTH": lambda today: _month(today, -1, 0),
    "THIS_MONTH": lambda today: _month(today, 0, 1),
    "NEXT_MONTH": lambda today: _month(today, 1, 2),
    "LAST_QUARTER": lambda today: _quarter(today, -1, 0),
    "THIS_QUARTER": lambda today: _quarter(today, 0, 1),
    "NEXT_QUARTER": lambda today: _quarter(today, 1, 2),
    "LAST_YEAR": lambda today: _year(today, -1, 0),
    "THIS_YEAR": lambda today: _year(today, 0, 1),
    "NEXT_YEAR": lambda today: _year(today, 1, 2),
}
_COUNTED: dict[str, Callable[[date, int], DaySpan]] = {
    "LAST_N_DAYS": lambda today, n: _days(today, -n, 1),
    "NEXT_N_DAYS": lambda today, n: _days(today, 1, n + 1),
    "N_DAYS_AGO": lambda today, n: _days(today, -n, 1 - n),
    "LAST_N_WEEKS": lambda today, n: _week(today, -n, 0),
    "NEXT_N_WEEKS": lambda today, n: _week(today, 1, n + 1),
    "LAST_N_MONTHS": lambda today, n: _month(today, -n, 0),
    "NEXT_N_MONTHS": lambda today, n: _month(today, 1, n + 1),
    "LAST_N_QUARTERS": lambda today, n: _quarter(today, -n, 0),
    "NEXT_N_QUARTERS": lambda today, n: _quarter(today, 1, n + 1),
    "LAST_N_YEARS": lambda today, n: _year(today, -n, 0),
    "NEXT_N_YEARS": lambda today, n: _year(today, 1, n + 1),
}

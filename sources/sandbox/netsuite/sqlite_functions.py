"""Oracle's functions that SQLite lacks, on the date text that the books keep."""

from __future__ import annotations

import calendar
import sqlite3
from datetime import datetime, timedelta
from typing import Any

from sources.sandbox.core import Clock
from sources.sandbox.netsuite.date_formats import INNER_FORMAT, format_date

_DAY_SECONDS = 86_400


class BadValue(Exception):
    """A value that a function cannot take; SQLite turns it into an OperationalError."""


def _parsed(text: str) -> datetime:
    return datetime.strptime(text, INNER_FORMAT)  # noqa: DTZ007 -- account-local by definition


def _to_date(text: Any, pattern: str) -> str | None:
    if text is None:
        return None
    try:
        return datetime.strptime(str(text), pattern).strftime(INNER_FORMAT)  # noqa: DTZ007 -- as above
    except ValueError as exc:
        raise BadValue(f"{text} does not match {pattern}") from exc


def _to_char(text: str | None, oracle_format: str) -> str | None:
    return None if text is None else format_date(_parsed(text), oracle_format)


def _trunc(text: str | None, unit: str) -> str | None:
    if text is None:
        return None
    moment = _parsed(text).replace(hour=0, minute=0, second=0)
    if unit in {"MM", "MON", "MONTH"}:
        moment = moment.replace(day=1)
    elif unit == "Q":
        moment = moment.replace(day=1, month=(moment.month - 1) // 3 * 3 + 1)
    elif unit in {"YYYY", "YEAR", "YY"}:
        moment = moment.replace(day=1, month=1)
    return moment.strftime(INNER_FORMAT)


def _add_days(text: str | None, days: float | None) -> str | None:
    if text is None or days is None:
        return None
    return (_parsed(text) + timedelta(days=float(days))).strftime(INNER_FORMAT)


def _days_between(later: str | None, earlier: str | None) -> float | None:
    if later is None or earlier is None:
        return None
    return (_parsed(later) - _parsed(earlier)).total_seconds() / _DAY_SECONDS


def _last_day_of(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _add_months(text: str | None, months: float | None) -> str | None:
    if text is None or months is None:
        return None
    moment = _parsed(text)
    years, index = divmod(moment.month - 1 + int(float(months)), 12)
    year, month = moment.year + years, index + 1
    was_last = moment.day == _last_day_of(moment.year, moment.month)
    last = _last_day_of(year, month)
    return moment.replace(year=year, month=month, day=last if was_last else min(moment.day, last)).strftime(
        INNER_FORMAT
    )


def _last_day(text: str | None) -> str | None:
    if text is None:
        return None
    moment = _parsed(text)
    return moment.replace(day=_last_day_of(moment.year, moment.month)).strftime(INNER_FORMAT)


def number_text(value: float) -> str:
    """A number as NetSuite prints it: no exponent, no trailing zeros, no binary noise."""
    if isinstance(value, int):
        return str(value)
    text = format(value, ".13g")
    if "e" in text:
        text = format(float(text), ".8f").rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _text_of(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else number_text(value)


def _to_number(value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError as exc:
        raise BadValue("invalid number") from exc
    return int(number) if number.is_integer() else number


def _divide(dividend: Any, divisor: Any) -> float | None:
    if dividend is None or divisor is None:
        return None
    if float(divisor) == 0:
        raise BadValue("divisor is equal to zero")
    return float(dividend) / float(divisor)


def register_functions(connection: sqlite3.Connection, clock: Clock) -> None:
    """Make the functions known to a connection; `ns_now` follows the given clock."""
    for name, arity, function in (
        ("ns_to_date", 2, _to_date),
        ("ns_to_char", 2, _to_char),
        ("ns_trunc", 2, _trunc),
        ("ns_add_days", 2, _add_days),
        ("ns_days_between", 2, _days_between),
        ("ns_add_months", 2, _add_months),
        ("ns_last_day", 1, _last_day),
        ("ns_text", 1, _text_of),
        ("ns_number", 1, _to_number),
        ("ns_divide", 2, _divide),
    ):
        connection.create_function(name, arity, function, deterministic=True)
    connection.create_function("ns_now", 0, lambda: clock().strftime(INNER_FORMAT))

"""The graph's custom scalars: how each is checked on the way in and written on the way out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal as ExactDecimal
from typing import Any, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from hub.domain.currencies import CURRENCIES

Date = NewType("Date", date)
DateTime = NewType("DateTime", datetime)
Decimal = NewType("Decimal", ExactDecimal)
Period = NewType("Period", str)
Currency = NewType("Currency", str)

MAX_DECIMAL_LENGTH = 40
_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_PERIOD = re.compile(r"(?!0000)\d{4}-(0[1-9]|1[0-2])", re.ASCII)


def parse_date(value: object) -> date:
    """The calendar day in the text; raises ValueError."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("a date looks like 2026-03-31")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such day") from None


def parse_date_time(value: object) -> datetime:
    """The instant in the text, in UTC; raises ValueError."""
    if not isinstance(value, str) or not _DATE_TIME.fullmatch(value):
        raise ValueError("an instant looks like 2026-03-31T08:15:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such instant") from None


def parse_decimal(value: object) -> ExactDecimal:
    """The exact number in a string or an integer; a float has lost digits already, so it is refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > MAX_DECIMAL_LENGTH or not _DECIMAL.fullmatch(value):
        raise ValueError('a decimal is a string such as "1234.50", or an integer')
    return ExactDecimal(value)


def parse_period(value: object) -> str:
    """The accounting period; raises ValueError."""
    if not isinstance(value, str) or not _PERIOD.fullmatch(value):
        raise ValueError("a period looks like 2026-03")
    return value


def parse_currency(value: object) -> str:
    """The currency's code; raises ValueError for a code that ISO 4217 does not have."""
    if not isinstance(value, str) or value not in CURRENCIES:
        raise ValueError("a currency is an ISO 4217 code such as EUR")
    return value


def _written(value: object) -> str:
    """Values leave the table of fields as text already; dates and numbers that do not are written plainly."""
    if isinstance(value, float):
        raise TypeError("a float is never exact")
    return value.isoformat() if isinstance(value, date) else str(value)


def _scalar(name: str, description: str, parse: Callable[[object], Any]) -> ScalarDefinition:
    return strawberry.scalar(name=name, description=description, serialize=_written, parse_value=parse)


SCALARS: Mapping[object, ScalarDefinition] = {
    Date: _scalar("Date", "A calendar day without a time zone, written `2026-03-31` (ISO 8601).", parse_date),
    DateTime: _scalar("DateTime", "An instant in UTC, written `2026-03-31T08:15:00Z` (RFC 3339).", parse_date_time),
    Decimal: _scalar(
        "Decimal",
        'An exact decimal number, written as a JSON string: `"1234.50"`. Arguments take a string or an integer,'
        " never a floating-point number. Money has its currency's places, hours have 2, ratios 6.",
        parse_decimal,
    ),
    Period: _scalar("Period", "An accounting period: a calendar month, written `2026-03`.", parse_period),
    Currency: _scalar("Currency", "A currency by its ISO 4217 code, such as `EUR`.", parse_currency),
}
"""Scalar definitions by the type that stands for them in the schema's classes."""

"""Exact values as JSON and back: what the directory's JSONB columns hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, assert_never

from hub.domain.kinds import Kind
from hub.domain.money import Money
from hub.domain.records import DatedRate, InvoiceLineValue, Ref, Value

# One-letter tags keep the many rows of time entries small; plain JSON strings, booleans and integers stay as they are.
_INSTANT, _DATE, _DECIMAL, _MONEY, _REF = "t", "d", "n", "m", "r"


def to_json(value: Value) -> Any:
    """A JSON value that `from_json` turns back into an equal value; raises TypeError for what is never kept."""
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal():
            return {_DECIMAL: str(value)}
        case datetime():
            return {_INSTANT: value.isoformat()}
        case date():
            return {_DATE: value.isoformat()}
        case Money():
            return {_MONEY: [value.minor, value.currency]}
        case Ref():
            return {_REF: [str(value.kind), value.value, value.by]}
        case tuple():
            return [_item_to_json(item) for item in value]
        case DatedRate():
            raise TypeError("a cost rate is never kept")
        case _:
            assert_never(value)


def _item_to_json(item: object) -> Any:
    """Of an invoice's lines the directory keeps the milestones only: they are links."""
    if isinstance(item, InvoiceLineValue):
        return None if item.milestone is None else to_json(item.milestone)
    if isinstance(item, str):
        return item
    raise TypeError(f"{type(item).__name__} is never kept")


def from_json(value: Any) -> Value:
    """The value that `to_json` was given, except that a kept tuple holds strings and references only."""
    if isinstance(value, str):  # most values are, and this is the hottest loop of a first load
        return value
    match value:
        case {"n": str(number)}:
            return Decimal(number)
        case {"t": str(instant)}:
            return datetime.fromisoformat(instant)
        case {"d": str(day)}:
            return date.fromisoformat(day)
        case {"m": [int(minor), str(currency)]}:
            return Money(minor, currency)
        case {"r": [str(kind), str(text), str(by)]}:
            return Ref(Kind(kind), text, by)
        case list():
            return tuple(from_json(item) for item in value if item is not None)  # type: ignore[return-value]
        case None | bool() | int() | str():
            return value
        case _:
            raise TypeError("not a kept value")


def encode(values: Mapping[str, Value]) -> dict[str, Any]:
    """Attributes as a JSON object; attributes without a value are left out."""
    return {name: to_json(value) for name, value in values.items() if value is not None}


def decode(stored: Mapping[str, Any]) -> dict[str, Value]:
    """The attributes of a JSON object made by `encode`."""
    return {name: from_json(value) for name, value in stored.items()}

"""Cache entries as bytes and back, for the shared tier; exact, and without running anything that was stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson

from cache.memory import EXISTENCE, Entry
from hub.domain.kinds import Kind
from hub.domain.money import Money
from hub.domain.records import (
    DatedRate,
    DayOff,
    InvoiceLineValue,
    OpenItem,
    Record,
    RecordKey,
    Ref,
    RevenueRow,
    SoldPackage,
    SoldRole,
    Value,
)

PRIVATE = frozenset({"cost_rate", "time_off"})
"""Attributes (also with a parameter, `cost_rate@…`) that never leave the process's own memory: few may know them."""

_SHAPES: dict[str, tuple[type[Any], tuple[str, ...]]] = {
    "role": (SoldRole, ("role", "hours", "bill_rate", "start_date", "end_date")),
    "package": (SoldPackage, ("code", "quantity", "price")),
    "open": (OpenItem, ("due_on", "open", "disputed")),
    "revenue": (RevenueRow, ("period", "planned", "recognized", "billed")),
    "line": (InvoiceLineValue, ("description", "amount", "period", "milestone")),
    "rate": (DatedRate, ("rate", "valid_from")),
    "off": (DayOff, ("day", "hours")),
}
_TAG_OF = {shape: tag for tag, (shape, _) in _SHAPES.items()}
_READERS: dict[str, Callable[[Any], Any]] = {
    "decimal": Decimal,
    "instant": datetime.fromisoformat,
    "date": date.fromisoformat,
    "money": lambda pair: Money(pair[0], pair[1]),
    "ref": lambda parts: Ref(Kind(parts[0]), parts[1], parts[2]),
    "list": lambda items: tuple(_read(item) for item in items),
}


def is_private(attribute: str) -> bool:
    """Whether an attribute stays out of the shared tier."""
    return attribute.partition("@")[0] in PRIVATE


def dump(entry: Entry) -> bytes:
    """The entry without its private attributes."""
    record = entry.record
    body: dict[str, Any] = {"missing_at": entry.missing_at}
    if record is not None:
        shared = [name for name in record.attributes if not is_private(name)]
        body |= {
            "key": list(record.key),
            "attributes": {name: _write(record.attributes[name]) for name in shared},
            "at": {name: entry.at[name] for name in (EXISTENCE, *shared)},
            "stamp": record.stamp,
            "source_timestamp": _write(record.source_timestamp),
            "fetched_at": record.fetched_at.isoformat(),
        }
    return orjson.dumps(body)


def load(raw: bytes) -> Entry:
    """The entry in bytes made by `dump`; raises ValueError, KeyError or TypeError for anything else."""
    body = orjson.loads(raw)
    if "key" not in body:
        return Entry(None, {}, float(body["missing_at"]))
    system, kind, external_id = body["key"]
    record = Record(
        RecordKey(system, Kind(kind), external_id),
        {name: _read(value) for name, value in body["attributes"].items()},
        body["stamp"],
        _read(body["source_timestamp"]),
        datetime.fromisoformat(body["fetched_at"]),
    )
    return Entry(record, body["at"])


def _write(value: Value | object) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal():
            return {"decimal": str(value)}
        case datetime():
            return {"instant": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case Money():
            return {"money": [value.minor, value.currency]}
        case Ref():
            return {"ref": list(value)}
        case tuple():
            return {"list": [_write(item) for item in value]}
        case _:
            tag = _TAG_OF[type(value)]
            return {tag: [_write(getattr(value, name)) for name in _SHAPES[tag][1]]}


def _read(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((tag, content),) = value.items()
    reader = _READERS.get(tag)
    return reader(content) if reader is not None else _SHAPES[tag][0](*(_read(part) for part in content))

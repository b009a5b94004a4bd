"""Kantata's envelope and addresses: how an answer is taken apart and how a request line is put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from hub.errors import SourceMisconfigured, SourceShapeBroken
from sources.shapes import Row

PAGE_ROWS = 200
"""The vendor's maximum; more is clamped silently."""
LINE_BYTES = 6500
"""How long the list of ids in a request line may be: servers commonly refuse lines over 8 KB."""

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Envelope:
    """One answer: the rows in the vendor's order, the side-loaded maps, and how many rows the query has in all."""

    system: str
    operation: str
    rows: tuple[Row, ...]
    maps: Mapping[str, Mapping[str, Any]]
    count: int

    def side(self, collection: str, row_id: str) -> Row:
        """A side-loaded row that another row points to; raises SourceShapeBroken when it is not there."""
        return _row(self.maps, collection, row_id, self.system, self.operation)


def envelope(data: Any, system: str, operation: str) -> Envelope:
    """Take an answer apart; raises SourceShapeBroken when it is no envelope."""
    if not isinstance(data, dict) or not isinstance(data.get("results"), list):
        raise SourceShapeBroken(system, "the answer has no results", operation=operation)
    count = data.get("count")
    if isinstance(count, bool) or not isinstance(count, int):
        raise SourceShapeBroken(system, "the answer has no count", operation=operation)
    try:
        pairs = [(result["key"], result["id"]) for result in data["results"]]
    except (KeyError, TypeError):
        raise SourceShapeBroken(system, "results do not name key and id", operation=operation) from None
    rows = tuple(_row(data, key, row_id, system, operation) for key, row_id in pairs)
    return Envelope(system, operation, rows, data, count)


def _row(maps: Mapping[str, Any], collection: str, row_id: str, system: str, operation: str) -> Row:
    try:
        data = maps[collection][row_id]
    except (KeyError, TypeError):
        data = None
    if not isinstance(data, dict):
        raise SourceShapeBroken(system, f"{collection} lacks a row that the answer refers to", operation=operation)
    return Row(system, operation, data)


def identifier(row: Row, field: str) -> str | None:
    """An id as text: the vendor gives texts, in some plain columns whole numbers."""
    value = row.data.get(field)
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool) or not isinstance(value, int):
        raise row.broken(field, "an id")
    return str(value)


def identifiers(row: Row, field: str) -> list[str]:
    """The ids of a to-many association, which is there only because it was included."""
    value = row.data.get(field)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise row.broken(field, "a list of ids")
    return value


def line(path: str, query: Query) -> str:
    """Path and query with commas and colons as they are: escaped they would triple in length."""
    return path + "?" + "&".join(f"{name}={quote(value, safe=',:')}" for name, value in query.items())


def stamp_text(instant: datetime) -> str:
    """An instant as the vendor's filters take it, in whole seconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def packs(ids: Sequence[str], *, most: int | None = None) -> Iterator[list[str]]:
    """Ids in groups that fit a request line, of at most `most` each."""
    pack: list[str] = []
    length = 0
    for vendor_id in ids:
        if pack and (length + len(vendor_id) + 1 > LINE_BYTES or len(pack) == most):
            yield pack
            pack, length = [], 0
        pack.append(vendor_id)
        length += len(vendor_id) + 1
    if pack:
        yield pack


def unmapped(system: str, entry: str, name: str) -> SourceMisconfigured:
    """The error for a mapped custom field that the tenant does not have."""
    return SourceMisconfigured(system, f"the tenant has no custom field {name!r} (mapping entry {entry})")

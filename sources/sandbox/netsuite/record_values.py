"""Single values of records: from the books to JSON and back, with the vendor's refusals."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from sources.sandbox.netsuite.books import Books, Row, day_text, flag, quoted
from sources.sandbox.netsuite.lists import LISTS
from sources.sandbox.netsuite.record_types import RECORD_OF_KIND, RECORD_OF_TABLE, Field, Shape
from sources.sandbox.netsuite.replies import invalid_content, invalid_field_value

RECORD_ROOT = "/services/rest/record/v1"
_DURATION = re.compile(r"(\d+):([0-5]\d)")
_ENTITY_RECORDS = {"CustJob": "customer", "Job": "job", "Vendor": "vendor", "Employee": "employee"}


def _duration(hours: float) -> str:
    minutes = round(hours * 60)
    return f"{minutes // 60}:{minutes % 60:02d}"


_PLAIN: dict[Shape, Callable[[Any], Any]] = {
    Shape.STRING: str,
    Shape.DOUBLE: float,
    Shape.INTEGER: int,
    Shape.BOOLEAN: lambda stored: stored == "T",
    Shape.DATE: lambda stored: stored[:10],
    Shape.DATE_TIME: lambda stored: f"{stored[:10]}T{stored[11:]}Z",
    Shape.DURATION: _duration,
}
_SIGNED = frozenset({"foreignamount", "quantity", "foreigntotal"})


def record_name(table: str, row: Row) -> str | None:
    """The record type that a row of a table belongs to, None where record/v1 has none for it."""
    if table == "entity":
        return _ENTITY_RECORDS[row["type"]]
    return RECORD_OF_KIND[row["type"]] if table == "transaction" else RECORD_OF_TABLE.get(table)


class Shown:
    """Turns columns into JSON values, with links on the host that the client addressed."""

    def __init__(self, books: Books, base: str, *, simple_enums: bool = False) -> None:
        self._books = books
        self._base = base
        self._simple_enums = simple_enums

    def link(self, record: str, *rest: object) -> list[dict[str, str]]:
        """The `links` member of a record or of something below it."""
        tail = "".join(f"/{part}" for part in rest)
        return [{"rel": "self", "href": f"{self._base}{RECORD_ROOT}/{record}{tail}"}]

    def value(self, item: Field, row: Row, *, sign: int = 1) -> Any:
        """The JSON value of a field; None for an empty one. `sign` applies to signed amounts only."""
        stored = row[item.column]
        if stored is None:
            return None
        if item.shape is Shape.REFERENCE:
            return self._reference(item.table or "", stored)
        if item.shape is Shape.ENUM:
            return self._enum(item, stored, row)
        return _PLAIN[item.shape](stored * sign if item.column in _SIGNED else stored)

    def _reference(self, table: str, row_id: int) -> dict[str, Any]:
        row = self._books.row(table, "id", row_id)
        if row is None:
            return {"id": str(row_id)}
        shown: dict[str, Any] = {"id": str(row_id), "refName": self._books.shown(table, row_id)}
        record = record_name(table, row)
        if record is not None:
            shown["links"] = self.link(record, row_id)
        if row.get("externalid"):
            shown["externalId"] = row["externalid"]
        return shown

    def _enum(self, item: Field, stored: object, row: Row) -> Any:
        if self._simple_enums:
            return str(stored)
        if item.table is not None:
            return {"id": str(stored), "refName": self._books.shown(item.table, stored)}
        if item.target is None:
            label = LISTS["transactionstatus"].get(f"{row['type']}:{stored}", str(stored))
            return {"id": str(stored), "refName": label.rpartition(" : ")[2]}
        return {"id": str(stored), "refName": LISTS[item.target].get(str(stored))}


class Taken:
    """Turns JSON values into columns; every refusal names the field's path."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def column(self, item: Field, value: Any, path: str) -> Any:
        """The value to store; None clears the field. Raises Refusal."""
        if value is None or value == "":
            return None
        if item.shape is Shape.REFERENCE and isinstance(value, dict):
            return self._referenced(item, value, path)
        if item.shape is Shape.ENUM:
            return self._chosen(item, value, path)
        accepted, stored = _ACCEPTED.get(item.shape, ((), None))
        if stored is None or not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
            raise invalid_field_value(value, item.name, path)
        try:
            return stored(value)
        except ValueError as exc:
            raise invalid_field_value(value, item.name, path) from exc

    def _referenced(self, item: Field, value: dict[str, Any], path: str) -> int:
        table = item.table or ""
        if value.get("id") is not None:
            row = self._books.row(table, "id", str(value["id"]))
        elif value.get("externalId") is not None:
            row = self._books.row(table, "externalid", str(value["externalId"]))
        else:
            raise invalid_content(f"The reference {item.name} needs an id or an externalId.", path)
        if row is None:
            raise invalid_field_value(value.get("id", value.get("externalId")), item.name, path)
        return int(row["id"])

    def _chosen(self, item: Field, value: Any, path: str) -> Any:
        wanted = value if isinstance(value, dict) else {"id": value}
        if item.table is not None:
            named = "id" if wanted.get("id") is not None else "name"
            key = wanted.get("id", wanted.get("refName"))
            found = self._books.rows(f"SELECT id FROM {quoted(item.table)} WHERE {named} = ?", (str(key),))
            if not found:
                raise invalid_field_value(key, item.name, path)
            return found[0]["id"]
        labels = LISTS[item.target or ""]
        for key, label in labels.items():
            if str(wanted.get("id")) == key or ("id" not in wanted and wanted.get("refName") == label):
                return key
        raise invalid_field_value(wanted.get("id", wanted.get("refName")), item.name, path)


def _day(value: str) -> str:
    return day_text(date.fromisoformat(value))


def _hours(value: str | float) -> float:
    if isinstance(value, (int, float)):
        return float(value)
    found = _DURATION.fullmatch(value)
    if found is None:
        raise ValueError(value)
    return int(found[1]) + int(found[2]) / 60


# The JSON types a field takes, and how its value is stored; a ValueError is a value the field cannot take.
_ACCEPTED: dict[Shape, tuple[tuple[type, ...], Callable[[Any], Any]]] = {
    Shape.STRING: ((str,), str),
    Shape.DOUBLE: ((int, float), float),
    Shape.INTEGER: ((int,), int),
    Shape.BOOLEAN: ((bool,), flag),
    Shape.DATE: ((str,), _day),
    Shape.DURATION: ((str, int, float), _hours),
}

"""The tenant's rows: tables with indexes, soft deletion, and savepoints that undo.

A row is a dict of API field name to the value as the API prints it. A stored row is never changed in
place: a write puts a new dict in its place, so a query cursor keeps what it saw and an undo is exact.
Every row carries `IsDeleted`, also where the object does not show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sources.sandbox.salesforce.fields import ID_TYPES, Catalogue, Field, ObjectType
from sources.sandbox.salesforce.ids import build_id

Row = dict[str, Any]


def comparable(field: Field, value: Any) -> Any:
    """The value as filters compare it: texts without case, ids with."""
    return value.casefold() if isinstance(value, str) and field.type not in ID_TYPES else value


class Table:
    """The rows of one object in order of creation, which is the order of their ids."""

    def __init__(self, kind: ObjectType) -> None:
        self.kind = kind
        self.rows: dict[str, Row] = {}
        self._indexes: dict[str, dict[Any, dict[str, None]]] = {}
        self._last_n = 0

    def next_number(self) -> int:
        """The number for the next row: one more than any number used so far."""
        self._last_n += 1
        return self._last_n

    def next_id(self) -> str:
        """An id no row has had."""
        return build_id(self.kind.key_prefix, self.next_number())

    def load(self, rows: Iterable[Row], last_number: int) -> None:
        """Fill the table at start; ValueError when two rows share an id."""
        for row in sorted(rows, key=lambda each: str(each["Id"])):
            if row["Id"] in self.rows:
                raise ValueError(f"two {self.kind.name} rows have the id {row['Id']}")
            self.rows[row["Id"]] = row
        self._last_n = max(self._last_n, last_number)

    def find_ids(self, field: Field, value: Any) -> Iterable[str]:
        """The ids of all rows, deleted ones too, whose field equals the value, through an index."""
        index = self._indexes.get(field.name)
        if index is None:
            index = self._indexes[field.name] = {}
            for row in self.rows.values():
                index.setdefault(comparable(field, row[field.name]), {})[row["Id"]] = None
        return index.get(comparable(field, value), {})

    def find_live(self, field: Field, value: Any) -> list[Row]:
        """The rows outside the recycle bin whose field equals the value."""
        rows = (self.rows[each] for each in self.find_ids(field, value))
        return [row for row in rows if not row["IsDeleted"]]

    def replace(self, row_id: str, row: Row | None) -> Row | None:
        """Put a row (None: take it away) and return what was there before."""
        before = self.rows.get(row_id)
        for name, index in self._indexes.items():
            field = self.kind.fields[name.lower()]
            if before is not None:
                index[comparable(field, before[name])].pop(row_id, None)
            if row is not None:
                index.setdefault(comparable(field, row[name]), {})[row_id] = None
        if row is None:
            self.rows.pop(row_id, None)
        else:
            self.rows[row_id] = row
        return before


class Database:
    """All tables, with an undo log while a savepoint is open."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.tables = {kind.name: Table(kind) for kind in catalogue.values()}
        self._prefixes = {kind.key_prefix: kind for kind in catalogue.values()}
        self._undo: list[tuple[str, str, Row | None]] = []
        self._open_savepoints = 0

    def table(self, object_name: str) -> Table:
        """The table of an object, by its exact API name."""
        return self.tables[object_name]

    def kind_of(self, id18: str) -> ObjectType | None:
        """The object whose key prefix the id carries."""
        return self._prefixes.get(id18[:3])

    def put(self, object_name: str, row: Row) -> None:
        """Store a new row or a new state of a row."""
        before = self.tables[object_name].replace(row["Id"], row)
        if self._open_savepoints:
            self._undo.append((object_name, row["Id"], before))

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo every write of the block when it raises, and raise on."""
        mark = len(self._undo)
        self._open_savepoints += 1
        try:
            yield
        except BaseException:
            while len(self._undo) > mark:
                object_name, row_id, before = self._undo.pop()
                self.tables[object_name].replace(row_id, before)
            raise
        finally:
            self._open_savepoints -= 1
            if not self._open_savepoints:
                self._undo.clear()

"""The account's data: one in-memory SQLite database that the record API writes and SuiteQL reads.

Days and instants are text `YYYY-MM-DD HH:MM:SS` in the account's zone, which is UTC here; money and
hours are REAL and leave the sandbox rounded to 13 significant digits, so that no binary fraction shows.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sources.sandbox.core import Clock
from sources.sandbox.netsuite.lists import LISTS
from sources.sandbox.netsuite.sqlite_functions import register_functions
from sources.sandbox.netsuite.tables import TABLES, Kind, Table

Row = dict[str, Any]

_AFFINITY = {Kind.ID: "INTEGER", Kind.NUMBER: "REAL", Kind.TEXT: "TEXT", Kind.DATE: "TEXT"}
_FIRST_NEW_ID = 10_000_000


def stamp_text(moment: datetime) -> str:
    """An aware UTC instant as the books keep it; sub-seconds are lost, as with the vendor."""
    return moment.astimezone(UTC).isoformat(sep=" ")[:19]


def day_text(day: date) -> str:
    """A calendar day as the books keep it."""
    return f"{day.isoformat()} 00:00:00"


def flag(value: bool) -> str:  # noqa: FBT001 -- it converts exactly this one value
    """A boolean as NetSuite stores it."""
    return "T" if value else "F"


def quoted(name: str) -> str:
    """A name as an SQLite identifier."""
    return f'"{name}"'


def _create_statement(table: Table) -> str:
    if table.view is not None:
        return f"CREATE VIEW {quoted(table.name)} AS {table.view}"
    columns = ", ".join(
        f"{quoted(c.name)} {_AFFINITY[c.kind]}"
        + (" PRIMARY KEY" if c.name in {"id", "uniquekey"} and c.required else "")
        for c in table.columns.values()
    )
    return f"CREATE TABLE {quoted(table.name)} ({columns})"


class Books:
    """The database with its clock and number circles; every method runs on the one thread that owns it.

    `changes` grows with every write, so that whoever keeps a derived answer can tell when it is old.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.changes = 0
        self._next_id = _FIRST_NEW_ID
        self.connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.connection.execute("PRAGMA case_sensitive_like = ON")
        weakref.finalize(self, self.connection.close)
        register_functions(self.connection, clock)
        for table in TABLES.values():
            self.connection.execute(_create_statement(table))
        self.connection.execute("CREATE TABLE _label (list TEXT, key TEXT, name TEXT, PRIMARY KEY (list, key))")
        self.connection.executemany(
            "INSERT INTO _label VALUES (?, ?, ?)",
            [(name, key, label) for name, values in LISTS.items() for key, label in values.items()],
        )

    def fill(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Insert many rows, values in the order of `columns`."""
        names = ", ".join(quoted(c) for c in columns)
        marks = ", ".join("?" * len(columns))
        self.connection.executemany(f"INSERT INTO {quoted(table)} ({names}) VALUES ({marks})", rows)

    def build_indexes(self) -> None:
        """Make the tables' indexes; after the bulk load, because that is several times faster."""
        for table in TABLES.values():
            for position, columns in enumerate(table.indexes):
                self.connection.execute(f"CREATE INDEX ix_{table.name}_{position} ON {quoted(table.name)} ({columns})")
        self.connection.execute("ANALYZE")

    def rows(self, sql: str, arguments: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """All rows of a query of our own, as dicts."""
        cursor = self.connection.execute(sql, arguments)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor]

    def row(self, table: str, key: str, value: Any) -> Row | None:
        """The first row of a table whose column `key` has `value`."""
        found = self.rows(f"SELECT * FROM {quoted(table)} WHERE {quoted(key)} = ? LIMIT 1", (value,))
        return found[0] if found else None

    def insert(self, table: str, values: Row) -> None:
        """Insert one row."""
        self.changes += 1
        self.fill(table, list(values), [list(values.values())])

    def update(self, table: str, key: str, value: Any, changes: Row) -> None:
        """Change columns of the rows whose column `key` has `value`."""
        self.changes += 1
        assignments = ", ".join(f"{quoted(name)} = ?" for name in changes)
        sql = f"UPDATE {quoted(table)} SET {assignments} WHERE {quoted(key)} = ?"
        self.connection.execute(sql, [*changes.values(), value])

    def delete(self, table: str, key: str, value: Any) -> None:
        """Delete the rows whose column `key` has `value`."""
        self.changes += 1
        self.connection.execute(f"DELETE FROM {quoted(table)} WHERE {quoted(key)} = ?", (value,))

    def new_id(self) -> int:
        """The next internal id; above all generated ones, so that a window by key sees new rows last."""
        self._next_id += 1
        return self._next_id

    def now(self) -> str:
        """The present instant as the books keep it."""
        return stamp_text(self.clock())

    def shown(self, table: str, row_id: Any) -> str | None:
        """The display name of a row, None where there is no such row."""
        sql = f"SELECT {TABLES[table].shown_as} AS shown FROM {quoted(table)} WHERE id = ?"
        found = self.rows(sql, (row_id,))
        return None if not found else str(found[0]["shown"])

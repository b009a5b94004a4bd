"""Tables with equality indexes and sorted orders that every write keeps up to date.

A medium tenant holds some 80,000 time entries; no list request may scan them to find a page.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from sources.sandbox.kantata.rows import Row

R = TypeVar("R", bound=Row)
_EMPTY: frozenset[int] = frozenset()


def sort_key(value: Any) -> int:
    """A number that sorts like the value: instants to the second, dates to the day, unset values first."""
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, date):
        return value.toordinal()
    return -1 if value is None else int(value)


class Table(Generic[R]):
    """Rows by id; `indexed` columns answer `where`, numeric and time columns answer `ordered` and `between`."""

    def __init__(self, name: str, indexed: tuple[str, ...] = ()) -> None:
        self.name = name
        self.rows: dict[int, R] = {}
        self.version = 0
        self._indexes: dict[str, dict[Any, set[int]]] = {column: {} for column in indexed}
        self._orders: dict[tuple[str, bool], list[tuple[int, int]]] = {}
        self._last_id = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows.values())

    def get(self, row_id: int | None) -> R | None:
        """The row, None where there is none."""
        return None if row_id is None else self.rows.get(row_id)

    def next_id(self) -> int:
        """An id that no row has or had: ids of deleted rows are not given out again."""
        return self._last_id + 1

    def add(self, row: R) -> R:
        """Take the row in and hand it back."""
        self.rows[row.id] = row
        self._last_id = max(self._last_id, row.id)
        for column, index in self._indexes.items():
            index.setdefault(getattr(row, column), set()).add(row.id)
        for (column, descending), order in self._orders.items():
            insort(order, self._entry(row, column, descending=descending))
        self.version += 1
        return row

    def drop(self, row: R) -> None:
        """Forget the row without a trace."""
        for column, index in self._indexes.items():
            index[getattr(row, column)].discard(row.id)
        for column, descending in self._orders:
            self._unsort(row, column, descending=descending)
        del self.rows[row.id]
        self.version += 1

    def change(self, row: R, **values: Any) -> None:
        """Set columns of a row that is in the table; indexes and orders follow."""
        for column, value in values.items():
            self._set(row, column, value)
        self.version += 1

    def where(self, column: str, value: Any) -> set[int] | frozenset[int]:
        """The ids of rows whose indexed column equals the value; do not change the set."""
        return self._indexes[column].get(value, _EMPTY)

    def rows_where(self, column: str, value: Any) -> list[R]:
        """The rows whose indexed column equals the value, in id order."""
        return [self.rows[row_id] for row_id in sorted(self.where(column, value))]

    def ordered(self, column: str, *, descending: bool) -> list[tuple[int, int]]:
        """(key, id) of every row in order, ties by ascending id; keys are negated when descending."""
        found = self._orders.get((column, descending))
        if found is None:
            found = sorted(self._entry(row, column, descending=descending) for row in self)
            self._orders[column, descending] = found
        return found

    def between(self, column: str, low: int | None, high: int | None) -> set[int]:
        """The ids of rows whose sort key lies in low..high, both ends included; None leaves an end open."""
        order = self.ordered(column, descending=False)
        start = 0 if low is None else bisect_left(order, (low, -1))
        stop = len(order) if high is None else bisect_right(order, (high, 1 << 62))
        return {row_id for _, row_id in order[start:stop]}

    def _set(self, row: R, column: str, value: Any) -> None:
        index = self._indexes.get(column)
        if index is not None:
            index[getattr(row, column)].discard(row.id)
            index.setdefault(value, set()).add(row.id)
        touched = [key for key in self._orders if key[0] == column]
        for _, descending in touched:
            self._unsort(row, column, descending=descending)
        setattr(row, column, value)
        for key in touched:
            insort(self._orders[key], self._entry(row, column, descending=key[1]))

    def _unsort(self, row: R, column: str, *, descending: bool) -> None:
        order = self._orders[column, descending]
        del order[bisect_left(order, self._entry(row, column, descending=descending))]

    @staticmethod
    def _entry(row: R, column: str, *, descending: bool) -> tuple[int, int]:
        key = sort_key(getattr(row, column))
        return (-key if descending else key, row.id)

"""What Workday keeps of workers in data sources of their own: skills, time off, and calendars by location.

Skills and approved time off are rows by employee number; work schedules (hours of a weekday) and holidays are rows
by location, which a worker follows. Several rows of time off on one day add up, and one of negative hours takes
back another. Only days from a year ago on are read: what lies further back decides nothing, and is nobody's
business. The type of time off is not read at all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hub.domain.records import DayOff, Value
from hub.errors import SourceShapeBroken
from sources.paging import together
from sources.shapes import Row
from sources.workday.translate import Worker, display

WID = re.compile(r"[0-9a-f]{32}")
HISTORY = timedelta(days=366)
"""How far back days are read; bookings that began earlier spread as if nobody had been away then."""
WEEKDAYS: Mapping[str, int] = {
    name: number
    for number, name in enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"))
}
"""Display texts of weekdays, for want of anything else that is documented; an unknown one is drift."""
_PLAIN_TEXT = re.compile(r"[\w .:@+/,=&()-]*")

Whole = Callable[[str, Callable[[Row], object]], Coroutine[Any, Any, list[Row]]]
"""(query, what identifies a row) → all rows."""


def quoted(text: str, system: str) -> str:
    """A text literal. Texts that would need escaping are refused: how WQL escapes is documented nowhere."""
    if not _PLAIN_TEXT.fullmatch(text):
        raise SourceShapeBroken(system, "a key holds characters that no Workday id has", operation="WQL")
    return f"'{text}'"


@dataclass(frozen=True, slots=True)
class Source:
    """One data source: the mapping entry that a worker is found by in it, and those of the columns that are read.

    `make` gives the value from a worker's rows, in order, and the columns' aliases. With `days` the first column is
    a day, of which only the latest are read.
    """

    name: str
    by: str
    entries: tuple[str, ...]
    make: Callable[[Sequence[Row], Sequence[str]], Value]
    days: bool = False


def _skills(rows: Sequence[Row], columns: Sequence[str]) -> Value:
    (skill,) = columns
    return tuple(sorted({row.required(skill, display(row, skill)) for row in rows}))


def _time_off(rows: Sequence[Row], columns: Sequence[str]) -> Value:
    day, hours = columns
    away = defaultdict[date, Decimal](Decimal)
    for row in rows:
        away[row.required(day, row.day(day))] += row.required(hours, row.number(hours))
    return tuple(DayOff(when, total) for when, total in sorted(away.items()) if total > 0)


def _work_week(rows: Sequence[Row], columns: Sequence[str]) -> Value:
    """The hours of Monday to Sunday; None where nothing is told, zero on weekdays that are not."""
    weekday, hours = columns
    week = [Decimal(0)] * len(WEEKDAYS)
    for row in rows:
        number = WEEKDAYS.get(row.required(weekday, display(row, weekday)))
        if number is None:
            raise row.broken(weekday, "a known weekday")
        week[number] = row.required(hours, row.number(hours))
    return tuple(week) if rows else None


def _holidays(rows: Sequence[Row], columns: Sequence[str]) -> Value:
    (day,) = columns
    return tuple(sorted({row.required(day, row.day(day)) for row in rows}))


_NUMBER, _LOCATION = "resource.employee_number", "resource.location"
SOURCES: Mapping[str, Source] = {
    "skills": Source("workerSkills", _NUMBER, ("resource.skills",), _skills),
    "time_off": Source(
        "approvedTimeOff", _NUMBER, ("resource.time_off.date", "resource.time_off.hours"), _time_off, days=True
    ),
    "work_week": Source(
        "workSchedules", _LOCATION, ("resource.work_week.weekday", "resource.work_week.hours"), _work_week
    ),
    "holidays": Source("holidays", _LOCATION, ("resource.holidays.date",), _holidays, days=True),
}
"""Where each attribute comes from that is no column of `allWorkers`."""


class Lists:
    """Reads these data sources, for many workers at once; one with an entry mapped to "" has no values."""

    def __init__(
        self, system: str, mapping: Mapping[str, str], *, whole: Whole, page_rows: int, today: Callable[[], date]
    ) -> None:
        self._system = system
        self._mapping = mapping
        self._whole = whole
        self._page_rows = page_rows
        self._today = today

    async def read(self, workers: Mapping[str, Worker], names: Iterable[str]) -> dict[str, dict[str, Value]]:
        """The values of these attributes: by attribute, then by worker as in `workers`."""
        wanted = sorted(names)
        values = await together([self._values(SOURCES[name], workers) for name in wanted])
        return dict(zip(wanted, values, strict=True))

    async def _values(self, source: Source, workers: Mapping[str, Worker]) -> dict[str, Value]:
        if not all(self._mapping[entry] for entry in (source.by, *source.entries)):
            return dict.fromkeys(workers)
        keys = {name: _key(worker.row, self._mapping[source.by]) for name, worker in workers.items()}
        found = await self._rows(source, sorted({key for key in keys.values() if key is not None}))
        columns = [self._mapping[entry] for entry in source.entries]
        return {name: source.make(found.get(key or "", ()), columns) for name, key in keys.items()}

    async def _rows(self, source: Source, keys: Sequence[str]) -> Mapping[str, list[Row]]:
        """The data source's rows by key."""
        by = self._mapping[source.by]
        packs = [keys[start : start + self._page_rows] for start in range(0, len(keys), self._page_rows)]
        parts = await together([self._whole(*self._query(source, pack)) for pack in packs])
        found = defaultdict[str, list[Row]](list)
        for row in (row for part in parts for row in part):
            found[row.required(by, _key(row, by))].append(row)
        return found

    def _query(self, source: Source, keys: Sequence[str]) -> tuple[str, Callable[[Row], object]]:
        names = [self._mapping[entry] for entry in (source.by, *source.entries)]
        listed = ", ".join(key if WID.fullmatch(key) else quoted(key, self._system) for key in keys)
        where = f"{names[0]} in ({listed})"
        if source.days:
            where += f" AND {names[1]} >= '{(self._today() - HISTORY).isoformat()}'"
        columns = ", ".join(names)
        query = f"SELECT {columns} FROM {source.name} WHERE {where} ORDER BY {columns}"  # noqa: S608 - aliases and literals are checked
        return query, lambda row: tuple(str(row.data.get(name)) for name in names)


def _key(row: Row, column: str) -> str | None:
    """What rows of a worker are found by: the id of an instance value `{id, descriptor}`, or a text."""
    value = row.data.get(column)
    if not isinstance(value, dict):
        return row.text(column)
    key = value.get("id")
    if not isinstance(key, str):
        raise row.broken(column, "an instance with an id")
    return key

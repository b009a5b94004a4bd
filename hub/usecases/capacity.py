"""What the HCM says of the hours that a person can work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from hub.domain import commands
from hub.domain.capacity import STANDARD_WEEK, Capacity, Employment
from hub.domain.commands import refuse
from hub.domain.kinds import Domain
from hub.domain.records import DayOff, Value
from hub.errors import (
    SourceError,
    SourceMisconfigured,
    SourceRejected,
    SourceShapeBroken,
    SourceThrottled,
    SourceUnavailable,
)
from hub.ports import CachedRecord, Entity
from hub.usecases.desk import Desk

CALENDAR = frozenset({"fte", "work_week", "holidays", "time_off"})
MISSING = "MISSING"
FAULTS: Mapping[str | None, type[SourceError]] = {
    error.code: error for error in (SourceMisconfigured, SourceRejected, SourceShapeBroken, SourceThrottled)
}


async def capacity_of(desk: Desk, person: Entity, employment: Employment) -> Capacity:
    """What the person can work, by what the HCM said last, at most as old as the cache's policy lets values be.

    What the HCM has no word for is as usual: eight hours from Monday to Friday, FTE 1, no holidays, no time off; so
    it is for everybody whom no HCM knows. While the HCM does not answer an older value serves, for calendars change
    slowly. Raises SourceError when nothing is known: a guess would book people on their holidays.
    """
    key = person.keys.get(Domain.HCM)
    if key is None or key.system not in desk.adapters:
        return Capacity(employment=employment)
    wanted = CALENDAR & desk.adapters[key.system].kinds[key.kind].attributes
    (loaded,) = await desk.cache.load([key], wanted)
    known = _known(key.system, loaded, wanted)
    fte = known.get("fte")
    return Capacity(
        _work_week(known.get("work_week")),
        fte if isinstance(fte, Decimal) else Decimal(1),
        frozenset(day for day in _items(known.get("holidays")) if isinstance(day, date)),
        _time_off(known.get("time_off")),
        employment,
    )


def _known(system: str, loaded: CachedRecord, wanted: frozenset[str]) -> Mapping[str, Value]:
    """The values, all of them; raises what kept them from being read."""
    if loaded.record is not None and wanted <= loaded.record.attributes.keys():
        return loaded.record.attributes
    if loaded.unavailable == MISSING:
        refuse(commands.NOT_FOUND, f"{system} no longer has this person.", cls=commands.DATA_QUALITY)
    fault = FAULTS.get(loaded.unavailable, SourceUnavailable)
    raise fault(system, "does not tell what the person can work", operation="capacity")


def _work_week(value: Value) -> tuple[Decimal, ...]:
    hours = tuple(item for item in _items(value) if isinstance(item, Decimal))
    return hours if len(hours) == len(STANDARD_WEEK) else STANDARD_WEEK


def _time_off(value: Value) -> Mapping[date, Decimal]:
    found = defaultdict[date, Decimal](Decimal)
    for item in _items(value):
        if isinstance(item, DayOff):
            found[item.day] += item.hours
    return found


def _items(value: Value) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()

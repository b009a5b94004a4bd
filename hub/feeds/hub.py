"""What every feed job of a process works with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.inbound import Way
from hub.domain.records import Record, RecordKey
from hub.ports import InboundWriter, SourceAdapter
from hub.store.due import Timetable
from hub.store.switches import FEEDS_PAUSED, is_on
from hub.store.watermarks import Feed, Watermarks

BATCH_RECORDS = 2_000
"""Records per directory transaction: writers take turns, and none should wait long for another."""


class CacheWriter(Protocol):
    """What feeds ask of the record cache."""

    async def put(self, records: Iterable[Record]) -> None:
        """Take over what has just been read; tombstones become misses."""
        ...


class Announcer(Protocol):
    """What feeds ask of hub.store.announcements."""

    async def publish(self, keys: Sequence[RecordKey]) -> None:
        """Tell the other replicas which records have changed."""
        ...


@dataclass(frozen=True, slots=True)
class Hub:
    """What every feed job of this process works with; `stopping` says whether the process is about to end."""

    engine: AsyncEngine
    adapters: Mapping[str, SourceAdapter]
    writer: InboundWriter
    cache: CacheWriter
    announcer: Announcer
    watermarks: Watermarks
    timetable: Timetable
    stopping: Callable[[], bool]

    @property
    def feeds(self) -> list[Feed]:
        """Every feed of the estate."""
        return [Feed(system, kind) for system, adapter in self.adapters.items() for kind in adapter.kinds]

    async def may_go_on(self, *, forced: bool) -> bool:
        """Whether the next page may be asked for; a forced run goes on while feeds are paused."""
        return not self.stopping() and (forced or not await is_on(self.engine, FEEDS_PAUSED))

    async def take(self, records: Sequence[Record], way: Way) -> list[Record]:
        """Apply records to the directory, a bounded batch at a time; returns those that are believed."""
        believed: list[Record] = []
        for start in range(0, len(records), BATCH_RECORDS):
            received = await self.writer.receive(records[start : start + BATCH_RECORDS], way)
            believed += received.believed
        return believed

    async def share(self, records: Sequence[Record], changed: Sequence[RecordKey]) -> None:
        """Put records into the cache, and tell the other replicas which of them have changed."""
        await self.cache.put(records)
        await self.announcer.publish(changed)

"""One run of one change feed: pages from the system into directory and cache, and what to do when it fails."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from hub.context import caused_by
from hub.domain.inbound import Way
from hub.domain.records import Record, RecordKey, Value
from hub.errors import SourceError, SourceMisconfigured
from hub.feeds import faults
from hub.feeds.hub import Hub
from hub.feeds.schedule import feed_job
from hub.feeds.settle import settle
from hub.ports import ChangePage, SourceAdapter
from hub.store.exceptions import raise_exception, resolve_exception
from hub.store.watermarks import Feed, FeedState

log = logging.getLogger(__name__)

SIBLINGS_WAIT = 1.25
"""How much longer the other feeds of a system wait than the one that tries its credentials again."""


class Puller:
    """Runs feeds, one call per run."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._overlap: dict[Feed, dict[RecordKey, _Said]] = {}

    async def run(self, feed: Feed, *, forced: bool) -> None:
        """Pull what changed since the last run; a failure is recorded, never raised, when it is the system's."""
        hub = self._hub
        state = await hub.watermarks.get(feed)
        if not await hub.may_go_on(forced=forced):
            return
        correlation_id = str(uuid.uuid4())
        with caused_by(f"feed:{correlation_id}"):
            try:
                count = await self._pull(feed, state, forced=forced)
            except SourceError as error:
                await self._failed(feed, error, correlation_id)
                return
            except Exception:
                await hub.watermarks.failed(feed, faults.UNEXPECTED, behind=True)
                raise
        if count is not None:
            await hub.watermarks.completed(feed, count)
            await self._healed(feed, state)

    async def _pull(self, feed: Feed, state: FeedState, *, forced: bool) -> int | None:
        """How many records came; None when the run was stopped before the end of the changes."""
        hub, adapter = self._hub, self._hub.adapters[feed.system]
        overlap = timedelta(seconds=adapter.kinds[feed.kind].overlap_s)
        since = None if state.reached is None else state.reached - overlap
        before, now, count = self._overlap.get(feed, {}), dict[RecordKey, _Said](), 0
        async with pages(adapter, feed, since) as found:
            async for page in found:
                believed = await hub.take(page.records, Way.FEED)
                # During a first load nobody can know these records yet, so nobody has old ones of them in a cache.
                if state.first_load_done_at is not None:
                    said = {record.key: _said(record) for record in believed}
                    await hub.share(believed, [key for key, what in said.items() if before.get(key) != what])
                    now |= said
                # A run that has come to a second page knows that there was more than the first; until it ends.
                await hub.watermarks.advance(feed, page.watermark, behind=count > 0)
                count += len(page.records)
                if not await hub.may_go_on(forced=forced):
                    return None
        self._overlap[feed] = now
        await settle(hub, feed)
        return count

    async def _signs_in(self, feed: Feed) -> bool:
        try:
            await self._hub.adapters[feed.system].ping()
        except SourceMisconfigured:
            return False
        except SourceError:
            return True
        return True

    async def _failed(self, feed: Feed, error: SourceError, correlation_id: str) -> None:
        hub = self._hub
        signs_in = not isinstance(error, SourceMisconfigured) or await self._signs_in(feed)
        filed = faults.verdict(error, signs_in=signs_in)
        failures = await hub.watermarks.failed(feed, error.code, behind=error.code in faults.DATA_CODES)
        wait_s = faults.wait_s(error, failures)
        log.warning("feed %s of %s failed (%s), again in %.0f s: %s", feed.kind, feed.system, error.code, wait_s, error)
        await raise_exception(hub.engine, faults.trouble(feed, error, filed, correlation_id))
        await hub.timetable.set(feed_job(feed), wait_s)
        if not signs_in:
            # Asking for other kinds would not help; this feed goes ahead and hastens them when it gets through.
            siblings = [feed_job(f) for f in hub.feeds if f.system == feed.system and f != feed]
            await hub.timetable.postpone(siblings, wait_s * SIBLINGS_WAIT)

    async def _healed(self, feed: Feed, before: FeedState) -> None:
        """Close what the failed runs before this one had opened, as soon as no other feed still has it."""
        if before.failure is None:
            return
        hub = self._hub
        await resolve_exception(hub.engine, before.failure, f"{feed.system}/{feed.kind}")
        states = await hub.watermarks.all()
        if not any(s.failure == before.failure for f, s in states.items() if f.system == feed.system):
            await resolve_exception(hub.engine, before.failure, feed.system)
        if before.failure == SourceMisconfigured.code:
            await hub.timetable.hasten(feed_job(f) for f in hub.feeds if f.system == feed.system)


_Said = tuple[str, Mapping[str, Value], bool]


def _said(record: Record) -> _Said:
    """What a record says; two of the same object that say the same are no change."""
    return record.stamp, record.attributes, record.deleted


@asynccontextmanager
async def pages(adapter: SourceAdapter, feed: Feed, since: Any) -> AsyncIterator[AsyncIterator[ChangePage]]:
    """The pages of a feed; the adapter's reading ahead ends with the block."""
    found = adapter.changes(feed.kind, since)
    try:
        yield found
    finally:
        close: Callable[[], Awaitable[None]] | None = getattr(found, "aclose", None)
        if close is not None:
            await close()

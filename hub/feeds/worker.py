"""The part of each hub process that keeps the directory in step: timetable, queue worker, rescue, health calls.

Why not the queue's own periodic jobs: their cron grid knows neither back-off nor "now, because the system is
back", and a paused estate would still fill the queue. Here the times stand in a table (hub.store.due), any
replica may find a job due, the database lets exactly one claim it, and the job itself runs in the durable queue.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.kinds import Kind
from hub.feeds import faults
from hub.feeds.check import check_directory
from hub.feeds.health import HasHealth, HealthCalls
from hub.feeds.hub import Announcer, CacheWriter, Hub
from hub.feeds.pull import Puller
from hub.feeds.queue import JobQueue, forever
from hub.feeds.schedule import (
    CHECK,
    CHORES_S,
    EVERY_S,
    HEALTH_S,
    LOAD_ORDER,
    PROBE,
    RESCUE_S,
    STAGES,
    TICK_S,
    TIDY,
    feed_job,
    full_pass_job,
    pass_every_s,
)
from hub.feeds.sweep import Sweeper
from hub.ports import SourceAdapter
from hub.store.directory_writer import PostgresDirectoryWriter
from hub.store.due import Timetable
from hub.store.switches import FEEDS_PAUSED, is_on
from hub.store.watermarks import Feed, FeedState, Watermarks

log = logging.getLogger(__name__)

RESTART_S = 1.0


class FeedWorker:
    """Runs the feeds' share of this process between `start` and `stop`."""

    def __init__(
        self,
        engine: AsyncEngine,
        adapters: Mapping[str, SourceAdapter],
        writer: PostgresDirectoryWriter,
        *,
        cache: CacheWriter,
        announcer: Announcer,
        transports: Mapping[str, HasHealth] | None = None,
        feed_seconds: float | None = None,
    ) -> None:
        """`transports` show how each system answered this process; `feed_seconds` replaces every feed's interval."""
        self._engine = engine
        self._writer = writer
        self._feed_seconds = feed_seconds
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._hub = Hub(
            engine, adapters, writer, cache, announcer, Watermarks(engine), Timetable(engine), lambda: self._stopping
        )
        self._puller = Puller(self._hub)
        self._sweeper = Sweeper(self._hub)
        self._queue = JobQueue(engine, self.run)
        self._health = HealthCalls(self._hub, transports or {})
        self._feeds = {feed_job(feed): feed for feed in self._hub.feeds}
        self._passes = {full_pass_job(feed): feed for feed in self._hub.feeds}
        self._rescued_at = time.monotonic()

    async def start(self) -> None:
        """Enter the timetable and begin to work; the database must be migrated."""
        # The queue tells of every job at INFO: several lines a second that say nothing.
        logging.getLogger("procrastinate").setLevel(logging.WARNING)
        await self._hub.watermarks.register(self._hub.feeds)
        first_s = {job: pass_every_s(feed.kind) for job, feed in self._passes.items()}
        await self._hub.timetable.register(dict.fromkeys(self._feeds, 0.0) | first_s | dict.fromkeys(CHORES_S, 0.0))
        await self._hasten_failed()
        await self._queue.open()
        self._tasks = [
            asyncio.create_task(self._work(), name="feed-worker"),
            asyncio.create_task(forever(self.tick, TICK_S, "the timetable"), name="feed-timetable"),
            asyncio.create_task(forever(self._rescue, RESCUE_S, "the rescue of jobs"), name="feed-rescue"),
            asyncio.create_task(forever(self._health.call, HEALTH_S, "the health calls"), name="feed-health"),
        ]

    async def stop(self) -> None:
        """Let jobs end at their next page, then stop; what is unfinished goes on elsewhere or at the next start."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._queue.close()

    async def tick(self) -> None:
        """Queue what is due; nothing while feeds are paused."""
        if self._stopping or await is_on(self._engine, FEEDS_PAUSED):
            return
        every_s, timetable = self._intervals(await self._hub.watermarks.all()), self._hub.timetable
        for job, held in (await timetable.claim(every_s)).items():
            await self._queue.defer(job)
            await timetable.settle(job, held, every_s[job])

    async def run(self, job: str, forced: bool) -> None:  # noqa: FBT001 - the queue's signature
        """Run one job by name; a name of another estate's is let go."""
        if job in self._feeds:
            await self._pull(self._feeds[job], forced=forced)
        elif job in self._passes:
            await self._sweeper.full_pass(self._passes[job], forced=forced)
        elif job == PROBE:
            await self._sweeper.probe()
        elif job == STAGES:
            await self._writer.refresh_derived(Kind.PROJECT)
        elif job == CHECK:
            await check_directory(self._engine, self._hub.adapters)
        elif job == TIDY:
            await self._queue.tidy()
        else:
            log.warning("there is no job %s here", job)

    async def _pull(self, feed: Feed, *, forced: bool) -> None:
        before = await self._hub.watermarks.get(feed)
        await self._puller.run(feed, forced=forced)
        if before.first_load_done_at is None:
            # The system's next first load was waiting for this one.
            await self.tick()

    def _intervals(self, states: Mapping[Feed, FeedState]) -> dict[str, float]:
        """What may run now, and how often it does."""
        loading = may_load(states)
        intervals = dict(CHORES_S)
        for job, feed in self._feeds.items():
            state = states.get(feed, FeedState())
            if state.first_load_done_at is not None or feed in loading:
                intervals[job] = self._feed_seconds or EVERY_S[feed.kind]
        for job, feed in self._passes.items():
            if states.get(feed, FeedState()).first_load_done_at is not None:
                intervals[job] = pass_every_s(feed.kind)
        return intervals

    async def _hasten_failed(self) -> None:
        """A restart may bring new credentials or a new mapping: what had failed need not wait."""
        failed = [feed_job(f) for f, state in (await self._hub.watermarks.all()).items() if state.failure is not None]
        await self._hub.timetable.hasten([*failed, STAGES])

    async def _work(self) -> None:
        """Keep a queue worker running; it ends by itself when the database is lost."""
        while True:
            try:
                await self._queue.work()
            except Exception:
                log.exception("the queue's worker failed; starting another")
            await asyncio.sleep(RESTART_S)

    async def _rescue(self) -> None:
        late_s = time.monotonic() - self._rescued_at - RESCUE_S
        # A process that could not run for a while has missed its own heartbeats: it must not rescue from itself.
        if late_s < RESCUE_S:
            await self._queue.rescue()
        self._rescued_at = time.monotonic()


def may_load(states: Mapping[Feed, FeedState]) -> set[Feed]:
    """The feeds whose first load may run now: of each system the first in order, and those whose data is at fault.

    A kind that fails for its own data does not hold up the kinds behind it; a system that is down does.
    """
    loading: set[Feed] = set()
    waiting: dict[str, list[Feed]] = {}
    for feed, state in states.items():
        if state.first_load_done_at is not None:
            continue
        if state.failure in faults.DATA_CODES:
            loading.add(feed)
        else:
            waiting.setdefault(feed.system, []).append(feed)
    return loading | {min(feeds, key=lambda f: LOAD_ORDER.index(f.kind)) for feeds in waiting.values()}

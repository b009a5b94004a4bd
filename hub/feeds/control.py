"""What people do with the feeds: pause, resume, run now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.feeds.queue import JobQueue
from hub.feeds.schedule import feed_job, full_pass_job
from hub.store.switches import FEEDS_PAUSED, turn
from hub.store.watermarks import Feed, FeedState, Watermarks

WAIT_S = 600.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class FeedReport:
    """How one feed's run ended: records read, and the failure's code; UNFINISHED when nobody was there to run it."""

    feed: Feed
    records: int
    failure: str | None


UNFINISHED = "UNFINISHED"


async def pause_feeds(engine: AsyncEngine) -> None:
    """From now on no feed, probe or health call asks a system anything; a run under way ends with its present page."""
    await turn(engine, FEEDS_PAUSED, on=True)


async def resume_feeds(engine: AsyncEngine) -> None:
    """Feeds run again; what fell due meanwhile runs at once."""
    await turn(engine, FEEDS_PAUSED, on=False)


async def run_feeds_now(engine: AsyncEngine, *, full: bool = False, wait_s: float = WAIT_S) -> list[FeedReport]:
    """Have the running hub processes run every feed once, paused or not, and wait for the end; by system and kind.

    `full` runs the full passes afterwards.
    """
    watermarks = Watermarks(engine)
    give_up = time.monotonic() + wait_s
    feeds = sorted(await watermarks.all())
    began = await watermarks.now()
    queue = JobQueue(engine)
    await queue.open()
    try:
        left = await _run_all(queue, [feed_job(feed) for feed in feeds], give_up)
        if full:
            left |= await _run_all(queue, [full_pass_job(feed) for feed in feeds], give_up)
    finally:
        await queue.close()
    states = await watermarks.all()
    return [_report(feed, states.get(feed, FeedState()), began, left) for feed in feeds]


async def _run_all(queue: JobQueue, jobs: list[str], give_up: float) -> set[str]:
    """Queue the jobs and wait; those that had not ended when the time was over."""
    entries = {await queue.force(job): job for job in jobs}
    left = set(entries)
    while left and time.monotonic() < give_up:
        await asyncio.sleep(_POLL_S)
        left = await queue.unfinished(left)
    return {entries[entry] for entry in left}


def _report(feed: Feed, state: FeedState, began: datetime, left: Collection[str]) -> FeedReport:
    if feed_job(feed) in left or full_pass_job(feed) in left:
        return FeedReport(feed, 0, UNFINISHED)
    if state.failed_at is not None and state.failed_at >= began:
        return FeedReport(feed, 0, state.failure)
    ran = state.ran_at is not None and state.ran_at >= began
    return FeedReport(feed, state.ran_records if ran else 0, None if ran else UNFINISHED)

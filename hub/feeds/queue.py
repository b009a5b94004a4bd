"""The job queue: Procrastinate on the hub's own PostgreSQL.

Every job of the timetable is one task with the job's name as its lock, so that over all replicas no job runs
twice at once, and as its queueing lock, so that runs do not pile up behind a slow one. Jobs run at least
once: a worker that dies keeps its job until another finds it without a heartbeat and gives it back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, UniqueViolation
from procrastinate.jobs import Status
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.feeds.schedule import HEARTBEAT_S, STALLED_S
from hub.store.statements import text

log = logging.getLogger(__name__)

QUEUE = "feeds"
TASK = "hub.feeds.run"
CONCURRENCY = 8
"""Jobs at once in one process: they wait for systems most of the time, and a slow system must not hold up the rest."""
POLL_S = 1.0
"""How often a worker looks for jobs whose lock has become free or that were given back: nobody announces those."""
GRACE_S = 5.0
"""How long a stopping worker waits for its jobs, which end at their next page."""
KEEP_HOURS = 24
RESCUE_LOCK = 7_210_419
"""Key of the advisory lock that lets one replica at a time look for dead workers' jobs."""

Run = Callable[[str, bool], Awaitable[None]]


class JobQueue:
    """Defers jobs, runs them, and rescues those of dead workers."""

    def __init__(self, engine: AsyncEngine, run: Run | None = None) -> None:
        """`run` gets a job's name and whether it was forced; without it this end of the queue only defers."""
        self._engine = engine
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._app = App(connector=PsycopgConnector(conninfo=url, min_size=1, max_size=4))
        if run is not None:
            self._app.task(name=TASK, queue=QUEUE)(_task(run))

    async def open(self) -> None:
        """Connect."""
        await self._app.open_async()

    async def close(self) -> None:
        """Disconnect."""
        await self._app.close_async()

    async def work(self) -> None:
        """Run jobs until cancelled; then end those under way. Ends by itself when the database is lost."""
        await self._app.run_worker_async(
            queues=[QUEUE],
            concurrency=CONCURRENCY,
            install_signal_handlers=False,
            fetch_job_polling_interval=POLL_S,
            update_heartbeat_interval=HEARTBEAT_S,
            stalled_worker_timeout=STALLED_S,
            shutdown_graceful_timeout=GRACE_S,
            delete_jobs="successful",
        )

    async def defer(self, job: str) -> None:
        """Queue a job unless it is queued already."""
        deferrer = self._app.configure_task(TASK, queue=QUEUE, lock=job, queueing_lock=job)
        try:
            await deferrer.defer_async(job=job, forced=False)
        except AlreadyEnqueued:
            log.debug("%s is still waiting in the queue", job)

    async def force(self, job: str) -> int:
        """Queue a run that a person wants, paused or not; returns the number of the queue's entry."""
        return await self._app.configure_task(TASK, queue=QUEUE, lock=job).defer_async(job=job, forced=True)

    async def unfinished(self, entries: Collection[int]) -> set[int]:
        """Those of the entries that wait or run; finished ones have left the queue, failed ones have ended too."""
        waiting: set[int] = set()
        for status in (Status.TODO, Status.DOING):
            jobs = await self._app.job_manager.list_jobs_async(queue=QUEUE, status=status.value)
            waiting |= {job.id for job in jobs if job.id is not None}
        return waiting & set(entries)

    async def rescue(self) -> int:
        """Give the jobs of dead workers back; returns how many. One replica at a time does it."""
        async with self._engine.begin() as connection:
            mine = await connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": RESCUE_LOCK})
            return await self._rescue() if mine.scalar_one() else 0

    async def tidy(self) -> None:
        """Delete jobs that ended a day ago."""
        await self._app.job_manager.delete_old_jobs(
            KEEP_HOURS, queue=QUEUE, include_failed=True, include_cancelled=True, include_aborted=True
        )

    async def _rescue(self) -> int:
        manager = self._app.job_manager
        stalled = list(await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=STALLED_S))
        for job in stalled:
            log.warning("taking %s over from a worker that died", job.lock)
            try:
                await manager.retry_job(job)
            except UniqueViolation:
                # A younger run of the same job already waits, and it does this one's work too.
                await manager.finish_job(job, Status.ABORTED, delete_job=True)
        return len(stalled)


def _task(run: Run) -> Callable[[str, bool], Awaitable[None]]:
    """The task in the form in which the queue wants it: a coroutine function of named arguments."""

    async def task(job: str, forced: bool) -> None:  # noqa: FBT001 - the queue passes it by name
        await run(job, forced)

    return task


async def forever(step: Callable[[], Awaitable[object]], every_s: float, what: str) -> None:
    """Repeat a step until cancelled; its errors are logged, and do not end it."""
    while True:
        try:
            await step()
        except Exception:
            log.exception("%s failed; trying again", what)
        await asyncio.sleep(every_s)

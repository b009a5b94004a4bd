"""When each periodic job is due next: the one timetable of all replicas.

A replica that finds a job due claims it by moving its time on in the same statement, so that of several
replicas exactly one starts it. It is moved on by a moment only, and by its interval when it has been queued: a
process that dies in between must not cost a whole interval. A job that fails may set its own time: that is how
back-off works.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.store.statements import text

HELD_S = 5.0
"""How long a claimed job is held for the replica that is about to queue it."""


class Timetable:
    """The rows of the table `due`; times are the database's."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def register(self, first_in_s: Mapping[str, float]) -> None:
        """Enter the jobs that are not there yet, due in that many seconds, and drop all that are not named."""
        rows = [{"job": job, "seconds": seconds} for job, seconds in first_in_s.items()]
        async with self._engine.begin() as connection:
            await connection.execute(text(_REGISTER), {"rows": orjson.dumps(rows).decode()})
            await connection.execute(text(_UNREGISTER), {"jobs": list(first_in_s)})

    async def claim(self, jobs: Collection[str]) -> dict[str, datetime]:
        """Those of the named jobs that are due, with what they are held by: for a moment they are nobody else's.

        Whoever claims a job queues it and then `settle`s it; one that is not settled is soon due again.
        """
        async with self._engine.begin() as connection:
            claimed = await connection.execute(text(_CLAIM), {"jobs": list(jobs), "seconds": HELD_S})
            return {row.job: row.at for row in claimed}

    async def settle(self, job: str, held: datetime, every_s: float) -> None:
        """The job has been queued and is due again after its interval, unless its time was set otherwise meanwhile."""
        await self._execute(_SETTLE, {"job": job, "held": held, "seconds": every_s})

    async def set(self, job: str, in_s: float) -> None:
        """The job is due in that many seconds, whatever its time was."""
        await self._execute(_SET, {"job": job, "seconds": in_s})

    async def hasten(self, jobs: Iterable[str]) -> None:
        """The jobs are due now, unless they already were."""
        await self._execute(_HASTEN, {"jobs": list(jobs)})

    async def postpone(self, jobs: Iterable[str], in_s: float) -> None:
        """The jobs are not due before that many seconds have passed."""
        await self._execute(_POSTPONE, {"jobs": list(jobs), "seconds": in_s})

    async def _execute(self, statement: str, parameters: Mapping[str, Any]) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(text(statement), parameters)


_REGISTER = """
INSERT INTO due (job, at) SELECT job, now() + make_interval(secs => seconds)
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(job text, seconds float8) ON CONFLICT DO NOTHING"""
_UNREGISTER = "DELETE FROM due WHERE NOT job = ANY(CAST(:jobs AS text[]))"
_CLAIM = """
UPDATE due SET at = now() + make_interval(secs => CAST(:seconds AS float8))
WHERE job = ANY(CAST(:jobs AS text[])) AND at <= now() RETURNING job, at"""
_SETTLE = """
UPDATE due SET at = now() + make_interval(secs => CAST(:seconds AS float8))
WHERE job = :job AND at = CAST(:held AS timestamptz)"""
_SET = "UPDATE due SET at = now() + make_interval(secs => CAST(:seconds AS float8)) WHERE job = :job"
_HASTEN = "UPDATE due SET at = now() WHERE job = ANY(CAST(:jobs AS text[])) AND at > now()"
_POSTPONE = """
UPDATE due SET at = greatest(at, now() + make_interval(secs => CAST(:seconds AS float8)))
WHERE job = ANY(CAST(:jobs AS text[]))"""

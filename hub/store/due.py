"""When each periodic job is due next: the one timetable of all replicas.

A replica that finds a job due claims it by moving its time on in the same statement, so that of several
replicas exactly one starts it. A job that fails may set its own time: that is how back-off works.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.store.statements import text


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

    async def claim(self, every_s: Mapping[str, float]) -> list[str]:
        """Those of the named jobs that are due; each is now due again after its interval."""
        rows = [{"job": job, "seconds": seconds} for job, seconds in every_s.items()]
        async with self._engine.begin() as connection:
            claimed = await connection.execute(text(_CLAIM), {"rows": orjson.dumps(rows).decode()})
            return [row.job for row in claimed]

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
UPDATE due SET at = now() + make_interval(secs => r.seconds)
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(job text, seconds float8)
WHERE due.job = r.job AND due.at <= now() RETURNING due.job"""
_SET = "UPDATE due SET at = now() + make_interval(secs => CAST(:seconds AS float8)) WHERE job = :job"
_HASTEN = "UPDATE due SET at = now() WHERE job = ANY(CAST(:jobs AS text[])) AND at > now()"
_POSTPONE = """
UPDATE due SET at = greatest(at, now() + make_interval(secs => CAST(:seconds AS float8)))
WHERE job = ANY(CAST(:jobs AS text[]))"""

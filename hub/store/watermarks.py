"""How far each change feed has come, and how its last run ended; one row per system and kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.kinds import Kind
from hub.store.statements import text


class Feed(NamedTuple):
    """One change feed: a system of the estate and a kind of record that it supplies."""

    system: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class FeedState:
    """A feed's row; instants are the database's.

    `reached` is proven by the pages applied so far. `behind` is set while newer changes are known to wait.
    `failure` is the code of the last run's error, None when it ended well; `failures` how many in a row.
    """

    reached: datetime | None = None
    first_load_done_at: datetime | None = None
    full_pass_at: datetime | None = None
    ran_at: datetime | None = None
    ran_records: int = 0
    behind: bool = False
    failed_at: datetime | None = None
    failure: str | None = None
    failures: int = 0


class Watermarks:
    """The rows of all feeds. Every method is one short transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def register(self, feeds: Iterable[Feed]) -> None:
        """Make sure that each feed has a row, and drop those of feeds that the estate no longer has."""
        rows = orjson.dumps([{"system": f.system, "kind": f.kind} for f in feeds]).decode()
        async with self._engine.begin() as connection:
            await connection.execute(text(_REGISTER), {"rows": rows})
            await connection.execute(text(_UNREGISTER), {"rows": rows})

    async def all(self) -> dict[Feed, FeedState]:
        """Every feed's state."""
        async with self._engine.connect() as connection:
            rows = (await connection.execute(text("SELECT * FROM watermark"))).mappings().all()
        return {Feed(row["system"], Kind(row["kind"])): _state(row) for row in rows}

    async def get(self, feed: Feed) -> FeedState:
        """One feed's state; the empty one when it has never run."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(text(_GET), _named(feed))).mappings().first()
        return FeedState() if row is None else _state(row)

    async def now(self) -> datetime:
        """The database's clock, which all replicas share."""
        async with self._engine.connect() as connection:
            found: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
        return found

    async def advance(self, feed: Feed, reached: datetime | None, *, behind: bool) -> None:
        """A page has been applied: progress up to `reached` (None: the page proves none), never backwards.

        Nor beyond the present: one record stamped in the future would hide every change until then. `behind`
        says whether newer changes than these are known to wait.
        """
        await self._execute(_ADVANCE, {**_named(feed), "reached": reached, "behind": behind})

    async def completed(self, feed: Feed, records: int) -> None:
        """A run has seen the end of the changes."""
        await self._execute(_COMPLETED, {**_named(feed), "records": records})

    async def failed(self, feed: Feed, code: str, *, behind: bool) -> int:
        """A run has ended in an error; returns how many did in a row. What was reached stays.

        `behind` says whether it was in the way of changes that are known to be there.
        """
        async with self._engine.begin() as connection:
            found: int = (
                await connection.execute(text(_FAILED), {**_named(feed), "code": code, "behind": behind})
            ).scalar_one()
        return found

    async def passed(self, feed: Feed) -> None:
        """A full pass has seen everything."""
        await self._execute(
            "UPDATE watermark SET full_pass_at = now() WHERE system = :system AND kind = :kind", _named(feed)
        )

    async def _execute(self, statement: str, parameters: Mapping[str, Any]) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(text(statement), parameters)


def _named(feed: Feed) -> dict[str, Any]:
    return {"system": feed.system, "kind": str(feed.kind)}


def _state(row: Mapping[Any, Any]) -> FeedState:
    return FeedState(**{name: row[name] for name in FeedState.__dataclass_fields__})


_REGISTER = """
INSERT INTO watermark (system, kind)
SELECT system, kind FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(system text, kind text) ON CONFLICT DO NOTHING"""
_UNREGISTER = """
DELETE FROM watermark w WHERE NOT EXISTS (
  SELECT 1 FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(system text, kind text)
  WHERE r.system = w.system AND r.kind = w.kind)"""
_GET = "SELECT * FROM watermark WHERE system = :system AND kind = :kind"
_ADVANCE = """
INSERT INTO watermark (system, kind, reached, behind)
-- least and greatest pass over NULL, and a page that proves nothing must not count as one that proves all.
VALUES (:system, :kind, CASE WHEN CAST(:reached AS timestamptz) IS NOT NULL
  THEN least(CAST(:reached AS timestamptz), now()) END, :behind)
ON CONFLICT (system, kind) DO UPDATE SET reached = greatest(watermark.reached, excluded.reached),
  behind = excluded.behind"""
_COMPLETED = """
INSERT INTO watermark (system, kind, ran_at, ran_records, first_load_done_at)
VALUES (:system, :kind, clock_timestamp(), :records, clock_timestamp())
ON CONFLICT (system, kind) DO UPDATE SET ran_at = excluded.ran_at, ran_records = excluded.ran_records, behind = false,
  first_load_done_at = coalesce(watermark.first_load_done_at, excluded.first_load_done_at),
  failed_at = NULL, failure = NULL, failures = 0"""
_FAILED = """
INSERT INTO watermark (system, kind, failed_at, failure, failures, behind)
VALUES (:system, :kind, clock_timestamp(), :code, 1, :behind)
ON CONFLICT (system, kind) DO UPDATE SET failed_at = excluded.failed_at, failure = excluded.failure,
  failures = watermark.failures + 1, behind = watermark.behind OR excluded.behind
RETURNING failures"""

"""Records that their system may have deleted without saying so.

Not being in a list proves nothing. A mark says since when a system has answered "not there" to the very
id; only the same answer again, at least a minute later, makes a deletion of it (domain.md 6.4).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.kinds import Kind
from hub.domain.records import RecordKey
from hub.store.statements import text
from hub.store.watermarks import Feed

PROOF_S = 60.0
"""How far apart the two answers must be."""


async def note_missing(engine: AsyncEngine, keys: Sequence[RecordKey]) -> None:
    """Their system has just answered "not there" for these ids; an earlier mark stays."""
    await _mark(engine, _NOTE, keys)


async def note_found(engine: AsyncEngine, keys: Sequence[RecordKey]) -> None:
    """Their system has these after all."""
    await _mark(engine, _FOUND, keys)


async def marked(engine: AsyncEngine, feeds: Collection[Feed], *, limit: int) -> list[RecordKey]:
    """Records of these feeds whose first "not there" is old enough for the second question, oldest first."""
    rows = orjson.dumps([{"system": f.system, "kind": f.kind} for f in feeds]).decode()
    async with engine.connect() as connection:
        found = await connection.execute(text(_MARKED), {"feeds": rows, "seconds": PROOF_S, "limit": limit})
        return [RecordKey(row.system, Kind(row.kind), row.external_id) for row in found]


async def known_ids(engine: AsyncEngine, feed: Feed, *, before: datetime) -> set[str]:
    """The vendor ids of a feed's live records that were here before that instant."""
    async with engine.connect() as connection:
        rows = await connection.execute(text(_KNOWN), {"system": feed.system, "kind": str(feed.kind), "before": before})
        return {row.external_id for row in rows}


async def _mark(engine: AsyncEngine, statement: str, keys: Sequence[RecordKey]) -> None:
    if keys:
        rows = [{"system": k.system, "kind": k.kind, "external_id": k.external_id} for k in keys]
        async with engine.begin() as connection:
            await connection.execute(text(statement), {"keys": orjson.dumps(rows).decode()})


_NOTE = """
UPDATE record SET missing_since = now()
FROM jsonb_to_recordset(CAST(:keys AS jsonb)) AS k(system text, kind text, external_id text)
WHERE record.system = k.system AND record.kind = k.kind AND record.external_id = k.external_id
  AND record.missing_since IS NULL AND record.deleted_at IS NULL"""
_FOUND = """
UPDATE record SET missing_since = NULL
FROM jsonb_to_recordset(CAST(:keys AS jsonb)) AS k(system text, kind text, external_id text)
WHERE record.system = k.system AND record.kind = k.kind AND record.external_id = k.external_id
  AND record.missing_since IS NOT NULL"""
_MARKED = """
SELECT r.system, r.kind, r.external_id FROM record r
JOIN jsonb_to_recordset(CAST(:feeds AS jsonb)) AS f(system text, kind text) USING (system, kind)
WHERE r.deleted_at IS NULL AND r.missing_since <= now() - make_interval(secs => CAST(:seconds AS float8))
ORDER BY r.missing_since LIMIT :limit"""
_KNOWN = """
SELECT external_id FROM record
WHERE system = :system AND kind = :kind AND deleted_at IS NULL AND valid_from < CAST(:before AS timestamptz)"""

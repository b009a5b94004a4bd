"""What does not fit together in the directory: records that may belong to an entity, and links without a target."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.records import RecordKey
from hub.store.statements import text


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that matched no entity by its keys, and the entities of its kind that have the same name."""

    record: RecordKey
    entities: tuple[CanonicalId, ...]


@dataclass(frozen=True, slots=True)
class DanglingLink:
    """A target that has not come, as those who link to it call it; `entity` is one of those that wait.

    `system` is empty where the reference means any system's.
    """

    system: str
    target_kind: Kind
    by: str
    value: str
    entity: CanonicalId
    waiting: int


async def match_candidates(engine: AsyncEngine) -> list[Candidate]:
    """Every unlinked record that has an entity's name: names never match by themselves (domain.md 2.1)."""
    async with engine.connect() as connection:
        records = (await connection.execute(text(_UNLINKED))).all()
        kinds = sorted({row.entity_kind for row in records})
        entities = (await connection.execute(text(_NAMES), {"kinds": kinds})).all() if kinds else []
    by_name: dict[tuple[str, str], list[CanonicalId]] = defaultdict(list)
    for row in entities:
        by_name[row.kind, normalized(row.name_key)].append(CanonicalId(row.id))
    return [
        Candidate(RecordKey(row.system, Kind(row.kind), row.external_id), tuple(sorted(same)))
        for row in records
        if (same := by_name.get((row.entity_kind, normalized(row.label))))
    ]


async def dangling_links(engine: AsyncEngine, *, older_than_s: float, limit: int) -> list[DanglingLink]:
    """Targets that something has waited for for longer than that; those waited for longest, in a stable order."""
    async with engine.connect() as connection:
        rows = await connection.execute(text(_DANGLING), {"seconds": older_than_s, "limit": limit})
        return [
            DanglingLink(r.system, Kind(r.target_kind), r.by, r.value, CanonicalId(r.entity_id), r.waiting)
            for r in rows
        ]


def normalized(name: str) -> str:
    """A name without case, accents, punctuation and spaces."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in decomposed if c.isalnum())


_UNLINKED = """
SELECT system, kind, external_id, entity_kind, label FROM record
WHERE entity_id IS NULL AND deleted_at IS NULL AND label <> ''"""
_NAMES = """
SELECT id, kind, name_key FROM entity
WHERE kind = ANY(CAST(:kinds AS text[])) AND name_key IS NOT NULL AND deleted_at IS NULL AND merged_into IS NULL"""
_DANGLING = """
SELECT p.system, p.target_kind, p."by", p.value, min(p.entity_id) AS entity_id, count(*) AS waiting
FROM pending_link p JOIN entity e ON e.id = p.entity_id
WHERE p.since < now() - make_interval(secs => CAST(:seconds AS float8))
  AND e.deleted_at IS NULL AND e.merged_into IS NULL
GROUP BY p.system, p.target_kind, p."by", p.value
ORDER BY min(p.since), p.system, p.target_kind, p."by", p.value LIMIT :limit"""

"""Linking a record that matched nothing to an entity, because a person says that it belongs there (domain.md 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.records import BY_CANONICAL, Key, Record, RecordKey
from hub.ports import DirectoryWriter
from hub.store.codec import decode
from hub.store.statements import text


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A live record of the directory and the entity that it belongs to, if any."""

    record: Record
    entity_id: CanonicalId | None


async def known_records(engine: AsyncEngine, system: str, kinds: Sequence[Kind], external_id: str) -> list[KnownRecord]:
    """The live records with that id in the system, of any of these kinds."""
    given = {"system": system, "kinds": list(kinds), "external_id": external_id}
    async with engine.connect() as connection:
        rows = (await connection.execute(text(_KNOWN), given)).all()
    return [
        KnownRecord(
            Record(
                RecordKey(row.system, Kind(row.kind), row.external_id),
                decode(row.kept),
                row.stamp,
                row.source_timestamp,
                datetime.now(UTC),
                label=row.label,
            ),
            None if row.entity_id is None else CanonicalId(row.entity_id),
        )
        for row in rows
    ]


async def link(
    engine: AsyncEngine, writer: DirectoryWriter, record: Record, entity_id: CanonicalId
) -> frozenset[CanonicalId]:
    """Give an unlinked record to the entity; returns the entities that changed, none when somebody was faster.

    The row is withdrawn for a moment and taken over again with the canonical id as its key, so that linking
    goes the one way by which records join entities. A process that dies in between leaves it to the next feed.
    """
    async with engine.begin() as connection:
        withdrawn = (await connection.execute(text(_WITHDRAW), record.key._asdict())).first()
    if withdrawn is None:
        return frozenset()
    return await writer.apply([replace(record, keys=(Key(BY_CANONICAL, entity_id),))])


_KNOWN = """
SELECT system, kind, external_id, kept, stamp, source_timestamp, label, entity_id FROM record
WHERE system = :system AND kind = ANY(CAST(:kinds AS text[])) AND external_id = :external_id AND deleted_at IS NULL"""
_WITHDRAW = """
UPDATE record SET deleted_at = now()
WHERE system = :system AND kind = :kind AND external_id = :external_id AND entity_id IS NULL AND deleted_at IS NULL
RETURNING system"""

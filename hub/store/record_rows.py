"""Writes the rows of records: what their systems say, under which stamp, and the keys by which they match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, entity_kind
from hub.domain.records import Record, RecordKey
from hub.store.codec import encode
from hub.store.statements import text


async def store_records(
    connection: AsyncConnection,
    records: Sequence[Record],
    entities: Mapping[RecordKey, CanonicalId | None],
    domains: Mapping[str, Domain],
) -> None:
    """Insert records or change what is known of them; a tombstone leaves the last values, a partial read the others."""
    rows = [
        {
            **_stamped(record),
            "domain": domains[record.key.system],
            "entity_kind": entity_kind(record.key.kind),
            "entity_id": entities.get(record.key),
            "kept": encode(record.attributes),
            "cleared": [name for name, value in record.attributes.items() if value is None],
            "label": record.label,
            "deleted_at": record.fetched_at if record.deleted else None,
        }
        for record in records
    ]
    await _execute(connection, _STORE, rows)


async def store_stamps(connection: AsyncConnection, records: Sequence[Record]) -> None:
    """Records that say what is known, under a newer stamp: what bears an older one shall be known for old."""
    await _execute(connection, _STAMPS, [_stamped(record) for record in records])


async def store_keys(connection: AsyncConnection, records: Sequence[Record]) -> None:
    """Remember the records' identity hints."""
    rows = [
        {
            "entity_kind": entity_kind(record.key.kind),
            "name": key.name,
            "value": key.value,
            "system": record.key.system,
            "kind": record.key.kind,
            "external_id": record.key.external_id,
        }
        for record in records
        for key in record.keys
        if key.value
    ]
    await _execute(connection, _KEYS, rows)


def _stamped(record: Record) -> dict[str, Any]:
    return {
        "system": record.key.system,
        "kind": record.key.kind,
        "external_id": record.key.external_id,
        "stamp": record.stamp,
        "source_timestamp": record.source_timestamp,
        "source_version": record.source_version,
        "read_at": record.fetched_at,
    }


async def _execute(connection: AsyncConnection, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        await connection.execute(text(statement), {"rows": orjson.dumps(rows, default=str).decode()})


_STORE = """
WITH news AS (SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(system text, kind text,
  external_id text, domain text, entity_kind text, entity_id text, stamp text, source_timestamp timestamptz,
  source_version bigint, read_at timestamptz, kept jsonb, cleared text[], label text, deleted_at timestamptz)),
known AS (UPDATE record SET
  entity_id = coalesce(record.entity_id, n.entity_id), stamp = n.stamp,
  source_timestamp = coalesce(n.source_timestamp, record.source_timestamp),
  source_version = coalesce(n.source_version, record.source_version), read_at = n.read_at,
  kept = CASE WHEN n.deleted_at IS NULL THEN (record.kept || n.kept) - n.cleared ELSE record.kept END,
  label = CASE WHEN n.label = '' THEN record.label ELSE n.label END,
  deleted_at = n.deleted_at, missing_since = NULL
  FROM news n WHERE record.system = n.system AND record.kind = n.kind AND record.external_id = n.external_id
  RETURNING record.system, record.kind, record.external_id)
INSERT INTO record (system, kind, external_id, domain, entity_kind, entity_id, stamp, source_timestamp,
  source_version, read_at, kept, label, deleted_at)
SELECT system, kind, external_id, domain, entity_kind, entity_id, stamp, source_timestamp, source_version, read_at,
  kept, label, deleted_at
FROM news n WHERE NOT EXISTS (
  SELECT 1 FROM known k WHERE k.system = n.system AND k.kind = n.kind AND k.external_id = n.external_id)"""
_STAMPS = """
UPDATE record SET stamp = m.stamp, read_at = m.read_at,
  source_timestamp = coalesce(m.source_timestamp, record.source_timestamp),
  source_version = coalesce(m.source_version, record.source_version)
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS m(system text, kind text, external_id text, stamp text,
  source_timestamp timestamptz, source_version bigint, read_at timestamptz)
WHERE record.system = m.system AND record.kind = m.kind AND record.external_id = m.external_id"""
_KEYS = """
INSERT INTO match_key (entity_kind, name, value, system, kind, external_id)
SELECT entity_kind, name, value, system, kind, external_id FROM jsonb_to_recordset(CAST(:rows AS jsonb))
  AS k(entity_kind text, name text, value text, system text, kind text, external_id text)
ON CONFLICT DO NOTHING"""

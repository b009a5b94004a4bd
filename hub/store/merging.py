"""Merging two entities that turned out to be one: the survivor keeps its id, the loser redirects to it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.ids import CanonicalId, kind_of
from hub.domain.merge import Postings, refuse_merge
from hub.store.directory_writer import WRITE_LOCK
from hub.store.statements import text
from hub.store.tables import LINKS

_POSTINGS = """
SELECT e.id, array_remove(array_agg(DISTINCT i.legal_entity), NULL) AS entities,
  array_remove(array_agg(DISTINCT i.currency), NULL) AS currencies
FROM entity e LEFT JOIN LATERAL (
  SELECT p.legal_entity_id AS legal_entity, c.kept -> 'value' -> 'm' ->> 1 AS currency
  FROM entity v JOIN entity p ON p.id = v.project_id LEFT JOIN entity c ON c.id = p.contract_id
  WHERE v.kind = 'invoice' AND v.deleted_at IS NULL
    AND (v.customer_id = e.id OR v.project_id = e.id OR p.contract_id = e.id)) i ON true
WHERE e.id = ANY(CAST(:ids AS text[])) GROUP BY e.id"""


async def merge_entities(connection: AsyncConnection, survivor: CanonicalId, loser: CanonicalId) -> None:
    """Make `loser` a tombstone of `survivor`, inside the caller's transaction.

    Cross references and links move, chains of redirects collapse to one hop. Raises MergeRefused when the
    two are of different kinds, or when both have postings in different legal entities or currencies.
    The caller applies the survivor's records again afterwards, so that its values follow.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITE_LOCK})
    found = await connection.execute(text(_POSTINGS), {"ids": [survivor, loser]})
    postings = {row.id: Postings(frozenset(row.entities), frozenset(row.currencies)) for row in found}
    refuse_merge(kind_of(survivor), kind_of(loser), postings[survivor], postings[loser])
    both: dict[str, Any] = {"survivor": survivor, "loser": loser}
    await connection.execute(text("UPDATE record SET entity_id = :survivor WHERE entity_id = :loser"), both)
    for link in LINKS:
        await connection.execute(
            text(
                f"UPDATE entity SET {link}_id = :survivor, changed_at = now(),"
                f" kept = CASE WHEN kept ? '{link}' THEN kept || jsonb_build_object('{link}', CAST(:survivor AS text))"
                f" ELSE kept END WHERE {link}_id = :loser"
            ),
            both,
        )
    await connection.execute(
        text("UPDATE entity SET merged_into = :survivor, changed_at = now() WHERE id = :loser OR merged_into = :loser"),
        both,
    )

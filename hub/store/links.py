"""Resolving references: which entity a system's words mean, for many references in a few statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.ids import CanonicalId
from hub.domain.merge import target_kind
from hub.domain.records import BY_CANONICAL, BY_ID, Ref
from hub.store.statements import text

_BY_ID = (
    "SELECT w.n, r.entity_id FROM wanted w JOIN record r ON r.system = w.system AND r.entity_kind = w.kind"
    " AND r.external_id = w.value WHERE r.entity_id IS NOT NULL AND r.deleted_at IS NULL"
)
_BY_DOMAIN_ID = (
    "SELECT w.n, r.entity_id FROM wanted w JOIN record r ON r.entity_kind = w.kind AND r.external_id = w.value"
    " AND 'id:' || r.domain = w.by WHERE r.entity_id IS NOT NULL AND r.deleted_at IS NULL"
)
# The records of a batch are stored before its entity rows, so a living id is one that some record has.
_BY_CANONICAL = (
    "SELECT DISTINCT w.n, r.entity_id FROM wanted w JOIN record r ON r.entity_id = w.value AND r.entity_kind = w.kind"
    " WHERE r.deleted_at IS NULL"
    " UNION SELECT w.n, e.merged_into FROM wanted w JOIN entity e ON e.id = w.value AND e.kind = w.kind"
    " WHERE e.merged_into IS NOT NULL"
)
_BY_KEY = (
    "SELECT DISTINCT w.n, r.entity_id FROM wanted w JOIN match_key m ON m.entity_kind = w.kind AND m.name = w.by"
    " AND m.value = w.value JOIN record r ON r.system = m.system AND r.kind = m.kind AND r.external_id = m.external_id"
    " WHERE r.entity_id IS NOT NULL AND r.deleted_at IS NULL"
)
_WANTED = (
    "WITH wanted AS (SELECT * FROM jsonb_to_recordset(CAST(:wanted AS jsonb))"
    ' AS w(n int, system text, kind text, "by" text, value text)) '
)


class LinkTable:
    """References of one batch and the entities they mean; a reference that means several entities means none."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._found: dict[tuple[str, Ref], CanonicalId | None] = {}

    async def load(self, wanted: Iterable[tuple[str, Ref]]) -> None:
        """Look up (system, reference) pairs; at most one statement per way of referring."""
        pairs = list(dict.fromkeys(_scoped(system, ref) for system, ref in wanted))
        groups: dict[str, list[tuple[str, Ref]]] = {}
        for pair in pairs:
            groups.setdefault(_statement(pair[1]), []).append(pair)
        for statement, group in groups.items():
            await self._look_up(statement, group)

    async def _look_up(self, statement: str, group: Sequence[tuple[str, Ref]]) -> None:
        rows = await self._connection.execute(
            text(_WANTED + statement), {"wanted": orjson.dumps(list(map(_wanted, range(len(group)), group))).decode()}
        )
        found: dict[int, set[str]] = {}
        for row in rows:
            found.setdefault(row.n, set()).add(row.entity_id)
        for n, pair in enumerate(group):
            targets = found.get(n, set())
            self._found[pair] = CanonicalId(next(iter(targets))) if len(targets) == 1 else None

    def get(self, system: str, ref: Ref) -> CanonicalId | None:
        """The entity that a loaded reference means, None where there is none or more than one."""
        return self._found.get(_scoped(system, ref))

    def targets(self) -> set[CanonicalId]:
        """All entities found so far."""
        return {found for found in self._found.values() if found is not None}


def _scoped(system: str, ref: Ref) -> tuple[str, Ref]:
    """Only a vendor id means something within one system; all other references mean the same everywhere."""
    return (system if ref.by == BY_ID else "", ref)


def _statement(ref: Ref) -> str:
    if ref.by == BY_ID:
        return _BY_ID
    if ref.by == BY_CANONICAL:
        return _BY_CANONICAL
    return _BY_DOMAIN_ID if ref.by.startswith(f"{BY_ID}:") else _BY_KEY


def _wanted(n: int, pair: tuple[str, Ref]) -> dict[str, Any]:
    system, ref = pair
    return {"n": n, "system": system, "kind": target_kind(ref), "by": ref.by, "value": ref.value}

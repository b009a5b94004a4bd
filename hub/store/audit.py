"""The audit trail: every command and every read of a person's cost rate; rows are only ever added.

Reading goes backwards from the newest row. Values before and after are those of the attributes that a command
was to write, in the directory's own JSON form; a cost rate itself is never among them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.domain.audit import AuditRow
from hub.domain.callers import Caller
from hub.domain.commands import Actor
from hub.domain.ids import CanonicalId
from hub.domain.records import Value
from hub.domain.row_scope import RowScope
from hub.store.codec import encode
from hub.store.scoping import ScopeSql

READ_COST_RATE = "read:costRate"
"""The action of a row that says who saw what a person costs."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did or tried; `outcome` is a command's state, or READ."""

    actor: Actor
    correlation_id: str
    action: str
    outcome: str
    entity_id: CanonicalId | None = None
    before: Mapping[str, Value] | None = None
    after: Mapping[str, Value] | None = None
    code: str | None = None


def name_of(caller: Caller) -> str:
    """Whom a row names: the work e-mail, or the token's subject where it has none."""
    return caller.email or caller.subject


async def add(connection: AsyncConnection, *entries: AuditEntry) -> None:
    """Add rows inside the caller's transaction."""
    await connection.execute(text(_ADD), {"rows": orjson.dumps([_row(e) for e in entries]).decode()})


async def record(engine: AsyncEngine, *entries: AuditEntry) -> None:
    """Add rows."""
    if entries:
        async with engine.begin() as connection:
            await add(connection, *entries)


class PostgresAuditTrail:
    """See hub.ports.AuditTrail."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def cost_rate_read(self, actor: Actor, correlation_id: str, resources: Sequence[CanonicalId]) -> None:
        """Note that somebody is about to see what these people cost (domain.md 9.1): one row a person."""
        entries = (AuditEntry(actor, correlation_id, READ_COST_RATE, "READ", i) for i in resources)
        await record(self._engine, *entries)


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose view of the trail: entries about entities in these rows, and the reader's own that are about none."""

    rows: RowScope
    issuer: str
    name: str


async def read(
    engine: AsyncEngine,
    reader: Reader,
    *,
    first: int,
    before_id: int | None = None,
    entity_id: CanonicalId | None = None,
) -> list[AuditRow]:
    """The newest rows older than `before_id`, of one entity if it is named, newest first."""
    given: dict[str, Any] = {"first": first, "before": before_id, "entity": entity_id}
    statement = f"{_READ} {_seen(reader, given)} ORDER BY a.id DESC LIMIT :first"
    async with engine.connect() as connection:
        rows = await connection.execute(text(statement), given)
        return [AuditRow(**{**row._asdict(), "roles": tuple(row.roles)}) for row in rows]


async def count(engine: AsyncEngine, reader: Reader, entity_id: CanonicalId | None = None) -> int:
    """How many rows there are, of one entity if it is named."""
    given: dict[str, Any] = {"entity": entity_id}
    statement = f"{_COUNT} {_seen(reader, given)}"
    async with engine.connect() as connection:
        return int((await connection.execute(text(statement), given)).scalar_one())


def _seen(reader: Reader, parameters: dict[str, Any]) -> str:
    """What further limits the rows; what was merged is in the scope of what it is now."""
    if reader.rows.unlimited:
        return ""
    parameters |= {"own_issuer": reader.issuer, "own_name": reader.name}
    return _SEEN.format(inside=ScopeSql(reader.rows, parameters).any_kind("e"))


@dataclass(frozen=True, slots=True)
class Done:
    """Whose command it was, by e-mail or subject, and when it was noted."""

    person: str
    at: datetime


async def last_done(engine: AsyncEngine, action: str, entity_id: CanonicalId) -> Done | None:
    """The last command of that sort that was applied to the entity, or may have been: its answer is outstanding."""
    async with engine.connect() as connection:
        row = (await connection.execute(text(_LAST), {"action": action, "entity": entity_id})).first()
    return None if row is None else Done(str(row.person), row.at)


async def has_submitted(
    engine: AsyncEngine, action: str, names: Collection[str], project: str | None, worker: str
) -> bool:
    """Whether somebody, known by these names, has submitted time of the worker's that is not decided on."""
    given = {"action": action, "names": [n.casefold() for n in names], "project": project, "worker": worker}
    async with engine.connect() as connection:
        return bool((await connection.execute(text(_HAS_SUBMITTED), given)).scalar_one())


def _row(entry: AuditEntry) -> dict[str, Any]:
    user = entry.actor.on_behalf_of
    return {
        "issuer": entry.actor.caller.issuer,
        "actor": name_of(entry.actor.caller),
        "roles": sorted(entry.actor.caller.roles),
        "on_behalf_of": None if user is None else name_of(user),
        "correlation_id": entry.correlation_id,
        "action": entry.action,
        "entity_id": entry.entity_id,
        "before": None if entry.before is None else encode(entry.before),
        "after": None if entry.after is None else encode(entry.after),
        "outcome": entry.outcome,
        "code": entry.code,
    }


_ADD = """
INSERT INTO audit (issuer, actor, roles, on_behalf_of, correlation_id, action, entity_id, before, after, outcome, code)
SELECT issuer, actor, roles, on_behalf_of, correlation_id, action, entity_id, before, after, outcome, code
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(issuer text, actor text, roles text[], on_behalf_of text,
  correlation_id text, action text, entity_id text, before jsonb, after jsonb, outcome text, code text)"""
_OF_ENTITY = "(CAST(:entity AS text) IS NULL OR a.entity_id = CAST(:entity AS text))"
_READ = f"""
SELECT a.id, a.at, a.actor, a.roles, a.on_behalf_of, a.correlation_id, a.action, a.entity_id, a.before, a.after,
  a.outcome, a.code
FROM audit a WHERE (CAST(:before AS bigint) IS NULL OR a.id < CAST(:before AS bigint)) AND {_OF_ENTITY}"""
_COUNT = f"SELECT count(*) FROM audit a WHERE {_OF_ENTITY}"
_SEEN = """
AND (a.entity_id IS NULL AND a.issuer = :own_issuer AND a.actor = :own_name
  OR EXISTS (SELECT 1 FROM entity n JOIN entity e ON e.id = coalesce(n.merged_into, n.id)
    WHERE n.id = a.entity_id AND ({inside})))"""
_LAST = """
SELECT person, at FROM (
  SELECT coalesce(on_behalf_of, actor) AS person, at FROM audit
  WHERE action = :action AND entity_id = :entity AND outcome = 'APPLIED'
  UNION ALL
  SELECT coalesce(on_behalf_of, CAST(person AS jsonb) -> 0 ->> 'email', subject), received_at FROM command
  WHERE mutation = :action AND (entity_id = :entity OR sent ->> 'canonical_id' = :entity)
    AND state IN ('SENT', 'UNKNOWN', 'ACCEPTED')) AS done
ORDER BY at DESC LIMIT 1"""
_HAS_SUBMITTED = """
SELECT EXISTS (SELECT 1 FROM entity e JOIN audit a ON a.entity_id = e.id
  WHERE e.kind = 'time_entry' AND e.resource_id = :worker AND e.project_id = :project AND e.status = 'SUBMITTED'
    AND e.deleted_at IS NULL AND e.merged_into IS NULL AND a.action = :action AND a.outcome = 'APPLIED'
    AND lower(coalesce(a.on_behalf_of, a.actor)) = ANY(CAST(:names AS text[])))"""

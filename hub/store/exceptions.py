"""Exceptions: steps that failed and that a person may have to see (domain.md section 6).

There is one open row per code and subject; the same failure again counts up its attempts.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.domain.ids import CanonicalId
from hub.store.statements import text

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class ExceptionClass(StrEnum):
    """Who acts on a failure, and whether it is tried again by itself."""

    BUSINESS_RULE = "BUSINESS_RULE"
    DATA_QUALITY = "DATA_QUALITY"
    AUTHENTICATION = "AUTHENTICATION"
    PLATFORM_AVAILABILITY = "PLATFORM_AVAILABILITY"


class Severity(StrEnum):
    """Whether the failed step holds up what follows."""

    BLOCKING = "BLOCKING"
    WARNING = "WARNING"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failure as its finder describes it; `subject_key` and `code` identify it, the message names no person."""

    code: str
    cls: ExceptionClass
    flow: str
    systems: tuple[str, ...]
    subject_key: str
    message: str
    subject_id: CanonicalId | None = None
    severity: Severity = Severity.BLOCKING
    correlation_id: str = ""


async def raise_exception(engine: AsyncEngine, *troubles: Trouble) -> None:
    """Record failures: a new row each, or one more attempt on the row that is open for the same subject."""
    if not troubles:
        return
    async with engine.begin() as connection:
        await raise_within(connection, troubles)


async def raise_within(connection: AsyncConnection, troubles: Sequence[Trouble]) -> None:
    """Record failures together with what else the transaction does; at most one per code and subject."""
    await connection.execute(text(_RAISE), {"rows": orjson.dumps([_row(t) for t in troubles]).decode()})


async def resolve_within(connection: AsyncConnection, failures: Collection[tuple[str, str]]) -> None:
    """These failures, by code and subject, have healed with what else the transaction does."""
    rows = orjson.dumps([{"code": code, "subject_key": subject} for code, subject in failures]).decode()
    await connection.execute(text(_RESOLVE_MANY), {"rows": rows})


async def resolve_exception(engine: AsyncEngine, code: str, subject_key: str) -> None:
    """The failure has healed; nothing happens when no row is open."""
    async with engine.begin() as connection:
        await connection.execute(text(_RESOLVE), {"code": code, "subject_key": subject_key})


async def resolve_all_but(engine: AsyncEngine, code: str, flow: str, subjects: Collection[str]) -> None:
    """Every open failure of that code and flow has healed, except those of the named subjects."""
    async with engine.begin() as connection:
        await connection.execute(text(_RESOLVE_OTHERS), {"code": code, "flow": flow, "subjects": list(subjects)})


async def open_counts(engine: AsyncEngine) -> Mapping[str, int]:
    """How many open exceptions name each system; systems without any are absent."""
    async with engine.connect() as connection:
        rows: Sequence[tuple[str, int]] = [tuple(row) for row in await connection.execute(text(_COUNTS))]
    return dict(rows)


def _row(trouble: Trouble) -> dict[str, object]:
    return {
        "id": _new_id(),
        "class": trouble.cls,
        "code": trouble.code,
        "flow": trouble.flow,
        "severity": trouble.severity,
        "systems": trouble.systems,
        "subject_id": trouble.subject_id,
        "subject_key": trouble.subject_key,
        "message": trouble.message,
        "correlation_id": trouble.correlation_id,
    }


def _new_id() -> str:
    """An id in the form of all ids; exceptions are no entities, so their prefix belongs to no kind."""
    value = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return "exc_" + "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))


_RAISE = """
INSERT INTO sync_exception (id, class, code, flow, severity, systems, subject_id, subject_key, message, correlation_id)
SELECT id, class, code, flow, severity, systems, subject_id, subject_key, message, correlation_id
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(id text, class text, code text, flow text, severity text,
  systems text[], subject_id text, subject_key text, message text, correlation_id text)
ON CONFLICT (code, subject_key) WHERE status IN ('OPEN', 'ASSIGNED') DO UPDATE SET
  attempts = sync_exception.attempts + 1, last_seen = now(), message = excluded.message,
  correlation_id = excluded.correlation_id"""
_RESOLVE = """
UPDATE sync_exception SET status = 'RESOLVED', last_seen = now()
WHERE code = :code AND subject_key = :subject_key AND status IN ('OPEN', 'ASSIGNED')"""
_RESOLVE_MANY = """
UPDATE sync_exception SET status = 'RESOLVED', last_seen = now()
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(code text, subject_key text)
WHERE sync_exception.code = r.code AND sync_exception.subject_key = r.subject_key AND status IN ('OPEN', 'ASSIGNED')"""
_RESOLVE_OTHERS = """
UPDATE sync_exception SET status = 'RESOLVED', last_seen = now()
WHERE code = :code AND flow = :flow AND status IN ('OPEN', 'ASSIGNED')
  AND NOT subject_key = ANY(CAST(:subjects AS text[]))"""
_COUNTS = """
SELECT s.system, count(*) FROM sync_exception, unnest(systems) AS s(system)
WHERE status IN ('OPEN', 'ASSIGNED') GROUP BY s.system"""

"""The trace of what systems of record said: decisions that somebody may ask for, records in quarantine, exceptions.

What is written here is in the transaction that takes over, or does not take over, the records themselves. It holds
keys and hashes, no values. What repeats itself with every poll is counted, not written again; duplicates are only
counted in the metrics.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import prometheus_client
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.context import CAUSE
from hub.domain.ids import CanonicalId
from hub.domain.inbound import DOUBTS, Decision, Message, Verdict, message_hash
from hub.domain.kinds import Domain, Kind
from hub.domain.records import RecordKey
from hub.store.codec import decode, encode
from hub.store.exceptions import ExceptionClass, Severity, Trouble, raise_within, resolve_within
from hub.store.statements import text
from hub.store.watermarks import Feed

FLOW = "inbound"
CLOCK_AHEAD, CONFLICTING_CHANGE, OWNERSHIP_VIOLATION = "CLOCK_AHEAD", "CONFLICTING_CHANGE", "OWNERSHIP_VIOLATION"
CODES: Mapping[Verdict, str] = {Verdict.CLOCK_AHEAD: CLOCK_AHEAD, Verdict.CONFLICT: CONFLICTING_CHANGE}
"""The exception that a doubt raises."""
TRACED = DOUBTS | {Verdict.STALE, Verdict.REVIVE_REFUSED}
RECORDS = prometheus_client.Counter(
    "hub_inbound_records_total", "Records from systems of record, by what they were", ["system", "verdict"]
)

_MESSAGES = {
    CLOCK_AHEAD: "the {kind} is stamped more than five minutes ahead of the hub's clock",
    CONFLICTING_CHANGE: "two changes of the {kind} bear one stamp; its owner is asked for it by id",
    OWNERSHIP_VIOLATION: "records of the {kind} carry {attribute}, which another system owns; it is left out",
}


@dataclass(frozen=True, slots=True)
class Doubted:
    """A record in quarantine; `deleted` says that the message which is put aside was a tombstone."""

    key: RecordKey
    deleted: bool


async def doubted(engine: AsyncEngine, feed: Feed, *, limit: int) -> list[Doubted]:
    """The feed's records with conflicting changes, for which their owner has yet to be asked; oldest first."""
    given = {"system": feed.system, "kind": str(feed.kind), "code": CONFLICTING_CHANGE, "limit": limit}
    async with engine.connect() as connection:
        rows = await connection.execute(text(_DOUBTED), given)
        return [Doubted(RecordKey(feed.system, feed.kind, row.external_id), row.deleted) for row in rows]


class Notes:
    """What is to be noted of one batch, in the order of its messages; `write` notes it."""

    def __init__(self, connection: AsyncConnection, domains: Mapping[str, Domain]) -> None:
        self._connection = connection
        self._domains = domains
        self._correlation_id = CAUSE.get().rpartition(":")[2]
        self._counts: Counter[tuple[str, Verdict]] = Counter()
        self._decisions: dict[tuple[object, ...], Mapping[str, Any]] = {}
        self._doubts: dict[tuple[RecordKey, str], Mapping[str, Any]] = {}
        self._troubles: dict[tuple[str, str], Trouble] = {}
        self._settled: set[tuple[RecordKey, str]] = set()
        self._stored: dict[RecordKey, datetime] = {}

    async def doubts(self, keys: Iterable[RecordKey]) -> Mapping[RecordKey, datetime]:
        """Which of the records are in quarantine, and when the last message was read that is."""
        rows = await self._connection.execute(text(_DOUBTS), {"keys": _json([_named(key) for key in keys])})
        self._stored = {RecordKey(row.system, Kind(row.kind), row.external_id): row.read_at for row in rows}
        return self._stored

    def decided(self, key: RecordKey, message: Message, decision: Decision, entity_id: CanonicalId | None) -> None:
        """Note a decision."""
        self._counts[key.system, decision.verdict] += 1
        if decision.settles and (key in self._stored or self._doubts):
            self._settle(key, decision.settles)
        if decision.verdict in TRACED:
            self._trace(key, message, decision.verdict)
        if decision.verdict in DOUBTS:
            code = CODES[decision.verdict]
            self._settled.discard((key, code))
            doubt = {**_named(key), "code": code, "deleted": message.deleted, "read_at": message.read_at}
            self._doubts[key, code] = doubt
            self._trouble(code, "/".join(key), key, entity_id=entity_id)

    def carried(self, key: RecordKey, message: Message, foreign: Iterable[str]) -> None:
        """Note that a message carries attributes which its sender does not own."""
        self._trace(key, message, OWNERSHIP_VIOLATION)
        for attribute in foreign:
            self._trouble(OWNERSHIP_VIOLATION, violation(key, attribute), key, attribute=attribute)

    async def owned(self, fed: Collection[tuple[str, Kind]], violations: Collection[str]) -> None:
        """These kinds have been read anew, and their records carry nothing foreign any more but what is named."""
        given = {"code": OWNERSHIP_VIOLATION, "prefixes": [f"{system}/{kind}/" for system, kind in fed]}
        await self._connection.execute(text(_OWNED), {**given, "but": list(violations)})

    async def write(self) -> None:
        """Write down what has been noted."""
        for (system, verdict), count in self._counts.items():
            RECORDS.labels(system, verdict).inc(count)
        if self._decisions:
            await self._execute(_DECIDED, list(self._decisions.values()))
        if self._doubts:
            await self._execute(_DOUBT, list(self._doubts.values()))
        if self._troubles:
            await raise_within(self._connection, list(self._troubles.values()))
        if self._settled:
            await self._execute(_SETTLE, [{**_named(key), "code": code} for key, code in self._settled])
            await resolve_within(self._connection, [(code, "/".join(key)) for key, code in self._settled])

    def _settle(self, key: RecordKey, over: Iterable[Verdict]) -> None:
        for code in (CODES[verdict] for verdict in over):
            self._doubts.pop((key, code), None)
            self._troubles.pop((code, "/".join(key)), None)
            if key in self._stored:
                self._settled.add((key, code))

    def _trace(self, key: RecordKey, message: Message, decision: str) -> None:
        domain = self._domains[key.system]
        # Of some values the directory keeps a part only; the hash is over what it keeps.
        digest = message_hash(domain, key, decode(encode(message.content)), deleted=message.deleted)
        row = {
            **_named(key),
            "decision": decision,
            "domain": domain,
            "hash": digest,
            "source_timestamp": message.timestamp,
            "correlation_id": self._correlation_id,
        }
        self._decisions[key, digest, decision, message.timestamp] = row

    def _trouble(
        self, code: str, subject: str, key: RecordKey, *, attribute: str = "", entity_id: CanonicalId | None = None
    ) -> None:
        self._troubles[code, subject] = Trouble(
            code=code,
            cls=ExceptionClass.DATA_QUALITY,
            flow=FLOW,
            systems=(key.system,),
            subject_key=subject,
            message=_MESSAGES[code].format(kind=key.kind, attribute=attribute),
            subject_id=entity_id,
            severity=Severity.WARNING if code == OWNERSHIP_VIOLATION else Severity.BLOCKING,
            correlation_id=self._correlation_id,
        )

    async def _execute(self, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
        await self._connection.execute(text(statement), {"rows": _json(rows)})


def violation(key: RecordKey, attribute: str) -> str:
    """The subject of an ownership violation: the attribute, for it is a mapping that is wrong and not one record."""
    return f"{key.system}/{key.kind}/{attribute}"


def _named(key: RecordKey) -> dict[str, str]:
    return {"system": key.system, "kind": key.kind, "external_id": key.external_id}


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


_DOUBTED = """
SELECT external_id, deleted FROM quarantine WHERE system = :system AND kind = :kind AND code = :code
ORDER BY since LIMIT :limit"""
_DOUBTS = """
SELECT q.system, q.kind, q.external_id, max(q.read_at) AS read_at FROM quarantine q
JOIN jsonb_to_recordset(CAST(:keys AS jsonb)) AS k(system text, kind text, external_id text)
USING (system, kind, external_id) GROUP BY q.system, q.kind, q.external_id"""
_DECIDED = """
INSERT INTO inbound_decision (decision, domain, system, kind, external_id, hash, source_timestamp, correlation_id)
SELECT decision, domain, system, kind, external_id, hash, source_timestamp, correlation_id
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(decision text, domain text, system text, kind text,
  external_id text, hash text, source_timestamp timestamptz, correlation_id text)
ON CONFLICT (system, kind, external_id, hash, decision, coalesce(source_timestamp, '-infinity'))
DO UPDATE SET repeats = inbound_decision.repeats + 1, last_at = clock_timestamp()"""
_DOUBT = """
INSERT INTO quarantine (system, kind, external_id, code, deleted, read_at)
SELECT system, kind, external_id, code, deleted, read_at FROM jsonb_to_recordset(CAST(:rows AS jsonb))
  AS r(system text, kind text, external_id text, code text, deleted boolean, read_at timestamptz)
ON CONFLICT (system, kind, external_id, code) DO UPDATE SET deleted = excluded.deleted, read_at = excluded.read_at"""
_SETTLE = """
DELETE FROM quarantine USING jsonb_to_recordset(CAST(:rows AS jsonb))
  AS r(system text, kind text, external_id text, code text)
WHERE quarantine.system = r.system AND quarantine.kind = r.kind AND quarantine.external_id = r.external_id
  AND quarantine.code = r.code"""
_OWNED = """
UPDATE sync_exception SET status = 'RESOLVED', last_seen = now()
WHERE code = :code AND status IN ('OPEN', 'ASSIGNED') AND NOT subject_key = ANY(CAST(:but AS text[]))
  AND EXISTS (SELECT 1 FROM unnest(CAST(:prefixes AS text[])) AS p(prefix) WHERE starts_with(subject_key, prefix))"""

"""Judges a batch of messages from systems of record by what is known of their records (hub.domain.inbound)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.ids import CanonicalId
from hub.domain.inbound import Decision, Known, Message, Verdict, Way, after, believed, decide
from hub.domain.kinds import Domain, Kind, entity_kind
from hub.domain.ownership import attributes_of
from hub.domain.records import Record, RecordKey, Value
from hub.store.codec import encode, from_json
from hub.store.inbound_notes import TRACED, Notes, violation
from hub.store.statements import text

VERSION = "version"
"""The pseudo-attribute that nobody owns and the directory does not keep."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a batch comes to: records to take over, and those of which only the stamp is news; one per key.

    `entities` are the entities that these records belong to, where that is known. `believed` are the records as
    they came, without what was refused and without what their senders do not own.
    """

    news: Sequence[Record]
    moved: Sequence[Record]
    entities: Mapping[RecordKey, CanonicalId]
    believed: Sequence[Record]


@dataclass(slots=True)
class _Row:
    """A record as the directory has it, its kept attributes still in JSON."""

    kept: Mapping[str, Any]
    timestamp: datetime | None
    read_at: datetime | None
    deleted: bool
    version: int | None
    doubted_at: datetime | None
    entity_id: CanonicalId | None = None

    def compared(self, attributes: Mapping[str, Value]) -> tuple[Known, Mapping[str, Value]]:
        """What is known and what is said, in the attributes that are said; what is equal in JSON is not looked into."""
        said, kept = encode(attributes), self.kept
        differing = [name for name in attributes if said.get(name) != kept.get(name)]
        mine = content = attributes
        if differing:
            mine = {**attributes, **{name: from_json(kept.get(name)) for name in differing}}
            content = {**attributes, **{name: from_json(said.get(name)) for name in differing}}
        return Known(mine, self.timestamp, self.read_at, self.deleted, self.version, self.doubted_at), content

    def after(self, known: Known, attributes: Mapping[str, Value]) -> _Row:
        """The row when a message with these attributes has been dealt with."""
        together = {**self.kept, **dict.fromkeys(attributes), **encode(attributes)}
        kept = {name: value for name, value in together.items() if value is not None}
        return _row(known, kept, self.entity_id)


def _row(known: Known, kept: Mapping[str, Any], entity_id: CanonicalId | None = None) -> _Row:
    return _Row(kept, known.timestamp, known.read_at, known.deleted, known.version, known.doubted_at, entity_id)


class Inbound:
    """One batch of records that came one way, judged in their order within the transaction that takes them over."""

    def __init__(self, connection: AsyncConnection, domains: Mapping[str, Domain], way: Way, now: datetime) -> None:
        self._connection = connection
        self._domains = domains
        self._way = way
        self._now = now
        self._notes = Notes(connection, domains)
        self._rows: dict[RecordKey, _Row] = {}
        self._doubts: Mapping[RecordKey, datetime] = {}
        self._news: dict[RecordKey, Record] = {}
        self._moved: dict[RecordKey, Record] = {}
        self._named: dict[RecordKey, Record] = {}
        self._violations: set[str] = set()
        self._owned: dict[tuple[str, Kind], frozenset[str]] = {}

    async def judge(self, records: Sequence[Record]) -> Judged:
        """Decide about each record, and note what there is to note."""
        times = Counter(record.key for record in records)
        self._doubts = await self._notes.doubts(times)
        self._rows = await self._known(times)
        believed_records = [
            owned
            for record in records
            if self._decide(record, owned := self._only_owned(record), again=times[record.key] > 1)
        ]
        await self._take_newly_named()
        if self._way is Way.FEED:
            fed = {(record.key.system, record.key.kind) for record in records if not record.deleted}
            await self._notes.owned(fed, self._violations)
        await self._notes.write()
        rows = ((key, self._rows.get(key)) for key in self._news)
        entities = {key: row.entity_id for key, row in rows if row is not None and row.entity_id is not None}
        return Judged(list(self._news.values()), list(self._moved.values()), entities, believed_records)

    async def _known(self, keys: Counter[RecordKey]) -> dict[RecordKey, _Row]:
        given = [{"system": key.system, "kind": key.kind, "external_id": key.external_id} for key in keys]
        found = {}
        for row in await self._connection.execute(text(_KNOWN), {"keys": orjson.dumps(given).decode()}):
            system, kind, external_id, entity_id, *known, deleted_at = row
            key = RecordKey(system, Kind(kind), external_id)
            kept, timestamp, version, read_at = known
            found[key] = _Row(
                kept, timestamp, read_at, deleted_at is not None, version, self._doubts.get(key), entity_id
            )
        return found

    def _decide(self, record: Record, owned: Record, *, again: bool) -> bool:
        """Judge one record; whether what it says is believed. `again`: the batch has more than one of it."""
        key, row = record.key, self._rows.get(record.key)
        known, content = (None, owned.attributes) if row is None else row.compared(owned.attributes)
        message = Message(
            content, record.source_timestamp, record.fetched_at, record.deleted, record.source_version, self._way
        )
        decision = decide(known, message, self._now)
        self._notes.decided(key, message, decision, None if row is None else row.entity_id)
        if owned is not record:
            self._carried(record, message, decision)
        self._follow(owned, decision)
        if row is not None and owned.keys and decision.verdict is Verdict.DUPLICATE:
            self._note_name(owned, row, decision)
        if again:
            left = after(known, message, decision, self._now)
            if left is not None:
                self._rows[key] = (row or _row(left, {})).after(left, owned.attributes if decision.applies else {})
        return decision.applies or decision.verdict not in TRACED

    def _follow(self, record: Record, decision: Decision) -> None:
        key, stamp = record.key, believed(record.source_timestamp, self._now)
        if stamp != record.source_timestamp:
            record = replace(record, source_timestamp=stamp)
        earlier = self._news.get(key)
        if decision.applies:
            self._news[key] = record if earlier is None else _together(earlier, record)
        elif decision.moves and earlier is not None:
            self._news[key] = _moved(earlier, record)
        elif decision.moves:
            self._moved[key] = record

    def _note_name(self, record: Record, row: _Row, decision: Decision) -> None:
        """A record that is linked and whose stamp stays has the hints that it had."""
        if not record.deleted and (decision.moves or row.entity_id is None):
            self._named[record.key] = record

    async def _take_newly_named(self) -> None:
        """Identity hints are no content; but a record that bears a new one may belong elsewhere, or be waited for."""
        rows = [
            {**key._asdict(), "entity_kind": entity_kind(key.kind), "name": hint.name, "value": hint.value}
            for key, record in self._named.items()
            for hint in record.keys
            if hint.value and key not in self._news
        ]
        if not rows:
            return
        for row in await self._connection.execute(text(_NEW_KEYS), {"rows": orjson.dumps(rows).decode()}):
            key = RecordKey(row.system, Kind(row.kind), row.external_id)
            self._news[key] = self._named[key]
            self._moved.pop(key, None)

    def _only_owned(self, record: Record) -> Record:
        """The record without what its sender does not own; itself when there is nothing to leave out."""
        place = record.key.system, record.key.kind
        if place not in self._owned:
            self._owned[place] = attributes_of(self._domains[place[0]], place[1])
        owned = self._owned[place]
        if owned.issuperset(record.attributes):
            return record
        return replace(record, attributes={n: v for n, v in record.attributes.items() if n in owned})

    def _carried(self, record: Record, message: Message, decision: Decision) -> None:
        """Tell of foreign attributes: of each message once, not with every repetition that a poll brings."""
        foreign = record.attributes.keys() - self._owned[record.key.system, record.key.kind] - {VERSION}
        self._violations |= {violation(record.key, attribute) for attribute in foreign}
        if foreign and decision.verdict is not Verdict.DUPLICATE:
            self._notes.carried(record.key, message, sorted(foreign))


def _together(earlier: Record, later: Record) -> Record:
    """Two changes of one record in one batch: the later one, with what only the earlier one told."""
    return replace(later, attributes={**earlier.attributes, **later.attributes}, keys=(*earlier.keys, *later.keys))


def _moved(record: Record, later: Record) -> Record:
    """The record with the later stamp."""
    return replace(
        record, stamp=later.stamp, source_timestamp=later.source_timestamp, source_version=later.source_version
    )


_KNOWN = """
SELECT r.system, r.kind, r.external_id, r.entity_id, r.kept, r.source_timestamp, r.source_version, r.read_at,
  r.deleted_at
FROM record r JOIN jsonb_to_recordset(CAST(:keys AS jsonb)) AS k(system text, kind text, external_id text)
USING (system, kind, external_id)"""
_NEW_KEYS = """
SELECT DISTINCT k.system, k.kind, k.external_id FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS k(entity_kind text,
  name text, value text, system text, kind text, external_id text)
WHERE NOT EXISTS (SELECT 1 FROM match_key m WHERE m.entity_kind = k.entity_kind AND m.name = k.name
  AND m.value = k.value AND m.system = k.system AND m.kind = k.kind AND m.external_id = k.external_id)"""

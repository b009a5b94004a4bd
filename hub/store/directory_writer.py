"""How records become directory rows: match, link, merge, derive; one transaction per batch.

The order of one batch: hub.store.inbound judges which records say something new; new ones are
matched (existing cross reference, canonical id, other systems' ids, business keys; domain.md 2.1) or
make an entity; then every entity touched is merged again from all its records, and projects whose
facts changed get their derived values. Writers take turns (an advisory lock), because a link and its
target may arrive in two batches at the same moment and must not miss each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.domain.ids import CanonicalId, MalformedId, kind_of, new_id, parse_id
from hub.domain.inbound import Way
from hub.domain.kinds import Domain, Kind, entity_kind
from hub.domain.merge import (
    Merged,
    StoredRecord,
    invoice_milestones,
    matching_keys,
    may_create,
    merge,
    own_values,
    primary_records,
    target_kind,
)
from hub.domain.records import BY_CANONICAL, BY_ID, Key, Record, RecordKey, Ref, Value
from hub.domain.roles import RoleMap
from hub.ports import Received
from hub.store.codec import decode, encode
from hub.store.columns import columns_of
from hub.store.inbound import Inbound, Judged
from hub.store.links import LinkTable
from hub.store.projects import derive_projects
from hub.store.record_rows import store_keys, store_records, store_stamps
from hub.store.statements import text

WRITE_LOCK = 7_210_418
"""Key of the advisory lock under which directory writers take turns."""
CHANNEL = "directory"
"""Notification channel: the payload lists changed ids, or kinds when there are too many."""
_PAYLOAD_LIMIT = 7_000

Today = Callable[[], date]
Now = Callable[[], datetime]


class PostgresDirectoryWriter:
    """Takes records over into the directory; see hub.ports.DirectoryWriter."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        domains: Mapping[str, Domain],
        roles: RoleMap,
        today: Today = lambda: datetime.now(UTC).date(),
        now: Now = lambda: datetime.now(UTC),
    ) -> None:
        """`now` is the clock by which stamps from the future are known."""
        self._engine = engine
        self._domains = domains
        self._roles = roles
        self._today = today
        self._now = now

    async def apply(self, records: Sequence[Record]) -> frozenset[CanonicalId]:
        """Take over what was read by id; returns the entities that changed. See receive."""
        return (await self.receive(records, Way.BY_ID)).changed

    async def receive(self, records: Sequence[Record], way: Way) -> Received:
        """Take over a batch that came one way. Raises what the database raises, with nothing kept."""
        if not records:
            return Received(frozenset(), ())
        async with self._engine.begin() as connection:
            # A plan made while the tables were empty would scan them whole when they have filled up.
            await connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITE_LOCK})
            judged = await Inbound(connection, self._domains, way, self._now()).judge(records)
            batch = _Batch(connection, self._domains, self._roles, self._today())
            changed = await batch.run(judged)
            await _announce(connection, changed)
        return Received(changed, judged.believed)

    async def refresh_derived(self, kind: Kind) -> frozenset[CanonicalId]:
        """Derive again what depends on the calendar (a project's stage on its start date); returns what changed."""
        async with self._engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITE_LOCK})
            rows = await connection.execute(
                text("SELECT id FROM entity WHERE kind = :kind AND deleted_at IS NULL AND merged_into IS NULL"),
                {"kind": kind},
            )
            changed = await derive_projects(connection, [CanonicalId(row.id) for row in rows], self._today())
            await _announce(connection, frozenset(changed))
        return frozenset(changed)


class _Batch:
    """One call of apply: the state that its steps share."""

    def __init__(self, connection: AsyncConnection, domains: Mapping[str, Domain], roles: RoleMap, today: date) -> None:
        self.connection = connection
        self.domains = domains
        self.roles = roles
        self.today = today
        self.touched: set[CanonicalId] = set()
        self.fresh: set[CanonicalId] = set()

    async def run(self, judged: Judged) -> frozenset[CanonicalId]:
        """All steps in order; the entities that changed."""
        news, known = judged.news, judged.entities
        await store_stamps(self.connection, judged.moved)
        if not news:
            return frozenset()
        assigned = await self._match([record for record in news if record.key not in known])
        self.fresh = {i for i in assigned.values() if i is not None}
        await store_records(self.connection, news, {**known, **assigned}, self.domains)
        await store_keys(self.connection, news)
        entities = {key: i for key, i in {**known, **assigned}.items() if i is not None}
        self.touched |= set(entities.values())
        await self._adopt_waiting_records(news, entities)
        await self._wake_pending(news)
        await self._merge_touched()
        await self._place_change_orders()
        await self._derive_contract_models()
        derived = await derive_projects(self.connection, await self._affected_projects(), self.today)
        return frozenset(self.touched | set(derived))

    # -- matching (domain.md 2.1) ----------------------------------------------------------------

    async def _match(self, fresh: Sequence[Record]) -> dict[RecordKey, CanonicalId | None]:
        """For each record without a cross reference: the entity it belongs to, a new one, or None (it waits)."""
        links = LinkTable(self.connection)
        wanted = [
            (record.key.system, Ref(record.key.kind, key.value, key.name))
            for record in fresh
            for key in matching_keys(record.keys)
        ]
        await links.load(wanted)
        taken = await self._taken(links.targets())
        used = {canonical_id for canonical_id, _, _ in taken}
        assigned: dict[RecordKey, CanonicalId | None] = {}
        by_key: dict[tuple[Kind, Key], CanonicalId] = {}
        for record in fresh:
            found = self._find(record, links, by_key, taken)
            if found is None and not record.deleted and self._creates(record):
                found = self._created_id(record, used)
            assigned[record.key] = found
            if found is not None:
                taken.add((found, record.key.system, record.key.kind))
                used.add(found)
                for key in record.keys:
                    by_key.setdefault((entity_kind(record.key.kind), key), found)
        return assigned

    def _creates(self, record: Record) -> bool:
        return may_create(record.key.kind, self.domains[record.key.system])

    def _find(
        self,
        record: Record,
        links: LinkTable,
        by_key: Mapping[tuple[Kind, Key], CanonicalId],
        taken: set[tuple[CanonicalId, str, Kind]],
    ) -> CanonicalId | None:
        """The first matching key that decides; an entity that has a record of that system is not taken twice."""
        for key in matching_keys(record.keys):
            found = by_key.get((entity_kind(record.key.kind), key)) or links.get(
                record.key.system, Ref(record.key.kind, key.value, key.name)
            )
            if found is not None and (found, record.key.system, record.key.kind) not in taken:
                return found
        return None

    def _created_id(self, record: Record, used: set[CanonicalId]) -> CanonicalId:
        """The canonical id that the source already carries, if it is free and of the right kind, else a fresh one."""
        for key in record.keys:
            if key.name == BY_CANONICAL:
                carried = _valid_id(key.value, record.key.kind)
                if carried is not None and carried not in used:
                    return carried
        return new_id(record.key.kind)

    async def _taken(self, ids: Iterable[CanonicalId]) -> set[tuple[CanonicalId, str, Kind]]:
        """Which (entity, system, kind of record) already have an active cross reference."""
        rows = await self.connection.execute(
            text(
                "SELECT entity_id, system, kind FROM record WHERE entity_id = ANY(CAST(:ids AS text[]))"
                " AND deleted_at IS NULL"
            ),
            {"ids": list(ids)},
        )
        return {(CanonicalId(row.entity_id), row.system, Kind(row.kind)) for row in rows}

    # -- what had been waiting for these records -------------------------------------------------

    async def _adopt_waiting_records(self, news: Sequence[Record], entities: Mapping[RecordKey, CanonicalId]) -> None:
        """Give records that matched nothing so far the entity that has now appeared under one of their keys."""
        offers = self._offers(news, entities)
        if not offers:
            return
        given = {"offers": _json(offers), "entities": list(set(entities.values()))}
        rows = await self.connection.execute(text(_ADOPT), given)
        adopted = rows.all()
        self.touched |= {CanonicalId(row.entity_id) for row in adopted}
        await self._wake(
            {"target_kind": entity_kind(Kind(r.kind)), "by": BY_ID, "value": r.external_id, "system": r.system}
            for r in adopted
        )

    def _offers(self, news: Sequence[Record], entities: Mapping[RecordKey, CanonicalId]) -> list[dict[str, Any]]:
        """(key → entity) pairs that these records now answer for: their keys, canonical id and own vendor id."""
        offers = []
        for record in news:
            found = entities.get(record.key)
            if found is None or record.deleted:
                continue
            own = [Key(BY_CANONICAL, found), Key(f"{BY_ID}:{self.domains[record.key.system]}", record.key.external_id)]
            offers += [
                {"entity_kind": entity_kind(record.key.kind), "name": k.name, "value": k.value, "entity_id": found}
                for k in (*record.keys, *own)
            ]
        return offers

    async def _wake_pending(self, news: Sequence[Record]) -> None:
        """Merge again the entities whose links waited for one of these records."""
        targets = []
        for record in news:
            kind = entity_kind(record.key.kind)
            own = record.key
            targets.append({"target_kind": kind, "by": BY_ID, "value": own.external_id, "system": own.system})
            shared = [Key(f"{BY_ID}:{self.domains[own.system]}", own.external_id), *record.keys]
            targets += [{"target_kind": kind, "by": k.name, "value": k.value, "system": ""} for k in shared]
        await self._wake(targets)

    async def _wake(self, targets: Iterable[Mapping[str, Any]]) -> None:
        rows = await self.connection.execute(
            text(
                "SELECT DISTINCT p.entity_id FROM pending_link p"
                " JOIN jsonb_to_recordset(CAST(:targets AS jsonb))"
                "   AS t(target_kind text, by text, value text, system text)"
                ' ON p.target_kind = t.target_kind AND p."by" = t.by AND p.value = t.value AND p.system = t.system'
            ),
            {"targets": _json(list(targets))},
        )
        self.touched |= {CanonicalId(row.entity_id) for row in rows}

    # -- merging ---------------------------------------------------------------------------------

    async def _merge_touched(self) -> None:
        """Merge every touched entity from all its records and store the row; no live record left means deleted."""
        if not self.touched:
            return
        records = await self._records_of(self.touched)
        links = LinkTable(self.connection)
        await links.load(
            (r.key.system, ref) for stored in records.values() for r in stored for ref in _refs(r.kept.values())
        )
        merged = {i: merge(kind_of(i), stored, links.get) for i, stored in records.items()}
        await self._store_entities({i: self._finished(i, m) for i, m in merged.items()})
        await self._store_pending(merged)
        await self._delete_entities(self.touched - records.keys())
        await self._store_billed_milestones(records, links)

    def _finished(self, canonical_id: CanonicalId, merged: Merged) -> Merged:
        """The merged entity with what the hub itself derives from its own records."""
        if kind_of(canonical_id) is Kind.RESOURCE and merged.record_kind is Kind.RESOURCE:
            profile = merged.kept.get("job_profile")
            role = self.roles.delivery_role_of_profile(profile) if isinstance(profile, str) else None
            return Merged(merged.record_kind, {**merged.kept, "role": role}, merged.waiting)
        return Merged(merged.record_kind, own_values(kind_of(canonical_id), merged.kept), merged.waiting)

    async def _records_of(self, ids: Iterable[CanonicalId]) -> dict[CanonicalId, list[StoredRecord]]:
        rows = await self.connection.execute(
            text(
                "SELECT entity_id, system, kind, external_id, domain, kept, label, role FROM record"
                " WHERE entity_id = ANY(CAST(:ids AS text[])) AND deleted_at IS NULL"
            ),
            {"ids": list(ids)},
        )
        found: dict[CanonicalId, list[StoredRecord]] = defaultdict(list)
        for row in rows:
            key = RecordKey(row.system, Kind(row.kind), row.external_id)
            found[CanonicalId(row.entity_id)].append(
                StoredRecord(key, Domain(row.domain), decode(row.kept), row.label, row.role)
            )
        return found

    async def _store_entities(self, merged: Mapping[CanonicalId, Merged]) -> None:
        rows = [
            {
                "id": i,
                "kind": kind_of(i),
                "record_kind": m.record_kind,
                "kept": encode(m.kept),
                **columns_of(kind_of(i), m.kept),
            }
            for i, m in merged.items()
        ]
        await store_entity_rows(self.connection, rows)

    async def _store_pending(self, merged: Mapping[CanonicalId, Merged]) -> None:
        rows = [
            {
                "target_kind": target_kind(waiting.ref),
                "by": waiting.ref.by,
                "value": waiting.ref.value,
                "system": waiting.system if waiting.ref.by == BY_ID else "",
                "entity_id": i,
            }
            for i, m in merged.items()
            for waiting in m.waiting
        ]
        given = {"ids": list(merged), "rows": _json(rows)}
        # A link that still waits keeps its row, because the row tells for how long.
        await self.connection.execute(
            text(
                "DELETE FROM pending_link p WHERE entity_id = ANY(CAST(:ids AS text[])) AND NOT EXISTS ("
                f" SELECT 1 FROM {_PENDING_ROWS} WHERE (r.target_kind, r.by, r.value, r.system, r.entity_id)"
                '  = (p.target_kind, p."by", p.value, p.system, p.entity_id))'
            ),
            given,
        )
        if rows:
            await self.connection.execute(
                text(
                    'INSERT INTO pending_link (target_kind, "by", value, system, entity_id)'
                    f" SELECT * FROM {_PENDING_ROWS} ON CONFLICT DO NOTHING"
                ),
                {"rows": given["rows"]},
            )

    async def _store_billed_milestones(
        self, records: Mapping[CanonicalId, Sequence[StoredRecord]], links: LinkTable
    ) -> None:
        """An invoice's line names the milestone it bills; the milestone's row keeps the way back."""
        billed = [
            {"milestone": milestone, "invoice": i}
            for i, stored in records.items()
            if kind_of(i) is Kind.INVOICE
            for record in primary_records(stored).values()
            for milestone in invoice_milestones(record, links.get)
        ]
        if billed:
            rows = await self.connection.execute(
                text(
                    "UPDATE entity SET invoice_id = b.invoice,"
                    " kept = entity.kept || jsonb_build_object('invoice', b.invoice), changed_at = now()"
                    " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS b(milestone text, invoice text)"
                    " WHERE entity.id = b.milestone AND entity.invoice_id IS DISTINCT FROM b.invoice"
                    " RETURNING entity.id"
                ),
                {"rows": _json(billed)},
            )
            self.touched |= {CanonicalId(row.id) for row in rows}

    async def _place_change_orders(self) -> None:
        """A change order names its contract line; the directory lists it under the line's contract."""
        rows = await self.connection.execute(
            text(
                "UPDATE entity SET contract_id = l.contract_id, changed_at = now() FROM entity l"
                " WHERE entity.kind = 'change_order' AND l.id = entity.line_id"
                " AND entity.contract_id IS DISTINCT FROM l.contract_id"
                " AND (entity.id = ANY(CAST(:ids AS text[])) OR l.id = ANY(CAST(:ids AS text[]))) RETURNING entity.id"
            ),
            {"ids": list(self.touched)},
        )
        self.touched |= {CanonicalId(row.id) for row in rows}

    async def _derive_contract_models(self) -> None:
        """A contract is filtered by the commercial models of its lines."""
        rows = await self.connection.execute(
            text(
                "UPDATE entity SET models = m.models, changed_at = now() FROM ("
                " SELECT c.id, (SELECT array_agg(DISTINCT l.models[1] ORDER BY l.models[1]) FROM entity l"
                "   WHERE l.contract_id = c.id AND l.kind = 'contract_line' AND l.deleted_at IS NULL"
                "   AND l.merged_into IS NULL AND l.models[1] IS NOT NULL) AS models"
                " FROM entity c WHERE c.kind = 'contract' AND (c.id = ANY(CAST(:ids AS text[]))"
                "   OR c.id IN (SELECT contract_id FROM entity WHERE id = ANY(CAST(:ids AS text[]))"
                "     AND kind = 'contract_line'))) m"
                " WHERE entity.id = m.id AND entity.models IS DISTINCT FROM m.models RETURNING entity.id"
            ),
            {"ids": list(self.touched)},
        )
        self.touched |= {CanonicalId(row.id) for row in rows}

    async def _delete_entities(self, ids: Iterable[CanonicalId]) -> None:
        await self.connection.execute(
            text(
                "UPDATE entity SET deleted_at = now(), changed_at = now()"
                " WHERE id = ANY(CAST(:ids AS text[])) AND deleted_at IS NULL"
            ),
            {"ids": list(ids)},
        )

    async def _affected_projects(self) -> list[CanonicalId]:
        """The projects whose derived values may have changed with what this batch touched.

        Time comes in great numbers and matters to the stage only by whether any was ever approved: it is looked
        at where that may have begun, or, for entries that were known before, ended.
        """
        touched: dict[str, list[CanonicalId]] = {str(kind): [] for kind in Kind}
        for i in self.touched:
            touched[kind_of(i)].append(i)
        rows = await self.connection.execute(text(_AFFECTED_PROJECTS), {**touched, "fresh": list(self.fresh)})
        return [CanonicalId(row[0]) for row in rows]


# What is taken is read first, by its entity: asked per candidate, a server without statistics, as during a first
# load, walks all records of the system each time.
_ADOPT = """
WITH taken AS MATERIALIZED (
  SELECT DISTINCT entity_id, system, kind FROM record
  WHERE entity_id = ANY(CAST(:entities AS text[])) AND deleted_at IS NULL),
adoptable AS MATERIALIZED (
  SELECT DISTINCT ON (r.system, r.kind, r.external_id) r.system, r.kind, r.external_id, o.entity_id
  FROM jsonb_to_recordset(CAST(:offers AS jsonb)) AS o(entity_kind text, name text, value text, entity_id text)
  JOIN match_key m USING (entity_kind, name, value)
  JOIN record r ON r.system = m.system AND r.kind = m.kind AND r.external_id = m.external_id
  WHERE r.entity_id IS NULL AND r.deleted_at IS NULL
  AND (o.entity_id, r.system, r.kind) NOT IN (SELECT entity_id, system, kind FROM taken)
  ORDER BY r.system, r.kind, r.external_id),
adopted AS MATERIALIZED (
  SELECT DISTINCT ON (entity_id, system, kind) * FROM adoptable ORDER BY entity_id, system, kind, external_id)
UPDATE record SET entity_id = a.entity_id FROM adopted a
WHERE record.system = a.system AND record.kind = a.kind AND record.external_id = a.external_id
RETURNING record.entity_id, record.system, record.kind, record.external_id"""
_PENDING_ROWS = (
    "jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(target_kind text, by text, value text, system text, entity_id text)"
)
_AFFECTED_PROJECTS = """
SELECT unnest(CAST(:project AS text[])) AS id
UNION SELECT project_id FROM entity
  WHERE id = ANY(CAST(:task AS text[]) || CAST(:assignment AS text[]) || CAST(:invoice AS text[]))
  AND project_id IS NOT NULL
UNION SELECT t.project_id FROM entity t JOIN entity p ON p.id = t.project_id
  WHERE t.id = ANY(CAST(:time_entry AS text[])) AND CASE
    WHEN t.deleted_at IS NULL AND t.status IN ('APPROVED', 'POSTED', 'BILLED')
    THEN p.status IN ('SHELL', 'STAFFED', 'CANCELLED')
    ELSE p.status IN ('IN_DELIVERY', 'CLOSED') AND NOT t.id = ANY(CAST(:fresh AS text[])) END
UNION SELECT id FROM entity WHERE kind = 'project' AND contract_id = ANY(CAST(:contract AS text[]))
UNION SELECT p.id FROM entity l JOIN entity p ON p.kind = 'project' AND p.contract_id = l.contract_id
  WHERE l.id = ANY(CAST(:contract_line AS text[]))
UNION SELECT p.id FROM entity c JOIN entity p ON p.kind = 'project' AND p.contract_id = c.id
  WHERE c.kind = 'contract' AND c.opportunity_id = ANY(CAST(:opportunity AS text[]))
UNION SELECT project_id FROM entity
  WHERE kind = 'assignment' AND resource_id = ANY(CAST(:resource AS text[])) AND project_id IS NOT NULL"""


async def store_entity_rows(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert or replace entity rows; `kept` values that only the hub derives survive (stage, a milestone's invoice)."""
    if not rows:
        return
    names = list(rows[0])
    types = {"kept": "jsonb", "skills": "text[]", "models": "text[]", "probability": "numeric"} | dict.fromkeys(
        ("start_date", "end_date", "date"), "date"
    )
    shape = ", ".join(f'"{n}" {types.get(n, "text")}' for n in names)
    columns = ", ".join(f'"{n}"' for n in names)
    keep = {
        "kept": "excluded.kept || CASE WHEN entity.invoice_id IS NULL THEN '{}'::jsonb"
        " ELSE jsonb_build_object('invoice', entity.invoice_id) END",
        "invoice_id": "coalesce(excluded.invoice_id, entity.invoice_id)",
    }
    updates = ", ".join(f'"{n}" = {keep.get(n, f"""excluded."{n}" """)}' for n in names if n != "id")
    await connection.execute(
        text(
            f"INSERT INTO entity ({columns}) SELECT {columns} FROM"
            f" jsonb_to_recordset(CAST(:rows AS jsonb)) AS e({shape})"
            f" ON CONFLICT (id) DO UPDATE SET {updates}, deleted_at = NULL, changed_at = now()"
        ),
        {"rows": _json(rows)},
    )


async def _announce(connection: AsyncConnection, changed: frozenset[CanonicalId]) -> None:
    """Tell every replica, at commit, what changed: ids, or kinds when the list is too long for one notification."""
    if not changed:
        return
    payload = " ".join(sorted(changed))
    if len(payload) > _PAYLOAD_LIMIT:
        payload = "* " + " ".join(sorted({kind_of(i) for i in changed}))
    await connection.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": payload})


def _valid_id(value: str, kind: Kind) -> CanonicalId | None:
    try:
        found = parse_id(value)
    except MalformedId:
        return None
    return found if kind_of(found) is entity_kind(kind) else None


def _refs(values: Iterable[Value]) -> Iterable[Ref]:
    for value in values:
        if isinstance(value, Ref):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, Ref))


def _json(value: object) -> str:
    return orjson.dumps(value, default=str).decode()

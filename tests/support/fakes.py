"""In-memory stand-ins for the directory and the record cache, by the ports' rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from hub.domain.ids import CanonicalId, kind_of, new_id
from hub.domain.kinds import Domain, Kind, entity_kind
from hub.domain.records import Record, RecordKey, Value
from hub.domain.row_scope import CONTRACT_PARTS, PROJECT_PARTS, RowScope
from hub.errors import InvalidInput
from hub.ports import (
    CachedRecord,
    Condition,
    Deletes,
    Entity,
    EntityPage,
    KindSpec,
    Op,
    PageQuery,
    SourceHealth,
    SourceStatus,
)
from tests.support.versions import VERSIONS

NOW = datetime(2026, 3, 31, 8, 15, tzinfo=UTC)


@dataclass(frozen=True)
class FakeCard:
    """What the graph tells of a system."""

    system: str
    domain: Domain
    vendor: str

    @property
    def kinds(self) -> Mapping[Kind, KindSpec]:
        """Every kind, under a vendor's name that begins with the vendor."""
        return {kind: KindSpec(f"{self.vendor}.{kind}", frozenset(), 100, Deletes.TOMBSTONES) for kind in Kind}


CARDS = {
    "crm-1": FakeCard("crm-1", Domain.CRM, "salesforce"),
    "psa-1": FakeCard("psa-1", Domain.PSA, "kantata"),
    "erp-1": FakeCard("erp-1", Domain.ERP, "netsuite"),
    "hcm-1": FakeCard("hcm-1", Domain.HCM, "workday"),
}


@dataclass
class FakeRecords:
    """A record cache: `held` is what the systems have; a system in `down` gives its code instead."""

    held: dict[RecordKey, Record] = field(default_factory=dict)
    down: dict[str, str] = field(default_factory=dict)
    remembered: set[RecordKey] = field(default_factory=set)
    loads: list[tuple[str, Kind, int, frozenset[str], float | None]] = field(default_factory=list)
    in_memory: bool = False

    def peek(self, key: RecordKey, attributes: frozenset[str]) -> CachedRecord | None:
        """Nothing is in memory unless the test says so."""
        return self._now(key, attributes) if self.in_memory else None

    version = 0

    def now(self) -> float:
        """Any instant will do."""
        return 0.0

    def fresh_until(self, key: RecordKey, attributes: frozenset[str]) -> float:
        """Nothing stays fresh: a test changes records without a word."""
        return -1.0

    async def load(
        self, keys: Sequence[RecordKey], attributes: frozenset[str], *, max_age_s: float | None = None
    ) -> list[CachedRecord]:
        """Records by key, and a note of what was asked for."""
        assert len({(key.system, key.kind) for key in keys}) == 1
        self.loads.append((keys[0].system, keys[0].kind, len(keys), attributes, max_age_s))
        return [self._now(key, attributes) for key in keys]

    def _now(self, key: RecordKey, attributes: frozenset[str]) -> CachedRecord:
        record = self.held.get(key)
        code = self.down.get(key.system)
        if code is not None and key not in self.remembered:
            return CachedRecord(None, unavailable=code)
        if record is None:
            return CachedRecord(None, unavailable="MISSING")
        asked = {name: record.attributes[name] for name in attributes if name in record.attributes}
        return CachedRecord(replace(record, attributes=asked), stale=code is not None, unavailable=code)


@dataclass
class FakeDirectory:
    """A directory of entities in a dictionary; cursors are the ids."""

    rows: dict[CanonicalId, Entity] = field(default_factory=dict)
    merged: dict[CanonicalId, CanonicalId] = field(default_factory=dict)
    generation: int = 0
    told: list[str] = field(default_factory=list)
    queries: list[PageQuery] = field(default_factory=list)

    def peek_entity(self, canonical_id: CanonicalId) -> Entity | None:
        """Nothing is in memory."""
        return None

    async def entities(self, ids: Sequence[CanonicalId]) -> list[Entity | None]:
        """Entities by id."""
        return [self.rows.get(self.merged.get(i, i)) for i in ids]

    async def by_code(self, kind: Kind, code: str) -> CanonicalId | None:
        """The entity with that code."""
        return next((e.id for e in self.rows.values() if e.kind is kind and e.kept.get("code") == code), None)

    def heard(self, payload: str) -> None:
        """Note what was announced."""
        self.told.append(payload)

    async def page(self, query: PageQuery) -> EntityPage:
        """One page of all."""
        self.queries.append(query)
        return self._page(query, [e for e in self.rows.values() if e.kind is query.kind])

    async def child_pages(self, query: PageQuery, parents: Sequence[CanonicalId]) -> Mapping[CanonicalId, EntityPage]:
        """One page per parent."""
        assert query.via is not None
        self.queries.append(query)
        children = [e for e in self.rows.values() if e.kind is query.kind]
        return {p: self._page(query, [e for e in children if e.kept.get(query.via) == p]) for p in parents}

    def peek_pages(self, query: PageQuery, parents: Sequence[CanonicalId | None]) -> list[EntityPage | None]:
        """Nothing is in memory."""
        return [None for _ in parents]

    def _page(self, query: PageQuery, entities: list[Entity]) -> EntityPage:
        fitting = [e for e in entities if all(_fits(e, c) for c in query.conditions)]
        fitting = [e for e in fitting if in_scope(e, query.scope, self.rows)]
        fitting.sort(key=lambda e: (str(e.kept.get(query.order_by) or "~"), e.id), reverse=query.descending)
        ids = [e.id for e in fitting]
        start, end = 0, len(ids)
        if query.after is not None:
            start = self._place("after", ids, query.after) + 1
        if query.before is not None:
            end = self._place("before", ids, query.before)
        part = ids[start:end]
        if query.first is not None:
            part = part[: query.first]
        elif query.last is not None:
            part = part[-query.last :] if query.last else []
        has_next = bool(part) and part[-1] != ids[-1]
        has_previous = bool(part) and part[0] != ids[0]
        return EntityPage(tuple(part), tuple(part), has_next, has_previous, len(ids))

    def _place(self, argument: str, ids: list[CanonicalId], cursor: str) -> int:
        if cursor not in ids:
            raise InvalidInput(argument, "is not a cursor of this graph")
        return ids.index(CanonicalId(cursor))


def in_scope(entity: Entity, scope: RowScope | None, rows: Mapping[CanonicalId, Entity]) -> bool:
    """Whether a row is in scope, found out in another way than the code under test does."""
    if scope is None:
        return True
    if entity.kind in PROJECT_PARTS | CONTRACT_PARTS:
        link = next((entity.kept[n] for n in ("project", "line", "contract") if n in entity.kept), None)
        parent = rows.get(CanonicalId(str(link)))
        return parent is not None and in_scope(parent, scope, rows)
    match entity.kind:
        case Kind.PROJECT:
            return scope.has_project(entity.id, entity.kept)
        case Kind.RESOURCE:
            return scope.has_person(entity.id, entity.kept)
        case Kind.CONTRACT:
            return scope.has_contract(entity.kept)
        case _:
            return True


def _fits(entity: Entity, condition: Condition) -> bool:
    value: Any = entity.record_kind if condition.attribute == "record_kind" else entity.kept.get(condition.attribute)
    match condition.op:
        case Op.IN | Op.SUBTREE:
            return value in condition.values
        case Op.OVERLAPS:
            return bool(set(value or ()) & set(condition.values))
        case Op.CONTAINS:
            text = " ".join(str(entity.kept.get(name, "")) for name in ("name", "code", "number"))
            return str(condition.values[0]).casefold() in text.casefold()
        case Op.LESS | Op.GREATER_OR_EQUAL:
            limit: Any = condition.values[0]
            if value is None:
                return None in condition.values
            return bool(value < limit if condition.op is Op.LESS else value >= limit)


@dataclass
class FakeWriter:
    """A directory writer that takes over kept values which differ, links as canonical ids already."""

    directory: FakeDirectory
    applied: list[Record] = field(default_factory=list)

    async def apply(self, records: Sequence[Record]) -> frozenset[CanonicalId]:
        """Take over what changed."""
        self.applied += records
        changed = set()
        for record in records:
            entity = next(e for e in self.directory.rows.values() if record.key in e.records)
            kept = {**entity.kept, **record.attributes}
            if kept != entity.kept:
                self.directory.rows[entity.id] = replace(entity, kept=kept)
                changed.add(entity.id)
        return frozenset(changed)


@dataclass
class FakeMonitor:
    """All systems are up."""

    async def sources(self) -> list[SourceHealth]:
        """Every system."""
        return [SourceHealth(c.system, c.vendor, c.domain, SourceStatus.UP, NOW, 0, 0) for c in CARDS.values()]


@dataclass
class FakeFirm:
    """A directory with its records, filled by `add`."""

    directory: FakeDirectory = field(default_factory=FakeDirectory)
    records: FakeRecords = field(default_factory=FakeRecords)

    def add(
        self,
        kind: Kind,
        kept: Mapping[str, Value],
        records: Mapping[str, Mapping[str, Value]] | None = None,
    ) -> CanonicalId:
        """An entity with kept values and, by system, the attributes of its records; external ids count up."""
        canonical = new_id(kind)
        keys: dict[Domain, RecordKey] = {}
        for system, attributes in (records or {}).items():
            key = RecordKey(system, kind, str(len(self.records.held) + 1))
            keys[CARDS[system].domain] = key
            self.records.held[key] = Record(key, {"version": VERSIONS.of(key, attributes), **attributes}, "1", NOW, NOW)
        shown = dict(kept)
        if entity_kind(kind) is Kind.RESOURCE:
            shown["kind"] = "SUBCONTRACTOR" if kind is Kind.SUBCONTRACTOR else "EMPLOYEE"
        row = Entity(canonical, kind_of(canonical), kind, keys, tuple(keys.values()), shown)
        self.directory.rows[canonical] = row
        return canonical

    def record(self, canonical: CanonicalId, domain: Domain) -> RecordKey:
        """The key of an entity's record in a domain."""
        return self.directory.rows[canonical].keys[domain]

    def change(self, canonical: CanonicalId, domain: Domain, **attributes: Value) -> None:
        """Change a record in its system; the directory does not know yet."""
        key = self.record(canonical, domain)
        old = self.records.held[key]
        self.records.held[key] = replace(old, attributes={**old.attributes, **attributes})

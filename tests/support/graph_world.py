"""A small firm in memory for the graph's two executors: directory, records and systems that fail on demand.

Generated from a seed, with everything that is awkward in it: values and records that are missing, links
to entities that are gone, merged ids, references in the vendor's words.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hub.domain.directory import KEPT
from hub.domain.ids import CanonicalId, new_id
from hub.domain.kinds import Domain, Kind, entity_kind
from hub.domain.money import Money
from hub.domain.ownership import attributes_of
from hub.domain.records import (
    BY_CANONICAL,
    DatedRate,
    InvoiceLineValue,
    OpenItem,
    Record,
    RecordKey,
    Ref,
    RevenueRow,
    SoldPackage,
    SoldRole,
    Value,
)
from hub.domain.roles import MapRow, RoleMap
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
from resolvers.reads import Reads
from tests.support.fakes import in_scope

SYSTEM_OF = {Domain.CRM: "crm", Domain.PSA: "psa", Domain.ERP: "erp", Domain.HCM: "hcm"}
NOW = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
TODAY = NOW.date()
T0_MS = 1_767_000_000_000


@dataclass(frozen=True, slots=True)
class Card:
    """What the graph tells of a system."""

    system: str
    domain: Domain
    vendor: str
    kinds: Mapping[Kind, KindSpec]


@dataclass
class MemoryDirectory:
    """See hub.ports.DirectoryReader. `warm` False makes every peek miss; ids in `cold` miss alone."""

    rows: dict[CanonicalId, Entity] = field(default_factory=dict)
    merged: dict[CanonicalId, CanonicalId] = field(default_factory=dict)
    warm: bool = True
    cold: set[CanonicalId] = field(default_factory=set)
    generation: int = 0
    failure: Exception | None = None
    _kept: dict[tuple[PageQuery, CanonicalId | None], EntityPage] = field(default_factory=dict)

    def peek_entity(self, canonical_id: CanonicalId) -> Entity | None:
        """See DirectoryReader."""
        if not self.warm or canonical_id in self.cold:
            return None
        return self.rows.get(canonical_id) or self._survivor(canonical_id)

    def _survivor(self, canonical_id: CanonicalId) -> Entity | None:
        survivor = self.merged.get(canonical_id)
        return None if survivor is None else self.rows.get(survivor)

    async def entities(self, ids: Sequence[CanonicalId]) -> list[Entity | None]:
        """See DirectoryReader."""
        await asyncio.sleep(0)
        self._fail()
        return [self.rows.get(i) or self._survivor(i) for i in ids]

    async def by_code(self, kind: Kind, code: str) -> CanonicalId | None:
        """See DirectoryReader."""
        await asyncio.sleep(0)
        return next((e.id for e in self.rows.values() if e.kind is kind and e.kept.get("code") == code), None)

    async def page(self, query: PageQuery) -> EntityPage:
        """See DirectoryReader."""
        await asyncio.sleep(0)
        return self._page(query, None)

    async def child_pages(self, query: PageQuery, parents: Sequence[CanonicalId]) -> Mapping[CanonicalId, EntityPage]:
        """See DirectoryReader."""
        await asyncio.sleep(0)
        return {parent: self._page(query, parent) for parent in parents}

    def peek_pages(self, query: PageQuery, parents: Sequence[CanonicalId | None]) -> list[EntityPage | None]:
        """See DirectoryReader."""
        return [self._kept.get((query, parent)) if self.warm else None for parent in parents]

    def heard(self, payload: str) -> None:
        """See DirectoryReader."""
        self._kept.clear()
        self.generation += 1

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _page(self, query: PageQuery, parent: CanonicalId | None) -> EntityPage:
        self._fail()
        known = self._kept.get((query, parent))
        if known is None:
            known = self._kept[query, parent] = self._read(query, parent)
        return known

    def _read(self, query: PageQuery, parent: CanonicalId | None) -> EntityPage:
        found = [e for e in self.rows.values() if e.kind is query.kind and self._belongs(e, query, parent)]
        found.sort(key=lambda e: (str(e.kept.get(query.order_by) or "~"), e.id), reverse=query.descending)
        low, high = self._bounds(query, found)
        chosen = found[low:high]
        return EntityPage(
            tuple(e.id for e in chosen),
            tuple(f"cursor-{e.id}" for e in chosen),
            high < len(found),
            low > 0,
            len(found),
        )

    def _belongs(self, entity: Entity, query: PageQuery, parent: CanonicalId | None) -> bool:
        if query.via is not None and entity.kept.get(query.via) != parent:
            return False
        return in_scope(entity, query.scope, self.rows) and all(_holds(entity, c) for c in query.conditions)

    def _bounds(self, query: PageQuery, found: Sequence[Entity]) -> tuple[int, int]:
        low, high = 0, len(found)
        if query.after is not None:
            low = self._place("after", query.after, found) + 1
        if query.before is not None:
            high = self._place("before", query.before, found)
        if query.first is not None:
            high = min(high, low + query.first)
        if query.last is not None:
            low = max(low, high - query.last)
        return low, max(low, high)

    def _place(self, argument: str, cursor: str, found: Sequence[Entity]) -> int:
        if not cursor.startswith("cursor-"):
            raise InvalidInput(argument, "is not a cursor of this graph")
        return next((n for n, e in enumerate(found) if f"cursor-{e.id}" >= cursor), len(found))


def _holds(entity: Entity, condition: Condition) -> bool:
    value = entity.kept.get(condition.attribute)
    if condition.op is Op.CONTAINS:
        texts = (str(entity.kept.get(name, "")) for name in ("name", "code", "number"))
        return any(str(condition.values[0]).casefold() in text.casefold() for text in texts)
    if condition.op is Op.LESS:
        return None in condition.values if value is None else value < condition.values[0]  # type: ignore[operator]
    if condition.op is Op.GREATER_OR_EQUAL:
        return None in condition.values if value is None else value >= condition.values[0]  # type: ignore[operator]
    if condition.op is Op.OVERLAPS:
        return bool(set(value if isinstance(value, tuple) else ()) & set(condition.values))
    return value in condition.values


@dataclass
class MemoryRecords:
    """See hub.ports.RecordReader. Systems in `down` do not answer; `stale` ones answer with old values, marked."""

    records: dict[RecordKey, Record] = field(default_factory=dict)
    down: dict[str, str] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    cold: set[RecordKey] = field(default_factory=set)
    loads: list[tuple[tuple[RecordKey, ...], frozenset[str]]] = field(default_factory=list)
    version: int = 0
    _served: dict[RecordKey, CachedRecord] = field(default_factory=dict)

    def peek(self, key: RecordKey, attributes: frozenset[str]) -> CachedRecord | None:
        """See RecordReader: what a system that is down leaves is never fresh."""
        return None if key in self.cold or key.system in self.down or key.system in self.stale else self._get(key)

    def fresh_until(self, key: RecordKey, attributes: frozenset[str]) -> float:
        """See RecordReader."""
        return 1e12 if self.peek(key, attributes) is not None else 0.0

    def now(self) -> float:
        """See RecordReader."""
        return 1.0

    async def load(
        self, keys: Sequence[RecordKey], attributes: frozenset[str], *, max_age_s: float | None = None
    ) -> list[CachedRecord]:
        """See RecordReader."""
        await asyncio.sleep(0)
        self.loads.append((tuple(keys), attributes))
        return [self._get(key) for key in keys]

    def _get(self, key: RecordKey) -> CachedRecord:
        code = self.down.get(key.system)
        record = self.records.get(key)
        if code is not None:
            return CachedRecord(None, unavailable=code)
        if key.system in self.stale and record is not None:
            return CachedRecord(record, stale=True, unavailable="SOURCE_UNAVAILABLE")
        known = self._served.get(key)
        if known is None or known.record is not record:
            known = CachedRecord(record, unavailable=None if record is not None else "MISSING")
            self._served[key] = known
        return known

    def change(self, key: RecordKey, **values: Value) -> None:
        """Another version of a record."""
        old = self.records[key]
        self.records[key] = replace(old, attributes={**old.attributes, **values}, stamp=old.stamp + "'")
        self.version += 1


class NoWriter:
    """See hub.ports.DirectoryWriter; nothing changes."""

    async def apply(self, records: Sequence[Record]) -> frozenset[CanonicalId]:
        """See DirectoryWriter."""
        return frozenset()


class Monitor:
    """See hub.ports.SourceMonitor."""

    async def sources(self) -> list[SourceHealth]:
        """See SourceMonitor."""
        return [
            SourceHealth("crm", "salesforce", Domain.CRM, SourceStatus.UP, NOW, 0, 0),
            SourceHealth("psa", "kantata", Domain.PSA, SourceStatus.DOWN, None, None, 2),  # type: ignore[arg-type]
        ]


@dataclass
class World:
    """The firm: what the graph reads from."""

    directory: MemoryDirectory
    records: MemoryRecords
    reads: Reads

    def ids(self, kind: Kind) -> list[CanonicalId]:
        """All entities of a kind."""
        return [e.id for e in self.directory.rows.values() if e.kind is kind]


def make_world(seed: int = 1, projects: int = 8, *, awkward: bool = True) -> World:
    """A firm of that many projects; `awkward` leaves out values, records and linked entities here and there."""
    return _Maker(seed, awkward=awkward).make(projects)


class _Maker:
    def __init__(self, seed: int, *, awkward: bool) -> None:
        self._random = random.Random(seed)
        self._awkward = awkward
        self._made = 0
        self.directory = MemoryDirectory()
        self.records = MemoryRecords()

    def make(self, projects: int) -> World:
        units = [
            self._add(Kind.LEGAL_ENTITY, code=f"LE{n}", name=f"Unit {n}", country="DE", currency="EUR")
            for n in range(2)
        ]
        practices = [self._add(Kind.PRACTICE, code=f"P{n}", name=f"Practice {n}") for n in range(3)]
        people = [self._person(n, practices, units) for n in range(max(6, projects * 2))]
        for n in range(projects):
            self._deal(n, people, practices, units)
        if self._awkward:
            self._spoil()
        reads = Reads(self.directory, NoWriter(), self.records, _cards(), Monitor(), _roles())
        return World(self.directory, self.records, reads)

    def _person(self, n: int, practices: list[CanonicalId], units: list[CanonicalId]) -> CanonicalId:
        kind = Kind.SUBCONTRACTOR if n % 5 == 4 else Kind.RESOURCE
        values: dict[str, Value] = {
            "name": f"Person “{n}”",
            "email": f"p{n}@example.test",
            "legal_entity": self._one(units),
            "cost_rate": DatedRate(self._money(), None),
            "role": "Consultant",
        }
        if kind is Kind.RESOURCE:
            values |= {
                "status": "ACTIVE",
                "title": self._maybe("Senior"),
                "grade": self._maybe("G4"),
                "location": self._maybe("Köln"),
                "hire_date": date(2020, 1, 1) + timedelta(days=n),
                "skills": ("python", "sql"),
                "practice": self._one(practices),
                "manager": self._one(self._of(Kind.RESOURCE)),
            }
        person = self._add(kind, **values)
        kept = {"kind": "SUBCONTRACTOR" if kind is Kind.SUBCONTRACTOR else "EMPLOYEE", "role": "Consultant"}
        self._keep(person, **kept)
        return person

    def _deal(self, n: int, people: list[CanonicalId], practices: list[CanonicalId], units: list[CanonicalId]) -> None:
        item = OpenItem(TODAY - timedelta(days=20 * n), Money(1234 * n, "EUR"), disputed=False)
        customer = self._add(
            Kind.CUSTOMER,
            name=f"Customer {n}",
            industry=self._maybe("Retail"),
            region="EMEA",
            credit_hold=False,
            open_items=(item, replace(item, open=Money(5, "USD"))) if n % 3 == 2 else (item,),
            parent=self._one(self._of(Kind.CUSTOMER)),
        )
        role = SoldRole("Architect", Decimal(40), self._money(), None, date(2026, 9, 30))
        opportunity = self._add(
            Kind.OPPORTUNITY,
            name=f"Deal {n}",
            customer=customer,
            stage="Negotiation",
            status="WON",
            probability=Decimal("0.5"),
            amount=self._money(),
            expected_close=date(2026, 4, 1),
            start_date=None,
            region="EMEA",
            sold_roles=(role, replace(role, role="Unmapped", hours=None)),
            sold_packages=(SoldPackage("PK", Decimal(2), self._maybe(self._money())),),
        )
        contract = self._add(
            Kind.CONTRACT,
            number=f"C-{n:04}",
            customer=customer,
            opportunity=opportunity,
            legal_entity=self._one(units),
            status="ACTIVE",
            signed_on=self._maybe(date(2026, 1, 5)),
            value=self._money(),
        )
        lines = [
            self._add(
                Kind.CONTRACT_LINE,
                contract=contract,
                name=f"Line {n}.{m}",
                model="FIXED_FEE_MILESTONE",
                price=self._maybe(self._money()),
                cap=None,
                start_date=date(2026, 1, 1),
                end_date=None,
                revenue_method=self._maybe("STRAIGHT_LINE"),
            )
            for m in range(2)
        ]
        change = self._add(
            Kind.CHANGE_ORDER,
            line=self._one(lines),
            status="PROPOSED",
            reason=self._maybe("scope"),
            price_delta=self._money(),
            hours_delta=Decimal("8.5"),
            effective_date=date(2026, 5, 1),
        )
        self._keep(change, contract=contract)
        project = self._project(n, customer, contract, people, practices, units)
        self._delivery(n, project, lines, people)
        self._billing(n, project, customer)

    def _project(
        self,
        n: int,
        customer: CanonicalId,
        contract: CanonicalId,
        people: list[CanonicalId],
        practices: list[CanonicalId],
        units: list[CanonicalId],
    ) -> CanonicalId:
        rows = tuple(
            RevenueRow(f"2026-{m:02}", self._maybe(self._money()), self._money(), self._maybe(self._money()))
            for m in range(1, 10)
        )
        project = self._add(
            Kind.PROJECT,
            code=f"PRJ-{n:04}",
            name=f"Project {n}",
            start_date=date(2026, 1, 1) + timedelta(days=n),
            end_date=self._maybe(date(2026, 12, 31)),
            practice=self._one(practices),
            legal_entity=self._one(units),
            customer=customer,
            contract=contract,
            manager=self._one(people),
            percent_complete=self._maybe(Decimal("0.25")),
            revenue=rows,
        )
        self._keep(project, stage="IN_DELIVERY")
        return project

    def _delivery(self, n: int, project: CanonicalId, lines: list[CanonicalId], people: list[CanonicalId]) -> None:
        task = self._add(
            Kind.TASK,
            project=project,
            name=f"Task {n}",
            contract_line=self._one(lines),
            planned_hours=Decimal(80),
            remaining_hours=self._maybe(Decimal("7.25")),
            billable=True,
            start_date=date(2026, 1, 1),
            end_date=None,
        )
        for m in range(4):
            self._add(
                Kind.MILESTONE,
                project=project,
                name=f"Milestone {n}.{m}",
                due_date=date(2026, 1 + m, 15),
                status="PLANNED",
                amount=self._maybe(self._money()),
                completed_at=self._maybe(NOW),
                approved_at=None,
            )
        for m in range(10):
            self._add(
                Kind.ASSIGNMENT,
                project=project,
                resource=self._one(people),
                role=f"Role {m}",
                start_date=date(2026, 1, 1),
                end_date=date(2026, 6, 30),
                planned_hours=Decimal(m * 10),
                allocation=Decimal("0.5"),
                booking="HARD",
            )
        for m in range(3):
            entry = self._add(
                Kind.TIME_ENTRY,
                project=project,
                task=task,
                resource=self._one(people),
                role="Consultant",
                work_date=date(2026, 2, 1 + m),
                hours=Decimal("7.5"),
                billable=True,
                status="APPROVED",
                note=self._maybe("on site"),
                approved_at=NOW.replace(microsecond=5000),
                posted_period=None,
            )
            if m == 1:
                self._keep(entry, posted_period="2026-02")
        self._add(
            Kind.EXPENSE,
            project=project,
            resource=self._one(people),
            date=date(2026, 2, 2),
            category="Travel",
            amount=self._money(),
            billable=False,
            status="SUBMITTED",
        )

    def _billing(self, n: int, project: CanonicalId, customer: CanonicalId) -> None:
        milestones = [e for e in self._of(Kind.MILESTONE) if self.directory.rows[e].kept.get("project") == project]
        first = self.directory.rows[milestones[0]].records[0]
        lines = (
            InvoiceLineValue("Milestone", self._money(), "2026-02", Ref(Kind.MILESTONE, first.external_id)),
            InvoiceLineValue(None, None, None, Ref(Kind.MILESTONE, milestones[1], BY_CANONICAL)),
            InvoiceLineValue("Other", self._money(), None, Ref(Kind.MILESTONE, "unknown")),
            InvoiceLineValue("None", None, None, None),
        )
        invoice = self._add(
            Kind.INVOICE,
            number=f"INV-{n}",
            customer=customer,
            project=project,
            status="OPEN",
            issued_on=date(2026, 2, 1),
            due_on=self._maybe(date(2026, 3, 1)),
            total=Money(1000, "JPY"),
            open_amount=self._money(),
            lines=lines,
        )
        self._keep(milestones[0], invoice=invoice)

    # -- making one entity -----------------------------------------------------------------------

    def _add(self, kind: Kind, **values: Value) -> CanonicalId:
        """An entity with a record in each system that owns something of it."""
        self._made += 1
        canonical = self._id(kind)
        keys: dict[Domain, RecordKey] = {}
        for domain, system in SYSTEM_OF.items():
            owned = {name: values.get(name) for name in attributes_of(domain, kind)}
            if owned:
                key = keys[domain] = RecordKey(system, kind, f"{system}-{self._made}")
                shown = {n: v if not _is_link(v) else Ref(kind, str(v)) for n, v in owned.items()}
                self.records.records[key] = Record(key, {**shown, "version": "v1"}, "s1", NOW, NOW)
        kept = {n: v for n, v in values.items() if n in KEPT[kind] and v is not None}
        self.directory.rows[canonical] = Entity(canonical, entity_kind(kind), kind, keys, tuple(keys.values()), kept)
        return canonical

    def _id(self, kind: Kind) -> CanonicalId:
        fresh = new_id(kind, now_ms=T0_MS + self._made)
        tail = "".join(self._random.choice("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in range(16))
        return CanonicalId(fresh[:-16] + tail)

    def _keep(self, canonical: CanonicalId, **values: Value) -> None:
        entity = self.directory.rows[canonical]
        self.directory.rows[canonical] = replace(entity, kept={**entity.kept, **values})

    def _of(self, kind: Kind) -> list[CanonicalId]:
        return [e.id for e in self.directory.rows.values() if e.kind is kind]

    def _one(self, ids: Sequence[CanonicalId]) -> CanonicalId | None:
        return self._random.choice(ids) if ids else None

    def _maybe(self, value: Any) -> Any:
        return None if self._awkward and self._random.random() < 0.2 else value

    def _money(self) -> Money:
        return Money(self._random.randrange(-10_000, 10_000_000), self._random.choice(["EUR", "USD", "JPY"]))

    # -- what is awkward -------------------------------------------------------------------------

    def _spoil(self) -> None:
        rows = self.directory.rows
        for canonical in list(rows):
            chance = self._random.random()
            entity = rows[canonical]
            if chance < 0.03:
                del rows[canonical]
            elif chance < 0.06 and entity.keys:
                del self.records.records[self._random.choice(list(entity.keys.values()))]
            elif chance < 0.09:
                rows[canonical] = replace(entity, keys={}, records=())
            elif chance < 0.12:
                kept = {n: v for n, v in entity.kept.items() if n not in {"name", "status"}}
                rows[canonical] = replace(entity, kept=kept)
                for key in entity.keys.values():
                    self._blank(key)
            elif chance < 0.15:
                old = self._id(entity.record_kind)
                self.directory.merged[old] = canonical

    def _blank(self, key: RecordKey) -> None:
        record = self.records.records.get(key)
        if record is not None:
            blank = {n: None if n in {"name", "status"} else v for n, v in record.attributes.items()}
            self.records.records[key] = replace(record, attributes=blank)


def _is_link(value: object) -> bool:
    return isinstance(value, str) and len(value) == 30 and value[3] == "_"


def _cards() -> dict[str, Card]:
    spec = KindSpec("thing", frozenset(), 100, Deletes.PROBE)
    return {
        system: Card(system, domain, f"vendor-{system}", {kind: spec for kind in Kind if attributes_of(domain, kind)})
        for domain, system in SYSTEM_OF.items()
    }


def _roles() -> RoleMap:
    return RoleMap(
        sold_to_delivery=(MapRow("Architect", "Senior Architect"),),
        delivery_to_labor=(MapRow("Senior Architect", "LC-ARCH"), MapRow("Consultant", "LC-CONS")),
    )

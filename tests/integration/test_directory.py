"""The directory on a real PostgreSQL: matching, links, derived values, paging."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind
from hub.domain.money import Money
from hub.domain.records import BY_CANONICAL, InvoiceLineValue, Key, Record, RecordKey, Ref, Value, by_id_in
from hub.domain.roles import RoleMap
from hub.errors import InvalidInput
from hub.ports import Condition, Entity, Op, PageQuery
from hub.store.database import open_engine
from hub.store.directory_reader import PostgresDirectory
from hub.store.directory_writer import PostgresDirectoryWriter
from hub.store.replicas import Replicas

DOMAINS = {
    "crm": Domain.CRM,
    "psa": Domain.PSA,
    "erp": Domain.ERP,
    "erp2": Domain.ERP,
    "hcm": Domain.HCM,
    "reference": Domain.HUB,
}
T0 = datetime(2026, 3, 1, tzinfo=UTC)
TODAY = date(2026, 3, 15)
PROJECT_ID = "prj_01J8ZQ4T7M3N5P6R8S9V0W1X2Y"


class Store:
    """A directory and its writer on one fresh database."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self.reader = PostgresDirectory(self.engine)
        self.writer = PostgresDirectoryWriter(
            self.engine, domains=DOMAINS, roles=RoleMap(profiles={"Consulting": "Consultant"}), today=lambda: TODAY
        )

    async def apply(self, *records: Record) -> frozenset[CanonicalId]:
        """Apply and make the reader hear of it at once, without waiting for the notification."""
        changed = await self.writer.apply(records)
        self.reader.forget()
        return changed

    async def all(self, kind: Kind) -> list[Entity]:
        """Every live entity of a kind, by name."""
        page = await self.reader.page(PageQuery(kind))
        return [e for e in await self.reader.entities(page.ids) if e is not None]

    async def one(self, kind: Kind) -> Entity:
        """The only live entity of a kind."""
        (entity,) = await self.all(kind)
        return entity


@pytest.fixture
async def store(migrated_database: str) -> AsyncIterator[Store]:
    """An empty directory."""
    opened = Store(migrated_database)
    yield opened
    await opened.engine.dispose()


def rec(
    system: str,
    kind: Kind,
    external_id: str,
    attributes: Mapping[str, Value],
    *keys: Key,
    minute: int = 0,
    deleted: bool = False,
    label: str = "",
) -> Record:
    """A record as a feed gives it."""
    at = T0 + timedelta(minutes=minute)
    return Record(RecordKey(system, kind, external_id), attributes, at.isoformat(), at, at, keys, label, deleted)


CUSTOMER = rec(
    "crm", Kind.CUSTOMER, "001A", {"name": "Acme", "region": "EMEA", "parent": None}, Key("tax_registration", "gb1")
)
CONTRACT = rec(
    "crm",
    Kind.CONTRACT,
    "800A",
    {
        "number": "C-1",
        "customer": Ref(Kind.CUSTOMER, "001A"),
        "opportunity": None,
        "legal_entity": Ref(Kind.LEGAL_ENTITY, "UK01", "code"),
        "status": "SIGNED",
        "signed_on": date(2026, 1, 5),
        "value": Money(16_000_000, "GBP"),
    },
)
LINE = rec(
    "crm",
    Kind.CONTRACT_LINE,
    "a01A",
    {"contract": Ref(Kind.CONTRACT, "800A"), "name": "Assessment", "model": "FIXED_FEE_MILESTONE"},
)
UK = rec(
    "erp",
    Kind.LEGAL_ENTITY,
    "2",
    {"code": "UK01", "name": "UK Ltd", "country": "GB", "currency": "GBP"},
    Key("code", "UK01"),
)


def project(external_id: str = "41", *keys: Key, minute: int = 0, **changes: Value) -> Record:
    """A PSA project on the contract."""
    attributes: dict[str, Value] = {
        "code": "P-1",
        "name": "Ärger project",
        "delivery_status": "ACTIVE",
        "archived": False,
        "start_date": date(2026, 2, 1),
        "end_date": date(2026, 6, 30),
        "practice": Ref(Kind.PRACTICE, "DATA", "code"),
        "customer": Ref(Kind.CUSTOMER, "9"),
        "contract": Ref(Kind.CONTRACT, "800A", by_id_in(Domain.CRM)),
        "manager": Ref(Kind.RESOURCE, "13"),
        **changes,
    }
    return rec("psa", Kind.PROJECT, external_id, attributes, *keys, minute=minute)


def job(external_id: str, canonical: str | None, *, status: str = "OPEN") -> Record:
    """The ERP's side of a project."""
    keys = (Key(BY_CANONICAL, canonical),) if canonical else ()
    attributes: dict[str, Value] = {"legal_entity": Ref(Kind.LEGAL_ENTITY, "2"), "financial_status": status}
    return rec("erp", Kind.PROJECT, external_id, attributes, *keys, label="4711 Acme")


async def test_links_resolve_whichever_side_arrives_first(store: Store) -> None:
    """Children first, parents later: the waiting link is found when its target comes."""
    await store.apply(project())
    assert (await store.one(Kind.PROJECT)).kept.get("contract") is None
    await store.apply(LINE)
    await store.apply(CONTRACT, CUSTOMER, UK)
    found, contract = await store.one(Kind.PROJECT), await store.one(Kind.CONTRACT)
    customer, line = await store.one(Kind.CUSTOMER), await store.one(Kind.CONTRACT_LINE)
    assert found.kept["contract"] == contract.id
    assert found.kept["customer"] == contract.kept["customer"] == customer.id
    assert line.kept["contract"] == contract.id
    assert found.kept["legal_entity"] == (await store.one(Kind.LEGAL_ENTITY)).id


async def test_a_canonical_id_carried_by_a_source_is_adopted_and_joins_the_systems(store: Store) -> None:
    """domain.md 2.1, rule 2: PSA and ERP both carry the id, in whichever order they come."""
    await store.apply(job("4711", PROJECT_ID))
    assert (await store.one(Kind.PROJECT)).kept["stage"] == "GATE_PENDING"
    await store.apply(project("41", Key(BY_CANONICAL, PROJECT_ID)))
    found = await store.one(Kind.PROJECT)
    assert found.id == PROJECT_ID
    assert set(found.keys) == {Domain.PSA, Domain.ERP}
    assert found.kept["name"] == "Ärger project"


async def test_a_second_master_with_the_same_canonical_id_stays_a_separate_project(store: Store) -> None:
    """A canonical record has one active cross reference per system and kind; the duplicate is visible."""
    await store.apply(project("41", Key(BY_CANONICAL, PROJECT_ID)), project("42", Key(BY_CANONICAL, PROJECT_ID)))
    assert len(await store.all(Kind.PROJECT)) == 2


async def test_equal_names_never_match(store: Store) -> None:
    """Names never auto-match: a PSA customer of the same name stays unlinked until a key says so."""
    await store.apply(CUSTOMER, rec("crm", Kind.CUSTOMER, "001B", {"name": "Acme", "region": None, "parent": None}))
    await store.apply(rec("psa", Kind.CUSTOMER, "9", {}, label="Acme"))
    assert [len(e.records) for e in await store.all(Kind.CUSTOMER)] == [1, 1]


async def test_records_that_matched_nothing_are_adopted_when_their_key_appears(store: Store) -> None:
    """The PSA's company group and the ERP's customer wait for the CRM's account."""
    await store.apply(
        rec("psa", Kind.CUSTOMER, "9", {}, Key(by_id_in(Domain.CRM), "001A")),
        rec("erp", Kind.CUSTOMER, "1001", {}, Key("tax_registration", "gb1")),
        project(contract=None),
    )
    assert await store.all(Kind.CUSTOMER) == []
    await store.apply(CUSTOMER)
    customer = await store.one(Kind.CUSTOMER)
    assert set(customer.keys) == {Domain.CRM, Domain.PSA, Domain.ERP}
    assert (await store.one(Kind.PROJECT)).kept["customer"] == customer.id


async def test_of_two_waiting_records_of_one_system_only_one_is_adopted(store: Store) -> None:
    """A canonical record has one active cross reference per system and kind, also when both waited for it."""
    key = Key(by_id_in(Domain.CRM), "001A")
    await store.apply(rec("psa", Kind.CUSTOMER, "9", {}, key), rec("psa", Kind.CUSTOMER, "10", {}, key))
    await store.apply(CUSTOMER)
    assert len((await store.one(Kind.CUSTOMER)).records) == 2


async def test_an_older_change_is_not_applied_and_a_tombstone_deletes(store: Store) -> None:
    """Order of arrival does not matter, order of change does."""
    await store.apply(project(minute=10, name="new"))
    assert await store.apply(project(minute=5, name="old")) == frozenset()
    assert (await store.one(Kind.PROJECT)).kept["name"] == "new"
    await store.apply(rec("psa", Kind.PROJECT, "41", {}, minute=11, deleted=True))
    assert await store.all(Kind.PROJECT) == []
    await store.apply(project(minute=7, name="older than the tombstone"))
    assert await store.all(Kind.PROJECT) == []


async def test_the_same_record_again_changes_nothing(store: Store) -> None:
    """Overlap windows read rows again; that must not look like a change."""
    await store.apply(CUSTOMER, CONTRACT, project())
    assert await store.apply(CUSTOMER, CONTRACT, project()) == frozenset()


async def test_a_value_that_was_cleared_at_the_vendor_is_cleared_here(store: Store) -> None:
    """None replaces the last value; it is not "unchanged"."""
    await store.apply(project())
    await store.apply(project(minute=1, end_date=None))
    assert "end_date" not in (await store.one(Kind.PROJECT)).kept


async def test_stage_follows_the_records(store: Store) -> None:
    """domain.md section 3: GATE_PENDING, SHELL, IN_DELIVERY, ON_HOLD, DELIVERED, CLOSED."""
    await store.apply(project("41", Key(BY_CANONICAL, PROJECT_ID)))
    stages = [(await store.one(Kind.PROJECT)).kept["stage"]]
    await store.apply(job("4711", PROJECT_ID))
    stages.append((await store.one(Kind.PROJECT)).kept["stage"])
    worker = rec(
        "hcm",
        Kind.RESOURCE,
        "w1",
        {"name": "Ann", "status": "ACTIVE", "job_profile": "Consulting"},
        Key("email", "a@x"),
    )
    user = rec("psa", Kind.RESOURCE, "13", {}, Key("email", "a@x"))
    booking: dict[str, Value] = {
        "project": Ref(Kind.PROJECT, "41"),
        "resource": Ref(Kind.RESOURCE, "13"),
        "start_date": date(2026, 2, 1),
        "end_date": date(2026, 2, 27),
        "planned_hours": Decimal(100),
        "booking": "HARD",
        "role": "Consultant",
    }
    await store.apply(rec("psa", Kind.ASSIGNMENT, "7", booking), worker, user)
    stages.append((await store.one(Kind.PROJECT)).kept["stage"])
    await store.apply(project(minute=1, delivery_status="ON_HOLD"))
    stages.append((await store.one(Kind.PROJECT)).kept["stage"])
    await store.apply(project(minute=2, delivery_status="COMPLETE"))
    stages.append((await store.one(Kind.PROJECT)).kept["stage"])
    time = {
        "project": Ref(Kind.PROJECT, "41"),
        "task": None,
        "resource": None,
        "work_date": date(2026, 2, 2),
        "status": "APPROVED",
    }
    await store.apply(rec("psa", Kind.TIME_ENTRY, "t1", time), project(minute=3, archived=True))
    stages.append((await store.one(Kind.PROJECT)).kept["stage"])
    assert stages == ["GATE_PENDING", "SHELL", "IN_DELIVERY", "ON_HOLD", "DELIVERED", "CLOSED"]
    resource = await store.one(Kind.RESOURCE)
    assert resource.kept["role"] == "Consultant"
    assert (await store.one(Kind.ASSIGNMENT)).kept["resource"] == resource.id


async def test_an_invoice_line_shows_on_its_milestone(store: Store) -> None:
    """The way back from a milestone to the invoice that bills it survives later changes of the milestone."""
    canonical = "mil_01J8ZQ4T7M3N5P6R8S9V0W1X2Y"
    milestone: dict[str, Value] = {"project": Ref(Kind.PROJECT, "41"), "name": "Go live", "due_date": date(2026, 4, 1)}
    line = InvoiceLineValue("Go live", Money(1, "USD"), "2026-03", Ref(Kind.MILESTONE, canonical, BY_CANONICAL))
    invoice: dict[str, Value] = {
        "number": "INV-1",
        "customer": None,
        "project": None,
        "issued_on": TODAY,
        "status": "OPEN",
        "lines": (line,),
    }
    await store.apply(rec("erp", Kind.INVOICE, "400", invoice))
    await store.apply(rec("psa", Kind.MILESTONE, "86", milestone, Key(BY_CANONICAL, canonical)))
    billed = (await store.one(Kind.MILESTONE)).kept.get("invoice")
    await store.apply(rec("psa", Kind.MILESTONE, "86", {**milestone, "name": "Go-live"}, minute=1))
    again = await store.one(Kind.MILESTONE)
    assert billed == (await store.one(Kind.INVOICE)).id == again.kept["invoice"]
    assert again.kept["name"] == "Go-live"


async def test_an_invoice_that_arrives_after_its_milestone_leaves_the_milestone_alive(store: Store) -> None:
    """A milestone that only gets its way back to the invoice is touched, not deleted."""
    canonical = "mil_01J8ZQ4T7M3N5P6R8S9V0W1X2Y"
    milestone: dict[str, Value] = {"project": None, "name": "Go live", "due_date": TODAY}
    await store.apply(rec("psa", Kind.MILESTONE, "86", milestone, Key(BY_CANONICAL, canonical)))
    line = InvoiceLineValue("Go live", Money(1, "USD"), "2026-03", Ref(Kind.MILESTONE, canonical, BY_CANONICAL))
    await store.apply(rec("erp", Kind.INVOICE, "400", {"number": "INV-1", "issued_on": TODAY, "lines": (line,)}))
    assert (await store.one(Kind.MILESTONE)).kept["invoice"] == (await store.one(Kind.INVOICE)).id


async def test_change_orders_are_listed_under_their_lines_contract(store: Store) -> None:
    """Whichever of line and change order comes first."""
    change: dict[str, Value] = {"line": Ref(Kind.CONTRACT_LINE, "a01A"), "status": "PROPOSED", "effective_date": TODAY}
    await store.apply(rec("crm", Kind.CHANGE_ORDER, "a02", change))
    await store.apply(CONTRACT, LINE)
    contract = await store.one(Kind.CONTRACT)
    pages = await store.reader.child_pages(PageQuery(Kind.CHANGE_ORDER, order_by="date", via="contract"), [contract.id])
    assert len(pages[contract.id].ids) == 1


async def _names(store: Store, query: PageQuery) -> list[Value]:
    page = await store.reader.page(query)
    return [e.kept.get("start_date") for e in await store.reader.entities(page.ids) if e]


@pytest.mark.parametrize("descending", [False, True])
async def test_paging_forwards_and_backwards_covers_every_row_once_with_nulls_last(
    store: Store, *, descending: bool
) -> None:
    """Keyset pages in both directions, over equal and missing sort values."""
    starts = [date(2026, 1, 1), date(2026, 1, 1), None, date(2026, 2, 1), None, date(2025, 1, 1)]
    await store.apply(*(project(str(n), start_date=start, code=f"P{n}") for n, start in enumerate(starts)))
    query = PageQuery(Kind.PROJECT, order_by="start_date", descending=descending)
    whole = await store.reader.page(query)
    assert whole.total == 6
    forward: list[CanonicalId] = []
    after, more = None, True
    while more:
        page = await store.reader.page(PageQuery(Kind.PROJECT, (), "start_date", descending, first=2, after=after))
        forward += page.ids
        after, more = page.cursors[-1], page.has_next
    backward: list[CanonicalId] = []
    before, more = None, True
    while more:
        page = await store.reader.page(PageQuery(Kind.PROJECT, (), "start_date", descending, last=4, before=before))
        backward = [*page.ids, *backward]
        before, more = page.cursors[0], page.has_previous
    assert forward == backward == list(whole.ids)
    present = sorted((s for s in starts if s), reverse=descending)
    assert await _names(store, query) == [*present, None, None]


async def test_a_page_continues_rightly_while_rows_come_and_go(store: Store) -> None:
    """A keyset cursor does not shift when earlier rows are added."""
    await store.apply(*(project(str(n), code=f"P{n}", name=f"n{n}") for n in range(4)))
    first = await store.reader.page(PageQuery(Kind.PROJECT, order_by="code", first=2))
    await store.apply(project("77", code="P0a", name="later"))
    rest = await store.reader.page(PageQuery(Kind.PROJECT, order_by="code", first=9, after=first.cursors[-1]))
    codes = [e.kept["code"] for e in await store.reader.entities([*first.ids, *rest.ids]) if e]
    assert codes == ["P0", "P1", "P2", "P3"]


@pytest.mark.parametrize("cursor", ["", "!!", "bm90anNvbg", "WzEsMl0"])
async def test_a_malformed_cursor_names_the_argument(store: Store, cursor: str) -> None:
    """Nonsense is refused before it reaches the database."""
    with pytest.raises(InvalidInput, match="after"):
        await store.reader.page(PageQuery(Kind.PROJECT, first=1, after=cursor))


async def test_a_cursor_of_another_list_is_refused(store: Store) -> None:
    """A cursor cannot widen or change what is listed."""
    await store.apply(project())
    page = await store.reader.page(PageQuery(Kind.PROJECT, order_by="code", first=1))
    narrowed = (Condition("stage", Op.IN, ("SHELL",)),)
    with pytest.raises(InvalidInput, match="another list"):
        await store.reader.page(PageQuery(Kind.PROJECT, narrowed, "code", first=1, after=page.cursors[0]))


async def test_filters_use_practice_subtrees_models_and_casefolded_text(store: Store) -> None:
    """Each condition narrows; text search ignores case in every language."""
    top: dict[str, Value] = {"code": "DATA", "name": "Data", "parent": None}
    sub: dict[str, Value] = {"code": "DATA-ENG", "name": "Engineering", "parent": Ref(Kind.PRACTICE, "DATA", "code")}
    await store.apply(
        rec("reference", Kind.PRACTICE, "DATA", top, Key("code", "DATA")),
        rec("reference", Kind.PRACTICE, "DATA-ENG", sub, Key("code", "DATA-ENG")),
        CUSTOMER,
        CONTRACT,
        LINE,
        project("1", practice=Ref(Kind.PRACTICE, "DATA-ENG", "code"), code="A"),
        project("2", practice=None, code="B", name="STRASSE", contract=None),
    )
    (data,) = [p for p in await store.all(Kind.PRACTICE) if p.kept["code"] == "DATA"]

    async def codes(*conditions: Condition) -> list[Value]:
        page = await store.reader.page(PageQuery(Kind.PROJECT, conditions, "code"))
        return [e.kept["code"] for e in await store.reader.entities(page.ids) if e]

    assert await codes(Condition("practice", Op.SUBTREE, (data.id,))) == ["A"]
    assert await codes(Condition("models", Op.OVERLAPS, ("FIXED_FEE_MILESTONE", "TIME_AND_MATERIALS"))) == ["A"]
    assert await codes(Condition("search", Op.CONTAINS, ("straße",))) == ["B"]
    assert await codes(Condition("search", Op.CONTAINS, ("ÄRGER",))) == ["A"]
    assert await codes(Condition("start_date", Op.LESS, (date(2026, 2, 1),))) == []
    assert await codes(Condition("start_date", Op.GREATER_OR_EQUAL, (date(2026, 2, 1),))) == ["A", "B"]


async def test_contracts_are_found_by_the_models_of_their_lines(store: Store) -> None:
    """Whichever of contract and line comes first, and after the contract itself changes."""
    await store.apply(LINE)
    await store.apply(CONTRACT)
    fixed_fee = PageQuery(Kind.CONTRACT, (Condition("models", Op.OVERLAPS, ("FIXED_FEE_MILESTONE",)),), "number")
    assert (await store.reader.page(fixed_fee)).total == 1
    await store.apply(rec("crm", Kind.CONTRACT, "800A", {**CONTRACT.attributes, "status": "ACTIVE"}, minute=1))
    assert (await store.reader.page(fixed_fee)).total == 1
    await store.apply(
        rec("crm", Kind.CONTRACT_LINE, "a01A", {**LINE.attributes, "model": "TIME_AND_MATERIALS"}, minute=1)
    )
    assert (await store.reader.page(fixed_fee)).total == 0


async def test_every_replica_hears_of_a_change(store: Store) -> None:
    """A second process's memory drops what the first has written."""
    engine = open_engine(store.engine.url.render_as_string(hide_password=False))
    replicas = Replicas(engine)
    other = PostgresDirectory(engine, replicas)
    replicas.start()
    try:
        await replicas.listening.wait()
        await store.apply(CUSTOMER)
        customer = await store.one(Kind.CUSTOMER)
        await other.entities([customer.id])
        before = other.generation
        await store.writer.apply([rec("crm", Kind.CUSTOMER, "001A", {"name": "Acme 2"}, minute=1)])
        async with store.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        for _ in range(200):
            if other.generation != before:
                break
            await asyncio.sleep(0.01)
        (heard,) = await other.entities([customer.id])
        assert heard is not None
        assert heard.kept["name"] == "Acme 2"
    finally:
        await replicas.aclose()
        await engine.dispose()

"""Change feeds on a real PostgreSQL: first loads, increments, faults, pausing, deletions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.context import CAUSE
from hub.domain.kinds import Domain, Kind
from hub.domain.records import Key, Record, RecordKey, Ref
from hub.domain.roles import RoleMap
from hub.errors import SourceMisconfigured, SourceShapeBroken, SourceUnavailable
from hub.estate import PracticeConfig, Reference
from hub.feeds.check import check_directory
from hub.feeds.control import pause_feeds, resume_feeds, run_feeds_now
from hub.feeds.hub import Hub
from hub.feeds.monitor import FeedMonitor, LoadState, first_load_state
from hub.feeds.pull import Puller
from hub.feeds.reference import load_reference
from hub.feeds.sweep import Sweeper
from hub.feeds.worker import FeedWorker
from hub.ports import ChangePage, Deletes, SourceStatus
from hub.store.announcements import Announcements, clear_everywhere
from hub.store.database import open_engine
from hub.store.directory_writer import PostgresDirectoryWriter
from hub.store.due import Timetable
from hub.store.missing import note_missing
from hub.store.replicas import Replicas
from hub.store.watermarks import Feed, Watermarks
from tests.support.fake_sources import T0, FakeSource, spec

DOMAINS = {"crm": Domain.CRM, "psa": Domain.PSA, "reference": Domain.HUB}
CUSTOMERS = Feed("crm", Kind.CUSTOMER)
EXPENSES = Feed("psa", Kind.EXPENSE)


class Notebook:
    """A record cache and an announcer that only remember what they were told."""

    def __init__(self) -> None:
        self.put_keys: list[RecordKey] = []
        self.published: list[RecordKey] = []

    async def put(self, records: Iterable[Record]) -> None:
        """Remember what a feed has read."""
        self.put_keys += [record.key for record in records]

    async def publish(self, keys: Sequence[RecordKey]) -> None:
        """Remember what a feed has announced."""
        self.published += keys


class World:
    """Two fake systems, a directory on one fresh database, and what runs their feeds."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self.crm = FakeSource("crm", Domain.CRM, {Kind.CUSTOMER: spec(), Kind.OPPORTUNITY: spec()})
        self.psa = FakeSource("psa", Domain.PSA, {Kind.EXPENSE: spec(Deletes.PROBE), Kind.CUSTOMER: spec()})
        self.adapters = {"crm": self.crm, "psa": self.psa}
        self.writer = PostgresDirectoryWriter(self.engine, domains=DOMAINS, roles=RoleMap())
        self.notes = Notebook()
        self.stopping = False
        self.hub = Hub(
            self.engine,
            self.adapters,
            self.writer,
            self.notes,
            self.notes,
            Watermarks(self.engine),
            Timetable(self.engine),
            lambda: self.stopping,
        )
        self.puller = Puller(self.hub)
        self.sweeper = Sweeper(self.hub)

    async def pull(self, feed: Feed, *, forced: bool = False) -> None:
        """Run one feed once."""
        await self.puller.run(feed, forced=forced)

    async def rows(self, statement: str, **parameters: Any) -> list[Any]:
        """Rows of a query."""
        async with self.engine.begin() as connection:
            found = await connection.execute(text(statement), parameters)
            return list(found.all()) if found.returns_rows else []

    async def live(self, kind: Kind) -> set[str]:
        """The names (or vendor ids, where there are no names) of a kind's live entities."""
        found = await self.rows(
            "SELECT coalesce(e.kept->>'name', r.external_id) AS name FROM entity e JOIN record r ON r.entity_id = e.id"
            " WHERE e.kind = :kind AND e.deleted_at IS NULL",
            kind=kind,
        )
        return {row.name for row in found}

    async def exceptions(self, status: str = "OPEN") -> dict[tuple[str, str], int]:
        """Attempts by (code, subject)."""
        found = await self.rows("SELECT code, subject_key, attempts FROM sync_exception WHERE status = :s", s=status)
        return {(row.code, row.subject_key): row.attempts for row in found}

    @asynccontextmanager
    async def working(self, **settings: Any) -> AsyncIterator[FeedWorker]:
        """A worker of this process."""
        worker = FeedWorker(self.engine, self.adapters, self.writer, cache=self.notes, announcer=self.notes, **settings)
        await worker.start()
        try:
            yield worker
        finally:
            await worker.stop()


@pytest.fixture
async def world(migrated_database: str) -> AsyncIterator[World]:
    """An empty hub beside two small systems."""
    made = World(migrated_database)
    yield made
    await made.engine.dispose()


async def until(condition: Callable[[], Any], *, seconds: float = 15.0) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.05)


def customer(source: FakeSource, number: int, *, second: float = 0, name: str = "") -> RecordKey:
    """A customer of the CRM."""
    attributes = {"name": name or f"Customer {number}", "region": "EMEA", "parent": None}
    return source.put(Kind.CUSTOMER, f"c{number}", attributes, second=second)


def expense(source: FakeSource, number: int, *, second: float = 0, status: str = "DRAFT") -> RecordKey:
    """An expense of the PSA, which never tells of deletions; its project is nowhere."""
    attributes = {"project": Ref(Kind.PROJECT, "41"), "resource": None, "date": T0.date(), "status": status}
    return source.put(Kind.EXPENSE, f"x{number}", attributes, second=second)


async def test_a_first_load_takes_everything_and_later_runs_only_what_changed(world: World) -> None:
    """Then the overlap window is read again, which changes and announces nothing."""
    for number in range(7):
        customer(world.crm, number, second=number * 100)
    await world.pull(CUSTOMERS)
    assert len(await world.live(Kind.CUSTOMER)) == 7
    state = await world.hub.watermarks.get(CUSTOMERS)
    assert state.reached == T0 + timedelta(seconds=600)
    assert state.first_load_done_at is not None
    assert (state.ran_records, state.behind, world.notes.put_keys) == (7, False, [])
    world.crm.calls.clear()
    changed = customer(world.crm, 2, second=605, name="New name")
    await world.pull(CUSTOMERS)
    assert world.crm.calls == ["changes customer"]
    assert "New name" in await world.live(Kind.CUSTOMER)
    assert changed in world.notes.published
    world.notes.published.clear()
    await world.pull(CUSTOMERS)
    assert world.notes.published == []


async def test_a_page_that_proves_nothing_is_no_progress(world: World) -> None:
    """An empty list today does not hide what turns out to have been there, under an old stamp."""
    await world.pull(CUSTOMERS)
    assert (await world.hub.watermarks.get(CUSTOMERS)).reached is None
    customer(world.crm, 1, second=-5000)
    await world.pull(CUSTOMERS)
    assert await world.live(Kind.CUSTOMER) == {"Customer 1"}
    await world.hub.watermarks.advance(CUSTOMERS, None, behind=False)
    assert (await world.hub.watermarks.get(CUSTOMERS)).reached == T0 - timedelta(seconds=5000)


async def test_a_late_row_inside_the_overlap_is_not_lost(world: World) -> None:
    """A row that becomes visible with a stamp a little before the watermark."""
    customer(world.crm, 1, second=100)
    await world.pull(CUSTOMERS)
    customer(world.crm, 2, second=95)
    await world.pull(CUSTOMERS)
    assert await world.live(Kind.CUSTOMER) == {"Customer 1", "Customer 2"}


async def test_a_record_stamped_in_the_future_does_not_hide_later_changes(world: World) -> None:
    """The watermark never passes the present."""
    customer(world.crm, 1, second=10**9)
    await world.pull(CUSTOMERS)
    state = await world.hub.watermarks.get(CUSTOMERS)
    assert state.reached is not None
    assert state.reached <= datetime.now(UTC) + timedelta(minutes=1)


async def test_a_tombstone_in_the_feed_deletes(world: World) -> None:
    """Systems that tell of deletions are believed at once."""
    key = customer(world.crm, 1)
    await world.pull(CUSTOMERS)
    world.crm.remove(key, tombstone_second=5)
    await world.pull(CUSTOMERS)
    assert await world.live(Kind.CUSTOMER) == set()


async def test_calls_carry_the_feed_as_their_cause(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """`feed:` and a correlation id, so that nobody takes them for a query's."""
    causes = []

    async def changes(source: FakeSource, kind: Kind, since: datetime | None) -> AsyncIterator[ChangePage]:
        causes.append(CAUSE.get())
        yield ChangePage([], None)

    monkeypatch.setattr(FakeSource, "changes", changes)
    await world.pull(CUSTOMERS)
    assert causes[0].startswith("feed:")
    assert len(causes[0]) > 20


async def test_a_failing_system_keeps_its_watermark_and_its_exception_counts_up_and_heals(world: World) -> None:
    """One open row for the system, attempts counted, resolved by the first good run."""
    customer(world.crm, 1, second=50)
    await world.pull(CUSTOMERS)
    before = await world.hub.watermarks.get(CUSTOMERS)
    world.crm.error = SourceUnavailable("crm", "is down")
    await world.pull(CUSTOMERS)
    await world.pull(CUSTOMERS)
    failed = await world.hub.watermarks.get(CUSTOMERS)
    assert (failed.reached, failed.failure, failed.failures) == (before.reached, "SOURCE_UNAVAILABLE", 2)
    assert await world.exceptions() == {("SOURCE_UNAVAILABLE", "crm"): 2}
    world.crm.error = None
    await world.pull(CUSTOMERS)
    assert (await world.hub.watermarks.get(CUSTOMERS)).failure is None
    assert await world.exceptions() == {}
    assert await world.exceptions("RESOLVED") == {("SOURCE_UNAVAILABLE", "crm"): 2}


async def test_a_page_of_broken_shape_is_one_kinds_data_quality(world: World) -> None:
    """Other kinds go on, and the system is degraded, not down."""
    world.crm.broken[Kind.CUSTOMER] = SourceShapeBroken("crm", "a field is gone")
    await world.pull(CUSTOMERS)
    await world.pull(Feed("crm", Kind.OPPORTUNITY))
    assert await world.exceptions() == {("SCHEMA_DRIFT", "crm/customer"): 1}
    (row,) = await world.rows("SELECT class FROM sync_exception")
    assert row[0] == "DATA_QUALITY"
    (health, _) = await FeedMonitor(world.engine, world.adapters, {}).sources()
    assert (health.status, health.open_exceptions, health.lag_seconds) == (SourceStatus.DEGRADED, 1, 0)


async def test_refused_credentials_hold_back_all_feeds_of_the_system(world: World) -> None:
    """Nothing else of that system is asked for a while; the others are not concerned."""
    await world.hub.watermarks.register(world.hub.feeds)
    jobs = {f"feed:{f.system}:{f.kind}": 0.0 for f in world.hub.feeds}
    await world.hub.timetable.register(jobs)
    world.crm.error = SourceMisconfigured("crm", "the credentials are refused")
    await world.pull(CUSTOMERS)
    assert set(await world.hub.timetable.claim(jobs)) == {"feed:psa:expense", "feed:psa:customer"}
    assert await world.exceptions() == {("AUTH_FAILED", "crm"): 1}
    world.crm.error = None
    await world.pull(CUSTOMERS)
    assert set(await world.hub.timetable.claim(jobs)) >= {"feed:crm:opportunity"}


async def test_a_process_that_dies_before_it_has_queued_a_job_costs_a_moment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the job's whole interval: a first load that was about to begin would wait for minutes."""
    monkeypatch.setattr("hub.store.due.HELD_S", 0.2)
    timetable, job = world.hub.timetable, "feed:psa:expense"
    await timetable.register({job: 0.0})
    (held,) = (await timetable.claim([job])).values()
    assert await timetable.claim([job]) == {}
    await asyncio.sleep(0.25)
    (again,) = (await timetable.claim([job])).values()
    await timetable.settle(job, held, 0.0)
    assert await timetable.claim([job]) == {}
    await timetable.settle(job, again, 300.0)
    await asyncio.sleep(0.25)
    assert await timetable.claim([job]) == {}


async def test_a_time_that_a_run_has_set_stays(world: World) -> None:
    """A job may fail, and back off, before whoever queued it has entered its interval."""
    timetable, job = world.hub.timetable, "feed:psa:expense"
    await timetable.register({job: 0.0})
    (held,) = (await timetable.claim([job])).values()
    await timetable.set(job, 300.0)
    await timetable.settle(job, held, 0.0)
    assert await timetable.claim([job]) == {}


async def test_what_a_pass_does_not_see_is_deleted_only_after_two_answers_a_minute_apart(world: World) -> None:
    """Absence in the list alone is nothing; a failing system deletes nothing."""
    kept, gone = expense(world.psa, 1), expense(world.psa, 2)
    await world.pull(EXPENSES)
    world.psa.remove(gone)
    await world.sweeper.full_pass(EXPENSES, forced=False)
    await world.sweeper.probe()
    assert await world.live(Kind.EXPENSE) == {"x1", "x2"}
    await world.rows("UPDATE record SET missing_since = missing_since - interval '61 seconds'")
    world.psa.error = SourceUnavailable("psa", "is down")
    await world.sweeper.probe()
    assert await world.live(Kind.EXPENSE) == {"x1", "x2"}
    world.psa.error = None
    await world.sweeper.probe()
    assert await world.live(Kind.EXPENSE) == {kept.external_id}
    assert gone in world.notes.published


async def test_a_record_that_is_there_after_all_is_no_longer_suspected(world: World) -> None:
    """A reader's single "not there" was a hiccup."""
    key = expense(world.psa, 1)
    await world.pull(EXPENSES)
    await note_missing(world.engine, [key])
    await world.rows("UPDATE record SET missing_since = missing_since - interval '61 seconds'")
    await world.sweeper.probe()
    assert await world.live(Kind.EXPENSE) == {"x1"}
    assert (await world.rows("SELECT missing_since FROM record"))[0][0] is None


async def test_a_full_pass_finds_what_the_feed_missed(world: World) -> None:
    """A change whose stamp did not move."""
    customer(world.crm, 1, second=100)
    await world.pull(CUSTOMERS)
    customer(world.crm, 2, second=-5000)
    await world.pull(CUSTOMERS)
    assert await world.live(Kind.CUSTOMER) == {"Customer 1"}
    await world.sweeper.full_pass(CUSTOMERS, forced=False)
    assert await world.live(Kind.CUSTOMER) == {"Customer 1", "Customer 2"}
    assert (await world.hub.watermarks.get(CUSTOMERS)).full_pass_at is not None


async def test_a_worker_loads_in_order_then_picks_up_changes(world: World) -> None:
    """First loads of one system one after the other, systems side by side; then each feed at its interval."""
    for number in range(5):
        customer(world.crm, number)
    expense(world.psa, 1)
    async with world.working(feed_seconds=0.2):
        await until(lambda: _all_loaded(world))
        assert world.crm.calls.index("changes opportunity") > world.crm.calls.index("changes customer")
        customer(world.crm, 9, second=9)
        await until(lambda: _has(world, "Customer 9"))


async def _all_loaded(world: World) -> bool:
    return set((await first_load_state(world.engine, world.adapters)).values()) == {LoadState.DONE}


async def _has(world: World, name: str) -> bool:
    return name in await world.live(Kind.CUSTOMER)


async def test_two_workers_do_no_double_work(world: World) -> None:
    """The timetable lets exactly one replica start each run."""
    async with world.working(feed_seconds=1.0), world.working(feed_seconds=1.0):
        await until(lambda: _all_loaded(world))
        world.crm.calls.clear()
        await asyncio.sleep(3.0)
        runs = [call for call in world.crm.calls if call == "changes customer"]
    assert 2 <= len(runs) <= 4


async def test_a_system_that_is_down_at_the_start_is_listed_and_loads_when_it_returns(world: World) -> None:
    """The rest gets ready without it; its return needs no restart and is seen within seconds."""
    customer(world.crm, 1)
    world.crm.error = SourceUnavailable("crm", "is down")
    async with world.working():
        await until(lambda: _loads(world, crm=LoadState.DOWN, psa=LoadState.DONE))
        (crm, _) = await FeedMonitor(world.engine, world.adapters, {}).sources()
        assert crm.status in {SourceStatus.DEGRADED, SourceStatus.DOWN}
        world.crm.error = None
        await until(lambda: _all_loaded(world), seconds=10)


async def _loads(world: World, **wanted: LoadState) -> bool:
    return await first_load_state(world.engine, world.adapters) == wanted


async def test_paused_feeds_call_nobody_and_a_forced_run_calls_everybody(world: World) -> None:
    """Pausing stops a feed in the middle at its page; `run` runs all once and reports; resuming goes on."""
    for number in range(60):
        customer(world.crm, number)
    world.crm.page_delay_s = 0.1
    async with world.working(feed_seconds=0.2):
        await until(lambda: "changes customer" in world.crm.calls)
        await pause_feeds(world.engine)
        await asyncio.sleep(1.0)
        calls = len(world.crm.calls) + len(world.psa.calls)
        await asyncio.sleep(1.0)
        assert len(world.crm.calls) + len(world.psa.calls) == calls
        assert (await first_load_state(world.engine, ["crm"]))["crm"] is LoadState.LOADING
        world.crm.page_delay_s = 0
        report = {r.feed: (r.records > 0, r.failure) for r in await run_feeds_now(world.engine, full=True, wait_s=30)}
        assert report[CUSTOMERS] == (True, None)
        assert {failure for _, failure in report.values()} == {None}
        assert len(await world.live(Kind.CUSTOMER)) == 60
        calls = len(world.crm.calls)
        await asyncio.sleep(0.7)
        assert len(world.crm.calls) == calls
        await resume_feeds(world.engine)
        await until(lambda: len(world.crm.calls) > calls)


async def test_a_forced_run_reports_failures_and_what_nobody_ran(world: World) -> None:
    """Without a worker nothing runs; with one, a failing feed is named."""
    await world.hub.watermarks.register(world.hub.feeds)
    assert {r.failure for r in await run_feeds_now(world.engine, wait_s=0.3)} == {"UNFINISHED"}
    world.psa.error = SourceUnavailable("psa", "is down")
    async with world.working():
        report = {r.feed: r.failure for r in await run_feeds_now(world.engine, wait_s=20)}
    assert report[EXPENSES] == "SOURCE_UNAVAILABLE"
    assert report[CUSTOMERS] is None


async def test_equal_names_and_old_dangling_links_become_exceptions_until_they_heal(world: World) -> None:
    """MATCH_CANDIDATE names the entity; XREF_MISSING after a day, once per missing target."""
    world.psa.kinds = {**world.psa.kinds, Kind.PROJECT: spec()}
    customer(world.crm, 1, name="Ärger & Söhne")
    world.psa.put(Kind.CUSTOMER, "77", {}, Key("tax_registration", "x"), label="ärger söhne")
    expense(world.psa, 1)
    for feed in world.hub.feeds:
        await world.pull(feed)
    await check_directory(world.engine, world.adapters)
    assert list(await world.exceptions()) == [("MATCH_CANDIDATE", "psa/customer/77")]
    await world.rows("UPDATE pending_link SET since = since - interval '25 hours'")
    expense(world.psa, 1, second=5, status="APPROVED")
    await world.pull(EXPENSES)
    await check_directory(world.engine, world.adapters)
    found = await world.exceptions()
    assert found == {("MATCH_CANDIDATE", "psa/customer/77"): 2, ("XREF_MISSING", "psa/project/41"): 1}
    customer(world.crm, 1, name="Another", second=9)
    await world.pull(CUSTOMERS)
    await check_directory(world.engine, world.adapters)
    assert {code for code, _ in await world.exceptions()} == {"XREF_MISSING"}
    world.psa.put(Kind.PROJECT, "41", {"name": "Late", "code": "P-41"}, second=10)
    await world.pull(Feed("psa", Kind.PROJECT))
    await check_directory(world.engine, world.adapters)
    assert await world.exceptions() == {}


async def test_a_link_to_what_no_system_of_the_estate_shows_is_no_exception(world: World) -> None:
    """This firm's PSA feed has no projects, so that none of its expenses can ever find theirs."""
    expense(world.psa, 1)
    await world.pull(EXPENSES)
    await world.rows("UPDATE pending_link SET since = since - interval '25 hours'")
    await check_directory(world.engine, world.adapters)
    assert await world.exceptions() == {}


async def test_reference_data_follows_the_file(world: World) -> None:
    """Practices come, change and go with it."""
    data, cloud = PracticeConfig(code="DATA", name="Data"), PracticeConfig(code="CLOUD", name="Cloud")
    await load_reference(world.engine, world.writer, Reference(practices=(data, cloud)))
    await load_reference(
        world.engine, world.writer, Reference(practices=(PracticeConfig(code="DATA", name="Data and AI"),))
    )
    assert await world.live(Kind.PRACTICE) == {"Data and AI"}
    await load_reference(world.engine, world.writer, Reference(practices=(data, cloud)))
    assert await world.live(Kind.PRACTICE) == {"Data", "Cloud"}


class ForgetfulNotebook:
    """A cache that only remembers what it was told to forget."""

    shared = False

    def __init__(self) -> None:
        self.forgotten: list[RecordKey] = []
        self.voided: list[RecordKey] = []
        self.cleared = 0

    def forget(self, keys: Iterable[RecordKey]) -> None:
        """Remember the keys."""
        self.forgotten += keys

    async def void(self, keys: Sequence[RecordKey]) -> None:
        """Remember the keys."""
        self.voided += keys

    def forget_all(self) -> None:
        """Forget what was forgotten."""
        self.forgotten.clear()

    async def clear(self) -> None:
        """Count the calls."""
        self.cleared += 1


async def test_replicas_forget_what_another_has_read_anew(world: World) -> None:
    """The one that read keeps its own; clearing reaches everybody."""
    caches = ForgetfulNotebook(), ForgetfulNotebook()
    replicas = Replicas(world.engine), Replicas(world.engine)
    announcements = [Announcements(world.engine, *pair) for pair in zip(caches, replicas, strict=True)]
    for replica in replicas:
        replica.start()
        await replica.listening.wait()
    keys = [RecordKey("psa", Kind.TIME_ENTRY, f'odd "id" ü {n}') for n in range(1000)]
    await announcements[0].publish(keys)
    await until(lambda: len(caches[1].forgotten) == 1000)
    assert caches[1].forgotten == keys
    assert await announcements[0].written(keys)
    assert caches[1].voided == keys
    assert caches[0].forgotten == caches[0].voided == []
    await clear_everywhere(world.engine)
    await until(lambda: caches[0].cleared == caches[1].cleared == 1)
    for replica in replicas:
        await replica.aclose()

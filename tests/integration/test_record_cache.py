"""The record cache over memory and a real Redis: freshness, single flight, sick sources, sick Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from cache.codec import dump, load
from cache.keys import entry_key
from cache.memory import EXISTENCE, Entry
from cache.policy import FAILURE_S, NEGATIVE_S, POLICY
from cache.record_cache import RecordCache
from cache.redis_tier import RedisTier
from hub.domain.kinds import Domain, Kind
from hub.domain.money import Money
from hub.domain.records import (
    DatedRate,
    DayOff,
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
from hub.errors import SourceUnavailable
from tests.support.records import MemoryAdapter
from tests.support.redis import RedisServer

NAME = frozenset({"name"})
NAME_AND_DATE = frozenset({"name", "start_date"})
KEY = RecordKey("psa", Kind.PROJECT, "1")
FRESHNESS = POLICY[Kind.PROJECT]


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        """The current instant."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock of the test's own."""
    return Clock()


@pytest.fixture
def source() -> MemoryAdapter:
    """A system with one project."""
    adapter = MemoryAdapter("psa", Domain.PSA)
    adapter.objects[Kind.PROJECT, "1"] = {"name": "One", "start_date": date(2026, 1, 1)}
    return adapter


@pytest.fixture
async def cache(source: MemoryAdapter, clock: Clock) -> AsyncIterator[RecordCache]:
    """A cache without Redis."""
    opened = RecordCache({"psa": source}, clock=clock)
    yield opened
    await opened.aclose()


async def name_of(cache: RecordCache, key: RecordKey = KEY, max_age_s: float | None = None) -> Value:
    """The project's name as the cache gives it."""
    (found,) = await cache.load([key], NAME, max_age_s=max_age_s)
    return found.record.attributes["name"] if found.record else found.unavailable


async def test_a_fresh_record_is_served_from_memory(cache: RecordCache, source: MemoryAdapter, clock: Clock) -> None:
    """One fetch serves until the kind's maximum age; peek agrees."""
    assert cache.peek(KEY, NAME) is None
    assert await name_of(cache) == "One"
    clock.now += FRESHNESS.fresh_s
    assert await name_of(cache) == "One"
    assert len(source.fetches) == 1
    assert cache.peek(KEY, NAME) is not None
    clock.now += 1
    assert cache.peek(KEY, NAME) is None


async def test_a_little_old_record_is_served_at_once_and_renewed_once(
    cache: RecordCache, source: MemoryAdapter, clock: Clock
) -> None:
    """Stale while revalidate: the old value now, the new one for the next reader."""
    await name_of(cache)
    source.objects[Kind.PROJECT, "1"]["name"] = "Two"
    clock.now += FRESHNESS.fresh_s + 1
    assert await name_of(cache) == "One"
    await asyncio.sleep(0.01)
    assert await name_of(cache) == "Two"
    assert len(source.fetches) == 2


async def test_beyond_the_window_a_reader_waits_for_the_new_value(
    cache: RecordCache, source: MemoryAdapter, clock: Clock
) -> None:
    """Nothing older than fresh + stale is served while the source answers."""
    await name_of(cache)
    source.objects[Kind.PROJECT, "1"]["name"] = "Two"
    clock.now += FRESHNESS.fresh_s + FRESHNESS.stale_s + 1
    assert await name_of(cache) == "Two"


async def test_max_age_zero_reads_through(cache: RecordCache, source: MemoryAdapter) -> None:
    """A caller may ask for fresher than the policy."""
    await name_of(cache)
    source.objects[Kind.PROJECT, "1"]["name"] = "Two"
    assert await name_of(cache, max_age_s=0) == "Two"


async def test_only_missing_attributes_are_fetched_and_add_up(cache: RecordCache, source: MemoryAdapter) -> None:
    """A projection widens; a subset is a hit."""
    await cache.load([KEY], NAME_AND_DATE)
    await cache.load([KEY], NAME)
    assert len(source.fetches) == 1


async def test_a_changed_object_does_not_mix_versions(cache: RecordCache, source: MemoryAdapter) -> None:
    """Attributes read at different versions are never shown together."""
    await cache.load([KEY], NAME)
    source.objects[Kind.PROJECT, "1"] = {"name": "Two", "start_date": date(2026, 2, 2), "stamp": "2"}
    await cache.load([KEY], frozenset({"start_date"}))
    assert cache.peek(KEY, NAME) is None
    assert await name_of(cache) == "Two"


async def test_identical_loads_at_the_same_time_share_one_fetch(cache: RecordCache, source: MemoryAdapter) -> None:
    """Single flight, also when the second asks for less."""
    source.gate = asyncio.Event()
    loads = [asyncio.create_task(cache.load([KEY], a)) for a in (NAME_AND_DATE, NAME_AND_DATE, NAME)]
    await asyncio.sleep(0.01)
    source.gate.set()
    await asyncio.gather(*loads)
    assert len(source.fetches) == 1


async def test_an_answer_that_is_older_than_a_write_does_not_replace_it(clock: Clock) -> None:
    """A reader's fetch began before a command's write and ends after it: what was put stays, the rest adds up."""

    class LateAnswer(MemoryAdapter):
        late = asyncio.Event()

        async def fetch(self, kind: Kind, ids: Sequence[str], attributes: frozenset[str]) -> list[Record | None]:
            """Read now, answer later."""
            found = await super().fetch(kind, ids, attributes)
            await self.late.wait()
            return found

    source = LateAnswer("psa", Domain.PSA)
    source.objects[Kind.PROJECT, "1"] = {"name": "old", "start_date": date(2026, 1, 1)}
    cache = RecordCache({"psa": source}, clock=clock)
    reading = asyncio.create_task(cache.load([KEY], NAME_AND_DATE))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    now = datetime.now(UTC)
    await cache.put([Record(KEY, {"name": "new"}, "2", now, now)])
    source.late.set()
    (found,) = await reading
    assert found.record is not None
    assert found.record.attributes == {"name": "new", "start_date": date(2026, 1, 1)}
    await cache.aclose()


async def test_a_reader_that_leaves_does_not_take_the_fetch_with_it(cache: RecordCache, source: MemoryAdapter) -> None:
    """The one who asked first is cancelled; the one who joined still gets the answer."""
    source.gate = asyncio.Event()
    first = asyncio.create_task(name_of(cache))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(name_of(cache))
    await asyncio.sleep(0.01)
    first.cancel()
    source.gate.set()
    assert await second == "One"
    assert len(source.fetches) == 1


async def test_a_fetch_that_nobody_waits_for_any_more_is_called_off(cache: RecordCache, source: MemoryAdapter) -> None:
    """The system is not kept busy for nobody, and whoever asks later is not given the broken fetch's nothing."""
    source.gate = asyncio.Event()
    leaving = [asyncio.create_task(name_of(cache)) for _ in range(2)]
    await asyncio.sleep(0.01)
    for one in leaving:
        one.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)
    staying = asyncio.create_task(name_of(cache))
    await asyncio.sleep(0.01)
    assert len(cache._tasks) == 1
    source.gate.set()
    assert await staying == "One"
    assert len(source.fetches) == 2
    assert not cache._flights


async def test_a_missing_object_is_remembered_briefly(cache: RecordCache, source: MemoryAdapter, clock: Clock) -> None:
    """Negative entries spare the source, and end."""
    gone = RecordKey("psa", Kind.PROJECT, "404")
    assert await name_of(cache, gone) == "MISSING"
    assert await name_of(cache, gone) == "MISSING"
    assert len(source.fetches) == 1
    source.objects[Kind.PROJECT, "404"] = {"name": "Came"}
    clock.now += NEGATIVE_S + 1
    assert await name_of(cache, gone) == "Came"


async def test_a_missing_object_is_told_of_beside_the_answer(source: MemoryAdapter) -> None:
    """The store probes such objects: an explicit "not there", twice, is how some vendors delete."""
    told: list[RecordKey] = []

    async def hear(keys: Sequence[RecordKey]) -> None:
        told.extend(keys)
        raise RuntimeError("the database is away")

    opened = RecordCache({"psa": source}, on_missing=hear)
    gone = RecordKey("psa", Kind.PROJECT, "404")
    found = await opened.load([KEY, gone], NAME)
    await asyncio.sleep(0)
    assert [f.unavailable for f in found] == [None, "MISSING"]
    assert told == [gone]
    await opened.aclose()


async def test_a_record_that_has_changed_is_told_of_once(source: MemoryAdapter) -> None:
    """The other replicas must forget theirs, also when it was a reader who found the change."""
    told: list[RecordKey] = []

    async def hear(keys: Sequence[RecordKey]) -> None:
        told.extend(keys)

    opened = RecordCache({"psa": source}, on_changed=hear)
    await name_of(opened, max_age_s=0)
    await name_of(opened, max_age_s=0)
    source.objects[Kind.PROJECT, "1"] |= {"name": "Two", "stamp": "2"}
    await name_of(opened, max_age_s=0)
    await name_of(opened, max_age_s=0)
    await asyncio.sleep(0)
    assert told == [KEY]
    await opened.aclose()


async def test_a_dead_source_yields_the_old_value_marked_stale_and_else_its_code(
    cache: RecordCache, source: MemoryAdapter, clock: Clock
) -> None:
    """Stale before nothing, and never an exception."""
    await name_of(cache)
    source.failure = SourceUnavailable("psa", "down")
    clock.now += FRESHNESS.fresh_s + FRESHNESS.stale_s + 1
    (old,) = await cache.load([KEY], NAME)
    assert (old.stale, old.unavailable) == (True, "SOURCE_UNAVAILABLE")
    assert old.record is not None
    assert old.record.attributes["name"] == "One"
    (nothing,) = await cache.load([RecordKey("psa", Kind.PROJECT, "2")], NAME)
    assert (nothing.record, nothing.unavailable) == (None, "SOURCE_UNAVAILABLE")


async def test_a_failure_answers_for_its_kind_for_a_moment_and_heals(
    cache: RecordCache, source: MemoryAdapter, clock: Clock
) -> None:
    """One page does not ask a dead source once per row; its return is noticed."""
    source.failure = SourceUnavailable("psa", "down")
    await name_of(cache)
    await name_of(cache)
    assert len(source.fetches) == 1
    source.failure = None
    clock.now += FAILURE_S + 0.1
    assert await name_of(cache) == "One"


async def test_a_record_without_attributes_is_remembered_too(cache: RecordCache, source: MemoryAdapter) -> None:
    """Some systems only say that they know the object; who asks for no more asks once."""
    source.objects[Kind.PROJECT, "1"] = {}
    for _ in range(2):
        (known,) = await cache.load([KEY], frozenset())
        assert known.record is not None
    assert len(source.fetches) == 1
    assert cache.peek(KEY, frozenset()) is not None


async def test_a_failure_is_not_prolonged_by_those_who_ask_meanwhile(
    cache: RecordCache, source: MemoryAdapter, clock: Clock
) -> None:
    """A kind that somebody asks for all the time heals as soon as one that nobody asks for."""
    source.failure = SourceUnavailable("psa", "down")
    await name_of(cache)
    source.failure = None
    for _ in range(3):
        clock.now += FAILURE_S * 0.3
        assert await name_of(cache) == "SOURCE_UNAVAILABLE"
    clock.now += FAILURE_S * 0.3
    assert await name_of(cache) == "One"


async def test_memory_is_bounded(source: MemoryAdapter, clock: Clock) -> None:
    """The oldest entries go first."""
    small = RecordCache({"psa": source}, memory_entries=3, clock=clock)
    await small.load([RecordKey("psa", Kind.PROJECT, str(n)) for n in range(10)], NAME)
    assert len(small) == 3
    await small.aclose()


# -- with Redis ---------------------------------------------------------------------------------------


async def replica(url: str, source: MemoryAdapter) -> RecordCache:
    """Another process's cache on the same Redis."""
    return RecordCache({"psa": source}, shared=RedisTier(url))


async def test_replicas_share_what_one_has_fetched(fresh_redis: str, source: MemoryAdapter) -> None:
    """The second replica asks Redis, not the source."""
    one, two = await replica(fresh_redis, source), await replica(fresh_redis, source)
    assert await name_of(one) == await name_of(two) == "One"
    assert len(source.fetches) == 1
    await one.aclose()
    await two.aclose()


async def test_replicas_that_miss_at_the_same_time_cause_one_fetch(fresh_redis: str, source: MemoryAdapter) -> None:
    """Single flight across processes."""
    one, two = await replica(fresh_redis, source), await replica(fresh_redis, source)
    source.gate = asyncio.Event()
    loads = [asyncio.create_task(name_of(c)) for c in (one, two)]
    await asyncio.sleep(0.1)
    source.gate.set()
    assert await asyncio.gather(*loads) == ["One", "One"]
    assert len(source.fetches) == 1
    await one.aclose()
    await two.aclose()


async def test_every_key_has_a_time_to_live_and_clear_removes_them(fresh_redis: str, source: MemoryAdapter) -> None:
    """Nothing stays in Redis for ever."""
    tier = RedisTier(fresh_redis)
    opened = RecordCache({"psa": source}, shared=tier)
    await opened.load([KEY, RecordKey("psa", Kind.PROJECT, "404")], NAME)
    names = [name async for name in tier._redis.scan_iter()]
    assert len(names) == 2
    assert all([await tier._redis.pttl(name) > 0 for name in names])
    await opened.clear()
    assert [name async for name in tier._redis.scan_iter()] == []
    await opened.aclose()


async def test_a_lost_redis_means_slower_not_broken(private_redis: RedisServer, source: MemoryAdapter) -> None:
    """Redis goes and comes back under a running hub."""
    opened = RecordCache({"psa": source}, shared=RedisTier(private_redis.url))
    assert await name_of(opened) == "One"
    private_redis.stop()
    opened.forget_all()
    assert await name_of(opened) == "One"
    private_redis.start()
    assert await name_of(opened) == "One"
    await opened.aclose()


async def test_cost_rates_and_time_off_never_reach_the_shared_tier(fresh_redis: str) -> None:
    """The most sensitive attributes stay in the process's own memory."""
    hcm = MemoryAdapter("hcm", Domain.HCM)
    away = (DayOff(date(2031, 5, 6), Decimal(8)),)
    hcm.objects[Kind.RESOURCE, "w"] = {
        "name": "Ann",
        "cost_rate": DatedRate(Money(9_876_543, "USD"), None),
        "time_off": away,
    }
    tier = RedisTier(fresh_redis)
    opened = RecordCache({"hcm": hcm}, shared=tier)
    key = RecordKey("hcm", Kind.RESOURCE, "w")
    await opened.load([key], frozenset({"name", "cost_rate", "time_off"}))
    raw = await tier._redis.get(entry_key(key))
    assert raw is not None
    assert b"Ann" in (raw if isinstance(raw, bytes) else raw.encode())
    assert b"9876543" not in (raw if isinstance(raw, bytes) else raw.encode())
    assert b"2031-05-06" not in (raw if isinstance(raw, bytes) else raw.encode())
    await opened.aclose()


async def test_nonsense_in_redis_is_ignored(fresh_redis: str, source: MemoryAdapter) -> None:
    """An entry that cannot be read is a miss."""
    tier = RedisTier(fresh_redis)
    await tier._redis.set(entry_key(KEY), b"\x80\x04nonsense", px=60_000)
    opened = RecordCache({"psa": source}, shared=tier)
    assert await name_of(opened) == "One"
    await opened.aclose()


def test_every_value_survives_the_shared_form() -> None:
    """What goes in comes out, exact and with its type."""
    usd, day = Money(123450, "USD"), date(2026, 3, 1)
    attributes: dict[str, Value] = {
        "none": None,
        "flag": True,
        "number": 3,
        "text": "x",
        "decimal": Decimal("1.10"),
        "date": day,
        "instant": datetime(2026, 3, 1, 1, 2, 3, tzinfo=UTC),
        "money": usd,
        "ref": Ref(Kind.PROJECT, "41", "code"),
        "texts": ("a", "b"),
        "roles": (SoldRole("R", Decimal("1.5"), usd, day, None),),
        "packages": (SoldPackage("P", None, usd),),
        "items": (OpenItem(day, usd, disputed=True),),
        "revenue": (RevenueRow("2026-03", None, usd, usd),),
        "lines": (InvoiceLineValue(None, usd, "2026-03", Ref(Kind.MILESTONE, "m", "canonical")),),
        "rate": DatedRate(usd, day),
        "hours": (Decimal(8), Decimal("7.5")),
        "days": (day, date(2026, 12, 25)),
        "away": (DayOff(day, Decimal("3.75")),),
    }
    at = {EXISTENCE: 6.0, **dict.fromkeys(attributes, 5.0)}
    instant = datetime(2026, 3, 1, tzinfo=UTC)
    entry = Entry(Record(KEY, attributes, "s", instant, instant), at)
    again = load(dump(entry))
    assert again.record == entry.record
    assert again.at == at


async def test_a_reader_gets_what_it_waited_for_even_if_that_is_forgotten_meanwhile(
    cache: RecordCache, source: MemoryAdapter
) -> None:
    """Another replica's announcement must not look like a source that does not answer."""
    source.objects[Kind.PROJECT, "2"] = {"name": "Two"}
    other = RecordKey("psa", Kind.PROJECT, "2")
    assert await name_of(cache) == "One"
    source.gate = asyncio.Event()
    reading = asyncio.create_task(cache.load([KEY, other], NAME))
    await asyncio.sleep(0.01)
    cache.forget([KEY, other])
    source.gate.set()
    found = await reading
    assert [f.record.attributes["name"] for f in found if f.record is not None] == ["One", "Two"]


async def test_what_another_replica_has_written_is_fetched_once_more(cache: RecordCache, source: MemoryAdapter) -> None:
    """The answer on its way may be older than the write; the reader gets the newer one."""
    source.gate = asyncio.Event()
    reading = asyncio.create_task(name_of(cache))
    await asyncio.sleep(0.01)
    await cache.void([KEY])
    source.objects[Kind.PROJECT, "1"] = {"name": "Written"}
    source.gate.set()
    assert await reading == "Written"
    assert len(source.fetches) == 2


async def test_what_could_not_be_dropped_is_not_read_when_redis_is_back(
    private_redis: RedisServer, source: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write while Redis hangs: what it still has is old, and goes before anything is read."""
    monkeypatch.setattr("cache.redis_tier.PAUSE_S", 0.0)
    opened = RecordCache({"psa": source}, shared=RedisTier(private_redis.url))
    assert await name_of(opened) == "One"
    private_redis.pause()
    await opened.void([KEY])
    source.objects[Kind.PROJECT, "1"] = {"name": "Written"}
    private_redis.resume()
    assert await name_of(opened) == "Written"
    await opened.aclose()


async def test_what_a_feed_read_before_a_write_is_not_put_after_it(source: MemoryAdapter) -> None:
    """A page of changes may be on its way for long."""
    opened = RecordCache({"psa": source})
    read = datetime.now(UTC)
    page = [Record(KEY, {"name": "Before"}, "1", read, read)]
    (written,) = await source.fetch(Kind.PROJECT, ["1"], NAME)
    assert written is not None
    await opened.write([written])
    await opened.put(page)
    assert await name_of(opened) == "One"
    await opened.aclose()

"""Several processes of the hub on one database: a write is known in all of them before its answer leaves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cache.record_cache import RecordCache
from cache.redis_tier import RedisTier
from hub.domain.kinds import Domain, Kind
from hub.domain.records import Record, RecordKey
from hub.store.announcements import Announcements
from hub.store.database import open_engine
from hub.store.replicas import LEASE_S, Replicas
from tests.support.commands import PMO, Firm
from tests.support.records import MemoryAdapter

KEY = RecordKey("psa", Kind.PROJECT, "1")
NAME = frozenset({"name"})
CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE query LIKE '%INTO replica%' AND datname = current_database() AND pid <> pg_backend_pid()"""


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """The current moment."""
        return self.now


@pytest.fixture
async def engine(migrated_database: str) -> AsyncIterator[AsyncEngine]:
    """The database that the processes share."""
    opened = open_engine(migrated_database)
    yield opened
    await opened.dispose()


@pytest.fixture
async def stack(engine: AsyncEngine) -> AsyncIterator[AsyncExitStack]:
    """What ends with the test, before the database does."""
    assert engine is not None
    async with AsyncExitStack() as opened:
        yield opened


async def join(stack: AsyncExitStack, engine: AsyncEngine, replicas: Replicas | None = None) -> Replicas:
    """A process that listens."""
    joined = replicas or Replicas(engine)
    joined.start()
    stack.push_async_callback(joined.aclose)
    await joined.listening.wait()
    return joined


async def test_one_alone_waits_for_nobody(stack: AsyncExitStack, engine: AsyncEngine) -> None:
    """A process that has signed off is not waited for either."""
    one = await join(stack, engine)
    async with AsyncExitStack() as short:
        await join(short, engine)
    assert await asyncio.wait_for(one.all_have_heard(), LEASE_S / 5)


async def test_a_receipt_comes_after_everything_announced_before(stack: AsyncExitStack, engine: AsyncEngine) -> None:
    """Also after what takes its time, in every other process."""
    heard: list[str] = []

    async def slow(payload: str) -> None:
        await asyncio.sleep(0.05)
        heard.append(payload)

    one = await join(stack, engine)
    for _ in range(2):
        other = Replicas(engine)
        other.hear_in_turn("news", slow)
        await join(stack, engine, other)
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_notify('news', n) FROM unnest(ARRAY['a', 'b', 'c']) AS n"))
    assert await one.all_have_heard()
    assert sorted(heard) == ["a", "a", "b", "b", "c", "c"]


async def test_one_that_is_gone_is_waited_for_as_long_as_it_may_believe_its_memory(
    stack: AsyncExitStack, engine: AsyncEngine
) -> None:
    """A killed process cannot sign off; its row runs out."""
    one = await join(stack, engine)
    async with engine.begin() as connection:
        await connection.execute(
            text("INSERT INTO replica VALUES ('killed', clock_timestamp() + make_interval(secs => 1))")
        )
    began = asyncio.get_running_loop().time()
    assert await one.all_have_heard()
    assert 0.5 < asyncio.get_running_loop().time() - began < LEASE_S


async def test_one_that_lives_and_does_not_answer_is_told_of(stack: AsyncExitStack, engine: AsyncEngine) -> None:
    """Then nobody may say that everybody knows."""
    one = await join(stack, engine, Replicas(engine, lease_s=1.0))
    stuck = Replicas(engine)
    never = asyncio.Event()

    async def wait(_: str) -> None:
        await never.wait()

    stuck.hear_in_turn("news", wait)
    await join(stack, engine, stuck)
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_notify('news', '')"))
    assert not await one.all_have_heard()
    never.set()
    assert await one.all_have_heard()


async def test_a_process_that_cannot_renew_its_row_forgets_before_each_request(
    stack: AsyncExitStack, engine: AsyncEngine
) -> None:
    """The others stop waiting for it later than it stops trusting its memory."""
    forgotten: list[str] = []
    clock = Clock()
    replicas = Replicas(engine, clock=clock)
    replicas.on_doubt(lambda: forgotten.append("all"))
    await join(stack, engine, replicas)
    forgotten.clear()
    replicas.catch_up()
    assert (replicas.vouches, forgotten) == (True, [])
    async with engine.connect() as connection:
        left = (
            await connection.execute(text("SELECT extract(epoch FROM until - clock_timestamp()) FROM replica"))
        ).one()
    clock.now += float(left[0])
    replicas.catch_up()
    replicas.catch_up()
    assert (replicas.vouches, forgotten) == (False, ["all", "all"])


async def test_a_lost_connection_makes_everything_doubtful_and_is_taken_up_again(
    stack: AsyncExitStack, engine: AsyncEngine
) -> None:
    """What was announced meanwhile is unknown."""
    doubted = asyncio.Event()
    one = await join(stack, engine)
    other = Replicas(engine)
    other.on_doubt(doubted.set)
    await join(stack, engine, other)
    doubted.clear()
    async with engine.begin() as connection:
        await connection.execute(text(CUT_OFF))
    await asyncio.wait_for(doubted.wait(), 3)
    vouched = [other.vouches]
    await one.listening.wait()
    await other.listening.wait()
    assert [*vouched, other.vouches] == [False, True]
    assert await one.all_have_heard()


# -- the caches of several processes ------------------------------------------------------------------


class Vendor(MemoryAdapter):
    """A system that takes a moment for every answer, and says what was true when it was asked."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__("psa", Domain.PSA)
        self._chance = chance

    async def fetch(self, kind: Kind, ids: Sequence[str], attributes: frozenset[str]) -> list[Record | None]:
        """Look now, answer later."""
        found = await super().fetch(kind, ids, attributes)
        await asyncio.sleep(self._chance.random() * 0.02)
        return found


class Process:
    """The cache of one process, and what it tells the others."""

    def __init__(self, engine: AsyncEngine, vendor: Vendor, redis: str | None) -> None:
        self.vendor = vendor
        self.replicas = Replicas(engine)
        self.cache = RecordCache({"psa": vendor}, shared=None if redis is None else RedisTier(redis))
        self.announcements = Announcements(engine, self.cache, self.replicas)

    async def number(self, max_age_s: float | None = None) -> int:
        """The number that the project is named with."""
        (found,) = await self.cache.load([KEY], NAME, max_age_s=max_age_s)
        assert found.record is not None
        return int(str(found.record.attributes["name"]))

    async def write(self, number: int) -> None:
        """Change the name as a command does; returns when the command would answer."""
        self.vendor.objects[Kind.PROJECT, "1"] = {"name": str(number)}
        (record,) = await self.vendor.fetch(Kind.PROJECT, ["1"], NAME)
        assert record is not None
        await self.cache.write([record])
        assert await self.announcements.written([KEY])
        await self.cache.share([record])


@pytest.mark.parametrize("tier", ["redis", "none"])
@pytest.mark.parametrize("seed", range(3))
async def test_no_reader_in_any_process_sees_less_than_what_was_answered_before_it_asked(
    stack: AsyncExitStack, engine: AsyncEngine, fresh_redis: str, seed: int, tier: str
) -> None:
    """Whatever was being fetched, taken from Redis or put there while the writes happened."""
    chance = random.Random(seed)
    vendor = Vendor(chance)
    vendor.objects[Kind.PROJECT, "1"] = {"name": "0"}
    processes = [Process(engine, vendor, fresh_redis if tier == "redis" else None) for _ in range(3)]
    for process in processes:
        await join(stack, engine, process.replicas)
        stack.push_async_callback(process.cache.aclose)
    answered, reads, done = 0, 0, asyncio.Event()

    async def reader(process: Process) -> None:
        nonlocal reads
        while not done.is_set():
            known = answered
            assert await process.number(chance.choice([None, None, 0.0])) >= known
            reads += 1
            if chance.random() < 0.3:
                process.cache.forget([KEY])
            await asyncio.sleep(chance.random() * 0.005)

    async with asyncio.TaskGroup() as readers:
        for process in processes * 3:
            readers.create_task(reader(process))
        for number in range(1, 31):
            await chance.choice(processes).write(number)
            answered = number
            assert [await process.number() for process in processes] == [number] * 3
            await asyncio.sleep(chance.random() * 0.01)
        done.set()
    assert reads > 100


async def test_what_a_command_has_changed_is_read_in_another_process_at_once(migrated_database: str) -> None:
    """The directory's answer too, forty times in a row."""
    firm = Firm(migrated_database)
    await firm.start()
    await firm.open()
    other = firm.another()
    await other.start()
    project, key = firm.ids["project"], RecordKey("psa", Kind.PROJECT, "1")
    try:
        for n in range(40):
            writer, reader = (firm, other) if n % 2 else (other, firm)
            await reader.directory.entities([project])
            await reader.cache.load([key], NAME)
            outcome = await writer.run("updateProject", PMO, f"k{n}", id=project, name=f"Name {n}")
            assert outcome.status == "APPLIED"
            (entity,) = await reader.directory.entities([project])
            (record,) = await reader.cache.load([key], NAME)
            assert entity is not None
            assert record.record is not None
            assert (entity.kept["name"], record.record.attributes["name"]) == (f"Name {n}", f"Name {n}")
    finally:
        await other.close()
        await firm.close()


async def test_a_command_is_accepted_while_a_process_does_not_say_that_it_knows(migrated_database: str) -> None:
    """And applied as soon as that one is gone."""
    firm = Firm(migrated_database)
    await firm.start()
    await firm.open()
    firm.replicas._lease_s = 0.2
    silent = "INSERT INTO replica VALUES ('silent', clock_timestamp() + make_interval(secs => 30))"
    async with firm.engine.begin() as connection:
        await connection.execute(text(silent))
    given = {"id": firm.ids["project"], "name": "Gemini"}
    try:
        assert (await firm.run("updateProject", PMO, **given)).status == "ACCEPTED"
        await firm.verify()
        assert (await firm.run("updateProject", PMO, **given)).status == "ACCEPTED"
        async with firm.engine.begin() as connection:
            await connection.execute(text("DELETE FROM replica WHERE name = 'silent'"))
        await firm.verify()
        outcome = await firm.run("updateProject", PMO, **given)
        assert (outcome.status, outcome.replayed) == ("APPLIED", True)
        assert len(firm.psa.written) == 1
    finally:
        await firm.close()

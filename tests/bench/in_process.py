"""What an answer costs in the process: both paths and the floor on the same data, everything in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import orjson
from graphql import parse

from cache.record_cache import RecordCache
from hub.app.execution import OperationRequest, ReferencePath
from hub.domain.callers import Caller
from hub.domain.kinds import Kind
from hub.domain.ownership import Role
from hub.domain.records import Record, RecordKey
from resolvers.engine.engine import Engine, Operation
from resolvers.reads import Reads
from resolvers.request import Request
from schema.build import graphql_schema
from tests.bench.floor import Floor
from tests.bench.portfolio import SIZES, portfolio_query
from tests.support.graph_world import TODAY, World, make_world

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Source:
    """An adapter on records in memory; the real record cache is in front of it."""

    system: str
    records: dict[RecordKey, Record]

    async def fetch(self, kind: Kind, ids: Sequence[str], attributes: frozenset[str]) -> list[Record | None]:
        """See hub.ports.SourceAdapter."""
        return [self.records.get(RecordKey(self.system, kind, i)) for i in ids]


@dataclass(slots=True)
class Bench:
    """A firm of as many projects as the largest page has, and the ways to answer."""

    world: World
    reads: Reads

    @classmethod
    def make(cls) -> Bench:
        """Generate the firm."""
        world = make_world(1, max(SIZES), awkward=False)
        sources: Any = {system: Source(system, world.records.records) for system in world.reads.systems}
        return cls(world, replace(world.reads, records=RecordCache(sources)))

    def request(self) -> Request:
        """A request of someone with rights."""
        return Request(self.reads, Caller("bench", frozenset({Role.PMO})), "bench", TODAY)

    async def table(self) -> list[tuple[str, list[float]]]:
        """Milliseconds of CPU per answer, by way of answering, for each size."""
        document = parse(portfolio_query())
        kept, assembling = (
            Engine(graphql_schema(), self.reads),
            Engine(graphql_schema(), self.reads, keep_answers=False),
        )
        whole = await kept.answer(Operation(document, None, {"first": max(SIZES)}), self.request())
        floor = Floor(orjson.loads(whole.data))
        reference = ReferencePath(graphql_schema())

        def now(engine: Engine) -> Callable[[int], object]:
            operations = {size: Operation(document, None, {"first": size}) for size in SIZES}
            return lambda size: engine.answer_now(operations[size], self.request())

        async def by_reference(size: int) -> None:
            orjson.dumps(await reference.execute(OperationRequest(document, None, {"first": size}, self.request())))

        for size in SIZES:
            await assembling.answer(Operation(document, None, {"first": size}), self.request())
            assert _data(now(assembling)(size)) == _data(now(kept)(size))
        return [
            ("floor: written by hand for this query", [cpu_of(floor.answer, size) for size in SIZES]),
            ("planned, answer kept", [cpu_of(now(kept), size) for size in SIZES]),
            ("planned, assembled anew", [cpu_of(now(assembling), size) for size in SIZES]),
            ("reference: graphql-core and loaders", [await cpu_of_waiting(by_reference, size) for size in SIZES]),
        ]


def _data(answer: Any) -> bytes:
    if answer is None:
        raise RuntimeError("the answer is not in memory")
    data: bytes = answer.data
    return data


def cpu_of(work: Callable[[int], object], size: int) -> float:
    """Milliseconds of CPU, the median of some rounds."""
    runs = max(10, 1_000 // size)
    work(size), work(size)
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(runs):
            work(size)
        times.append((time.process_time() - began) / runs * 1e3)
    return median(times)


async def cpu_of_waiting(work: Callable[[int], Awaitable[None]], size: int) -> float:
    """Milliseconds of CPU of work that waits, the median of some rounds."""
    await work(size)
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        await work(size)
        times.append((time.process_time() - began) * 1e3)
    return median(times)


def measure() -> list[tuple[str, list[float]]]:
    """The table's rows."""
    return asyncio.run(Bench.make().table())

"""Generated operations give the same answers on the planned path and on the reference path, errors included."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Collection, Coroutine
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

import orjson
import pytest
from graphql import DocumentNode, parse, validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.app.execution import OperationRequest, ReferencePath
from hub.app.planned import PlannedPath
from hub.domain.callers import LOCAL_ISSUER, Caller
from hub.domain.commands import Actor
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.ownership import Role
from hub.usecases.scoped_directory import Sights
from resolvers.engine.engine import Engine, Operation
from resolvers.engine.plan import Declined
from resolvers.faults import place
from resolvers.reads import Reads
from resolvers.request import Request
from schema.build import graphql_schema
from tests.support.graph_world import TODAY, World, make_world
from tests.support.operations import Drawn, Operations

T = TypeVar("T")

CASES = int(os.environ.get("HUB_DIFFERENTIAL_CASES", "2500"))
WORLDS = 4


@cache
def world(number: int) -> World:
    """One of a few firms, generated once."""
    return make_world(number, 3, awkward=number > 0)


def ids_of(firm: World) -> list[str]:
    """Ids that exist, and ids that have been merged away."""
    found = [canonical for kind in Kind for canonical in firm.ids(kind)]
    return [*found, *firm.directory.merged]


class Weather:
    """What is wrong in one case: systems that are down or stale, memory that is cold, a caller without rights."""

    def __init__(self, seed: int) -> None:
        drawn = random.Random(seed)
        self.role = drawn.choice([Role.PMO, Role.FINANCE_OPS, *Role])
        self.practices = frozenset(["P0", "P1"]) if drawn.random() < 0.2 else frozenset[str]()
        self.legal_entities = frozenset(["LE0"]) if drawn.random() < 0.2 else frozenset[str]()
        self.down = {s: drawn.choice(["SOURCE_UNAVAILABLE", "SCHEMA_DRIFT"]) for s in _some(drawn, 0.15)}
        self.stale = set(_some(drawn, 0.1))
        self.warm = drawn.random() < 0.6
        self.max_age_s = 0.0 if drawn.random() < 0.1 else None

    def over(self, firm: World) -> None:
        """Let it come over the firm."""
        firm.records.down = self.down
        firm.records.stale = self.stale
        firm.directory.warm = self.warm

    async def reads(self, firm: World) -> Reads:
        """What the caller of this case reads from."""
        person = next((e.id for e in firm.directory.rows.values() if e.kind is Kind.RESOURCE), None)

        async def of_email(_: str) -> CanonicalId | None:
            return person

        return replace(firm.reads, directory=await Sights(firm.directory, of_email).directory_for(Actor(self.caller())))

    def caller(self) -> Caller:
        """Who asks in this case."""
        return Caller(
            "x",
            frozenset({self.role}),
            self.practices,
            self.legal_entities,
            "x@example.com",
            frozenset({"submitTimeEntry", "read:names"}),
            LOCAL_ISSUER,
        )

    def request(self, reads: Reads) -> Request:
        """A request of this case."""
        return Request(reads, self.caller(), "corr", TODAY, self.max_age_s)


def _some(drawn: random.Random, chance: float) -> list[str]:
    return [system for system in ("crm", "psa", "erp", "hcm") if drawn.random() < chance]


async def answers(firm: World, weather: Weather, document: DocumentNode, drawn: Drawn) -> tuple[Any, list[Any]]:
    """The reference path's body, and the planned path's: as memory is, and once more when all is in memory."""
    schema = graphql_schema()
    weather.over(firm)
    planned = PlannedPath(schema, firm.reads)
    reads = await weather.reads(firm)

    def asked() -> OperationRequest:
        return OperationRequest(document, None, drawn.variables, weather.request(reads))

    bodies = [await planned.execute(asked()) for _ in range(2)]
    expected = await ReferencePath(schema).execute(asked())
    # In memory now, though the first run may have found it cold: the same code on another sight.
    firm.directory.warm = True
    bodies.append(await planned.execute(asked()))
    assert planned.engine.counts.needless == 0
    return plain(expected), [plain(body) for body in bodies]


def plain(body: Any) -> Any:
    """The body as a client reads it, with the errors in a comparable form."""
    read = json.loads(orjson.dumps(body))
    return {**read, "errors": sorted(comparable(read.get("data"), e) for e in read.get("errors", ()))}


def comparable(data: Any, error: dict[str, Any]) -> str:
    """An error; where it nulled something above its field, only the place of that null.

    Which of several such errors is told is up to an executor, and depends on timing in the reference.
    """
    path = error.get("path")
    if path is None:
        return json.dumps(error, sort_keys=True)
    shown = len(place(data, path)) == len(path)
    if shown:
        return json.dumps(error, sort_keys=True)
    return "null at " + json.dumps(path[: len(place(data, path))])


def distinct(body: Any) -> Any:
    """The body with each null that was passed up told once, and nothing told of what is below it."""
    passed = sorted({e for e in body["errors"] if e.startswith("null at")})
    return {**body, "errors": sorted([e for e in body["errors"] if not e.startswith("null at")] + passed)}


def run(work: Coroutine[Any, Any, T]) -> T:
    """The work's result, on a loop of its own that leaves pytest's alone.

    What a failed field has left behind ends before the loop does, as it would in a server whose loop goes on.
    """
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(end(asyncio.all_tasks(loop)))
        loop.close()


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Call tasks off, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def check(seed: int, counted: Counter[str]) -> None:
    """One case; the seed alone decides about it."""
    firm = world(seed % WORLDS)
    weather = Weather(seed)
    schema = graphql_schema()
    drawn = Operations(schema, ids_of(firm), seed).draw()
    document = parse(drawn.text)
    assert validate(schema, document) == [], drawn.text
    expected, planned = run(answers(firm, weather, document, drawn))
    for body in planned:
        assert distinct(body) == distinct(expected), f"seed {seed}: {drawn.text} {json.dumps(drawn.variables)}"
        assert list(_keys(body.get("data"))) == list(_keys(expected.get("data"))), drawn.text
    counted["errors" if expected["errors"] else "clean"] += 1
    counted["data"] += expected.get("data") is not None


def _keys(data: Any) -> Any:
    """All keys of the response in order."""
    for name, value in data.items() if isinstance(data, dict) else enumerate(data if isinstance(data, list) else ()):
        yield name
        yield from _keys(value)


@pytest.mark.timeout(900)
def test_both_paths_give_the_same_answers() -> None:
    """Thousands of operations, good and bad weather: identical data, identical errors."""
    counted: Counter[str] = Counter()

    @settings(max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**32))
    def case(seed: int) -> None:
        check(seed, counted)

    case()
    # A generator that only draws refused operations would prove nothing.
    assert counted["clean"] > CASES / 20
    assert counted["errors"] > CASES / 20


@pytest.mark.parametrize("seed", range(200))
def test_nothing_of_the_read_side_is_declined(seed: int) -> None:
    """The planner takes every operation whose variables are good."""
    firm = world(0)
    Weather(0).over(firm)
    drawn = Operations(graphql_schema(), ids_of(firm), seed).draw()
    engine = Engine(graphql_schema(), firm.reads)
    request = Request(firm.reads, Caller("x", frozenset()), "corr", TODAY)
    try:
        run(engine.answer(Operation(parse(drawn.text), None, drawn.variables), request))
    except Declined:
        pytest.fail(drawn.text)

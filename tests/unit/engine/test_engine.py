"""The engine on a firm in memory: batches, kept answers and what ends them, nulls and their paths."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import orjson
import pytest
from graphql import DocumentNode, parse

from hub.domain.callers import Caller
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import Role
from resolvers.engine.engine import Answer, Engine, Operation
from resolvers.engine.explain import Steps
from resolvers.engine.plan import Declined
from resolvers.engine.running import Room
from resolvers.request import Request
from schema.build import graphql_schema
from tests.support.graph_world import TODAY, World, make_world

PROJECTS = """query ($first: Int = 3, $lean: Boolean = false) {
  projects(first: $first, orderBy: {by: CODE}) {
    nodes { id code name manager @skip(if: $lean) { name title } ...More customer { region } }
  }
}
fragment More on Project { title: name customer { name } milestones { name amount { amount } } }"""


@pytest.fixture
def firm() -> World:
    """A firm of four projects in which everything is there."""
    return make_world(1, 4, awkward=False)


class Asking:
    """An engine and the documents that it has been asked."""

    def __init__(self, firm: World) -> None:
        self.firm = firm
        self.engine = Engine(graphql_schema(), firm.reads)
        self._documents: dict[str, DocumentNode] = {}

    def operation(self, text: str, **variables: Any) -> Operation:
        """The same document object for the same text, as the endpoint keeps it."""
        return Operation(self._documents.setdefault(text, parse(text)), None, variables)

    def request(self, max_age_s: float | None = None) -> Request:
        """A request of a finance person, who sees everything."""
        return Request(self.firm.reads, Caller("x", frozenset({Role.FINANCE_OPS})), "corr", TODAY, max_age_s)

    async def now(self, text: str, **variables: Any) -> Any:
        """The data without waiting; None when it is not in memory."""
        answer = self.engine.answer_now(self.operation(text, **variables), self.request())
        return None if answer is None else orjson.loads(answer.data)

    async def load(self, text: str, **variables: Any) -> Any:
        """The data by way of loading."""
        return orjson.loads((await self.answer(text, **variables)).data)

    async def answer(self, text: str, **variables: Any) -> Answer:
        """The answer by way of loading."""
        return await self.engine.answer(self.operation(text, **variables), self.request())


async def test_fragments_and_repeated_fields_are_merged_in_the_order_of_the_specification(firm: World) -> None:
    """A field that is asked for twice has the members of both selections, where it came first."""
    node = (await Asking(firm).load(PROJECTS))["projects"]["nodes"][0]
    assert list(node) == ["id", "code", "name", "manager", "title", "customer", "milestones"]
    assert set(node["customer"]) == {"name", "region"}
    assert node["title"] == node["name"]


async def test_switches_make_variants_of_a_plan(firm: World) -> None:
    """A variable of `@skip` decides about fields; each value has its plan, made once."""
    asking = Asking(firm)
    assert "manager" in (await asking.load(PROJECTS))["projects"]["nodes"][0]
    assert "manager" not in (await asking.load(PROJECTS, lean=True))["projects"]["nodes"][0]
    await asking.load(PROJECTS, lean=True, first=1)
    assert asking.engine.counts.planned == 2


async def test_each_system_is_asked_once_per_kind_with_what_is_needed(firm: World) -> None:
    """However many projects and relations: one read per system and kind, of the wanted attributes alone."""
    await Asking(firm).load(PROJECTS, first=4)
    reads = Counter((keys[0].system, keys[0].kind) for keys, _ in firm.records.loads)
    assert set(reads.values()) == {1}
    wanted = {(keys[0].system, keys[0].kind): attributes for keys, attributes in firm.records.loads}
    assert wanted["psa", Kind.PROJECT] == {"code", "name"}
    assert wanted["hcm", Kind.RESOURCE] == {"name", "title"}
    assert wanted["crm", Kind.CUSTOMER] == {"name", "region"}
    assert ("erp", Kind.PROJECT) not in wanted


async def test_what_is_in_memory_needs_no_waiting(firm: World) -> None:
    """The same answer at once, after a first one has warmed the pages."""
    asking = Asking(firm)
    loaded = await asking.load(PROJECTS)
    assert await asking.now(PROJECTS) == loaded
    assert asking.engine.counts.at_once == 1


async def test_a_kept_answer_ends_with_a_changed_record(firm: World) -> None:
    """Asked three times, the third comes from the kept answer; a new version of one record is seen at once."""
    asking = Asking(firm)
    await asking.load(PROJECTS)
    await asking.now(PROJECTS)
    await asking.now(PROJECTS)
    before = await asking.now(PROJECTS)
    assert asking.engine.counts.kept == 1
    project = firm.directory.rows[before["projects"]["nodes"][0]["id"]]
    firm.records.change(project.keys[Domain.PSA], name="Renamed")
    after = await asking.now(PROJECTS)
    assert after["projects"]["nodes"][0]["name"] == "Renamed"
    assert asking.engine.counts.kept == 1


async def test_a_kept_answer_ends_when_its_first_record_is_no_longer_fresh(
    firm: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the earliest freshness of its records an answer is made anew."""
    asking = Asking(firm)
    await asking.load(PROJECTS)
    monkeypatch.setattr(firm.records, "fresh_until", lambda *_: 5.0)
    for _ in range(3):
        await asking.now(PROJECTS)
    monkeypatch.setattr(firm.records, "now", lambda: 5.1)
    assert asking.engine.counts.kept == 1
    await asking.now(PROJECTS)
    assert asking.engine.counts.kept == 1


async def test_a_kept_answer_ends_with_a_change_of_the_directory(firm: World) -> None:
    """What links and lists say may have changed: the generation moves."""
    asking = Asking(firm)
    await asking.load(PROJECTS)
    for _ in range(3):
        await asking.now(PROJECTS)
    firm.directory.heard("")
    assert await asking.now(PROJECTS) is None


async def test_who_asks_for_fresh_values_is_not_given_what_is_in_memory(firm: World) -> None:
    """`max-age` goes past kept answers and memory."""
    asking = Asking(firm)
    await asking.load(PROJECTS)
    assert asking.engine.answer_now(asking.operation(PROJECTS), asking.request(0.0)) is None


async def test_answers_with_errors_are_not_kept(firm: World) -> None:
    """A refused argument is refused again, with its error."""
    asking = Asking(firm)
    for _ in range(4):
        answer = await asking.answer("{ projects(first: -1) { totalCount } }")
        assert answer.tree is None
        assert [error.path for error in answer.errors] == [["projects"]]
    assert asking.engine.counts.kept == 0


async def test_a_silent_system_leaves_nulls_with_faults_at_their_places(firm: World) -> None:
    """One system is down: its fields are null or as last known, all others are there."""
    firm.records.down = {"hcm": "SOURCE_UNAVAILABLE"}
    asking, request = Asking(firm), Asking(firm).request()
    answer = await asking.engine.answer(asking.operation("{ resources(first: 5) { nodes { name grade } } }"), request)
    people = answer.tree["resources"]["nodes"]
    assert all(person["name"] for person in people)
    silent = [n for n, person in enumerate(people) if person["grade"] is None]
    assert {fault.path for fault in request.faults} <= {("resources", "nodes", n, "grade") for n in silent}
    assert {fault.lack.system for fault in request.faults} == {"hcm"}


async def test_null_of_a_non_null_field_nulls_the_nearest_place_that_may_be_null(firm: World) -> None:
    """The error carries the path of the field, the null is where the schema allows it."""
    contract = firm.ids(Kind.CONTRACT)[0]
    entity = firm.directory.rows[contract]
    firm.records.change(entity.keys[Domain.CRM], status=None)
    kept = {name: value for name, value in entity.kept.items() if name != "status"}
    firm.directory.rows[contract] = replace(entity, kept=kept)
    text = 'query ($id: ID!) { contract(id: $id) { status lines { name } } project(code: "PRJ-0000") { code } }'
    answer = await Asking(firm).answer(text, id=contract)
    assert answer.tree == {"contract": None, "project": {"code": "PRJ-0000"}}
    assert [error.path for error in answer.errors] == [["contract", "status"]]


@pytest.mark.parametrize(
    "text", ["{ __schema { queryType { name } } }", '{ __type(name: "Project") { name } }', "subscription { x }"]
)
async def test_what_is_not_reading_is_declined(firm: World, text: str) -> None:
    """Introspection and subscriptions go the reference path."""
    with pytest.raises(Declined):
        await Asking(firm).answer(text)


async def test_plans_and_bindings_are_bounded(firm: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many documents come, a fixed number of plans is kept."""
    asking = Asking(firm)
    asking.engine._prepared._limit = 5
    for n in range(12):
        await asking.load(f"{{ p{n}: projects(first: 1) {{ totalCount }} }}")
    assert len(asking.engine) == 5


async def test_steps_tell_what_was_done(firm: World) -> None:
    """An explanation has a step per relation and per system and kind, with what was in memory."""
    asking, steps = Asking(firm), Steps(wanted=True)
    await asking.engine.answer(asking.operation(PROJECTS), asking.request(), steps)
    told = {step["step"]: step for step in steps.taken}
    assert told["psa project"]["count"] == 3
    assert told["psa project"]["inMemory"] == 3
    assert told["psa project"]["attributes"] == ["code", "name"]
    assert {"list project", "Project.milestones", "write"} <= set(told)


async def test_a_client_that_goes_away_ends_the_loading(firm: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelling the answer cancels every branch that still waits."""
    ended: list[str] = []

    async def never(*_: Any, **__: Any) -> Any:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("load")
            raise

    monkeypatch.setattr(firm.records, "load", never)
    work = asyncio.create_task(Asking(firm).answer(PROJECTS))
    await asyncio.sleep(0.05)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert len(ended) > 1


def test_encodings_have_a_bounded_room() -> None:
    """When there are too many, those of all plans go."""
    room = Room(limit=10)
    first, second = room.memo(), room.memo()
    for n in range(9):
        room.keep(first, CanonicalId(f"prj_{n}"), (n,))
    room.keep(second, CanonicalId("prj_a"), (1,))
    room.keep(second, CanonicalId("prj_b"), (2,))
    assert not first
    assert list(second) == ["prj_b"]

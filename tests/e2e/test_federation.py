"""The graph as a Federation v2 subgraph: what a gateway asks of it, on both paths, and its composition with another."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from graphql import parse

from hub.app.execution import OperationRequest, ReferencePath
from hub.app.planned import PlannedPath
from hub.domain.callers import Caller
from hub.domain.ids import kind_of
from hub.domain.kinds import Kind
from hub.domain.ownership import Role
from resolvers.arguments import MAX_REFERENCES
from resolvers.graph import KIND_OF_TYPE, TYPE_OF_KIND
from resolvers.request import Request
from schema.build import graphql_schema
from schema.printing import federation_sdl
from tests.support.graph import SmallFirm, small_firm
from tests.support.graph_world import TODAY, World, make_world
from tests.support.node import run_script

ENTITIES = "query ($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Node { id } %s } }"
OTHER_SUBGRAPH = """
extend schema @link(url: "https://specs.apollo.dev/federation/v2.7", import: ["@key", "@external"])
type Query { risks: [Risk!]! }
type Risk { id: ID! level: Int! project: Project! }
type Project @key(fields: "id") { id: ID! risks: [Risk!]! }
type Resource @key(fields: "id", resolvable: false) { id: ID! }
"""


@pytest.fixture
def firm() -> SmallFirm:
    """Give a small firm and its graph."""
    return small_firm()


def reference(canonical: str) -> dict[str, Any]:
    """Return an entity as a gateway refers to it."""
    return {"__typename": TYPE_OF_KIND[kind_of(canonical)], "id": canonical}  # type: ignore[arg-type]


async def both(world: World, query: str, variables: dict[str, Any]) -> tuple[Any, Any]:
    """Ask both paths, and return what each says."""

    def asked() -> OperationRequest:
        request = Request(world.reads, Caller("x", frozenset({Role.PMO})), "corr", TODAY)
        return OperationRequest(parse(query), None, variables, request)

    planned = PlannedPath(graphql_schema(), world.reads)
    answers = await planned.execute(asked()), await ReferencePath(graphql_schema()).execute(asked())
    assert planned.engine.counts.planned == 1, "the planner has declined"
    return tuple(orjson.loads(orjson.dumps(answer)) for answer in answers)


async def test_every_entity_is_found_by_its_id() -> None:
    """All types with a key, in the order asked for, the same on both paths."""
    world = make_world(3, 4, awkward=False)
    ids = [world.ids(kind)[0] for kind in Kind if world.ids(kind)]
    planned, by_reference = await both(world, ENTITIES % "", {"r": [reference(i) for i in ids]})
    assert planned == by_reference
    assert planned["data"]["_entities"] == [reference(i) for i in ids]
    assert {kind_of(i) for i in ids} == set(KIND_OF_TYPE.values())


async def test_bad_representations_spoil_only_their_slots() -> None:
    """Unknown is null; malformed, incomplete, or of another type is an error that names its place."""
    world = make_world(1, 2, awkward=False)
    good, customer = world.ids(Kind.PROJECT)[0], world.ids(Kind.CUSTOMER)[0]
    unknown = good[:-3] + "000"
    given = [
        reference(good),
        {"__typename": "Project", "id": unknown},
        {"__typename": "Project", "id": "nonsense"},
        {"__typename": "Project"},
        {"__typename": "Project", "id": 7},
        {"__typename": "Project", "id": customer},
        {"id": good},
        "nonsense",
    ]
    planned, by_reference = await both(world, ENTITIES % "", {"r": given})
    assert planned == by_reference
    assert planned["data"]["_entities"] == [reference(good), *[None] * 7]
    told = [(error["path"], error["extensions"]["argument"]) for error in planned["errors"]]
    places = [
        "representations[2].id",
        "representations[3]",
        "representations[4]",
        "representations[5].__typename",
        "representations[6].__typename",
        "representations[7]",
    ]
    assert told == [(["_entities", n], place) for n, place in enumerate(places, 2)]
    assert {error["extensions"]["code"] for error in planned["errors"]} == {"INVALID_INPUT"}


async def test_many_representations_are_one_batch(monkeypatch: pytest.MonkeyPatch, firm: SmallFirm) -> None:
    """However many a gateway sends: one read of the directory, and one per system and kind of record."""
    directory = firm.graph.firm.directory
    read: list[int] = []
    entities = directory.entities

    async def counted(ids: Any) -> Any:
        read.append(len(ids))
        return await entities(ids)

    monkeypatch.setattr(directory, "entities", counted)
    add = firm.graph.firm.add
    ids = [add(Kind.PROJECT, {"code": f"X-{n}"}, {"psa-1": {"name": f"Project {n}"}}) for n in range(300)]
    query = ENTITIES % "... on Project { name }"
    data = await firm.graph.data(query, {"r": [reference(i) for i in ids]})
    assert [one["name"] for one in data["_entities"]] == [f"Project {n}" for n in range(300)]
    assert read == [300]
    assert [(system, kind, count) for system, kind, count, *_ in firm.graph.firm.records.loads] == [
        ("psa-1", Kind.PROJECT, 300)
    ]


async def test_there_is_a_limit(firm: SmallFirm) -> None:
    """Refused with its argument's name."""
    body = await firm.graph.post(ENTITIES % "", {"r": [reference(firm.project)] * (MAX_REFERENCES + 1)})
    assert body["errors"][0]["extensions"]["argument"] == "representations"


async def test_the_subgraph_tells_its_schema(firm: SmallFirm) -> None:
    """With a key on every entity."""
    sdl = (await firm.graph.data("{ _service { sdl } }"))["_service"]["sdl"]
    assert sdl.count('@key(fields: "id")') == len(KIND_OF_TYPE)


@pytest.mark.xdist_group("node")
def test_it_composes_with_another_subgraph(tmp_path: Path) -> None:
    """A second subgraph adds fields to our entities and refers to them."""
    ours, theirs = tmp_path / "hub.graphql", tmp_path / "risks.graphql"
    ours.write_text(federation_sdl())
    theirs.write_text(OTHER_SUBGRAPH)
    result = run_script("compose.mjs", f"hub={ours}", f"risks={theirs}")
    assert result["errors"] == []
    assert "risks: [Risk!]! @join__field(graph: RISKS)" in result["supergraph"]

"""The cost limit: counted from the schema before anything is looked up."""

from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse

from hub.app.cost import Costs
from hub.app.services import Limits
from schema.build import graphql_schema
from tests.e2e.test_graph import PORTFOLIO
from tests.support.graph import small_firm

FRAGMENT = " fragment F on ProjectConnection { nodes { id } }"


def cost(query: str, variables: dict[str, Any] | None = None) -> int:
    """Return the cost of the first operation."""
    document = parse(query)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    return Costs(graphql_schema(), document).of(operation, variables or {})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ __typename }", 0),
        ("{ sources { system } }", 0),
        ('{ project(code: "A") { name } }', 1),
        ("{ projects { totalCount } }", 0),
        ("{ projects { nodes { name } } }", 20),
        ("{ projects(first: 7) { nodes { name } edges { node { name } } } }", 14),
        ("{ projects(last: 7) { nodes { name } } }", 7),
        ("{ projects(first: 900) { nodes { name } } }", 200),
        ("{ projects(first: -9) { nodes { name } } }", 0),
        ("{ projects(first: null) { nodes { name } } }", 20),
        (
            "{ projects(first: 3) { nodes { customer { id } assignments(first: 5) { nodes { resource { id } } } } } }",
            36,
        ),
        ('{ project(code: "A") { milestones { name } } }', 11),
        ('{ nodes(ids: ["a", "b"]) { id } }', 2),
        (
            "{ a: projects(first: 2) { ...F } b: projects(first: 3) { ...F } }" + FRAGMENT,
            5,
        ),
        ('{ node(id: "a") { ... on Project { customer { name } } ... { id } } }', 2),
    ],
)
def test_what_queries_cost(query: str, expected: int) -> None:
    """Entities that they may touch: sizes multiply down the lists."""
    assert cost(query) == expected


@pytest.mark.parametrize(
    ("variables", "expected"), [({"n": 5}, 5), ({}, 9), ({"n": None}, 20), ({"n": "x"}, 20), ({"n": 10**9}, 200)]
)
def test_variables_decide(variables: dict[str, Any], expected: int) -> None:
    """With their defaults, and before anybody has looked whether they are of their type."""
    assert cost("query ($n: Int = 9) { projects(first: $n) { nodes { id } } }", variables) == expected


def test_lists_of_ids_cost_their_length() -> None:
    """A gateway's representations too."""
    query = "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Project { customer { name } } } }"
    assert cost(query, {"r": [{}] * 30}) == 60


def test_fragments_upon_fragments_are_counted_once_each() -> None:
    """A count that followed every spread would never end."""
    chain = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    assert cost(f'{{ ...F0 }} {chain} fragment F60 on Query {{ project(code: "A") {{ id }} }}') == 2**60


def test_the_portfolio_passes_twice_over() -> None:
    """The default leaves room for two of the largest pages of it."""
    assert 2 * cost(PORTFOLIO, {"first": 200}) <= Limits().cost


async def test_too_much_is_refused_before_any_work() -> None:
    """And the refusal says what, how much, and how much is allowed."""
    firm = small_firm()
    people = "{ resources(first: 200) { nodes { assignments(first: 200) { nodes { resource { name } } } } } }"
    for query, variables in (
        (people, {}),
        (people.replace("{ resources(first: 200)", "query ($n: Int) { resources(first: $n)"), {"n": 200}),
    ):
        body = await firm.graph.post(query, variables)
        (error,) = body["errors"]
        told = {name: error["extensions"][name] for name in ("code", "limit", "allowed", "actual")}
        assert told == {"code": "LIMIT_EXCEEDED", "limit": "cost", "allowed": 25_000, "actual": 80_200}
        assert "data" not in body
    assert firm.graph.firm.directory.queries == []
    assert firm.graph.firm.records.loads == []
    assert "errors" not in await firm.graph.post(people.replace("200", "20"))

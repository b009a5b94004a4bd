"""`/graphql` and its neighbours as HTTP: sign-in, forms, statuses, limits, masking."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query

from hub.app import page
from tests.support.graph import Graph, SmallFirm, small_firm, token

QUERY = {"query": "{ projects { totalCount } }"}


@pytest.fixture
def firm() -> SmallFirm:
    """Give a small firm and its graph."""
    return small_firm()


@pytest.fixture
def graph(firm: SmallFirm) -> Graph:
    """Give the graph."""
    return firm.graph


@pytest.fixture
async def client(graph: Graph) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that is signed in."""
    async with graph.client() as client:
        client.headers["Authorization"] = f"Bearer {token()}"
        yield client


def _code(response: httpx.Response) -> str:
    code = response.json()["errors"][0]["extensions"]["code"]
    assert isinstance(code, str)
    return code


@pytest.mark.parametrize("header", [None, "Bearer x.y.z", "Basic abc", "Bearer "])
async def test_without_a_good_token_it_is_401(graph: Graph, header: str | None) -> None:
    """With a GraphQL error body and the way to sign in, for every query, introspection included."""
    async with graph.client() as client:
        headers = {} if header is None else {"Authorization": header}
        for query in ("{ projects { totalCount } }", "{ __typename }", "nonsense"):
            response = await client.post("/graphql", json={"query": query}, headers=headers)
            assert response.status_code == 401
            assert response.headers["www-authenticate"].startswith("Bearer")
            assert _code(response) == "UNAUTHENTICATED"
            assert response.json()["errors"][0]["extensions"]["class"] == "AUTHENTICATION"
            assert "data" not in response.json()


async def test_an_answer_is_the_callers_own(client: httpx.AsyncClient) -> None:
    """Plain JSON by default, not to be kept by anybody else."""
    response = await client.post("/graphql", json=QUERY)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["cache-control"] == "private, no-store"
    assert response.json() == {"data": {"projects": {"totalCount": 1}}}


async def test_get_answers_queries(client: httpx.AsyncClient) -> None:
    """Variables come as JSON text."""
    response = await client.get(
        "/graphql", params={"query": "query Q($n: Int) { projects(first: $n) { totalCount } }", "variables": '{"n": 1}'}
    )
    assert response.json()["data"] == {"projects": {"totalCount": 1}}
    assert (await client.get("/graphql", params={"query": "{ x }", "variables": "{"})).status_code == 400


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ a { } }"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query A { __typename } query B { __typename }"}, "OPERATION_UNKNOWN"),
        ({"query": "query A { __typename }", "operationName": "B"}, "OPERATION_UNKNOWN"),
        ({"query": "query ($n: Int!) { projects(first: $n) { totalCount } }"}, "INVALID_INPUT"),
        ({"query": "mutation { x }"}, "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_what_cannot_be_executed(client: httpx.AsyncClient, body: dict[str, Any], code: str) -> None:
    """400 without data in the new form; plain JSON keeps to 200 by tradition."""
    new = {"Accept": "application/graphql-response+json"}
    response = await client.post("/graphql", json=body, headers=new)
    assert (response.status_code, _code(response)) == (400, code)
    assert response.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert "data" not in response.json()
    assert (await client.post("/graphql", json=body)).status_code == 200


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"query": 1}', "application/json", 400),
        (b'{"query": ""}', "application/json", 400),
        (b'{"query": "{a}", "variables": []}', "application/json", 400),
        (b'{"query": "{a}", "operationName": 1}', "application/json", 400),
        (b'{"query": "{a}", "extensions": 1}', "application/json", 400),
        (b'{"query": "\xff"}', "application/json", 400),
        (b"query=1", "application/x-www-form-urlencoded", 415),
        (b"{a}", "text/plain", 415),
        (b'{"query": "' + b" " * 1_000_001 + b'"}', "application/json", 413),
    ],
)
async def test_requests_of_a_wrong_shape(
    client: httpx.AsyncClient, content: bytes, content_type: str, status: int
) -> None:
    """Each has its status and a GraphQL error body."""
    response = await client.post("/graphql", content=content, headers={"Content-Type": content_type})
    assert response.status_code == status
    assert response.json()["errors"][0]["message"]


async def test_other_methods_and_forms(client: httpx.AsyncClient) -> None:
    """Only GET and POST; only forms that we have."""
    assert (await client.put("/graphql", json=QUERY)).status_code == 405
    assert (await client.post("/graphql", json=QUERY, headers={"Accept": "text/csv"})).status_code == 406


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        ("{ projects { nodes { customer { " + "parent { " * 20 + "name" + " }" * 24, "depth"),
        ("{ " + "a { " * 2_000 + "b" + " }" * 2_001, "depth"),
        ("{ " + " ".join(f"a{n}: __typename" for n in range(101)) + " }", "aliases"),
        ("{ " + "__typename " * 5_001 + "}", "tokens"),
        (
            "{ ...A ...A ...A } fragment A on Query { ...B ...B ...B ...B } "
            "fragment B on Query { " + " ".join(f"a{n}: __typename" for n in range(10)) + " }",
            "aliases",
        ),
    ],
)
async def test_too_much_is_refused_before_any_work(
    client: httpx.AsyncClient, firm: SmallFirm, query: str, limit: str
) -> None:
    """And the refusal says what was too much."""
    response = await client.post("/graphql", json={"query": query})
    error = response.json()["errors"][0]
    assert (error["extensions"]["code"], error["extensions"]["limit"]) == ("LIMIT_EXCEEDED", limit)
    assert firm.graph.firm.directory.queries == []


async def test_a_fragment_in_itself_is_refused(client: httpx.AsyncClient) -> None:
    """Without an endless count."""
    query = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"
    assert _code(await client.post("/graphql", json={"query": query})) == "GRAPHQL_VALIDATION_FAILED"


async def test_introspection_works(client: httpx.AsyncClient) -> None:
    """The playground's own question is within the limits."""
    query = get_introspection_query(specified_by_url=True, input_value_deprecation=True)
    response = await client.post("/graphql", json={"query": query})
    assert "errors" not in response.json()


async def test_the_correlation_id_goes_through(client: httpx.AsyncClient) -> None:
    """A good one is kept, a bad one replaced; errors carry it."""
    response = await client.post("/graphql", json={"query": "{"}, headers={"X-Correlation-Id": "abc-1"})
    assert response.headers["x-correlation-id"] == "abc-1"
    assert response.json()["errors"][0]["extensions"]["correlationId"] == "abc-1"
    response = await client.post("/graphql", json=QUERY, headers={"X-Correlation-Id": "a b\t<script>"})
    assert len(response.headers["x-correlation-id"]) == 36


async def test_an_unforeseen_fault_is_masked(
    client: httpx.AsyncClient, graph: Graph, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller gets a correlation id, the log gets the rest."""

    async def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(graph.firm.directory, "page", broken)
    response = await client.post("/graphql", json=QUERY, headers={"X-Correlation-Id": "c-7"})
    assert response.status_code == 200
    assert _code(response) == "INTERNAL"
    assert "hunter2" not in response.text
    assert "c-7" in caplog.text
    assert "hunter2" in caplog.text


async def test_a_fault_outside_execution_is_masked_too(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With status 500."""

    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("hub.app.endpoint.get_operation_ast", broken)
    response = await client.post("/graphql", json=QUERY)
    assert (response.status_code, _code(response)) == (500, "INTERNAL")
    assert "secret" not in response.text


async def test_health(graph: Graph) -> None:
    """Alive is not ready; metrics are text for Prometheus. None needs a token."""
    async with graph.client() as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).json() == {"ready": True, "waiting": []}
        graph.ready = False
        response = await client.get("/readyz")
        assert (response.status_code, response.json()["waiting"]) == (503, ["psa-1"])
        await client.post("/graphql", json=QUERY)
        assert 'hub_graphql_requests_total{status="401"}' in (await client.get("/metrics")).text


async def test_the_playground_is_public_and_closed(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Browsers get the page with its configuration in it, under a strict policy; the configuration cannot break out."""
    (tmp_path / "index.html").write_text('<script type="application/json" id="hub-config">{}</script>')
    monkeypatch.setattr(page, "STATIC", tmp_path)
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    async with graph.client() as client:
        response = await client.get("/graphql", headers=browser)
        assert response.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert '"demoTokens":null' in response.text
        assert '"endpoint":"/graphql"' in response.text
        assert response.text.count("<") == 2
        (tmp_path / "index.html").unlink()
        assert (await client.get("/graphql", headers=browser)).status_code == 503


async def test_every_example_of_the_playground_works(graph: Graph) -> None:
    """On the first click."""
    from hub.app.examples import EXAMPLES

    for example in EXAMPLES:
        await graph.data(example.query, example.variables)

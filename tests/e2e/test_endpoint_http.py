"""The endpoint by the GraphQL over HTTP specification, and what browsers and caches make of it."""

import gzip
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from tests.support.graph import Graph, small_firm, token
from tests.support.node import run_script
from tests.support.serving import served

QUERY = {"query": "{ projects { totalCount } }"}
PAGE = "https://dashboards.example"
LONG = {"query": "{ __schema { types { name description } } }"}


@pytest.fixture
def graph() -> Graph:
    """Give a small firm's graph that one web page may ask."""
    return small_firm(cors_origins=frozenset({PAGE})).graph


@pytest.fixture
async def client(graph: Graph) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that is signed in."""
    async with graph.client() as client:
        client.headers["Authorization"] = f"Bearer {token()}"
        yield client


def _code(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["extensions"]["code"])


@pytest.mark.xdist_group("node")
def test_the_audit_of_graphql_http_passes(graph: Graph) -> None:
    """All of it: what a server must, should and may do."""
    with served(graph.app) as address:
        results = run_script("audit.mjs", f"{address}/graphql", token())
    assert len(results) >= 61
    assert [result for result in results if result["status"] != "ok"] == []


async def test_batches_are_refused_by_name(client: httpx.AsyncClient) -> None:
    """A client that batches learns that it cannot, instead of that its body is odd."""
    response = await client.post("/graphql", json=[QUERY, QUERY])
    assert (response.status_code, _code(response)) == (400, "BATCHING_NOT_SUPPORTED")


async def test_get_only_reads(client: httpx.AsyncClient) -> None:
    """A mutation by GET is refused whatever it is, with the way to send it."""
    mutation = "mutation { __typename }"
    response = await client.get("/graphql", params={"query": mutation})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert (await client.post("/graphql", json={"query": mutation})).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_say_what_is_allowed(client: httpx.AsyncClient, method: str) -> None:
    """With a GraphQL error body."""
    response = await client.request(method, "/graphql")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")
    assert _code(response) == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json; charset=utf-8", 200),
        ('application/json;charset="UTF-8"', 200),
        ("Application/JSON", 200),
        ("application/json; charset=utf-16", 415),
        ("application/jsonx", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
    ],
)
async def test_bodies_are_json_in_utf8(client: httpx.AsyncClient, content_type: str, status: int) -> None:
    """What else is sent is refused before it is read."""
    headers = {"Content-Type": content_type}
    response = await client.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert response.status_code == status


@pytest.mark.parametrize(
    ("accept", "status"),
    [("application/json; charset=utf-8", 200), ("application/json; charset=latin1", 406), ("text/event-stream", 406)],
)
async def test_answers_are_json_in_utf8(client: httpx.AsyncClient, accept: str, status: int) -> None:
    """A caller that takes nothing of ours is told so."""
    assert (await client.post("/graphql", json=QUERY, headers={"Accept": accept})).status_code == status


@pytest.mark.parametrize(
    "parameters",
    [{"query": "{ __typename }", "extensions": "{"}, {"query": "{ __typename }", "extensions": "[]"}, {"query": " "}],
)
async def test_bad_parameters_of_get(client: httpx.AsyncClient, parameters: Mapping[str, str]) -> None:
    """Are bad requests."""
    assert (await client.get("/graphql", params=parameters)).status_code == 400


async def test_a_query_string_that_is_no_text(client: httpx.AsyncClient) -> None:
    """Is a bad request too."""
    assert (await client.get("/graphql?query=%7B__typename%7D&operationName=%FF")).status_code == 400


# -- what a browser may do --------------------------------------------------------------------------


@pytest.mark.parametrize("credentials", [{"Cookie": "session=1"}, {"Authorization": "Basic YTpi"}])
async def test_a_page_cannot_use_its_visitors_credentials(graph: Graph, credentials: dict[str, str]) -> None:
    """A request that a browser sends without asking, with what it adds by itself, is refused at once."""
    async with graph.client() as client:
        response = await client.get("/graphql", params=QUERY, headers=credentials)
        assert (response.status_code, _code(response)) == (403, "CSRF_PREVENTED")
        plain = {**credentials, "Content-Type": "text/plain"}
        assert (await client.post("/graphql", content=b"{}", headers=plain)).status_code == 403
        asked_for = {**credentials, "Apollo-Require-Preflight": "true"}
        assert (await client.get("/graphql", params=QUERY, headers=asked_for)).status_code == 401


async def test_a_listed_page_may_ask(graph: Graph, client: httpx.AsyncClient) -> None:
    """Its preflight is answered, and its answer says so; a stranger gets neither."""
    asking = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    async with graph.client() as browser:
        allowed = await browser.options("/graphql", headers=asking)
        refused = await browser.options("/graphql", headers={**asking, "Origin": "https://evil.example"})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, PAGE)
    assert "Authorization" in allowed.headers["access-control-allow-headers"]
    assert refused.status_code == 405
    assert "access-control-allow-origin" not in refused.headers
    response = await client.post("/graphql", json=QUERY, headers={"Origin": PAGE})
    assert response.headers["access-control-allow-origin"] == PAGE
    assert "Origin" in response.headers["vary"]
    assert "access-control-allow-credentials" not in response.headers
    stranger = await client.post("/graphql", json=QUERY, headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in stranger.headers


async def test_no_page_may_ask_by_default() -> None:
    """Other origins are off until somebody lists them."""
    async with small_firm().graph.client() as client:
        asking = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
        assert (await client.options("/graphql", headers=asking)).status_code == 405


# -- how bodies travel ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepts", "packed"),
    [("gzip, deflate", True), ("*", True), ("identity", False), ("gzip;q=0", False), ("br", False), ("", False)],
)
async def test_long_answers_are_compressed_on_request(client: httpx.AsyncClient, accepts: str, *, packed: bool) -> None:
    """And never otherwise; short ones never."""
    headers = {"Accept-Encoding": accepts}
    async with client.stream("POST", "/graphql", json=LONG, headers=headers) as response:
        raw = b"".join([part async for part in response.aiter_raw()])
    assert (response.headers.get("content-encoding") == "gzip") is packed
    assert b"__schema" in (gzip.decompress(raw) if packed else raw)
    assert "Accept-Encoding" in response.headers["vary"]
    short = await client.post("/graphql", json=QUERY, headers=headers)
    assert "content-encoding" not in short.headers


async def test_an_unchanged_answer_is_not_sent_again(client: httpx.AsyncClient) -> None:
    """GET answers carry a strong validator; it differs by form and encoding."""
    first = await client.get("/graphql", params=QUERY)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    assert "Authorization" in first.headers["vary"]
    again = await client.get("/graphql", params=QUERY, headers={"If-None-Match": f'"x", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["cache-control"] == "private, no-cache"
    other = await client.get(
        "/graphql", params=QUERY, headers={"If-None-Match": tag, "Accept": "application/graphql-response+json"}
    )
    assert other.status_code == 200
    plain = await client.get("/graphql", params=LONG, headers={"Accept-Encoding": "identity"})
    packed = await client.get("/graphql", params=LONG, headers={"If-None-Match": plain.headers["etag"]})
    assert packed.status_code == 200
    assert packed.headers["etag"] != plain.headers["etag"]


async def test_only_good_answers_to_get_have_a_validator(client: httpx.AsyncClient, graph: Graph) -> None:
    """Neither a POST's nor one with errors; and whoever is not signed in learns nothing of either."""
    assert "etag" not in (await client.post("/graphql", json=QUERY)).headers
    bad: dict[str, Any] = {"query": "{ projects(first: 900) { totalCount } }"}
    assert "etag" not in (await client.get("/graphql", params=bad)).headers
    tag = (await client.get("/graphql", params=QUERY)).headers["etag"]
    async with graph.client() as nobody:
        assert (await nobody.get("/graphql", params=QUERY, headers={"If-None-Match": tag})).status_code == 401

"""Documents that are named instead of sent: automatic persisted queries and trusted documents."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.app import persisted
from hub.app.persisted import Persisted, digest_of, read_manifest
from hub.errors import ConfigError
from hub.settings import read_settings
from tests.support.graph import Graph, small_firm, token

TEXT = "{ projects { totalCount } }"
ANSWER = {"data": {"projects": {"totalCount": 1}}}


class Texts:
    """What replicas share."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    async def get(self, digest: str) -> str | None:
        """See SharedTexts."""
        return self.texts.get(digest)

    async def put(self, digest: str, text: str) -> None:
        """See SharedTexts."""
        self.texts[digest] = text


def by_digest(text: str, **more: Any) -> dict[str, Any]:
    """Return a request by Apollo's protocol."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest_of(text)}}, **more}


async def ask(graph: Graph, body: dict[str, Any]) -> httpx.Response:
    """Ask, signed in."""
    async with graph.client() as client:
        return await client.post("/graphql", json=body, headers={"Authorization": f"Bearer {token()}"})


def code(response: httpx.Response) -> str:
    """Return the code of the first error."""
    return str(response.json()["errors"][0]["extensions"]["code"])


async def test_a_client_sends_its_text_once() -> None:
    """Unknown at first, then known by its digest, by POST and by GET."""
    graph = small_firm().graph
    unknown = await ask(graph, by_digest(TEXT))
    assert (unknown.status_code, code(unknown)) == (200, "PERSISTED_QUERY_NOT_FOUND")
    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert (await ask(graph, by_digest(TEXT, query=TEXT))).json() == ANSWER
    assert (await ask(graph, by_digest(TEXT))).json() == ANSWER
    async with graph.client() as client:
        params = {"extensions": json.dumps(by_digest(TEXT)["extensions"])}
        response = await client.get("/graphql", params=params, headers={"Authorization": f"Bearer {token()}"})
    assert response.json() == ANSWER


async def test_a_text_that_another_replica_knows_is_known() -> None:
    """What one has been sent, all have; a shared text that is not its digest's is not believed."""
    shared = Texts()
    await ask(small_firm(shared_texts=shared).graph, by_digest(TEXT, query=TEXT))
    assert (await ask(small_firm(shared_texts=shared).graph, by_digest(TEXT))).json() == ANSWER
    shared.texts = {digest_of(TEXT): "{ sources { system } }"}
    forged = await ask(small_firm(shared_texts=shared).graph, by_digest(TEXT))
    assert code(forged) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (by_digest("{ other }", query=TEXT), 400, "PERSISTED_QUERY_HASH_MISMATCH"),
        (
            {"extensions": {"persistedQuery": {"version": 2}}},
            400,
            "PERSISTED_QUERY_NOT_SUPPORTED",
        ),
        ({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "no"}}}, 400, "BAD_REQUEST"),
        ({"extensions": {"persistedQuery": 1}}, 400, "PERSISTED_QUERY_NOT_SUPPORTED"),
        ({"documentId": 1}, 400, "BAD_REQUEST"),
        ({"documentId": "a", "query": TEXT}, 400, "BAD_REQUEST"),
        ({"documentId": "unknown"}, 404, "DOCUMENT_NOT_FOUND"),
    ],
)
async def test_names_that_are_none(body: dict[str, Any], status: int, error: str) -> None:
    """Each is refused for what it is."""
    response = await ask(small_firm().graph, body)
    assert (response.status_code, code(response)) == (status, error)


async def test_only_good_texts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Invalid ones are not, and of the good ones no more than there is room for."""
    graph = small_firm().graph
    bad = "{ nothing }"
    assert code(await ask(graph, by_digest(bad, query=bad))) == "GRAPHQL_VALIDATION_FAILED"
    assert code(await ask(graph, by_digest(bad))) == "PERSISTED_QUERY_NOT_FOUND"
    monkeypatch.setattr(persisted, "TEXTS_IN_MEMORY", 3)
    store = Persisted({})
    for n in range(10):
        await store.register(digest_of(str(n)), str(n))
    await store.register("long", "x" * 50_000)
    assert len(store) == 3


# -- trusted documents ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["count", f"sha256:{digest_of(TEXT)}"])
async def test_a_registered_document_is_asked_by_its_id(name: str) -> None:
    """Its own id, or that of its text; and by Apollo's protocol without having been sent."""
    graph = small_firm(trusted_documents={"count": TEXT}).graph
    assert (await ask(graph, {"documentId": name})).json() == ANSWER
    assert (await ask(graph, by_digest(TEXT))).json() == ANSWER


async def test_strict_mode_executes_nothing_else() -> None:
    """Neither a text of one's own, nor one sent before, nor introspection; nothing is looked up."""
    firm = small_firm(trusted_documents={"count": TEXT}, trusted_only=True)
    assert (await ask(firm.graph, {"documentId": "count"})).json() == ANSWER
    assert (await ask(firm.graph, {"query": TEXT})).json() == ANSWER
    before = len(firm.graph.firm.directory.queries)
    for text in ("{ projects { nodes { id } } }", "{ __schema { types { name } } }", "{"):
        response = await ask(firm.graph, by_digest(text, query=text))
        assert (response.status_code, code(response)) == (403, "DOCUMENT_NOT_TRUSTED")
        assert (await ask(firm.graph, by_digest(text))).status_code == 404
    assert len(firm.graph.firm.directory.queries) == before


async def test_the_demo_may_introspect_in_strict_mode() -> None:
    """So that its playground works; nothing else."""
    graph = small_firm(trusted_documents={"count": TEXT}, trusted_only=True, demo_tokens={}).graph
    assert "data" in (await ask(graph, {"query": "{ __schema { types { name } } }"})).json()
    mixed = await ask(graph, {"query": "{ __typename sources { system } }"})
    assert code(mixed) == "DOCUMENT_NOT_TRUSTED"


def test_a_document_that_cannot_be_executed_stops_the_start() -> None:
    """With every problem, by the document's id."""
    with pytest.raises(ConfigError) as refused:
        small_firm(trusted_documents={"a": "{ nothing }", "b": "{", "c": TEXT})
    assert [problem.split(":")[1].strip() for problem in refused.value.problems] == ["a", "b"]


def test_manifests_are_read(tmp_path: Path) -> None:
    """In the plain form and in Apollo's."""
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({"count": TEXT}))
    assert read_manifest(file) == {"count": TEXT}
    operations = [{"id": "1", "name": "Count", "type": "query", "body": TEXT}]
    file.write_text(json.dumps({"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}))
    assert read_manifest(file) == {"1": TEXT}


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"a": 1}', '{"format": "apollo-persisted-query-manifest", "operations": [{}]}', None]
)
def test_bad_manifests_stop_the_start(tmp_path: Path, content: str | None) -> None:
    """Naming the setting and the file."""
    file = tmp_path / "manifest.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=r"HUB_TRUSTED_DOCUMENTS: .*manifest.json"):
        read_manifest(file)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HUB_TRUSTED_ONLY", "true"),
        ("HUB_CORS_ORIGINS", "*"),
        ("HUB_CORS_ORIGINS", "https://a.example/path"),
        ("HUB_REQUEST_SECONDS", "0"),
        ("HUB_LIMIT_DEPTH", "0"),
    ],
)
def test_settings_that_cannot_work(variable: str, value: str) -> None:
    """Are told by the variable's name."""
    with pytest.raises(ConfigError, match=variable):
        read_settings({variable: value})
    assert read_settings({"HUB_CORS_ORIGINS": "https://a.example, http://b:81"}).origins == {
        "https://a.example",
        "http://b:81",
    }

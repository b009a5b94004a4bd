"""What the hub refuses, and what it never tells: tokens, secrets, traces, upstream answers."""

import base64
import hmac
import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from hub.app.auth import ALGORITHM
from hub.app.tokens import installation_key, local_token
from hub.domain.ownership import Role
from tests.support.stack import SYSTEMS, FirmSandboxes, RunningHub

pytestmark = pytest.mark.xdist_group("whole-hub")

NOWHERE = "prj_01J8ZQ4T7M3N5P6R8S9V0W1X2Y"


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [
        ("customer", "cus"),
        ("opportunity", "opp"),
        ("contract", "ctr"),
        ("project", "prj"),
        ("resource", "wrk"),
        ("invoice", "inv"),
    ],
)
def test_an_unknown_id_is_null(hub: RunningHub, kind: str, prefix: str) -> None:
    """Also one of another kind, and by `node`."""
    unknown = f"{prefix}_01J8ZQ4T7M3N5P6R8S9V0W1X2Y"
    asked = f"it: {kind}(id: $id) {{ id }} node(id: $id) {{ id }} other: {kind}(id: $other) {{ id }}"
    query = f"query Q($id: ID!, $other: ID!) {{ {asked} }}"
    other = NOWHERE if prefix != "prj" else "cus_01J8ZQ4T7M3N5P6R8S9V0W1X2Y"
    assert hub.ask(query, {"id": unknown, "other": other}).data == {"it": None, "node": None, "other": None}


@pytest.mark.parametrize(
    ("query", "argument"),
    [
        ('{ project(id: "nonsense") { id } }', "id"),
        ('{ node(id: "prj_short") { id } }', "id"),
        ('{ project(id: "prj_01J8ZQ4T7M3N5P6R8S9V0W1X2Y", code: "x") { id } }', "id"),
        ("{ project { id } }", "id"),
        ("{ projects(first: 201) { totalCount } }", "first"),
        ("{ projects(first: -1) { totalCount } }", "first"),
        ("{ projects(first: 1, last: 1) { totalCount } }", "last"),
        ("{ customers { nodes { projects(first: 500) { totalCount } } } }", "first"),
        ('{ projects(after: "nonsense") { totalCount } }', "after"),
        ('{ projects(filter: {practice: ["x"]}) { totalCount } }', "filter.practice"),
        ("{ projects(filter: {stage: [NOWHERE]}) { totalCount } }", "filter.stage"),
        ("{ projects(filter: {surprise: 1}) { totalCount } }", "filter"),
        ('{ projects(filter: {startsBefore: "31.12.2026"}) { totalCount } }', "filter.startsBefore"),
        ('{ projects(filter: {startsBefore: "2026-02-30"}) { totalCount } }', "filter.startsBefore"),
        ("{ opportunities(filter: {minProbability: 0.5}) { totalCount } }", "filter.minProbability"),
        ('{ customers { nodes { openReceivables(currency: "DOLLARS") { amount } } } }', "currency"),
        ('{ projects { nodes { revenue(from: "2026-13") { period } } } }', "from"),
        ('{ projects { nodes { timeEntries(from: "yesterday") { totalCount } } } }', "from"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it(hub: RunningHub, query: str, argument: str) -> None:
    """Also deep inside a query."""
    answer = hub.ask(query)
    assert answer.codes == ["INVALID_INPUT"] * len(answer.codes), answer.errors
    assert answer.codes
    named = {error["extensions"]["argument"] for error in answer.errors}
    assert all(name.startswith(argument) for name in named), named
    assert all(argument.partition(".")[0] in error["message"] for error in answer.errors)


def test_a_cursor_is_good_for_its_own_list_only(hub: RunningHub) -> None:
    """Another list, another order, another filter: each is a clear error."""
    cursor = hub.ask("{ projects(first: 2, orderBy: {by: CODE}) { pageInfo { endCursor } } }").data["projects"][
        "pageInfo"
    ]
    after = cursor["endCursor"]
    good = "query Q($after: String) { projects(first: 2, after: $after, orderBy: {by: CODE}) { nodes { code } } }"
    assert hub.ask(good, {"after": after}).data["projects"]["nodes"]
    for bad in (
        "query Q($after: String) { customers(after: $after) { nodes { id } } }",
        "query Q($after: String) { projects(after: $after, orderBy: {by: NAME}) { nodes { id } } }",
    ):
        answer = hub.ask(bad, {"after": after})
        assert answer.codes == ["INVALID_INPUT"]
        assert answer.errors[0]["extensions"]["argument"] == "after"


def _bad_tokens(hub: RunningHub) -> Mapping[str, str | None]:
    key, stranger = installation_key(hub.data_dir), ECKey.generate_key("P-256")
    stranger.ensure_kid()
    good = local_token(hub.data_dir, [Role.PMO])
    body = good.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))

    def signed(by: ECKey = key, **changes: Any) -> str:
        changed = {name: value for name, value in (claims | changes).items() if value is not None}
        return "Bearer " + jwt.encode({"alg": ALGORITHM, "kid": by.kid}, changed, by, algorithms=[ALGORITHM])

    assert hub.http.get(f"{hub.url}/graphql?query={{__typename}}", headers={"Authorization": signed()}).is_success
    none, confused = (_part(json.dumps({"alg": alg}).encode()) for alg in ("none", "HS256"))
    mac = hmac.digest(key.as_pem(private=False), f"{confused}.{body}".encode(), "sha256")
    return {
        "missing": None,
        "of another scheme": "Basic dXNlcjpwYXNz",
        "nonsense": "Bearer nonsense",
        "tampered with": f"Bearer {good[:-6]}AAAAAA",
        "expired": signed(exp=claims["iat"] - 3600),
        "without an end": signed(exp=None),
        "for another audience": signed(aud="somebody-else"),
        "by another issuer": signed(iss="somebody-else"),
        "of a stranger's key": signed(stranger),
        "unsigned": f"Bearer {none}.{body}.",
        "signed with the public key": f"Bearer {confused}.{body}.{_part(mac)}",
        "without a role": signed(roles=[]),
        "of a role unheard of": signed(roles=["root"]),
    }


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_no_bad_token_gets_in(hub: RunningHub) -> None:
    """401 with a GraphQL error body that repeats nothing of the token."""
    for what, header in _bad_tokens(hub).items():
        headers = {} if header is None else {"Authorization": header}
        response = hub.http.post(f"{hub.url}/graphql", json={"query": "{ projects { totalCount } }"}, headers=headers)
        assert response.status_code == 401, what
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] == "UNAUTHENTICATED", what
        assert "data" not in response.json()
        assert header is None or header.split()[1] not in response.text


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ projects { totalCount }", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { __typename } query B { __typename }", "OPERATION_UNKNOWN"),
        (
            "{ projects { nodes { " + "customer { projects { nodes { " * 6 + "id" + " } } }" * 6 + " } } }",
            "LIMIT_EXCEEDED",
        ),
        ("{ " + " ".join(f"a{n}: projects {{ totalCount }}" for n in range(101)) + " }", "LIMIT_EXCEEDED"),
        ("{ " + " ".join("__typename" for _ in range(5_001)) + " }", "LIMIT_EXCEEDED"),
    ],
)
def test_what_cannot_or_may_not_be_executed_reaches_no_system(
    hub: RunningHub, firm: FirmSandboxes, query: str, code: str
) -> None:
    """Refused before any work is done."""
    answer = hub.ask(query)
    assert answer.codes[0] == code
    assert "data" not in answer.body
    assert sum(firm.calls("query").values()) == 0


@pytest.mark.parametrize("fault", ["down", "error", "malformed", "throttle", "html"])
def test_nothing_leaks_while_systems_fail(
    hub: RunningHub, firm: FirmSandboxes, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    """No credential, token, trace or upstream body in answers, headers or log."""
    caplog.set_level(logging.DEBUG)
    for system in SYSTEMS:
        firm[system].set_fault(fault)
    query = """{
      projects(first: 50) { nodes { name percentComplete records { system stale unavailable } revenue { period }
        manager { grade } contract { lines { price { amount } } } } }
      sources { system status }
    }"""
    answer = hub.ask(query)
    assert {e["extensions"]["system"] for e in answer.errors} == set(SYSTEMS)
    headers = "".join(f"{name}: {value}" for name, value in answer.response.headers.items())
    said = f"{answer.response.text}\n{headers}\n{caplog.text}"
    hidden = firm.secrets() | {firm[system].authorization().split()[-1] for system in SYSTEMS}
    hidden.add(local_token(hub.data_dir, [Role.PMO]).rpartition(".")[2])
    assert [secret for secret in hidden if secret in said] == []
    for trace in ("Traceback", 'File "', "Back soon", "<html"):
        assert trace not in answer.response.text
    assert "127.0.0.1" not in answer.response.text
    assert "Back soon" not in caplog.text

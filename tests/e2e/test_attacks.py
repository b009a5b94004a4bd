"""An attacker's list: forged tokens, scope by detours, injection, and what logs and errors give away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from hub.app.auth import AUDIENCE, MAX_TOKEN_LENGTH
from hub.domain.callers import LOCAL_ISSUER
from hub.domain.identity import canonical_json
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.ownership import Role
from hub.domain.records import DatedRate, RecordKey, Value
from sources.versions import DIGITS, LEAST_KEY_BYTES, VERSION, Versions
from tests.support.fakes import NOW
from tests.support.graph import KEY, SmallFirm, small_firm, token, usd
from tests.support.versions import VERSIONS

STRANGER = ECKey.generate_key("P-256", {"kid": "stranger"})
DEEP = base64.urlsafe_b64encode(b"[" * 5_000).decode()
SECRET = "hunter2-in-a-vendors-answer"


@pytest.fixture
def firm() -> SmallFirm:
    """Give a small firm."""
    return small_firm()


def claims(**changes: Any) -> dict[str, Any]:
    """Make the claims of a good token, changed; None removes one."""
    issued = int(NOW.timestamp())
    good = {
        "iss": LOCAL_ISSUER,
        "aud": AUDIENCE,
        "sub": "eve",
        "iat": issued,
        "exp": issued + 300,
        "roles": ["executive"],
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(key: ECKey = KEY, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """Sign claims."""
    return jwt.encode({"alg": "ES256", "kid": KEY.kid, **(header or {})}, claims(**changes), key, algorithms=["ES256"])


def part(content: Any) -> str:
    """Encode a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def with_mac(secret: bytes) -> str:
    """Sign with a public text as if it were a shared secret."""
    text = f"{part({'alg': 'HS256', 'kid': KEY.kid})}.{part(claims())}"
    mac = base64.urlsafe_b64encode(hmac.digest(secret, text.encode(), "sha256")).decode().rstrip("=")
    return f"{text}.{mac}"


def changed() -> str:
    """Put other claims under a good signature."""
    header, _, signature = signed().split(".")
    return f"{header}.{part(claims(roles=['finance-ops']))}.{signature}"


LATER = int((NOW + timedelta(minutes=10)).timestamp())
EARLIER = int((NOW - timedelta(minutes=10)).timestamp())
FORGED = {
    "expired": signed(exp=EARLIER),
    "expiring never": signed(exp=float("nan")),
    "expiring at the end of time": signed(exp=float("inf")),
    "without expiry": signed(exp=None),
    "not yet valid": signed(nbf=LATER),
    "issued in the future": signed(iat=LATER),
    "for another audience": signed(aud="another"),
    "without audience": signed(aud=None),
    "of another issuer": signed(iss="https://evil.example"),
    "without issuer": signed(iss=None),
    "without subject": signed(sub=None),
    "without roles": signed(roles=None),
    "with a role in the wrong shape": signed(roles="executive"),
    "with a grant in the wrong shape": signed(practices="*"),
    "of a stranger's key under our id": signed(STRANGER),
    "of an unknown key": signed(STRANGER, {"kid": "stranger"}),
    "with its own key inside": signed(STRANGER, {"jwk": STRANGER.as_dict(private=False)}),
    "unsigned": f"{part({'alg': 'none', 'kid': KEY.kid})}.{part(claims())}.",
    "unsigned, in capitals": f"{part({'alg': 'NONE', 'kid': KEY.kid})}.{part(claims())}.",
    "with the public key as secret": with_mac(KEY.as_pem(private=False)),
    "with critical headers": f"{part({'alg': 'ES256', 'kid': KEY.kid, 'crit': ['x'], 'x': 1})}.{part(claims())}.AAAA",
    "with changed claims": changed(),
    "too long": "e" * MAX_TOKEN_LENGTH,
    "too long, but signed": signed(padding="x" * MAX_TOKEN_LENGTH),
    "nested without end": f"{part({'alg': 'ES256', 'kid': KEY.kid})}.{DEEP}.A",
    "of five parts": "a.b.c.d.e",
    "no text": "\xff\xfe",
}


@pytest.mark.parametrize("forged", FORGED)
async def test_forged_tokens_are_refused_and_not_repeated(
    firm: SmallFirm, forged: str, caplog: pytest.LogCaptureFixture
) -> None:
    """401, in the same words for all but the expired ones; neither answer nor log holds any of the token."""
    caplog.set_level(logging.DEBUG)
    given = FORGED[forged]
    async with firm.graph.client() as client:
        headers = {b"Authorization": b"Bearer " + given.encode("latin-1")}
        response = await client.post("/graphql", json={"query": "{ projects { totalCount } }"}, headers=headers)
    assert response.status_code == 401
    assert response.json()["errors"][0]["message"] in {
        "the token is not valid",
        "the token has expired",
        "the token names no role of this hub",
    }
    assert given[:40] not in response.text
    assert given[-40:] not in caplog.text
    assert firm.graph.firm.directory.queries == []


# -- scope by detours -------------------------------------------------------------------------------


async def asked(firm: SmallFirm, query: str, variables: Any = None, **grants: Any) -> dict[str, Any]:
    """Ask as the PMO of another practice and company than the firm's only project is of."""
    elsewhere = {"practices": ("OTHER",), "legal_entities": ("XX01",), **grants}
    headers = {"Authorization": f"Bearer {token(Role.PMO, **elsewhere)}"}
    return await firm.graph.post(query, variables, headers=headers)


async def test_ids_lead_nowhere_out_of_scope(firm: SmallFirm) -> None:
    """By alias, fragment, list, an id of another type, a gateway's reference, or from inside another entity."""
    body = await asked(
        firm,
        """query ($project: ID!, $time: ID!, $invoice: ID!, $person: ID!, $customer: ID!, $r: [_Any!]!) {
          a: node(id: $project) { ...P } b: project(id: $project) { ...P } c: project(code: "P-1") { ...P }
          d: nodes(ids: [$project, $time, $invoice, $person]) { id }
          e: resource(id: $project) { id } f: invoice(id: $invoice) { id project { id } }
          g: customer(id: $customer) { projects { totalCount } contracts { totalCount }
            opportunities { nodes { contract { id } } } }
          h: _entities(representations: $r) { ... on Project { ...P } }
        } fragment P on Project { id code manager { name } invoices { nodes { number } } }""",
        {
            "project": firm.project, "time": firm.time_entry, "invoice": firm.invoice, "person": firm.manager,
            "customer": firm.customer, "r": [{"__typename": "Project", "id": firm.project}],
        },
    )  # fmt: skip
    assert body["data"] == {
        "a": None, "b": None, "c": None, "d": [None] * 4, "e": None, "f": None, "h": [None],
        "g": {
            "projects": {"totalCount": 0}, "contracts": {"totalCount": 0},
            "opportunities": {"nodes": [{"contract": None}]},
        },
    }  # fmt: skip
    assert "errors" not in body


async def test_a_cursor_of_somebody_else_opens_nothing(firm: SmallFirm) -> None:
    """Whether a cursor's row is there or not, nothing of it is told."""
    mine = await firm.graph.data("{ projects { edges { cursor } } }")
    cursor = mine["projects"]["edges"][0]["cursor"]
    for argument in ("after", "before"):
        size = "first: 5" if argument == "after" else "last: 5"
        body = await asked(firm, f'{{ projects({size}, {argument}: "{cursor}") {{ totalCount nodes {{ id }} }} }}')
        assert "P-1" not in json.dumps(body)
        nothing = {"projects": {"totalCount": 0, "nodes": []}}
        assert (
            body.get("errors", [{}])[0].get("extensions", {}).get("code") == "INVALID_INPUT" or body["data"] == nothing
        )


async def test_answers_are_not_shared_between_callers(firm: SmallFirm) -> None:
    """The same text, asked before by somebody who sees everything, gives the caller's own answer."""
    firm.graph.firm.records.in_memory = True
    query = (
        "query ($id: ID!) { project(id: $id) { code } resources { totalCount }"
        " contracts { nodes { value { amount } } } }"
    )
    for _ in range(3):
        whole = await firm.graph.data(query, {"id": firm.project})
        assert whole["project"] == {"code": "P-1"}
        part_of_it = await asked(firm, query, {"id": firm.project})
        assert part_of_it["data"] == {"project": None, "resources": {"totalCount": 0}, "contracts": {"nodes": []}}
        masked = await firm.graph.post(query, {"id": firm.project}, role=Role.INTEGRATION_SUPPORT)
        assert masked["data"]["contracts"]["nodes"] == [{"value": None}]


async def test_grants_that_match_nothing_open_nothing(firm: SmallFirm) -> None:
    """Wildcards, patterns and SQL in grants are just codes that nothing has."""
    for code in ("*", "%", "", "' OR 1=1 --", "US01,XX"):
        body = await asked(firm, "{ projects { totalCount } }", practices=(code,), legal_entities=(code,))
        assert body["data"] == {"projects": {"totalCount": 0}}


# -- injection --------------------------------------------------------------------------------------

POISON = [
    "' OR '1'='1", "'; DROP TABLE entity; --", "%' OR name LIKE '%", "\\' OR Id != '", '") { id } evil: projects { id',
    "${jndi:ldap://x}", '{"$ne": null}', "\u2028x\u0085", "😀" * 50, "a" * 5_000, "_%", ":scope0",
]  # fmt: skip


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
async def test_texts_stay_texts(firm: SmallFirm, poison: str) -> None:
    """A search, a code or a filter finds what has that text, and else nothing; an id that is none is refused."""
    body = await firm.graph.post(
        """query ($text: String!, $texts: [String!]!) {
          projects(filter: {search: $text}) { totalCount }
          resources(filter: {role: $texts, legalEntity: $texts}) { totalCount }
          project(code: $text) { id }
        }""",
        {"text": poison, "texts": [poison]},
    )
    assert body["data"] == {"projects": {"totalCount": 0}, "resources": {"totalCount": 0}, "project": None}
    refused = await firm.graph.post("query ($id: ID!) { node(id: $id) { id } }", {"id": poison})
    assert refused["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
    assert firm.graph.firm.records.loads == []


async def test_a_nul_is_refused_by_name(firm: SmallFirm) -> None:
    """The one character that the database cannot hold."""
    body = await firm.graph.post('{ projects(filter: {search: "a\\u0000"}) { totalCount } }')
    assert body["errors"][0]["extensions"] | {"correlationId": ""} == {
        "code": "INVALID_INPUT", "class": "DATA_QUALITY", "argument": "filter.search", "correlationId": "",
    }  # fmt: skip


async def test_names_in_records_are_only_shown(firm: SmallFirm) -> None:
    """A name full of quotes and brackets comes out as it went in."""
    name = 'Robert\'); DROP TABLE "entity"; {{7*7}} <script>'
    added = firm.graph.firm.add(Kind.CUSTOMER, {"name": name}, {"crm-1": {"name": name}})
    data = await firm.graph.data("query ($id: ID!) { customer(id: $id) { name } }", {"id": added})
    assert data["customer"]["name"] == name


# -- leakage ----------------------------------------------------------------------------------------


async def test_neither_errors_nor_logs_tell_secrets(
    firm: SmallFirm, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault inside shows a correlation id; no log line has a token or a header of the request."""
    caplog.set_level(logging.DEBUG)

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(firm.graph.firm.directory, "entities", broken)
    bearer = token(Role.PMO)
    async with firm.graph.client() as client:
        response: httpx.Response = await client.post(
            "/graphql",
            json={"query": "query ($id: ID!) { project(id: $id) { code } }", "variables": {"id": firm.project}},
            headers={"Authorization": f"Bearer {bearer}"},
        )
    assert SECRET not in response.text
    assert "Traceback" not in response.text
    assert bearer not in caplog.text
    assert bearer.split(".")[2] not in caplog.text


async def test_money_is_in_no_error_text(firm: SmallFirm) -> None:
    """A refusal says which field, not what it holds."""
    extra = firm.graph.firm.add(Kind.CONTRACT, {"number": "C-9", "status": "SIGNED", "value": usd("424242")}, {})
    assert isinstance(extra, str)
    body = await firm.graph.post("{ contracts { nodes { value { amount } } } }", role=Role.INTEGRATION_SUPPORT)
    assert "424242" not in json.dumps(body)
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN_FIELD"


def unkeyed(record: RecordKey, values: Mapping[str, Value]) -> set[str]:
    """What somebody can make of guessed values who knows how versions are made, but not the secret."""
    plain = {name: {"rate": value.rate} if isinstance(value, DatedRate) else value for name, value in values.items()}
    texts = [canonical_json(said) for said in (plain, [VERSION, *record, plain], [*record, plain])]
    keys = [b"", b"0" * 32, LOCAL_ISSUER.encode(), canonical_json(list(record)).encode()]
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    macs = [hmac.digest(key, text.encode(), "sha256").hex() for key in keys for text in texts]
    guessed = [Versions(key).of(record, values) for key in keys if len(key) >= LEAST_KEY_BYTES]
    return {made[:DIGITS] for made in (*hashes, *macs)} | set(guessed)


def tried(shown: str, record: RecordKey, known: Mapping[str, Value]) -> list[int]:
    """Try every rate up to 200 an hour in a version: those that fit."""
    return [
        rate for rate in range(201) if shown in unkeyed(record, {**known, "cost_rate": DatedRate(usd(str(rate)), None)})
    ]


async def test_a_version_does_not_tell_what_it_is_made_of(firm: SmallFirm) -> None:
    """Whoever knows all of a record but the cost rate cannot try rates until the version fits."""
    query = "query ($id: ID!) { resource(id: $id) { grade costRate { amount } records { system version } } }"
    body = await firm.graph.post(query, {"id": firm.manager})
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN_FIELD"
    (shown,) = [r["version"] for r in body["data"]["resource"]["records"] if r["system"].startswith("hcm")]
    (record,) = [key for key in firm.graph.firm.records.held if key.external_id == "hcm-1" or key.system == "hcm-1"]
    values = dict(firm.graph.firm.records.held[record].attributes)
    known = {name: value for name, value in values.items() if name not in (VERSION, "cost_rate")}
    assert shown == VERSIONS.of(record, {**known, "cost_rate": values["cost_rate"]})
    assert tried(shown, record, known) == []
    # The attack is good: against a version without a secret it finds the rate.
    weak = min(unkeyed(record, {**known, "cost_rate": values["cost_rate"]}))
    assert tried(weak, record, known) == [90]


async def test_an_unknown_id_and_a_hidden_one_cost_the_same_calls(firm: SmallFirm) -> None:
    """No system of record is asked for what the caller may not see."""
    unknown = CanonicalId("prj_" + "0" * 25 + "1")
    for wanted in (firm.project, unknown):
        body = await asked(firm, "query ($id: ID!) { project(id: $id) { percentComplete } }", {"id": wanted})
        assert body == {"data": {"project": None}}
    assert firm.graph.firm.records.loads == []

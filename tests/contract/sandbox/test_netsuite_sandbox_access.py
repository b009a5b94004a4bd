"""Who may call the NetSuite sandbox: assertions, bearer tokens, TBA signatures, the concurrency limit."""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from sources.sandbox.netsuite.access import tba_signature
from tests.contract.sandbox.netsuite_account import (
    HOST,
    NOON,
    RECORD,
    SPECS,
    SUITEQL,
    TOKEN,
    account,
    assertion,
    code,
    credentials,
    grant,
)

JOB = f"{RECORD}/job/20001"
NOW = int(NOON.timestamp())


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (ECKey.generate_key("P-256"), "ES256"),
        (ECKey.generate_key("P-384"), "ES384"),
        (ECKey.generate_key("P-521"), "ES512"),
        (RSAKey.generate_key(3072), "PS256"),
    ],
)
async def test_a_signed_assertion_buys_a_bearer_token(key: ECKey | RSAKey, alg: str) -> None:
    """Every documented algorithm is taken, and the token opens the record API."""
    async with account(credentials(key)) as served:
        reply = await served.bare.post(TOKEN, data=grant(assertion(key, alg=alg)))
        assert reply.status_code == 200
        body = reply.json()
        assert (body["expires_in"], body["token_type"]) == (3600, "Bearer")
        headers = {"Authorization": f"Bearer {body['access_token']}"}
        assert (await served.bare.get(JOB, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("bad", "status", "error"),
    [
        ({"iss": "someone"}, 401, "invalid_client"),
        ({"kid": "other"}, 401, "invalid_client"),
        ({"key": ECKey.generate_key("P-256")}, 401, "invalid_client"),
        ({"aud": "https://elsewhere.test" + TOKEN}, 401, "invalid_client"),
        ({"iat": NOW - 7200, "exp": NOW - 3600}, 400, "invalid_grant"),
        ({"exp": NOW + 7200}, 400, "invalid_grant"),
        ({"exp": None}, 400, "invalid_request"),
        ({"scope": ["restlets"]}, 400, "invalid_scope"),
    ],
)
async def test_a_bad_assertion_is_refused(bad: dict[str, Any], status: int, error: str) -> None:
    """Signature, certificate, issuer, audience, lifetime and scope all count."""
    async with account() as served:
        reply = await served.bare.post(TOKEN, data=grant(assertion(**bad)))
        assert (reply.status_code, reply.json()) == (status, {"error": error})


async def test_an_rs256_assertion_is_refused() -> None:
    """The vendor takes PSS signatures of RSA keys only."""
    key = RSAKey.generate_key(2048)
    async with account(credentials(key)) as served:
        reply = await served.bare.post(TOKEN, data=grant(assertion(key, alg="RS256")))
        assert (reply.status_code, reply.json()) == (401, {"error": "invalid_client"})


async def test_the_token_endpoint_wants_a_post_of_a_form_with_one_grant_type() -> None:
    """Wrong methods, media types and grants are refused."""
    async with account() as served:
        assert (await served.bare.get(TOKEN)).status_code == 405
        assert (await served.bare.post(TOKEN, json={})).json() == {"error": "invalid_request"}
        refused = await served.bare.post(TOKEN, data={"grant_type": "password"})
        assert refused.json() == {"error": "unsupported_grant_type"}
        assert (await served.bare.post(TOKEN, data={**grant("x.y"), "grant_type": "client_credentials"})).is_error


async def test_a_token_lives_an_hour_and_dies_when_told() -> None:
    """A 401 is INVALID_LOGIN with a challenge."""
    async with account() as served:
        assert (await served.client.get(JOB)).status_code == 200
        served.now += timedelta(minutes=60)
        late = await served.client.get(JOB)
        assert code(late) == (401, "INVALID_LOGIN")
        assert 'realm="1234567_SB1"' in late.headers["www-authenticate"]
        fresh = {"Authorization": served.app.authorization()}
        assert (await served.bare.get(JOB, headers=fresh)).status_code == 200
        served.app.expire_tokens()
        assert code(await served.bare.get(JOB, headers=fresh)) == (401, "INVALID_LOGIN")


async def test_a_call_without_authorization_is_refused() -> None:
    """Nothing but the token endpoint is open, unknown paths included."""
    async with account() as served:
        for path in (JOB, SUITEQL, f"{RECORD}/metadata-catalog", "/services/rest/nothing"):
            assert code(await served.bare.get(path)) == (401, "INVALID_LOGIN")


async def test_a_tba_signature_opens_and_covers_the_query_parameters() -> None:
    """A signature for other parameters does not pass."""
    async with account() as served:
        path = f'{RECORD}/job?limit=2&q=companyName%20CONTAIN%20"a%26b"&offset=0'.replace('"', "%22")
        signed = {"Authorization": served.signed("GET", path)}
        assert (await served.bare.get(path, headers=signed)).status_code == 200
        other = {"Authorization": served.signed("GET", path)}
        assert code(await served.bare.get(path.replace("limit=2", "limit=3"), headers=other)) == (401, "INVALID_LOGIN")
        assert code(await served.bare.post(path, json={}, headers=other)) == (401, "INVALID_LOGIN")


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "HMAC-SHA1"},
        {"realm": "1234567-sb1"},
        {"realm": "7654321"},
        {"consumer_key": "other"},
        {"consumer_secret": "other"},
        {"token": "other"},
        {"timestamp": str(NOW - 600)},
        {"timestamp": str(NOW + 600)},
    ],
)
async def test_a_bad_tba_header_is_refused(changes: dict[str, str]) -> None:
    """HMAC-SHA1, a foreign realm, unknown keys, a wrong secret and a stale timestamp are all 401."""
    async with account() as served:
        headers = {"Authorization": served.signed("GET", JOB, **changes)}
        assert code(await served.bare.get(JOB, headers=headers)) == (401, "INVALID_LOGIN")


async def test_a_signed_request_works_once() -> None:
    """The nonce of an accepted request cannot be used again."""
    async with account() as served:
        headers = {"Authorization": served.signed("GET", JOB)}
        assert (await served.bare.get(JOB, headers=headers)).status_code == 200
        assert code(await served.bare.get(JOB, headers=headers)) == (401, "INVALID_LOGIN")


async def test_an_external_id_with_a_space_keeps_its_signature() -> None:
    """The signature covers the path as the client encoded it."""
    async with account() as served:
        path = f"{RECORD}/customer/eid:a%20b"
        signed = {"Authorization": served.signed("GET", path)}
        assert code(await served.bare.get(path, headers=signed)) == (404, "NONEXISTENT_ID")


def test_the_published_signature_vectors_reproduce() -> None:
    """Both of the vendor's examples, the second with query parameters in the base string."""
    file = SPECS / "tba_signature_vectors.json"
    if not file.exists():
        pytest.skip("the vendor's published signature vectors are not beside this checkout")
    first = json.loads(file.read_text())
    header = (
        f'OAuth realm="{first["realm"]}", oauth_consumer_key="{first["oauth_consumer_key"]}", '
        f'oauth_token="{first["oauth_token"]}", oauth_signature_method="HMAC-SHA256", '
        f'oauth_timestamp="{first["oauth_timestamp"]}", oauth_nonce="{first["oauth_nonce"]}", oauth_version="1.0"'
    )
    for vector in (first, first["second_vector"]):
        given = tba_signature(
            vector["method"],
            vector["url"],
            header,
            consumer_secret=first["consumer_secret"],
            token_secret=first["token_secret"],
        )
        assert given == vector["signature_base64"]


async def test_more_simultaneous_calls_than_the_limit_are_blocked() -> None:
    """The title says "Bad Request": only status and code tell it apart."""
    async with account(concurrency_limit=3) as served:
        replies = await asyncio.gather(*(served.client.get(JOB) for _ in range(8)))
        assert Counter(reply.status_code for reply in replies) == {200: 3, 429: 5}
        blocked = next(reply for reply in replies if reply.status_code == 429)
        assert code(blocked) == (429, "CONCURRENCY_LIMIT_EXCEEDED")
        assert blocked.json()["title"] == "Bad Request"
        assert "retry-after" not in blocked.headers
        assert (await served.client.get(JOB)).status_code == 200


async def test_overload_and_faults_have_the_vendors_own_answers() -> None:
    """What the control side sends for `throttle` and `error`."""
    async with account() as served:
        throttled = served.app.throttled(2.5)
        assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "2.5")
        assert "retry-after" not in served.app.throttled(None).headers
        failed = served.app.failed()
        assert failed.status_code == 500
        assert json.loads(bytes(failed.body))["o:errorDetails"][0]["o:errorCode"] == "UNEXPECTED_ERROR"
        assert served.app.token_paths == (TOKEN,)
        assert HOST.startswith("http")

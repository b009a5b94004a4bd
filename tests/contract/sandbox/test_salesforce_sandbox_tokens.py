"""Ways into the Salesforce org, and the life of a session."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.contract.sandbox.salesforce_tenant import (
    CLIENT_ID,
    CLIENT_SECRET,
    TOKEN,
    USERNAME,
    V66,
    Org,
    running,
    signing_key,
)

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    """An org with the vendor's own settings."""
    async with running() as started:
        yield started


def _assertion(org: Org, key: RSAKey | None = None, **claims: Any) -> str:
    soon = int(org.clock.now.timestamp()) + 180
    base = {"iss": CLIENT_ID, "sub": USERNAME, "aud": "https://login.salesforce.com", "exp": soon}
    return jwt.encode({"alg": "RS256"}, {**base, **claims}, key or signing_key())


async def _token(org: Org, form: dict[str, str], **more: Any) -> tuple[int, dict[str, str]]:
    del org.http.headers["Authorization"]
    reply = await org.http.post(TOKEN, data=form, **more)
    org.http.headers["Authorization"] = "Bearer none"
    return reply.status_code, reply.json()


async def test_client_credentials_open_a_session_that_works(org: Org) -> None:
    """The token is opaque: no lifetime, no refresh token; issued_at is text in milliseconds."""
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    status, body = await _token(org, form)
    assert status == 200
    assert set(body) == {"access_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at"}
    assert body["instance_url"] == "http://firm.my.example"
    assert body["issued_at"] == str(int(org.clock.now.timestamp() * 1000))
    reply = await org.http.get(f"{V66}/limits", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert reply.status_code == 200


async def test_the_client_may_sign_in_with_http_basic(org: Org) -> None:
    """Id and secret may travel in the header instead of the form."""
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    status, _ = await _token(org, {"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {basic}"})
    assert status == 200


@pytest.mark.parametrize(
    ("change", "error", "description"),
    [
        ({"client_id": "other"}, "invalid_client_id", "client identifier invalid"),
        ({"client_secret": "wrong"}, "invalid_client", "invalid client credentials"),
        ({"grant_type": "password"}, "unsupported_grant_type", "grant type not supported"),
        ({"client_secret": ""}, "invalid_request", "missing required parameter: client_secret"),
    ],
)
async def test_wrong_client_credentials_are_one_error_object(
    org: Org, change: dict[str, str], error: str, description: str
) -> None:
    """Status 400 and an object, not the list of the other resources."""
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    assert await _token(org, {**form, **change}) == (400, {"error": error, "error_description": description})


async def test_a_signed_assertion_opens_a_session(org: Org) -> None:
    """The audience may be the login host or the org's own."""
    for audience in ("https://login.salesforce.com", "https://test.salesforce.com", "http://firm.my.example"):
        form = {"grant_type": JWT_BEARER, "assertion": _assertion(org, aud=audience)}
        assert (await _token(org, form))[0] == 200


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"aud": "https://example.com"}, "invalid_grant"),
        ({"sub": "stranger@firm.example"}, "invalid_grant"),
        ({"exp": 1}, "invalid_grant"),
        ({"exp": 99_999_999_999}, "invalid_grant"),
        ({"iss": "other"}, "invalid_client_id"),
    ],
)
async def test_assertions_with_wrong_claims_are_refused(org: Org, claims: dict[str, Any], error: str) -> None:
    """Audience, user, expiry within five minutes and client are all checked."""
    status, body = await _token(org, {"grant_type": JWT_BEARER, "assertion": _assertion(org, **claims)})
    assert (status, body["error"]) == (400, error)


async def test_an_assertion_signed_by_another_key_is_refused(org: Org) -> None:
    """The org knows one public key."""
    stranger = RSAKey.generate_key(2048)
    form = {"grant_type": JWT_BEARER, "assertion": _assertion(org, stranger)}
    assert (await _token(org, form))[1]["error_description"] == "invalid assertion"
    assert (await _token(org, {"grant_type": JWT_BEARER, "assertion": "a.b.c"}))[0] == 400


async def test_calls_without_a_good_session_are_401() -> None:
    """Missing, unknown and revoked sessions alike."""
    async with running() as org:
        for header in ({"Authorization": "Bearer nonsense"}, {"Authorization": "Bearer "}):
            reply = await org.http.get(f"{V66}/limits", headers=header)
            assert (reply.status_code, reply.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")
        org.app.expire_tokens()
        assert (await org.http.get(f"{V66}/limits")).json() == [
            {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
        ]


async def test_a_session_slides_with_use_and_ends_when_idle() -> None:
    """The timeout counts from the last call, not from the token call."""
    async with running(session_idle=timedelta(minutes=15)) as org:
        for _ in range(3):
            org.clock.advance(minutes=10)
            assert (await org.http.get(f"{V66}/limits")).status_code == 200
        org.clock.advance(minutes=16)
        assert (await org.http.get(f"{V66}/limits")).status_code == 401


async def test_versions_are_public_and_others_are_unknown(org: Org) -> None:
    """The list needs no session and is not counted."""
    reply = await org.http.get("/services/data", headers={"Authorization": ""})
    assert [each["version"] for each in reply.json()] == ["65.0", "66.0", "67.0"]
    assert "sforce-limit-info" not in reply.headers
    assert (await org.http.get("/services/data/v20.0/limits")).status_code == 404
    assert (await org.http.get(f"{V66}/")).json()["sobjects"] == f"{V66}/sobjects"


async def test_the_daily_allowance_shows_in_headers_and_ends_in_403() -> None:
    """Salesforce answers 403 where others answer 429; a day later calls work again."""
    async with running(daily_calls=2) as org:
        reply = await org.http.get(f"{V66}/limits")
        assert reply.headers["Sforce-Limit-Info"] == "api-usage=1/2"
        assert reply.json()["DailyApiRequests"] == {"Max": 2, "Remaining": 1}
        await org.http.get(f"{V66}/limits")
        reply = await org.http.get(f"{V66}/limits")
        assert reply.status_code == 403
        assert reply.json() == [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
        org.clock.advance(hours=26)
        org.http.headers["Authorization"] = org.app.authorization()
        assert (await org.http.get(f"{V66}/limits")).status_code == 200


async def test_overload_and_fault_answers_are_the_vendors(org: Org) -> None:
    """What the control side sends when told to misbehave."""
    assert org.app.throttled(5).status_code == 403
    assert org.app.failed().status_code == 503
    assert b"SERVER_UNAVAILABLE" in bytes(org.app.failed().body)

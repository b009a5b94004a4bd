"""The Workday tenant's token endpoint, and who may call its services."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette

from sources.sandbox.workday import Settings
from tests.contract.sandbox.workday_tenant import FORM, KEY, REFRESH, STAFFING, TOKEN, Tenant, Ticker, running


@pytest.fixture
async def tenant() -> AsyncIterator[Tenant]:
    """A tenant with the vendor's own settings."""
    async with running() as started:
        yield started


async def post_form(tenant: Tenant, form: dict[str, str], **options: Any) -> httpx.Response:
    """Ask for a token without the client's own bearer token."""
    transport = httpx.ASGITransport(Starlette(routes=tenant.app.routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://workday.test") as http:
        return await http.post(TOKEN, data=form, **options)


def assertion(clock: Ticker, key: RSAKey = KEY, alg: str = "RS256", **changes: Any) -> str:
    """A signed assertion of the integration user."""
    exp = int((clock.now + timedelta(minutes=5)).timestamp())
    claims = {"iss": "api-client", "sub": "isu_hub", "aud": "https://h.example" + TOKEN, "exp": exp, **changes}
    return jwt.encode({"alg": alg}, claims, key, algorithms=[alg])


def bearer(signed: str) -> dict[str, str]:
    """The form of the JWT bearer grant."""
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ({**REFRESH, **FORM}, {}),
        (REFRESH, {"auth": ("api-client", "s3cret")}),
        ({"grant_type": "client_credentials", **FORM}, {}),
        ({"grant_type": "client_credentials"}, {"auth": ("api-client", "s3cret")}),
    ],
)
async def test_each_grant_gives_a_token_that_opens_the_api(
    tenant: Tenant, form: dict[str, str], options: dict[str, Any]
) -> None:
    """Client authentication counts in the form and as Basic."""
    granted = await post_form(tenant, form, **options)
    assert granted.status_code == 200
    body = granted.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert body.get("refresh_token") == form.get("refresh_token")
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    assert (await tenant.http.get(f"{STAFFING}/workers", headers=headers)).status_code == 200


async def test_a_signed_assertion_gives_a_token(tenant: Tenant) -> None:
    """The JWT bearer grant needs no client secret."""
    assert (await post_form(tenant, bearer(assertion(tenant.clock)))).status_code == 200


@pytest.mark.parametrize(
    ("form", "options", "status", "error"),
    [
        ({**REFRESH, **FORM, "client_secret": "wrong"}, {}, 401, "invalid_client"),
        (REFRESH, {"auth": ("api-client", "wrong")}, 401, "invalid_client"),
        (REFRESH, {}, 401, "invalid_client"),
        ({**REFRESH, **FORM, "refresh_token": "stale"}, {}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", **FORM}, {}, 400, "invalid_request"),
        ({**REFRESH, **FORM}, {"auth": ("api-client", "s3cret")}, 400, "invalid_request"),
        ({"grant_type": "password", **FORM}, {}, 400, "unsupported_grant_type"),
        (FORM, {}, 400, "invalid_request"),
    ],
)
async def test_a_wrong_token_request_is_refused_in_oauth_form(
    tenant: Tenant, form: dict[str, str], options: dict[str, Any], status: int, error: str
) -> None:
    """The error code tells what was wrong."""
    refused = await post_form(tenant, form, **options)
    assert (refused.status_code, refused.json()["error"]) == (status, error)


async def test_a_token_request_in_json_is_refused(tenant: Tenant) -> None:
    """The endpoint reads forms only, and takes POST only."""
    assert (await tenant.http.post(TOKEN, json={**REFRESH, **FORM})).json()["error"] == "invalid_request"
    assert (await tenant.http.get(TOKEN)).status_code == 405


@pytest.mark.parametrize(
    "changes",
    [{"iss": "other"}, {"sub": "somebody"}, {"aud": "https://elsewhere"}, {"exp": 1}, {"exp": 2**31}, {"exp": None}],
)
async def test_an_assertion_with_a_wrong_claim_is_refused(tenant: Tenant, changes: dict[str, Any]) -> None:
    """Issuer, user, audience and a short expiry all count."""
    refused = await post_form(tenant, bearer(assertion(tenant.clock, **changes)))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


async def test_an_assertion_not_signed_by_the_client_is_refused(tenant: Tenant) -> None:
    """Another key, another algorithm, or no JWT at all."""
    stranger = RSAKey.generate_key(2048)
    for signed in (assertion(tenant.clock, stranger), assertion(tenant.clock, alg="PS256"), "a.b.c", "nonsense"):
        assert (await post_form(tenant, bearer(signed))).json()["error"] == "invalid_grant"


async def test_a_missing_wrong_or_expired_token_is_401(tenant: Tenant) -> None:
    """The body holds the error alone."""
    assert (await tenant.http.get(f"{STAFFING}/workers")).status_code == 200
    for headers in ({"Authorization": "Bearer nope"}, {"Authorization": ""}, {"Authorization": "Basic abc"}):
        refused = await tenant.http.get(f"{STAFFING}/workers", headers=headers)
        assert refused.status_code == 401
        assert set(refused.json()) == {"error"}
    tenant.clock.move(3600)
    assert (await tenant.http.get(f"{STAFFING}/workers")).status_code == 401


async def test_expired_tokens_can_be_replaced_by_new_ones(tenant: Tenant) -> None:
    """The control side can expire all tokens and hand out a fresh one."""
    tenant.app.expire_tokens()
    assert (await tenant.http.get(f"{STAFFING}/workers")).status_code == 401
    fresh = {"Authorization": tenant.app.authorization()}
    assert (await tenant.http.get(f"{STAFFING}/workers", headers=fresh)).status_code == 200


async def test_a_missing_scope_is_403_and_other_services_still_answer() -> None:
    """Without System there is no WQL."""
    async with running(Settings(scopes=frozenset({"Staffing"}))) as tenant:
        assert (await tenant.query("SELECT employeeID FROM allWorkers")).status_code == 403
        assert (await tenant.http.get(f"{STAFFING}/workers")).status_code == 200


async def test_other_tenants_unknown_paths_and_wrong_methods_are_refused(tenant: Tenant) -> None:
    """404 and 405 carry the JSON error body too."""
    for path in ("/ccx/api/staffing/v6/other/workers", "/ccx/api/staffing/v1/plumbline/nothing"):
        refused = await tenant.http.get(path)
        assert (refused.status_code, set(refused.json())) == (404, {"error"})
    wrong = await tenant.http.delete(f"{STAFFING}/workers")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")


def test_overload_and_faults_answer_in_the_vendors_form(tenant: Tenant) -> None:
    """Retry-After is there when a wait is given and absent otherwise."""
    assert tenant.app.throttled(1.2).headers["retry-after"] == "2"
    assert "retry-after" not in tenant.app.throttled(None).headers
    assert tenant.app.throttled(None).status_code == 429
    assert json.loads(bytes(tenant.app.failed().body)) == {"error": "internal server error"}

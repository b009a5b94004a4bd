"""A small firm on a NetSuite account, an authorized client of it, and a clock to move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, Client
from starlette.applications import Starlette

from sources.sandbox.core import VendorApp
from sources.sandbox.credentials import NetSuiteCredentials
from sources.sandbox.firm.generate import generate
from sources.sandbox.firm.model import Firm, Size
from sources.sandbox.netsuite import create_app

TODAY = date(2026, 3, 20)
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
HOST = "http://1234567-sb1.suitetalk.test"
TOKEN = "/services/rest/auth/oauth2/v1/token"
SUITEQL = "/services/rest/query/v1/suiteql"
RECORD = "/services/rest/record/v1"
SPECS = Path(__file__).parents[4] / "shared" / "vendors" / "specs" / "netsuite"
KEY = ECKey.generate_key("P-256")


@cache
def firm() -> Firm:
    """The small firm; the account copies what it needs, so tests can share it."""
    return generate(Size.SMALL, seed=7, today=TODAY)


def credentials(key: ECKey | RSAKey = KEY) -> NetSuiteCredentials:
    """The account's integration, with the public half of a key."""
    return NetSuiteCredentials(
        account="1234567_SB1",
        client_id="client",
        certificate_id="certificate",
        public_key_pem=key.as_pem(private=False).decode(),
        consumer_key="consumer",
        consumer_secret="consumer secret",
        token_id="token",
        token_secret="token+secret",
    )


def assertion(key: ECKey | RSAKey = KEY, *, alg: str = "ES256", kid: str = "certificate", **claims: Any) -> str:
    """A client assertion that the account takes, but for what is changed; a claim of None is left out."""
    now = int(NOON.timestamp())
    full = {
        "iss": "client",
        "scope": ["rest_webservices"],
        "aud": HOST + TOKEN,
        "iat": now,
        "exp": now + 3600,
        **claims,
    }
    kept = {name: value for name, value in full.items() if value is not None}
    return jwt.encode({"typ": "JWT", "alg": alg, "kid": kid}, kept, key, algorithms=[alg])


def grant(client_assertion: str) -> dict[str, str]:
    """The token request's form."""
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": client_assertion,
    }


@dataclass
class Account:
    """A served account: `client` is authorized, `bare` is not; moving `now` moves the account's clock."""

    app: VendorApp
    client: httpx.AsyncClient
    bare: httpx.AsyncClient
    now: datetime = NOON

    def advance(self, **span: float) -> None:
        """Move the clock, and give `client` a token that is good then."""
        self.now += timedelta(**span)
        self.client.headers["Authorization"] = self.app.authorization()

    async def ask(self, q: str, *params: str, limit: int = 1000, offset: int = 0) -> httpx.Response:
        """One page of a SuiteQL query."""
        body = {"q": q, "params": list(params)} if params else {"q": q}
        page = {"limit": str(limit), "offset": str(offset)}
        return await self.client.post(SUITEQL, params=page, json=body, headers={"Prefer": "transient"})

    async def rows(self, q: str, *params: str) -> list[dict[str, Any]]:
        """The rows of a query's first page, without their empty links."""
        response = await self.ask(q, *params)
        assert response.status_code == 200, response.text
        items = response.json()["items"]
        assert all(item.pop("links") == [] for item in items)
        return list(items)

    def signed(self, method: Literal["GET", "POST"], path: str, **changes: str) -> str:
        """A TBA Authorization header for a request, as a caller with the secrets makes it."""
        signer = Client(
            changes.get("consumer_key", "consumer"),
            client_secret=changes.get("consumer_secret", "consumer secret"),
            resource_owner_key=changes.get("token", "token"),
            resource_owner_secret="token+secret",
            realm=changes.get("realm", "1234567_SB1"),
            signature_method=changes.get("algorithm", SIGNATURE_HMAC_SHA256),
            nonce=changes.get("nonce"),
            timestamp=changes.get("timestamp", str(int(self.now.timestamp()))),
        )
        _, headers, _ = signer.sign(HOST + path, http_method=method)
        return str(headers["Authorization"])


@asynccontextmanager
async def account(creds: NetSuiteCredentials | None = None, **settings: Any) -> AsyncIterator[Account]:
    """Serve a fresh account of the small firm in this process."""
    holder: list[Account] = []
    app = create_app(firm(), creds or credentials(), clock=lambda: holder[0].now if holder else NOON, **settings)
    transport = httpx.ASGITransport(app=Starlette(routes=app.routes))
    async with (
        httpx.AsyncClient(transport=transport, base_url=HOST) as bare,
        httpx.AsyncClient(transport=transport, base_url=HOST, headers={"Authorization": app.authorization()}) as client,
    ):
        holder.append(Account(app, client, bare))
        yield holder[0]


def code(response: httpx.Response) -> tuple[int, str]:
    """Status and o:errorCode of a refusal, its shape checked."""
    assert response.headers["content-type"] == "application/vnd.oracle.resource+json; type=error"
    body = response.json()
    assert body["status"] == response.status_code
    assert body["type"].startswith("https://www.w3.org/Protocols/rfc2616/")
    return response.status_code, body["o:errorDetails"][0]["o:errorCode"]

"""The token endpoint and the sessions that it opens.

Access tokens are session ids: opaque, without `expires_in` or refresh token, ended by the idle timeout,
which every call pushes back. Errors are one object with `error` and `error_description`, status 400.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sources.sandbox.credentials import SalesforceCredentials
from sources.sandbox.salesforce.errors import ApiError, invalid_session
from sources.sandbox.salesforce.ids import build_id
from sources.sandbox.salesforce.tenant import Tenant

TOKEN_PATH = "/services/oauth2/token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MAX_ASSERTION_LIFE_S = 300
LOGIN_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
ORGANIZATION_ID = build_id("00D", 1)
_SCOPE = "api"


class Refusal(Exception):
    """A token request that is refused."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.body = {"error": error, "error_description": description}


class Sessions:
    """The open sessions, each with the instant of its last use."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._last_used: dict[str, datetime] = {}

    def open(self) -> str:
        """A new session's id; sessions that have timed out are forgotten on the way."""
        now = self._tenant.now()
        self._last_used = {token: used for token, used in self._last_used.items() if self._is_fresh(used, now)}
        token = f"{ORGANIZATION_ID[:15]}!AQ{secrets.token_urlsafe(64)}"
        self._last_used[token] = now
        return token

    def expire_all(self) -> None:
        """End every session at once."""
        self._last_used.clear()

    def check(self, authorization: str | None) -> None:
        """Accept a call's Authorization value and keep its session alive; 401 otherwise."""
        scheme, _, token = (authorization or "").partition(" ")
        if authorization is not None and scheme.lower() not in {"bearer", "oauth"}:
            raise ApiError(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
        now = self._tenant.now()
        used = self._last_used.get(token.strip())
        if used is None or not self._is_fresh(used, now):
            raise invalid_session()
        self._last_used[token.strip()] = now

    def _is_fresh(self, used: datetime, now: datetime) -> bool:
        return now - used <= self._tenant.settings.session_idle


class TokenEndpoint:
    """Client credentials (form or HTTP Basic) and JWT bearer."""

    def __init__(self, tenant: Tenant, sessions: Sessions, credentials: SalesforceCredentials) -> None:
        self._tenant = tenant
        self._sessions = sessions
        self._credentials = credentials
        self._key = RSAKey.import_key(credentials.public_key_pem)

    async def __call__(self, request: Request) -> Response:
        """Answer a token request."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        try:
            self._check_grant(form, request)
        except Refusal as exc:
            return JSONResponse(exc.body, 400, headers={"Cache-Control": "no-store"})
        return JSONResponse(self._granted(request), headers={"Cache-Control": "no-store"})

    def _check_grant(self, form: Mapping[str, str], request: Request) -> None:
        if request.method != "POST":
            raise Refusal("invalid_request", "must use HTTP POST")
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/x-www-form-urlencoded":
            raise Refusal("unsupported_grant_type", "grant type not supported")
        match form.get("grant_type"):
            case "client_credentials":
                self._check_client(form, request.headers.get("authorization"))
            case grant if grant == JWT_BEARER:
                self._check_assertion(form.get("assertion"), _base_url(request))
            case None:
                raise Refusal("invalid_request", "missing required parameter: grant_type")
            case _:
                raise Refusal("unsupported_grant_type", "grant type not supported")

    def _check_client(self, form: Mapping[str, str], authorization: str | None) -> None:
        client_id, client_secret = form.get("client_id"), form.get("client_secret")
        if authorization is not None and client_secret is None:
            client_id, client_secret = _basic(authorization)
        if not client_id:
            raise Refusal("invalid_request", "missing required parameter: client_id")
        if not client_secret:
            raise Refusal("invalid_request", "missing required parameter: client_secret")
        if client_id != self._credentials.client_id:
            raise Refusal("invalid_client_id", "client identifier invalid")
        if not hmac.compare_digest(client_secret.encode(), self._credentials.client_secret.encode()):
            raise Refusal("invalid_client", "invalid client credentials")

    def _check_assertion(self, assertion: str | None, base_url: str) -> None:
        if not assertion:
            raise Refusal("invalid_request", "missing required parameter: assertion")
        try:
            claims = jwt.decode(assertion, self._key, algorithms=["RS256"]).claims
        except (JoseError, ValueError) as exc:
            raise Refusal("invalid_grant", "invalid assertion") from exc
        self._check_claims(claims, base_url)

    def _check_claims(self, claims: Mapping[str, Any], base_url: str) -> None:
        if claims.get("iss") != self._credentials.client_id:
            raise Refusal("invalid_client_id", "client identifier invalid")
        audience = claims.get("aud")
        if not isinstance(audience, str) or audience.rstrip("/") not in {*LOGIN_AUDIENCES, base_url}:
            raise Refusal("invalid_grant", "audience is invalid")
        expires, now = claims.get("exp"), self._tenant.now().timestamp()
        if isinstance(expires, bool) or not isinstance(expires, (int, float)) or expires <= now:
            raise Refusal("invalid_grant", "assertion has expired")
        if expires > now + MAX_ASSERTION_LIFE_S:
            raise Refusal("invalid_grant", "assertion expiry is too far in the future")
        if claims.get("sub") != self._credentials.username:
            raise Refusal("invalid_grant", "user hasn't approved this consumer")

    def _granted(self, request: Request) -> dict[str, str]:
        base_url = _base_url(request)
        identity = f"{base_url}/id/{ORGANIZATION_ID}/{self._tenant.user_id}"
        issued_at = str(int(self._tenant.now().timestamp() * 1000))
        signed = hmac.new(self._credentials.client_secret.encode(), (identity + issued_at).encode(), hashlib.sha256)
        return {
            "access_token": self._sessions.open(),
            "signature": base64.b64encode(signed.digest()).decode(),
            "scope": _SCOPE,
            "instance_url": base_url,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued_at,
        }


def _base_url(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise Refusal("invalid_client", "invalid client credentials") from exc
    if scheme.lower() != "basic":
        raise Refusal("invalid_client", "invalid client credentials")
    client_id, _, client_secret = decoded.partition(":")
    return unquote_plus(client_id), unquote_plus(client_secret)

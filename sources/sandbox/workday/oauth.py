"""The tenant's token endpoint and the access tokens it issued.

Three grants: the refresh token of the API client (which never expires and comes back unchanged), client
credentials, and a JWT bearer assertion signed with RS256. Client id and secret come in the form or as HTTP
Basic, not both.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from sources.sandbox.core import Clock
from sources.sandbox.credentials import WorkdayCredentials
from sources.sandbox.workday.replies import RefusedError
from sources.sandbox.workday.settings import Settings

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JWT_AUDIENCE = "wd"
LONGEST_ASSERTION = timedelta(minutes=10)
CLOCK_SKEW = timedelta(seconds=60)


def oauth_refusal(status: int, error: str, description: str) -> RefusedError:
    """A token refusal in OAuth's own form."""
    headers = {"WWW-Authenticate": "Basic"} if status == 401 else {}
    return RefusedError(
        status, {"error": error, "error_description": description}, {**headers, "Cache-Control": "no-store"}
    )


class TokenDesk:
    """Issues access tokens to the one API client of the tenant, and knows which of them are good."""

    def __init__(self, credentials: WorkdayCredentials, settings: Settings, clock: Clock) -> None:
        self._credentials = credentials
        self._settings = settings
        self._clock = clock
        self._public_key = RSAKey.import_key(credentials.public_key_pem)
        self._expiries: dict[str, datetime] = {}

    def issue(self) -> str:
        """A new access token."""
        now = self._clock()
        self._expiries = {token: expiry for token, expiry in self._expiries.items() if expiry > now}
        token = secrets.token_urlsafe(32)
        self._expiries[token] = now + timedelta(seconds=self._settings.token_lifetime_s)
        return token

    def accepts(self, authorization: str) -> bool:
        """Whether an Authorization value carries a good access token."""
        scheme, _, token = authorization.partition(" ")
        expiry = self._expiries.get(token.strip())
        return scheme.lower() == "bearer" and expiry is not None and self._clock() < expiry

    def expire_all(self) -> None:
        """Make every issued token bad."""
        self._expiries.clear()

    def grant(self, body: bytes, content_type: str, authorization: str | None) -> dict[str, Any]:
        """The token answer to a token request; raises RefusedError."""
        form = _form(body, content_type)
        grant_type = form.get("grant_type")
        if grant_type == JWT_BEARER:
            self._check_assertion(form.get("assertion"))
            return self._answer()
        if grant_type == "client_credentials" and self._settings.client_credentials:
            self._check_client(form, authorization)
            return self._answer()
        if grant_type == "refresh_token":
            self._check_client(form, authorization)
            return self._answer(refresh_token=self._refreshed(form))
        if grant_type is None:
            raise oauth_refusal(400, "invalid_request", "grant_type is missing")
        raise oauth_refusal(400, "unsupported_grant_type", "this API client does not allow the grant type")

    def _answer(self, **more: str) -> dict[str, Any]:
        lifetime = self._settings.token_lifetime_s
        return {"access_token": self.issue(), "token_type": "Bearer", "expires_in": lifetime, **more}

    def _refreshed(self, form: dict[str, str]) -> str:
        given = form.get("refresh_token")
        if given is None:
            raise oauth_refusal(400, "invalid_request", "refresh_token is missing")
        if not _same(given, self._credentials.refresh_token):
            raise oauth_refusal(400, "invalid_grant", "the refresh token is unknown or revoked")
        return given

    def _check_client(self, form: dict[str, str], authorization: str | None) -> None:
        in_form = "client_id" in form or "client_secret" in form
        if authorization is not None and in_form:
            raise oauth_refusal(400, "invalid_request", "client authentication is given twice")
        client_id, secret = _basic(authorization) if authorization is not None else _form_client(form)
        expected = self._credentials
        if not (_same(client_id, expected.client_id) and _same(secret, expected.client_secret)):
            raise oauth_refusal(401, "invalid_client", "client authentication failed")

    def _check_assertion(self, assertion: str | None) -> None:
        if assertion is None:
            raise oauth_refusal(400, "invalid_request", "assertion is missing")
        try:
            claims = jwt.decode(assertion, self._public_key, algorithms=["RS256"]).claims
        except (JoseError, ValueError) as exc:
            raise oauth_refusal(400, "invalid_grant", "the assertion is not a JWT signed by this API client") from exc
        problem = self._problem_with(claims)
        if problem is not None:
            raise oauth_refusal(400, "invalid_grant", f"the assertion's {problem}")

    def _problem_with(self, claims: dict[str, Any]) -> str | None:
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self._credentials.client_id:
            return "iss is not the client id"
        if claims.get("sub") != self._credentials.username:
            return "sub is not a user of this API client"
        if not any(isinstance(entry, str) and self._is_audience(entry) for entry in audiences):
            return "aud is not this tenant's token endpoint"
        return self._problem_with_expiry(claims.get("exp"))

    def _is_audience(self, audience: str) -> bool:
        return audience == JWT_AUDIENCE or audience.endswith(f"/ccx/oauth2/{self._credentials.tenant}/token")

    def _problem_with_expiry(self, exp: object) -> str | None:
        if not isinstance(exp, int | float) or isinstance(exp, bool):
            return "exp is missing"
        left = exp - self._clock().timestamp()
        if left < -CLOCK_SKEW.total_seconds():
            return "exp has passed"
        return "exp is too far ahead" if left > LONGEST_ASSERTION.total_seconds() else None


def _form(body: bytes, content_type: str) -> dict[str, str]:
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise oauth_refusal(400, "invalid_request", "the request must be form encoded")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True)
    except ValueError as exc:
        raise oauth_refusal(400, "invalid_request", "the form cannot be read") from exc
    form = dict(pairs)
    if len(form) != len(pairs):
        raise oauth_refusal(400, "invalid_request", "a parameter is given twice")
    return form


def _form_client(form: dict[str, str]) -> tuple[str, str]:
    return form.get("client_id", ""), form.get("client_secret", "")


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise oauth_refusal(401, "invalid_client", "client authentication must be HTTP Basic")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as exc:
        raise oauth_refusal(401, "invalid_client", "client authentication cannot be read") from exc
    # OAuth percent-encodes both halves first (RFC 6749, section 2.3.1); some clients do not, so both pass.
    return unquote(client_id), unquote(secret)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())

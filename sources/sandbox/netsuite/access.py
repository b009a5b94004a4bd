"""Both ways into the account: OAuth 2.0 client credentials with a signed assertion, and token-based OAuth 1.0a.

Bearer tokens live 60 minutes, cannot be refreshed and are forgotten when the sandbox stops. The TBA
pair has no expiry; each signed request may be used once and within five minutes of its timestamp.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from oauthlib.oauth1.rfc5849 import signature as oauth1
from oauthlib.oauth1.rfc5849.utils import escape

from sources.sandbox.core import Clock
from sources.sandbox.credentials import NetSuiteCredentials
from sources.sandbox.netsuite.replies import Refusal, Reply, invalid_login

TOKEN_LIFETIME = timedelta(minutes=60)
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPE = "rest_webservices"
_ALGORITHMS = ["PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
_MAX_ASSERTION_AGE_S = 3600
_CLOCK_LEEWAY_S = 60
_TIMESTAMP_WINDOW_S = 300
_HEADER_PARAMETER = re.compile(r'\s*([A-Za-z_]+)="([^"]*)"\s*')
_SIGNED_PARAMETERS = (
    "oauth_consumer_key",
    "oauth_token",
    "oauth_signature_method",
    "oauth_timestamp",
    "oauth_nonce",
    "oauth_signature",
)


def tba_signature(method: str, url: str, authorization: str, *, consumer_secret: str, token_secret: str) -> str:
    """The base64 HMAC-SHA256 signature a request must carry (RFC 5849 3.4, query parameters included).

    `authorization` is the request's Authorization header; its realm and oauth_signature stay out.
    Raises ValueError for a URL or header that cannot be read.
    """
    address, _, query = url.partition("?")
    parameters = oauth1.collect_parameters(
        uri_query=query, headers={"Authorization": authorization}, exclude_oauth_signature=True, with_realm=False
    )
    base = oauth1.signature_base_string(
        method,  # type: ignore[arg-type] # the stubs list the verbs, the function takes any
        oauth1.base_string_uri(address),
        oauth1.normalize_parameters(parameters),  # type: ignore[arg-type] # it takes pairs, as the one above gives
    )
    key = f"{escape(consumer_secret)}&{escape(token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()).decode()


class TokenRefused(Exception):
    """The token endpoint's refusal: an RFC 6749 error name and its status."""

    def __init__(self, name: str, status: int = 400) -> None:
        super().__init__(name)
        self.name = name
        self.status = status


class Access:
    """Decides who may call: issues bearer tokens, checks them and the TBA signatures."""

    def __init__(self, credentials: NetSuiteCredentials, clock: Clock) -> None:
        self._credentials = credentials
        self._clock = clock
        self._key = _public_key(credentials.public_key_pem)
        self._tokens: dict[str, datetime] = {}
        self._nonces: dict[tuple[str, str], datetime] = {}
        self.realm = credentials.account.upper().replace("-", "_")

    # -- OAuth 2.0 -------------------------------------------------------------------------------

    def token_reply(self, form: bytes, token_url: str) -> Reply:
        """The token endpoint's answer to a form-encoded request that was addressed to `token_url`."""
        try:
            self._check_grant(_form(form), token_url)
        except TokenRefused as refused:
            return Reply(refused.status, {"error": refused.name}, "application/json")
        body = {
            "access_token": self.issue_token(),
            "expires_in": int(TOKEN_LIFETIME.total_seconds()),
            "token_type": "Bearer",
        }
        return Reply(200, body, "application/json", {"Cache-Control": "no-store"})

    def issue_token(self) -> str:
        """A new bearer token, in a JWT's three parts but opaque to everyone."""
        now = self._clock()
        self._tokens = {token: expiry for token, expiry in self._tokens.items() if expiry > now}
        token = ".".join(secrets.token_urlsafe(size) for size in (24, 96, 48))
        self._tokens[token] = now + TOKEN_LIFETIME
        return token

    def expire_tokens(self) -> None:
        """Forget every bearer token at once."""
        self._tokens.clear()

    def _check_grant(self, form: dict[str, str], token_url: str) -> None:
        if form.get("grant_type") != "client_credentials":
            raise TokenRefused("unsupported_grant_type" if "grant_type" in form else "invalid_request")
        if form.get("client_assertion_type") != ASSERTION_TYPE or not form.get("client_assertion"):
            raise TokenRefused("invalid_request")
        claims = self._verified_claims(form["client_assertion"])
        if claims.get("iss") != self._credentials.client_id:
            raise TokenRefused("invalid_client", 401)
        audiences = claims.get("aud")
        if token_url not in (audiences if isinstance(audiences, list) else [audiences]):
            raise TokenRefused("invalid_client", 401)
        self._check_lifetime(claims)
        if SCOPE not in _scopes(claims.get("scope")):
            raise TokenRefused("invalid_scope")

    def _verified_claims(self, assertion: str) -> dict[str, Any]:
        try:
            token = jwt.decode(assertion, self._key, algorithms=_ALGORITHMS)
        except (JoseError, ValueError) as exc:
            raise TokenRefused("invalid_client", 401) from exc
        if token.header.get("kid") != self._credentials.certificate_id or token.header.get("typ") != "JWT":
            raise TokenRefused("invalid_client", 401)
        return dict(token.claims)

    def _check_lifetime(self, claims: dict[str, Any]) -> None:
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, (int, float)) or not isinstance(expires, (int, float)):
            raise TokenRefused("invalid_request")
        now = self._clock().timestamp()
        if expires <= now or issued > now + _CLOCK_LEEWAY_S or expires - issued > _MAX_ASSERTION_AGE_S:
            raise TokenRefused("invalid_grant")

    # -- every call ------------------------------------------------------------------------------

    def check(self, method: str, url: str, authorization: str | None) -> None:
        """Let a request pass or raise the vendor's 401; `url` is the address as the client wrote it."""
        scheme, _, rest = (authorization or "").partition(" ")
        match scheme.lower():
            case "bearer":
                self._check_bearer(rest.strip())
            case "oauth":
                self._check_signature(method, url, authorization or "")
            case _:
                raise self._refused("no_token")

    def _check_bearer(self, token: str) -> None:
        expiry = self._tokens.get(token)
        if expiry is None or expiry <= self._clock():
            raise self._refused("invalid_token")

    def _check_signature(self, method: str, url: str, authorization: str) -> None:
        given = _oauth_parameters(authorization)
        if any(not given.get(name) for name in _SIGNED_PARAMETERS):
            raise self._refused("parameter_absent")
        known = self._credentials
        if given.get("oauth_version", "1.0") != "1.0" or given["oauth_signature_method"] != "HMAC-SHA256":
            raise self._refused("signature_method_rejected")
        if given.get("realm") != self.realm:
            raise self._refused("realm_rejected")
        if given["oauth_consumer_key"] != known.consumer_key:
            raise self._refused("consumer_key_unknown")
        if given["oauth_token"] != known.token_id:
            raise self._refused("token_rejected")
        self._check_signature_value(method, url, authorization, given["oauth_signature"])
        self._check_freshness(given["oauth_timestamp"], given["oauth_nonce"])

    def _check_signature_value(self, method: str, url: str, authorization: str, given: str) -> None:
        known = self._credentials
        try:
            expected = tba_signature(
                method,
                url,
                authorization,
                consumer_secret=known.consumer_secret,
                token_secret=known.token_secret,
            )
        except ValueError as exc:
            raise self._refused("signature_invalid") from exc
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise self._refused("signature_invalid")

    def _check_freshness(self, timestamp: str, nonce: str) -> None:
        """After the signature, so that nobody without the secrets can use up another caller's nonce."""
        now = self._clock()
        if not timestamp.isdigit() or abs(int(timestamp) - now.timestamp()) > _TIMESTAMP_WINDOW_S:
            raise self._refused("timestamp_refused")
        if (timestamp, nonce) in self._nonces:
            raise self._refused("nonce_used")
        self._nonces[(timestamp, nonce)] = now
        if len(self._nonces) % 1024 == 0:
            horizon = now - timedelta(seconds=2 * _TIMESTAMP_WINDOW_S)
            self._nonces = {key: seen for key, seen in self._nonces.items() if seen > horizon}

    def _refused(self, reason: str) -> Refusal:
        return invalid_login(self.realm, reason)


def _public_key(pem: str) -> RSAKey | ECKey:
    try:
        return RSAKey.import_key(pem)
    except (ValueError, TypeError, JoseError):
        return ECKey.import_key(pem)


def _form(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True)
    except (UnicodeDecodeError, ValueError) as exc:
        raise TokenRefused("invalid_request") from exc
    if any(len(values) != 1 for values in fields.values()):
        raise TokenRefused("invalid_request")
    return {name: values[0] for name, values in fields.items()}


def _scopes(claim: object) -> list[str]:
    if isinstance(claim, list):
        return [str(scope) for scope in claim]
    return re.split(r"[\s,]+", claim) if isinstance(claim, str) else []


def _oauth_parameters(authorization: str) -> dict[str, str]:
    """The header's parameters, percent-decoded; an unreadable piece is left out and so found missing."""
    pieces = authorization.partition(" ")[2].split(",")
    found = (_HEADER_PARAMETER.fullmatch(piece) for piece in pieces)
    return {match[1]: unquote(match[2]) for match in found if match is not None}

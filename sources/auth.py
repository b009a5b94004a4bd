"""How the hub proves itself to systems: one httpx.Auth per flow.

Tokens are fetched over a connection of their own, so a failing token endpoint is never mistaken for a
failing call, and a call whose token could not be had is known not to have been sent. One fetch at a time
per system; a token is renewed shortly before its end, and once more when the system answers 401.
Bad credentials raise SourceMisconfigured. Nothing here shows secrets in a message or a repr.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import httpx
from joserfc import jwk, jwt
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, Client

from hub.context import remaining
from hub.errors import HubError, SourceError, SourceMisconfigured, SourceShapeBroken, SourceUnavailable
from sources.faults import Response, refused, unreachable

TOKEN_TIMEOUT_S = 10.0
EARLY_S = 30.0
"""A token is renewed this long before its end, so that none dies on the way."""
ASSERTION_S = 180
"""Life of a signed assertion; every vendor here allows at least this."""


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """An access token, the `time.monotonic` instant of its end (None: unknown), and the address it is good for."""

    value: str
    ends_at: float | None = None
    address: str | None = None


class StaticBearer(httpx.Auth):
    """A token that a person made in the vendor's console and that lives until revoked."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the token."""
        request.headers["Authorization"] = self._header
        yield request


class TokenAuth(httpx.Auth):
    """The flow that all token grants share; a grant says which form it posts.

    `follow_address`: send calls to the `instance_url` that comes with the token (Salesforce).
    """

    def __init__(
        self,
        system: str,
        token_url: str,
        *,
        follow_address: bool = False,
        client_factory: Callable[..., httpx.AsyncClient] = httpx.AsyncClient,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._system = system
        self._token_url = token_url
        self._follow_address = follow_address
        self._client_factory = client_factory
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: Token | None = None

    def form(self) -> Mapping[str, str]:
        """The form that asks for a token."""
        raise NotImplementedError

    def basic(self) -> tuple[str, str] | None:
        """Credentials that go into the Basic header of the token call, None for none."""
        return None

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send with the current token; once more with a new one when the system answers 401."""
        token = await self._current()
        response = yield self._signed(request, token)
        if response.status_code == 401:
            yield self._signed(request, await self._renewed(token))

    def _signed(self, request: httpx.Request, token: Token) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {token.value}"
        if self._follow_address and token.address:
            home = httpx.URL(token.address)
            request.url = request.url.copy_with(scheme=home.scheme, host=home.host, port=home.port)
            request.headers["Host"] = request.url.netloc.decode()
        return request

    async def _current(self) -> Token:
        token = self._token
        if token is not None and (token.ends_at is None or self._clock() < token.ends_at - EARLY_S):
            return token
        return await self._renewed(token)

    async def _renewed(self, old: Token | None) -> Token:
        """A token other than `old`: whoever comes first fetches it, the others take what it got."""
        async with self._lock:
            if self._token is None or self._token is old:
                self._token = await self._fetched()
            return self._token

    async def _fetched(self) -> Token:
        operation = "token"
        limit = remaining(TOKEN_TIMEOUT_S)
        if limit <= 0:
            raise SourceUnavailable(self._system, "no time was left to sign in", operation=operation, sent=False)
        try:
            async with asyncio.timeout(limit), self._client_factory(timeout=limit, trust_env=False) as client:
                raw = await client.post(
                    self._token_url, data=dict(self.form()), auth=self.basic() or httpx.USE_CLIENT_DEFAULT
                )
        except httpx.RequestError as exc:
            error = unreachable(exc, self._system, operation)
            error.sent = False  # the token call may have been; the call that needs the token was not
            raise error from exc
        except TimeoutError as exc:
            raise SourceUnavailable(self._system, "no token in time", operation=operation, sent=False) from exc
        return self._read(raw, operation)

    def _read(self, raw: httpx.Response, operation: str) -> Token:
        """The token in the answer, or the error it stands for."""
        if raw.status_code != 200:
            raise _token_refusal(Response(self._system, operation, raw.status_code, raw.headers, raw.content, None))
        try:
            body: Any = raw.json()
        except ValueError as exc:
            raise SourceShapeBroken(self._system, "the token answer is not JSON", operation=operation) from exc
        if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
            raise SourceShapeBroken(self._system, "the token answer has no access_token", operation=operation)
        lifetime = body.get("expires_in")
        ends_at = self._clock() + float(lifetime) if isinstance(lifetime, int | float | str) else None
        address = body.get("instance_url")
        return Token(body["access_token"], ends_at, address if isinstance(address, str) else None)


def _token_refusal(response: Response) -> HubError:
    """A token endpoint answers bad credentials with 400 or 401; both are for a person to mend."""
    error = refused(response)
    if isinstance(error, SourceUnavailable):
        error.sent = False
        return error
    if isinstance(error, SourceError) and response.status in (400, 401, 403, 404):
        return SourceMisconfigured(
            response.system, f"did not accept our credentials ({response.status})", operation=response.operation
        )
    return error


class ClientCredentials(TokenAuth):
    """OAuth 2.0 client credentials with id and secret, in the form or (`basic_header`) in a Basic header."""

    def __init__(
        self,
        system: str,
        token_url: str,
        *,
        client_id: str,
        client_secret: str,
        scope: str | None = None,
        basic_header: bool = False,
        **flow: Any,
    ) -> None:
        super().__init__(system, token_url, **flow)
        self._credentials = (client_id, client_secret)
        self._scope = scope
        self._basic_header = basic_header

    def form(self) -> Mapping[str, str]:
        """See TokenAuth.form."""
        form = {"grant_type": "client_credentials"}
        if self._scope:
            form["scope"] = self._scope
        if not self._basic_header:
            form["client_id"], form["client_secret"] = self._credentials
        return form

    def basic(self) -> tuple[str, str] | None:
        """See TokenAuth.basic."""
        return self._credentials if self._basic_header else None


class RefreshToken(TokenAuth):
    """A long-lived refresh token, exchanged with the client's id and secret in a Basic header (Workday)."""

    def __init__(
        self, system: str, token_url: str, *, client_id: str, client_secret: str, refresh_token: str, **flow: Any
    ) -> None:
        super().__init__(system, token_url, **flow)
        self._credentials = (client_id, client_secret)
        self._refresh_token = refresh_token

    def form(self) -> Mapping[str, str]:
        """See TokenAuth.form."""
        return {"grant_type": "refresh_token", "refresh_token": self._refresh_token}

    def basic(self) -> tuple[str, str] | None:
        """See TokenAuth.basic."""
        return self._credentials


class JwtBearer(TokenAuth):
    """A signed assertion as the grant itself (RFC 7523 2.1): Salesforce, Workday.

    `claims` are the vendor's own; `exp` is added, in seconds. `private_key_pem` is PEM text.
    """

    def __init__(
        self,
        system: str,
        token_url: str,
        *,
        claims: Mapping[str, Any],
        private_key_pem: str,
        algorithm: str = "RS256",
        extra_form: Mapping[str, str] | None = None,
        basic_credentials: tuple[str, str] | None = None,
        **flow: Any,
    ) -> None:
        super().__init__(system, token_url, **flow)
        self._claims = dict(claims)
        self._sign = _signer(system, private_key_pem, algorithm, {})
        self._extra_form = dict(extra_form or {})
        self._basic = basic_credentials

    def form(self) -> Mapping[str, str]:
        """See TokenAuth.form."""
        assertion = self._sign({**self._claims, "exp": int(time.time()) + ASSERTION_S})
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": assertion,
            **self._extra_form,
        }

    def basic(self) -> tuple[str, str] | None:
        """See TokenAuth.basic."""
        return self._basic


class ClientAssertion(TokenAuth):
    """Client credentials proved by a signed assertion (RFC 7523 2.2): NetSuite's machine-to-machine flow.

    `key_id` is the certificate's id in the vendor's console; `scope` goes into the assertion as a list.
    """

    def __init__(
        self,
        system: str,
        token_url: str,
        *,
        client_id: str,
        key_id: str,
        private_key_pem: str,
        scope: tuple[str, ...],
        algorithm: str = "PS256",
        audience: str | None = None,
        **flow: Any,
    ) -> None:
        super().__init__(system, token_url, **flow)
        self._claims = {"iss": client_id, "scope": list(scope), "aud": audience or token_url}
        self._sign = _signer(system, private_key_pem, algorithm, {"kid": key_id})

    def form(self) -> Mapping[str, str]:
        """See TokenAuth.form."""
        now = int(time.time())
        assertion = self._sign({**self._claims, "iat": now, "exp": now + ASSERTION_S, "jti": token_hex(16)})
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }


def _signer(
    system: str, private_key_pem: str, algorithm: str, header: Mapping[str, str]
) -> Callable[[dict[str, Any]], str]:
    """A function that signs claims; a key that cannot be read is a fault of the configuration."""
    try:
        key = jwk.import_key(private_key_pem, "EC" if algorithm.startswith("ES") else "RSA")
    except ValueError as exc:
        raise SourceMisconfigured(system, "the private key cannot be read", operation="token") from exc
    return lambda claims: jwt.encode({**header, "alg": algorithm}, claims, key, algorithms=[algorithm])


class OAuth1(httpx.Auth):
    """OAuth 1.0a with HMAC-SHA256 in the header (RFC 5849): NetSuite's token-based authentication.

    Method, address and query are signed, a JSON body is not. `nonce` and `timestamp` are for the published
    test vectors only.
    """

    def __init__(
        self,
        *,
        realm: str,
        consumer_key: str,
        consumer_secret: str,
        token_id: str,
        token_secret: str,
        nonce: str | None = None,
        timestamp: str | None = None,
    ) -> None:
        self._client = Client(
            consumer_key,
            client_secret=consumer_secret,
            resource_owner_key=token_id,
            resource_owner_secret=token_secret,
            signature_method=SIGNATURE_HMAC_SHA256,
            realm=realm,
            nonce=nonce,
            timestamp=timestamp,
        )

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign and send."""
        method: Any = request.method  # oauthlib's type names each method
        _, headers, _ = self._client.sign(str(request.url), http_method=method)
        request.headers["Authorization"] = headers["Authorization"]
        yield request

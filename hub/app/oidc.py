"""Signing keys of an OpenID provider: found by discovery, kept, and fetched again when it signs with a new one.

Source: OpenID Connect Discovery 1.0, section 4; RFC 7517. Whoever sends tokens with invented key ids
causes at most one fetch per PAUSE_S. Requests with known keys never wait for one: keys that are older than
REFRESH_S serve while they are fetched again, so a withdrawn key serves until the first fetch after that age, and
never longer than LONGEST_KEPT_S.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from hub.errors import HubError

log = logging.getLogger(__name__)

DISCOVERY = "/.well-known/openid-configuration"
TIMEOUT_S = 5.0
LARGEST_BYTES = 256 * 1024
MOST_KEYS = 100
PAUSE_S = 30.0
"""Least time between two fetches."""
REFRESH_S = 3_600.0
"""Age at which the next request has the keys fetched again, so that a withdrawn one does not stay."""
LONGEST_KEPT_S = 24 * 3_600.0
"""How long keys serve at most when none can be fetched: because the provider does not answer, or nobody asks."""
SMALLEST_RSA_BITS = 2_048
_BY_TYPE = {"EC": frozenset({"ES256"}), "RSA": frozenset({"RS256", "PS256"})}
ALGORITHMS = frozenset[str]().union(*_BY_TYPE.values())
"""What tokens may be signed with; each key further limits it to its own type's."""


class ProviderUnavailable(HubError):
    """The keys of an issuer cannot be had, so its tokens can be neither accepted nor refused. Try again later."""

    code = "SOURCE_UNAVAILABLE"
    retriable = True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key and the algorithms that it may be used with."""

    key: ECKey | RSAKey
    algorithms: frozenset[str]


class FixedKeys:
    """Keys that never change: the installation's own."""

    def __init__(self, *keys: ECKey) -> None:
        self._keys = {str(key.kid): SigningKey(key, frozenset({"ES256"})) for key in keys}

    async def find(self, kid: str) -> SigningKey | None:
        """The key with that id."""
        return self._keys.get(kid)


class DiscoveredKeys:
    """The keys of one provider; one fetch at a time."""

    def __init__(
        self,
        issuer: str,
        *,
        client: Callable[[], httpx.AsyncClient] = httpx.AsyncClient,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._client = client
        self._clock = clock
        self._keys: Mapping[str, SigningKey] = {}
        self._fetched: float | None = None
        self._tried = float("-inf")
        self._lock = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> SigningKey | None:
        """The key with that id, None where the provider has none. Raises ProviderUnavailable.

        The same object until the keys are fetched again: whoever keeps what a key has proven asks for it again.
        """
        if kid not in self._keys or self._age() > LONGEST_KEPT_S:
            await self._refresh(kid)
        elif self._age() > REFRESH_S:
            self._refresh_beside(kid)
        if self._age() > LONGEST_KEPT_S:
            raise ProviderUnavailable("The identity provider does not answer.")
        return self._keys.get(kid)

    def _refresh_beside(self, kid: str) -> None:
        """Fetch the keys while requests go on with those that are known; one such fetch at a time."""
        idle = self._refreshing is None or self._refreshing.done()
        if idle and self._clock() - self._tried >= PAUSE_S:
            self._refreshing = asyncio.create_task(self._refresh(kid), name=f"signing keys of {self._issuer}")

    def _age(self) -> float:
        return float("inf") if self._fetched is None else self._clock() - self._fetched

    async def _refresh(self, kid: str) -> None:
        async with self._lock:
            done_meanwhile = kid in self._keys and self._age() <= REFRESH_S
            if done_meanwhile or self._clock() - self._tried < PAUSE_S:
                return
            self._tried = self._clock()
            try:
                async with asyncio.timeout(2 * TIMEOUT_S), self._client() as client:
                    self._keys = signing_keys(await self._published(client))
            except (httpx.HTTPError, httpx.InvalidURL, ValueError, TimeoutError) as problem:
                log.warning("the signing keys of %s cannot be read: %s", self._issuer, problem)
                return
            self._fetched = self._clock()

    async def _published(self, client: httpx.AsyncClient) -> Any:
        """The provider's key set. Raises ValueError for what is not to be trusted."""
        about = await _json(client, self._issuer.rstrip("/") + DISCOVERY)
        if not isinstance(about, dict) or about.get("issuer") != self._issuer:
            raise ValueError("discovery names another issuer")
        where = about.get("jwks_uri")
        if not isinstance(where, str):
            raise ValueError("discovery names no key set")  # noqa: TRY004 -- the value is wrong, not our code
        return await _json(client, where)


async def _json(client: httpx.AsyncClient, address: str) -> Any:
    require_safe(address)
    body = b""
    async with client.stream("GET", address, timeout=TIMEOUT_S, follow_redirects=False) as response:
        if response.status_code != httpx.codes.OK:
            raise ValueError(f"status {response.status_code}")
        async for part in response.aiter_bytes():
            body += part
            if len(body) > LARGEST_BYTES:
                raise ValueError("the answer is too long")
    return json.loads(body)


def require_safe(address: str) -> None:
    """Raise ValueError unless keys may be fetched there: by TLS, or from this machine."""
    parts = urlsplit(address)
    if parts.username or parts.password or not parts.hostname:
        raise ValueError("the address is not acceptable")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise ValueError("the address must begin with https://")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def signing_keys(published: Any) -> dict[str, SigningKey]:
    """The usable keys of a key set by id; others are left out. Raises ValueError for what is no key set."""
    keys = published.get("keys") if isinstance(published, dict) else None
    if not isinstance(keys, list):
        raise ValueError("this is no key set")  # noqa: TRY004 -- the value is wrong, not our code
    return dict(_usable(keys[:MOST_KEYS]))


def _usable(keys: Iterable[Any]) -> Iterable[tuple[str, SigningKey]]:
    for given in keys:
        if not isinstance(given, dict) or not isinstance(given.get("kid"), str):
            continue
        algorithms = _algorithms(given)
        if algorithms:
            try:
                yield given["kid"], SigningKey(_imported(given), algorithms)
            except (JoseError, ValueError, TypeError, KeyError):
                continue


def _algorithms(given: Mapping[str, Any]) -> frozenset[str]:
    """What the key may be used with; nothing for one that is not for signatures, or is no longer a secret."""
    for_signatures = given.get("use", "sig") == "sig" and "verify" in given.get("key_ops", ["verify"])
    if not for_signatures or "d" in given:
        return frozenset()
    own = _BY_TYPE.get(str(given.get("kty")), frozenset())
    return own & {given["alg"]} if "alg" in given else own


def _imported(given: Mapping[str, Any]) -> ECKey | RSAKey:
    if given["kty"] == "EC":
        if given.get("crv") != "P-256":
            raise ValueError("another curve")
        return ECKey.import_key(dict(given))
    if len(base64.urlsafe_b64decode(given["n"] + "==")) * 8 < SMALLEST_RSA_BITS:
        raise ValueError("too short a key")
    return RSAKey.import_key(dict(given))

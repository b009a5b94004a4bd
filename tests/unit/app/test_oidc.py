"""Keys of an OpenID provider: found, rotated, refused; and tokens signed with them."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from hub.app.auth import ClaimNames, Issuer, Unauthenticated, Verifier
from hub.app.oidc import (
    LONGEST_KEPT_S,
    PAUSE_S,
    REFRESH_S,
    DiscoveredKeys,
    ProviderUnavailable,
    require_safe,
    signing_keys,
)
from hub.domain.ownership import Role
from hub.errors import ConfigError
from hub.settings import read_settings

ISSUER = "https://login.example/realm"
NOW = datetime(2026, 3, 31, 8, tzinfo=UTC)
EC = ECKey.generate_key("P-256", {"kid": "ec-1"})
NEW_EC = ECKey.generate_key("P-256", {"kid": "ec-2"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1"})
Key = ECKey | RSAKey


@dataclass
class Provider:
    """An identity provider: what it publishes, whether it answers, how often it was asked."""

    keys: list[Any] = field(default_factory=lambda: [EC.as_dict(private=False), RSA.as_dict(private=False)])
    about: dict[str, Any] = field(default_factory=lambda: {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"})
    down: bool = False
    fetches: int = 0
    now: float = 1_000.0
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Answer at once, until told to be silent."""
        self.answers.set()

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, as soon as the provider answers at all."""
        await self.answers.wait()
        if self.down:
            raise httpx.ConnectError("down", request=request)
        if request.url.path.endswith("/openid-configuration"):
            self.fetches += 1
            return httpx.Response(200, json=self.about)
        return httpx.Response(200, json={"keys": self.keys})

    def found(self) -> DiscoveredKeys:
        """Give the provider's keys."""
        transport = httpx.MockTransport(self.answer)
        return DiscoveredKeys(ISSUER, client=lambda: httpx.AsyncClient(transport=transport), clock=lambda: self.now)


@pytest.fixture
def provider() -> Provider:
    """Give a provider."""
    return Provider()


def token(key: Key = EC, algorithm: str = "ES256", kid: str | None = None, **changes: Any) -> str:
    """Sign a token."""
    issued = int(NOW.timestamp())
    claims = {"iss": ISSUER, "aud": "hub", "sub": "u1", "iat": issued, "exp": issued + 300, "roles": ["pmo"]}
    header = {"alg": algorithm, "kid": kid or key.kid}
    return "Bearer " + jwt.encode(header, {**claims, **changes}, key, algorithms=[algorithm])


def verifier(provider: Provider, names: ClaimNames | None = None) -> Verifier:
    """Trust the provider."""
    return Verifier(Issuer(ISSUER, "hub", provider.found(), names or ClaimNames()), now=lambda: NOW)


@pytest.mark.parametrize(("key", "algorithm"), [(EC, "ES256"), (RSA, "RS256"), (RSA, "PS256")])
async def test_its_tokens_are_good(provider: Provider, key: Key, algorithm: str) -> None:
    """With each algorithm that its keys may be used with; the keys are fetched once."""
    trusted = verifier(provider)
    for subject in ("u1", "u2"):
        assert (await trusted.caller(token(key, algorithm, sub=subject))).issuer == ISSUER
    assert provider.fetches == 1


async def test_a_new_key_is_found_when_it_is_first_used(provider: Provider) -> None:
    """Not more often than once a pause, whatever ids tokens invent, and the old key serves meanwhile."""
    trusted = verifier(provider)
    await trusted.caller(token())
    provider.keys.append(NEW_EC.as_dict(private=False))
    for n in range(5):
        with pytest.raises(Unauthenticated):
            await trusted.caller(token(NEW_EC, jti=str(n)))
    assert provider.fetches == 1
    provider.now += PAUSE_S
    await trusted.caller(token(NEW_EC))
    assert provider.fetches == 2
    for n in range(5):
        with pytest.raises(Unauthenticated):
            await trusted.caller(token(kid=f"invented-{n}"))
    assert provider.fetches == 2


async def fetched(trusted: Verifier) -> None:
    """Wait for the fetch that runs beside the requests: who comes with an unknown key does."""
    with pytest.raises(Unauthenticated):
        await trusted.caller(token(kid="invented"))


async def test_a_withdrawn_key_goes(provider: Provider) -> None:
    """At the next refresh; while the provider is silent its last keys serve, but not for good."""
    keys = provider.found()
    assert await keys.find("ec-1") is not None
    provider.keys = [RSA.as_dict(private=False)]
    provider.now += REFRESH_S + 1
    assert await keys.find("invented") is None
    assert await keys.find("ec-1") is None
    provider.down = True
    provider.now += REFRESH_S + 1
    assert await keys.find("rsa-1") is not None
    provider.now += LONGEST_KEPT_S
    with pytest.raises(ProviderUnavailable):
        await keys.find("rsa-1")


async def test_nobody_with_a_known_key_waits_for_a_silent_provider(provider: Provider) -> None:
    """One fetch is under way; what it brings serves those who come later."""
    trusted = verifier(provider)
    await trusted.caller(token())
    provider.now += REFRESH_S + 1
    provider.answers.clear()
    async with asyncio.timeout(1):
        for n in range(5):
            await trusted.caller(token(jti=str(n)))
    provider.keys = [NEW_EC.as_dict(private=False)]
    provider.answers.set()
    await fetched(trusted)
    assert provider.fetches == 2
    await trusted.caller(token(NEW_EC))
    assert provider.fetches == 2


async def test_a_remembered_token_goes_with_its_key(provider: Provider) -> None:
    """Also where another key comes under the same id; a key that stays is believed again."""
    trusted = verifier(provider)
    headers = [token(), token(RSA, "RS256")]
    for header in headers:
        await trusted.caller(header)
    provider.keys = [{**NEW_EC.as_dict(private=False), "kid": "ec-1"}, RSA.as_dict(private=False)]
    provider.now += REFRESH_S + 1
    await trusted.caller(headers[1])
    await fetched(trusted)
    with pytest.raises(Unauthenticated):
        await trusted.caller(headers[0])
    assert (await trusted.caller(headers[1])).subject == "u1"
    provider.keys = []
    provider.now += REFRESH_S + 1
    await trusted.caller(headers[1])
    await fetched(trusted)
    with pytest.raises(Unauthenticated):
        await trusted.caller(headers[1])


async def test_what_is_remembered_ends_when_the_keys_are_too_old(provider: Provider) -> None:
    """Nobody can tell any more whether the key is still the provider's."""
    trusted = verifier(provider)
    await trusted.caller(token())
    provider.down = True
    provider.now += LONGEST_KEPT_S + 1
    with pytest.raises(ProviderUnavailable):
        await trusted.caller(token())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: setattr(p, "down", True),
        lambda p: p.about.update(issuer="https://other.example"),
        lambda p: p.about.update(jwks_uri="http://login.example/keys"),
        lambda p: p.about.update(jwks_uri="https://u:p@login.example/keys"),
        lambda p: p.about.pop("jwks_uri"),
        lambda p: p.about.update(padding="x" * 300_000),
    ],
    ids=["down", "another issuer", "without TLS", "with a password", "no key set", "too long"],
)
async def test_what_is_not_to_be_trusted_gives_no_keys(provider: Provider, spoil: Callable[[Provider], None]) -> None:
    """Then nobody can be told to be who they say: try again later."""
    spoil(provider)
    with pytest.raises(ProviderUnavailable):
        await verifier(provider).caller(token())


def test_only_usable_keys_are_taken() -> None:
    """Public signature keys of our types, long enough, each for its own algorithms."""
    with warnings.catch_warnings(action="ignore"):
        short = RSAKey.generate_key(1024, {"kid": "short"})
    p384 = ECKey.generate_key("P-384", {"kid": "p384"})
    oct_key = OctKey.generate_key(256, {"kid": "oct"})
    published = [
        EC.as_dict(private=False),
        {**RSA.as_dict(private=False), "alg": "PS256"},
        {**EC.as_dict(private=False), "kid": "for-encryption", "use": "enc"},
        {**EC.as_dict(private=False), "kid": "wrong-algorithm", "alg": "RS256"},
        {**EC.as_dict(private=True), "kid": "no-secret"},
        {**EC.as_dict(private=False), "kid": "broken", "x": "!"},
        short.as_dict(private=False),
        p384.as_dict(private=False),
        oct_key.as_dict(private=True),
        "nonsense",
    ]
    found = signing_keys({"keys": published})
    assert {kid: set(key.algorithms) for kid, key in found.items()} == {"ec-1": {"ES256"}, "rsa-1": {"PS256"}}


@pytest.mark.parametrize("address", ["http://login.example", "ftp://localhost", "https://", "https://u@x", "file:///x"])
def test_keys_come_by_tls_or_from_this_machine(address: str) -> None:
    """Anything else could be changed on the way."""
    with pytest.raises(ValueError, match=r"address|https"):
        require_safe(address)
    require_safe("http://127.0.0.1:9/x")
    require_safe("http://[::1]/x")


async def test_claims_may_have_other_names(provider: Provider) -> None:
    """Names with dots are names first and paths second; an e-mail that is not verified is none."""
    names = ClaimNames(
        "realm_access.roles", "https://hub.example/practices", "scope.entities", "mail", role_prefix="plumbline-"
    )
    given: dict[str, Any] = {
        "roles": None,
        "realm_access": {"roles": ["plumbline-pmo", "executive", "offline"]},
        "https://hub.example/practices": ["DATA"],
        "scope": {"entities": ["UK01"]},
        "mail": "ann@example.com",
    }
    caller = await verifier(provider, names).caller(token(**given))
    assert caller.roles == {Role.PMO}
    assert [*caller.practices, *caller.legal_entities] == ["DATA", "UK01"]
    assert caller.email == "ann@example.com"
    assert (await verifier(provider, names).caller(token(**given, email_verified=False))).email is None


def test_settings_name_providers() -> None:
    """One audience for all or one each; addresses by TLS; every mistake is told."""
    both = {"HUB_OIDC_ISSUER": "https://a.example, https://b.example", "HUB_OIDC_AUDIENCE": "x,y"}
    assert read_settings(both).providers == {"https://a.example": "x", "https://b.example": "y"}
    assert set(read_settings({**both, "HUB_OIDC_AUDIENCE": "x"}).providers.values()) == {"x"}
    for bad in (
        {"HUB_OIDC_ISSUER": "https://a.example"},
        {"HUB_OIDC_AUDIENCE": "x"},
        {**both, "HUB_OIDC_AUDIENCE": "x,y,z"},
        {"HUB_OIDC_ISSUER": "http://a.example", "HUB_OIDC_AUDIENCE": "x"},
        {"HUB_OIDC_ISSUER": "plumbline-local", "HUB_OIDC_AUDIENCE": "x"},
    ):
        with pytest.raises(ConfigError):
            read_settings(bad)

"""Signing in over a pretended network, and NetSuite's published signature vectors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import httpx
import pytest
import stamina
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwk, jwt

from hub.errors import SourceMisconfigured, SourceShapeBroken, SourceUnavailable
from sources.auth import ClientAssertion, ClientCredentials, JwtBearer, OAuth1, RefreshToken, StaticBearer, TokenAuth
from sources.transport import Limits, Transport

TOKEN_URL = "https://login.example/token"
VECTORS = Path(__file__).parents[4] / "shared" / "vendors" / "specs" / "netsuite" / "tba_signature_vectors.json"


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Retry without the waits between."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


class Vendor:
    """A token endpoint and an API that takes the tokens it has issued and not revoked."""

    def __init__(self, **token: Any) -> None:
        self.token = token
        self.token_answer: httpx.Response | Exception | None = None
        self.issued: list[httpx.Request] = []
        self.called: list[httpx.Request] = []
        self.good: set[str] = set()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        if str(request.url) == TOKEN_URL:
            return self._issue(request)
        self.called.append(request)
        is_good = request.headers.get("Authorization", "").removeprefix("Bearer ") in self.good
        return httpx.Response(200 if is_good else 401, json={})

    def _issue(self, request: httpx.Request) -> httpx.Response:
        self.issued.append(request)
        if isinstance(self.token_answer, Exception):
            raise self.token_answer
        if self.token_answer is not None:
            return self.token_answer
        value = f"token-{len(self.issued)}"
        self.good.add(value)
        return httpx.Response(200, json={"access_token": value, "token_type": "bearer", **self.token})

    def client(self, **arguments: Any) -> httpx.AsyncClient:
        """Make a client of this network."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self), **arguments)


def credentials(vendor: Vendor, **more: Any) -> ClientCredentials:
    """Make the plainest flow."""
    return ClientCredentials(
        "crm", TOKEN_URL, client_id="id", client_secret="s3cret", client_factory=vendor.client, **more
    )


def transport(vendor: Vendor, auth: httpx.Auth) -> Transport:
    """Make a transport that signs in."""
    return Transport("crm", "https://api.example", auth=auth, client_factory=vendor.client, limits=Limits())


async def test_one_token_serves_all_calls_at_once() -> None:
    """Whoever comes first fetches it; nobody fetches it twice."""
    vendor = Vendor()
    subject = transport(vendor, credentials(vendor))
    await asyncio.gather(*(subject.call("GET", "/x") for _ in range(8)))
    assert len(vendor.issued) == 1
    form = parse_qs(vendor.issued[0].content.decode())
    assert form == {"grant_type": ["client_credentials"], "client_id": ["id"], "client_secret": ["s3cret"]}


async def test_a_token_is_renewed_shortly_before_its_end() -> None:
    """Half a minute before the end counts as ended."""
    now = [0.0]
    vendor = Vendor(expires_in=3600)
    subject = transport(vendor, credentials(vendor, clock=lambda: now[0]))
    for at, expected in ((0.0, 1), (3569.0, 1), (3571.0, 2)):
        now[0] = at
        await subject.call("GET", "/x")
        assert len(vendor.issued) == expected


async def test_a_dead_token_is_replaced_once_for_all_who_met_it() -> None:
    """A 401 costs one renewal, however many calls were under way."""
    vendor = Vendor()
    subject = transport(vendor, credentials(vendor))
    await subject.call("GET", "/x")
    vendor.good.clear()
    await asyncio.gather(*(subject.call("GET", "/x") for _ in range(5)))
    assert len(vendor.issued) == 2


async def test_a_second_401_is_for_a_person() -> None:
    """A new token that is refused as well means that the rights are missing."""
    vendor = Vendor()
    auth = credentials(vendor)
    vendor.token_answer = httpx.Response(200, json={"access_token": "never-good"})
    with pytest.raises(SourceMisconfigured):
        await transport(vendor, auth).call("GET", "/x")
    assert len(vendor.called) == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            httpx.Response(400, json={"error": "invalid_client", "error_description": "s3cret is wrong"}),
            SourceMisconfigured,
        ),
        (httpx.Response(401, json={"error": "invalid_client"}), SourceMisconfigured),
        (httpx.Response(503), SourceUnavailable),
        (httpx.ReadTimeout("late"), SourceUnavailable),
        (httpx.Response(200, text="hello"), SourceShapeBroken),
        (httpx.Response(200, json={"token": "x"}), SourceShapeBroken),
    ],
)
async def test_a_refused_token_is_told_apart_from_an_absent_one(
    answer: httpx.Response | Exception, error: type[Exception]
) -> None:
    """Bad credentials are for a person, a silent endpoint for a retry; neither message repeats what was sent."""
    vendor = Vendor()
    vendor.token_answer = answer
    with pytest.raises(error) as failure:
        await transport(vendor, credentials(vendor)).call("GET", "/x")
    assert "s3cret" not in str(failure.value)
    assert vendor.called == []


async def test_a_write_without_a_token_was_never_sent() -> None:
    """The token call got lost, not the write: nothing is unknown."""
    vendor = Vendor()
    vendor.token_answer = httpx.ReadTimeout("late")
    with pytest.raises(SourceUnavailable) as failure:
        await transport(vendor, credentials(vendor)).call("POST", "/x", json={}, idempotent=False)
    assert failure.value.sent is False


async def test_calls_follow_the_address_that_comes_with_the_token() -> None:
    """Salesforce tells the org's own host with the token."""
    vendor = Vendor(instance_url="https://northlight.my.example")
    await transport(vendor, credentials(vendor, follow_address=True)).call("GET", "/services/data", params={"q": "1"})
    assert str(vendor.called[0].url) == "https://northlight.my.example/services/data?q=1"
    assert vendor.called[0].headers["Host"] == "northlight.my.example"


async def test_the_other_grants_post_their_forms() -> None:
    """Refresh tokens and Basic headers, as Workday wants them; a static token needs no call."""
    vendor = Vendor()
    auth = RefreshToken(
        "hcm", TOKEN_URL, client_id="id", client_secret="s3cret", refresh_token="long", client_factory=vendor.client
    )
    await transport(vendor, auth).call("GET", "/x")
    assert parse_qs(vendor.issued[0].content.decode()) == {"grant_type": ["refresh_token"], "refresh_token": ["long"]}
    assert vendor.issued[0].headers["Authorization"].startswith("Basic ")
    vendor.good.add("fixed")
    await transport(vendor, StaticBearer("fixed")).call("GET", "/x")
    assert len(vendor.issued) == 1


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Write a private key as text."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


async def issued_form(make: Callable[[Vendor], TokenAuth]) -> dict[str, list[str]]:
    """Sign in once and give the form that was posted."""
    vendor = Vendor()
    await transport(vendor, make(vendor)).call("GET", "/x")
    return parse_qs(vendor.issued[0].content.decode())


@pytest.mark.parametrize("algorithm", ["PS256", "ES256"])
async def test_netsuites_assertion_is_signed_with_the_certificates_key(algorithm: str) -> None:
    """Header names the certificate, claims name client, scope list, token address and a short life."""
    text = pem(
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == "ES256"
        else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    form = await issued_form(
        lambda vendor: ClientAssertion(
            "erp",
            TOKEN_URL,
            client_id="client",
            key_id="cert",
            private_key_pem=text,
            scope=("rest_webservices",),
            algorithm=algorithm,
            client_factory=vendor.client,
        )
    )
    token = jwt.decode(
        form["client_assertion"][0],
        jwk.import_key(text, "EC" if algorithm == "ES256" else "RSA"),
        algorithms=[algorithm],
    )
    assert token.header == {"typ": "JWT", "alg": algorithm, "kid": "cert"}
    assert token.claims["iss"] == "client"
    assert token.claims["scope"] == ["rest_webservices"]
    assert token.claims["aud"] == TOKEN_URL
    assert 0 < token.claims["exp"] - token.claims["iat"] <= 3600
    assert form["grant_type"] == ["client_credentials"]


async def test_a_bearer_assertion_is_the_grant_itself() -> None:
    """Salesforce and Workday take the assertion in place of a secret."""
    text = pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    form = await issued_form(
        lambda vendor: JwtBearer(
            "crm", TOKEN_URL, claims={"iss": "key", "sub": "user"}, private_key_pem=text, client_factory=vendor.client
        )
    )
    token = jwt.decode(form["assertion"][0], jwk.import_key(text, "RSA"), algorithms=["RS256"])
    assert token.claims["sub"] == "user"
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]


def test_a_key_that_cannot_be_read_is_a_fault_of_the_configuration() -> None:
    """The message says so and does not show the key."""
    with pytest.raises(SourceMisconfigured) as failure:
        JwtBearer("crm", TOKEN_URL, claims={}, private_key_pem="not a key at all")
    assert "not a key at all" not in str(failure.value)


RESTLET = "https://123456.restlets.api.netsuite.com/app/site/hosting/restlet.nl"
# The two examples of the vendor's help page on signing REST requests; the keys are its sample values. The page
# prints the second signature without its leading plus sign: this one is recomputed.
SIGNATURES = {
    ("GET", "https://123456.suitetalk.api.netsuite.com/services/rest/record/v1/employee/40"): (
        "B5OIWznZ2YP0OB7VrJrGkYsTh+8H+5T9Hag+o92q0zY="
    ),
    (
        "POST",
        f"{RESTLET}?script=6&deploy=1&customParam=someValue&testParam=someOtherValue",
    ): "+KK4SKNgz4ZiILGLwOMtfYlgcXSy1eis8ldE9X90azQ=",
}


@pytest.mark.parametrize(("method", "url"), SIGNATURES)
def test_netsuites_published_signatures_are_reproduced(method: str, url: str) -> None:
    """Both examples of the vendor's page: a plain address, and one with a query of four parameters."""
    auth = OAuth1(
        realm="123456",
        consumer_key="ef40afdd8abaac111b13825dd5e5e2ddddb44f86d5a0dd6dcf38c20aae6b67e4",
        consumer_secret="d26ad321a4b2f23b0741c8d38392ce01c3e23e109df6c96eac6d099e9ab9e8b5",
        token_id="2b0ce516420110bcbd36b69e99196d1b7f6de3c6234c5afb799b73d87569f5cc",
        token_secret="c29a677df7d5439a458c063654187e3d678d73aca8e3c9d8bea1478a3eb0d295",
        nonce="fjaLirsIcCGVZWzBX0pg",
        timestamp="1508242306",
    )
    header = next(auth.auth_flow(httpx.Request(method, url))).headers["Authorization"]
    assert header.startswith('OAuth realm="123456"')
    signature = header.partition('oauth_signature="')[2].partition('"')[0]
    assert unquote(signature) == SIGNATURES[method, url]


def test_the_published_vectors_are_these() -> None:
    """The copy of the vendor's page beside the repository, where there is one, says the same."""
    if not VECTORS.exists():
        pytest.skip("the vendor's published signature vectors are not beside the repository")
    published = json.loads(VECTORS.read_text())
    second = published["second_vector"]
    assert {
        (published["method"], published["url"]): published["signature_base64"],
        (second["method"], second["url"]): second["signature_base64"],
    } == SIGNATURES

"""What a sandbox's tenant accepts as a caller: one frozen set per vendor, made anew for every demo and test run.

The private halves of the key pairs never reach a sandbox: a tenant knows the public key only.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa


@dataclass(frozen=True, slots=True)
class SalesforceCredentials:
    """An External Client App: client credentials, and JWT bearer for `username` (RS256)."""

    client_id: str
    client_secret: str
    username: str
    public_key_pem: str


@dataclass(frozen=True, slots=True)
class KantataCredentials:
    """A personal token of an account administrator; it does not expire until revoked."""

    token: str


@dataclass(frozen=True, slots=True)
class NetSuiteCredentials:
    """One integration, both ways in: OAuth 2.0 M2M (certificate, PS256 or ES256) and token-based OAuth 1.0a."""

    account: str
    client_id: str
    certificate_id: str
    public_key_pem: str
    consumer_key: str
    consumer_secret: str
    token_id: str
    token_secret: str


@dataclass(frozen=True, slots=True)
class WorkdayCredentials:
    """An API Client for Integrations bound to an ISU: refresh token, client credentials, JWT bearer (RS256)."""

    tenant: str
    client_id: str
    client_secret: str
    refresh_token: str
    username: str
    public_key_pem: str


@dataclass(frozen=True, slots=True)
class SandboxCredentials:
    """The credentials of all tenants."""

    salesforce: SalesforceCredentials
    kantata: KantataCredentials
    netsuite: NetSuiteCredentials
    workday: WorkdayCredentials


@dataclass(frozen=True, slots=True, repr=False)
class HubSecrets:
    """The private halves, for the caller only: RSA 2048 (RS256), EC P-256 for NetSuite (ES256); PEM, PKCS 8."""

    salesforce_private_key_pem: str
    netsuite_private_key_pem: str
    workday_private_key_pem: str


class BadCredentials(Exception):
    """A credentials file that cannot be used; the message names the member at fault and no value."""


def generate() -> tuple[SandboxCredentials, HubSecrets]:
    """Fresh credentials for all tenants and the private keys that go with them."""
    salesforce_key = rsa.generate_private_key(65537, 2048)
    netsuite_key = ec.generate_private_key(ec.SECP256R1())
    workday_key = rsa.generate_private_key(65537, 2048)
    tenants = SandboxCredentials(
        salesforce=SalesforceCredentials(
            client_id=f"3MVG9{secrets.token_urlsafe(40)}",
            client_secret=secrets.token_hex(32).upper(),
            username="plumbline.integration@northlight.example",
            public_key_pem=_public(salesforce_key),
        ),
        kantata=KantataCredentials(token=secrets.token_hex(32)),
        netsuite=NetSuiteCredentials(
            account="1234567_SB1",
            client_id=secrets.token_hex(32),
            certificate_id=secrets.token_urlsafe(24),
            public_key_pem=_public(netsuite_key),
            consumer_key=secrets.token_hex(32),
            consumer_secret=secrets.token_hex(32),
            token_id=secrets.token_hex(32),
            token_secret=secrets.token_hex(32),
        ),
        workday=WorkdayCredentials(
            tenant="northlight",
            client_id=secrets.token_urlsafe(24),
            client_secret=secrets.token_urlsafe(48),
            refresh_token=secrets.token_urlsafe(48),
            username="ISU_Plumbline",
            public_key_pem=_public(workday_key),
        ),
    )
    return tenants, HubSecrets(_private(salesforce_key), _private(netsuite_key), _private(workday_key))


def to_json(credentials: SandboxCredentials) -> str:
    """The sandbox half as JSON, one object per vendor."""
    return json.dumps(asdict(credentials), indent=2)


def from_json(text: str) -> SandboxCredentials:
    """The sandbox half from `to_json`'s form; BadCredentials naming what is missing, unknown or not text."""
    try:
        data = json.loads(text)
    except ValueError:
        raise BadCredentials("not JSON") from None
    return SandboxCredentials(
        salesforce=_read(SalesforceCredentials, data, "salesforce"),
        kantata=_read(KantataCredentials, data, "kantata"),
        netsuite=_read(NetSuiteCredentials, data, "netsuite"),
        workday=_read(WorkdayCredentials, data, "workday"),
    )


_Vendor = TypeVar("_Vendor", SalesforceCredentials, KantataCredentials, NetSuiteCredentials, WorkdayCredentials)


def _read(shape: type[_Vendor], data: Any, vendor: str) -> _Vendor:
    part = data.get(vendor) if isinstance(data, dict) else None
    names = {f.name for f in fields(shape)}
    if not isinstance(part, dict):
        raise BadCredentials(f"{vendor}: an object is missing")
    wrong = sorted(names ^ set(part)) or sorted(name for name in names if not isinstance(part[name], str))
    if wrong:
        raise BadCredentials(f"{vendor}: missing, unknown or not text: {', '.join(wrong)}")
    return shape(**part)


def _public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def _private(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()

"""What a sandbox's tenant accepts as a caller: one frozen set per vendor, made anew for every demo and test run.

The private halves of the key pairs never reach a sandbox: a tenant knows the public key only.
"""

from __future__ import annotations

from dataclasses import dataclass


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

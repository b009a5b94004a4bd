"""A system of the estate becomes a working adapter: sign-in, limits, mapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

import httpx

from hub.errors import ConfigError, SourceMisconfigured
from hub.estate import (
    BearerAuth,
    ClientCredentialsAuth,
    Estate,
    JwtBearerAuth,
    MachineAuth,
    RefreshTokenAuth,
    SystemConfig,
    TokenBasedAuth,
)
from hub.ports import SourceWriter
from sources import kantata, netsuite, salesforce, workday
from sources.auth import ClientAssertion, ClientCredentials, JwtBearer, OAuth1, RefreshToken, StaticBearer
from sources.budget import Budget
from sources.transport import Limits, Transport
from sources.versions import Versions

BudgetFor = Callable[[str, Limits], Budget | None]
"""(system, its limits) → the budget that all replicas share; None for one of this process's own."""

SALESFORCE_AUDIENCE = "https://login.salesforce.com"
WORKDAY_AUDIENCE = "wd"
NETSUITE_SCOPE = ("rest_webservices",)


@dataclass(frozen=True, slots=True)
class Connection:
    """A system's adapter and the transport under it, whose health the source monitor reads."""

    adapter: SourceWriter
    transport: Transport


def connect_all(estate: Estate, budget_for: BudgetFor, versions: Versions) -> dict[str, Connection]:
    """All systems of the estate, nothing called yet. Raises ConfigError with every system that cannot work."""
    connections: dict[str, Connection] = {}
    problems: list[str] = []
    for key, config in estate.systems.items():
        try:
            connections[key] = connect(key, config, budget_for, versions)
        except (SourceMisconfigured, ValueError) as error:
            problems.append(f"systems.{key}: {error}")
    if problems:
        raise ConfigError(problems)
    return connections


def connect(key: str, config: SystemConfig, budget_for: BudgetFor, versions: Versions) -> Connection:
    """One system's adapter. Raises SourceMisconfigured for a key or a mapping that cannot work."""
    limits = Limits(
        concurrent=config.limits.concurrent,
        calls_per_minute=config.limits.calls_per_minute,
        timeout_s=config.limits.timeout_s,
    )
    base = config.url.rstrip("/")
    url = f"{base}/api/v1" if config.vendor == "kantata" else base
    transport = Transport(key, url, auth=_sign_in(key, config), limits=limits, budget=budget_for(key, limits))
    return Connection(_adapter(key, config, transport, versions), transport)


def _adapter(key: str, config: SystemConfig, transport: Transport, versions: Versions) -> SourceWriter:
    mapping: Mapping[str, str] = config.mapping
    match config.vendor:
        case "salesforce":
            return salesforce.SalesforceAdapter(key, transport, versions=versions, mapping=mapping)
        case "kantata":
            transport.classify = kantata.classify
            return kantata.KantataAdapter(key, transport, versions=versions, mapping=mapping)
        case "netsuite":
            return netsuite.NetSuiteAdapter(
                key, transport, versions=versions, mapping=mapping, time_zone=config.time_zone
            )
        case "workday":
            transport.classify = workday.classify
            return workday.WorkdayAdapter(
                key, transport, tenant=config.tenant or "", versions=versions, mapping=mapping
            )
        case _:
            assert_never(config.vendor)


def _sign_in(key: str, config: SystemConfig) -> httpx.Auth:
    """The sign-in of the configured flow; estate validation has made sure that the vendor knows it."""
    token_url = _token_url(config)
    flow: dict[str, Any] = {"follow_address": True} if config.vendor == "salesforce" else {}
    match config.auth:
        case ClientCredentialsAuth() as auth:
            return ClientCredentials(
                key, token_url, client_id=auth.client_id, client_secret=auth.client_secret.get_secret_value(), **flow
            )
        case JwtBearerAuth() as auth:
            default = SALESFORCE_AUDIENCE if config.vendor == "salesforce" else WORKDAY_AUDIENCE
            claims = {"iss": auth.client_id, "sub": auth.username, "aud": auth.audience or default}
            return JwtBearer(key, token_url, claims=claims, private_key_pem=auth.private_key.get_secret_value(), **flow)
        case RefreshTokenAuth() as auth:
            return RefreshToken(
                key,
                token_url,
                client_id=auth.client_id,
                client_secret=auth.client_secret.get_secret_value(),
                refresh_token=auth.refresh_token.get_secret_value(),
            )
        case BearerAuth() as auth:
            return StaticBearer(auth.token.get_secret_value())
        case MachineAuth() as auth:
            return ClientAssertion(
                key,
                token_url,
                client_id=auth.client_id,
                key_id=auth.certificate_id,
                private_key_pem=auth.private_key.get_secret_value(),
                scope=NETSUITE_SCOPE,
                algorithm=auth.algorithm,
            )
        case TokenBasedAuth() as auth:
            return OAuth1(
                realm=(config.account or "").upper().replace("-", "_"),
                consumer_key=auth.consumer_key,
                consumer_secret=auth.consumer_secret.get_secret_value(),
                token_id=auth.token_id,
                token_secret=auth.token_secret.get_secret_value(),
            )
        case _:
            assert_never(config.auth)


def _token_url(config: SystemConfig) -> str:
    base = config.url.rstrip("/")
    match config.vendor:
        case "salesforce":
            return f"{base}/services/oauth2/token"
        case "netsuite":
            return f"{base}/services/rest/auth/oauth2/v1/token"
        case "workday":
            return f"{base}/ccx/oauth2/{config.tenant}/token"
        case "kantata":
            return ""
        case _:
            assert_never(config.vendor)

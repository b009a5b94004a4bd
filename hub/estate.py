"""The estate: which systems a firm has, how to reach them, and its reference data; one readable TOML file.

    name = "Demo firm"
    reference = "reference.toml"          # beside this file: practices and role maps

    [systems.netsuite-us]                 # the system's key; several systems per domain are fine
    vendor = "netsuite"
    url = "https://1234567.suitetalk.api.netsuite.com"
    account = "1234567"
    time_zone = "America/New_York"        # NetSuite: the zone in which the account tells time

    [systems.netsuite-us.auth]            # fields by flow, see the classes below
    flow = "m2m"
    client_id = "…"
    certificate_id = "…"
    private_key = { env = "HUB_NETSUITE_KEY" }   # secrets come from the environment, never from this file

    [systems.netsuite-us.limits]
    concurrent = 10                       # calls at once, over all replicas
    timeout_s = 10

    [systems.netsuite-us.scope]
    legal_entities = ["US01"]             # empty: all

    [systems.netsuite-us.mapping]         # attribute → the vendor's field, where it differs from the profile
    "customer.credit_hold" = "customer.custentity_hold"

`read_estate` reports every mistake of both files at once and prints no secret.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo

from hub.domain.kinds import Domain
from hub.domain.roles import MapRow, RoleMap, Scope
from hub.errors import ConfigError

DOMAIN_OF = {
    "salesforce": Domain.CRM,
    "hubspot": Domain.CRM,
    "kantata": Domain.PSA,
    "certinia": Domain.PSA,
    "netsuite": Domain.ERP,
    "dynamics365": Domain.ERP,
    "s4hana": Domain.ERP,
    "oracle_fusion": Domain.ERP,
    "workday": Domain.HCM,
    "bamboohr": Domain.HCM,
}
"""The domain of each vendor that an estate may name."""

Vendor = Literal["salesforce", "kantata", "netsuite", "workday"]
"""The vendors with an adapter."""


class _Context:
    """What validation may look at, and which variables it has looked at."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.used: set[str] = set()


def _from_environment(value: object, info: ValidationInfo) -> object:
    """A secret is written as `{ env = "NAME" }`; its value is the variable's."""
    if not isinstance(value, dict) or set(value) != {"env"} or not isinstance(value["env"], str):
        raise ValueError('is a secret and must be written as { env = "NAME" }')
    context: _Context = info.context  # type: ignore[assignment]
    context.used.add(value["env"])
    found = context.environ.get(value["env"])
    if not found:
        raise ValueError(f"the environment variable {value['env']} is not set")
    return found


def _maybe_from_environment(value: object, info: ValidationInfo) -> object:
    """What differs per installation without being secret may be in the file, or in the environment."""
    return _from_environment(value, info) if isinstance(value, dict) else value


Secret = Annotated[SecretStr, BeforeValidator(_from_environment)]
Text = Annotated[str, BeforeValidator(_maybe_from_environment)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClientCredentialsAuth(_Strict):
    """OAuth 2.0 client credentials (Salesforce, Workday)."""

    flow: Literal["client_credentials"]
    client_id: Text
    client_secret: Secret


class JwtBearerAuth(_Strict):
    """OAuth 2.0 JWT bearer assertion, RS256 (Salesforce, Workday)."""

    flow: Literal["jwt_bearer"]
    client_id: Text
    username: Text
    audience: str | None = None
    private_key: Secret


class RefreshTokenAuth(_Strict):
    """OAuth 2.0 refresh token (Workday)."""

    flow: Literal["refresh_token"]
    client_id: Text
    client_secret: Secret
    refresh_token: Secret


class BearerAuth(_Strict):
    """A token that does not expire (Kantata)."""

    flow: Literal["bearer"]
    token: Secret


class MachineAuth(_Strict):
    """OAuth 2.0 client credentials with a signed assertion (NetSuite M2M)."""

    flow: Literal["m2m"]
    client_id: Text
    certificate_id: Text
    algorithm: Literal["PS256", "ES256", "ES384", "ES512"] = "ES256"
    private_key: Secret


class TokenBasedAuth(_Strict):
    """OAuth 1.0a token-based authentication, HMAC-SHA256 (NetSuite, existing integrations)."""

    flow: Literal["tba"]
    consumer_key: Text
    consumer_secret: Secret
    token_id: Text
    token_secret: Secret


Auth = ClientCredentialsAuth | JwtBearerAuth | RefreshTokenAuth | BearerAuth | MachineAuth | TokenBasedAuth
FLOWS: Mapping[str, frozenset[str]] = {
    "salesforce": frozenset({"client_credentials", "jwt_bearer"}),
    "kantata": frozenset({"bearer"}),
    "netsuite": frozenset({"m2m", "tba"}),
    "workday": frozenset({"refresh_token", "client_credentials", "jwt_bearer"}),
}


class LimitsConfig(_Strict):
    """What the hub may ask of a system."""

    concurrent: int = Field(default=10, ge=1)
    calls_per_minute: int | None = Field(default=None, ge=1)
    timeout_s: float = Field(default=10.0, gt=0)


class ScopeConfig(_Strict):
    """Which part of the firm a system serves; empty lists mean all of it."""

    legal_entities: tuple[str, ...] = ()
    practices: tuple[str, ...] = ()


class SystemConfig(_Strict):
    """One system of the estate."""

    vendor: Vendor
    url: Annotated[Text, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]
    auth: Auth = Field(discriminator="flow")
    account: str | None = None
    tenant: str | None = None
    time_zone: str = "UTC"
    limits: LimitsConfig = LimitsConfig()
    scope: ScopeConfig = ScopeConfig()
    mapping: Mapping[str, str] = Field(default_factory=dict)

    @property
    def domain(self) -> Domain:
        """The domain that this system's vendor serves."""
        return DOMAIN_OF[self.vendor]


class PracticeConfig(_Strict):
    """A practice; `parent` is the code of the practice above it."""

    code: str
    name: str
    parent: str | None = None


class RoleRowConfig(_Strict):
    """A row of a role map; see hub.domain.roles."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    practice: str | None = None
    legal_entity: str | None = None
    region: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None

    def row(self) -> MapRow:
        """The row as the domain knows it."""
        scope = Scope(self.practice, self.legal_entity, self.region)
        return MapRow(self.source, self.target, scope, self.valid_from, self.valid_to)


class Reference(_Strict):
    """The reference data that the hub itself publishes."""

    practices: tuple[PracticeConfig, ...] = ()
    sold_to_delivery: tuple[RoleRowConfig, ...] = ()
    delivery_to_labor: tuple[RoleRowConfig, ...] = ()
    job_profiles: Mapping[str, str] = Field(default_factory=dict)

    def roles(self) -> RoleMap:
        """The role maps."""
        return RoleMap(
            tuple(r.row() for r in self.sold_to_delivery),
            tuple(r.row() for r in self.delivery_to_labor),
            dict(self.job_profiles),
        )


class Estate(_Strict):
    """The whole estate; `secret_names` are the environment variables that it reads."""

    name: str
    systems: Mapping[str, SystemConfig] = Field(min_length=1)
    reference: Reference = Reference()
    secret_names: frozenset[str] = frozenset()


def read_estate(path: Path, environ: Mapping[str, str]) -> Estate:
    """Read the estate and its reference data. Raises ConfigError with every problem found in either."""
    problems: list[str] = []
    context = _Context(environ)
    body = _toml(path, problems)
    name = body.pop("reference", None)
    reference = _reference(path.parent / str(name), problems) if name is not None else Reference()
    estate: Estate | None = None
    try:
        estate = Estate.model_validate({**body, "reference": reference}, context=context)
    except ValidationError as error:
        problems += _problems(path, error)
    if estate is not None:
        problems += [f"{path.name}: {problem}" for problem in _contradictions(estate)]
    if problems or estate is None:
        raise ConfigError(problems)
    return estate.model_copy(update={"secret_names": frozenset(context.used)})


def _toml(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror})")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path.name}: is not valid TOML: {error}")
    return {}


def _reference(path: Path, problems: list[str]) -> Reference:
    body = _toml(path, problems)
    try:
        reference = Reference.model_validate(body)
    except ValidationError as error:
        problems += _problems(path, error)
        return Reference()
    problems += [f"{path.name}: {problem}" for problem in (*reference.roles().problems(), *_tree_problems(reference))]
    return reference


def _tree_problems(reference: Reference) -> list[str]:
    """Practices form a tree: codes are unique, parents exist, nothing is its own ancestor."""
    parents = {p.code: p.parent for p in reference.practices}
    problems = [f"practice {c} is there twice" for c in parents if sum(p.code == c for p in reference.practices) > 1]
    problems += [f"practice {c}: there is no parent {p}" for c, p in parents.items() if p and p not in parents]
    for code, parent in parents.items():
        seen, at = {code}, parent
        while at is not None and at in parents and at not in seen:
            seen.add(at)
            at = parents[at]
        if at == code:
            problems.append(f"practice {code} is its own ancestor")
    return problems


def _contradictions(estate: Estate) -> list[str]:
    problems = []
    for key, system in estate.systems.items():
        if system.auth.flow not in FLOWS[system.vendor]:
            wanted = " or ".join(sorted(FLOWS[system.vendor]))
            problems.append(f"systems.{key}.auth.flow: {system.vendor} signs in by {wanted}")
        if system.vendor == "netsuite" and not system.account:
            problems.append(f"systems.{key}.account: is missing")
        if system.time_zone not in available_timezones():
            problems.append(f"systems.{key}.time_zone: there is no such zone")
        if system.vendor == "workday" and not system.tenant:
            problems.append(f"systems.{key}.tenant: is missing")
    return problems


def _problems(path: Path, error: ValidationError) -> list[str]:
    """Problems by place in the file, without values: a value may be a secret in the wrong place."""
    return [
        f"{path.name}: {'.'.join(str(part) for part in e['loc'])}: "
        + ("is missing" if e["type"] == "missing" else e["msg"].removeprefix("Value error, "))
        for e in error.errors(include_input=False, include_url=False)
    ]

"""The hub's settings: HUB_* of the environment, read once into one frozen object; secrets do not print.

| variable | meaning | default |
|---|---|---|
| HUB_ESTATE | the estate file (hub.estate) | required to serve |
| HUB_DATABASE_URL | PostgreSQL, `postgresql://…` | an embedded server in HUB_DATA_DIR |
| HUB_REDIS_URL | Redis, `redis://…` | none: each process does with its own memory |
| HUB_DATABASE_NAME | which database of the embedded server | `hub` |
| HUB_DATA_DIR | where the embedded server and the local key live | `.hub` |
| HUB_HOST, HUB_PORT | where to listen | 127.0.0.1, 8000 |
| HUB_DEMO | `true`: demo tokens on the GraphiQL page, explain for everyone | false |
| HUB_LOG_LEVEL | debug, info, warning or error | info |
| HUB_FEED_SECONDS | pause between two runs of a change feed, overrides each kind's own | by kind |
| HUB_DRAIN_SECONDS | how long a stop waits for requests under way | 10 |
| HUB_REQUEST_SECONDS | how long a query may take; what is missing then is null with an error | 60 |
| HUB_LIMIT_DEPTH, HUB_LIMIT_ALIASES, HUB_LIMIT_TOKENS | what one query may have of each | 15, 100, 5000 |
| HUB_LIMIT_COST | how many entities one query may touch at most (hub.app.cost) | 25000 |
| HUB_CORS_ORIGINS | web origins whose pages may ask, `https://a.example,https://b.example` | none |
| HUB_TRUSTED_DOCUMENTS | a JSON file of registered documents by id, or an Apollo manifest | none |
| HUB_TRUSTED_ONLY | `true`: execute registered documents only; introspection only in the demo | false |
| HUB_OIDC_ISSUER | OpenID providers whose tokens are accepted, `https://…,https://…` | none: the local key's |
| HUB_OIDC_AUDIENCE | the audience that their tokens name: one for all, or one for each | needed with an issuer |
| HUB_OIDC_ROLES_CLAIM, HUB_OIDC_PRACTICES_CLAIM | claims with lists of texts; dots lead into objects | the same names |
| HUB_OIDC_LEGAL_ENTITIES_CLAIM, HUB_OIDC_ALLOW_CLAIM | the same: `roles`, `practices`, `legal_entities`, `allow` | |
| HUB_OIDC_EMAIL_CLAIM | the claim with the work e-mail | `email` |
| HUB_OIDC_ROLE_PREFIX | what stands before the hub's own role names there (`plumbline-` in `plumbline-pmo`) | nothing |

With a provider, tokens of the local key are accepted in the demo only. A provider's token needs practices and
legal entities to see any row; roles of other applications beside the hub's are ignored.

Secrets that the estate names (`{ env = "HUB_…" }`) are the estate's to read. Any other HUB_* variable is
a mistake and is reported.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from hub.errors import ConfigError

PREFIX = "HUB_"
TEST_PREFIX = "HUB_TEST_"
RUNNING_NOTE = "running.json"
"""Where a process on the embedded database notes which one, so that commands in another shell find it."""
_PROVIDER = re.compile(r"https://[^\s@?#]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/[^\s?#]*)?")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")


class Settings(BaseModel):
    """One process's settings; field names are the variables' names without the prefix."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    estate: Path | None = None
    database_url: SecretStr | None = None
    database_name: str = Field(default="hub", pattern=r"^[a-z][a-z0-9_]{0,62}$")
    redis_url: SecretStr | None = None
    data_dir: Path = Path(".hub")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    demo: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    feed_seconds: float | None = Field(default=None, gt=0)
    verify_settle_seconds: float | None = Field(default=None, ge=0)
    """Seconds after which an unanswered write that is not found counts as lost; hub.usecases.verify has defaults."""
    drain_seconds: float = Field(default=10.0, ge=0)
    request_seconds: float = Field(default=60.0, gt=0)
    limit_depth: int = Field(default=15, ge=1)
    limit_aliases: int = Field(default=100, ge=0)
    limit_tokens: int = Field(default=5_000, ge=1)
    limit_cost: int = Field(default=25_000, ge=0)
    cors_origins: str = ""
    trusted_documents: Path | None = None
    trusted_only: bool = False
    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_roles_claim: str = "roles"
    oidc_practices_claim: str = "practices"
    oidc_legal_entities_claim: str = "legal_entities"
    oidc_email_claim: str = "email"
    oidc_allow_claim: str = "allow"
    oidc_role_prefix: str = ""

    @property
    def providers(self) -> Mapping[str, str]:
        """The OpenID providers whose tokens are accepted, each with its audience."""
        issuers, audiences = _words(self.oidc_issuer), _words(self.oidc_audience)
        return dict(zip(issuers, audiences * len(issuers) if len(audiences) == 1 else audiences, strict=True))

    @property
    def origins(self) -> frozenset[str]:
        """The web origins whose pages may ask."""
        return frozenset(_words(self.cors_origins))

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        if not all(_ORIGIN.fullmatch(word) for word in _words(value)):
            raise ValueError("must be origins such as https://dashboards.example, separated by commas")
        return value

    @model_validator(mode="after")
    def _has_documents(self) -> Self:
        if self.trusted_only and self.trusted_documents is None:
            raise PydanticCustomError("trusted_only", "HUB_TRUSTED_ONLY: needs HUB_TRUSTED_DOCUMENTS")
        return self

    @field_validator("oidc_issuer")
    @classmethod
    def _are_providers(cls, value: str) -> str:
        if not all(_PROVIDER.fullmatch(word) for word in _words(value)):
            raise ValueError("must be addresses that begin with https:// (http:// on this machine only)")
        return value

    @model_validator(mode="after")
    def _has_audiences(self) -> Self:
        issuers, audiences = len(_words(self.oidc_issuer)), len(_words(self.oidc_audience))
        if audiences not in {min(issuers, 1), issuers}:
            raise PydanticCustomError("audiences", "HUB_OIDC_AUDIENCE: needs one for all issuers, or one for each")
        return self

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in the environment. Raises ConfigError with every problem; unknown names are checked separately."""
    known = {name: f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    given = {name: environ[variable] for name, variable in known.items() if environ.get(variable)}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise ConfigError(_problems(error)) from None


def unknown_variables(environ: Mapping[str, str], used_by_estate: Collection[str]) -> list[str]:
    """A problem for each HUB_* variable that neither the settings nor the estate know."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | set(used_by_estate)
    return [
        f"{name}: there is no such setting"
        for name in sorted(environ)
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and name not in known
    ]


def _problems(error: ValidationError) -> list[str]:
    """Problems by variable name, without the values: a value may be a secret."""
    return [_problem(e) for e in error.errors(include_input=False, include_url=False)]


def _problem(error: ErrorDetails) -> str:
    message = "is missing" if error["type"] == "missing" else error["msg"]
    # What is wrong between two settings names them itself.
    return f"{PREFIX}{str(error['loc'][0]).upper()}: {message}" if error["loc"] else message


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]

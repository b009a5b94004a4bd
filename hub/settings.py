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

Secrets that the estate names (`{ env = "HUB_…" }`) are the estate's to read. Any other HUB_* variable is
a mistake and is reported.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from hub.errors import ConfigError

PREFIX = "HUB_"
TEST_PREFIX = "HUB_TEST_"


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
    drain_seconds: float = Field(default=10.0, ge=0)

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
    return [
        f"{PREFIX}{str(e['loc'][0]).upper()}: {'is missing' if e['type'] == 'missing' else e['msg']}"
        for e in error.errors(include_input=False, include_url=False)
    ]

"""What the application is built from; whoever starts it puts this together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hub.app.auth import Verifier
from hub.app.persisted import SharedTexts
from hub.ports import AuditTrail
from hub.usecases.scoped_directory import Sights
from resolvers.reads import Reads
from resolvers.request import Commands


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether queries will work, and the details that a person wants when they do not (JSON-ready)."""

    ready: bool
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for; more is refused before any work is done."""

    depth: int = 15
    aliases: int = 100
    tokens: int = 5_000
    cost: int = 25_000
    body_bytes: int = 1_000_000
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Example:
    """A query that the playground offers."""

    name: str
    query: str
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the application.

    `running` is entered when the server starts and left when it has answered its last request.
    `demo_tokens`: role → token for the playground, None outside the demo. `cors_origins`: whose pages may ask.
    `trusted_documents`: registered texts by id; with `trusted_only` no others are executed. `shared_texts` keeps
    the texts behind automatic persisted queries for all replicas. Without `commands` the hub only reads.
    `sights` tells what each caller sees of the directory (None: without knowing people by their e-mail), `audit`
    notes who saw what people cost. `catch_up` is called before every request: it forgets what this process
    cannot vouch for (hub.store.replicas).
    """

    reads: Reads
    verifier: Verifier
    readiness: Callable[[], Awaitable[Readiness]]
    running: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    demo_tokens: Mapping[str, str] | None = None
    limits: Limits = field(default_factory=Limits)
    cors_origins: frozenset[str] = frozenset()
    trusted_documents: Mapping[str, str] = field(default_factory=dict)
    trusted_only: bool = False
    shared_texts: SharedTexts | None = None
    commands: Commands | None = None
    sights: Sights | None = None
    audit: AuditTrail | None = None
    catch_up: Callable[[], None] = lambda: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def demo(self) -> bool:
        """Whether this is the demo, where everyone may look behind the answers."""
        return self.demo_tokens is not None

"""What one request of the graph carries through its resolvers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from hub.domain.audit import AuditPage
from hub.domain.callers import Caller
from hub.domain.commands import Actor, Outcome
from hub.domain.ids import CanonicalId
from hub.domain.roles import RoleMap
from hub.domain.visibility import Rights
from hub.usecases.scoped_directory import field_rights
from resolvers.faults import Fault
from resolvers.loaders import Loaders
from resolvers.reads import Reads


class Commands(Protocol):
    """The commands of this process as resolvers see them; hub.usecases.write_through carries them out."""

    async def run(self, name: str, given: Mapping[str, Any], actor: Actor, correlation_id: str) -> Outcome:
        """Carry a command out, or answer what became of it; refusals are data."""
        ...

    async def audit(
        self, actor: Actor, *, first: int, before_id: int | None, entity_id: CanonicalId | None
    ) -> AuditPage:
        """A page of the audit trail as the reader may see it. Raises NotPermitted."""
        ...


@dataclass(slots=True)
class Request:
    """One request: who asks, on which day, how fresh; the faults noted on the way. Make it inside the running loop.

    `max_age_s` is the caller's wish (`Cache-Control: max-age`), None when there is none. `on_behalf_of` is the
    user for whom a service account acts. `cost_rates_read` are the people whose cost rate the answer shows.
    """

    reads: Reads
    caller: Caller
    correlation_id: str
    today: date
    max_age_s: float | None = None
    commands: Commands | None = None
    on_behalf_of: Caller | None = None
    faults: list[Fault] = field(default_factory=list)
    cost_rates_read: dict[CanonicalId, None] = field(default_factory=dict)
    rights: Rights = field(init=False)
    loaders: Loaders = field(init=False)
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Make the loaders, which need the rest, and look up what the caller may see."""
        self.rights = field_rights(self.actor)
        self.renew_loaders()

    def renew_loaders(self) -> None:
        """Forget what this request has read: a command of its own may have changed it."""
        self.loaders = Loaders(self.reads, self.max_age_now)

    @property
    def actor(self) -> Actor:
        """Who asks, and for whom."""
        return Actor(self.caller, self.on_behalf_of)

    @property
    def roles(self) -> RoleMap:
        """The firm's role maps."""
        return self.reads.roles

    def max_age_now(self) -> float | None:
        """The age that a record may have now: what this request itself has read is fresh enough for the rest of it."""
        return None if self.max_age_s is None else max(self.max_age_s, time.monotonic() - self._began)

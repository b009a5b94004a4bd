"""What one request of the graph carries through its resolvers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import date

from hub.domain.callers import Caller
from hub.domain.roles import RoleMap
from resolvers.faults import Fault
from resolvers.loaders import Loaders
from resolvers.reads import Reads


@dataclass(slots=True)
class Request:
    """One request: who asks, on which day, how fresh; the faults noted on the way. Make it inside the running loop.

    `max_age_s` is the caller's wish (`Cache-Control: max-age`), None when there is none.
    """

    reads: Reads
    caller: Caller
    correlation_id: str
    today: date
    max_age_s: float | None = None
    faults: list[Fault] = field(default_factory=list)
    loaders: Loaders = field(init=False)
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Make the loaders, which need the rest."""
        self.loaders = Loaders(self.reads, self.max_age_now)

    @property
    def roles(self) -> RoleMap:
        """The firm's role maps."""
        return self.reads.roles

    def max_age_now(self) -> float | None:
        """The age that a record may have now: what this request itself has read is fresh enough for the rest of it."""
        return None if self.max_age_s is None else max(self.max_age_s, time.monotonic() - self._began)

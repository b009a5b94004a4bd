"""Writes of several steps: what a failure means once something has been written.

No vendor here has transactions over several calls, so a change can stop half-way. Then either the rest can
be made up for (the fate is open: WriteOutcomeUnknown, and a repeat of the whole change makes only the
missing steps), or the system refused the rest for good, which the refusal must say.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hub.errors import (
    SourceMisconfigured,
    SourceRejected,
    SourceShapeBroken,
    SourceThrottled,
    SourceUnavailable,
    WriteOutcomeUnknown,
)

PARTLY_APPLIED = "PARTLY_APPLIED"
"""The reason of a refusal that came after a part of the change had been written; the system's own follows a colon."""


@dataclass(slots=True)
class Steps:
    """The steps that one change has made: `made` all of them, `shown` those that show in the graph."""

    made: int = 0
    shown: int = 0

    def step(self, *, shows: bool = True) -> None:
        """Count a step that the system has confirmed."""
        self.made += 1
        self.shown += shows

    def undone(self) -> None:
        """Everything that showed has been taken back."""
        self.shown = 0


@contextmanager
def stepwise(system: str) -> Iterator[Steps]:
    """Run one change; what goes wrong inside is told by how far the change has come.

    Before the first step nothing was sent, whatever failed. After it every failure leaves the fate of the
    change open, and a refusal says that a part is applied if that part shows.
    """
    steps = Steps()
    try:
        yield steps
    except SourceRejected as exc:
        if not steps.shown:
            raise
        raise SourceRejected(
            system,
            "refused the rest of a change that is partly applied",
            operation=exc.operation,
            reason=f"{PARTLY_APPLIED}:{exc.reason}",
        ) from exc
    except (SourceUnavailable, SourceThrottled, SourceMisconfigured, SourceShapeBroken) as exc:
        if steps.made:
            raise WriteOutcomeUnknown(system, "stopped half-way through a change", operation=exc.operation) from exc
        if isinstance(exc, SourceUnavailable):
            exc.sent = False
        raise

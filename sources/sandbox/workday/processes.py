"""Business processes: what a write starts, and what changes the tenant only once it completes.

A process completes by itself when its delay has passed, or waits for the approval of its one step. Time
passes when somebody looks: `settle` completes what is due, at the instant it was due.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sources.sandbox.firm.vendor_ids import workday_wid
from sources.sandbox.workday.instances import Ref, ref
from sources.sandbox.workday.tenant import Worker

IN_PROGRESS = ref("event_status", "In Progress")
COMPLETED = ref("event_status", "Successfully Completed")
DENIED = ref("event_status", "Denied")

Effect = Callable[[datetime], None]


@dataclass(slots=True)
class Event:
    """One business process event. `subject` is what it conflicts on; `due` is None while it needs approval."""

    wid: str
    step_wid: str
    descriptor: str
    worker: Worker
    subject: str
    initiated: datetime
    due: datetime | None
    effect: Effect
    status: Ref = IN_PROGRESS
    completed: datetime | None = None
    comment: str | None = None

    @property
    def pending(self) -> bool:
        """Whether it has neither completed nor been denied."""
        return self.status is IN_PROGRESS

    @property
    def denied(self) -> bool:
        """Whether it ended without effect."""
        return self.status is DENIED


class PendingConflictError(Exception):
    """Another process on the same subject has not ended yet."""


class Processes:
    """The tenant's business process events, oldest first."""

    def __init__(self, delay_s: float | None) -> None:
        self.events: dict[str, Event] = {}
        self._open: dict[str, Event] = {}
        self._delay = None if delay_s is None else timedelta(seconds=delay_s)

    def start(self, worker: Worker, subject: str, descriptor: str, effect: Effect, now: datetime) -> Event:
        """Start a process; raises PendingConflictError while one on the same worker and subject is pending."""
        if any(e.worker is worker and e.subject == subject for e in self._open.values()):
            raise PendingConflictError
        key = f"{worker.wid}:{subject}:{len(self.events)}"
        event = Event(
            wid=workday_wid("event", key),
            step_wid=workday_wid("event_step", key),
            descriptor=f"{descriptor}: {worker.person.name}",
            worker=worker,
            subject=subject,
            initiated=now,
            due=None if self._delay is None else now + self._delay,
            effect=effect,
        )
        self.events[event.wid] = self._open[event.wid] = event
        self.settle(now)
        return event

    def settle(self, now: datetime) -> None:
        """Complete every process whose delay has passed, in the order in which they fell due."""
        ready = [(e.due, e) for e in self._open.values() if e.due is not None and e.due <= now]
        for due, event in sorted(ready, key=lambda entry: entry[0]):
            self.complete(event, due)

    def complete(self, event: Event, at: datetime) -> None:
        """End a process well: its change takes effect."""
        event.effect(at)
        self._close(event, COMPLETED, at)

    def deny(self, event: Event, at: datetime) -> None:
        """End a process without effect."""
        self._close(event, DENIED, at)

    def find_step(self, wid: str) -> Event | None:
        """The event whose approval step this is."""
        return next((event for event in self.events.values() if event.step_wid == wid), None)

    def _close(self, event: Event, status: Ref, at: datetime) -> None:
        event.status = status
        event.completed = at
        del self._open[event.wid]

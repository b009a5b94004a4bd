"""The circuit breaker of one system: stop calling what is down, and notice quickly when it is back.

Our own few lines instead of a library: the ones tried let every waiting caller through at once while
half open, or read the wall clock. Here exactly one caller probes while the others fail at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum


class BreakerState(StrEnum):
    """CLOSED lets calls through, OPEN refuses them, PROBING lets one call find out."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class BreakerOpen(Exception):
    """The system is not called now; a probe is allowed in `retry_in_s`."""

    def __init__(self, retry_in_s: float) -> None:
        super().__init__(f"open for another {retry_in_s:.1f} s")
        self.retry_in_s = retry_in_s


class Breaker:
    """Opens after `threshold` failures in a row; from `reopen_s` later on one call at a time may probe.

    A probe that fails keeps it open for another `reopen_s`; one success closes it. With probes bounded to
    5 s by the transport, a system that comes back is used again within 10 s of its return.
    """

    def __init__(
        self, *, threshold: int = 5, reopen_s: float = 3.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._threshold = threshold
        self._reopen_s = reopen_s
        self._clock = clock
        self._failures = 0
        self._probe_at = 0.0
        self._state = BreakerState.CLOSED

    @property
    def state(self) -> BreakerState:
        """The state as of the last call."""
        return self._state

    def check(self) -> None:
        """Raise BreakerOpen when a call now would be refused; changes nothing."""
        wait = self._probe_at - self._clock()
        if self._state is BreakerState.PROBING or (self._state is BreakerState.OPEN and wait > 0):
            raise BreakerOpen(max(wait, 0.0))

    def admit(self) -> bool:
        """Let a call through, or raise BreakerOpen; True when the call is the probe.

        Every admitted call must end in one of `succeeded`, `failed`, `abandoned`.
        """
        self.check()
        if self._state is BreakerState.OPEN:
            self._state = BreakerState.PROBING
            return True
        return False

    def succeeded(self) -> None:
        """The system answered: close."""
        self._failures = 0
        self._state = BreakerState.CLOSED

    def failed(self) -> None:
        """The system did not answer usefully: count, and open at the threshold or after a failed probe."""
        self._failures += 1
        if self._state is not BreakerState.CLOSED or self._failures >= self._threshold:
            self._state = BreakerState.OPEN
            self._probe_at = self._clock() + self._reopen_s

    def abandoned(self, *, probe: bool) -> None:
        """The caller gave up, which says nothing about the system; a probe may be tried again at once."""
        if probe and self._state is BreakerState.PROBING:
            self._state = BreakerState.OPEN

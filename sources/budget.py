"""How many calls a vendor allows an account: at once, and per minute.

A vendor limits the account, not the process, so the budget is a Protocol: replicas that share Redis
share one; LocalBudget serves a single process and stands in while Redis is away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol


class BudgetSpent(Exception):
    """No call was allowed within the time that the caller could wait; `retry_after_s` when known."""

    def __init__(self, retry_after_s: float | None = None) -> None:
        super().__init__("no call is allowed in time")
        self.retry_after_s = retry_after_s


class Budget(Protocol):
    """The right to call one system."""

    def slot(self, wait_s: float) -> AbstractAsyncContextManager[None]:
        """Hold the right to one call while inside; waits at most `wait_s`, then raises BudgetSpent on entry."""
        ...

    async def pause(self, seconds: float) -> None:
        """The system asked for quiet: give out no slot for that long."""
        ...


class LocalBudget:
    """The budget of one process: `concurrent` calls at once, and `calls_per_minute` evenly with a burst of a tenth."""

    def __init__(
        self,
        concurrent: int,
        calls_per_minute: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slots = asyncio.Semaphore(concurrent)
        self._clock = clock
        self._interval_s = 60 / calls_per_minute if calls_per_minute else 0.0
        self._burst_s = max(6.0, self._interval_s) if calls_per_minute else 0.0
        self._next_at = 0.0
        self._quiet_until = 0.0

    @asynccontextmanager
    async def slot(self, wait_s: float) -> AsyncIterator[None]:
        """See Budget.slot."""
        deadline = self._clock() + wait_s
        try:
            async with asyncio.timeout(wait_s):
                await self._slots.acquire()
        except TimeoutError:
            raise BudgetSpent from None
        try:
            await self._turn(deadline)
            yield
        finally:
            self._slots.release()

    async def pause(self, seconds: float) -> None:
        """See Budget.pause."""
        self._quiet_until = max(self._quiet_until, self._clock() + seconds)

    async def _turn(self, deadline: float) -> None:
        """Wait for this call's turn in the minute; a turn that comes too late is not taken."""
        now = self._clock()
        start = max(self._next_at, now - self._burst_s)
        wait = max(start - now, self._quiet_until - now, 0.0)
        if now + wait > deadline:
            raise BudgetSpent(wait)
        self._next_at = start + self._interval_s
        if wait:
            await asyncio.sleep(wait)

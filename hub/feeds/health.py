"""Asks systems whether they are well, so that feeds heal soon after a system's return and idle systems have a state.

Every process asks for itself: breaker and transport are its own. Nothing is asked while feeds are paused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from hub.context import caused_by, within
from hub.errors import SourceError, SourceThrottled, SourceUnavailable
from hub.feeds.hub import Hub
from hub.feeds.schedule import HEALTH_S, IDLE_S, feed_job
from hub.store.switches import FEEDS_PAUSED, is_on

UP = "UP"
RETURNING = frozenset({SourceUnavailable.code, SourceThrottled.code})
"""Failures that end with the system's return."""


class HealthView(Protocol):
    """What a transport knows of its system: UP, DEGRADED or DOWN, and when it last answered."""

    @property
    def status(self) -> str:
        """UP, DEGRADED or DOWN."""
        ...

    @property
    def last_contact(self) -> datetime | None:
        """When the system last answered anything; None before the first time."""
        ...


class HasHealth(Protocol):
    """A transport, as far as its health goes."""

    @property
    def health(self) -> HealthView:
        """How the last calls went."""
        ...


class HealthCalls:
    """Calls the systems that are not well or that nobody has called for a while."""

    def __init__(self, hub: Hub, transports: Mapping[str, HasHealth]) -> None:
        self._hub = hub
        self._transports = transports
        self._unwell: set[str] = set()

    async def call(self) -> None:
        """One round: all systems at once."""
        if not await is_on(self._hub.engine, FEEDS_PAUSED):
            await asyncio.gather(*(self._look(system) for system in self._hub.adapters))

    async def _look(self, system: str) -> None:
        transport = self._transports.get(system)
        if system not in self._unwell and transport is not None and _is_well(transport.health):
            return
        if await self._answers(system):
            if system in self._unwell:
                self._unwell.discard(system)
                await self._hasten(system)
        else:
            self._unwell.add(system)

    async def _answers(self, system: str) -> bool:
        with caused_by("feed:health"), within(HEALTH_S):
            try:
                await self._hub.adapters[system].ping()
            except SourceError:
                return False
        return True

    async def _hasten(self, system: str) -> None:
        """The system is back: what had failed for its absence is due now."""
        states = await self._hub.watermarks.all()
        failed = [f for f, state in states.items() if f.system == system and state.failure in RETURNING]
        await self._hub.timetable.hasten(feed_job(feed) for feed in failed)


def _is_well(health: HealthView) -> bool:
    if health.status != UP or health.last_contact is None:
        return False
    return datetime.now(UTC) - health.last_contact < timedelta(seconds=IDLE_S)

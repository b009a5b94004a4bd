"""How the systems are doing: what their transports saw, and how their feeds went."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.errors import SourceMisconfigured
from hub.feeds import faults
from hub.feeds.health import HasHealth, HealthView
from hub.ports import SourceHealth, SourceStatus, SystemCard
from hub.store.exceptions import open_counts
from hub.store.watermarks import Feed, FeedState, Watermarks


class LoadState(StrEnum):
    """How far a system's first load is."""

    DONE = "done"
    LOADING = "loading"
    DOWN = "down"
    """It cannot go on: the system does not answer, refuses, or sends what cannot be used. It loads when that ends."""


class FeedMonitor:
    """See hub.ports.SourceMonitor."""

    def __init__(
        self, engine: AsyncEngine, systems: Mapping[str, SystemCard], transports: Mapping[str, HasHealth]
    ) -> None:
        self._engine = engine
        self._systems = systems
        self._transports = transports
        self._watermarks = Watermarks(engine)

    async def sources(self) -> list[SourceHealth]:
        """Every system of the estate, by key."""
        states, now = await self._watermarks.all(), await self._watermarks.now()
        counts = await open_counts(self._engine)
        return [self._health(key, _of(key, states), now, counts.get(key, 0)) for key in sorted(self._systems)]

    def _health(self, key: str, states: Collection[FeedState], now: datetime, open_exceptions: int) -> SourceHealth:
        card, transport = self._systems[key], self._transports.get(key)
        seen = None if transport is None else transport.health
        contacts = [state.ran_at for state in states]
        if seen is not None:
            contacts.append(seen.last_contact)
        return SourceHealth(
            system=key,
            vendor=card.vendor,
            domain=card.domain,
            status=status_of(seen, states),
            last_contact=max((at for at in contacts if at is not None), default=None),
            lag_seconds=lag_seconds(states, now),
            open_exceptions=open_exceptions,
        )


def status_of(seen: HealthView | None, states: Collection[FeedState]) -> SourceStatus:
    """DOWN when this process gets no answer, or no feed gets through; DEGRADED when some feed fails.

    A transport that has not called yet knows nothing; then the feeds, which any process may have run, decide.
    """
    failing = [state for state in states if state.failure is not None]
    if seen is not None and seen.status == SourceStatus.DOWN:
        return SourceStatus.DOWN
    if failing and (len(failing) == len(states) or any(s.failure == SourceMisconfigured.code for s in failing)):
        return SourceStatus.DOWN
    if failing:
        return SourceStatus.DEGRADED
    if seen is not None and seen.last_contact is not None:
        return SourceStatus(seen.status)
    return SourceStatus.UP if any(state.ran_at for state in states) else SourceStatus.DEGRADED


def lag_seconds(states: Collection[FeedState], now: datetime) -> int:
    """Age of the newest applied change while newer ones are known to wait, else 0 (domain.md 6.4)."""
    waiting = [s.reached for s in states if s.behind and s.first_load_done_at and s.reached]
    return max((int((now - reached).total_seconds()) for reached in waiting), default=0)


async def first_load_state(engine: AsyncEngine, systems: Collection[str]) -> dict[str, LoadState]:
    """How far each system's first load is: the hub is ready when none is LOADING (design.md 9.1)."""
    states = await Watermarks(engine).all()
    return {system: load_state(_of(system, states)) for system in systems}


def load_state(states: Collection[FeedState]) -> LoadState:
    """One system's state from those of its feeds; a system whose feeds are not known yet is loading."""
    pending = [state for state in states if state.first_load_done_at is None]
    if states and not pending:
        return LoadState.DONE
    stuck = [state for state in pending if state.failure is not None]
    down = any(state.failure not in faults.DATA_CODES for state in stuck)
    return LoadState.DOWN if stuck and (down or len(stuck) == len(pending)) else LoadState.LOADING


def _of(system: str, states: Mapping[Feed, FeedState]) -> list[FeedState]:
    return [state for feed, state in states.items() if feed.system == system]

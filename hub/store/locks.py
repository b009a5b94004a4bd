"""One command at a time per record, over all replicas.

A lock is a row with a holder and an end; the holder moves the end on while it works (hub.store.ledger.renew),
so a lock of a killed process frees itself. Leases instead of the database's advisory locks: those would
keep a connection for as long as a vendor takes to answer, and the pool is small. Within one process waiters
queue up in memory first, so that replicas, not tasks, compete for the row.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.store.statements import text

LEASE_S = 15.0
"""How long a lock outlives a holder that does not renew it."""
POLL_S = 0.03
WAIT_S = 20.0
"""How long a command waits for the ones before it."""


class LockNotFree(Exception):
    """The commands before this one have not ended in time; nothing was done."""


@dataclass(slots=True)
class _Queue:
    """Who waits in this process for one lock."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class RecordLocks:
    """Locks by name; a command takes all that it needs at once."""

    def __init__(self, engine: AsyncEngine, *, lease_s: float = LEASE_S, wait_s: float = WAIT_S) -> None:
        self._engine = engine
        self._lease_s = lease_s
        self._wait_s = wait_s
        self._queues: dict[str, _Queue] = defaultdict(_Queue)

    @asynccontextmanager
    async def hold(self, names: Iterable[str], holder: str) -> AsyncIterator[None]:
        """Hold the locks inside the block; taken in one order by everybody, so nobody waits in a circle.

        Raises LockNotFree after `wait_s`.
        """
        wanted = sorted(set(names))
        give_up = time.monotonic() + self._wait_s
        async with AsyncExitStack() as stack:
            for name in wanted:
                await stack.enter_async_context(self._turn(name, give_up))
            for name in wanted:
                await self._take(name, holder, give_up)
                stack.push_async_callback(self._free, name, holder)
            yield

    @asynccontextmanager
    async def _turn(self, name: str, give_up: float) -> AsyncIterator[None]:
        queue = self._queues[name]
        queue.users += 1
        try:
            try:
                await asyncio.wait_for(queue.lock.acquire(), max(0.0, give_up - time.monotonic()))
            except TimeoutError:
                raise LockNotFree(name) from None
            try:
                yield
            finally:
                queue.lock.release()
        finally:
            queue.users -= 1
            if not queue.users:
                self._queues.pop(name, None)

    async def _take(self, name: str, holder: str, give_up: float) -> None:
        while not await self._takes(name, holder):
            if time.monotonic() > give_up:
                raise LockNotFree(name)
            await asyncio.sleep(POLL_S)

    async def _takes(self, name: str, holder: str) -> bool:
        async with self._engine.begin() as connection:
            given = {"name": name, "holder": holder, "lease": self._lease_s}
            return (await connection.execute(text(_TAKE), given)).first() is not None

    async def _free(self, name: str, holder: str) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(text(_FREE), {"name": name, "holder": holder})


_TAKE = """
INSERT INTO record_lock (name, holder, until)
VALUES (:name, :holder, clock_timestamp() + make_interval(secs => CAST(:lease AS float8)))
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE record_lock.until < clock_timestamp() OR record_lock.holder = excluded.holder
RETURNING holder"""
_FREE = "DELETE FROM record_lock WHERE name = :name AND holder = :holder"

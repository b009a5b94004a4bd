"""Coherence of the replicas' record caches: who has read a record anew tells the others to forget theirs.

Announcements go over PostgreSQL, which every replica has; with Redis the next reader finds the newer
record there, without it the system of record is asked again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import asyncpg
import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.kinds import Kind
from hub.domain.records import RecordKey

log = logging.getLogger(__name__)

CHANNEL = "cache"
EVERYTHING = "*"
RELISTEN_S = 1.0
_PAYLOAD_BYTES = 7_000


class ForgetfulCache(Protocol):
    """What the listener asks of this process's record cache."""

    def forget(self, keys: Iterable[RecordKey]) -> None:
        """Drop these entries of this process's memory."""
        ...

    def forget_all(self) -> None:
        """Drop all of this process's memory."""
        ...

    async def clear(self) -> None:
        """Drop everything, in the shared tier too."""
        ...


class Announcements:
    """Publishes what this replica has read, and makes its cache forget what the others have."""

    def __init__(self, engine: AsyncEngine, cache: ForgetfulCache) -> None:
        self._engine = engine
        self._cache = cache
        self._name = secrets.token_hex(4)
        self._listener: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()

    def start(self) -> None:
        """Listen in the background until `aclose`."""
        self._listener = asyncio.create_task(self._listen(), name="cache-listener")

    async def aclose(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)

    async def publish(self, keys: Sequence[RecordKey]) -> None:
        """Tell the other replicas that these records have changed; this one keeps its own."""
        payloads = list(_payloads(self._name, keys))
        if payloads:
            async with self._engine.begin() as connection:
                await connection.execute(_NOTIFY_EACH, {"channel": CHANNEL, "payloads": payloads})

    async def heard(self, payload: str) -> None:
        """Take in one announcement."""
        if payload == EVERYTHING:
            await self._cache.clear()
            return
        name, keys = orjson.loads(payload)
        if name != self._name:
            self._cache.forget([RecordKey(system, Kind(kind), external_id) for system, kind, external_id in keys])

    async def _listen(self) -> None:
        """Hold one connection that hears; what was said while it was lost is unknown, so all is forgotten."""
        while True:
            try:
                await self._hear()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                log.warning("the cache's listener lost its connection; listening again", exc_info=True)
            self.listening.clear()
            await asyncio.sleep(RELISTEN_S)

    async def _hear(self) -> None:
        url = self._engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(url)
        heard: asyncio.Queue[str | None] = asyncio.Queue()
        connection.add_termination_listener(lambda _: heard.put_nowait(None))
        try:
            await connection.add_listener(CHANNEL, lambda *message: heard.put_nowait(str(message[-1])))
            self._cache.forget_all()
            self.listening.set()
            while (payload := await heard.get()) is not None:
                await self.heard(payload)
        finally:
            await connection.close(timeout=2)


async def clear_everywhere(engine: AsyncEngine) -> None:
    """Make every replica clear its cache, the shared tier included."""
    async with engine.begin() as connection:
        await connection.execute(_NOTIFY_EACH, {"channel": CHANNEL, "payloads": [EVERYTHING]})


_NOTIFY_EACH = text("SELECT pg_notify(:channel, p) FROM unnest(CAST(:payloads AS text[])) AS n(p)")


def _payloads(name: str, keys: Sequence[RecordKey]) -> Iterator[str]:
    """The keys in as many notifications as the server's limit on one makes necessary."""
    part: list[list[str]] = []
    size = 0
    for key in keys:
        length = sum(len(orjson.dumps(word)) + 1 for word in key) + 2
        if part and size + length > _PAYLOAD_BYTES:
            yield orjson.dumps([name, part]).decode()
            part, size = [], 0
        part.append(list(key))
        size += length
    if part:
        yield orjson.dumps([name, part]).decode()

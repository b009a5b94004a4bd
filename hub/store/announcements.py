"""Coherence of the replicas' record caches: what one has read or written anew, the others must not serve old.

Announcements go over PostgreSQL (hub.store.replicas), which every replica has. After a change that was only read,
the others forget theirs: with Redis they find the newer record there, without it the system of record is asked
again. After a write the caller must read it everywhere, so the others also void what they are fetching right now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.kinds import Kind
from hub.domain.records import RecordKey
from hub.store.replicas import Replicas
from hub.store.statements import text

CHANNEL = "cache"
EVERYTHING = "*"
_FORGET, _VOID = "forget", "void"
_PAYLOAD_BYTES = 7_000


class ForgetfulCache(Protocol):
    """What announcements ask of this process's record cache."""

    @property
    def shared(self) -> bool:
        """Whether there is a tier that it has in common with other processes."""
        ...

    def forget(self, keys: Iterable[RecordKey]) -> None:
        """Drop these entries of this process's memory."""
        ...

    async def void(self, keys: Sequence[RecordKey]) -> None:
        """Drop these entries here and in the shared tier, and whatever of them is still on its way."""
        ...

    def forget_all(self) -> None:
        """Drop all of this process's memory."""
        ...

    async def clear(self) -> None:
        """Drop everything, in the shared tier too."""
        ...


class Announcements:
    """Publishes what this replica has read or written, and makes its cache forget what the others have."""

    def __init__(self, engine: AsyncEngine, cache: ForgetfulCache, replicas: Replicas) -> None:
        """Hears from when `replicas` is started."""
        self._engine = engine
        self._cache = cache
        self._replicas = replicas
        replicas.hear_in_turn(CHANNEL, self._heard)
        replicas.on_doubt(cache.forget_all)

    async def publish(self, keys: Sequence[RecordKey]) -> None:
        """Tell the other replicas that these records have changed; this one keeps its own."""
        await self._say(_FORGET, keys)

    async def written(self, keys: Sequence[RecordKey]) -> bool:
        """Wait until no replica can come up with what these records said before; see `all_have_heard`.

        With a shared tier that takes two rounds: what one replica puts there too late, and drops when it hears,
        another one that has heard already may have taken from there in between.
        """
        for _ in range(2 if self._cache.shared else 1):
            await self._say(_VOID, keys)
            if not await self.all_have_heard():
                return False
        return True

    async def all_have_heard(self) -> bool:
        """Wait until every replica has dealt with what was announced; False when one lives but does not."""
        return await self._replicas.all_have_heard()

    async def _say(self, what: str, keys: Sequence[RecordKey]) -> None:
        payloads = list(_payloads(self._replicas.name, what, keys))
        if payloads:
            async with self._engine.begin() as connection:
                await connection.execute(_NOTIFY_EACH, {"channel": CHANNEL, "payloads": payloads})

    async def _heard(self, payload: str) -> None:
        if payload == EVERYTHING:
            await self._cache.clear()
            return
        name, what, words = orjson.loads(payload)
        if name == self._replicas.name:
            return
        keys = [RecordKey(system, Kind(kind), external_id) for system, kind, external_id in words]
        if what == _VOID:
            await self._cache.void(keys)
        else:
            self._cache.forget(keys)


async def clear_everywhere(engine: AsyncEngine) -> None:
    """Make every replica clear its cache, the shared tier included."""
    async with engine.begin() as connection:
        await connection.execute(_NOTIFY_EACH, {"channel": CHANNEL, "payloads": [EVERYTHING]})


_NOTIFY_EACH = text("SELECT pg_notify(:channel, p) FROM unnest(CAST(:payloads AS text[])) AS n(p)")


def _payloads(name: str, what: str, keys: Sequence[RecordKey]) -> Iterator[str]:
    """The keys in as many notifications as the server's limit on one makes necessary."""
    part: list[list[str]] = []
    size = 0
    for key in keys:
        length = sum(len(orjson.dumps(word)) + 1 for word in key) + 2
        if part and size + length > _PAYLOAD_BYTES:
            yield orjson.dumps([name, what, part]).decode()
            part, size = [], 0
        part.append(list(key))
        size += length
    if part:
        yield orjson.dumps([name, what, part]).decode()

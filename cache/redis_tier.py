"""The shared tier on Redis: dumb storage that all replicas use, and that may be away at any time.

Every key has a time to live. When Redis does not answer, reads miss and writes are dropped: the hub is
slower then, never wrong and never down. What could not be dropped, or may have been put too late, is not read
again before it has been dropped. Commands are ones that Redis 6.2 knows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from itertools import islice

from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from cache.codec import dump, load
from cache.keys import entry_key, entry_pattern, flight_key
from cache.memory import Entry
from hub.domain.records import RecordKey

log = logging.getLogger(__name__)

ANSWER_S = 0.25
"""How long the hub waits for Redis before it does without."""
PAUSE_S = 2.0
"""How long the hub does without Redis after it failed, before it tries again."""
FLIGHT_MS = 10_000
"""Life of a flight lock: longer than any fetch may take, so that a killed replica blocks nobody for long."""
SCAN_COUNT = 1_000


class RedisTier:
    """Entries in Redis, for all replicas."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url, decode_responses=False, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S
        )
        self._down_until = 0.0
        self._owed: set[str] = set()
        """Names of entries that must be dropped before they may be read."""

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    @property
    def available(self) -> bool:
        """False for a short while after Redis failed."""
        return time.monotonic() >= self._down_until

    def _failed(self, error: Exception) -> None:
        if self.available:
            log.warning("Redis does not answer, doing without for %s s: %s", PAUSE_S, type(error).__name__)
        self._down_until = time.monotonic() + PAUSE_S

    async def get(self, keys: Sequence[RecordKey]) -> list[Entry | None]:
        """Entries by key, None where there is none (or no Redis)."""
        if not keys or not self.available or not await self._pay():
            return [None] * len(keys)
        try:
            raws = await self._redis.mget([entry_key(key) for key in keys])
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return [None] * len(keys)
        return [None if raw is None else _loaded(raw) for raw in raws]

    async def put(self, entries: Mapping[RecordKey, Entry], ttl_s: float) -> None:
        """Keep entries for `ttl_s` seconds."""
        if not entries or not self.available:
            return
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for key, entry in entries.items():
                    await pipe.set(entry_key(key), dump(entry), px=int(ttl_s * 1000))
                await pipe.execute()
        except (RedisTimeout, TimeoutError) as error:
            # Redis may still do it when something newer has been announced.
            self._owed.update(entry_key(key) for key in entries)
            self._failed(error)
        except (RedisError, OSError) as error:
            self._failed(error)

    async def drop(self, keys: Sequence[RecordKey]) -> None:
        """Forget entries: now, or when Redis answers again and before they are read."""
        self._owed.update(entry_key(key) for key in keys)
        if self.available:
            await self._pay()

    async def _pay(self) -> bool:
        """Drop what is owed; whether nothing is any more."""
        while self._owed:
            part = list(islice(self._owed, SCAN_COUNT))
            try:
                await self._redis.unlink(*part)
            except (RedisError, OSError, TimeoutError) as error:
                self._failed(error)
                return False
            self._owed.difference_update(part)
        return True

    async def clear(self) -> None:
        """Forget all entries of this shape version. Raises RedisError when Redis does not answer: a person asked."""
        batch: list[bytes] = []
        async for name in self._redis.scan_iter(match=entry_pattern(), count=SCAN_COUNT):
            batch.append(name)
            if len(batch) >= SCAN_COUNT:
                await self._redis.unlink(*batch)
                batch = []
        if batch:
            await self._redis.unlink(*batch)

    async def take_flights(self, keys: Sequence[RecordKey]) -> list[bool]:
        """For each key whether this replica may fetch it now; True for all when there is no Redis."""
        if not keys or not self.available:
            return [True] * len(keys)
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for key in keys:
                    await pipe.set(flight_key(key), b"1", nx=True, px=FLIGHT_MS)
                return [bool(taken) for taken in await pipe.execute()]
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return [True] * len(keys)

    async def end_flights(self, keys: Sequence[RecordKey]) -> None:
        """Give the flight locks back."""
        if not keys or not self.available:
            return
        try:
            await self._redis.unlink(*(flight_key(key) for key in keys))
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)


def _loaded(raw: bytes | str) -> Entry | None:
    try:
        return load(raw if isinstance(raw, bytes) else raw.encode())
    except (ValueError, KeyError, TypeError):
        log.warning("an entry of the shared cache could not be read and is ignored")
        return None

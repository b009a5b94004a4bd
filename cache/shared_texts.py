"""Texts of queries in Redis, by digest, so that a client that has sent one to a replica has sent it to all.

Like the shared tier of records it may be away at any time: then nothing is found and nothing is kept.
"""

from __future__ import annotations

import logging
import time

from redis.asyncio import Redis
from redis.exceptions import RedisError

from cache.redis_tier import ANSWER_S, PAUSE_S

log = logging.getLogger(__name__)

KEEP_S = 30 * 24 * 3600
"""How long a text is kept after it was last sent or looked up; Redis's own memory policy bounds their number."""
_PREFIX = "hub:text:"


class RedisTexts:
    """See hub.app.persisted.SharedTexts."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url, decode_responses=True, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S
        )
        self._down_until = 0.0

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def get(self, digest: str) -> str | None:
        """The text with that digest; None when there is none, or no Redis."""
        if time.monotonic() < self._down_until:
            return None
        try:
            found = await self._redis.getex(_PREFIX + digest, ex=KEEP_S)
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return None
        return None if found is None else str(found)

    async def put(self, digest: str, text: str) -> None:
        """Keep a text."""
        if time.monotonic() < self._down_until:
            return
        try:
            await self._redis.set(_PREFIX + digest, text, ex=KEEP_S)
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        log.warning("Redis does not answer, doing without for %s s: %s", PAUSE_S, type(error).__name__)
        self._down_until = time.monotonic() + PAUSE_S

"""The budget of one system over all replicas, kept in Redis: a vendor limits the account, not the process.

Slots are leases in a sorted set (member → expiry), so a replica that was killed gives its slots back by
time. The rate is a theoretical arrival time per system (GCRA). While Redis does not answer, each process
does with its own LocalBudget: slower vendors are better than none.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from secrets import token_hex

from redis.asyncio import Redis
from redis.exceptions import RedisError

from sources.budget import BudgetSpent, LocalBudget

log = logging.getLogger(__name__)

ANSWER_S = 0.25
PAUSE_S = 2.0
LEASE_S = 60.0
"""Longer than any call may take: a lease that runs out belongs to a process that died."""
POLL_S = 0.02

_TAKE = """
local now = redis.call('TIME')
local t = now[1] + now[2] / 1000000
if redis.call('EXISTS', KEYS[3]) == 1 then return tostring(redis.call('PTTL', KEYS[3]) / 1000) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', t)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return '-1' end
local interval = tonumber(ARGV[2])
if interval > 0 then
  local at = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), t - tonumber(ARGV[3]))
  if at > t then return tostring(at - t) end
  redis.call('SET', KEYS[2], tostring(at + interval), 'PX', 120000)
end
redis.call('ZADD', KEYS[1], t + tonumber(ARGV[4]), ARGV[5])
redis.call('PEXPIRE', KEYS[1], math.ceil(tonumber(ARGV[4]) * 1000))
return '0'
"""


class SharedBudget:
    """See sources.budget.Budget; `concurrent` calls at once and `calls_per_minute` over all replicas."""

    def __init__(self, redis: Redis, system: str, concurrent: int, calls_per_minute: int | None = None) -> None:
        self._redis = redis
        self._local = LocalBudget(concurrent, calls_per_minute)
        self._keys = [f"hub:budget:{system}:{part}" for part in ("slots", "rate", "quiet")]
        self._concurrent = concurrent
        self._interval_s = 60 / calls_per_minute if calls_per_minute else 0.0
        self._burst_s = max(6.0, self._interval_s) if calls_per_minute else 0.0
        self._down_until = 0.0

    @asynccontextmanager
    async def slot(self, wait_s: float) -> AsyncIterator[None]:
        """See Budget.slot."""
        started = time.monotonic()
        lease = token_hex(8)
        shared = await self._take(lease, wait_s)
        async with AsyncExitStack() as stack:
            if not shared:
                left = max(0.0, wait_s - (time.monotonic() - started))
                await stack.enter_async_context(self._local.slot(left))
            try:
                yield
            finally:
                if shared:
                    await asyncio.shield(self._give_back(lease))

    async def _take(self, lease: str, wait_s: float) -> bool:
        """Whether the lease was taken in Redis; False when Redis is away. Raises BudgetSpent after `wait_s`."""
        deadline = time.monotonic() + wait_s
        while time.monotonic() >= self._down_until:
            try:
                wait = await self._ask(lease)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("Redis does not answer, budgeting alone for %s s: %s", PAUSE_S, type(error).__name__)
                self._down_until = time.monotonic() + PAUSE_S
                return False
            if wait == 0:
                return True
            pause = POLL_S if wait < 0 else wait
            if time.monotonic() + pause > deadline:
                raise BudgetSpent(None if wait < 0 else wait)
            await asyncio.sleep(pause)
        return False

    async def _ask(self, lease: str) -> float:
        """0: taken; below 0: all slots are in use; above: seconds until the next call is allowed."""
        arguments = (self._concurrent, self._interval_s, self._burst_s, LEASE_S, lease)
        async with asyncio.timeout(ANSWER_S):
            return float(await self._redis.eval(_TAKE, 3, *self._keys, *map(str, arguments)))

    async def _give_back(self, lease: str) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._redis.zrem(self._keys[0], lease)
        except (RedisError, OSError, TimeoutError):
            log.debug("a slot is given back by its expiry: Redis does not answer")

    async def pause(self, seconds: float) -> None:
        """See Budget.pause: all replicas are quiet."""
        await self._local.pause(seconds)
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._redis.set(self._keys[2], b"1", px=max(1, int(seconds * 1000)))
        except (RedisError, OSError, TimeoutError):
            log.debug("the pause is kept by this process alone: Redis does not answer")

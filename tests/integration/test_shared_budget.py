"""The budget that replicas share in a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from sources.budget import BudgetSpent
from sources.shared_budget import SharedBudget
from tests.support.redis import RedisServer

Replica = Callable[..., SharedBudget]


@pytest.fixture
async def replica(fresh_redis: str) -> AsyncIterator[Replica]:
    """Makes one more replica's budget on the same Redis."""
    async with AsyncExitStack() as stack:

        def make(*limits: int) -> SharedBudget:
            client = Redis.from_url(fresh_redis)
            stack.push_async_callback(client.aclose)
            return SharedBudget(client, "psa", *limits)

        yield make


async def test_two_replicas_never_exceed_the_accounts_slots(replica: Replica) -> None:
    """Twenty calls from two replicas, three at once over both."""
    replicas = [replica(3) for _ in range(2)]
    running = most = 0

    async def call(budget: SharedBudget) -> None:
        nonlocal running, most
        async with budget.slot(5):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1

    await asyncio.gather(*(call(replicas[n % 2]) for n in range(20)))
    assert most == 3


async def test_a_spent_budget_refuses_after_the_wait_and_a_returned_slot_is_free(replica: Replica) -> None:
    """Waiting is bounded; leaving gives the slot back."""
    budget = replica(1)
    async with budget.slot(1):
        with pytest.raises(BudgetSpent):
            async with budget.slot(0.1):
                pass
    async with budget.slot(0.1):
        pass


async def test_the_rate_is_shared_and_says_how_long_to_wait(replica: Replica) -> None:
    """Sixty a minute with a burst of six: the seventh or eighth call waits about a second."""
    replicas = [replica(50, 60) for _ in range(2)]
    waits = [await _wait_of(replicas[n % 2]) for n in range(10)]
    granted = waits.index(next(w for w in waits if w))
    assert 6 <= granted <= 7
    assert all(wait is not None and 0 < wait <= 1 for wait in waits[granted:])


async def _wait_of(budget: SharedBudget) -> float | None:
    """0 when the call is allowed at once, else how long it should wait."""
    try:
        async with budget.slot(0):
            return 0.0
    except BudgetSpent as refused:
        return refused.retry_after_s


async def test_a_pause_holds_for_all_replicas(replica: Replica) -> None:
    """Retry-After heard by one replica is honoured by the other."""
    one, two = (replica(5) for _ in range(2))
    await one.pause(0.3)
    with pytest.raises(BudgetSpent):
        async with two.slot(0.05):
            pass
    async with two.slot(2):
        pass


async def test_without_redis_each_process_budgets_alone(private_redis: RedisServer) -> None:
    """Redis down means slower, not broken."""
    client = Redis.from_url(private_redis.url)
    budget = SharedBudget(client, "psa", 1)
    private_redis.stop()
    async with budget.slot(1):
        with pytest.raises(BudgetSpent):
            async with budget.slot(0.05):
                pass
    await client.aclose()

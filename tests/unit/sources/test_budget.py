"""The local budget: concurrency, rate and quiet times."""

from __future__ import annotations

import asyncio
import time

import pytest

from sources.budget import BudgetSpent, LocalBudget


async def test_no_more_calls_at_once_than_allowed() -> None:
    """The third of two waits until one ends."""
    budget = LocalBudget(2)
    running, most = 0, 0

    async def call() -> None:
        nonlocal running, most
        async with budget.slot(1):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(call() for _ in range(6)))
    assert most == 2


async def test_a_caller_that_cannot_wait_is_told_so() -> None:
    """A slot that does not come in time raises, and is not lost to the next."""
    budget = LocalBudget(1)
    async with budget.slot(1):
        with pytest.raises(BudgetSpent):
            async with budget.slot(0.01):
                pass
    async with budget.slot(0.01):
        pass


async def test_the_rate_is_kept_after_the_burst() -> None:
    """600 a minute are ten a second: sixty at once, then one each tenth."""
    now = [1000.0]
    budget = LocalBudget(100, 600, clock=lambda: now[0])
    for _ in range(61):
        async with budget.slot(0.01):
            pass
    with pytest.raises(BudgetSpent) as spent:
        async with budget.slot(0.01):
            pass
    assert spent.value.retry_after_s == pytest.approx(0.1)
    now[0] += 0.1
    async with budget.slot(0.01):
        pass


async def test_nothing_is_sent_in_a_quiet_time() -> None:
    """A pause holds back everyone until it ends."""
    budget = LocalBudget(1)
    await budget.pause(0.1)
    started = time.monotonic()
    async with budget.slot(1):
        assert time.monotonic() - started >= 0.09
    await budget.pause(5)
    with pytest.raises(BudgetSpent) as spent:
        async with budget.slot(0.1):
            pass
    assert spent.value.retry_after_s == pytest.approx(5, abs=0.1)

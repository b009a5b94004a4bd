"""The breaker's states, told by a clock that the test moves."""

from __future__ import annotations

import pytest

from sources.breaker import Breaker, BreakerOpen, BreakerState


class Clock:
    """Seconds that stand still until they are moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock."""
    return Clock()


def broken(clock: Clock) -> Breaker:
    """Make a breaker that has just opened."""
    breaker = Breaker(threshold=2, reopen_s=3, clock=clock)
    for _ in range(2):
        breaker.admit()
        breaker.failed()
    return breaker


def test_it_opens_after_failures_in_a_row_only(clock: Clock) -> None:
    """A success between two failures starts the count anew."""
    breaker = Breaker(threshold=2, clock=clock)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.state is BreakerState.CLOSED
    assert breaker.admit() is False


def test_it_refuses_calls_while_open_and_says_how_long(clock: Clock) -> None:
    """An open breaker tells when a probe will be allowed."""
    breaker = broken(clock)
    clock.now += 1
    with pytest.raises(BreakerOpen) as refusal:
        breaker.admit()
    assert refusal.value.retry_in_s == pytest.approx(2)


def test_exactly_one_call_probes(clock: Clock) -> None:
    """While the probe is under way everyone else is refused."""
    breaker = broken(clock)
    clock.now += 3
    assert breaker.admit() is True
    with pytest.raises(BreakerOpen):
        breaker.admit()
    breaker.succeeded()
    assert breaker.admit() is False


def test_a_failed_probe_keeps_it_open_for_another_turn(clock: Clock) -> None:
    """The next probe is allowed after the same time again."""
    breaker = broken(clock)
    clock.now += 3
    breaker.admit()
    breaker.failed()
    with pytest.raises(BreakerOpen):
        breaker.admit()
    clock.now += 3
    assert breaker.admit() is True


def test_an_abandoned_probe_lets_the_next_caller_try(clock: Clock) -> None:
    """A caller that gives up must not leave the system unused for ever."""
    breaker = broken(clock)
    clock.now += 3
    probe = breaker.admit()
    breaker.abandoned(probe=probe)
    assert breaker.admit() is True


def test_a_late_call_of_before_does_not_end_another_ones_probe(clock: Clock) -> None:
    """An ordinary call that is given up while a probe runs leaves the probe alone."""
    breaker = broken(clock)
    clock.now += 3
    breaker.admit()
    breaker.abandoned(probe=False)
    with pytest.raises(BreakerOpen):
        breaker.admit()

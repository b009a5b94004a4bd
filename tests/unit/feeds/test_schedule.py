"""The feeds' times and order, and what is concluded from how they went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from hub.domain.directory import KEPT
from hub.domain.kinds import Kind
from hub.errors import (
    SourceError,
    SourceMisconfigured,
    SourceRejected,
    SourceShapeBroken,
    SourceThrottled,
    SourceUnavailable,
)
from hub.feeds import faults
from hub.feeds.monitor import LoadState, lag_seconds, load_state, status_of
from hub.feeds.schedule import EVERY_S, HEALTH_S, LOAD_ORDER, RECHECK_S, back_off_s
from hub.feeds.worker import may_load
from hub.ports import SourceStatus
from hub.store.doubts import normalized
from hub.store.exceptions import ExceptionClass
from hub.store.watermarks import Feed, FeedState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DONE = FeedState(reached=NOW, first_load_done_at=NOW, ran_at=NOW)
NEW = FeedState()


def failing(code: str, *, done: bool = False) -> FeedState:
    """A feed whose last run failed."""
    return FeedState(first_load_done_at=NOW if done else None, failure=code, failed_at=NOW, failures=1)


@dataclass(frozen=True)
class Seen:
    """What a transport saw."""

    status: str
    last_contact: datetime | None = NOW


def test_every_kind_that_systems_supply_has_an_interval_and_a_place() -> None:
    """Practices are the hub's own and have no feed."""
    assert set(EVERY_S) == set(LOAD_ORDER) == set(KEPT) - {Kind.PRACTICE}
    assert LOAD_ORDER[-1] is Kind.TIME_ENTRY


def test_promised_freshness_survives_a_failed_run() -> None:
    """domain.md 6.4: 5 minutes for time, milestones, projects, staffing, invoices; an hour for people at most."""
    fast = {Kind.TIME_ENTRY, Kind.MILESTONE, Kind.PROJECT, Kind.ASSIGNMENT, Kind.INVOICE}
    assert max(EVERY_S[kind] for kind in fast) <= 30
    assert EVERY_S[Kind.RESOURCE] <= 3600 / 3


def test_back_off_doubles_up_to_a_minute_with_jitter() -> None:
    """So that many feeds of a returning system do not come at the same moment."""
    waits = [back_off_s(n) for n in (1, 2, 3, 6, 7, 10_000)]
    for wait, limit in zip(waits, (1, 2, 4, 32, 60, 60), strict=True):
        assert 0.75 * limit <= wait <= limit
    assert HEALTH_S <= 5


@pytest.mark.parametrize(
    ("error", "cls", "whole"),
    [
        (SourceUnavailable("s", "down"), ExceptionClass.PLATFORM_AVAILABILITY, True),
        (SourceThrottled("s", "slow down"), ExceptionClass.PLATFORM_AVAILABILITY, True),
        (SourceShapeBroken("s", "drift"), ExceptionClass.DATA_QUALITY, False),
        (SourceRejected("s", "no"), ExceptionClass.DATA_QUALITY, False),
    ],
)
def test_failures_are_filed_by_class(error: SourceError, cls: ExceptionClass, *, whole: bool) -> None:
    """domain.md section 6: the four classes; what is wrong with one kind's data is that kind's alone."""
    assert faults.verdict(error, signs_in=True) == faults.Verdict(cls, whole)


def test_a_refusal_is_the_systems_unless_it_signs_in_otherwise() -> None:
    """A mapped field that the tenant lacks raises the same error as a bad credential."""
    error = SourceMisconfigured("s", "refused")
    assert faults.verdict(error, signs_in=False).whole_system
    assert not faults.verdict(error, signs_in=True).whole_system
    assert faults.wait_s(error, 1) == RECHECK_S


def test_a_throttled_feed_waits_as_long_as_it_was_told() -> None:
    """Retry-After, when it is longer than the back-off."""
    assert faults.wait_s(SourceThrottled("s", "slow down", retry_after_s=120), 1) == 120
    assert faults.wait_s(SourceThrottled("s", "slow down"), 1) <= 1


def test_first_loads_run_in_order_per_system_and_side_by_side() -> None:
    """A kind whose data is at fault does not hold up the next; a system that is down does."""
    customers, people = Feed("psa", Kind.CUSTOMER), Feed("psa", Kind.RESOURCE)
    time, deals = Feed("psa", Kind.TIME_ENTRY), Feed("crm", Kind.OPPORTUNITY)
    states = {time: NEW, people: NEW, customers: DONE, deals: NEW}
    assert may_load(states) == {people, deals}
    assert may_load({**states, people: failing("SOURCE_UNAVAILABLE")}) == {people, deals}
    assert may_load({**states, people: failing("SCHEMA_DRIFT")}) == {people, time, deals}


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], LoadState.LOADING),
        ([DONE, NEW], LoadState.LOADING),
        ([DONE, DONE], LoadState.DONE),
        ([DONE, failing("SOURCE_UNAVAILABLE"), NEW], LoadState.DOWN),
        ([DONE, failing("SCHEMA_DRIFT"), NEW], LoadState.LOADING),
        ([DONE, failing("SCHEMA_DRIFT")], LoadState.DOWN),
        ([DONE, failing("SOURCE_UNAVAILABLE", done=True)], LoadState.DONE),
    ],
)
def test_first_load_state(states: list[FeedState], expected: LoadState) -> None:
    """Readiness waits for LOADING only."""
    assert load_state(states) is expected


@pytest.mark.parametrize(
    ("seen", "states", "expected"),
    [
        (None, [NEW], SourceStatus.DEGRADED),
        (None, [DONE], SourceStatus.UP),
        (Seen("DEGRADED", None), [DONE], SourceStatus.UP),
        (Seen("DEGRADED"), [DONE], SourceStatus.DEGRADED),
        (Seen("DOWN"), [DONE], SourceStatus.DOWN),
        (Seen("UP"), [DONE, failing("SCHEMA_DRIFT")], SourceStatus.DEGRADED),
        (Seen("UP"), [failing("SOURCE_UNAVAILABLE"), failing("SOURCE_UNAVAILABLE")], SourceStatus.DOWN),
        (Seen("UP"), [DONE, failing("AUTH_FAILED")], SourceStatus.DOWN),
    ],
)
def test_status_joins_what_calls_and_feeds_saw(
    seen: Seen | None, states: list[FeedState], expected: SourceStatus
) -> None:
    """The worse of the two; a process that has not called relies on the feeds."""
    assert status_of(seen, states) is expected


def test_lag_counts_only_while_newer_changes_are_known() -> None:
    """An idle source has lag 0 however old its newest change is (domain.md 6.4)."""
    old = NOW - timedelta(days=30)
    idle = FeedState(reached=old, first_load_done_at=NOW)
    waiting = FeedState(reached=NOW - timedelta(minutes=7), first_load_done_at=NOW, behind=True)
    assert lag_seconds([idle], NOW) == 0
    assert lag_seconds([idle, waiting], NOW) == 420


def test_names_are_compared_without_case_accents_and_punctuation() -> None:
    """The customer with different spellings."""
    assert normalized("Müller & Co. KG") == normalized("MULLER  CO KG")
    assert normalized("Acme") != normalized("Acme 2")

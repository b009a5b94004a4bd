"""How often what runs, and in which order: the one place for the feeds' times (domain.md 6.4).

| word | meaning |
|---|---|
| feed | incremental pull of one kind from one system; its first run loads everything |
| full pass | the same without a watermark: finds what a feed missed, and what may be gone |
| probe | the second question about records that may be gone |
| stages | derives again what depends on the calendar |
| check | looks for what does not fit together in the directory |
| tidy | deletes finished jobs |
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from hub.domain.kinds import Kind
from hub.store.watermarks import Feed

EVERY_S: Mapping[Kind, float] = {
    Kind.LEGAL_ENTITY: 600,
    Kind.CUSTOMER: 60,
    Kind.RESOURCE: 60,
    Kind.SUBCONTRACTOR: 60,
    Kind.OPPORTUNITY: 60,
    Kind.CONTRACT: 30,
    Kind.CONTRACT_LINE: 30,
    Kind.CHANGE_ORDER: 30,
    Kind.PROJECT: 20,
    Kind.TASK: 20,
    Kind.MILESTONE: 15,
    Kind.ASSIGNMENT: 20,
    Kind.INVOICE: 15,
    Kind.EXPENSE: 30,
    Kind.TIME_ENTRY: 15,
}
"""Seconds between two runs of a feed: far inside the promised freshness, so that one failed run breaks no promise."""

LOAD_ORDER: tuple[Kind, ...] = (
    Kind.LEGAL_ENTITY,
    Kind.CUSTOMER,
    Kind.RESOURCE,
    Kind.SUBCONTRACTOR,
    Kind.OPPORTUNITY,
    Kind.CONTRACT,
    Kind.CONTRACT_LINE,
    Kind.CHANGE_ORDER,
    Kind.PROJECT,
    Kind.TASK,
    Kind.MILESTONE,
    Kind.ASSIGNMENT,
    Kind.INVOICE,
    Kind.EXPENSE,
    Kind.TIME_ENTRY,
)
"""First loads of one system run one after the other in this order: targets of links before what links to them."""

CALENDAR_KINDS = frozenset({Kind.CONTRACT, Kind.RESOURCE})
"""Kinds whose values change with the date alone (a contract's status, effective-dated employment): no stamp moves."""
CALENDAR_PASS_S = 3_600.0
FULL_PASS_S = 86_400.0

PROBE, STAGES, CHECK, TIDY = "probe", "stages", "check", "tidy"
CHORES_S: Mapping[str, float] = {PROBE: 20.0, STAGES: 3_600.0, CHECK: 900.0, TIDY: 3_600.0}
"""Jobs that belong to no feed, and their intervals."""

TICK_S = 0.5
"""How often each replica looks at the timetable."""
HEARTBEAT_S = 1.0
STALLED_S = 4.0
"""A worker without a heartbeat for this long is dead; its jobs go to others."""
RESCUE_S = 1.0

HEALTH_S = 4.0
"""How often a system that is not well is asked whether it is back: feeds heal within 10 s of its return."""
IDLE_S = 60.0
"""A system that nobody has called for this long is asked too, so that its state is never older."""

LONGEST_WAIT_S = 60.0
RECHECK_S = 60.0
"""Pause after an error that only a person can mend."""


def feed_job(feed: Feed) -> str:
    """The name of a feed's job."""
    return f"feed:{feed.system}:{feed.kind}"


def full_pass_job(feed: Feed) -> str:
    """The name of a feed's full pass."""
    return f"full:{feed.system}:{feed.kind}"


def pass_every_s(kind: Kind) -> float:
    """Seconds between two full passes."""
    return CALENDAR_PASS_S if kind in CALENDAR_KINDS else FULL_PASS_S


def back_off_s(failures: int) -> float:
    """The pause after that many failures in a row: 1 s × 2ⁿ up to a minute, less up to a quarter by chance."""
    return min(LONGEST_WAIT_S, 2.0 ** min(failures - 1, 10)) * random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, guards nothing

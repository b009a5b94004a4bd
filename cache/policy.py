"""How old a value may be, and what happens then: the one place for freshness (domain.md 6.4, design.md section 3).

Pure decisions: no clock, no I/O. A record is FRESH up to `fresh_s`; up to `stale_s` more it is served at
once while one fetch renews it; after that a reader waits for the fetch, and gets the old value, marked
stale, only when the source does not answer. `keep_s` bounds how long an entry exists at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from hub.domain.kinds import Kind


@dataclass(frozen=True, slots=True)
class Freshness:
    """Maximum age, stale-while-revalidate window and life time of a kind's records, in seconds."""

    fresh_s: float
    stale_s: float
    keep_s: float = 86_400.0


# The feeds refresh the cache as changes come, so these ages matter where a feed is late or paused.
POLICY: dict[Kind, Freshness] = {
    Kind.CUSTOMER: Freshness(300, 600),
    Kind.OPPORTUNITY: Freshness(300, 600),
    Kind.CONTRACT: Freshness(300, 600),
    Kind.CONTRACT_LINE: Freshness(300, 600),
    Kind.CHANGE_ORDER: Freshness(300, 600),
    Kind.PROJECT: Freshness(300, 600),
    Kind.TASK: Freshness(300, 600),
    Kind.MILESTONE: Freshness(300, 600),
    Kind.ASSIGNMENT: Freshness(300, 600),
    Kind.TIME_ENTRY: Freshness(300, 600),
    Kind.EXPENSE: Freshness(300, 600),
    Kind.INVOICE: Freshness(300, 600),
    Kind.RESOURCE: Freshness(900, 2_700),
    Kind.SUBCONTRACTOR: Freshness(900, 2_700),
    Kind.LEGAL_ENTITY: Freshness(3_600, 82_800),
    Kind.PRACTICE: Freshness(3_600, 82_800),
}
NEGATIVE_S = 30.0
"""How long "the vendor has no such object" is remembered."""
FAILURE_S = 1.0
"""How long a source's failure answers for its keys, so that one page does not ask a dead source many times."""
WAIT_WITH_STAND_IN_S = 3.0
"""How long a reader waits for a source when a stale value could be served instead."""
WAIT_S = 10.0
"""How long a reader waits for a source otherwise."""


class Decision(Enum):
    """What to do with a cached value of a certain age."""

    SERVE = auto()
    SERVE_AND_RENEW = auto()
    FETCH = auto()


def decide(age_s: float, freshness: Freshness, max_age_s: float | None) -> Decision:
    """Serve, serve while renewing, or fetch; a caller's `max_age_s` (0: read through) only ever tightens."""
    if max_age_s is not None and age_s >= max_age_s:
        return Decision.FETCH
    if age_s <= freshness.fresh_s:
        return Decision.SERVE
    if age_s <= freshness.fresh_s + freshness.stale_s and max_age_s is None:
        return Decision.SERVE_AND_RENEW
    return Decision.FETCH

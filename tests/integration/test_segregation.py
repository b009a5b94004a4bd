"""Nobody decides on time that they have worked or had submitted (domain.md 9.1, segregation)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.domain.commands import Actor, Outcome
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.ownership import Role
from hub.domain.records import BY_CANONICAL, Key
from tests.support.commands import EMAIL, MANAGER, Firm, caller

ACCOUNT = caller(Role.SERVICE, allow=["submitTimeEntry", "approveTimeEntry"], subject="timesheets")
FOR_ADA = Actor(ACCOUNT, caller(email=EMAIL["ada"]))
FOR_BOB = Actor(ACCOUNT, caller(email=EMAIL["bob"]))
CY = Actor(caller(Role.DELIVERY_MANAGER, email="cy@firm.example"))
SEGREGATION = "SEGREGATION_OF_DUTIES"


@pytest.fixture
async def firm(migrated_database: str) -> AsyncIterator[Firm]:
    """A hub with a small firm behind it, and cy, a third person."""
    made = Firm(migrated_database)
    await made.start()
    await made.open()
    await made.person("cy", "13")
    yield made
    await made.close()


def code(outcome: Outcome) -> str | None:
    """The code of the first error."""
    return outcome.errors[0].code if outcome.errors else None


async def submit(firm: Firm, actor: Actor) -> CanonicalId:
    """Submit eight hours of bob's; the entry."""
    outcome = await firm.run("submitTimeEntry", actor, "s", **firm.time())
    assert outcome.errors == ()
    assert outcome.entity is not None
    return outcome.entity


async def test_who_had_time_submitted_does_not_review_it(firm: Firm) -> None:
    """Neither in person nor through the account; another manager may."""
    entry = await submit(firm, FOR_ADA)
    assert code(await firm.run("approveTimeEntry", MANAGER, "1", id=entry)) == SEGREGATION
    assert code(await firm.run("rejectTimeEntry", MANAGER, "2", id=entry)) == SEGREGATION
    assert code(await firm.run("approveTimeEntry", FOR_ADA, "3", id=entry)) == SEGREGATION
    assert code(await firm.run("approveTimeEntry", CY, "4", id=entry)) is None


async def test_the_lead_reviews_what_the_worker_had_submitted(firm: Firm) -> None:
    """The account itself is no person."""
    entry = await submit(firm, FOR_BOB)
    assert code(await firm.run("approveTimeEntry", FOR_ADA, "1", id=entry)) is None


async def test_a_submission_whose_answer_was_lost_has_a_submitter_too(firm: Firm) -> None:
    """A feed finds the entry by the id that it carries, before the command is known to be done."""
    firm.psa.fault = "lost-reply"
    outcome = await firm.run("submitTimeEntry", FOR_ADA, "s", **firm.time())
    assert code(outcome) == "WRITE_OUTCOME_UNKNOWN"
    firm.psa.fault = None
    (write,) = firm.psa.written
    assert write.canonical_id is not None
    (number,) = [i for (kind, i), v in firm.psa.objects.items() if v.get("token") == write.canonical_id]
    values = dict(firm.psa.objects[Kind.TIME_ENTRY, number])
    entry = await firm.put("late", "psa", Kind.TIME_ENTRY, number, values, [Key(BY_CANONICAL, write.canonical_id)])
    assert entry == write.canonical_id
    assert code(await firm.run("approveTimeEntry", MANAGER, "1", id=entry)) == SEGREGATION
    await firm.verify()
    assert await firm.states() == ["APPLIED", "REJECTED"]
    assert code(await firm.run("approveTimeEntry", MANAGER, "2", id=entry)) == SEGREGATION
    assert code(await firm.run("approveTimeEntry", CY, "3", id=entry)) is None


async def test_a_whole_submission_is_not_reviewed_by_who_had_a_part_of_it_submitted(firm: Firm) -> None:
    """Alone the worker's own entry is the lead's to approve; with what the lead had submitted it is not."""
    await submit(firm, FOR_ADA)
    entry = firm.ids["entry"]
    whole = {"id": entry, "wholeSubmission": True}
    assert code(await firm.run("approveTimeEntry", MANAGER, "1", **whole)) == SEGREGATION
    assert code(await firm.run("approveTimeEntry", MANAGER, "2", id=entry)) is None

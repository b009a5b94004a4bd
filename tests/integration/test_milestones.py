"""Nobody accepts a milestone that they completed, whichever side they completed it on (domain.md 9.1)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from hub.domain.commands import Actor, CommandStatus, Outcome
from hub.domain.kinds import Kind
from hub.domain.ownership import Role
from hub.domain.records import Ref, Value
from hub.usecases import write_through
from hub.usecases.milestones import COMPLETER_UNKNOWN
from tests.support.commands import EMAIL, MANAGER, OTHER_MANAGER, Firm, caller

APPLIED = CommandStatus.APPLIED
ADA, BOB, ROOT = (Ref(Kind.RESOURCE, number) for number in ("11", "12", "99"))
"""Users of the PSA: two resources, and the hub's own account, which is nobody's."""


@pytest.fixture
async def firm(migrated_database: str) -> AsyncIterator[Firm]:
    """A hub with a small firm behind it."""
    made = Firm(migrated_database)
    await made.start()
    await made.open()
    yield made
    await made.close()


def code(outcome: Outcome) -> str | None:
    """The code of the first error."""
    return outcome.errors[0].code if outcome.errors else None


def in_psa(firm: Firm, by: Ref | None, at: datetime | None = None, status: str = "COMPLETED") -> None:
    """Somebody changes the milestone in the PSA itself."""
    changed: dict[str, Value] = {"status": status, "completed_by": by, "completed_at": at or datetime.now(UTC)}
    firm.psa.objects[Kind.MILESTONE, "22"] |= changed


async def approve(firm: Firm, actor: Actor, key: str) -> str | None:
    """Approve it; the code of the refusal, None when it was approved."""
    return code(await firm.run("approveMilestone", actor, key, id=firm.ids["milestone"]))


async def test_who_completed_it_in_the_psa_does_not_accept_it_through_the_hub(firm: Firm) -> None:
    """The hub has no record of it; another person accepts."""
    in_psa(firm, BOB)
    assert await approve(firm, OTHER_MANAGER, "1") == "SEGREGATION_OF_DUTIES"
    assert firm.psa.written == []
    assert await approve(firm, MANAGER, "2") is None
    assert firm.psa.written[-1].values["approved_by"] == EMAIL["ada"]


async def test_what_the_hub_completed_is_the_callers_doing_and_not_the_accounts(firm: Firm) -> None:
    """The PSA names the hub's account, which is no resource: the audit trail names the person."""
    assert (await firm.run("completeMilestone", MANAGER, "1", id=firm.ids["milestone"])).status is APPLIED
    in_psa(firm, ROOT)
    assert await approve(firm, MANAGER, "2") == "SEGREGATION_OF_DUTIES"
    assert await approve(firm, OTHER_MANAGER, "3") is None


async def test_both_sides_are_asked_when_it_was_completed_again(firm: Firm) -> None:
    """Ada through the hub, then reopened, then Bob in the PSA: neither accepts."""
    assert (await firm.run("completeMilestone", MANAGER, "1", id=firm.ids["milestone"])).status is APPLIED
    in_psa(firm, BOB, datetime.now(UTC) + timedelta(hours=1))
    assert await approve(firm, MANAGER, "2") == "SEGREGATION_OF_DUTIES"
    assert await approve(firm, OTHER_MANAGER, "3") == "SEGREGATION_OF_DUTIES"


@pytest.mark.parametrize("by", [ROOT, None])
async def test_a_completer_whom_nobody_can_name_is_no_other_person(firm: Firm, by: Ref | None) -> None:
    """Refused, until somebody is named; nothing is written."""
    in_psa(firm, by)
    assert await approve(firm, MANAGER, "1") == COMPLETER_UNKNOWN
    assert firm.psa.written == []
    in_psa(firm, BOB)
    assert await approve(firm, MANAGER, "2") is None


async def test_an_old_completion_through_the_hub_does_not_name_a_new_one(firm: Firm) -> None:
    """Completed through the hub, reopened, and completed an hour later in the PSA by somebody unknown."""
    assert (await firm.run("completeMilestone", MANAGER, "1", id=firm.ids["milestone"])).status is APPLIED
    in_psa(firm, ROOT, datetime.now(UTC) + timedelta(hours=1))
    assert await approve(firm, OTHER_MANAGER, "2") == COMPLETER_UNKNOWN


async def test_who_may_have_completed_it_does_not_accept_it_at_once_nor_later(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer was lost: nobody accepts until it is known, and then neither of the two who may have done it."""
    monkeypatch.setattr(write_through, "UNDECIDED_WAIT_S", 0.0)
    firm.psa.fault = "lost-reply"
    lost = await firm.run("completeMilestone", MANAGER, "1", id=firm.ids["milestone"])
    assert code(lost) == "WRITE_OUTCOME_UNKNOWN"
    firm.psa.fault = None
    in_psa(firm, BOB)
    assert await approve(firm, MANAGER, "2") == "RECORD_BUSY"
    await firm.verify()
    assert (await firm.states())[0] == "APPLIED"
    assert await approve(firm, MANAGER, "2") == "SEGREGATION_OF_DUTIES"
    assert await approve(firm, OTHER_MANAGER, "3") == "SEGREGATION_OF_DUTIES"
    assert [write.action for write in firm.psa.asked] == ["complete"]


async def test_a_token_without_an_e_mail_is_still_the_same_person(firm: Firm) -> None:
    """Completed under the subject alone, then accepted under subject and e-mail."""
    bare = Actor(caller(Role.DELIVERY_MANAGER, subject="u-77"))
    full = Actor(caller(Role.DELIVERY_MANAGER, subject="u-77", email=EMAIL["ada"]))
    assert (await firm.run("completeMilestone", bare, "1", id=firm.ids["milestone"])).status is APPLIED
    assert await approve(firm, full, "2") == "SEGREGATION_OF_DUTIES"
    assert await approve(firm, OTHER_MANAGER, "3") is None

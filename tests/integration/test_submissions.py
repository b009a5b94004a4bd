"""What a write changes besides the record that it names is read back with it, also after a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal

import pytest

from hub.domain.commands import CommandStatus
from hub.domain.kinds import Kind
from hub.domain.records import RecordKey, Ref, Value
from hub.ports import ProcessState
from tests.support.commands import MANAGER, Firm, Replica

APPLIED, ACCEPTED = CommandStatus.APPLIED, CommandStatus.ACCEPTED
STATUS = frozenset({"status"})


@pytest.fixture
async def firm(migrated_database: str) -> AsyncIterator[Firm]:
    """A hub with a small firm behind it, and a second entry that was submitted with the first."""
    made = Firm(migrated_database)
    await made.start()
    await made.open()
    second: dict[str, Value] = {
        "project": Ref(Kind.PROJECT, "1"),
        "task": Ref(Kind.TASK, "21"),
        "resource": Ref(Kind.RESOURCE, "12"),
        "work_date": date(2026, 6, 16),
        "hours": Decimal(4),
        "status": "SUBMITTED",
    }
    await made.put("second", "psa", Kind.TIME_ENTRY, "42", second)
    made.psa.also = ("42",)
    await made.cache.load([RecordKey("psa", Kind.TIME_ENTRY, "42")], STATUS)
    yield made
    await made.close()


async def status_of_second(replica: Replica, firm: Firm) -> tuple[object, object]:
    """What directory and cache of a replica say of the second entry."""
    (entity,) = await replica.directory.entities([firm.ids["second"]])
    (cached,) = await replica.cache.load([RecordKey("psa", Kind.TIME_ENTRY, "42")], STATUS)
    assert entity is not None
    assert cached.record is not None
    return entity.kept["status"], cached.record.attributes["status"]


async def test_all_entries_of_a_submission_are_current_when_the_answer_leaves(firm: Firm) -> None:
    """Read back in one call with the entry that was named."""
    firm.psa.fetches.clear()
    outcome = await firm.run("approveTimeEntry", MANAGER, id=firm.ids["entry"], wholeSubmission=True)
    assert (outcome.status, outcome.entity) == (APPLIED, firm.ids["entry"])
    assert await status_of_second(firm, firm) == ("APPROVED", "APPROVED")
    assert [ids for _, ids, _ in firm.psa.fetches] == [("41",), ("41", "42")]


async def test_an_entry_that_is_gone_meanwhile_holds_nothing_up(firm: Firm) -> None:
    """There is nothing to show of it."""
    firm.psa.also = ("99", "42")
    outcome = await firm.run("approveTimeEntry", MANAGER, id=firm.ids["entry"], wholeSubmission=True)
    assert outcome.status is APPLIED
    assert await status_of_second(firm, firm) == ("APPROVED", "APPROVED")


async def test_another_process_finishes_with_all_entries(firm: Firm) -> None:
    """The ledger's row knows them while the owner's own process goes on, so a restart forgets none."""
    firm.psa.pending = True
    outcome = await firm.run("approveTimeEntry", MANAGER, id=firm.ids["entry"], wholeSubmission=True)
    assert outcome.status is ACCEPTED
    (row,) = await firm.rows("SELECT external_id, also FROM command")
    assert (row.external_id, row.also) == ("41", ["42"])
    other = firm.another()
    await other.start()
    firm.psa.process = ProcessState.DONE
    await other.verify()
    assert await firm.states() == ["APPLIED"]
    assert await status_of_second(other, firm) == ("APPROVED", "APPROVED")
    await other.close()


async def test_a_lost_answer_is_made_up_for_with_all_entries(firm: Firm) -> None:
    """The adapter's own reading back names them again."""
    firm.psa.fault = "lost-reply"
    outcome = await firm.run("approveTimeEntry", MANAGER, id=firm.ids["entry"], wholeSubmission=True)
    assert outcome.status is ACCEPTED
    firm.psa.fault = None
    await firm.verify()
    assert await firm.states() == ["APPLIED"]
    assert await status_of_second(firm, firm) == ("APPROVED", "APPROVED")

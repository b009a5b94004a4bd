"""One request in two spellings: written once, in one spelling, and replayed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from hub.domain.commands import CommandStatus
from hub.domain.kinds import Kind
from tests.support.commands import PMO, Firm


@pytest.fixture
async def firm(migrated_database: str) -> AsyncIterator[Firm]:
    """Give a small firm with commands."""
    made = Firm(migrated_database)
    await made.start()
    await made.open()
    yield made
    await made.close()


async def test_a_text_is_written_as_it_is_compared(firm: Firm) -> None:
    """Without outer space, its letters composed: so a repeat without them is told the truth."""
    project = firm.ids["project"]
    first = await firm.run("updateProject", PMO, "k", id=project, name="  Cafe\u0301 ")
    assert (first.status, first.replayed) == (CommandStatus.APPLIED, False)
    assert firm.psa.objects[Kind.PROJECT, "1"]["name"] == "Café"
    again = await firm.run("updateProject", PMO, "k", id=project, name="Café")
    assert (again.status, again.replayed, again.correlation_id) == (CommandStatus.APPLIED, True, first.correlation_id)
    other = await firm.run("updateProject", PMO, "k", id=project, name="Cafe")
    assert other.errors[0].code == "IDEMPOTENCY_KEY_REUSED"
    assert len(firm.psa.written) == 1


async def test_hours_are_compared_by_value(firm: Firm) -> None:
    """Clients differ in the zeros that they write."""
    wanted = firm.assignment(plannedHours=Decimal(8))
    first = await firm.run("assignResource", PMO, "k", **wanted)
    again = await firm.run("assignResource", PMO, "k", **{**wanted, "plannedHours": Decimal("8.00")})
    assert (first.status, again.replayed) == (CommandStatus.APPLIED, True)
    assert len(firm.psa.written) == 1

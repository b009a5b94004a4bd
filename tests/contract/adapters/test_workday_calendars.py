"""What the Workday adapter says of people's calendars is what the firm behind the sandbox has."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from hub.domain.kinds import Kind
from hub.domain.records import DayOff, Value
from sources.sandbox.firm.vendor_ids import workday_wid
from sources.workday.lists import HISTORY
from tests.contract.adapters.systems import SYSTEMS, connect
from tests.support.sandboxes import small_firm, start_sandbox

CALENDAR = frozenset({"work_week", "holidays", "time_off"})
STANDARD = (Decimal(8),) * 5 + (Decimal(0),) * 2
SINCE = datetime.now(UTC).date() - HISTORY


@pytest.fixture(scope="module")
def calendars() -> dict[str, dict[str, Value]]:
    """Give everybody's calendar by employee number, read at once."""

    async def read() -> dict[str, dict[str, Value]]:
        people = small_firm().people
        with start_sandbox("workday") as tenant:
            connection = connect(SYSTEMS["workday"], tenant)
            ids = [workday_wid("worker", person.n) for person in people]
            records = await connection.adapter.fetch(Kind.RESOURCE, ids, CALENDAR)
            await connection.adapter.aclose()
            assert len(tenant.requests()) <= 12
        return {p.employee_number: dict(r.attributes) for p, r in zip(people, records, strict=True) if r is not None}

    return asyncio.run(read())


def test_everybody_has_the_work_week_of_their_location(calendars: dict[str, dict[str, Value]]) -> None:
    """Eight hours from Monday to Friday, everywhere in this firm."""
    assert len(calendars) == len(small_firm().people)
    assert {values["work_week"] for values in calendars.values()} == {STANDARD}


def test_everybody_has_the_holidays_of_their_country(calendars: dict[str, dict[str, Value]]) -> None:
    """From a year ago on; countries differ."""
    firm = small_firm()
    for person in firm.people:
        expected = tuple(day for day in firm.holidays[person.country] if day >= SINCE)
        assert calendars[person.employee_number]["holidays"] == expected
    assert len({values["holidays"] for values in calendars.values()}) > 2


def test_everybody_has_their_own_time_off(calendars: dict[str, dict[str, Value]]) -> None:
    """Date and hours of what was approved, from a year ago on."""
    for person in small_firm().people:
        expected = tuple(DayOff(off.day, off.hours) for off in person.time_off if off.day >= SINCE)
        assert calendars[person.employee_number]["time_off"] == expected
    assert any(values["time_off"] for values in calendars.values())

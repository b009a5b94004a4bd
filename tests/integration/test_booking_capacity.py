"""Bookings against what people can really work, through the whole command and the sandboxes of all systems."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cache.policy import POLICY
from hub.domain.capacity import ONE_DAY, WEEK, days_of, monday_of
from hub.domain.commands import CommandStatus, Outcome
from hub.domain.kinds import Kind
from sources.sandbox.firm.generate import generate
from sources.sandbox.firm.model import Firm, Person, Size, TimeOff
from tests.support.commands import PMO
from tests.support.live import NOW, Live, Sandboxes, start_sandboxes
from tests.support.postgres import DatabaseServer

pytestmark = pytest.mark.xdist_group("booking capacity")

APPLIED, REJECTED = CommandStatus.APPLIED, CommandStatus.REJECTED
COUNTRY = "US"
MONDAY = monday_of(NOW.date()) + 3 * WEEK
HOLIDAY = MONDAY + timedelta(days=3)
"""A Thursday, and the only holiday of the firm."""
ABSENCE = MONDAY + 3 * WEEK
"""The week in which one person is away for two days and a half; they are away for all of the next."""
STEADY, PART_TIME, ABSENT = "steady@firm.example", "part-time@firm.example", "absent@firm.example"


def tailored() -> Firm:
    """The small firm, with three people who are booked nowhere and whose calendars are known."""
    firm = generate(Size.SMALL, today=NOW.date())
    firm.holidays = {COUNTRY: [HOLIDAY]}
    able = [p for p in firm.people if p.role and p.hired < NOW.date() and not (p.terminated or p.on_leave)]
    steady, part_time, absent = [p for p in able if not p.contingent][-3:]
    away = {ABSENCE: 8, ABSENCE + ONE_DAY: 8, ABSENCE + 2 * ONE_DAY: 4}
    away |= dict.fromkeys(days_of(ABSENCE + WEEK, ABSENCE + WEEK + timedelta(days=5)), 8)
    _tailor(firm, steady, email=STEADY)
    _tailor(firm, part_time, email=PART_TIME, fte=Decimal("0.5"))
    off = tuple(TimeOff(day, Decimal(hours), "Sick") for day, hours in sorted(away.items()))
    _tailor(firm, absent, email=ABSENT, time_off=off)
    return firm


def _tailor(firm: Firm, person: Person, **changes: Any) -> None:
    place = next(p.location for p in firm.people if p.country == COUNTRY)
    usual: dict[str, Any] = {"location": place, "country": COUNTRY, "fte": Decimal(1), "time_off": ()}
    firm.people[firm.people.index(person)] = replace(person, **{**usual, **changes})
    firm.bookings = [booking for booking in firm.bookings if booking.person != person.n]


@pytest.fixture(scope="module")
def sandboxes(
    database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory, migrated_template: str
) -> Iterator[Sandboxes]:
    """The four sandboxes on that firm and a loaded directory, for all tests of this module."""
    url = database_server.create(migrated_template)
    with start_sandboxes(tailored(), url, tmp_path_factory.mktemp("estate")) as made:
        yield made
    database_server.drop(url)


@pytest.fixture
async def hub(sandboxes: Sandboxes) -> AsyncIterator[Live]:
    """A hub that has read nobody's calendar yet, in front of sandboxes that behave."""
    sandboxes.clear()
    made = Live(sandboxes)
    await made.start()
    yield made
    sandboxes.clear()
    await made.close()


async def wanted(hub: Live, email: str, hours: str, start: date, days: int = 5, **other: Any) -> dict[str, Any]:
    """The input of a hard booking of so many days."""
    person = await hub.find(Kind.RESOURCE, "kept->>'email' = :email", email=email)
    return {
        "projectId": (await hub.open_project()).id,
        "resourceId": person.id,
        "role": "Consultant",
        "startDate": start,
        "endDate": start + timedelta(days=days - 1),
        "plannedHours": Decimal(hours),
        "booking": "HARD",
        "allowOverbooking": False,
        **other,
    }


async def book(hub: Live, email: str, hours: str, start: date, days: int = 5, **other: Any) -> Outcome:
    """Book somebody under a key of its own."""
    return await hub.do("assignResource", PMO, **await wanted(hub, email, hours, start, days, **other))


def refusal(outcome: Outcome) -> str:
    """What an overbooking is refused with."""
    (error,) = outcome.errors
    assert (outcome.status, error.code, error.field) == (REJECTED, "OVERBOOKED", "plannedHours")
    return error.message


async def recorded(hub: Live, outcome: Outcome) -> list[str]:
    """What is recorded of a booking that was made."""
    assert (outcome.status, outcome.errors) == (APPLIED, ())
    rows = await hub.rows(
        "SELECT message FROM sync_exception WHERE code = 'OVERBOOKED' AND severity = 'WARNING' AND subject_id = :id",
        id=outcome.entity,
    )
    return [row.message for row in rows]


async def test_a_week_with_a_holiday_has_four_days(hub: Live) -> None:
    """33 hours are refused and told, 32 are not."""
    message = refusal(await book(hub, STEADY, "33", MONDAY))
    assert f"week of {MONDAY}: 33 h booked, 32 h capacity, load 1.03125" in message
    assert await recorded(hub, await book(hub, STEADY, "32", MONDAY)) == []


async def test_part_time_is_half_of_every_day(hub: Live) -> None:
    """20 hours a week, and 16 in the week of the holiday."""
    assert "21 h booked, 20 h capacity" in refusal(await book(hub, PART_TIME, "21", MONDAY + WEEK))
    assert "17 h booked, 16 h capacity" in refusal(await book(hub, PART_TIME, "17", MONDAY))
    assert await recorded(hub, await book(hub, PART_TIME, "20", MONDAY + WEEK)) == []


async def test_time_off_is_no_capacity(hub: Live) -> None:
    """Two days and a half away leave 20 hours; the reason is not told, nor asked for."""
    message = refusal(await book(hub, ABSENT, "21", ABSENCE))
    assert f"week of {ABSENCE}: 21 h booked, 20 h capacity" in message
    assert "Sick" not in message
    assert await recorded(hub, await book(hub, ABSENT, "20", ABSENCE)) == []


async def test_nobody_is_booked_on_a_week_of_vacation(hub: Live) -> None:
    """Unless the caller says so: then it is on record, as critical."""
    away = ABSENCE + WEEK
    assert f"week of {away}: 1 h booked, 0 h capacity, critical" in refusal(await book(hub, ABSENT, "1", away))
    made = await book(hub, ABSENT, "1", away, allowOverbooking=True)
    (message,) = await recorded(hub, made)
    assert message.startswith("Booked with allowOverbooking beyond capacity: ")
    assert f"week of {away}: 1 h booked, 0 h capacity, critical" in message
    assert "1.25 h booked" in refusal(
        await hub.do("updateAssignment", PMO, id=made.entity, plannedHours=Decimal("1.25"))
    )
    fewer = await hub.do("updateAssignment", PMO, id=made.entity, plannedHours=Decimal("0.5"))
    assert (fewer.status, fewer.errors) == (APPLIED, ())


async def test_a_booking_over_a_vacation_lies_on_the_days_that_are_worked(hub: Live) -> None:
    """40 hours over two weeks, one of them vacation, fill the other one."""
    start, after = ABSENCE + WEEK, ABSENCE + 2 * WEEK
    made = await book(hub, ABSENT, "40", start, 12)
    assert await recorded(hub, made) == []
    assert f"week of {after}: 41 h booked, 40 h capacity" in refusal(await book(hub, ABSENT, "1", after))
    longer = await hub.do("updateAssignment", PMO, id=made.entity, plannedHours=Decimal(42))
    assert f"week of {after}: 42 h booked, 40 h capacity" in refusal(longer)
    shorter = await hub.do("updateAssignment", PMO, id=made.entity, plannedHours=Decimal(39))
    assert (shorter.status, shorter.errors) == (APPLIED, ())


async def test_a_day_carries_half_as_much_again(hub: Live) -> None:
    """12 hours on one day are possible, an hour more is not, though the week has room."""
    day = MONDAY + 2 * WEEK + ONE_DAY
    assert await recorded(hub, await book(hub, STEADY, "12", day, 1)) == []
    message = refusal(await book(hub, STEADY, "1", day, 1))
    assert message == f"The person would be overbooked: day {day}: 13 h booked, 8 h capacity, load 1.625."


async def test_without_a_word_from_the_hcm_nobody_is_booked_by_a_guess(hub: Live) -> None:
    """The fault is the system's and the key stays usable; soft bookings and wilful ones need no capacity."""
    hcm = hub.sandboxes.by_system["workday"]
    start = MONDAY + 4 * WEEK
    given = await wanted(hub, STEADY, "8", start)
    hcm.set_fault("down")
    key = f"key-{hub.number()}"
    outcome = await hub.run("assignResource", PMO, key, **given)
    assert (outcome.status, [e.code for e in outcome.errors]) == (REJECTED, ["SOURCE_UNAVAILABLE"])
    assert await recorded(hub, await book(hub, STEADY, "8", start, booking="SOFT")) == []
    (message,) = await recorded(hub, await book(hub, STEADY, "8", start + WEEK, allowOverbooking=True))
    assert "without a judgement" in message
    hub.sandboxes.clear()
    for _ in range(60):
        outcome = await hub.run("assignResource", PMO, key, **given)
        if outcome.status is APPLIED:
            return
        await asyncio.sleep(0.25)
    pytest.fail(f"{outcome}")


async def test_an_older_calendar_serves_while_the_hcm_does_not_answer(
    hub: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was known of a person past its age decides better than nothing."""
    start = MONDAY + 6 * WEEK
    assert await recorded(hub, await book(hub, PART_TIME, "10", start)) == []
    policy = POLICY[Kind.RESOURCE]
    later = time.time() + policy.fresh_s + policy.stale_s + 60
    monkeypatch.setattr(hub.cache, "_clock", lambda: later)
    hub.sandboxes.by_system["workday"].set_fault("down")
    assert "21 h booked, 20 h capacity" in refusal(await book(hub, PART_TIME, "11", start))
    assert await recorded(hub, await book(hub, PART_TIME, "10", start)) == []
    assert hub.cache.counts.stale_served >= 2

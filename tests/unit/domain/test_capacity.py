"""What people can work and where bookings go beyond it: domain.md's worked numbers, and what always holds."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hub.domain.capacity import (
    DAY_LOAD,
    ONE_DAY,
    WEEK,
    Capacity,
    Employment,
    Overbooking,
    Severity,
    Span,
    days_of,
    monday_of,
    overbookings,
    worsened,
)
from hub.domain.lifecycle import PlannedWork

MONDAY = date(2026, 6, 1)
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY = (MONDAY + timedelta(days=n) for n in range(1, 6))
NEXT_MONDAY = MONDAY + WEEK
ABSENT = {day: Decimal(8) for day in days_of(MONDAY, SATURDAY)}


def work(hours: str | int, start: date = MONDAY, end: date = SATURDAY) -> PlannedWork:
    """Hours in `[start, end)`."""
    return PlannedWork(Decimal(hours), start, end)


def weeks_of(found: tuple[Overbooking, ...]) -> list[Overbooking]:
    """The weeks among overbookings."""
    return [one for one in found if one.span is Span.WEEK]


def days_among(found: tuple[Overbooking, ...]) -> list[date]:
    """The days among overbookings."""
    return [one.first for one in found if one.span is Span.DAY]


# -- capacity (domain.md section 5) ------------------------------------------------------------------


def test_the_worked_number_of_a_month() -> None:
    """22 days of 8 h, one holiday, two days of leave: 152 h."""
    leave = {date(2026, 6, 22): Decimal(8), date(2026, 6, 23): Decimal(8)}
    capacity = Capacity(holidays=frozenset({date(2026, 6, 4)}), time_off=leave)
    assert capacity.hours(MONDAY, date(2026, 7, 1)) == 152


@pytest.mark.parametrize(
    ("capacity", "hours"),
    [
        (Capacity(), 40),
        (Capacity(fte=Decimal("0.8")), 32),
        (Capacity(fte=Decimal("0.5"), holidays=frozenset({TUESDAY})), 16),
        (Capacity(fte=Decimal("0.5"), time_off={TUESDAY: Decimal(4)}), 16),
        (Capacity(work_week=(*[Decimal(10)] * 4, *[Decimal(0)] * 3)), 40),
        (Capacity(work_week=(*[Decimal(10)] * 4, *[Decimal(0)] * 3), holidays=frozenset({FRIDAY, MONDAY})), 30),
        (Capacity(time_off={MONDAY: Decimal(24), SATURDAY: Decimal(8)}), 32),
        (Capacity(time_off={TUESDAY: Decimal(8)}, holidays=frozenset({TUESDAY})), 32),
        (Capacity(time_off=ABSENT), 0),
        (Capacity(employment=Employment(first=WEDNESDAY)), 24),
        (Capacity(employment=Employment(last=WEDNESDAY)), 24),
        (Capacity(employment=Employment(first=NEXT_MONDAY)), 0),
    ],
)
def test_hours_of_a_week(capacity: Capacity, hours: int) -> None:
    """Work week times FTE, less holidays and time off, within employment; nothing is taken off a day twice."""
    assert capacity.hours(MONDAY, NEXT_MONDAY) == hours


# -- overbooking (domain.md section 7) ---------------------------------------------------------------


def test_46_hours_on_40_are_a_load_of_115_percent() -> None:
    """The worked number: overbooked, not critical; 40 hours are not overbooked, 48 not critical."""
    (week,) = overbookings(work(26), [work(20)], Capacity())
    assert (week.span, week.first, week.booked, week.capacity) == (Span.WEEK, MONDAY, Decimal(46), Decimal(40))
    assert (week.load, week.severity) == (Decimal("1.15"), Severity.OVERBOOKED)
    assert str(week) == "week of 2026-06-01: 46 h booked, 40 h capacity, load 1.15"
    assert overbookings(work(20), [work(20)], Capacity()) == ()
    assert [one.severity for one in overbookings(work(28), [work(20)], Capacity())] == [Severity.OVERBOOKED]
    (critical,) = overbookings(work("28.01"), [work(20)], Capacity())
    assert (critical.severity, str(critical).endswith("critical")) == (Severity.CRITICAL, True)


def test_a_booking_of_a_week_with_a_holiday_has_four_days() -> None:
    """Its hours fall on the days that are worked: 32 fit, 33 do not."""
    capacity = Capacity(holidays=frozenset({THURSDAY}))
    assert overbookings(work(32), [], capacity) == ()
    assert [one.capacity for one in overbookings(work(33), [], capacity)] == [Decimal(32)]


def test_hours_that_would_fall_on_time_off_fall_on_the_other_weeks() -> None:
    """80 hours in two weeks, one of which is vacation, are 80 in the other one."""
    vacation = {day: Decimal(8) for day in days_of(NEXT_MONDAY, NEXT_MONDAY + timedelta(days=5))}
    found = overbookings(work(80, MONDAY, NEXT_MONDAY + WEEK), [], Capacity(time_off=vacation))
    assert [(one.first, one.booked) for one in weeks_of(found)] == [(MONDAY, Decimal(80))]
    assert days_among(found) == list(days_of(MONDAY, SATURDAY))


def test_a_day_carries_half_as_much_again() -> None:
    """12 hours on a day of eight are none too many, a quarter more is, though the week has room."""
    tuesday = work(12, TUESDAY, WEDNESDAY)
    assert overbookings(tuesday, [], Capacity()) == ()
    (day,) = overbookings(work("0.25", TUESDAY, WEDNESDAY), [tuesday], Capacity())
    assert (day.span, day.first, day.booked, day.capacity) == (Span.DAY, TUESDAY, Decimal("12.25"), Decimal(8))
    assert str(day) == "day 2026-06-02: 12.25 h booked, 8 h capacity, load 1.53125"


def test_half_a_day_off_takes_half_a_share() -> None:
    """36 hours fill the 36 that are left, without any day being too full."""
    assert overbookings(work(36), [], Capacity(time_off={FRIDAY: Decimal(4)})) == ()


def test_any_booking_without_capacity_is_too_much() -> None:
    """The week is critical, and has no load; the hours stand on its weekdays."""
    found = overbookings(work("0.01"), [], Capacity(time_off=ABSENT))
    (week,) = weeks_of(found)
    assert (week.booked, week.capacity) == (Decimal("0.01"), Decimal(0))
    assert (week.load, week.severity) == (None, Severity.CRITICAL)
    assert str(week) == "week of 2026-06-01: 0.01 h booked, 0 h capacity, critical"
    assert days_among(found) == list(days_of(MONDAY, SATURDAY))
    weekend = overbookings(work(4, SATURDAY, NEXT_MONDAY), [], Capacity())
    assert days_among(weekend) == [SATURDAY, SATURDAY + ONE_DAY]
    assert [one.booked for one in weeks_of(weekend)] == []


def test_another_booking_on_a_week_of_vacation_counts_there() -> None:
    """It lies wholly in the vacation, so the day that is left of it has no room for it."""
    away = {day: Decimal(8) for day in days_of(MONDAY, FRIDAY)}
    others = [work(40, MONDAY, FRIDAY)]
    (week,) = weeks_of(overbookings(work(4, FRIDAY, SATURDAY), others, Capacity(time_off=away)))
    assert (week.booked, week.capacity) == (Decimal(44), Decimal(8))


def test_only_weeks_that_the_booking_takes_part_in_count() -> None:
    """Others' overbooked weeks are no reason to refuse, nor are bookings without dates."""
    elsewhere = work(80, date(2026, 6, 15), date(2026, 6, 20))
    undated = PlannedWork(Decimal(500), None, None)
    assert overbookings(work(20), [elsewhere, undated], Capacity()) == ()
    assert overbookings(work(80, MONDAY, date(2026, 6, 13)), [], Capacity()) == ()
    assert overbookings(undated, [], Capacity()) == ()
    gone = PlannedWork(Decimal(8), WEDNESDAY, MONDAY)
    assert [one.booked for one in weeks_of(overbookings(work(33), [gone], Capacity()))] == [Decimal(41)]


def test_fewer_hours_are_no_reason_to_refuse() -> None:
    """What was overbooked before is so no worse with fewer hours; elsewhere, or with more, it is."""
    before = overbookings(work(50), [], Capacity())
    assert worsened(overbookings(work(45), [], Capacity()), before) == ()
    assert worsened(before, before) == ()
    more = overbookings(work(51), [], Capacity())
    assert worsened(more, before) == more
    moved = overbookings(work(50, NEXT_MONDAY, NEXT_MONDAY + timedelta(days=5)), [], Capacity())
    assert worsened(moved, before) == moved


def test_shares_are_exact() -> None:
    """Six bookings over three weeks, of a sixth of them each, fill them to the minute and no further."""
    sixth = [work(20, MONDAY, MONDAY + timedelta(days=19)) for _ in range(6)]
    assert overbookings(sixth[0], sixth[1:], Capacity()) == ()


# -- what always holds -------------------------------------------------------------------------------

DAYS = st.dates(date(2026, 5, 25), date(2026, 6, 28))
HOURS = st.decimals(0, 60, places=2)


@st.composite
def capacities(draw: st.DrawFn) -> Capacity:
    """Any work week, part time, with holidays and time off."""
    week = tuple(draw(st.lists(st.decimals(0, 12, places=2), min_size=7, max_size=7)))
    return Capacity(
        week,
        draw(st.decimals(0, 1, places=2)),
        draw(st.frozensets(DAYS, max_size=5)),
        draw(st.dictionaries(DAYS, st.decimals(-4, 24, places=2), max_size=8)),
        Employment(draw(st.none() | DAYS), draw(st.none() | DAYS)),
    )


@st.composite
def bookings(draw: st.DrawFn) -> PlannedWork:
    """Some hours over some days."""
    start = draw(DAYS)
    return PlannedWork(draw(HOURS), start, start + timedelta(days=draw(st.integers(1, 20))))


@given(capacities(), DAYS, DAYS)
def test_hours_of_an_interval_are_the_sum_of_its_days(capacity: Capacity, start: date, middle: date) -> None:
    """However it is cut; an empty interval has none."""
    end = date(2026, 6, 29)
    assert capacity.hours(start, end) == sum(capacity.hours_of(day) for day in days_of(start, end))
    assert capacity.hours(start, start) == 0
    assume(start <= middle)
    assert capacity.hours(start, middle) + capacity.hours(middle, end) == capacity.hours(start, end)


@given(capacities(), DAYS)
def test_time_off_takes_at_most_the_days_hours(capacity: Capacity, day: date) -> None:
    """A day is never below nothing, and never above its hours without time off."""
    gross = Capacity(capacity.work_week, capacity.fte, capacity.holidays, {}, capacity.employment)
    assert 0 <= capacity.hours_of(day) <= gross.hours_of(day)
    assert gross.hours_of(day) - capacity.hours_of(day) <= max(Decimal(0), capacity.time_off.get(day, Decimal(0)))


@given(capacities(), HOURS, st.lists(bookings(), max_size=4), st.integers(0, 6), st.integers(0, 6))
def test_a_booking_may_be_moved_within_its_week(
    capacity: Capacity, hours: Decimal, others: list[PlannedWork], one: int, other: int
) -> None:
    """The week is judged the same on whichever of its days a booking lies."""

    def on(day: int) -> list[Overbooking]:
        start = date(2026, 6, 8) + timedelta(days=day)
        return weeks_of(overbookings(PlannedWork(hours, start, start + ONE_DAY), others, capacity))

    assert on(one) == on(other)


@given(capacities(), bookings(), st.lists(bookings(), max_size=4), bookings())
def test_one_more_booking_never_makes_room(
    capacity: Capacity, wanted: PlannedWork, others: list[PlannedWork], more: PlannedWork
) -> None:
    """What was overbooked stays so, with at least the hours it had."""
    before = {(one.span, one.first): one.booked for one in overbookings(wanted, others, capacity)}
    after = {(one.span, one.first): one.booked for one in overbookings(wanted, [*others, more], capacity)}
    assert before.keys() <= after.keys()
    assert all(before[key] <= after[key] for key in before)


@given(capacities(), bookings())
def test_a_booking_that_fits_as_a_whole_fits_everywhere(capacity: Capacity, wanted: PlannedWork) -> None:
    """Alone, it is too much for a week only when it is more than all hours of its days."""
    assert wanted.start is not None
    assert wanted.end is not None
    assume(wanted.hours > 0)
    room = capacity.hours(wanted.start, wanted.end)
    found = overbookings(wanted, [], capacity)
    if wanted.hours <= room:
        assert found == ()
    if Fraction(wanted.hours) > DAY_LOAD * Fraction(room):
        assert days_among(found)
    assert all(monday_of(one.first) == one.first for one in weeks_of(found))

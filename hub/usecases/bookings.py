"""Booking people: assignments, their dates and hours, and the refusal of overbooking (domain.md sections 3 and 7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from hub.domain import commands
from hub.domain.capacity import (
    ONE_DAY,
    Capacity,
    Employment,
    Overbooking,
    Span,
    monday_of,
    overbookings,
    worsened,
)
from hub.domain.commands import STAFFABLE, refuse, require_employed, require_stage
from hub.domain.ids import CanonicalId, new_id
from hub.domain.kinds import Kind
from hub.domain.lifecycle import PlannedWork
from hub.domain.records import Value
from hub.errors import InvalidInput, SourceError
from hub.ports import Entity, SourceWrite
from hub.store.ledger import Notice, Sending
from hub.store.people import bookings_of
from hub.usecases.capacity import capacity_of
from hub.usecases.desk import Given, Mutation, Work, writers_of
from hub.usecases.projects import active_in_hcm, check_day, check_period, check_text, stage_of

HARD = "HARD"
MAX_HOURS = Decimal(100_000)
MAX_DAYS = 3_660
"""A booking longer than ten years is no booking."""
TOO_LONG = "The booking would be longer than ten years."
EARLIEST, LATEST = date(1900, 1, 1), date(2999, 12, 31)
"""What the days of a booking lie between that counts: weeks are reckoned around them."""
CHANGEABLE: Mapping[str, str] = {
    "startDate": "start_date",
    "endDate": "end_date",
    "plannedHours": "planned_hours",
    "booking": "booking",
}
TOLD = 3
"""How many overbookings a message lists."""


def check_hours(field: str, hours: Decimal | None, most: Decimal) -> None:
    """Raise InvalidInput unless hours are above zero, not absurd, and have two places at most; None is no hours."""
    if hours is None:
        return
    if not hours.is_finite() or hours <= 0:
        raise InvalidInput(field, "must be above zero")
    if hours > most:
        raise InvalidInput(field, f"must be at most {most}")
    if hours != hours.quantize(Decimal("0.01")):
        raise InvalidInput(field, "has at most two decimal places")


def employment_of(person: Entity) -> Employment:
    """When the person may work, as the directory keeps it."""
    first, last = person.kept.get("hire_date"), person.kept.get("end_date")
    return Employment(
        first if isinstance(first, date) else None,
        last if isinstance(last, date) else None,
        ended=person.kept.get("status") == "TERMINATED",
    )


# -- assignResource ---------------------------------------------------------------------------------


def _check_assign(given: Given) -> None:
    check_text("role", given["role"], 255)
    _check_dates(given)


def _check_dates(given: Given) -> None:
    start, end = given.get("startDate"), given.get("endDate")
    check_day("startDate", start)
    check_day("endDate", end)
    check_period(start, end)
    if start is not None and end is not None and (end - start).days > MAX_DAYS:
        raise InvalidInput("endDate", "is more than ten years after the start date")
    check_hours("plannedHours", given.get("plannedHours"), MAX_HOURS)


async def _prepare_assign(work: Work) -> Sending:
    project, person = work.targets["projectId"], work.targets["resourceId"]
    require_stage(stage_of(project), STAFFABLE, "nobody can be booked on it", field="projectId")
    key = work.key(project, ["name"], field="projectId")
    values: dict[str, Value] = {
        "project": work.ref(project, key.system, field="projectId"),
        "resource": work.ref(person, key.system, field="resourceId"),
        "role": work.given["role"],
        **{CHANGEABLE[n]: work.given[n] for n in CHANGEABLE},
    }
    active_in_hcm(person, "resourceId")
    notices = await _booking_rules(work, person, values, None)
    write = SourceWrite("create", Kind.ASSIGNMENT, None, values, work.token, new_id(Kind.ASSIGNMENT))
    return Sending(key.system, write, work.locks, None, notices=notices)


# -- updateAssignment -------------------------------------------------------------------------------


def _check_update(given: Given) -> None:
    if not CHANGEABLE.keys() & given.keys():
        raise InvalidInput("input", f"give at least one of {', '.join(CHANGEABLE)}")
    _check_dates(given)


async def _prepare_update(work: Work) -> Sending:
    assignment = work.targets["id"]
    key = work.key(assignment, ["planned_hours"])
    project, person = await work.linked(assignment, "project"), await work.linked(assignment, "resource")
    if project is not None:
        require_stage(stage_of(project), STAFFABLE, "its bookings are settled", field="id")
    before = await work.current(key)
    changed: dict[str, Value] = {CHANGEABLE[n]: work.given[n] for n in CHANGEABLE.keys() & work.given.keys()}
    then = {**before, **changed}
    start, end = then.get("start_date"), then.get("end_date")
    if isinstance(start, date) and isinstance(end, date) and end < start:
        field = "endDate" if "endDate" in work.given else "startDate"
        refuse(
            commands.INVALID_INPUT, "The booking would end before it starts.", cls=commands.DATA_QUALITY, field=field
        )
    notices = () if person is None else await _booking_rules(work, person, then, (assignment.id, before))
    write = SourceWrite(
        "update", key.kind, key.external_id, changed, work.token, version=work.given.get("expectedVersion")
    )
    moves = frozenset({"allocation"})
    return Sending(key.system, write, work.locks, assignment.id, before, moves, notices=notices)


# -- what holds for every booking -------------------------------------------------------------------


async def _booking_rules(
    work: Work, person: Entity, booking: Mapping[str, Value], replaced: tuple[CanonicalId, Mapping[str, Value]] | None
) -> tuple[Notice, ...]:
    """Refuse a booking outside employment or beyond capacity; `replaced` is the one that it changes, as it was."""
    start, end, hours = booking.get("start_date"), booking.get("end_date"), booking.get("planned_hours")
    if not isinstance(start, date) or not isinstance(end, date) or not isinstance(hours, Decimal):
        return ()
    if (end - start).days > MAX_DAYS:
        refuse(commands.INVALID_INPUT, TOO_LONG, cls=commands.DATA_QUALITY, field="endDate")
    employment = employment_of(person)
    require_employed(employment, start, end, field="endDate", start_field="startDate")
    if booking.get("booking") != HARD:
        return ()
    allowed = bool(work.given.get("allowOverbooking"))
    try:
        capacity = await capacity_of(work.desk, person, employment)
    except SourceError as error:
        if not allowed:
            raise
        # Whoever books regardless of capacity needs none; that it could not be told is on record like an override.
        return (_override(f"without a judgement, for {error.system} did not tell the person's capacity"),)
    found = await _overbookings(work, person, booking, replaced, capacity)
    if not found:
        return ()
    if not allowed:
        refuse(commands.OVERBOOKED, f"The person would be overbooked: {_told(found)}.", field="plannedHours")
    return (_override(f"beyond capacity: {_told(found)}"),)


async def _overbookings(
    work: Work,
    person: Entity,
    booking: Mapping[str, Value],
    replaced: tuple[CanonicalId, Mapping[str, Value]] | None,
    capacity: Capacity,
) -> tuple[Overbooking, ...]:
    """Where the booking goes beyond capacity; a change of one only where it adds hours: fewer are always welcome."""
    own, before = replaced or (None, {})
    kept = await bookings_of(work.desk.engine, person.id)
    others = [_work(values) for i, values in kept.items() if i != own and values.get("booking") == HARD]
    found = overbookings(_work(booking), others, capacity)
    if before.get("booking") != HARD:
        return found
    return worsened(found, overbookings(_work(before), others, capacity))


def _override(what: str) -> Notice:
    """What is recorded of a booking that only allowOverbooking has let through."""
    return Notice(commands.OVERBOOKED, commands.BUSINESS_RULE, f"Booked with allowOverbooking {what}.")


def _work(kept: Mapping[str, Value]) -> PlannedWork:
    """A booking's hours and days, half-open; its own end is its last day. A boundless one lies on no days."""
    hours, start, end = kept.get("planned_hours"), kept.get("start_date"), kept.get("end_date")
    if not isinstance(hours, Decimal) or not isinstance(start, date) or not isinstance(end, date):
        return PlannedWork(Decimal(0), None, None)
    if (end - start).days > MAX_DAYS or not EARLIEST <= start <= end <= LATEST:
        return PlannedWork(hours, None, None)
    return PlannedWork(hours, start, end + ONE_DAY)


def _told(found: tuple[Overbooking, ...]) -> str:
    """The first overbookings, weeks before days; the days of a week that is listed itself add nothing."""
    weeks = {one.first for one in found if one.span is Span.WEEK}
    listed = [str(one) for one in found if one.span is Span.WEEK or monday_of(one.first) not in weeks]
    more = len(listed) - TOLD
    return "; ".join(listed[:TOLD]) + (f"; and {more} more" if more > 0 else "")


MUTATIONS = (
    Mutation(
        "assignResource",
        writers_of(Kind.ASSIGNMENT, "project", "resource", "role", "planned_hours", "booking"),
        {"projectId": Kind.PROJECT, "resourceId": Kind.RESOURCE},
        _prepare_assign,
        _check_assign,
        shows=None,
        # The person only: two bookings of one person must not both find room, two people on one project may.
        locked=frozenset({"resourceId"}),
    ),
    Mutation(
        "updateAssignment",
        writers_of(Kind.ASSIGNMENT, "start_date", "end_date", "planned_hours", "booking"),
        {"id": Kind.ASSIGNMENT},
        _prepare_update,
        _check_update,
        links=(("id", "resource"),),
    ),
)

"""The rows of the table for bookings."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hub.domain.commands import Outcome
from hub.domain.kinds import Domain, Kind
from hub.ports import Entity
from tests.integration.commands.case import Case, Ready, Refused, given
from tests.integration.commands.people import outsider, user_id
from tests.support.commands import PMO
from tests.support.live import Live, booking


def bookings(hub: Live, project: Entity, user: str) -> dict[str, Any]:
    """What Kantata says of a person's bookings on a project, and of the workspace resources that they hang on."""
    workspace = project.keys[Domain.PSA].external_id
    path = f"/api/v1/workspace_allocations?workspace_ids={workspace}&user_ids={user}&per_page=200"
    named = f"/api/v1/workspace_resources?workspace_id={workspace}&user_ids={user}&per_page=200"
    rows = hub.vendor("kantata", path)["workspace_allocations"].values()
    return {
        "booked": sorted((row["start_date"], row["end_date"], row["minutes"], row["hard"]) for row in rows),
        "resources": len(hub.vendor("kantata", named)["workspace_resources"]),
    }


# -- assignResource ---------------------------------------------------------------------------------


async def _assign(hub: Live, **other: Any) -> Ready:
    """A first booking on the project: the person must become a resource of it before."""
    project, person = await outsider(hub)
    number, user = hub.number(), user_id(person)
    # So far ahead that nobody's vacation is approved yet.
    wanted = booking(project, person, weeks=30 + number, **other)
    row = (wanted["startDate"].isoformat(), wanted["endDate"].isoformat(), int(wanted["plannedHours"] * 60), True)
    return Ready(
        PMO,
        wanted,
        lambda: bookings(hub, project, user),
        lambda before: {"booked": sorted([*before["booked"], row]), "resources": before["resources"] + 1},
        other={"plannedHours": Decimal(19)},
        shows={"planned_hours": wanted["plannedHours"], "booking": "HARD", "start_date": wanted["startDate"]},
        kept={"resource": person.id, "project": project.id, "end_date": wanted["endDate"]},
    )


async def _assign_too_much(hub: Live) -> Ready:
    """More than a week has, which the caller wants all the same and a person shall see."""
    ready = await _assign(hub, plannedHours=Decimal(90), allowOverbooking=True)

    async def on_record(outcome: Outcome) -> None:
        rows = await hub.rows(
            "SELECT code, severity FROM sync_exception WHERE subject_id = :entity", entity=outcome.entity
        )
        assert [(row.code, row.severity) for row in rows] == [("OVERBOOKED", "WARNING")]

    return replace(ready, also=on_record)


async def _on_a_closed_project(hub: Live, ready: Ready) -> Ready:
    return ready.but(projectId=(await hub.find(Kind.PROJECT, "status = 'CLOSED'")).id)


async def _on_one_that_the_psa_has_not(hub: Live, ready: Ready) -> Ready:
    return ready.but(projectId=(await hub.project_without("kantata")).id)


async def _in_another_role(hub: Live, ready: Ready) -> Ready:
    booked = await hub.find(
        Kind.ASSIGNMENT,
        "role <> 'Consultant' AND EXISTS (SELECT 1 FROM entity p WHERE p.id = e.project_id AND p.status ="
        " 'IN_DELIVERY') AND EXISTS (SELECT 1 FROM entity w WHERE w.id = e.resource_id AND w.status = 'ACTIVE'"
        " AND w.end_date IS NULL)",
    )
    return ready.but(projectId=booked.kept["project"], resourceId=booked.kept["resource"], booking="SOFT")


async def _of_a_newcomer(hub: Live, ready: Ready) -> Ready:
    return ready.but(resourceId=(await hub.newcomer()).id)


async def _of_one_who_has_left(hub: Live, ready: Ready) -> Ready:
    return ready.but(resourceId=(await hub.gone_person()).id)


HOURS_AND_DAYS = (
    Refused("INVALID_INPUT", "a start in antiquity", given(startDate=date.min), "startDate"),
    Refused("INVALID_INPUT", "an end at the end of time", given(endDate=date.max), "endDate"),
    Refused("INVALID_INPUT", "no hours", given(plannedHours=Decimal(0)), "plannedHours"),
    Refused("INVALID_INPUT", "absurd hours", given(plannedHours=Decimal(100_001)), "plannedHours"),
    Refused("INVALID_INPUT", "hours too fine", given(plannedHours=Decimal("1.125")), "plannedHours"),
    Refused("INVALID_INPUT", "hours that are no number", given(plannedHours=Decimal("NaN")), "plannedHours"),
)
ASSIGN = Case(
    "assignResource",
    "kantata",
    _assign,
    (
        *HOURS_AND_DAYS,
        Refused("INVALID_INPUT", "an empty role", given(role=" "), "role"),
        Refused("INVALID_INPUT", "a role too long", given(role="r" * 256), "role"),
        Refused("INVALID_INPUT", "an end before the start", given(endDate=date(2001, 1, 1)), "endDate"),
        Refused("INVALID_INPUT", "more than ten years", given(endDate=date(2099, 1, 1)), "endDate"),
        Refused("UNKNOWN_ROLE", "a role that the PSA has not", given(role="Court jester"), "role", asks=True),
        Refused("OTHER_ROLE", "another role than the person has there", _in_another_role, "role", asks=True),
        Refused("PROJECT_NOT_OPEN", "a closed project", _on_a_closed_project, "projectId"),
        Refused("XREF_MISSING", "a project that the PSA has not", _on_one_that_the_psa_has_not, "projectId"),
        Refused("XREF_MISSING", "a person that the PSA has not", _of_a_newcomer, "resourceId"),
        Refused("OUT_OF_DATES", "a person who has left", _of_one_who_has_left, "resourceId"),
        Refused(
            "OUT_OF_DATES",
            "before the person starts",
            given(startDate=date(1980, 1, 1), endDate=date(1980, 1, 5)),
            "startDate",
        ),
        Refused("OVERBOOKED", "more than the person has", given(plannedHours=Decimal(90)), "plannedHours", asks=True),
    ),
    versioned=False,
    disturbed=False,
)
OVERBOOK = Case(
    "assignResource", "kantata", _assign_too_much, versioned=False, disturbed=False, variant="beyond capacity"
)


# -- updateAssignment -------------------------------------------------------------------------------

WEEKS = 40


async def _booked(hub: Live) -> Entity:
    """A long booking far ahead, with room for many hours: made once, by a command."""
    memo = hub.sandboxes.memo
    if "booking" not in memo:
        project, person = await outsider(hub)
        wanted = booking(project, person, weeks=1_500, plannedHours=Decimal(100))
        wanted["endDate"] += timedelta(weeks=WEEKS)
        outcome = await hub.do("assignResource", PMO, **wanted)
        assert outcome.errors == ()
        memo["booking"] = outcome.entity
    return await hub.entity(memo["booking"])


async def _update(hub: Live) -> Ready:
    """Other hours and another start, in one call."""
    assignment = await _booked(hub)
    number, key = hub.number(), assignment.keys[Domain.PSA]
    hours = Decimal(100) + Decimal(number) / 4
    end = assignment.kept["end_date"]
    assert isinstance(end, date)
    later = (end + timedelta(days=1 + number % 5)).isoformat()

    def state() -> dict[str, Any]:
        row = hub.kantata("workspace_allocations", key.external_id)
        return {name: row[name] for name in ("start_date", "end_date", "minutes", "hard")}

    def meddle() -> object:
        body = {"workspace_allocation": {"end_date": later}}
        return hub.vendor("kantata", f"/api/v1/workspace_allocations/{key.external_id}", "PUT", body)

    return Ready(
        PMO,
        {"id": assignment.id, "plannedHours": hours},
        state,
        lambda before: {**before, "minutes": int(hours * 60)},
        other={"plannedHours": hours + 1},
        shows={"planned_hours": hours},
        kept={"planned_hours": hours},
        record=key,
        meddle=meddle,
    )


def _of(where: str) -> Any:
    """A booking that the firm has."""

    async def spoil(hub: Live, ready: Ready) -> Ready:
        return ready.but(id=(await hub.find(Kind.ASSIGNMENT, where)).id)

    return spoil


SETTLED = "EXISTS (SELECT 1 FROM entity p WHERE p.id = e.project_id AND p.status = 'CLOSED')"
LEFT = (
    "EXISTS (SELECT 1 FROM entity w WHERE w.id = e.resource_id AND w.status = 'TERMINATED')"
    " AND EXISTS (SELECT 1 FROM entity p WHERE p.id = e.project_id AND p.status <> 'CLOSED')"
)
UPDATE = Case(
    "updateAssignment",
    "kantata",
    _update,
    (
        *HOURS_AND_DAYS,
        Refused("INVALID_INPUT", "nothing to change", given(plannedHours=None), "input"),
        Refused(
            "INVALID_INPUT",
            "an end before the start",
            given(startDate=date(2030, 1, 2), endDate=date(2030, 1, 1)),
            "endDate",
        ),
        Refused(
            "INVALID_INPUT", "an end before the start there is", given(endDate=date(1999, 1, 1)), "endDate", asks=True
        ),
        Refused(
            "INVALID_INPUT", "a start after the end there is", given(startDate=date(2099, 1, 1)), "startDate", asks=True
        ),
        Refused("PROJECT_NOT_OPEN", "a closed project", _of(SETTLED), "id"),
        Refused("OUT_OF_DATES", "a person who has left", _of(LEFT), "endDate", asks=True),
        Refused("OVERBOOKED", "more than there is", given(plannedHours=Decimal(90_000)), "plannedHours", asks=True),
    ),
)

CASES = (ASSIGN, OVERBOOK, UPDATE)

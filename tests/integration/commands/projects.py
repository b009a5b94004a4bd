"""The rows of the table for projects."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hub.domain.kinds import Domain
from hub.ports import Entity
from tests.integration.commands.case import Case, Ready, Refused, given
from tests.integration.commands.people import outsider, user_id
from tests.support.commands import PMO
from tests.support.live import NOW, Live


def workspace(hub: Live, project: Entity) -> dict[str, Any]:
    """What Kantata says of a project, as far as commands change it."""
    query = "&include_archived=true&include=participations"
    only = f"/api/v1/workspaces?only={project.keys[Domain.PSA].external_id}{query}"
    answer = hub.vendor("kantata", only)
    (row,) = answer["workspaces"].values()
    leads = [seat["user_id"] for seat in answer["participations"].values() if seat["is_team_lead"]]
    seats = sorted(seat["user_id"] for seat in answer["participations"].values())
    columns = {name: row[name] for name in ("title", "start_date", "due_date", "archived", "primary_maven_id")}
    return {**columns, "status": row["status"]["key"], "leads": leads, "seats": seats}


# -- updateProject ----------------------------------------------------------------------------------


async def _update(hub: Live) -> Ready:
    """Another name, another end, and a manager who is new on the team: three calls."""
    project, manager = await outsider(hub)
    number, lead = hub.number(), user_id(manager)
    name, end = f"Renamed {number}", date(NOW.year + 2, 1, 1) + timedelta(days=number)
    start = date(NOW.year - 4, 1, 1) + timedelta(days=number)
    key = project.keys[Domain.PSA]

    def wanted(before: dict[str, Any]) -> dict[str, Any]:
        changed = {"title": name, "due_date": end.isoformat(), "leads": [lead], "primary_maven_id": lead}
        return {**before, **changed, "seats": sorted([*before["seats"], lead])}

    def meddle() -> object:
        body = {"workspace": {"start_date": start.isoformat()}}
        return hub.vendor("kantata", f"/api/v1/workspaces/{key.external_id}", "PUT", body)

    return Ready(
        PMO,
        {"id": project.id, "name": name, "endDate": end, "managerId": manager.id},
        lambda: workspace(hub, project),
        wanted,
        other={"name": f"Another {number}"},
        shows={"name": name, "end_date": end},
        kept={"name": name, "end_date": end, "manager": manager.id},
        record=key,
        meddle=meddle,
    )


async def _before_it_starts(_: Live, ready: Ready) -> Ready:
    """The present start date is the system's; only it can tell."""
    return ready.but(endDate=date(1999, 1, 1))


async def _after_it_ends(_: Live, ready: Ready) -> Ready:
    return ready.but(endDate=None, startDate=date(2199, 1, 1))


async def _led_by_one_who_has_left(hub: Live, ready: Ready) -> Ready:
    return ready.but(managerId=(await hub.gone_person()).id)


async def _led_by_a_stranger(hub: Live, ready: Ready) -> Ready:
    """A person of whom the PSA has no record."""
    return ready.but(managerId=(await hub.newcomer()).id)


async def _without_a_workspace(hub: Live, ready: Ready) -> Ready:
    return ready.but(id=(await hub.project_without("kantata")).id, managerId=None)


UPDATE = Case(
    "updateProject",
    "kantata",
    _update,
    (
        Refused("INVALID_INPUT", "nothing to change", given(name=None, endDate=None, managerId=None), "input"),
        Refused("INVALID_INPUT", "an empty name", given(name=" "), "name"),
        Refused("INVALID_INPUT", "a name too long", given(name="n" * 256), "name"),
        Refused("INVALID_INPUT", "an end before the start", given(startDate=date(2199, 1, 1)), "endDate"),
        Refused("INVALID_INPUT", "an end before the start there is", _before_it_starts, "endDate", asks=True),
        Refused("INVALID_INPUT", "a start after the end there is", _after_it_ends, "startDate", asks=True),
        Refused("OUT_OF_DATES", "a manager who has left", _led_by_one_who_has_left, "managerId"),
        Refused("XREF_MISSING", "a manager without a record in the PSA", _led_by_a_stranger, "managerId"),
        Refused("XREF_MISSING", "a project that the PSA has not", _without_a_workspace, "id"),
    ),
)

CASES = (UPDATE,)

"""The rows of the table for projects."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hub.domain.commands import Actor
from hub.domain.kinds import Domain, Kind
from hub.ports import Entity
from tests.integration.commands.case import Case, Ready, Refused, Spoils, given, given_by
from tests.integration.commands.people import outsider, running_projects, user_id
from tests.support.commands import FINANCE, MANAGER, PMO
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
    return ready.but(endDate=None, startDate=date(2099, 1, 1))


async def _led_by_one_who_has_left(hub: Live, ready: Ready) -> Ready:
    return ready.but(managerId=(await hub.gone_person()).id)


async def _led_by_a_stranger(hub: Live, ready: Ready) -> Ready:
    """A person of whom the PSA has no record."""
    return ready.but(managerId=(await hub.newcomer()).id)


async def _without_a_workspace(hub: Live, ready: Ready) -> Ready:
    return ready.but(id=(await hub.project_without("kantata")).id, managerId=None)


async def _that_is_closed(hub: Live, ready: Ready) -> Ready:
    """One that the PSA has archived; a manager is no matter then."""
    where = "status = 'CLOSED' AND EXISTS (SELECT 1 FROM record r WHERE r.entity_id = e.id AND r.system = 'kantata')"
    return ready.but(id=(await hub.find(Kind.PROJECT, where)).id, managerId=None)


UPDATE = Case(
    "updateProject",
    "kantata",
    _update,
    (
        Refused("INVALID_INPUT", "nothing to change", given(name=None, endDate=None, managerId=None), "input"),
        Refused("INVALID_INPUT", "an empty name", given(name=" "), "name"),
        Refused("INVALID_INPUT", "a name too long", given(name="n" * 256), "name"),
        Refused("INVALID_INPUT", "a start in antiquity", given(startDate=date.min), "startDate"),
        Refused("INVALID_INPUT", "an end a century off", given(endDate=date(2100, 1, 1)), "endDate"),
        Refused("INVALID_INPUT", "an end before the start", given(startDate=date(2099, 1, 1)), "endDate"),
        Refused("INVALID_INPUT", "an end before the start there is", _before_it_starts, "endDate", asks=True),
        Refused("INVALID_INPUT", "a start after the end there is", _after_it_ends, "startDate", asks=True),
        Refused("OUT_OF_DATES", "a manager who has left", _led_by_one_who_has_left, "managerId"),
        Refused("XREF_MISSING", "a manager without a record in the PSA", _led_by_a_stranger, "managerId"),
        Refused("XREF_MISSING", "a project that the PSA has not", _without_a_workspace, "id"),
        Refused("PROJECT_NOT_OPEN", "a closed project", _that_is_closed, "id"),
    ),
)

# -- changeProjectStage -----------------------------------------------------------------------------

LONG = "r" * 2_001


async def _step(
    hub: Live, project: Entity, actor: Actor, there: tuple[str, int, bool], back: tuple[str, int, bool]
) -> Ready:
    """To a stage, or back from it if an earlier command has gone there; each with Kantata's status and archive."""
    stage, status, archived = back if project.kept["stage"] == there[0] else there
    number, key = hub.number(), project.keys[Domain.PSA]

    def meddle() -> object:
        body = {"workspace": {"title": f"Theirs {number}"}}
        return hub.vendor("kantata", f"/api/v1/workspaces/{key.external_id}", "PUT", body)

    return Ready(
        actor,
        {"id": project.id, "stage": stage, "reason": f"for reason {number}"},
        lambda: workspace(hub, project),
        lambda before: {**before, "status": status, "archived": archived},
        other={"reason": "for another reason"},
        shows={"archived": archived, "delivery_status": STATUS[status]},
        kept={"stage": stage},
        record=key,
        meddle=meddle,
    )


STATUS = {200: "ACTIVE", 300: "ON_HOLD", 400: "COMPLETE"}


async def _hold(hub: Live) -> Ready:
    project = await hub.entity((await running_projects(hub))[-1])
    return await _step(hub, project, PMO, ("ON_HOLD", 300, False), ("IN_DELIVERY", 200, False))


async def _close(hub: Live) -> Ready:
    memo = hub.sandboxes.memo
    if "delivered" not in memo:
        memo["delivered"] = (await hub.find(Kind.PROJECT, "status = 'DELIVERED'")).id
    project = await hub.entity(memo["delivered"])
    return await _step(hub, project, FINANCE, ("CLOSED", 400, True), ("DELIVERED", 400, False))


def _on(where: str, **changes: Any) -> Spoils:
    """Another project, with another stage."""

    async def spoil(hub: Live, ready: Ready) -> Ready:
        return ready.but(id=(await hub.find(Kind.PROJECT, where)).id, **changes)

    return spoil


async def _on_one_that_the_erp_has_closed(hub: Live, ready: Ready) -> Ready:
    """The vendor's own reopening is no use while the ERP keeps the project closed."""
    project = await hub.find(Kind.PROJECT, "status = 'CLOSED' AND kept ->> 'financial_status' = 'CLOSED'")
    return ready.but(id=project.id, stage="DELIVERED")


async def _on_one_that_the_psa_has_not(hub: Live, ready: Ready) -> Ready:
    return ready.but(id=(await hub.project_without("kantata")).id, stage="CANCELLED")


async def _cancelled_by_a_manager(hub: Live, ready: Ready) -> Ready:
    shell = await hub.find(Kind.PROJECT, "status = 'SHELL'")
    return ready.by(MANAGER).but(id=shell.id, stage="CANCELLED")


POSTED = (
    "status IN ('GATE_PENDING', 'SHELL', 'STAFFED') AND EXISTS (SELECT 1 FROM entity t WHERE t.project_id = e.id"
    " AND (t.kind = 'invoice' OR t.kind = 'time_entry' AND t.status IN ('APPROVED', 'POSTED', 'BILLED')))"
)
HOLD = Case(
    "changeProjectStage",
    "kantata",
    _hold,
    (
        Refused("INVALID_TRANSITION", "no manual step", given(stage="SHELL"), "stage"),
        Refused(
            "INVALID_TRANSITION", "no way out of CANCELLED", _on("status = 'CANCELLED'", stage="DELIVERED"), "stage"
        ),
        Refused("ALREADY_POSTED", "cancelled after posting", _on(POSTED, stage="CANCELLED"), "stage"),
        Refused("XREF_MISSING", "a project that the PSA has not", _on_one_that_the_psa_has_not, "id"),
        Refused("INVALID_INPUT", "an empty reason", given(reason=" "), "reason"),
        Refused("INVALID_INPUT", "a reason too long", given(reason=LONG), "reason"),
        Refused("NOT_PERMITTED", "cancelled by a delivery manager", _cancelled_by_a_manager, "stage"),
    ),
    versioned=False,
)
CLOSE = Case(
    "changeProjectStage",
    "kantata",
    _close,
    (
        Refused("REASON_REQUIRED", "without a reason", given(reason=None), "reason"),
        Refused("NOT_PERMITTED", "by the PMO", given_by(PMO), "stage"),
        Refused("NOT_SYSTEM_OF_RECORD", "closed in the ERP", _on_one_that_the_erp_has_closed, "stage"),
    ),
    versioned=False,
    variant="closing",
)

CASES = (UPDATE, HOLD, CLOSE)

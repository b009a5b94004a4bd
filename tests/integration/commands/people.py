"""People for commands: who is not on a team yet."""

from __future__ import annotations

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind
from hub.ports import Entity
from tests.support.live import NOW, Live

PRESENT = """
SELECT e.id, r.external_id FROM entity e JOIN record r ON r.entity_id = e.id AND r.system = 'kantata'
WHERE e.kind = 'resource' AND e.status = 'ACTIVE' AND e.record_kind = 'resource' AND e.end_date IS NULL
  AND r.deleted_at IS NULL AND e.deleted_at IS NULL
ORDER BY (SELECT count(*) FROM entity a WHERE a.kind = 'assignment' AND a.resource_id = e.id AND a.end_date >= :today),
  e.id"""
RUNNING = "SELECT id FROM entity WHERE kind = 'project' AND status = 'IN_DELIVERY' AND deleted_at IS NULL ORDER BY id"


async def running_projects(hub: Live) -> list[CanonicalId]:
    """The projects that are in delivery when first asked for, in a fixed order."""
    known: dict[str, list[CanonicalId]] = hub.sandboxes.memo
    if "running" not in known:
        known["running"] = [CanonicalId(row.id) for row in await hub.rows(RUNNING)]
    return known["running"]


async def running_project(hub: Live) -> Entity:
    """A project in delivery that no command of the table takes out of it: the last one is for those that do."""
    return await hub.entity((await running_projects(hub))[0])


async def outsider(hub: Live) -> tuple[Entity, Entity]:
    """A project in delivery, and somebody active who takes no part in it yet, with few bookings to come."""
    people = await hub.rows(PRESENT, today=NOW.date())
    for project_id in (await running_projects(hub))[:-1]:
        project = await hub.entity(project_id)
        inside = team(hub, project)
        chosen = next((row.id for row in people if row.external_id not in inside), None)
        if chosen is not None:
            return project, await hub.entity(CanonicalId(chosen))
    raise AssertionError("everybody is on every project")


def team(hub: Live, project: Entity) -> set[str]:
    """Who takes part in a project, by Kantata's ids."""
    path = f"/api/v1/participations?workspace_id={project.keys[Domain.PSA].external_id}&per_page=200"
    return {seat["user_id"] for seat in hub.vendor("kantata", path)["participations"].values()}


def user_id(person: Entity) -> str:
    """The person's id in Kantata."""
    return next(key.external_id for key in person.records if key.system == "kantata" and key.kind is Kind.RESOURCE)

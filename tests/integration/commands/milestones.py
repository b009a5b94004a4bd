"""The rows of the table for milestones."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hub.domain.commands import Actor
from hub.domain.kinds import Domain, Kind
from hub.ports import Entity
from tests.integration.commands.case import Case, Ready, Refused, given_by
from tests.integration.commands.people import running_project
from tests.integration.commands.time_entries import NAMELESS, STRANGER, UNKNOWN, clerk_for
from tests.support.live import NOW, Live, approver_for


async def planned(hub: Live) -> Entity:
    """A milestone that somebody has just planned in Kantata."""
    project = await running_project(hub)
    workspace = project.keys[Domain.PSA].external_id
    story = {"title": f"Milestone {hub.number()}", "story_type": "milestone", "workspace_id": workspace}
    answer = hub.vendor("kantata", "/api/v1/stories", "POST", {"story": story})
    return await hub.discovered(Kind.MILESTONE, answer["results"][0]["id"])


def milestone(hub: Live, external_id: str) -> dict[str, Any]:
    """What Kantata says of a milestone and its acceptance."""
    row = hub.kantata("stories", external_id)
    path = f"/api/v1/custom_field_values?subject_type=story&with_subject_id={external_id}"
    values = hub.vendor("kantata", path)["custom_field_values"].values()
    texts = sorted((value["custom_field_name"], value["value"]) for value in values)
    return {"state": row["state"], "due": row["due_date"], "texts": texts}


def _ready(hub: Live, found: Entity, actor: Actor, changed: dict[str, Any], status: str) -> Ready:
    key = found.keys[Domain.PSA]
    due = (date(NOW.year + 1, 1, 1) + timedelta(days=hub.number())).isoformat()

    def meddle() -> object:
        return hub.vendor("kantata", f"/api/v1/stories/{key.external_id}", "PUT", {"story": {"due_date": due}})

    return Ready(
        actor,
        {"id": found.id},
        lambda: milestone(hub, key.external_id),
        lambda before: {**before, **changed},
        other={"expectedVersion": "another"},
        shows={"status": status},
        record=key,
        meddle=meddle,
    )


async def _complete(hub: Live) -> Ready:
    return _ready(hub, await planned(hub), await approver_for(hub), {"state": "completed"}, "COMPLETED")


async def _completed(hub: Live, ready: Ready) -> Ready:
    """In Kantata, by somebody there, of which the hub has not heard."""
    assert ready.record is not None
    path = f"/api/v1/stories/{ready.record.external_id}"
    hub.vendor("kantata", path, "PUT", {"story": {"state": "completed"}})
    return ready


async def _of_a_cancelled_project(hub: Live, ready: Ready) -> Ready:
    where = "EXISTS (SELECT 1 FROM entity p WHERE p.id = e.project_id AND p.status = 'CANCELLED')"
    return ready.but(id=(await hub.find(Kind.MILESTONE, where)).id)


COMPLETE = Case(
    "completeMilestone",
    "kantata",
    _complete,
    (
        Refused("INVALID_TRANSITION", "completed already", _completed, asks=True),
        Refused("PROJECT_NOT_OPEN", "a cancelled project", _of_a_cancelled_project, "id"),
    ),
)


async def _approve(hub: Live) -> Ready:
    """Completed by one through the hub, and accepted by another: two calls."""
    found, completer = await planned(hub), await approver_for(hub)
    outcome = await hub.do("completeMilestone", completer, id=found.id)
    assert outcome.errors == ()
    (person,) = await hub.rows(
        "SELECT id FROM entity WHERE kind = 'resource' AND kept ->> 'email' = :email", email=completer.caller.email
    )
    approver = await approver_for(hub, person.id)
    texts = sorted([("Accepted by", approver.caller.email), ("Accepted on", NOW.date().isoformat())])
    return _ready(hub, found, approver, {"texts": texts}, "APPROVED")


async def _by_the_completer(hub: Live, ready: Ready) -> Ready:
    return ready.by(await approver_for(hub))


async def _for_somebody_else(hub: Live, ready: Ready) -> Ready:
    """On behalf of a person of the firm who does not lead the project."""
    lead = (await running_project(hub)).kept["manager"]
    other = await approver_for(hub, lead)
    return ready.by(clerk_for(str(other.caller.email), "approveMilestone"))


async def _not_completed(hub: Live, ready: Ready) -> Ready:
    return ready.but(id=(await planned(hub)).id)


APPROVE = Case(
    "approveMilestone",
    "kantata",
    _approve,
    (
        Refused("INVALID_TRANSITION", "not completed", _not_completed, asks=True),
        Refused("SEGREGATION_OF_DUTIES", "by the completer", _by_the_completer),
        Refused("PROJECT_NOT_OPEN", "a cancelled project", _of_a_cancelled_project, "id"),
        Refused("APPROVER_UNKNOWN", "by nobody of the firm", given_by(UNKNOWN)),
        Refused("APPROVER_UNKNOWN", "by somebody without an e-mail", given_by(NAMELESS)),
        Refused("APPROVER_UNKNOWN", "for nobody of the firm", given_by(clerk_for(STRANGER, "approveMilestone"))),
        Refused("NOT_PERMITTED", "for somebody else than the lead", _for_somebody_else),
    ),
)

CASES = (COMPLETE, APPROVE)

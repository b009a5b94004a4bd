"""Skills of a worker (staffing/v6 explicitSkills): read at once, written by a business process."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.routing import Route

from sources.sandbox.workday.calls import Answer, Call, Desk, resource
from sources.sandbox.workday.instances import INSTANCE_ID, Ref, ref
from sources.sandbox.workday.processes import Effect, Event, PendingConflictError
from sources.sandbox.workday.replies import invalid, not_found
from sources.sandbox.workday.settings import SKILLS
from sources.sandbox.workday.tenant import TERMINATED, ExplicitSkill, Worker

SELF_REPORTED = ref("skill_source", "Self Reported")
PENDING_CONFLICT = (
    "You cannot initiate this action: another pending action for the worker conflicts with it. Close that one first."
)


def skill_routes(desk: Desk) -> list[Route]:
    """The routes of a worker's skills."""
    skills = "/ccx/api/staffing/v6/{tenant}/workers/{ID}/explicitSkills"
    return [
        resource(desk, skills, SKILLS, GET=list_skills, POST=add_skill),
        resource(desk, f"{skills}/{{subresourceID}}", SKILLS, GET=get_skill, DELETE=remove_skill),
    ]


def list_skills(call: Call) -> Answer:
    """The skills that a worker has now, optionally those whose name contains a text."""
    call.allow("limit", "offset", "skill", "skillSource")
    worker = call.worker()
    wanted = (call.first("skill") or "").casefold()
    source = call.first("skillSource")
    skills = [skill for skill in worker.skills.values() if wanted in skill.item.descriptor.casefold()]
    return call.collection(skills if source in (None, SELF_REPORTED.wid) else [], skill_body)


def get_skill(call: Call) -> Answer:
    """One skill of a worker by the id of the claim."""
    call.allow()
    return Answer(skill_body(_skill(call, call.worker())))


def skill_body(skill: ExplicitSkill) -> dict[str, Any]:
    """A skill of a worker as the service represents it."""
    return {
        "id": skill.wid,
        "descriptor": skill.item.descriptor,
        "skillItem": skill.item.body(),
        "skillSources": [SELF_REPORTED.body()],
        "remoteID": skill.item.reference.partition("=")[2],
    }


def add_skill(call: Call) -> Answer:
    """Start the process that adds a skill to a worker: 201 with the event."""
    call.allow()
    worker = _changeable(call)
    body = call.json_object(["skillItem", "skillSources"])
    item = _skill_item(call, body.get("skillItem"))
    if item.wid in worker.skills:
        raise invalid(f"the worker already has the skill {item.descriptor}", field="skillItem")

    def effect(at: datetime) -> None:
        call.tenant.add_skill(worker, item, at)

    event = start(call, worker, item.wid, f"Add Skill {item.descriptor}", effect)
    return Answer(_initiated(call, event, item), 201)


def remove_skill(call: Call) -> Answer:
    """Start the process that takes a skill from a worker: 200 with the event."""
    call.allow()
    worker = _changeable(call)
    item = _skill(call, worker).item

    def effect(at: datetime) -> None:
        call.tenant.remove_skill(worker, item, at)

    event = start(call, worker, item.wid, f"Remove Skill {item.descriptor}", effect)
    return Answer(_initiated(call, event, item))


def start(call: Call, worker: Worker, subject: str, descriptor: str, effect: Effect) -> Event:
    """Start a business process, or refuse it because of one that is pending."""
    try:
        return call.desk.processes.start(worker, subject, descriptor, effect, call.now)
    except PendingConflictError as exc:
        raise invalid(PENDING_CONFLICT, code="A178") from exc


def initiated_body(call: Call, event: Event) -> dict[str, Any]:
    """What a write answers: the event that it started and where that stands."""
    return {
        **call.event_ref(event),
        "status": event.status.body(),
        "businessProcessParameters": {
            "overallBusinessProcess": call.event_ref(event),
            "overallStatus": event.status.descriptor,
        },
    }


def _initiated(call: Call, event: Event, item: Ref) -> dict[str, Any]:
    return {**initiated_body(call, event), "skillItem": item.body(), "skillSources": [SELF_REPORTED.body()]}


def _changeable(call: Call) -> Worker:
    worker = call.worker()
    if worker.status(call.today) is TERMINATED:
        raise invalid("the worker is terminated and has no future hire")
    return worker


def _skill(call: Call, worker: Worker) -> ExplicitSkill:
    wid = call.instance_id("subresourceID")
    skill = next((skill for skill in worker.skills.values() if skill.wid == wid), None)
    if skill is None:
        raise not_found()
    return skill


def _skill_item(call: Call, given: object) -> Ref:
    """The skill item that a body names, by `id` (WID or reference id) or by `skillName`."""
    if not isinstance(given, dict):
        raise invalid("skillItem is required", field="skillItem")
    unknown = next((name for name in given if name not in ("id", "skillName", "descriptor", "href")), None)
    if unknown is not None:
        raise invalid(f"unknown field: {unknown}", field=f"skillItem.{unknown}")
    wid, name = given.get("id"), given.get("skillName")
    if isinstance(wid, str):
        return _known_item(call, wid)
    if isinstance(name, str) and name.strip():
        return call.tenant.skill_item_called(name.strip())
    raise invalid("skillItem needs an id or a skillName", field="skillItem")


def _known_item(call: Call, given: str) -> Ref:
    item = call.tenant.find_skill_item(given) if INSTANCE_ID.fullmatch(given) else None
    if item is None:
        raise invalid(f"invalid instance for skillItem: {given}", field="skillItem.id")
    return item

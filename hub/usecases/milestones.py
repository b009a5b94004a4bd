"""Milestones: reported as reached by one person, accepted by another (domain.md sections 1, 3 and 9)."""

from __future__ import annotations

from hub.domain.commands import REACHABLE, different_people, require_stage, require_state
from hub.domain.kinds import Kind
from hub.domain.records import Value
from hub.ports import SourceWrite
from hub.store.audit import last_person
from hub.store.ledger import Sending
from hub.usecases.desk import Mutation, Work, writers_of
from hub.usecases.projects import stage_of

MOVES = frozenset({"status", "completed_at", "approved_at"})
COMPLETE = "completeMilestone"


async def _prepare_complete(work: Work) -> Sending:
    milestone = work.targets["id"]
    key = work.key(milestone, ["status"])
    project = await work.linked(milestone, "project")
    if project is not None:
        require_stage(stage_of(project), REACHABLE, "no milestone can be reached", field="id")
    before = await work.current(key)
    require_state(_text(before.get("status")), ("PLANNED",), "COMPLETED", "A milestone")
    write = SourceWrite(
        "complete", key.kind, key.external_id, {}, work.token, version=work.given.get("expectedVersion")
    )
    return Sending(key.system, write, work.locks, milestone.id, before, MOVES)


async def _prepare_approve(work: Work) -> Sending:
    """Accepted by somebody else than who completed it; who did so in the PSA itself, the PSA does not tell."""
    milestone = work.targets["id"]
    key = work.key(milestone, ["status"])
    await work.require_approver(await work.linked(milestone, "project"))
    completer = await last_person(work.desk.engine, COMPLETE, milestone.id)
    different_people(await work.approver(), await work.resource_of(completer))
    before = await work.current(key)
    require_state(_text(before.get("status")), ("COMPLETED",), "APPROVED", "A milestone")
    person = work.actor.person
    values: dict[str, Value] = {"approved_on": work.desk.today(), "approved_by": person.email or person.subject}
    write = SourceWrite(
        "approve", key.kind, key.external_id, values, work.token, version=work.given.get("expectedVersion")
    )
    return Sending(key.system, write, work.locks, milestone.id, before, MOVES)


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None


MUTATIONS = (
    Mutation(COMPLETE, writers_of(Kind.MILESTONE, "status", "completed_at"), {"id": Kind.MILESTONE}, _prepare_complete),
    Mutation(
        "approveMilestone",
        writers_of(Kind.MILESTONE, "status", "approved_at"),
        {"id": Kind.MILESTONE},
        _prepare_approve,
        approval=True,
    ),
)

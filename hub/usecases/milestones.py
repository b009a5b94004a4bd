"""Milestones: reported as reached by one person, accepted by another (domain.md sections 1, 3 and 9).

Who completed a milestone is known from two sides. What was completed through the hub, the audit trail names;
the PSA names the user of the hub's token then. What was completed in the PSA itself, the PSA names. Nobody who is
named by either side accepts, so whoever holds the hub's own account in the PSA does not accept what others complete
through the hub. If neither side names anybody for the present completion, nobody can be told to be somebody else:
refused with COMPLETER_UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from hub.domain import commands
from hub.domain.commands import REACHABLE, different_people, refuse, require_state
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.records import RecordKey, Ref, Value
from hub.ports import SourceWrite
from hub.store.audit import Done, last_done
from hub.store.ledger import Sending
from hub.store.people import entity_of
from hub.usecases.desk import Mutation, Work, writers_of
from hub.usecases.projects import require_stage_of_project

MOVES = frozenset({"status", "completed_at", "completed_by", "approved_at"})
COMPLETE = "completeMilestone"
COMPLETER_UNKNOWN = "COMPLETER_UNKNOWN"
CLOCKS_DIFFER = timedelta(minutes=5)
"""How far a system's clock may be ahead (domain.md 6.2)."""


async def _prepare_complete(work: Work) -> Sending:
    milestone = work.targets["id"]
    key = work.key(milestone, ["status"])
    await require_stage_of_project(work, milestone, REACHABLE, "no milestone can be reached")
    before = await work.current(key)
    require_state(_text(before.get("status")), ("PLANNED",), "COMPLETED", "A milestone")
    write = SourceWrite(
        "complete", key.kind, key.external_id, {}, work.token, version=work.given.get("expectedVersion")
    )
    return Sending(key.system, write, work.locks, milestone.id, before, MOVES)


async def _prepare_approve(work: Work) -> Sending:
    """Accepted by somebody else than who completed it."""
    milestone = work.targets["id"]
    key = work.key(milestone, ["status"])
    await require_stage_of_project(work, milestone, REACHABLE, "its milestones are settled")
    approver, person = await work.approver(), work.actor.person
    through_hub = await last_done(work.desk.engine, COMPLETE, milestone.id)
    different_people(approver, None if through_hub is None else await work.resource_behind(through_hub))
    before = await work.current(key)
    require_state(_text(before.get("status")), ("COMPLETED",), "APPROVED", "A milestone")
    completer = await _completer_in_psa(work, key.system, before)
    different_people(approver, completer)
    if completer is None and not _is_about(through_hub, before.get("completed_at")):
        refuse(
            COMPLETER_UNKNOWN,
            "It was completed in the PSA by somebody whom the hub cannot name: approve it there, or complete it again.",
            cls=commands.DATA_QUALITY,
            field="id",
        )
    values: dict[str, Value] = {"approved_on": work.desk.today(), "approved_by": person.email or person.subject}
    write = SourceWrite(
        "approve", key.kind, key.external_id, values, work.token, version=work.given.get("expectedVersion")
    )
    return Sending(key.system, write, work.locks, milestone.id, before, MOVES)


async def _completer_in_psa(work: Work, system: str, before: Mapping[str, Value]) -> CanonicalId | None:
    """The person whom the PSA names as the one who completed the milestone."""
    named = before.get("completed_by")
    if not isinstance(named, Ref):
        return None
    return await entity_of(work.desk.engine, RecordKey(system, named.kind, named.value))


def _is_about(through_hub: Done | None, completed_at: Value) -> bool:
    """Whether the hub's last completion is the present one: it was noted when the PSA had it, so not before."""
    if through_hub is None:
        return False
    return not isinstance(completed_at, datetime) or completed_at <= through_hub.at + CLOCKS_DIFFER


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

"""Changing a project: its delivery attributes, and the manual steps of its lifecycle (domain.md section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from hub.domain import commands
from hub.domain.commands import OPEN, StageFactsNow, manual_step, refuse, require_stage
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.lifecycle import ProjectStage
from hub.domain.records import Value
from hub.errors import InvalidInput
from hub.ports import Entity, SourceWrite
from hub.store.ledger import Sending, StageMove, returns_to
from hub.store.people import is_posted
from hub.store.projects import stage_without_hold
from hub.usecases.desk import Given, Mutation, Work, writers_of

MAX_NAME = 255
MAX_REASON = 2_000
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2099, 12, 31)
"""What the dates of commands lie between: beyond is a slip of the keyboard, which no system shall keep."""
CHANGEABLE: Mapping[str, str] = {
    "name": "name",
    "startDate": "start_date",
    "endDate": "end_date",
    "managerId": "manager",
}
"""Fields of the input and the attributes that they change."""


def stage_of(project: Entity) -> ProjectStage:
    """The stage that the directory keeps."""
    return ProjectStage(str(project.kept["stage"]))


async def require_stage_of_project(work: Work, part: Entity, stages: frozenset[ProjectStage], what: str) -> None:
    """Refuse what the stage of the part's project does not allow."""
    project = await work.linked(part, "project")
    if project is not None:
        require_stage(stage_of(project), stages, what, field="id")


def check_period(start: date | None, end: date | None, *, field: str = "endDate") -> None:
    """Raise InvalidInput unless the last day is not before the first."""
    if start is not None and end is not None and end < start:
        raise InvalidInput(field, "must not be before the start date")


def check_day(field: str, day: date | None) -> None:
    """Raise InvalidInput for a date that is absurdly far off; None is no date."""
    if day is not None and not FIRST_DAY <= day <= LAST_DAY:
        raise InvalidInput(field, f"must lie between {FIRST_DAY} and {LAST_DAY}")


def check_text(field: str, value: str | None, most: int) -> None:
    """Raise InvalidInput for a text that is empty or too long; None is no text."""
    if value is not None and not value.strip():
        raise InvalidInput(field, "must not be empty")
    if value is not None and len(value) > most:
        raise InvalidInput(field, f"must have at most {most} characters")


def active_in_hcm(person: Entity, field: str) -> None:
    """Refuse a person who has left; a subcontractor has no employment to end."""
    if person.kept.get("status") == "TERMINATED":
        refuse(commands.OUT_OF_DATES, "The person has left.", field=field)


# -- updateProject ----------------------------------------------------------------------------------


def _check_update(given: Given) -> None:
    if not CHANGEABLE.keys() & given.keys():
        raise InvalidInput("input", f"give at least one of {', '.join(CHANGEABLE)}")
    check_text("name", given.get("name"), MAX_NAME)
    for field in ("startDate", "endDate"):
        check_day(field, given.get(field))
    check_period(given.get("startDate"), given.get("endDate"))


async def _prepare_update(work: Work) -> Sending:
    project = work.targets["id"]
    key = work.key(project, ["name"])
    changed: dict[str, Value] = {CHANGEABLE[n]: work.given[n] for n in CHANGEABLE.keys() & work.given.keys()}
    if "managerId" in work.given:
        manager = work.targets["managerId"]
        active_in_hcm(manager, "managerId")
        changed["manager"] = work.ref(manager, key.system, field="managerId")
    require_stage(stage_of(project), OPEN, "nothing of it changes any more", field="id")
    before = await work.current(key)
    start, end = (changed.get(n, before.get(n)) for n in ("start_date", "end_date"))
    if isinstance(start, date) and isinstance(end, date) and end < start:
        field = "endDate" if "endDate" in work.given else "startDate"
        refuse(
            commands.INVALID_INPUT, "The project would end before it starts.", cls=commands.DATA_QUALITY, field=field
        )
    write = SourceWrite(
        "update", key.kind, key.external_id, changed, work.token, version=work.given.get("expectedVersion")
    )
    return Sending(key.system, write, work.locks, project.id, before)


# -- changeProjectStage -----------------------------------------------------------------------------


def _check_stage(given: Given) -> None:
    check_text("reason", given.get("reason"), MAX_REASON)


async def _prepare_stage(work: Work) -> Sending:
    """The hub's own stage follows from what the PSA is told, so the PSA's status is what is written."""
    project, to = work.targets["id"], ProjectStage(work.given["stage"])
    start, reason = stage_of(project), work.given.get("reason")
    now = StageFactsNow(
        start,
        posted=await is_posted(work.desk.engine, project.id),
        returns_to=await _stage_after(work, project.id) if start is ProjectStage.ON_HOLD else None,
        closed_in_erp=project.kept.get("financial_status") == "CLOSED",
    )
    step = manual_step(now, to, await work.roles(project), reason=reason)
    key = work.key(project, ["delivery_status"])
    before = await work.current(key)
    values: dict[str, Value] = {}
    if step.delivery_status is not None:
        values["delivery_status"] = step.delivery_status
    if step.archived is not None:
        values["archived"] = step.archived
    write = SourceWrite("update", key.kind, key.external_id, values, work.token)
    moves = frozenset({"delivery_status", "archived", "percent_complete"})
    return Sending(key.system, write, work.locks, project.id, before, moves, StageMove(start, to, reason))


async def _stage_after(work: Work, project: CanonicalId) -> ProjectStage:
    """Where a held project goes back to: to the stage that it left through the hub, else to what the rules give it."""
    left = await returns_to(work.desk.engine, project)
    return left or await stage_without_hold(work.desk.engine, project, work.desk.today())


MUTATIONS = (
    Mutation(
        "updateProject",
        writers_of(Kind.PROJECT, "name", "start_date", "end_date", "manager"),
        {"id": Kind.PROJECT, "managerId": Kind.RESOURCE},
        _prepare_update,
        _check_update,
        locked=frozenset({"id"}),
    ),
    Mutation(
        "changeProjectStage",
        writers_of(Kind.PROJECT, "stage"),
        {"id": Kind.PROJECT},
        _prepare_stage,
        _check_stage,
    ),
)

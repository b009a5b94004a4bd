"""The rules of commands: refusals, repeats, the lifecycle's manual steps, segregation of duties.

Pure: what is known comes as arguments. A rule that refuses raises Refused; its Refusal is what the caller
reads in the payload (domain.md sections 1, 3, 6.2, 7 and 9).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum, StrEnum, auto
from typing import NoReturn

from hub.domain.callers import Caller
from hub.domain.capacity import Employment
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain
from hub.domain.lifecycle import ProjectStage
from hub.domain.ownership import Role

BUSINESS_RULE, DATA_QUALITY = "BUSINESS_RULE", "DATA_QUALITY"
PLATFORM, AUTHENTICATION = "PLATFORM_AVAILABILITY", "AUTHENTICATION"

INVALID_INPUT, NOT_FOUND, NOT_PERMITTED = "INVALID_INPUT", "NOT_FOUND", "NOT_PERMITTED"
NOT_SYSTEM_OF_RECORD, XREF_MISSING, VERSION_CONFLICT = "NOT_SYSTEM_OF_RECORD", "XREF_MISSING", "VERSION_CONFLICT"
INVALID_TRANSITION, PROJECT_NOT_OPEN, OUT_OF_DATES = "INVALID_TRANSITION", "PROJECT_NOT_OPEN", "OUT_OF_DATES"
REASON_REQUIRED, ALREADY_POSTED = "REASON_REQUIRED", "ALREADY_POSTED"
SEGREGATION_OF_DUTIES, APPROVER_UNKNOWN = "SEGREGATION_OF_DUTIES", "APPROVER_UNKNOWN"
ON_BEHALF_OF_REQUIRED, OVERBOOKED = "ON_BEHALF_OF_REQUIRED", "OVERBOOKED"
IDEMPOTENCY_KEY_REUSED, IN_PROGRESS = "IDEMPOTENCY_KEY_REUSED", "IN_PROGRESS"
WRITE_OUTCOME_UNKNOWN, WRITE_LOST, PROCESS_REFUSED = "WRITE_OUTCOME_UNKNOWN", "WRITE_LOST", "PROCESS_REFUSED"
WRITE_OVERTAKEN = "WRITE_OVERTAKEN"
CONCURRENT_CHANGE, SUBMISSION_SHARED = "CONCURRENT_CHANGE", "SUBMISSION_SHARED"
RECORD_TAKEN, ENTITY_HAS_RECORD, WRONG_KIND = "RECORD_TAKEN", "ENTITY_HAS_RECORD", "WRONG_KIND"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command is not, or not yet, carried out; `field` is the input's field at fault.

    `owner` is the domain that owns what was to be changed, `allowed` what would have been accepted.
    """

    code: str
    cls: str
    message: str
    field: str | None = None
    owner: Domain | None = None
    allowed: tuple[str, ...] | None = None


class Refused(ValueError):
    """A rule does not let the command through."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def refuse(
    code: str,
    message: str,
    *,
    cls: str = BUSINESS_RULE,
    field: str | None = None,
    owner: Domain | None = None,
    allowed: Iterable[str] | None = None,
) -> NoReturn:
    """Raise Refused."""
    raise Refused(Refusal(code, cls, message, field, owner, None if allowed is None else tuple(allowed)))


class CommandStatus(StrEnum):
    """What a payload says of its command."""

    APPLIED = "APPLIED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a payload says; `entity` is what it shows, by canonical id."""

    status: CommandStatus
    correlation_id: str
    errors: tuple[Refusal, ...] = ()
    replayed: bool = False
    entity: CanonicalId | None = None


# -- the ledger's states and repeats (domain.md 6.2) -------------------------------------------------


class CommandState(StrEnum):
    """How far a command has come.

    | state | means | goes to |
    |---|---|---|
    | RECEIVED | known, nothing sent; again after a fault that left nothing behind | RECEIVED, SENT, REJECTED, APPLIED |
    | SENT | given to the owner, no answer yet | APPLIED, ACCEPTED, REJECTED, UNKNOWN, RECEIVED |
    | UNKNOWN | sent, and the answer is lost: being verified | APPLIED, ACCEPTED, REJECTED |
    | ACCEPTED | the owner has it: its own process runs, or the result is not read back yet | APPLIED, REJECTED |
    | APPLIED, REJECTED | finished | - |
    """

    RECEIVED = "RECEIVED"
    SENT = "SENT"
    UNKNOWN = "UNKNOWN"
    ACCEPTED = "ACCEPTED"
    APPLIED = "APPLIED"
    REJECTED = "REJECTED"


NEXT_STATES: dict[CommandState, frozenset[CommandState]] = {
    CommandState.RECEIVED: frozenset(
        {CommandState.RECEIVED, CommandState.SENT, CommandState.APPLIED, CommandState.REJECTED}
    ),
    CommandState.SENT: frozenset(CommandState) - {CommandState.SENT},
    CommandState.UNKNOWN: frozenset({CommandState.ACCEPTED, CommandState.APPLIED, CommandState.REJECTED}),
    CommandState.ACCEPTED: frozenset({CommandState.APPLIED, CommandState.REJECTED}),
    CommandState.APPLIED: frozenset(),
    CommandState.REJECTED: frozenset(),
}
"""Which states may follow which; nothing follows the two final ones."""


class Repeat(Enum):
    """What a request with a known key gets."""

    RUN = auto()
    """Nobody works on it and nothing was sent: this request takes it over."""
    STORED = auto()
    """The stored result, replayed."""
    IN_PROGRESS = auto()
    UNKNOWN = auto()
    REUSED = auto()


def repeat_of(state: CommandState, *, same_request: bool, alive: bool) -> Repeat:
    """The decision table of domain.md 6.2 for client keys; `alive`: the process that runs the command still does."""
    if not same_request:
        return Repeat.REUSED
    match state:
        case CommandState.APPLIED | CommandState.REJECTED | CommandState.ACCEPTED:
            return Repeat.STORED
        case CommandState.UNKNOWN:
            return Repeat.UNKNOWN
        case CommandState.SENT:
            return Repeat.IN_PROGRESS if alive else Repeat.UNKNOWN
        case CommandState.RECEIVED:
            return Repeat.IN_PROGRESS if alive else Repeat.RUN


# -- who may --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Actor:
    """Who gives a command: the bearer of the token, and the user on whose behalf a service account acts."""

    caller: Caller
    on_behalf_of: Caller | None = None

    @property
    def person(self) -> Caller:
        """Whose decision it is."""
        return self.on_behalf_of or self.caller


def authorize(actor: Actor, mutation: str, writers: frozenset[Role], *, approval: bool) -> None:
    """Refuse a caller whose role may not give this command (domain.md 9.1, service accounts).

    A token with the service role is a service account's, whatever other roles it names: it needs the mutation in
    its allow-list, which is its grant, and for an approval also the user behind it. That user's own rights limit
    it: roles that the request names must include a writer; of a user without named roles the directory must be
    able to prove a right at all, and the command itself is judged by what it proves (hub.usecases.on_behalf).
    """
    caller, user = actor.caller, actor.on_behalf_of
    if Role.SERVICE not in caller.roles:
        if user is not None:
            refuse(NOT_PERMITTED, "Only a service account may act on behalf of somebody.")
        if not caller.roles & writers:
            refuse(NOT_PERMITTED, f"Your role may not give {mutation}.", allowed=sorted(writers))
        return
    if mutation not in caller.allow:
        refuse(NOT_PERMITTED, f"Your account is not granted {mutation}.")
    if approval and user is None:
        refuse(ON_BEHALF_OF_REQUIRED, "An approval needs the user on whose behalf it is given.")
    if user is not None and not (user.roles or PROVABLE) & writers:
        refuse(NOT_PERMITTED, f"The user on whose behalf this is asked may not give {mutation}.")


PROVABLE = frozenset({Role.DELIVERY_MANAGER, Role.SERVICE})
"""What the directory can prove of a user without named roles.

That they lead a project, and whose time an entry would be, which service accounts submit.
"""


def roles_of(actor: Actor) -> frozenset[Role]:
    """The roles that a command is judged by: a service account's grant stands for any, its user's rights limit it."""
    if Role.SERVICE not in actor.caller.roles:
        return actor.caller.roles
    user = actor.on_behalf_of
    return frozenset(Role) if user is None else user.roles or frozenset({Role.DELIVERY_MANAGER})


def different_people(approver: str | None, submitter: str | None) -> None:
    """Refuse an approval by whoever submitted or completed the thing; both are canonical ids of resources.

    An approver who is no resource of the firm is refused, because the two could not be told apart.
    """
    if approver is None:
        refuse(APPROVER_UNKNOWN, "Your work e-mail belongs to no active resource, so you may not approve.")
    if approver == submitter:
        refuse(SEGREGATION_OF_DUTIES, "Nobody approves what they have submitted or completed themselves.")


# -- lifecycle: manual steps (domain.md section 3) --------------------------------------------------


@dataclass(frozen=True, slots=True)
class StageStep:
    """A manual step: who may take it, what the PSA is told, whether a reason is needed."""

    roles: frozenset[Role]
    delivery_status: str | None
    archived: bool | None = None
    reason: bool = False


S = ProjectStage
_DELIVERY = frozenset({Role.PMO, Role.DELIVERY_MANAGER})
_HOLDABLE = (S.SHELL, S.STAFFED, S.IN_DELIVERY)
_CANCELLABLE = (S.GATE_PENDING, S.GATE_FAILED, S.SHELL, S.STAFFED)
MANUAL_STEPS: dict[tuple[ProjectStage, ProjectStage], StageStep] = {
    **{(held, S.ON_HOLD): StageStep(_DELIVERY, "ON_HOLD") for held in _HOLDABLE},
    **{(S.ON_HOLD, back): StageStep(_DELIVERY, "ACTIVE") for back in _HOLDABLE},
    (S.IN_DELIVERY, S.DELIVERED): StageStep(_DELIVERY, "COMPLETE"),
    **{(left, S.CANCELLED): StageStep(frozenset({Role.PMO}), "CANCELLED") for left in _CANCELLABLE},
    (S.DELIVERED, S.CLOSED): StageStep(frozenset({Role.FINANCE_OPS}), None, archived=True, reason=True),
    (S.CLOSED, S.DELIVERED): StageStep(frozenset({Role.FINANCE_OPS}), "COMPLETE", archived=False, reason=True),
}
"""Every step that a person may take; all others belong to the flows."""
STAGE_ROLES = _DELIVERY | {Role.FINANCE_OPS}


@dataclass(frozen=True, slots=True)
class StageFactsNow:
    """What a manual step is judged by; `returns_to` is the stage that a held project goes back to."""

    stage: ProjectStage
    posted: bool = False
    returns_to: ProjectStage | None = None
    closed_in_erp: bool = False


def allowed_steps(now: StageFactsNow) -> tuple[ProjectStage, ...]:
    """The stages that a person may choose from here."""
    reachable = [to for (start, to) in MANUAL_STEPS if start is now.stage]
    if now.stage is S.ON_HOLD:
        reachable = [to for to in reachable if to is now.returns_to]
    if now.posted:
        reachable = [to for to in reachable if to is not S.CANCELLED]
    return tuple(reachable)


def manual_step(now: StageFactsNow, to: ProjectStage, roles: frozenset[Role], *, reason: str | None) -> StageStep:
    """The step from the present stage, or a refusal that names the stages that are allowed."""
    step = MANUAL_STEPS.get((now.stage, to))
    allowed = allowed_steps(now)
    if step is not None and to is S.CANCELLED and now.posted:
        refuse(
            ALREADY_POSTED,
            "A project with posted time, an invoice or revenue cannot be cancelled; it is delivered or held.",
            field="stage",
            allowed=allowed,
        )
    if step is None or to not in allowed:
        refuse(
            INVALID_TRANSITION,
            f"A project goes from {now.stage} to {to} by no manual step.",
            field="stage",
            allowed=allowed,
        )
    if not roles & step.roles:
        refuse(NOT_PERMITTED, f"Your role may not set {to}.", field="stage", allowed=sorted(step.roles))
    if step.reason and not reason:
        refuse(REASON_REQUIRED, f"Setting {to} here needs a reason.", field="reason")
    if now.closed_in_erp and step.archived is False:
        refuse(
            NOT_SYSTEM_OF_RECORD, "The ERP has closed the project: reopen it there.", field="stage", owner=Domain.ERP
        )
    return step


FINAL = frozenset({S.CLOSED, S.CANCELLED, S.LOST})
"""Stages in which nothing of a project changes any more; finance ops may reopen one that is CLOSED."""
OPEN = frozenset(S) - FINAL
"""Stages in which the project itself may be changed."""
WORKABLE = frozenset({S.SHELL, S.STAFFED, S.IN_DELIVERY, S.DELIVERED})
"""Stages in which time may be entered: from SHELL on, never while held; late time of a delivered project counts."""
REACHABLE = WORKABLE | {S.ON_HOLD}
"""Stages in which milestones may be reached, and milestones and time decided on: not before SHELL, not after the end.

A hold stops the work, not the decision on what was done before it.
"""
STAFFABLE = frozenset({S.GATE_PENDING, S.GATE_FAILED, S.SHELL, S.STAFFED, S.IN_DELIVERY, S.ON_HOLD})
"""Stages in which people may be booked: as soon as the PSA has the project, and before it is over."""


def require_stage(stage: ProjectStage, stages: frozenset[ProjectStage], what: str, *, field: str) -> None:
    """Refuse what the project's stage does not allow."""
    if stage not in stages:
        allowed = [s for s in ProjectStage if s in stages]
        refuse(PROJECT_NOT_OPEN, f"The project is {stage}: {what}.", field=field, allowed=allowed)


def require_state(state: str | None, wanted: Sequence[str], to: str, what: str) -> None:
    """Refuse a step of a thing whose own status does not allow it."""
    if state not in wanted:
        refuse(INVALID_TRANSITION, f"{what} goes from {state or 'no status'} to {to} by no command.", allowed=wanted)


# -- dates ----------------------------------------------------------------------------------------


def require_employed(
    employment: Employment, start: date, end: date, *, field: str, start_field: str | None = None
) -> None:
    """Refuse work or a booking outside a person's employment (domain.md section 3, refused always).

    `field` has the end in the input, `start_field` the start where that is another one.
    """
    if employment.last is not None and end > employment.last:
        refuse(OUT_OF_DATES, f"The person leaves on {employment.last}.", field=field)
    if employment.ended and employment.last is None:
        refuse(OUT_OF_DATES, "The person has left.", field=field)
    if employment.first is not None and start < employment.first:
        refuse(OUT_OF_DATES, f"The person starts on {employment.first}.", field=start_field or field)


def may_be_own(name: str, before: object, now: object, written: Mapping[str, object]) -> bool:
    """Whether a value may be what a write found, what it sets, or, of a set, something on the way between the two."""
    if now in (before, written.get(name)):
        return True
    if not isinstance(before, tuple) or not isinstance(now, tuple):
        return False
    add, remove = written.get("add", ()), written.get("remove", ())
    return _within(set(now) - set(before), add) and _within(set(before) - set(now), remove)


def _within(some: set[object], all_of: object) -> bool:
    return isinstance(all_of, tuple) and some <= set(all_of)


def unexpected_changes(before: dict[str, object], after: dict[str, object], expected: frozenset[str]) -> frozenset[str]:
    """Attributes that changed between the read before a write and the read after it without the write touching them."""
    return frozenset(
        name for name in before.keys() & after.keys() if name not in expected and before[name] != after[name]
    )

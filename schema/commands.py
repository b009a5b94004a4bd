"""Mutations: one input with an idempotency key each, one payload; refusals are data."""

from __future__ import annotations

from typing import Any

import strawberry

from schema.declare import argument, input_type, interface, optional, told, value
from schema.delivery import Assignment, Milestone, Project, TimeEntry
from schema.enums import BookingType, CommandStatus, Domain, ExceptionClass, ProjectStage
from schema.nodes import Entity
from schema.refs import ContractLineRef, ContractRef, ResourceRef
from schema.scalars import Date, Decimal

_KEY = (
    "Names this request among yours: asked again with the same key and the same input, it gives the same"
    " result and changes nothing again. 1 to 255 characters; kept for at least 30 days."
)
_VERSION = "The version of the owner's record that you know (`records.version`); refused when it has changed since."


@value
class CommandError:
    """Why a command was refused, or is not finished yet."""

    code: str = told("What it is, for programs.")
    class_: ExceptionClass | None = strawberry.field(name="class", description="Who can do something about it.")
    message: str = told("What it is, for people.")
    field: str | None = told("The input's field at fault.")
    owner: Domain | None = told("The domain whose systems own what was to be changed.")
    allowed: list[str] | None = told("What would have been accepted.")


@interface
class CommandPayload:
    """What every mutation answers."""

    status: CommandStatus = told("What became of the command.")
    errors: list[CommandError] = told("Why it was refused, or why it is not finished; empty otherwise.")
    correlation_id: strawberry.ID = told("Ties together everything that was done for the command.")
    replayed: bool = told("Whether this is the stored result of an earlier request with the same key.")


# -- projects ---------------------------------------------------------------------------------------


@input_type
class UpdateProjectInput:
    """Changes of a project's delivery side; what is left out stays as it is."""

    idempotency_key: str = told(_KEY)
    id: strawberry.ID = told("The project.")
    expected_version: str | None = optional(_VERSION)
    name: str | None = optional("The new name.")
    start_date: Date | None = optional("The new first day.")
    end_date: Date | None = optional("The new last day.")
    manager_id: strawberry.ID | None = optional("Who is to lead it.")


@input_type
class ChangeProjectStageInput:
    """A manual step of the lifecycle: ON_HOLD, back from it, DELIVERED, CANCELLED, CLOSED, or a reopening."""

    idempotency_key: str = told(_KEY)
    id: strawberry.ID = told("The project.")
    stage: ProjectStage = told("The stage to go to.")
    reason: str | None = optional("Why; required for closing and reopening.")


@value
class ProjectPayload(CommandPayload):
    """A command on a project."""

    project: Project | None = told("The project as it is now.")


# -- assignments ------------------------------------------------------------------------------------


@input_type
class AssignResourceInput:
    """A booking of a person on a project."""

    idempotency_key: str = told(_KEY)
    project_id: strawberry.ID = told("The project.")
    resource_id: strawberry.ID = told("The person.")
    role: str = told("The delivery role that the person fills.")
    start_date: Date = told("First day.")
    end_date: Date = told("Last day.")
    planned_hours: Decimal = told("Hours over the whole time, two decimal places.")
    booking: BookingType = optional("How firm the booking is.", BookingType.HARD)
    allow_overbooking: bool = optional("Book above the person's capacity all the same; this is recorded.", False)


@input_type
class UpdateAssignmentInput:
    """Changes of a booking; what is left out stays as it is."""

    idempotency_key: str = told(_KEY)
    id: strawberry.ID = told("The booking.")
    expected_version: str | None = optional(_VERSION)
    start_date: Date | None = optional("The new first day.")
    end_date: Date | None = optional("The new last day.")
    planned_hours: Decimal | None = optional("The new hours over the whole time, two decimal places.")
    booking: BookingType | None = optional("How firm the booking is to be.")
    allow_overbooking: bool = optional("Book above the person's capacity all the same; this is recorded.", False)


@value
class AssignmentPayload(CommandPayload):
    """A command on a booking."""

    assignment: Assignment | None = told("The booking as it is now.")


# -- time -------------------------------------------------------------------------------------------


@input_type
class SubmitTimeEntryInput:
    """Hours worked, submitted for approval."""

    idempotency_key: str = told(_KEY)
    project_id: strawberry.ID = told("The project.")
    task_id: strawberry.ID = told("The task, of that project.")
    resource_id: strawberry.ID = told("Who worked.")
    work_date: Date = told("The day of the work.")
    hours: Decimal = told("The hours, above 0 and at most 24, two decimal places.")
    billable: bool = optional("Whether the customer is to pay for them.", True)
    note: str | None = optional("What was done.")


@input_type
class ReviewTimeEntryInput:
    """A decision on submitted time, by somebody else than who worked.

    Where the PSA decides on whole submissions, one entry of a shared submission is refused with
    `SUBMISSION_SHARED` unless `wholeSubmission` is true.
    """

    idempotency_key: str = told(_KEY)
    id: strawberry.ID = told("The time entry.")
    expected_version: str | None = optional(_VERSION)
    reason: str | None = optional("Why.")
    whole_submission: bool = optional("Decide on everything that was submitted together.", False)


@value
class TimeEntryPayload(CommandPayload):
    """A command on a time entry."""

    time_entry: TimeEntry | None = told("The time entry as it is now.")


# -- milestones -------------------------------------------------------------------------------------


@input_type
class MilestoneInput:
    """A milestone that is reached, or accepted."""

    idempotency_key: str = told(_KEY)
    id: strawberry.ID = told("The milestone.")
    expected_version: str | None = optional(_VERSION)


@value
class MilestonePayload(CommandPayload):
    """A command on a milestone."""

    milestone: Milestone | None = told("The milestone as it is now.")


# -- people and contracts ---------------------------------------------------------------------------


@input_type
class UpdateSkillsInput:
    """Skills that a person has gained or no longer has."""

    idempotency_key: str = told(_KEY)
    resource_id: strawberry.ID = told("The person.")
    expected_version: str | None = optional(_VERSION)
    add: list[str] = strawberry.field(description="Skills to add.", default_factory=list)
    remove: list[str] = strawberry.field(description="Skills to remove.", default_factory=list)


@value
class ResourcePayload(CommandPayload):
    """A command on a person; `ACCEPTED` until the HCM's own process ends."""

    resource: ResourceRef | None = told("The person as they are now.")


@input_type
class SetRevenueMethodInput:
    """How a contract line's revenue is to be recognized."""

    idempotency_key: str = told(_KEY)
    contract_line_id: strawberry.ID = told("The contract line.")
    expected_version: str | None = optional(_VERSION)
    revenue_method: str = told("The method, by its name in the ERP.")


@value
class ContractLinePayload(CommandPayload):
    """A command on a contract line."""

    contract_line: ContractLineRef | None = told("The contract line as it is now.")


@input_type
class ProposeChangeOrderInput:
    """A change of what was sold, proposed to the CRM; it changes nothing before it is approved there."""

    idempotency_key: str = told(_KEY)
    contract_line_id: strawberry.ID = told("The contract line that it changes.")
    reason: str = told("Why.")
    price_delta: Decimal = told("By how much the price changes, in the contract's currency.")
    hours_delta: Decimal = told("By how many hours the work changes, two decimal places.")
    effective_date: Date = told("From when on.")


@value
class ContractPayload(CommandPayload):
    """A command on a contract."""

    contract: ContractRef | None = told("The contract as it is now.")


# -- identity ---------------------------------------------------------------------------------------


@input_type
class LinkRecordInput:
    """A record that matched nothing by itself, and the entity that it belongs to."""

    idempotency_key: str = told(_KEY)
    entity_id: strawberry.ID = told("The entity.")
    system: str = told("The system's key in this firm's estate.")
    kind: str = told("The vendor's object type, or the hub's name of the kind.")
    external_id: str = told("The record's id in that system.")


@value
class EntityPayload(CommandPayload):
    """A command on an entity of any kind."""

    entity: Entity | None = told("The entity as it is now.")


def _command(name: str, kind: type, description: str) -> Any:
    return told(description, argument(name, kind, "What to do."))


@value
class Mutation:
    """Changes, each made in the system that owns what changes, or not at all."""

    update_project: ProjectPayload = _command("input", UpdateProjectInput, "Change a project in the PSA.")
    change_project_stage: ProjectPayload = _command(
        "input", ChangeProjectStageInput, "Take a manual step of a project's lifecycle."
    )
    assign_resource: AssignmentPayload = _command(
        "input", AssignResourceInput, "Book a person on a project in the PSA."
    )
    update_assignment: AssignmentPayload = _command("input", UpdateAssignmentInput, "Change a booking in the PSA.")
    submit_time_entry: TimeEntryPayload = _command("input", SubmitTimeEntryInput, "Enter and submit time in the PSA.")
    approve_time_entry: TimeEntryPayload = _command("input", ReviewTimeEntryInput, "Approve submitted time in the PSA.")
    reject_time_entry: TimeEntryPayload = _command(
        "input", ReviewTimeEntryInput, "Send submitted time back in the PSA."
    )
    complete_milestone: MilestonePayload = _command(
        "input", MilestoneInput, "Report a milestone as reached in the PSA."
    )
    approve_milestone: MilestonePayload = _command("input", MilestoneInput, "Accept a reached milestone in the PSA.")
    update_skills: ResourcePayload = _command(
        "input", UpdateSkillsInput, "Change a person's skills in the HCM, which has a process of its own for it."
    )
    set_revenue_method: ContractLinePayload = _command(
        "input", SetRevenueMethodInput, "Set how a contract line's revenue is recognized in the ERP."
    )
    propose_change_order: ContractPayload = _command(
        "input", ProposeChangeOrderInput, "Propose a change of what was sold to the CRM."
    )
    link_record: EntityPayload = _command("input", LinkRecordInput, "Tell the hub which entity a record belongs to.")

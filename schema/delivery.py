"""How work is delivered: projects, tasks, milestones, assignments, time and expenses."""

from __future__ import annotations

from schema.declare import AFTER, FROM_DAY, TO_DAY, Connection, argument, entity, first, told
from schema.enums import BookingType, MilestoneStatus, ProjectStage, TimeStatus
from schema.nodes import Entity, Money
from schema.refs import (
    ContractLineRef,
    ContractRef,
    CustomerRef,
    InvoiceRef,
    LegalEntityRef,
    PracticeRef,
    ResourceRef,
    RevenuePeriodRef,
)
from schema.scalars import Currency, Date, DateTime, Decimal, Period


@entity
class Project(Entity):
    """A piece of work for a customer: planned and staffed in the PSA, billed and accounted for in the ERP."""

    code: str = told("Short code of the project.")
    name: str = told("Name of the project.")
    stage: ProjectStage = told("Where the project stands in its life.")
    start_date: Date | None = told("Planned first day.")
    end_date: Date | None = told("Planned last day.")
    practice: PracticeRef | None = told("The practice that delivers it.")
    legal_entity: LegalEntityRef | None = told(
        "The contracting company: the contract's; while there is no contract, the one in whose books the project is."
    )
    customer: CustomerRef | None = told("Who the work is for: the contract's customer, else the PSA's.")
    contract: ContractRef | None = told("The contract that it delivers.")
    manager: ResourceRef | None = told("Who leads it.")
    percent_complete: Decimal | None = told("How much of the work is done as the PSA sees it, from 0 to 1.")
    tasks: list[Task] = told("The work, by start date.")
    milestones: list[Milestone] = told("The milestones, by due date.")
    assignments: Connection[Assignment] = told("Who is booked, by start date.", first(50), AFTER)
    time_entries: Connection[TimeEntry] = told(
        "Hours worked, by work date.",
        FROM_DAY,
        TO_DAY,
        argument("status", list[TimeStatus] | None, "Only entries with one of these statuses."),
        first(50),
        AFTER,
    )
    expenses: Connection[Expense] = told("Expenses, by date.", first(50), AFTER)
    invoices: Connection[InvoiceRef] = told("Invoices, by date of issue.", first(20), AFTER)
    revenue: list[RevenuePeriodRef] | None = told(
        "Planned, billed and recognized revenue by accounting period, oldest first.",
        argument("from", Period | None, "First period, included."),
        argument("to", Period | None, "Last period, included."),
        argument("currency", Currency | None, "The currency to tell it in."),
    )


@entity
class Task(Entity):
    """A part of a project's work."""

    name: str = told("Name of the task.")
    contract_line: ContractLineRef | None = told("The contract line that pays for it.")
    planned_hours: Decimal | None = told("Hours planned.")
    remaining_hours: Decimal | None = told("Hours still to do.")
    billable: bool | None = told("Whether its hours are charged to the customer.")
    start_date: Date | None = told("Planned first day.")
    end_date: Date | None = told("Planned last day.")


@entity
class Milestone(Entity):
    """A point in a project that is reached, accepted, and often billed."""

    name: str = told("Name of the milestone.")
    due_date: Date | None = told("When it is planned to be reached.")
    status: MilestoneStatus | None = told("How it stands.")
    amount: Money | None = told("What is billed for it.")
    completed_at: DateTime | None = told("When it was reported as reached.")
    approved_at: DateTime | None = told("When it was accepted.")
    invoice: InvoiceRef | None = told("The invoice that bills it.")


@entity
class Assignment(Entity):
    """A booking of a person, or of a role still without one, on a project."""

    project: Project | None = told("The project.")
    resource: ResourceRef | None = told("The person; null while only a role is booked.")
    role: str | None = told("The role to fill.")
    start_date: Date | None = told("First day.")
    end_date: Date | None = told("Last day.")
    planned_hours: Decimal | None = told("Hours planned over the whole time.")
    allocation: Decimal | None = told("Share of the person's capacity, from 0 to 1 and above.")
    booking: BookingType | None = told("How firm the booking is.")


@entity
class TimeEntry(Entity):
    """Hours that a person worked on one day."""

    resource: ResourceRef | None = told("Who worked.")
    project: Project | None = told("On which project.")
    task: Task | None = told("On which task.")
    work_date: Date | None = told("On which day.")
    hours: Decimal | None = told("How many hours; negative in a reversal.")
    billable: bool | None = told("Whether they are charged to the customer.")
    status: TimeStatus | None = told("How far the entry has come.")
    labor_category: str | None = told("The ERP's labor category of the role on that day; null when it is not mapped.")
    note: str | None = told("What was done.")
    approved_at: DateTime | None = told("When it was approved.")
    posted_period: Period | None = told("The accounting period that the ERP posted it to.")


@entity
class Expense(Entity):
    """Money that a person spent for a project."""

    resource: ResourceRef | None = told("Who spent it.")
    project: Project | None = told("For which project.")
    date: Date | None = told("When.")
    category: str | None = told("On what.")
    amount: Money | None = told("How much.")
    billable: bool | None = told("Whether it is charged to the customer.")
    status: TimeStatus | None = told("How far the expense has come.")

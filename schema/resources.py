"""People who can be staffed."""

from __future__ import annotations

from schema.declare import AFTER, FROM_DAY, TO_DAY, Connection, argument, entity, first, told
from schema.enums import EmploymentStatus, ResourceKind
from schema.nodes import Entity, Money
from schema.refs import AssignmentRef, LegalEntityRef, PracticeRef
from schema.scalars import Date


@entity
class Resource(Entity):
    """A person who can be staffed: an employee, whom the HCM knows, or a subcontractor, whom the ERP knows."""

    kind: ResourceKind = told("Employee or subcontractor.")
    name: str = told("The person's name.")
    email: str | None = told("The person's e-mail address at work.")
    status: EmploymentStatus | None = told("How the employment stands; null for a subcontractor.")
    hire_date: Date | None = told("First day of the employment.")
    end_date: Date | None = told("Last day of the employment; null while none is set.")
    title: str | None = told("The job title.")
    grade: str | None = told("The grade of the job.")
    location: str | None = told("Where the person works.")
    role: str | None = told("The delivery role that the person usually fills.")
    skills: list[str] | None = told("What the person can do.")
    practice: PracticeRef | None = told("The practice that the person belongs to.")
    legal_entity: LegalEntityRef | None = told("The company that employs or pays the person.")
    manager: Resource | None = told("The person's line manager.")
    cost_rate: Money | None = told(
        "What an hour of this person costs the firm. Only finance operations may see it.",
        argument("on", Date | None, "The day for which to tell it; today when left out."),
    )
    assignments: Connection[AssignmentRef] = told(
        "The person's bookings that overlap the days asked for, by start date.", FROM_DAY, TO_DAY, first(50), AFTER
    )

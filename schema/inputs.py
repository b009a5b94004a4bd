"""Filters and orders. A list matches any of its values, several fields must all match, null asks for nothing."""

from __future__ import annotations

import strawberry

from schema.declare import SEARCH_DESCRIPTION, input_type, optional, told
from schema.enums import (
    CommercialModel,
    ContractStatus,
    EmploymentStatus,
    OpportunityStatus,
    ProjectSort,
    ProjectStage,
    ResourceKind,
    SortDirection,
)
from schema.scalars import Date, Decimal


@input_type
class ProjectFilter:
    """Which projects: a list matches any of its values, several fields must all match."""

    stage: list[ProjectStage] | None = optional("In one of these stages.")
    practice: list[strawberry.ID] | None = optional("Delivered by one of these practices or a part of them.")
    legal_entity: list[str] | None = optional("Contracted by one of these companies, by code.")
    customer: list[strawberry.ID] | None = optional("For one of these customers.")
    manager: list[strawberry.ID] | None = optional("Led by one of these people.")
    model: list[CommercialModel] | None = optional("With a contract line of one of these commercial models.")
    starts_before: Date | None = optional("Starting before this day.")
    ends_after: Date | None = optional("Ending after this day, or without an end.")
    search: str | None = optional(SEARCH_DESCRIPTION)


@input_type
class ProjectOrder:
    """How to sort projects; those that are equal are sorted by id."""

    by: ProjectSort = told("What to sort by.")
    direction: SortDirection = optional("In which direction.", SortDirection.ASC)


@input_type
class ResourceFilter:
    """Which people: a list matches any of its values, several fields must all match."""

    kind: ResourceKind | None = optional("Employees only, or subcontractors only.")
    status: list[EmploymentStatus] | None = optional("With one of these employment statuses.")
    role: list[str] | None = optional("Usually filling one of these delivery roles.")
    skill: list[str] | None = optional("With at least one of these skills.")
    practice: list[strawberry.ID] | None = optional("Belonging to one of these practices or a part of them.")
    legal_entity: list[str] | None = optional("Employed or paid by one of these companies, by code.")
    manager: list[strawberry.ID] | None = optional("With one of these line managers.")
    search: str | None = optional(SEARCH_DESCRIPTION)


@input_type
class OpportunityFilter:
    """Which opportunities: a list matches any of its values, several fields must all match."""

    status: list[OpportunityStatus] | None = optional("With one of these statuses.")
    customer: list[strawberry.ID] | None = optional("Of one of these customers.")
    min_probability: Decimal | None = optional("At least this likely, from 0 to 1.")
    closes_before: Date | None = optional("Expected to be decided before this day.")
    search: str | None = optional(SEARCH_DESCRIPTION)


@input_type
class ContractFilter:
    """Which contracts: a list matches any of its values, several fields must all match."""

    status: list[ContractStatus] | None = optional("With one of these statuses.")
    customer: list[strawberry.ID] | None = optional("Of one of these customers.")
    legal_entity: list[str] | None = optional("Signed by one of these companies, by code.")
    model: list[CommercialModel] | None = optional("With a line of one of these commercial models.")
    search: str | None = optional(SEARCH_DESCRIPTION)

"""Names for entity types that other modules of the schema refer to before they are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import strawberry

if TYPE_CHECKING:
    from schema.commercial import ChangeOrder, Contract, ContractLine, Opportunity
    from schema.customers import Customer, LegalEntity, Practice
    from schema.delivery import Assignment, Expense, Milestone, Project, Task, TimeEntry
    from schema.resources import Resource
    from schema.revenue import Invoice, RevenuePeriod

_COMMERCIAL = strawberry.lazy("schema.commercial")
_CUSTOMERS = strawberry.lazy("schema.customers")
_DELIVERY = strawberry.lazy("schema.delivery")
_REVENUE = strawberry.lazy("schema.revenue")

AssignmentRef: TypeAlias = Annotated["Assignment", _DELIVERY]
ChangeOrderRef: TypeAlias = Annotated["ChangeOrder", _COMMERCIAL]
ContractLineRef: TypeAlias = Annotated["ContractLine", _COMMERCIAL]
ContractRef: TypeAlias = Annotated["Contract", _COMMERCIAL]
CustomerRef: TypeAlias = Annotated["Customer", _CUSTOMERS]
ExpenseRef: TypeAlias = Annotated["Expense", _DELIVERY]
InvoiceRef: TypeAlias = Annotated["Invoice", _REVENUE]
LegalEntityRef: TypeAlias = Annotated["LegalEntity", _CUSTOMERS]
MilestoneRef: TypeAlias = Annotated["Milestone", _DELIVERY]
OpportunityRef: TypeAlias = Annotated["Opportunity", _COMMERCIAL]
PracticeRef: TypeAlias = Annotated["Practice", _CUSTOMERS]
ProjectRef: TypeAlias = Annotated["Project", _DELIVERY]
ResourceRef: TypeAlias = Annotated["Resource", strawberry.lazy("schema.resources")]
RevenuePeriodRef: TypeAlias = Annotated["RevenuePeriod", _REVENUE]
TaskRef: TypeAlias = Annotated["Task", _DELIVERY]
TimeEntryRef: TypeAlias = Annotated["TimeEntry", _DELIVERY]

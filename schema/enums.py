"""The graph's enums; their names are the values that records and the directory hold."""

from __future__ import annotations

from enum import Enum
from typing import Any

import strawberry


def _told(name: str, description: str) -> Any:
    return strawberry.enum_value(name, description=description)


@strawberry.enum(description="A sort of system that owns part of the firm's data.")
class Domain(Enum):
    """Domains."""

    CRM = _told("CRM", "Customer relationship management: customers, opportunities, contracts and what was sold.")
    PSA = _told("PSA", "Professional-services automation: delivery of projects, staffing, time and expenses.")
    ERP = _told("ERP", "Enterprise resource planning: legal entities, invoices, receivables, posted revenue.")
    HCM = _told("HCM", "Human capital management: people, skills, cost rates.")
    HUB = _told("HUB", "The hub itself: what it derives and keeps, and reference data that it publishes.")


@strawberry.enum(description="How late a customer pays; the worst open invoice that matters decides.")
class CollectionsIndicator(Enum):
    """Collections indicators."""

    CURRENT = _told("CURRENT", "Nothing is past due.")
    WATCH = _told("WATCH", "At most 30 days past due.")
    OVERDUE = _told("OVERDUE", "31 to 60 days past due.")
    DELINQUENT = _told("DELINQUENT", "More than 60 days past due.")
    DISPUTED = _told("DISPUTED", "The customer disputes an open invoice.")


@strawberry.enum(description="How an opportunity stands.")
class OpportunityStatus(Enum):
    """Opportunity statuses."""

    OPEN = _told("OPEN", "Still being sold.")
    WON = _told("WON", "Sold.")
    LOST = _told("LOST", "Not sold.")


@strawberry.enum(description="How a contract stands.")
class ContractStatus(Enum):
    """Contract statuses."""

    DRAFT = _told("DRAFT", "Being written.")
    EARLY_START = _told("EARLY_START", "Work was authorized before the signature; nothing is billed yet.")
    SIGNED = _told("SIGNED", "Signed; work may be set up.")
    ACTIVE = _told("ACTIVE", "In force, with work under way.")
    COMPLETED = _told("COMPLETED", "Fulfilled.")
    CANCELLED = _told("CANCELLED", "Ended before it was fulfilled, or never came about.")


@strawberry.enum(description="How a contract line is priced, and so how it is billed.")
class CommercialModel(Enum):
    """Commercial models."""

    TIME_AND_MATERIALS = _told("TIME_AND_MATERIALS", "Hours at agreed rates.")
    TM_NOT_TO_EXCEED = _told("TM_NOT_TO_EXCEED", "Hours at agreed rates up to a cap.")
    FIXED_FEE_MILESTONE = _told("FIXED_FEE_MILESTONE", "A fixed price, billed as milestones are approved.")
    FIXED_FEE_PERCENT_COMPLETE = _told("FIXED_FEE_PERCENT_COMPLETE", "A fixed price, earned as the work progresses.")
    MANAGED_RECURRING = _told("MANAGED_RECURRING", "A managed service at a recurring price.")
    RETAINER_SUBSCRIPTION = _told("RETAINER_SUBSCRIPTION", "A recurring price that includes a stock of hours.")


@strawberry.enum(description="How a change order stands.")
class ChangeOrderStatus(Enum):
    """Change order statuses."""

    PROPOSED = _told("PROPOSED", "Waiting for approval; it changes nothing yet.")
    APPROVED = _told("APPROVED", "Agreed: it changes the contract line from its effective date.")
    REJECTED = _told("REJECTED", "Not agreed.")


@strawberry.enum(
    description="The staged life of a project, from planned demand to its closing. The hub keeps it; for a project"
    " that it did not open itself it is derived from what the CRM, PSA and ERP say."
)
class ProjectStage(Enum):
    """Project stages."""

    PLACEHOLDER = _told("PLACEHOLDER", "Planned demand of an opportunity; no system has a project yet.")
    GATE_PENDING = _told("GATE_PENDING", "Sold, and being checked or set up: not all systems have it yet.")
    GATE_FAILED = _told("GATE_FAILED", "A check before set-up failed and must be put right.")
    SHELL = _told("SHELL", "Set up in PSA and ERP, not staffed yet.")
    STAFFED = _told("STAFFED", "Manager named, and the first four weeks booked.")
    IN_DELIVERY = _told("IN_DELIVERY", "Work is under way.")
    ON_HOLD = _told("ON_HOLD", "Halted for a while.")
    DELIVERED = _told("DELIVERED", "All work is done; billing or revenue may still be open.")
    CLOSED = _told("CLOSED", "Done, billed and recognized.")
    CANCELLED = _told("CANCELLED", "Ended before anything was posted.")
    LOST = _told("LOST", "Its opportunity was lost.")


@strawberry.enum(description="How a milestone stands.")
class MilestoneStatus(Enum):
    """Milestone statuses."""

    PLANNED = _told("PLANNED", "Not reached yet.")
    COMPLETED = _told("COMPLETED", "Reported as reached.")
    APPROVED = _told("APPROVED", "Accepted by somebody other than who reported it.")
    BILLED = _told("BILLED", "On an invoice.")


@strawberry.enum(description="How firm a booking is.")
class BookingType(Enum):
    """Booking types."""

    HARD = _told("HARD", "Confirmed.")
    SOFT = _told("SOFT", "Proposed; the person may still be booked elsewhere.")


@strawberry.enum(description="The way of a time entry or an expense from entry to invoice.")
class TimeStatus(Enum):
    """Time statuses."""

    DRAFT = _told("DRAFT", "Entered, not submitted.")
    SUBMITTED = _told("SUBMITTED", "Waiting for approval.")
    APPROVED = _told("APPROVED", "Approved in the PSA.")
    REJECTED = _told("REJECTED", "Sent back.")
    POSTED = _told("POSTED", "Approved, and posted as an actual in the ERP.")
    BILLED = _told("BILLED", "On an invoice.")


@strawberry.enum(description="What sort of person a resource is.")
class ResourceKind(Enum):
    """Resource kinds."""

    EMPLOYEE = _told("EMPLOYEE", "Employed by the firm; the HCM knows the person.")
    SUBCONTRACTOR = _told("SUBCONTRACTOR", "Works for a supplier; the ERP knows the person.")


@strawberry.enum(description="How a person's employment stands.")
class EmploymentStatus(Enum):
    """Employment statuses."""

    ACTIVE = _told("ACTIVE", "Employed and at work.")
    ON_LEAVE = _told("ON_LEAVE", "Employed, away for a longer time.")
    TERMINATED = _told("TERMINATED", "No longer employed.")
    FUTURE_HIRE = _told("FUTURE_HIRE", "Hired, not started yet.")


@strawberry.enum(description="How an invoice stands.")
class InvoiceStatus(Enum):
    """Invoice statuses."""

    DRAFT = _told("DRAFT", "Not posted yet.")
    OPEN = _told("OPEN", "Posted, not fully paid.")
    PAID = _told("PAID", "Fully paid.")
    CREDITED = _told("CREDITED", "Offset by a credit memo.")
    VOID = _told("VOID", "Made void.")


@strawberry.enum(description="How a system of record is doing.")
class SourceStatus(Enum):
    """Source statuses."""

    UP = _told("UP", "It answers.")
    DEGRADED = _told("DEGRADED", "It answers in part, or what the hub has of it is late.")
    DOWN = _told("DOWN", "It does not answer.")


@strawberry.enum(description="Ascending or descending; entities without the value come last in both.")
class SortDirection(Enum):
    """Sort directions."""

    ASC = _told("ASC", "Smallest, earliest or first in the alphabet first.")
    DESC = _told("DESC", "Largest, latest or last in the alphabet first.")


@strawberry.enum(description="What projects may be sorted by.")
class ProjectSort(Enum):
    """Project sorts."""

    NAME = _told("NAME", "Name, upper and lower case alike.")
    CODE = _told("CODE", "Code.")
    START_DATE = _told("START_DATE", "Planned start.")
    END_DATE = _told("END_DATE", "Planned end.")
    CONTRACT_VALUE = _told("CONTRACT_VALUE", "Value of the project's contract: by currency first, then by amount.")


@strawberry.enum(description="What became of a command.")
class CommandStatus(Enum):
    """Command statuses."""

    APPLIED = _told("APPLIED", "The owner has confirmed the change, and the graph shows it.")
    ACCEPTED = _told("ACCEPTED", "On its way: the same key asked again tells how it stands.")
    REJECTED = _told("REJECTED", "Not carried out; the errors say why.")


@strawberry.enum(description="Who can do something about a failure, and whether it is tried again by itself.")
class ExceptionClass(Enum):
    """Exception classes."""

    BUSINESS_RULE = _told("BUSINESS_RULE", "A rule of the firm forbids it: a person decides.")
    DATA_QUALITY = _told("DATA_QUALITY", "Something is missing or does not fit: it is mended where it belongs.")
    AUTHENTICATION = _told("AUTHENTICATION", "A system does not accept the hub's credentials or permissions.")
    PLATFORM_AVAILABILITY = _told("PLATFORM_AVAILABILITY", "A system does not answer, or not in time: try again later.")

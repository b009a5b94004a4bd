"""The tenant's records as the vendor's database would hold them: integer ids, subunits, minutes, aware instants."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any


@dataclass(slots=True, kw_only=True)
class Row:
    """What every record has."""

    id: int
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True, kw_only=True)
class Workspace(Row):
    """A project; `settings` holds only what differs from the account's defaults."""

    title: str
    description: str | None = None
    archived: bool = False
    status_key: int = 100
    start_date: date | None = None
    due_date: date | None = None
    percentage_complete: int = 0
    currency: str = "USD"
    price_in_cents: int | None = None
    creator_id: int | None = None
    primary_maven_id: int | None = None
    primary_workspace_group_id: int | None = None
    workspace_group_ids: tuple[int, ...] = ()
    approver_ids: tuple[int, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class WorkspaceGroup(Row):
    """A group of projects; a customer when `company`."""

    name: str
    company: bool = False
    contact_name: str | None = None
    email: str | None = None
    phone_number: str | None = None
    address: str | None = None
    website: str | None = None
    notes: str | None = None


@dataclass(slots=True, kw_only=True)
class Story(Row):
    """A task, deliverable, issue or milestone; deleted ones stay with `deleted_at`."""

    workspace_id: int
    title: str
    story_type: str = "task"
    description: str | None = None
    priority: str = "normal"
    state: str = "not started"
    start_date: date | None = None
    due_date: date | None = None
    percentage_complete: int = 0
    time_estimate_in_minutes: int | None = None
    budget_estimate_in_cents: int | None = None
    billable: bool = True
    fixed_fee: bool = False
    time_trackable: bool = True
    archived: bool = False
    deleted_at: datetime | None = None
    weight: int | None = None
    parent_id: int | None = None
    position: int = 1
    creator_id: int | None = None


@dataclass(slots=True, kw_only=True)
class StoryStateChange(Row):
    """A story came into a state; `created_at` is when."""

    story_id: int
    state: str
    user_id: int


@dataclass(slots=True, kw_only=True)
class BillingMilestone(Row):
    """An amount to invoice on a date, with the milestone story that it belongs to."""

    workspace_id: int
    title: str
    date_to_invoice: date | None
    amount_in_cents: int
    story_id: int | None = None
    invoice_id: int | None = None


@dataclass(slots=True, kw_only=True)
class Invoice(Row):
    """An invoice as the PSA keeps it: what it covers and what is still open."""

    title: str
    number: int
    invoice_date: date
    due_date: date
    status: str
    currency: str
    balance_in_cents: int
    workspace_ids: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class User(Row):
    """A person who can log in; those of another account are guests in projects."""

    full_name: str
    email_address: str
    headline: str | None
    role_id: int | None
    account_id: int
    disabled: bool = False
    account_permission: str = "collaborator"
    account_membership_id: int | None = None
    manager_id: int | None = None
    city: str | None = None
    country: str | None = None
    classification: str | None = None


@dataclass(slots=True, kw_only=True)
class Role(Row):
    """An account role: the grade or delivery role of people and of unnamed resources."""

    name: str


@dataclass(slots=True, kw_only=True)
class Participation(Row):
    """A person's seat in a project; `role` is maven (provider) or buyer (client)."""

    workspace_id: int
    user_id: int
    role: str = "maven"
    is_team_lead: bool = False
    access_level: str = "edit"
    rate_in_cents: int | None = None
    cost_in_cents: int | None = None
    can_invite: bool = False


@dataclass(slots=True, kw_only=True)
class WorkspaceResource(Row):
    """A named person, or an unnamed role, that a project can book."""

    workspace_id: int
    user_id: int | None
    role_id: int | None
    label: str | None = None


@dataclass(slots=True, kw_only=True)
class WorkspaceAllocation(Row):
    """A booking: total minutes of a resource over a range of days, both ends included."""

    workspace_id: int
    workspace_resource_id: int
    start_date: date
    end_date: date
    minutes: int
    percentage: float
    hard: bool = False
    notes: str | None = None
    creator_id: int | None = None
    updater_id: int | None = None


@dataclass(slots=True, kw_only=True)
class TimeEntry(Row):
    """Minutes of a person on a day."""

    workspace_id: int
    user_id: int
    date_performed: date
    time_in_minutes: int
    story_id: int | None = None
    billable: bool = True
    notes: str | None = None
    rate_in_cents: int | None = None
    cost_rate_in_cents: int | None = None
    role_id: int | None = None
    location: str | None = None
    approved: bool = False
    active_submission_id: int | None = None
    recent_submission_id: int | None = None
    invoice_id: int | None = None


@dataclass(slots=True, kw_only=True)
class Expense(Row):
    """An expense of a person; its approval lies in an expense report submission."""

    workspace_id: int
    user_id: int
    date: date
    category: str
    amount_in_cents: int
    currency: str
    notes: str | None = None
    billable: bool = True
    reimbursable: bool = True
    story_id: int | None = None
    vendor_id: int | None = None
    approved: bool = False
    active_submission_id: int | None = None
    recent_submission_id: int | None = None
    invoice_id: int | None = None


@dataclass(slots=True, kw_only=True)
class Submission(Row):
    """A timesheet or expense report handed in for one project; its items point to it."""

    workspace_id: int
    user_id: int
    status: str
    start_date: date
    end_date: date
    title: str
    item_ids: tuple[int, ...]
    comment: str | None = None
    resolution_description: str | None = None
    resolution_creator_id: int | None = None
    resolved_on: date | None = None


@dataclass(slots=True, kw_only=True)
class CustomFieldSet(Row):
    """A group of custom fields for one type of subject."""

    name: str
    subject_type: str


@dataclass(slots=True, kw_only=True)
class CustomField(Row):
    """A custom field; `value_type` is string, date or single (one choice)."""

    name: str
    value_type: str
    subject_type: str
    custom_field_set_id: int


@dataclass(slots=True, kw_only=True)
class CustomFieldChoice(Row):
    """One choice of a single-choice field."""

    custom_field_id: int
    label: str


@dataclass(slots=True, kw_only=True)
class CustomFieldValue(Row):
    """A subject's value: text, an ISO date, or a list with one choice id."""

    subject_type: str
    subject_id: int
    custom_field_id: int
    value: str | tuple[int, ...]
    setter_id: int | None = None


@dataclass(slots=True, kw_only=True)
class ExternalReference(Row):
    """The id that another system gave to a record; one per service and record."""

    subject_type: str
    subject_id: int
    service_name: str
    service_model: str
    service_model_ref: str
    status: str | None = None
    external_link: str | None = None
    external_message: str | None = None
    external_status: str | None = None
    locked: bool = False


@dataclass(slots=True, kw_only=True)
class Skill(Row):
    """A skill of the account's catalogue."""

    name: str
    max_level: int = 5


@dataclass(slots=True, kw_only=True)
class SkillMembership(Row):
    """A person's level of a skill."""

    skill_id: int
    user_id: int
    level: int


@dataclass(slots=True, kw_only=True)
class SubscribedEvent(Row):
    """Something that happened to a subject; payloads are what the database row held."""

    event_type: str
    subject_type: str
    subject_collection: str
    subject_id: int
    subject_changed_at: datetime
    context_workspace_id: int | None
    user_id: int
    previous_payload: dict[str, Any] | None = None
    current_payload: dict[str, Any] | None = None

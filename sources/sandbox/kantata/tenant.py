"""One account: its tables, the roll-ups over time entries, and writes that leave stamps and events behind."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from sources.sandbox.core import Clock
from sources.sandbox.kantata import rows
from sources.sandbox.kantata.stamps import day, stamp, whole_second
from sources.sandbox.kantata.tables import Table

ACCOUNT_ID = 6210007
# Subcontractors log in with an account of their own and take part in projects as guests.
GUEST_ACCOUNT_ID = 6880042
ADMIN_ID = 13000000
R = TypeVar("R", bound=rows.Row)

# The vendor's event vocabulary, as far as the sandbox has such records: collection → subject of the event.
EVENT_SUBJECTS = {
    "workspaces": "workspace",
    "workspace_groups": "workspace_group",
    "stories": "story",
    "billing_milestones": "billing_milestone",
    "users": "user",
    "roles": "role",
    "participations": "participation",
    "workspace_resources": "workspace_resource",
    "workspace_allocations": "workspace_allocation",
    "time_entries": "time_entry",
    "timesheet_submissions": "timesheet",
    "expenses": "expense",
    "expense_report_submissions": "expense_report",
    "invoices": "invoice",
    "custom_fields": "custom_field",
    "skills": "skill",
    "skill_memberships": "skill_membership",
}


@dataclass(slots=True)
class Totals:
    """What the time entries of one story or workspace add up to."""

    billable_minutes: int = 0
    nonbillable_minutes: int = 0
    used_in_cents: int = 0
    uninvoiced_in_cents: int = 0


class Tenant:
    """The account's data; `version` moves with every write, so that a cached answer knows when it is old."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.workspaces = Table[rows.Workspace]("workspaces", ("archived", "status_key"))
        self.workspace_groups = Table[rows.WorkspaceGroup]("workspace_groups", ("company",))
        self.stories = Table[rows.Story]("stories", ("workspace_id", "story_type", "parent_id"))
        self.story_state_changes = Table[rows.StoryStateChange]("story_state_changes", ("story_id",))
        self.billing_milestones = Table[rows.BillingMilestone](
            "billing_milestones", ("workspace_id", "story_id", "invoice_id")
        )
        self.invoices = Table[rows.Invoice]("invoices")
        self.users = Table[rows.User]("users", ("account_id", "email_address", "role_id"))
        self.roles = Table[rows.Role]("roles")
        self.participations = Table[rows.Participation]("participations", ("workspace_id", "user_id"))
        self.workspace_resources = Table[rows.WorkspaceResource](
            "workspace_resources", ("workspace_id", "user_id", "role_id")
        )
        self.workspace_allocations = Table[rows.WorkspaceAllocation](
            "workspace_allocations", ("workspace_id", "workspace_resource_id")
        )
        self.time_entries = Table[rows.TimeEntry](
            "time_entries", ("workspace_id", "user_id", "story_id", "active_submission_id", "invoice_id")
        )
        self.timesheet_submissions = Table[rows.Submission](
            "timesheet_submissions", ("workspace_id", "user_id", "status")
        )
        self.expenses = Table[rows.Expense]("expenses", ("workspace_id", "user_id", "story_id", "active_submission_id"))
        self.expense_report_submissions = Table[rows.Submission](
            "expense_report_submissions", ("workspace_id", "user_id", "status")
        )
        self.custom_field_sets = Table[rows.CustomFieldSet]("custom_field_sets")
        self.custom_fields = Table[rows.CustomField]("custom_fields", ("subject_type", "custom_field_set_id"))
        self.custom_field_choices = Table[rows.CustomFieldChoice]("custom_field_choices", ("custom_field_id",))
        self.custom_field_values = Table[rows.CustomFieldValue](
            "custom_field_values", ("subject_type", "subject_id", "custom_field_id")
        )
        self.external_references = Table[rows.ExternalReference](
            "external_references", ("subject_type", "subject_id", "service_name", "service_model_ref")
        )
        self.skills = Table[rows.Skill]("skills")
        self.skill_memberships = Table[rows.SkillMembership]("skill_memberships", ("user_id", "skill_id"))
        self.subscribed_events = Table[rows.SubscribedEvent](
            "subscribed_events", ("event_type", "subject_type", "subject_id", "user_id")
        )
        self._tables: tuple[Table[Any], ...] = tuple(v for v in vars(self).values() if isinstance(v, Table))
        self._by_name: dict[str, Table[Any]] = {table.name: table for table in self._tables}
        self._totals: dict[tuple[str, int], Totals] = {}

    @property
    def version(self) -> int:
        """A number that grows with every change anywhere in the account."""
        return sum(table.version for table in self._tables)

    def now(self) -> datetime:
        """The account's clock, in whole seconds."""
        return whole_second(self._clock())

    def table(self, collection: str) -> Table[Any]:
        """The table behind a collection; KeyError where the sandbox has none."""
        return self._by_name[collection]

    def has_table(self, collection: str) -> bool:
        """Whether the sandbox keeps such records at all."""
        return collection in self._by_name

    def insert(self, table: Table[R], row: R) -> R:
        """Take in a new record and announce it."""
        table.add(row)
        self._forget_totals(row)
        self.announce(table.name, "created", row, current=columns(row))
        return row

    def update(self, table: Table[R], row: R, action: str = "updated", **values: Any) -> None:
        """Set columns, move the stamp, announce the change with the row before and after."""
        before = columns(row)
        self._forget_totals(row)
        table.change(row, updated_at=self.now(), **values)
        self._forget_totals(row)
        self.announce(table.name, action, row, previous=before, current=columns(row))

    def touch(self, table: Table[R], row_id: int | None) -> None:
        """Move a parent's stamp because a child changed; such roll-ups are not announced."""
        row = table.get(row_id)
        if row is not None:
            table.change(row, updated_at=self.now())

    def remove(self, table: Table[R], row: R) -> None:
        """Delete for good, with the references and custom values that hung on it; only the feed remembers."""
        before = columns(row)
        self._forget_totals(row)
        subject_type = singular(table.name)
        for reference in self.references_of(subject_type, row.id):
            self.external_references.drop(reference)
        for value in self.values_of(subject_type, row.id):
            self.custom_field_values.drop(value)
        table.drop(row)
        self.announce(table.name, "deleted", row, previous=before)

    def announce(
        self,
        collection: str,
        action: str,
        row: rows.Row,
        *,
        previous: dict[str, Any] | None = None,
        current: dict[str, Any] | None = None,
    ) -> None:
        """Write an event of the feed; collections outside the vendor's vocabulary stay silent."""
        subject = EVENT_SUBJECTS.get(collection)
        if subject is None or (subject, action) in {("timesheet", "deleted"), ("expense_report", "deleted")}:
            return
        now = self.now()
        self.subscribed_events.add(
            rows.SubscribedEvent(
                id=self.subscribed_events.next_id(),
                created_at=now,
                updated_at=now,
                event_type=f"{subject}:{action}",
                subject_type=subject,
                subject_collection=collection,
                subject_id=row.id,
                subject_changed_at=now,
                context_workspace_id=workspace_of(collection, row),
                user_id=ADMIN_ID,
                previous_payload=previous,
                current_payload=current,
            )
        )

    def references_of(self, subject_type: str, subject_id: int) -> list[rows.ExternalReference]:
        """A record's external references in id order."""
        found = self.external_references.rows_where("subject_id", subject_id)
        return [row for row in found if row.subject_type == subject_type]

    def values_of(self, subject_type: str, subject_id: int) -> list[rows.CustomFieldValue]:
        """A record's custom field values in id order."""
        found = self.custom_field_values.rows_where("subject_id", subject_id)
        return [row for row in found if row.subject_type == subject_type]

    def totals(self, column: str, row_id: int) -> Totals:
        """The sums over the time entries of a story (`story_id`) or a workspace (`workspace_id`)."""
        found = self._totals.get((column, row_id))
        if found is None:
            found = Totals()
            for entry_id in self.time_entries.where(column, row_id):
                _add(found, self.time_entries.rows[entry_id])
            self._totals[column, row_id] = found
        return found

    def _forget_totals(self, row: rows.Row) -> None:
        if isinstance(row, rows.TimeEntry):
            self._totals.pop(("workspace_id", row.workspace_id), None)
            if row.story_id is not None:
                self._totals.pop(("story_id", row.story_id), None)


def _add(totals: Totals, entry: rows.TimeEntry) -> None:
    if not entry.billable:
        totals.nonbillable_minutes += entry.time_in_minutes
        return
    amount = (entry.rate_in_cents or 0) * entry.time_in_minutes // 60
    totals.billable_minutes += entry.time_in_minutes
    totals.used_in_cents += amount
    if entry.invoice_id is None:
        totals.uninvoiced_in_cents += amount


def singular(collection: str) -> str:
    """The name of one record of a collection: the root key of writes and the subject type of references."""
    if collection.endswith("ies"):
        return collection[:-3] + "y"
    return collection.removesuffix("s")


def workspace_of(collection: str, row: rows.Row) -> int | None:
    """The project that a record belongs to, itself included; None for records of the account."""
    return row.id if collection == "workspaces" else getattr(row, "workspace_id", None)


def columns(row: rows.Row) -> dict[str, Any]:
    """A row's columns as JSON-ready values: the payload of the feed."""
    return {column.name: _plain(getattr(row, column.name)) for column in dataclasses.fields(row)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return day(value)
    return list(value) if isinstance(value, tuple) else value

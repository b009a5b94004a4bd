"""Time entries and expenses.

Choices where the documentation is silent: `on_my_account=false` lifts that filter (it is true unless
given, which hides the time of guests from other accounts); the person must take part in the project
and must not be disabled; a day holds 24 hours; approved, submitted or invoiced entries can be neither
changed nor deleted; a write moves the story's `updated_at`; bulk creates are all or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from sources.sandbox.kantata import rows
from sources.sandbox.kantata.attributes import Attributes
from sources.sandbox.kantata.errors import invalid
from sources.sandbox.kantata.filters import (
    FROM_ARCHIVED_WORKSPACES,
    any_id,
    by_reference,
    date_range,
    is_true,
    present,
    rows_that,
    stamps,
    yes_no,
)
from sources.sandbox.kantata.identifiers import read_ids
from sources.sandbox.kantata.money import triple
from sources.sandbox.kantata.references import attach, read_reference
from sources.sandbox.kantata.resource import Filter, Resource, Selection, Writes, references, text_id, to_one
from sources.sandbox.kantata.stamps import day, stamp
from sources.sandbox.kantata.team import seat
from sources.sandbox.kantata.tenant import ACCOUNT_ID, ADMIN_ID, Tenant

DAY_MINUTES = 1440
_ENTRY_FIELDS = frozenset(
    """workspace_id date_performed time_in_minutes billable notes rate_in_cents cost_rate_in_cents role_id story_id
    user_id external_reference location""".split()
)
_EXPENSE_UPDATE_FIELDS = frozenset(
    """date category amount_in_cents notes user_id billable story_id reimbursable external_reference""".split()
)


def _render_entry(tenant: Tenant, row: rows.TimeEntry) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "date_performed": day(row.date_performed),
        "time_in_minutes": row.time_in_minutes,
        "billable": row.billable,
        "notes": row.notes,
        "rate_in_cents": row.rate_in_cents,
        "cost_rate_in_cents": row.cost_rate_in_cents,
        **triple(tenant.workspaces.rows[row.workspace_id].currency),
        "approved": row.approved,
        "is_invoiced": row.invoice_id is not None,
        "taxable": False,
        "location": row.location,
        "user_can_edit": _lock(row) is None,
        "workspace_id": str(row.workspace_id),
        "story_id": text_id(row.story_id),
        "user_id": str(row.user_id),
        "active_submission_id": text_id(row.active_submission_id),
        "recent_submission_id": text_id(row.recent_submission_id),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _lock(row: rows.TimeEntry | rows.Expense) -> str | None:
    """Why an item cannot be changed any more; None while it can."""
    if row.invoice_id is not None:
        return "has been invoiced"
    if row.approved:
        return "has been approved"
    return None if row.active_submission_id is None else "has been submitted for approval"


def refuse_locked(row: rows.TimeEntry | rows.Expense) -> None:
    """Raise a 422 when the item is out of its owner's hands."""
    reason = _lock(row)
    if reason is not None:
        name = "Time entry" if isinstance(row, rows.TimeEntry) else "Expense"
        raise invalid([("base", f"{name} {reason}")])


def _place(
    tenant: Tenant, attrs: Attributes, row: rows.TimeEntry | rows.Expense | None
) -> tuple[int | None, int | None, rows.Story | None]:
    """(workspace, user, story) of a write, given or kept; what does not fit together is noted."""
    workspace = attrs.row("workspace_id", tenant.workspaces)
    workspace_id = workspace.id if workspace is not None else (None if row is None else row.workspace_id)
    user = attrs.row("user_id", tenant.users)
    user_id = user.id if user is not None else (ADMIN_ID if row is None else row.user_id)
    story = attrs.row("story_id", tenant.stories)
    if story is None and row is not None and "story_id" not in attrs:
        story = tenant.stories.get(row.story_id)
    if workspace_id is None or attrs.problems:
        return workspace_id, user_id, story
    if tenant.workspaces.rows[workspace_id].archived:
        attrs.refuse("base", "The project is archived")
    if tenant.users.rows[user_id].disabled:
        attrs.refuse("user_id", "User is disabled")
    if user_id != ADMIN_ID and seat(tenant, workspace_id, user_id) is None:
        attrs.refuse("user_id", "User does not participate in this project")
    if story is not None and (story.workspace_id != workspace_id or story.deleted_at is not None):
        attrs.refuse("story_id", "Story does not belong to this project")
    return workspace_id, user_id, story


def _read_entry(tenant: Tenant, attrs: Attributes, row: rows.TimeEntry | None) -> dict[str, Any]:
    workspace_id, user_id, story = _place(tenant, attrs, row)
    if story is not None and not story.time_trackable:
        attrs.refuse("story_id", "Time cannot be tracked on this story")
    role = attrs.row("role_id", tenant.roles)
    values: dict[str, Any] = {
        "date_performed": attrs.day("date_performed"),
        "time_in_minutes": attrs.integer("time_in_minutes", low=1, high=DAY_MINUTES),
        "billable": attrs.flag("billable"),
        "notes": attrs.text("notes"),
        "rate_in_cents": attrs.integer("rate_in_cents", low=0),
        "cost_rate_in_cents": attrs.integer("cost_rate_in_cents", low=0),
        "location": attrs.text("location", longest=255),
        "role_id": None if role is None else role.id,
    }
    given = {name: value for name, value in values.items() if name in attrs}
    for name in ("date_performed", "time_in_minutes", "workspace_id", "user_id", "billable"):
        if name in attrs:
            attrs.require(name)
    if row is None or attrs.values.keys() & {"workspace_id", "user_id", "story_id"}:
        given |= {"workspace_id": workspace_id, "user_id": user_id, "story_id": None if story is None else story.id}
    _check_day(tenant, attrs, given, row)
    return given


def _check_day(tenant: Tenant, attrs: Attributes, given: dict[str, Any], row: rows.TimeEntry | None) -> None:
    """A person's day has 24 hours, the other items of the same request included."""
    user_id = given.get("user_id", None if row is None else row.user_id)
    performed = given.get("date_performed", None if row is None else row.date_performed)
    minutes = given.get("time_in_minutes", None if row is None else row.time_in_minutes)
    if user_id is None or performed is None or minutes is None:
        return
    logged = sum(
        entry.time_in_minutes
        for entry_id in tenant.time_entries.where("user_id", user_id)
        if (entry := tenant.time_entries.rows[entry_id]).date_performed == performed and entry is not row
    )
    logged += sum(_minutes_of(earlier, user_id, performed) for earlier in attrs.earlier)
    if logged + minutes > DAY_MINUTES:
        attrs.refuse("time_in_minutes", "Time in minutes exceeds 24 hours for this day")


def _minutes_of(attrs: Attributes, user_id: int, performed: date) -> int:
    same_user = str(attrs.values.get("user_id", ADMIN_ID)) == str(user_id)
    same_day = attrs.values.get("date_performed") == performed.isoformat()
    minutes = str(attrs.values.get("time_in_minutes"))
    return int(minutes) if same_user and same_day and minutes.isdecimal() else 0


def _create_entry(tenant: Tenant, attrs: Attributes) -> Callable[[], rows.TimeEntry]:
    attrs.require("workspace_id", "date_performed", "time_in_minutes")
    values = _read_entry(tenant, attrs, None)
    reference = read_reference(attrs)
    attrs.settle()
    story = tenant.stories.get(values["story_id"])
    values.setdefault("billable", True if story is None else story.billable)
    values.setdefault("role_id", tenant.users.rows[values["user_id"]].role_id)

    def deed() -> rows.TimeEntry:
        now, table = tenant.now(), tenant.time_entries
        row = rows.TimeEntry(id=table.next_id(), created_at=now, updated_at=now, **values)
        tenant.insert(table, row)
        tenant.touch(tenant.stories, row.story_id)
        attach(tenant, "time_entry", row.id, reference)
        return row

    return deed


def _update_entry(tenant: Tenant, row: rows.TimeEntry, attrs: Attributes) -> Callable[[], None]:
    if attrs.values.keys() != {"external_reference"}:
        refuse_locked(row)
    values = _read_entry(tenant, attrs, row)
    reference = read_reference(attrs)
    attrs.settle()

    def deed() -> None:
        tenant.touch(tenant.stories, row.story_id)
        tenant.update(tenant.time_entries, row, **values)
        tenant.touch(tenant.stories, row.story_id)
        attach(tenant, "time_entry", row.id, reference)

    return deed


def _delete_entry(tenant: Tenant, row: rows.TimeEntry) -> None:
    refuse_locked(row)
    tenant.remove(tenant.time_entries, row)
    tenant.touch(tenant.stories, row.story_id)


def _my_account(tenant: Tenant, text: str) -> Selection:
    own = tenant.users.where("account_id", ACCOUNT_ID)
    return Selection(drop_test=lambda row: row.user_id not in own) if is_true(text) else Selection()


def _of_timesheets(tenant: Tenant, text: str) -> Selection:
    sheets = (tenant.timesheet_submissions.get(number) for number in read_ids(text))
    return Selection(keep=set().union(*(sheet.item_ids for sheet in sheets if sheet is not None)))


def _of_recent_timesheets(tenant: Tenant, text: str) -> Selection:
    wanted = set(read_ids(text))
    return Selection(keep={row.id for row in tenant.time_entries if row.recent_submission_id in wanted})


def _invoiced(collection: str) -> dict[str, Filter]:
    return {
        "invoiced": present(rows_that(collection, lambda row: row.invoice_id is not None)),
        "uninvoiced": present(rows_that(collection, lambda row: row.invoice_id is None)),
    }


TIME_ENTRIES = Resource(
    collection="time_entries",
    render=_render_entry,
    associations={
        "workspace": to_one("workspace_id", "workspaces"),
        "user": to_one("user_id", "users"),
        "story": to_one("story_id", "stories"),
        "role": to_one("role_id", "roles"),
        "active_submission": to_one("active_submission_id", "timesheet_submissions"),
        "recent_submission": to_one("recent_submission_id", "timesheet_submissions"),
        "invoice": to_one("invoice_id", "invoices"),
        "external_references": references("time_entry"),
    },
    filters={
        **stamps("time_entries"),
        **by_reference("time_entry"),
        **_invoiced("time_entries"),
        "on_my_account": Filter(_my_account, default="true"),
        "from_archived_workspaces": FROM_ARCHIVED_WORKSPACES,
        "date_performed_between": date_range("time_entries", "date_performed"),
        "workspace_id": any_id("time_entries", "workspace_id"),
        "workspace_ids": any_id("time_entries", "workspace_id"),
        "with_user_ids": any_id("time_entries", "user_id"),
        "in_active_submission": yes_no(rows_that("time_entries", lambda row: row.active_submission_id is not None)),
        "with_timesheet_id": Filter(_of_timesheets),
        "with_recent_timesheet_ids": Filter(_of_recent_timesheets),
    },
    orders={"date_performed": "date_performed", "updated_at": "updated_at", "created_at": "created_at"},
    default_order=("date_performed", True),
    writes=Writes(
        create_fields=_ENTRY_FIELDS,
        update_fields=_ENTRY_FIELDS,
        prepare_create=_create_entry,
        prepare_update=_update_entry,
        delete=_delete_entry,
        bulk=100,
    ),
)


def _render_expense(_tenant: Tenant, row: rows.Expense) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "date": day(row.date),
        "category": row.category,
        "notes": row.notes,
        "amount_in_cents": row.amount_in_cents,
        **triple(row.currency),
        "is_billable": row.billable,
        "reimbursable": row.reimbursable,
        "is_invoiced": row.invoice_id is not None,
        "taxable": False,
        "foreign_exchange_amount": {},
        "user_can_edit": _lock(row) is None,
        "workspace_id": str(row.workspace_id),
        "user_id": str(row.user_id),
        "story_id": text_id(row.story_id),
        "vendor_id": text_id(row.vendor_id),
        "receipt_id": None,
        "expense_category_id": None,
        "active_submission_id": text_id(row.active_submission_id),
        "recent_submission_id": text_id(row.recent_submission_id),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _read_expense(tenant: Tenant, attrs: Attributes, row: rows.Expense | None) -> dict[str, Any]:
    workspace_id, user_id, story = _place(tenant, attrs, row)
    values: dict[str, Any] = {
        "date": attrs.day("date"),
        "category": attrs.text("category", longest=255),
        "amount_in_cents": attrs.integer("amount_in_cents"),
        "notes": attrs.text("notes"),
        "billable": attrs.flag("billable"),
        "reimbursable": attrs.flag("reimbursable"),
    }
    given = {name: value for name, value in values.items() if name in attrs}
    for name in ("date", "category", "amount_in_cents", "billable", "reimbursable"):
        if name in attrs:
            attrs.require(name)
    if row is None or attrs.values.keys() & {"user_id", "story_id"}:
        given |= {"workspace_id": workspace_id, "user_id": user_id, "story_id": None if story is None else story.id}
    return given


def _create_expense(tenant: Tenant, attrs: Attributes) -> Callable[[], rows.Expense]:
    attrs.require("workspace_id", "date", "category", "amount_in_cents")
    values = _read_expense(tenant, attrs, None)
    reference = read_reference(attrs)
    attrs.settle()

    def deed() -> rows.Expense:
        now, table = tenant.now(), tenant.expenses
        currency = tenant.workspaces.rows[values["workspace_id"]].currency
        row = rows.Expense(id=table.next_id(), created_at=now, updated_at=now, currency=currency, **values)
        tenant.insert(table, row)
        attach(tenant, "expense", row.id, reference)
        return row

    return deed


def _update_expense(tenant: Tenant, row: rows.Expense, attrs: Attributes) -> Callable[[], None]:
    if attrs.values.keys() != {"external_reference"}:
        refuse_locked(row)
    values = _read_expense(tenant, attrs, row)
    reference = read_reference(attrs)
    attrs.settle()

    def deed() -> None:
        tenant.update(tenant.expenses, row, **values)
        attach(tenant, "expense", row.id, reference)

    return deed


def _delete_expense(tenant: Tenant, row: rows.Expense) -> None:
    refuse_locked(row)
    tenant.remove(tenant.expenses, row)


EXPENSES = Resource(
    collection="expenses",
    render=_render_expense,
    associations={
        "workspace": to_one("workspace_id", "workspaces"),
        "user": to_one("user_id", "users"),
        "story": to_one("story_id", "stories"),
        "active_submission": to_one("active_submission_id", "expense_report_submissions"),
        "recent_submission": to_one("recent_submission_id", "expense_report_submissions"),
        "external_references": references("expense"),
    },
    filters={
        **stamps("expenses"),
        **by_reference("expense"),
        **_invoiced("expenses"),
        "from_archived_workspaces": FROM_ARCHIVED_WORKSPACES,
        "date_between": date_range("expenses", "date"),
        "workspace_id": any_id("expenses", "workspace_id"),
        "workspace_ids": any_id("expenses", "workspace_id"),
        "with_user_ids": any_id("expenses", "user_id"),
    },
    orders={"date": "date", "updated_at": "updated_at", "created_at": "created_at"},
    default_order=("date", True),
    writes=Writes(
        create_fields=_EXPENSE_UPDATE_FIELDS | {"workspace_id"},
        update_fields=_EXPENSE_UPDATE_FIELDS,
        prepare_create=_create_expense,
        prepare_update=_update_expense,
        delete=_delete_expense,
    ),
)

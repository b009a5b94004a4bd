"""Timesheet and expense report submissions, and what decides on them.

Choices where the documentation is silent: only a pending submission can be approved, rejected or
cancelled (422 otherwise); the decision may carry `resolution_description`; approving sets the items'
`approved`, rejecting and cancelling free them, so that a new submission can take them; the token's user
is who decided. A submission holds items of one project and one person.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sources.sandbox.kantata import rows
from sources.sandbox.kantata.attributes import Attributes
from sources.sandbox.kantata.errors import invalid
from sources.sandbox.kantata.filters import any_id, any_word, by_reference, stamps
from sources.sandbox.kantata.money import formatted, triple
from sources.sandbox.kantata.references import attach, read_reference
from sources.sandbox.kantata.resource import Resource, Writes, references, to_many, to_one
from sources.sandbox.kantata.stamps import ACCOUNT_ZONE, day, stamp
from sources.sandbox.kantata.tenant import ADMIN_ID, Tenant, singular

_ITEMS = {"timesheet_submissions": "time_entries", "expense_report_submissions": "expenses"}
_ITEM_ADDED = {"timesheet_submissions": "time_entry_added", "expense_report_submissions": "expense_added"}
DECISIONS = {"approve": "approved", "reject": "rejected", "cancel": "cancelled"}


def _item_amount(item: rows.TimeEntry | rows.Expense) -> int:
    if isinstance(item, rows.Expense):
        return item.amount_in_cents
    return (item.rate_in_cents or 0) * item.time_in_minutes // 60 if item.billable else 0


def _item_day(item: rows.TimeEntry | rows.Expense) -> Any:
    return item.date if isinstance(item, rows.Expense) else item.date_performed


def _renderer(collection: str) -> Callable[[Tenant, Any], dict[str, Any]]:
    def render(tenant: Tenant, row: rows.Submission) -> dict[str, Any]:
        items = (tenant.table(_ITEMS[collection]).get(item_id) for item_id in row.item_ids)
        total = sum(_item_amount(item) for item in items if item is not None)
        currency = tenant.workspaces.rows[row.workspace_id].currency
        pending = row.status == "pending"
        return {
            "id": str(row.id),
            "title": row.title,
            "comment": row.comment,
            "status": row.status,
            "type": "TimesheetSubmission" if collection == "timesheet_submissions" else "ExpenseReportSubmission",
            "start_date": day(row.start_date),
            "end_date": day(row.end_date),
            "line_item_total_in_cents": total,
            "line_item_total_formatted": formatted(total, currency),
            **triple(currency),
            "resolution_description": row.resolution_description,
            "current_resolution_description": row.resolution_description,
            "current_resolution_creator_id": None
            if row.resolution_creator_id is None
            else str(row.resolution_creator_id),
            "current_resolution_created_at_date": day(row.resolved_on),
            "permissions": {"can_approve": pending, "can_reject": pending, "can_cancel": pending},
            "user_id": str(row.user_id),
            "workspace_id": str(row.workspace_id),
            "created_at": stamp(row.created_at),
            "updated_at": stamp(row.updated_at),
        }

    return render


def _check_items(tenant: Tenant, attrs: Attributes, items: list[Any]) -> None:
    workspace = attrs.row("workspace_id", tenant.workspaces)
    user = attrs.row("user_id", tenant.users)
    owners = {item.user_id for item in items}
    if workspace is not None and any(item.workspace_id != workspace.id for item in items):
        attrs.refuse("line_item_ids", "Line items must belong to the project of the submission")
    if len(owners) > 1 or (user is not None and owners - {user.id}):
        attrs.refuse("line_item_ids", "Line items must belong to one user")
    if any(item.active_submission_id is not None for item in items):
        attrs.refuse("line_item_ids", "Line items have already been submitted")
    if any(item.invoice_id is not None for item in items):
        attrs.refuse("line_item_ids", "Line items have been invoiced")
    if workspace is not None and workspace.archived:
        attrs.refuse("base", "The project is archived")


def _creator(collection: str) -> Callable[[Tenant, Attributes], Callable[[], rows.Submission]]:
    def create(tenant: Tenant, attrs: Attributes) -> Callable[[], rows.Submission]:
        attrs.require("workspace_id", "line_item_ids")
        items = attrs.row_list("line_item_ids", tenant.table(_ITEMS[collection]))
        _check_items(tenant, attrs, items)
        values = {"title": attrs.text("title", longest=255) or "", "comment": attrs.text("comment")}
        reference = read_reference(attrs)
        attrs.settle()

        def deed() -> rows.Submission:
            row = _submit(tenant, collection, items, values)
            attach(tenant, singular(collection), row.id, reference)
            return row

        return deed

    return create


def _submit(tenant: Tenant, collection: str, items: list[Any], values: dict[str, Any]) -> rows.Submission:
    now, table = tenant.now(), tenant.table(collection)
    covered = [_item_day(item) for item in items]
    row = rows.Submission(
        id=table.next_id(),
        created_at=now,
        updated_at=now,
        workspace_id=items[0].workspace_id,
        user_id=items[0].user_id,
        status="pending",
        start_date=min(covered),
        end_date=max(covered),
        item_ids=tuple(item.id for item in items),
        **values,
    )
    tenant.insert(table, row)
    for item in items:
        _change_item(tenant, collection, item, active_submission_id=row.id, recent_submission_id=row.id)
        tenant.announce(collection, _ITEM_ADDED[collection], row)
    return row


def _change_item(tenant: Tenant, collection: str, item: Any, **values: Any) -> None:
    tenant.update(tenant.table(_ITEMS[collection]), item, **values)


def decide(tenant: Tenant, collection: str, row: rows.Submission, action: str, attrs: Attributes) -> None:
    """Approve, reject or cancel. Raises a 422 unless the submission is pending."""
    attrs.permit({"resolution_description"})
    description = attrs.text("resolution_description")
    attrs.settle()
    if row.status != "pending":
        raise invalid([("base", f"A submission that is {row.status} cannot be {DECISIONS[action]}")])
    status = DECISIONS[action]
    for item_id in row.item_ids:
        item = tenant.table(_ITEMS[collection]).get(item_id)
        if item is not None:
            kept = row.id if status == "approved" else None
            _change_item(tenant, collection, item, approved=status == "approved", active_submission_id=kept)
    tenant.update(
        tenant.table(collection),
        row,
        status=status,
        resolution_description=description,
        resolution_creator_id=ADMIN_ID,
        resolved_on=tenant.now().astimezone(ACCOUNT_ZONE).date(),
    )


def _submissions(collection: str) -> Resource:
    items = _ITEMS[collection]
    return Resource(
        collection=collection,
        render=_renderer(collection),
        associations={
            "user": to_one("user_id", "users"),
            "workspace": to_one("workspace_id", "workspaces"),
            items: to_many(f"{singular(items)}_ids", items, lambda _t, row: row.item_ids),
            "external_references": references(singular(collection)),
        },
        filters={
            **stamps(collection),
            **by_reference(singular(collection)),
            "status": any_word(collection, "status"),
            "workspace_id": any_id(collection, "workspace_id"),
            "workspace_ids": any_id(collection, "workspace_id"),
            "user_ids": any_id(collection, "user_id"),
        },
        writes=Writes(
            create_fields=frozenset(
                {"title", "comment", "workspace_id", "user_id", "line_item_ids", "external_reference"}
            ),
            prepare_create=_creator(collection),
        ),
    )


TIMESHEET_SUBMISSIONS = _submissions("timesheet_submissions")
EXPENSE_REPORT_SUBMISSIONS = _submissions("expense_report_submissions")

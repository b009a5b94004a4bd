"""Billing milestones, and the invoices that bill them or time.

Choices where the documentation is silent: the list of billing milestones filters by `workspace_id(s)`,
`story_ids` and `invoiced`; an invoiced milestone can be neither changed nor deleted (422); a story
carries one billing milestone at most. Invoices are read only: the firm invoices from its ERP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sources.sandbox.kantata import rows
from sources.sandbox.kantata.attributes import Attributes
from sources.sandbox.kantata.errors import invalid
from sources.sandbox.kantata.filters import any_id, by_reference, present, rows_that, stamps
from sources.sandbox.kantata.identifiers import read_ids
from sources.sandbox.kantata.money import triple
from sources.sandbox.kantata.references import attach, read_reference
from sources.sandbox.kantata.resource import (
    Filter,
    Resource,
    Selection,
    Writes,
    nothing,
    references,
    text_id,
    to_many,
    to_one,
)
from sources.sandbox.kantata.stamps import day, stamp
from sources.sandbox.kantata.tenant import ADMIN_ID, Tenant

_UPDATE_FIELDS = frozenset({"title", "date_to_invoice", "amount_in_cents", "external_reference"})


def _render_milestone(tenant: Tenant, row: rows.BillingMilestone) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "title": row.title,
        "date_to_invoice": day(row.date_to_invoice),
        "amount_in_cents": row.amount_in_cents,
        **triple(tenant.workspaces.rows[row.workspace_id].currency),
        "billing_type": "fixed_fee",
        "workspace_id": str(row.workspace_id),
        "story_id": text_id(row.story_id),
        "invoice_id": text_id(row.invoice_id),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _read(attrs: Attributes) -> dict[str, Any]:
    values: dict[str, Any] = {
        "title": attrs.text("title", longest=255),
        "date_to_invoice": attrs.day("date_to_invoice"),
        "amount_in_cents": attrs.integer("amount_in_cents"),
    }
    for name in ("title", "amount_in_cents"):
        if name in attrs:
            attrs.require(name)
    return {name: value for name, value in values.items() if name in attrs}


def _create(tenant: Tenant, attrs: Attributes) -> Callable[[], rows.BillingMilestone]:
    attrs.require("title", "amount_in_cents", "workspace_id")
    values = {"date_to_invoice": None, **_read(attrs)}
    workspace = attrs.row("workspace_id", tenant.workspaces)
    story = attrs.row("story_id", tenant.stories)
    if story is not None and (workspace is None or story.workspace_id != workspace.id):
        attrs.refuse("story_id", "Story must belong to the same project")
    elif story is not None and tenant.billing_milestones.where("story_id", story.id):
        attrs.refuse("story_id", "Story has already been taken")
    if workspace is not None and workspace.archived:
        attrs.refuse("base", "The project is archived")
    reference = read_reference(attrs)
    attrs.settle()

    def deed() -> rows.BillingMilestone:
        now, table = tenant.now(), tenant.billing_milestones
        row = rows.BillingMilestone(
            id=table.next_id(),
            created_at=now,
            updated_at=now,
            workspace_id=0 if workspace is None else workspace.id,
            story_id=None if story is None else story.id,
            **values,
        )
        tenant.insert(table, row)
        attach(tenant, "billing_milestone", row.id, reference)
        return row

    return deed


def _update(tenant: Tenant, row: rows.BillingMilestone, attrs: Attributes) -> Callable[[], None]:
    values = _read(attrs)
    if row.invoice_id is not None and values:
        attrs.refuse("base", "An invoiced billing milestone cannot be changed")
    reference = read_reference(attrs)
    attrs.settle()

    def deed() -> None:
        tenant.update(tenant.billing_milestones, row, **values)
        attach(tenant, "billing_milestone", row.id, reference)

    return deed


def _delete(tenant: Tenant, row: rows.BillingMilestone) -> None:
    if row.invoice_id is not None:
        raise invalid([("base", "An invoiced billing milestone cannot be deleted")])
    tenant.remove(tenant.billing_milestones, row)


BILLING_MILESTONES = Resource(
    collection="billing_milestones",
    render=_render_milestone,
    associations={
        "workspace": to_one("workspace_id", "workspaces"),
        "story": to_one("story_id", "stories"),
        "invoices": to_many(
            "invoice_ids", "invoices", lambda _t, row: [] if row.invoice_id is None else [row.invoice_id]
        ),
        "external_references": references("billing_milestone"),
    },
    filters={
        **stamps("billing_milestones"),
        **by_reference("billing_milestone"),
        "workspace_id": any_id("billing_milestones", "workspace_id"),
        "workspace_ids": any_id("billing_milestones", "workspace_id"),
        "story_ids": any_id("billing_milestones", "story_id"),
        "invoiced": present(rows_that("billing_milestones", lambda row: row.invoice_id is not None)),
        "uninvoiced": present(rows_that("billing_milestones", lambda row: row.invoice_id is None)),
    },
    orders={"updated_at": "updated_at", "created_at": "created_at", "date_to_invoice": "date_to_invoice"},
    writes=Writes(
        create_fields=_UPDATE_FIELDS | {"workspace_id", "story_id"},
        update_fields=_UPDATE_FIELDS,
        prepare_create=_create,
        prepare_update=_update,
        delete=_delete,
    ),
)


def _render_invoice(_tenant: Tenant, row: rows.Invoice) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "title": row.title,
        "user_invoice_number": row.number,
        "user_invoice_title": None,
        "status": row.status,
        "draft": False,
        "message": None,
        "invoice_date": day(row.invoice_date),
        "due_date": day(row.due_date),
        "payment_schedule": (row.due_date - row.invoice_date).days,
        "balance_in_cents": row.balance_in_cents,
        **triple(row.currency),
        "tax_rate": None,
        "purchase_order": None,
        "project_code": None,
        "user_id": str(ADMIN_ID),
        "recipient_id": None,
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _of_workspaces(tenant: Tenant, text: str) -> Selection:
    wanted = set(read_ids(text))
    return Selection(keep={row.id for row in tenant.invoices if wanted.intersection(row.workspace_ids)})


INVOICES = Resource(
    collection="invoices",
    render=_render_invoice,
    associations={
        "workspaces": to_many("workspace_ids", "workspaces", lambda _t, row: row.workspace_ids),
        "time_entries": to_many(
            "time_entry_ids", "time_entries", lambda t, row: sorted(t.time_entries.where("invoice_id", row.id))
        ),
        "billing_milestones": to_many(
            "billing_milestone_ids",
            "billing_milestones",
            lambda t, row: sorted(t.billing_milestones.where("invoice_id", row.id)),
        ),
        "expenses": nothing("expense_ids", "expenses"),
    },
    filters={**stamps("invoices"), "workspace_id": Filter(_of_workspaces)},
    orders={"updated_at": "updated_at", "created_at": "created_at", "invoice_date": "invoice_date"},
)

"""Workspaces: the projects, as read and as written.

Choices where the documentation is silent: DELETE is 403 (projects are archived instead); dates are
"" when unset; changing the lead of the team moves `primary_maven_id`; `primary_workspace_group_id`
joins the group as well.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from sources.sandbox.kantata import rows
from sources.sandbox.kantata.attributes import Attributes
from sources.sandbox.kantata.custom_fields import Value, add_value, read_project_values
from sources.sandbox.kantata.errors import bad_request, system
from sources.sandbox.kantata.filters import (
    by_reference,
    hidden_unless,
    is_true,
    rows_that,
    stamps,
    yes_no,
)
from sources.sandbox.kantata.identifiers import read_id, read_ids
from sources.sandbox.kantata.money import formatted, to_subunits, triple
from sources.sandbox.kantata.references import attach, read_reference
from sources.sandbox.kantata.resource import (
    Filter,
    Resource,
    Selection,
    Writes,
    custom_values,
    nothing,
    references,
    text_id,
    to_many,
    to_one,
)
from sources.sandbox.kantata.stamps import day, parse_day, stamp
from sources.sandbox.kantata.tables import sort_key
from sources.sandbox.kantata.tenant import ACCOUNT_ID, ADMIN_ID, Tenant

STATUSES = {
    100: ("Not Started", "grey"),
    200: ("Active", "green"),
    300: ("On Hold", "yellow"),
    400: ("Completed", "blue"),
    500: ("Cancelled", "red"),
}
# Attributes that are kept and shown and that nothing else depends on, with the account's defaults.
_SETTINGS: dict[str, Any] = {
    "budgeted": True,
    "change_orders_enabled": False,
    "consultant_role_name": "Consultants",
    "client_role_name": "Clients",
    "stories_are_fixed_fee_by_default": False,
    "require_expense_approvals": True,
    "require_time_approvals": True,
    "access_level": "invitation",
    "exclude_archived_stories_percent_complete": False,
    "tasks_default_non_billable": False,
    "rate_card_id": None,
    "posts_require_privacy_decision": False,
    "expenses_in_burn_rate": True,
    "external_link": None,
    "target_margin": None,
    "time_trackable": True,
    "require_notes_on_time_entries": False,
    "revenue_recognition_method": None,
    "stage": "project",
}
# Settings that a plain list request leaves out.
_OPTIONAL_SETTINGS = frozenset({"stage", "revenue_recognition_method", "require_notes_on_time_entries"})
_FIELDS = frozenset(
    """title description currency price start_date due_date status_key external_reference workspace_group_ids
    primary_workspace_group_id approver_ids""".split()
) | frozenset(_SETTINGS)
_UPDATE_FIELDS = _FIELDS | {"archived"}
_CREATE_FIELDS = _FIELDS | {"creator_role", "custom_fields", "primary_maven_id"}


def _render(tenant: Tenant, row: rows.Workspace) -> dict[str, Any]:
    totals = tenant.totals("workspace_id", row.id)
    price, used = row.price_in_cents, totals.used_in_cents
    message, color = STATUSES[row.status_key]
    settings = {name: value for name, value in {**_SETTINGS, **row.settings}.items() if name not in _OPTIONAL_SETTINGS}
    return {
        "id": str(row.id),
        "title": row.title,
        "account_id": ACCOUNT_ID,
        "archived": row.archived,
        "description": row.description,
        "start_date": day(row.start_date) or "",
        "due_date": day(row.due_date) or "",
        "effective_due_date": day(row.due_date) or "",
        "status": {"color": color, "key": row.status_key, "message": message},
        "percentage_complete": row.percentage_complete,
        **settings,
        **triple(row.currency),
        "default_rate": "0.00",
        "price": "TBD" if price is None else formatted(price, row.currency),
        "price_in_cents": price,
        "budget_used": formatted(used, row.currency),
        "budget_used_in_cents": used,
        "budget_remaining": None if price is None else formatted(price - used, row.currency),
        "percent_of_budget_used": 0 if not price else 100 * used // price,
        "over_budget": price is not None and used > price,
        "total_expenses_in_cents": sum(
            expense.amount_in_cents
            for expense in tenant.expenses.rows_where("workspace_id", row.id)
            if expense.currency == row.currency
        ),
        "can_create_line_items": True,
        "can_invite": True,
        "has_budget_access": True,
        "permissions": {"can_upload_files": True, "can_private_message": True, "can_join": False},
        "update_whitelist": sorted(_UPDATE_FIELDS),
        "creator_id": text_id(row.creator_id),
        "primary_maven_id": text_id(row.primary_maven_id),
        "primary_counterpart_id": None,
        "primary_workspace_group_id": text_id(row.primary_workspace_group_id),
        "workspace_invoice_preference_id": None,
        "account_color_id": None,
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _members(tenant: Tenant, row: rows.Workspace) -> list[int]:
    return [seat.user_id for seat in tenant.participations.rows_where("workspace_id", row.id)]


def _own_seat(tenant: Tenant, row: rows.Workspace) -> list[int]:
    return [s.id for s in tenant.participations.rows_where("workspace_id", row.id) if s.user_id == ADMIN_ID]


def _resources(tenant: Tenant, row: rows.Workspace, *, unnamed: bool) -> list[int]:
    found = tenant.workspace_resources.rows_where("workspace_id", row.id)
    return [resource.id for resource in found if unnamed or resource.user_id is not None]


def _next_milestone(tenant: Tenant, row: rows.Workspace) -> list[int]:
    stories = tenant.stories.rows_where("workspace_id", row.id)
    waiting = [s for s in stories if s.story_type == "milestone" and s.state != "completed" and s.deleted_at is None]
    return [min(waiting, key=lambda s: (s.due_date or date.max, s.id)).id] if waiting else []


def _in_groups(tenant: Tenant, text: str) -> Selection:
    wanted = set(read_ids(text))
    return Selection(keep={row.id for row in tenant.workspaces if wanted.intersection(row.workspace_group_ids)})


def _led_by(tenant: Tenant, text: str) -> Selection:
    wanted = set(read_ids(text))
    return Selection(keep={row.id for row in tenant.workspaces if row.primary_maven_id in wanted})


def _staged(tenant: Tenant, text: str) -> Selection:
    return Selection(keep={row.id for row in tenant.workspaces if row.settings.get("stage", "project") == text})


def _starting(*, after: bool) -> Filter:
    def apply(tenant: Tenant, text: str) -> Selection:
        try:
            limit = sort_key(parse_day(text))
        except ValueError as exc:
            raise bad_request(f"{text} is not a date") from exc
        table = tenant.workspaces
        if after:
            return Selection(keep=table.between("start_date", limit, None))
        return Selection(keep=table.between("start_date", 0, limit))

    return Filter(apply)


def _selected_choices(tenant: Tenant, text: str) -> Selection:
    """`field:choice,choice;field:choice`: every field must hold one of its choices."""
    kept: set[int] | None = None
    for part in filter(None, text.split(";")):
        field, _, choices = part.partition(":")
        wanted = set(read_ids(choices))
        held = tenant.custom_field_values.rows_where("custom_field_id", read_id(field))
        found = {v.subject_id for v in held if isinstance(v.value, tuple) and wanted.intersection(v.value)}
        kept = found if kept is None else kept & found
    return Selection(keep=kept)


def _own_account(_tenant: Tenant, text: str) -> Selection:
    # Every project of this tenant belongs to the account.
    return Selection() if is_true(text) else Selection(keep=set())


def _setting(name: str) -> Callable[[Tenant, rows.Workspace], Any]:
    return lambda _, row: {**_SETTINGS, **row.settings}[name]


def _read(tenant: Tenant, attrs: Attributes, row: rows.Workspace | None) -> dict[str, Any]:
    """The columns that a write sets."""
    currency = _currency(attrs, row)
    status = attrs.integer("status_key")
    if status is not None and status not in STATUSES:
        attrs.refuse("status_key", "Status key is not included in the list")
    price = attrs.decimal("price")
    groups = [group.id for group in attrs.row_list("workspace_group_ids", tenant.workspace_groups)]
    primary = attrs.row("primary_workspace_group_id", tenant.workspace_groups)
    values: dict[str, Any] = {
        "title": attrs.text("title", longest=255),
        "description": attrs.text("description"),
        "currency": currency,
        "start_date": attrs.day("start_date"),
        "due_date": attrs.day("due_date"),
        "status_key": status,
        "archived": attrs.flag("archived"),
        "approver_ids": tuple(user.id for user in attrs.row_list("approver_ids", tenant.users)),
        "workspace_group_ids": tuple(groups),
        "primary_workspace_group_id": None if primary is None else primary.id,
    }
    given = {name: value for name, value in values.items() if name in attrs}
    if "price" in attrs:
        given["price_in_cents"] = None if price is None else to_subunits(price, currency)
    if primary is not None:
        joined = given.get("workspace_group_ids", () if row is None else row.workspace_group_ids)
        given["workspace_group_ids"] = tuple(dict.fromkeys((*joined, primary.id)))
    settings = {name: attrs.values[name] for name in _SETTINGS if name in attrs}
    if settings:
        given["settings"] = {**({} if row is None else row.settings), **settings}
    _check(attrs, given, row)
    return given


def _currency(attrs: Attributes, row: rows.Workspace | None) -> str:
    currency = attrs.text("currency") or ("USD" if row is None else row.currency)
    if len(currency) != 3 or not currency.isalpha() or not currency.isupper():
        attrs.refuse("currency", "Currency is not included in the list")
    return currency


def _check(attrs: Attributes, given: dict[str, Any], row: rows.Workspace | None) -> None:
    start = given.get("start_date", None if row is None else row.start_date)
    due = given.get("due_date", None if row is None else row.due_date)
    if start is not None and due is not None and due < start:
        attrs.refuse("due_date", "Due date must be on or after the start date")
    if row is None or "title" in attrs:
        attrs.require("title")
    for name in ("status_key", "archived"):
        if name in attrs:
            attrs.require(name)
    attrs.choice("stage", ("estimate", "project"))


def _create(tenant: Tenant, attrs: Attributes) -> Callable[[], rows.Workspace]:
    values = _read(tenant, attrs, None)
    attrs.choice("creator_role", ("maven", "buyer"))
    lead = attrs.row("primary_maven_id", tenant.users)
    custom = read_project_values(tenant, attrs)
    reference = read_reference(attrs)
    attrs.settle()
    leader = ADMIN_ID if lead is None else lead.id

    def deed() -> rows.Workspace:
        now = tenant.now()
        row = rows.Workspace(
            id=tenant.workspaces.next_id(),
            created_at=now,
            updated_at=now,
            creator_id=ADMIN_ID,
            primary_maven_id=leader,
            **values,
        )
        tenant.insert(tenant.workspaces, row)
        _seat_team(tenant, row, custom)
        attach(tenant, "workspace", row.id, reference)
        return row

    return deed


def _seat_team(tenant: Tenant, row: rows.Workspace, custom: list[tuple[rows.CustomField, Value]]) -> None:
    """The creator takes part in every new project; the lead leads its team."""
    for member in dict.fromkeys((row.primary_maven_id, ADMIN_ID)):
        if member is not None:
            now, leads = tenant.now(), member == row.primary_maven_id
            seat = rows.Participation(
                id=tenant.participations.next_id(),
                created_at=now,
                updated_at=now,
                workspace_id=row.id,
                user_id=member,
                is_team_lead=leads,
                can_invite=leads,
            )
            tenant.insert(tenant.participations, seat)
    for field, value in custom:
        add_value(tenant, field, row.id, value)


def _update(tenant: Tenant, row: rows.Workspace, attrs: Attributes) -> Callable[[], None]:
    values = _read(tenant, attrs, row)
    reference = read_reference(attrs)
    attrs.settle()

    def deed() -> None:
        tenant.update(tenant.workspaces, row, **values)
        attach(tenant, "workspace", row.id, reference)

    return deed


def _delete(_tenant: Tenant, _row: rows.Workspace) -> None:
    raise system(403, "You do not have permission to delete this project; archive it instead")


WORKSPACES = Resource(
    collection="workspaces",
    render=_render,
    associations={
        "creator": to_one("creator_id", "users"),
        "primary_maven": to_one("primary_maven_id", "users"),
        "primary_counterpart": nothing("primary_counterpart_id", "users"),
        "primary_workspace_group": to_one("primary_workspace_group_id", "workspace_groups"),
        "workspace_groups": to_many("workspace_group_ids", "workspace_groups", lambda _t, row: row.workspace_group_ids),
        "approvers": to_many("approver_ids", "users", lambda _t, row: row.approver_ids),
        "participants": to_many("participant_ids", "users", _members),
        "possible_approvers": to_many("possible_approver_ids", "users", _members),
        "financial_viewers": to_many("financial_viewer_ids", "users", lambda _t, row: row.approver_ids),
        "participations": to_many(
            "participation_ids",
            "participations",
            lambda tenant, row: sorted(tenant.participations.where("workspace_id", row.id)),
        ),
        "current_user_participation": to_many("current_user_participation_id", "participations", _own_seat),
        "timesheet_submissions": to_many(
            "timesheet_submission_ids",
            "timesheet_submissions",
            lambda tenant, row: sorted(tenant.timesheet_submissions.where("workspace_id", row.id)),
        ),
        "workspace_resources": to_many(
            "workspace_resource_ids", "workspace_resources", lambda t, row: _resources(t, row, unnamed=False)
        ),
        "workspace_resources_with_unnamed": to_many(
            "workspace_resources_with_unnamed_ids",
            "workspace_resources",
            lambda t, row: _resources(t, row, unnamed=True),
        ),
        "next_uncompleted_milestone": to_many("next_uncompleted_milestone_id", "stories", _next_milestone),
        "status_reports": nothing("status_report_ids", "status_reports"),
        "current_status_report": nothing("current_status_report_id", "status_reports"),
        "external_references": references("workspace"),
        "custom_field_values": custom_values("workspace"),
    },
    filters={
        **stamps("workspaces"),
        **by_reference("workspace"),
        "include_archived": hidden_unless(lambda tenant: tenant.workspaces.where("archived", True)),
        "on_my_account": Filter(_own_account),
        "workspace_groups": Filter(_in_groups),
        "provider_lead": Filter(_led_by),
        "stage": Filter(_staged),
        "start_date_after": _starting(after=True),
        "start_date_before": _starting(after=False),
        "require_time_approvals": yes_no(
            rows_that("workspaces", lambda row: bool(row.settings.get("require_time_approvals", True)))
        ),
        "selected_choices": Filter(_selected_choices),
    },
    orders={
        "updated_at": "updated_at",
        "created_at": "created_at",
        "title": "title",
        "start_date": "start_date",
        "due_date": "due_date",
    },
    optional={name: _setting(name) for name in sorted(_OPTIONAL_SETTINGS)},
    search=lambda row: str(row.title),
    writes=Writes(
        create_fields=_CREATE_FIELDS,
        update_fields=_UPDATE_FIELDS,
        prepare_create=_create,
        prepare_update=_update,
        delete=_delete,
        bulk=100,
    ),
)

"""Who works on a project: participations and workspace resources.

Choices where the documentation is silent: making someone team lead unseats the lead before and moves
the project's `primary_maven_id`; the lead cannot be removed (422); naming a resource gives its person a
participation; a resource with allocations cannot be deleted. Both lists filter by `workspace_id(s)`
and `user_ids`; a write to a participation moves the project's `updated_at`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sources.sandbox.kantata import rows
from sources.sandbox.kantata.attributes import Attributes
from sources.sandbox.kantata.errors import invalid
from sources.sandbox.kantata.filters import any_id, by_reference, stamps
from sources.sandbox.kantata.references import attach, read_reference
from sources.sandbox.kantata.resource import (
    Resource,
    Writes,
    custom_values,
    references,
    text_id,
    to_many,
    to_one,
)
from sources.sandbox.kantata.stamps import day, stamp
from sources.sandbox.kantata.tenant import Tenant

_SEAT_UPDATE_FIELDS = frozenset(
    {"team_lead", "access_level", "can_invite", "rate_in_cents", "cost_in_cents", "external_reference"}
)
_SEAT_CREATE_FIELDS = frozenset({"workspace_id", "user_id", "role", "access_level", "can_invite", "external_reference"})
_LEVELS = ("view", "post", "edit", "admin")


def _render_seat(tenant: Tenant, row: rows.Participation) -> dict[str, Any]:
    named = tenant.workspace_resources.rows_where("workspace_id", row.workspace_id)
    booked = [resource.id for resource in named if resource.user_id == row.user_id]
    allocated = sum(
        allocation.minutes
        for resource in booked
        for allocation in tenant.workspace_allocations.rows_where("workspace_resource_id", resource)
    )
    return {
        "id": str(row.id),
        "role": row.role,
        "is_team_lead": row.is_team_lead,
        "active_role": None,
        "allocated_workspace_minutes": allocated,
        "rate_in_cents": row.rate_in_cents,
        "cost_in_cents": row.cost_in_cents,
        "access_level": row.access_level,
        "can_invite": row.can_invite,
        "can_edit": row.access_level in ("edit", "admin"),
        "can_post": row.access_level != "view",
        "show_as_read_only": row.access_level == "view",
        "user_id": str(row.user_id),
        "workspace_id": str(row.workspace_id),
        "workspace_role_id": None,
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def seat(tenant: Tenant, workspace_id: int, user_id: int) -> rows.Participation | None:
    """A person's participation in a project."""
    found = tenant.participations.where("workspace_id", workspace_id) & tenant.participations.where("user_id", user_id)
    return tenant.participations.rows[min(found)] if found else None


def _take_seat(tenant: Tenant, workspace_id: int, user_id: int, **values: Any) -> rows.Participation:
    now, table = tenant.now(), tenant.participations
    row = rows.Participation(
        id=table.next_id(), created_at=now, updated_at=now, workspace_id=workspace_id, user_id=user_id, **values
    )
    tenant.insert(table, row)
    tenant.touch(tenant.workspaces, workspace_id)
    return row


def _create_seat(tenant: Tenant, attrs: Attributes) -> Callable[[], rows.Participation]:
    attrs.require("workspace_id", "user_id")
    workspace = attrs.row("workspace_id", tenant.workspaces)
    user = attrs.row("user_id", tenant.users)
    values: dict[str, Any] = {
        "role": attrs.choice("role", ("maven", "buyer")) or "maven",
        "access_level": attrs.choice("access_level", _LEVELS) or "edit",
        "can_invite": attrs.flag("can_invite") or False,
    }
    if workspace is not None and user is not None and seat(tenant, workspace.id, user.id) is not None:
        attrs.refuse("user_id", "User is already participating in this project")
    if user is not None and user.disabled:
        attrs.refuse("user_id", "User is disabled")
    reference = read_reference(attrs)
    attrs.settle()
    workspace_id, user_id = (0, 0) if workspace is None or user is None else (workspace.id, user.id)

    def deed() -> rows.Participation:
        row = _take_seat(tenant, workspace_id, user_id, **values)
        attach(tenant, "participation", row.id, reference)
        return row

    return deed


def _update_seat(tenant: Tenant, row: rows.Participation, attrs: Attributes) -> Callable[[], None]:
    values: dict[str, Any] = {
        "access_level": attrs.choice("access_level", _LEVELS),
        "can_invite": attrs.flag("can_invite"),
        "rate_in_cents": attrs.integer("rate_in_cents", low=0),
        "cost_in_cents": attrs.integer("cost_in_cents", low=0),
    }
    given = {name: value for name, value in values.items() if name in attrs}
    lead = attrs.flag("team_lead")
    if lead is False and row.is_team_lead:
        attrs.refuse("team_lead", "A project must have a team lead; make someone else the lead instead")
    user = tenant.users.get(row.user_id)
    if lead and user is not None and user.disabled:
        attrs.refuse("team_lead", "User is disabled")
    reference = read_reference(attrs)
    attrs.settle()

    def deed() -> None:
        if lead and not row.is_team_lead:
            _hand_over_lead(tenant, row)
            given["is_team_lead"] = True
        tenant.update(tenant.participations, row, **given)
        tenant.touch(tenant.workspaces, row.workspace_id)
        attach(tenant, "participation", row.id, reference)

    return deed


def _hand_over_lead(tenant: Tenant, row: rows.Participation) -> None:
    for other in tenant.participations.rows_where("workspace_id", row.workspace_id):
        if other.is_team_lead and other.role == row.role:
            tenant.update(tenant.participations, other, is_team_lead=False)
    if row.role == "maven":
        workspace = tenant.workspaces.rows[row.workspace_id]
        tenant.update(tenant.workspaces, workspace, primary_maven_id=row.user_id)


def _delete_seat(tenant: Tenant, row: rows.Participation) -> None:
    if row.is_team_lead:
        raise invalid([("base", "The team lead cannot be removed from the project")])
    tenant.remove(tenant.participations, row)
    tenant.touch(tenant.workspaces, row.workspace_id)


PARTICIPATIONS = Resource(
    collection="participations",
    render=_render_seat,
    associations={
        "user": to_one("user_id", "users"),
        "workspace": to_one("workspace_id", "workspaces"),
        "workspace_resources": to_many(
            "workspace_resource_ids",
            "workspace_resources",
            lambda t, row: sorted(
                t.workspace_resources.where("workspace_id", row.workspace_id)
                & t.workspace_resources.where("user_id", row.user_id)
            ),
        ),
        "external_references": references("participation"),
    },
    filters={
        **stamps("participations"),
        "workspace_id": any_id("participations", "workspace_id"),
        "workspace_ids": any_id("participations", "workspace_id"),
        "user_ids": any_id("participations", "user_id"),
    },
    default_order=("created_at", False),
    writes=Writes(
        create_fields=_SEAT_CREATE_FIELDS,
        update_fields=_SEAT_UPDATE_FIELDS,
        prepare_create=_create_seat,
        prepare_update=_update_seat,
        delete=_delete_seat,
    ),
)


def _render_resource(tenant: Tenant, row: rows.WorkspaceResource) -> dict[str, Any]:
    user, role = tenant.users.get(row.user_id), tenant.roles.get(row.role_id)
    booked = tenant.workspace_allocations.rows_where("workspace_resource_id", row.id)
    name = None if user is None else user.full_name
    return {
        "id": str(row.id),
        "label": row.label,
        "display_label": row.label or name or (None if role is None else role.name),
        "full_name": name,
        "role_name": None if role is None else role.name,
        "workspace_id": row.workspace_id,
        "workspace_title": tenant.workspaces.rows[row.workspace_id].title,
        "allocations_count": len(booked),
        "total_allocated_minutes": sum(allocation.minutes for allocation in booked),
        "earliest_allocation_date": day(min((a.start_date for a in booked), default=None)),
        "latest_allocation_date": day(max((a.end_date for a in booked), default=None)),
        "assignments_count": 0,
        "deletable": not booked,
        "user_id": text_id(row.user_id),
        "role_id": text_id(row.role_id),
        "participation_id": text_id(_seat_id(tenant, row)),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _seat_id(tenant: Tenant, row: rows.WorkspaceResource) -> int | None:
    found = None if row.user_id is None else seat(tenant, row.workspace_id, row.user_id)
    return None if found is None else found.id


def _read_named(tenant: Tenant, attrs: Attributes, workspace_id: int | None, row_id: int | None) -> rows.User | None:
    user = attrs.row("user_id", tenant.users)
    if user is None:
        return None
    if user.disabled:
        attrs.refuse("user_id", "User is disabled")
    named = tenant.workspace_resources.rows_where("user_id", user.id)
    if any(other.workspace_id == workspace_id and other.id != row_id for other in named):
        attrs.refuse("user_id", "User is already a resource of this project")
    return user


def _create_resource(tenant: Tenant, attrs: Attributes) -> Callable[[], rows.WorkspaceResource]:
    attrs.require("workspace_id")
    workspace = attrs.row("workspace_id", tenant.workspaces)
    user = _read_named(tenant, attrs, None if workspace is None else workspace.id, None)
    role = attrs.row("role_id", tenant.roles)
    if not attrs.problems and user is None and role is None:
        attrs.refuse("base", "A resource needs a user or a role")
    if workspace is not None and workspace.archived:
        attrs.refuse("base", "The project is archived")
    reference = read_reference(attrs)
    attrs.settle()
    workspace_id = 0 if workspace is None else workspace.id

    def deed() -> rows.WorkspaceResource:
        now, table = tenant.now(), tenant.workspace_resources
        row = rows.WorkspaceResource(
            id=table.next_id(),
            created_at=now,
            updated_at=now,
            workspace_id=workspace_id,
            user_id=None if user is None else user.id,
            role_id=(None if user is None else user.role_id) if role is None else role.id,
        )
        tenant.insert(table, row)
        _seat_resource(tenant, row)
        attach(tenant, "workspace_resource", row.id, reference)
        return row

    return deed


def _seat_resource(tenant: Tenant, row: rows.WorkspaceResource) -> None:
    if row.user_id is not None and seat(tenant, row.workspace_id, row.user_id) is None:
        _take_seat(tenant, row.workspace_id, row.user_id)


def _update_resource(tenant: Tenant, row: rows.WorkspaceResource, attrs: Attributes) -> Callable[[], None]:
    values: dict[str, Any] = {}
    if "label" in attrs:
        values["label"] = attrs.text("label", longest=255)
    user = _read_named(tenant, attrs, row.workspace_id, row.id)
    if "user_id" in attrs:
        values["user_id"] = None if user is None else user.id
    role = attrs.row("role_id", tenant.roles)
    if "role_id" in attrs:
        values["role_id"] = None if role is None else role.id
    reference = read_reference(attrs)
    attrs.settle()

    def deed() -> None:
        tenant.update(tenant.workspace_resources, row, **values)
        _seat_resource(tenant, row)
        attach(tenant, "workspace_resource", row.id, reference)

    return deed


def _delete_resource(tenant: Tenant, row: rows.WorkspaceResource) -> None:
    if tenant.workspace_allocations.where("workspace_resource_id", row.id):
        raise invalid([("base", "A resource with allocations cannot be deleted")])
    tenant.remove(tenant.workspace_resources, row)


WORKSPACE_RESOURCES = Resource(
    collection="workspace_resources",
    render=_render_resource,
    associations={
        "workspace": to_one("workspace_id", "workspaces"),
        "user": to_one("user_id", "users"),
        "role": to_one("role_id", "roles"),
        "participation": to_many(
            "participation_id", "participations", lambda t, row: [i for i in (_seat_id(t, row),) if i is not None]
        ),
        "custom_field_values": custom_values("workspace_resource"),
        "external_references": references("workspace_resource"),
    },
    filters={
        **stamps("workspace_resources"),
        **by_reference("workspace_resource"),
        "workspace_id": any_id("workspace_resources", "workspace_id"),
        "workspace_ids": any_id("workspace_resources", "workspace_id"),
        "user_ids": any_id("workspace_resources", "user_id"),
    },
    default_order=("created_at", False),
    writes=Writes(
        create_fields=frozenset({"workspace_id", "user_id", "role_id", "external_reference"}),
        update_fields=frozenset({"label", "user_id", "role_id", "external_reference"}),
        prepare_create=_create_resource,
        prepare_update=_update_resource,
        delete=_delete_resource,
    ),
)

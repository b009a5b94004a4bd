"""Workspace groups: the customers (`company` true) and other groupings of projects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sources.sandbox.kantata import rows
from sources.sandbox.kantata.attributes import Attributes
from sources.sandbox.kantata.filters import by_reference, stamps, yes_no
from sources.sandbox.kantata.references import attach, read_reference
from sources.sandbox.kantata.resource import Resource, Writes, custom_values, references, to_many
from sources.sandbox.kantata.stamps import stamp
from sources.sandbox.kantata.tenant import Tenant

_TEXTS = ("name", "contact_name", "email", "phone_number", "address", "website", "notes")
_FIELDS = frozenset({*_TEXTS, "company", "add_workspace_ids", "external_reference"})


def _render(_tenant: Tenant, row: rows.WorkspaceGroup) -> dict[str, Any]:
    return {
        "id": str(row.id),
        **{name: getattr(row, name) for name in _TEXTS},
        "company": row.company,
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _read(attrs: Attributes) -> dict[str, Any]:
    values: dict[str, Any] = {name: attrs.text(name) for name in _TEXTS if name in attrs}
    if "company" in attrs:
        values["company"] = attrs.flag("company") or False
    return values


def _move(tenant: Tenant, group_id: int, joining: list[rows.Workspace], leaving: list[rows.Workspace]) -> None:
    for workspace in joining:
        joined = tuple(dict.fromkeys((*workspace.workspace_group_ids, group_id)))
        tenant.update(tenant.workspaces, workspace, workspace_group_ids=joined)
    for workspace in leaving:
        left = tuple(other for other in workspace.workspace_group_ids if other != group_id)
        primary = workspace.primary_workspace_group_id
        kept = None if primary == group_id else primary
        tenant.update(tenant.workspaces, workspace, workspace_group_ids=left, primary_workspace_group_id=kept)


def _create(tenant: Tenant, attrs: Attributes) -> Callable[[], rows.WorkspaceGroup]:
    attrs.require("name")
    values = _read(attrs)
    joining = attrs.row_list("add_workspace_ids", tenant.workspaces)
    reference = read_reference(attrs)
    attrs.settle()

    def deed() -> rows.WorkspaceGroup:
        now, table = tenant.now(), tenant.workspace_groups
        row = tenant.insert(table, rows.WorkspaceGroup(id=table.next_id(), created_at=now, updated_at=now, **values))
        _move(tenant, row.id, joining, [])
        attach(tenant, "workspace_group", row.id, reference)
        return row

    return deed


def _update(tenant: Tenant, row: rows.WorkspaceGroup, attrs: Attributes) -> Callable[[], None]:
    values = _read(attrs)
    if "name" in attrs:
        attrs.require("name")
    joining = attrs.row_list("add_workspace_ids", tenant.workspaces)
    leaving = attrs.row_list("remove_workspace_ids", tenant.workspaces)
    reference = read_reference(attrs)
    attrs.settle()

    def deed() -> None:
        tenant.update(tenant.workspace_groups, row, **values)
        _move(tenant, row.id, joining, leaving)
        attach(tenant, "workspace_group", row.id, reference)

    return deed


def _delete(tenant: Tenant, row: rows.WorkspaceGroup) -> None:
    members = [workspace for workspace in tenant.workspaces if row.id in workspace.workspace_group_ids]
    _move(tenant, row.id, [], members)
    tenant.remove(tenant.workspace_groups, row)


WORKSPACE_GROUPS = Resource(
    collection="workspace_groups",
    render=_render,
    associations={
        "workspaces": to_many(
            "workspace_ids",
            "workspaces",
            lambda tenant, row: [w.id for w in tenant.workspaces if row.id in w.workspace_group_ids],
        ),
        "external_references": references("workspace_group"),
        "custom_field_values": custom_values("workspace_group"),
    },
    filters={
        **stamps("workspace_groups"),
        **by_reference("workspace_group"),
        "company": yes_no(lambda tenant: tenant.workspace_groups.where("company", True)),
    },
    orders={"name": "name", "updated_at": "updated_at", "created_at": "created_at"},
    default_order=("name", False),
    search=lambda row: str(row.name),
    writes=Writes(
        create_fields=_FIELDS,
        update_fields=_FIELDS | {"remove_workspace_ids"},
        prepare_create=_create,
        prepare_update=_update,
        delete=_delete,
    ),
)

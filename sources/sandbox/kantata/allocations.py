"""Workspace allocations: the bookings of a project's resources.

Choices where the documentation is silent: `hard` defaults to false; `percentage` is minutes over
eight-hour weekdays; nothing can be booked on an archived project, nor a disabled person; a split gives
each side minutes by its share of the weekdays and answers both.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from sources.sandbox.kantata import rows
from sources.sandbox.kantata.attributes import Attributes
from sources.sandbox.kantata.errors import bad_request, not_found
from sources.sandbox.kantata.filters import any_id, by_reference, days, only_if, stamps
from sources.sandbox.kantata.identifiers import read_id, read_ids
from sources.sandbox.kantata.references import attach, read_reference
from sources.sandbox.kantata.resource import Filter, Resource, Selection, Writes, references, text_id, to_one
from sources.sandbox.kantata.stamps import day, parse_day, stamp
from sources.sandbox.kantata.tables import sort_key
from sources.sandbox.kantata.tenant import ADMIN_ID, Tenant

_UPDATE_FIELDS = frozenset({"start_date", "end_date", "minutes", "hard", "notes", "external_reference"})
_DAY_MINUTES = 480


def _render(_tenant: Tenant, row: rows.WorkspaceAllocation) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "start_date": day(row.start_date),
        "end_date": day(row.end_date),
        "hard": row.hard,
        "minutes": row.minutes,
        "percentage": row.percentage,
        "notes": row.notes,
        "workspace_resource_id": str(row.workspace_resource_id),
        "workspace_id": str(row.workspace_id),
        "creator_id": text_id(row.creator_id),
        "updater_id": text_id(row.updater_id),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def weekdays(first: date, last: date) -> int:
    """How many days from Monday to Friday lie in the range, both ends included."""
    weeks, rest = divmod((last - first).days + 1, 7)
    return weeks * 5 + sum((first + timedelta(days=n)).weekday() < 5 for n in range(rest))


def _percentage(first: date, last: date, minutes: int) -> float:
    # A booking of a weekend alone has no weekday to be measured against; its own days are.
    workdays = weekdays(first, last) or (last - first).days + 1
    return round(100 * minutes / (workdays * _DAY_MINUTES), 2)


def _read(attrs: Attributes, row: rows.WorkspaceAllocation | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        "start_date": attrs.day("start_date"),
        "end_date": attrs.day("end_date"),
        "minutes": attrs.integer("minutes", low=1),
        "hard": attrs.flag("hard") or False,
        "notes": attrs.text("notes"),
    }
    given = {name: value for name, value in values.items() if name in attrs}
    for name in ("start_date", "end_date", "minutes"):
        if name in attrs:
            attrs.require(name)
    first = given.get("start_date") or (None if row is None else row.start_date)
    last = given.get("end_date") or (None if row is None else row.end_date)
    minutes = given.get("minutes") or (None if row is None else row.minutes)
    if first is not None and last is not None:
        if last < first:
            attrs.refuse("end_date", "End date must be on or after the start date")
        elif minutes is not None:
            if minutes > ((last - first).days + 1) * 1440:
                attrs.refuse("minutes", "Minutes exceed 24 hours a day")
            given["percentage"] = _percentage(first, last, minutes)
    return given


def _refuse_archived(tenant: Tenant, attrs: Attributes, workspace_id: int) -> None:
    if tenant.workspaces.rows[workspace_id].archived:
        attrs.refuse("base", "The project is archived")


def _create(tenant: Tenant, attrs: Attributes) -> Callable[[], rows.WorkspaceAllocation]:
    attrs.require("resource_id", "start_date", "end_date", "minutes")
    resource = attrs.row("resource_id", tenant.workspace_resources)
    values = _read(attrs, None)
    if resource is not None:
        _refuse_archived(tenant, attrs, resource.workspace_id)
        user = tenant.users.get(resource.user_id)
        if user is not None and user.disabled:
            attrs.refuse("resource_id", "Resource is disabled")
    reference = read_reference(attrs)
    attrs.settle()
    workspace_id, resource_id = (0, 0) if resource is None else (resource.workspace_id, resource.id)

    def deed() -> rows.WorkspaceAllocation:
        row = _book(tenant, workspace_id=workspace_id, workspace_resource_id=resource_id, **values)
        attach(tenant, "workspace_allocation", row.id, reference)
        return row

    return deed


def _book(tenant: Tenant, **values: Any) -> rows.WorkspaceAllocation:
    now, table = tenant.now(), tenant.workspace_allocations
    row = rows.WorkspaceAllocation(
        id=table.next_id(), created_at=now, updated_at=now, creator_id=ADMIN_ID, updater_id=ADMIN_ID, **values
    )
    return tenant.insert(table, row)


def _update(tenant: Tenant, row: rows.WorkspaceAllocation, attrs: Attributes) -> Callable[[], None]:
    values = _read(attrs, row)
    _refuse_archived(tenant, attrs, row.workspace_id)
    reference = read_reference(attrs)
    attrs.settle()

    def deed() -> None:
        tenant.update(tenant.workspace_allocations, row, updater_id=ADMIN_ID, **values)
        attach(tenant, "workspace_allocation", row.id, reference)

    return deed


def split(tenant: Tenant, allocation_id: str, split_date: str) -> list[int]:
    """Cut an allocation in two, the second part starting on the day; answers both ids."""
    row = tenant.workspace_allocations.get(read_id(allocation_id))
    if row is None:
        raise not_found()
    try:
        cut = parse_day(split_date)
    except ValueError as exc:
        raise bad_request("split_date is not a date") from exc
    if not row.start_date < cut <= row.end_date:
        raise bad_request("split_date must lie within the allocation")
    before, last = cut - timedelta(days=1), row.end_date
    first_days, all_days = weekdays(row.start_date, before), weekdays(row.start_date, last)
    minutes = row.minutes * first_days // all_days if all_days else row.minutes // 2
    rest = row.minutes - minutes
    second = _book(
        tenant,
        workspace_id=row.workspace_id,
        workspace_resource_id=row.workspace_resource_id,
        start_date=cut,
        end_date=last,
        minutes=rest,
        percentage=_percentage(cut, last, rest),
        hard=row.hard,
        notes=row.notes,
    )
    share = _percentage(row.start_date, before, minutes)
    tenant.update(tenant.workspace_allocations, row, end_date=before, minutes=minutes, percentage=share)
    return [row.id, second.id]


def _overlapping(tenant: Tenant, text: str) -> Selection:
    first, last = days(text)
    table = tenant.workspace_allocations
    ending = table.between("end_date", None if first is None else sort_key(first), None)
    return Selection(keep=ending & table.between("start_date", None, None if last is None else sort_key(last)))


def _of_type(tenant: Tenant, text: str) -> Selection:
    if text not in ("hard", "soft"):
        raise bad_request("type must be hard or soft")
    return Selection(keep={row.id for row in tenant.workspace_allocations if row.hard == (text == "hard")})


def _of_resources(tenant: Tenant, wanted: Callable[[rows.WorkspaceResource], bool]) -> set[int]:
    table = tenant.workspace_allocations
    found = (r.id for r in tenant.workspace_resources if wanted(r))
    return set().union(*(table.where("workspace_resource_id", resource) for resource in found))


def _of_users(tenant: Tenant, text: str) -> Selection:
    wanted = set(read_ids(text))
    return Selection(keep=_of_resources(tenant, lambda resource: resource.user_id in wanted))


WORKSPACE_ALLOCATIONS = Resource(
    collection="workspace_allocations",
    render=_render,
    associations={
        "workspace_resource": to_one("workspace_resource_id", "workspace_resources"),
        "workspace": to_one("workspace_id", "workspaces"),
        "creator": to_one("creator_id", "users"),
        "updater": to_one("updater_id", "users"),
        "external_references": references("workspace_allocation"),
    },
    filters={
        **stamps("workspace_allocations"),
        **by_reference("workspace_allocation"),
        "overlaps_with_date_range": Filter(_overlapping),
        "type": Filter(_of_type),
        "named_resources_only": only_if(lambda t: _of_resources(t, lambda resource: resource.user_id is not None)),
        "unnamed_resources_only": only_if(lambda t: _of_resources(t, lambda resource: resource.user_id is None)),
        "user_ids": Filter(_of_users),
        "workspace_ids": any_id("workspace_allocations", "workspace_id"),
        "workspace_resource_ids": any_id("workspace_allocations", "workspace_resource_id"),
    },
    orders={"updated_at": "updated_at"},
    writes=Writes(
        create_fields=_UPDATE_FIELDS | {"resource_id"},
        update_fields=_UPDATE_FIELDS,
        prepare_create=_create,
        prepare_update=_update,
        delete=lambda tenant, row: tenant.remove(tenant.workspace_allocations, row),
        bulk=200,
    ),
)

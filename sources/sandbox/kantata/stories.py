"""Stories: tasks, deliverables, issues and milestones of a workspace.

Choices where the documentation is silent: the list takes one `workspace_id` (a list is 400); DELETE
sets `deleted_at` and takes the sub-stories along; a deleted story cannot be written (404); a story's
`updated_at` moves when time is logged on it or a child changes; completing sets 100 %. As documented,
`story_state_changes`, `replies` and `attachments` are side-loaded only with `only` or for one story.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sources.sandbox.kantata import rows
from sources.sandbox.kantata.attributes import Attributes
from sources.sandbox.kantata.errors import not_found
from sources.sandbox.kantata.filters import (
    FROM_ARCHIVED_WORKSPACES,
    any_id,
    any_word,
    by_reference,
    date_range,
    hidden_unless,
    one_id,
    only_if,
    rows_that,
    stamps,
    yes_no,
)
from sources.sandbox.kantata.money import triple
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
from sources.sandbox.kantata.stamps import day, stamp
from sources.sandbox.kantata.state_changes import note_state
from sources.sandbox.kantata.tenant import ADMIN_ID, Tenant

_OPEN_STATES = ("not started", "started", "needs info", "rejected")
_ISSUE_STATES = ("new", "reopened", "in progress", "blocked", "fixed", "resolved", "can't repro", "duplicate")
STATES = {
    "task": (*_OPEN_STATES, "completed"),
    "deliverable": (*_OPEN_STATES, "completed", "accepted"),
    "milestone": ("not started", "completed"),
    "issue": _ISSUE_STATES,
}
_PRIORITIES = ("low", "normal", "high", "critical")
_DONE = frozenset({"completed", "accepted", "resolved"})
_UPDATE_FIELDS = frozenset(
    """title story_type description parent_id start_date due_date archived budget_estimate_in_cents
    time_estimate_in_minutes billable percentage_complete state fixed_fee weight priority time_trackable
    external_reference""".split()
)
_CREATE_FIELDS = _UPDATE_FIELDS | {"workspace_id"}


def _render(tenant: Tenant, row: rows.Story) -> dict[str, Any]:
    totals = tenant.totals("story_id", row.id)
    children = tenant.stories.where("parent_id", row.id)
    return {
        "id": str(row.id),
        "title": row.title,
        "description": row.description,
        "story_type": row.story_type,
        "state": row.state,
        "priority": row.priority,
        "position": row.position,
        "archived": row.archived,
        "deleted_at": stamp(row.deleted_at),
        "start_date": day(row.start_date),
        "due_date": day(row.due_date),
        "percentage_complete": row.percentage_complete,
        "weight": row.weight,
        "billable": row.billable,
        "fixed_fee": row.fixed_fee,
        "time_trackable": row.time_trackable,
        "sub_story_count": len(children),
        "time_estimate_in_minutes": row.time_estimate_in_minutes,
        "logged_billable_time_in_minutes": totals.billable_minutes,
        "logged_nonbillable_time_in_minutes": totals.nonbillable_minutes,
        "budget_estimate_in_cents": row.budget_estimate_in_cents,
        "budget_used_in_cents": totals.used_in_cents,
        "uninvoiced_balance_in_cents": totals.uninvoiced_in_cents,
        **triple(tenant.workspaces.rows[row.workspace_id].currency),
        "workspace_id": str(row.workspace_id),
        "creator_id": text_id(row.creator_id),
        "parent_id": text_id(row.parent_id),
        "root_id": text_id(_ancestors(tenant, row)[-1] if row.parent_id else None),
        "ancestor_ids": [str(row_id) for row_id in _ancestors(tenant, row)],
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _ancestors(tenant: Tenant, row: rows.Story) -> list[int]:
    """The parents, nearest first."""
    found: list[int] = []
    parent = tenant.stories.get(row.parent_id)
    while parent is not None and parent.id not in found:
        found.append(parent.id)
        parent = tenant.stories.get(parent.parent_id)
    return found


def _descendants(tenant: Tenant, row: rows.Story) -> list[int]:
    found: list[int] = []
    waiting = sorted(tenant.stories.where("parent_id", row.id))
    while waiting:
        child = waiting.pop(0)
        found.append(child)
        waiting += sorted(tenant.stories.where("parent_id", child))
    return found


def _root(tenant: Tenant, row: rows.Story) -> list[int]:
    return _ancestors(tenant, row)[-1:]


def _read(attrs: Attributes, row: rows.Story | None) -> dict[str, Any]:
    """The columns that a write sets."""
    kind = attrs.choice("story_type", STATES) or (None if row is None else row.story_type)
    values: dict[str, Any] = {
        "title": attrs.text("title", longest=200),
        "story_type": kind,
        "description": attrs.text("description"),
        "start_date": attrs.day("start_date"),
        "due_date": attrs.day("due_date"),
        "archived": attrs.flag("archived"),
        "budget_estimate_in_cents": attrs.integer("budget_estimate_in_cents", low=0),
        "time_estimate_in_minutes": attrs.integer("time_estimate_in_minutes", low=0),
        "billable": attrs.flag("billable"),
        "percentage_complete": attrs.integer("percentage_complete", low=0, high=100),
        "state": attrs.choice("state", STATES.get(kind or "task", ())),
        "fixed_fee": attrs.flag("fixed_fee"),
        "weight": attrs.integer("weight", low=0),
        "priority": attrs.choice("priority", _PRIORITIES),
        "time_trackable": attrs.flag("time_trackable"),
    }
    given = {name: value for name, value in values.items() if name in attrs}
    if given.get("state") in _DONE:
        given["percentage_complete"] = 100
    for name in ("title", "story_type", "state", "priority", "archived", "billable", "percentage_complete"):
        if name in attrs:
            attrs.require(name)
    start = given.get("start_date", None if row is None else row.start_date)
    due = given.get("due_date", None if row is None else row.due_date)
    if start is not None and due is not None and due < start:
        attrs.refuse("due_date", "Due date must be on or after the start date")
    return given


def _parent(tenant: Tenant, attrs: Attributes, workspace_id: int | None, row: rows.Story | None) -> int | None:
    parent = attrs.row("parent_id", tenant.stories)
    if parent is None:
        return None
    if parent.workspace_id != workspace_id or parent.deleted_at is not None:
        attrs.refuse("parent_id", "Parent must be a story of the same project")
    if row is not None and row.id in (parent.id, *_ancestors(tenant, parent)):
        attrs.refuse("parent_id", "Parent cannot be the story itself or one below it")
    return parent.id


def _create(tenant: Tenant, attrs: Attributes) -> Callable[[], rows.Story]:
    attrs.require("title", "story_type", "workspace_id")
    workspace = attrs.row("workspace_id", tenant.workspaces)
    if workspace is not None and workspace.archived:
        attrs.refuse("base", "The project is archived")
    values = _read(attrs, None)
    parent_id = _parent(tenant, attrs, None if workspace is None else workspace.id, None)
    reference = read_reference(attrs)
    attrs.settle()
    workspace_id = 0 if workspace is None else workspace.id
    if values["story_type"] == "issue":
        values.setdefault("state", "new")
    if values["story_type"] == "milestone":
        values.setdefault("time_trackable", False)

    def deed() -> rows.Story:
        now, table = tenant.now(), tenant.stories
        row = rows.Story(
            id=table.next_id(),
            created_at=now,
            updated_at=now,
            workspace_id=workspace_id,
            parent_id=parent_id,
            position=len(table.where("workspace_id", workspace_id)) + 1,
            creator_id=ADMIN_ID,
            **values,
        )
        tenant.insert(table, row)
        if "state" in attrs:
            note_state(tenant, row, now)
        tenant.touch(table, parent_id)
        attach(tenant, "story", row.id, reference)
        return row

    return deed


def _update(tenant: Tenant, row: rows.Story, attrs: Attributes) -> Callable[[], None]:
    _refuse_deleted(row)
    values = _read(attrs, row)
    if "parent_id" in attrs:
        values["parent_id"] = _parent(tenant, attrs, row.workspace_id, row)
    if tenant.workspaces.rows[row.workspace_id].archived:
        attrs.refuse("base", "The project is archived")
    reference = read_reference(attrs)
    attrs.settle()
    restated = "state" in values and values["state"] != row.state

    def deed() -> None:
        tenant.update(tenant.stories, row, **values)
        if restated:
            note_state(tenant, row, tenant.now())
            tenant.announce("stories", "status_selected", row)
        tenant.touch(tenant.stories, row.parent_id)
        attach(tenant, "story", row.id, reference)

    return deed


def _delete(tenant: Tenant, row: rows.Story) -> None:
    _refuse_deleted(row)
    for row_id in (row.id, *_descendants(tenant, row)):
        story = tenant.stories.rows[row_id]
        if story.deleted_at is None:
            tenant.update(tenant.stories, story, "deleted", deleted_at=tenant.now())
    tenant.touch(tenant.stories, row.parent_id)


def _refuse_deleted(row: rows.Story) -> None:
    if row.deleted_at is not None:
        raise not_found()


_find_deleted = rows_that("stories", lambda row: row.deleted_at is not None)
# What the vendor side-loads and this tenant has none of.
_EMPTY = {
    name: nothing(f"{one}_ids", collection)
    for name, one, collection in (
        ("assignees", "assignee", "users"),
        ("followers", "follower", "users"),
        ("tags", "tag", "tags"),
        ("story_tasks", "story_task", "story_tasks"),
        ("current_assignments", "current_assignment", "assignments"),
        ("source_dependencies", "source_dependency", "source_dependencies"),
        ("target_dependencies", "target_dependency", "target_dependencies"),
        ("workspace_resources", "workspace_resource", "workspace_resources"),
    )
}

STORIES = Resource(
    collection="stories",
    render=_render,
    associations={
        **_EMPTY,
        "replies": nothing("reply_ids", "posts", by_id_only=True),
        "attachments": nothing("attachment_ids", "attachments", by_id_only=True),
        "workspace": to_one("workspace_id", "workspaces"),
        "creator": to_one("creator_id", "users"),
        "parent": to_one("parent_id", "stories"),
        "root": to_many("root_id", "stories", _root),
        "sub_stories": to_many("sub_story_ids", "stories", lambda t, row: sorted(t.stories.where("parent_id", row.id))),
        "descendants": to_many("descendant_ids", "stories", _descendants),
        "ancestors": to_many("ancestor_ids", "stories", _ancestors),
        "story_state_changes": to_many(
            "story_state_change_ids",
            "story_state_changes",
            lambda t, row: sorted(t.story_state_changes.where("story_id", row.id)),
            by_id_only=True,
        ),
        "custom_field_values": custom_values("story"),
        "external_references": references("story"),
    },
    filters={
        **stamps("stories"),
        **by_reference("story"),
        "show_archived": hidden_unless(rows_that("stories", lambda row: row.archived)),
        "show_deleted": hidden_unless(_find_deleted, yields_to="only_deleted"),
        "show_from_archived_workspaces": FROM_ARCHIVED_WORKSPACES,
        "workspace_id": one_id("stories", "workspace_id"),
        "story_type": any_word("stories", "story_type"),
        "story_types": any_word("stories", "story_type"),
        "parents_only": only_if(lambda tenant: tenant.stories.where("parent_id", None)),
        "with_parent_id": any_id("stories", "parent_id"),
        "due_between": date_range("stories", "due_date"),
        "completed": yes_no(rows_that("stories", lambda row: row.state in _DONE)),
        "only_deleted": only_if(_find_deleted),
        "priority": Filter(lambda tenant, text: Selection(keep={s.id for s in tenant.stories if s.priority == text})),
    },
    orders={
        "updated_at": "updated_at",
        "created_at": "created_at",
        "due_date": "due_date",
        "start_date": "start_date",
        "title": "title",
        "position": "position",
    },
    search=lambda row: str(row.title),
    writes=Writes(
        create_fields=_CREATE_FIELDS,
        update_fields=_UPDATE_FIELDS,
        prepare_create=_create,
        prepare_update=_update,
        delete=_delete,
    ),
)

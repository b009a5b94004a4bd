"""Subscribed events: the pull feed that an administrator's token may read, nine days deep.

Choices where the documentation is silent: subject types are written as in the event types
(`time_entry`); the vendor's "may repeat, may be out of order" is kept to a lag of some seconds between
`subject_changed_at` and `created_at`; asking for both `most_recent` forms is 400.
"""

from __future__ import annotations

from typing import Any

import orjson

from sources.sandbox.kantata import rows
from sources.sandbox.kantata.filters import any_id, any_word, is_true, stamps
from sources.sandbox.kantata.resource import Association, Filter, Ref, Resource, Selection, text_id
from sources.sandbox.kantata.seed_time import RETENTION
from sources.sandbox.kantata.stamps import stamp
from sources.sandbox.kantata.tables import sort_key
from sources.sandbox.kantata.tenant import ACCOUNT_ID, EVENT_SUBJECTS, Tenant

_OWN_ACTIONS = {
    "story": ("status_selected",),
    "timesheet": ("time_entry_added",),
    "expense_report": ("expense_added",),
}
_WITH_CUSTOM_VALUES = ("workspace", "story", "user", "workspace_group", "workspace_resource")


def _render(_tenant: Tenant, row: rows.SubscribedEvent) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "event_type": row.event_type,
        "account_id": ACCOUNT_ID,
        "user_id": row.user_id,
        "subject_type": row.subject_type,
        "subject_id": row.subject_id,
        "context_workspace_id": text_id(row.context_workspace_id),
        "subject_changed_at": stamp(row.subject_changed_at),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _text(payload: dict[str, Any] | None) -> str | None:
    return None if payload is None else orjson.dumps(payload).decode()


def _changes(_tenant: Tenant, row: rows.SubscribedEvent) -> str | None:
    before, after = row.previous_payload, row.current_payload
    if before is None or after is None:
        return None
    return _text({name: [before.get(name), value] for name, value in after.items() if before.get(name) != value})


def _subject(tenant: Tenant, row: rows.SubscribedEvent) -> list[Ref]:
    found = tenant.table(row.subject_collection).get(row.subject_id)
    return [] if found is None else [(row.subject_collection, row.subject_id)]


def _retained(tenant: Tenant, _text: str) -> Selection:
    oldest = sort_key(tenant.now() - RETENTION)
    return Selection(keep=tenant.subscribed_events.between("created_at", oldest, None))


def _latest_per(*columns: str) -> Filter:
    def apply(tenant: Tenant, text: str) -> Selection:
        if not is_true(text):
            return Selection()
        latest: dict[tuple[Any, ...], int] = {}
        for _, event_id in tenant.subscribed_events.ordered("created_at", descending=False):
            event = tenant.subscribed_events.rows[event_id]
            latest[tuple(getattr(event, column) for column in columns)] = event_id
        return Selection(keep=set(latest.values()))

    return Filter(apply)


def event_types() -> dict[str, Any]:
    """The answer of `/subscribed_events/event_types`: the types this tenant can emit, and their fields."""
    types: list[str] = []
    for subject in sorted(EVENT_SUBJECTS.values()):
        actions = ["created", "updated", "deleted", *_OWN_ACTIONS.get(subject, ())]
        if subject in _WITH_CUSTOM_VALUES:
            actions += [f"custom_field_value_{action}" for action in ("created", "updated", "deleted")]
        types += [f"{subject}:{action}" for action in actions]
    return {
        "subscribed_event_types": types,
        "subscribed_event_type_schemas": {name: {"id": "The identifier of the subject"} for name in types},
    }


SUBSCRIBED_EVENTS = Resource(
    collection="subscribed_events",
    render=_render,
    associations={"subject": Association("subject_ref", (), _subject)},
    filters={
        **stamps("subscribed_events"),
        "retention": Filter(_retained, default=""),
        "event_types": any_word("subscribed_events", "event_type"),
        "subject_type": Filter(lambda t, text: Selection(keep=t.subscribed_events.where("subject_type", text))),
        "subject_id": any_id("subscribed_events", "subject_id"),
        "user_ids": any_id("subscribed_events", "user_id"),
        "most_recent": _latest_per("subject_type", "subject_id"),
        "most_recent_by_event_type": _latest_per("subject_type", "subject_id", "event_type"),
    },
    orders={"created_at": "created_at"},
    default_order=("created_at", True),
    optional={
        "previous_payload": lambda _tenant, row: _text(row.previous_payload),
        "current_payload": lambda _tenant, row: _text(row.current_payload),
        "payload_changes": _changes,
    },
)

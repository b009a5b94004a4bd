"""The states that stories went through: what `include=story_state_changes` shows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sources.sandbox.kantata import rows
from sources.sandbox.kantata.resource import Resource, to_one
from sources.sandbox.kantata.stamps import stamp
from sources.sandbox.kantata.tenant import ADMIN_ID, Tenant


def note_state(tenant: Tenant, story: rows.Story, at: datetime, by: int = ADMIN_ID) -> None:
    """Keep that the story came into its present state at that moment, and whose doing it was: a token's user's."""
    table = tenant.story_state_changes
    tenant.insert(
        table,
        rows.StoryStateChange(
            id=table.next_id(), created_at=at, updated_at=at, story_id=story.id, state=story.state, user_id=by
        ),
    )


def _render(_tenant: Tenant, row: rows.StoryStateChange) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "state": row.state,
        "formatted_state": row.state.capitalize(),
        "story_id": str(row.story_id),
        "user_id": str(row.user_id),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


STORY_STATE_CHANGES = Resource(
    collection="story_state_changes",
    render=_render,
    associations={"story": to_one("story_id", "stories"), "user": to_one("user_id", "users")},
)

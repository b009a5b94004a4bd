"""A tiny Kantata account behind httpx.MockTransport: rows by path, envelopes, `only`, `limit`/`offset`, filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx

from sources.kantata import KantataAdapter, classify
from sources.transport import Limits, Transport
from tests.support.versions import VERSIONS

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
Json = dict[str, Any]


class Account:
    """What the account holds: `rows` by collection in the order they are listed, `side` as side-loaded maps."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Json]] = {"custom_fields": definitions()}
        self.side: dict[str, dict[str, Json]] = {}
        self.requests: list[httpx.Request] = []
        self.answer: Callable[[httpx.Request], httpx.Response | None] = lambda _: None

    def add(self, collection: str, *rows: Json) -> None:
        """Add rows to a collection."""
        self.rows.setdefault(collection, []).extend(rows)

    def beside(self, collection: str, *rows: Json) -> None:
        """Add side-loaded rows."""
        self.side.setdefault(collection, {}).update({row["id"]: row for row in rows})

    def adapter(self, mapping: Mapping[str, str] | None = None) -> KantataAdapter:
        """An adapter that talks to this account."""

        def client(**settings: Any) -> httpx.AsyncClient:
            return httpx.AsyncClient(
                base_url=settings["base_url"], headers=settings["headers"], transport=httpx.MockTransport(self._serve)
            )

        transport = Transport(
            "psa-eu",
            "http://kantata.test/api/v1/",
            limits=Limits(attempts=1),
            classify=classify,
            client_factory=client,
        )
        return KantataAdapter("psa-eu", transport, versions=VERSIONS, mapping=mapping, clock=lambda: NOW)

    def queries(self, collection: str) -> list[dict[str, str]]:
        """The parameters of every call to one collection."""
        return [
            {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
            for request in self.requests
            if request.url.path == f"/api/v1/{collection}"
        ]

    def _serve(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        special = self.answer(request)
        if special is not None:
            return special
        collection = request.url.path.removeprefix("/api/v1/")
        query = {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
        found = [row for row in self.rows.get(collection, []) if _matches(row, query)]
        shown = found
        if "only" not in query:
            offset = int(query.get("offset", 0))
            shown = found[offset : offset + int(query.get("limit", 20))]
        body = {
            "count": len(found),
            "results": [{"key": collection, "id": row["id"]} for row in shown],
            "meta": {"count": len(found), "page_count": 1, "page_number": 1, "page_size": 20},
            **self.side,
        }
        body[collection] = {**self.side.get(collection, {}), **{row["id"]: row for row in shown}}
        return httpx.Response(200, json=body)


def _matches(row: Json, query: Mapping[str, str]) -> bool:
    if "only" in query and row["id"] not in query["only"].split(","):
        return False
    if "story_ids" in query and row["story_id"] not in query["story_ids"].split(","):
        return False
    after = query.get("updated_after")
    return after is None or _instant(row["updated_at"]) > _instant(after)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


FIELD_IDS = {"Project code": "1", "Practice": "2", "Contract": "3", "Contract line": "4", "Accepted on": "5"}


def definitions() -> list[Json]:
    """The custom fields of the demo firm's tenant."""
    return [{"id": field_id, "name": name} for name, field_id in FIELD_IDS.items()]


def custom(value_id: str, name: str, value: Any, *, kind: str = "string", shown: str | None = None) -> Json:
    """A custom field value, with the id of its field as a number, as plain columns have it."""
    field_id = int(FIELD_IDS[name])
    return {"id": value_id, "custom_field_id": field_id, "type": kind, "value": value, "display_value": shown or value}


def workspace(row_id: str = "100", **changes: Any) -> Json:
    """A workspace with nothing special about it."""
    return {
        "id": row_id,
        "title": "Migration",
        "archived": False,
        "status": {"color": "green", "key": 200, "message": "Active"},
        "start_date": "2026-01-05",
        "due_date": "",
        "percentage_complete": 40,
        "primary_maven_id": None,
        "primary_workspace_group_id": None,
        "participation_ids": [],
        "custom_field_value_ids": [],
        "external_reference_ids": [],
        "updated_at": "2026-03-01T01:30:00-08:00",
    } | changes


def story(row_id: str = "200", story_type: str = "task", **changes: Any) -> Json:
    """A task, or another story, with nothing special about it."""
    return {
        "id": row_id,
        "story_type": story_type,
        "title": "Build",
        "workspace_id": "100",
        "state": "started",
        "billable": True,
        "start_date": None,
        "due_date": "2026-04-30",
        "deleted_at": None,
        "time_estimate_in_minutes": 600,
        "logged_billable_time_in_minutes": 100,
        "logged_nonbillable_time_in_minutes": 50,
        "custom_field_value_ids": [],
        "external_reference_ids": [],
        "story_state_change_ids": [],
        "updated_at": "2026-03-01T09:30:00Z",
    } | changes


def billing(row_id: str, story_id: str, cents: int, currency: str = "USD", **changes: Any) -> Json:
    """A billing milestone that no invoice has yet."""
    return {
        "id": row_id,
        "story_id": story_id,
        "amount_in_cents": cents,
        "currency": currency,
        "invoice_ids": [],
        "updated_at": "2026-03-01T09:30:00Z",
    } | changes


def allocation(row_id: str = "300", **changes: Any) -> Json:
    """A hard booking of workspace resource 31."""
    return {
        "id": row_id,
        "workspace_id": "100",
        "workspace_resource_id": "31",
        "start_date": "2026-03-02",
        "end_date": "2026-03-13",
        "minutes": 2400,
        "percentage": 50.0,
        "hard": True,
        "external_reference_ids": [],
        "updated_at": "2026-03-01T09:30:00Z",
    } | changes


def time_entry(row_id: str = "400", **changes: Any) -> Json:
    """A time entry that nobody submitted."""
    return {
        "id": row_id,
        "workspace_id": "100",
        "story_id": "200",
        "user_id": "13",
        "role_id": None,
        "date_performed": "2026-03-30",
        "time_in_minutes": 450,
        "billable": True,
        "notes": None,
        "is_invoiced": False,
        "recent_submission_id": None,
        "external_reference_ids": [],
        "updated_at": "2026-03-31T08:15:00Z",
    } | changes

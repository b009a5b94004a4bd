"""The Kantata sandbox's time: entries, bulk, submissions and their decisions, expenses, and the event feed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sources.sandbox.firm.model import Firm, Task
from sources.sandbox.firm.vendor_ids import kantata_id
from tests.contract.sandbox.kantata_tenant import Api, client, ids, only_row, open_project, small_firm, tenant

DAY = "2026-11-21"


@pytest.fixture(scope="module")
def firm() -> Firm:
    """The small firm."""
    return small_firm()


@pytest.fixture
async def api(firm: Firm) -> AsyncIterator[Api]:
    """A client of a tenant of the test's own."""
    async with client(tenant(firm)) as found:
        yield found


@pytest.fixture
def task(firm: Firm) -> Task:
    """A task of a project that can be written."""
    return next(t for t in firm.tasks if t.project == open_project(firm).n)


@pytest.fixture
def entry(firm: Firm, task: Task) -> dict[str, Any]:
    """The attributes of an entry that the manager of the project could have made."""
    return {
        "workspace_id": kantata_id("workspace", task.project),
        "story_id": kantata_id("story", task.n),
        "user_id": kantata_id("user", open_project(firm).manager or 0),
        "date_performed": DAY,
        "time_in_minutes": 60,
        "billable": True,
        "notes": "Review",
    }


async def _submitted(api: Api, entry: dict[str, Any]) -> tuple[str, str]:
    """The ids of a new entry and of its submission."""
    row = only_row(await api.post("time_entries", time_entry=entry))
    body = {"workspace_id": entry["workspace_id"], "user_id": entry["user_id"], "line_item_ids": [row["id"]]}
    sheet = only_row(await api.post("timesheet_submissions", timesheet_submission=body))
    assert sheet["status"] == "pending"
    return row["id"], sheet["id"]


async def test_time_counts_on_its_story_at_once_and_moves_its_stamp(api: Api, entry: dict[str, Any]) -> None:
    """The roll-up goes down again when the entry is deleted, without a tombstone."""
    before = only_row(await api.get(f"stories/{entry['story_id']}"))
    row = only_row(await api.post("time_entries", time_entry=entry))
    after = only_row(await api.get(f"stories/{entry['story_id']}"))
    logged = "logged_billable_time_in_minutes"
    assert after[logged] == before[logged] + 60
    assert after["updated_at"] > before["updated_at"]
    await api.delete(f"time_entries/{row['id']}")
    assert only_row(await api.get(f"stories/{entry['story_id']}"))[logged] == before[logged]
    assert ids(await api.get("time_entries", only=row["id"])) == []
    assert (await api.refusal("DELETE", f"time_entries/{row['id']}"))[0] == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"workspace_id": None}, "workspace_id"),
        ({"date_performed": None}, "date_performed"),
        ({"time_in_minutes": None}, "time_in_minutes"),
        ({"time_in_minutes": 1441}, "time_in_minutes"),
        ({"time_in_minutes": 0}, "time_in_minutes"),
        ({"time_in_minutes": "an hour"}, "time_in_minutes"),
        ({"date_performed": "2026-02-30"}, "date_performed"),
        ({"user_id": "1"}, "user_id"),
        ({"story_id": kantata_id("milestone_story", 1)}, "story_id"),
        ({"approved": True}, "approved"),
    ],
)
async def test_time_that_does_not_fit_is_refused(
    api: Api, entry: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    """Each with the attribute at fault."""
    body = {name: value for name, value in {**entry, **change}.items() if value is not None}
    status, errors = await api.refusal("POST", "time_entries", time_entry=body)
    assert status == 422
    assert field in {e["field"] for e in errors}


async def test_bulk_time_is_all_or_nothing_with_the_index_of_the_fault(api: Api, entry: dict[str, Any]) -> None:
    """A day holds 24 hours over the whole request; a hundred and one entries are too many."""
    count = (await api.get("time_entries"))["count"]
    long = {**entry, "date_performed": "2026-11-22", "time_in_minutes": 800}
    status, errors = await api.refusal("POST", "time_entries", time_entries=[long, long])
    assert (status, [(e["index"], e["field"]) for e in errors]) == (422, [(1, "time_in_minutes")])
    assert (await api.refusal("POST", "time_entries", time_entries=[entry] * 101))[0] == 400
    assert (await api.get("time_entries"))["count"] == count
    made = await api.post("time_entries", time_entries=[entry, {**entry, "notes": "Second"}])
    assert [made["time_entries"][i]["notes"] for i in ids(made)] == ["Review", "Second"]


async def test_someone_outside_the_project_cannot_log_time(api: Api, firm: Firm, entry: dict[str, Any]) -> None:
    """Nor can someone who has left."""
    seats = await api.get("participations", workspace_id=entry["workspace_id"])
    members = {p["user_id"] for p in seats["participations"].values()}
    outsider = next(p for p in firm.people if kantata_id("user", p.n) not in members)
    body = {**entry, "user_id": kantata_id("user", outsider.n)}
    status, errors = await api.refusal("POST", "time_entries", time_entry=body)
    assert (status, errors[0]["field"]) == (422, "user_id")


async def test_approval_follows_the_submission(api: Api, entry: dict[str, Any]) -> None:
    """Approving locks the entries; the sheet tells who decided and when."""
    row, sheet = await _submitted(api, entry)
    pending = only_row(await api.get(f"time_entries/{row}", include="active_submission"))
    assert (pending["approved"], pending["active_submission_id"]) == (False, sheet)
    assert row in ids(await api.get("time_entries", in_active_submission="true", with_timesheet_id=sheet))
    assert (await api.refusal("PUT", f"time_entries/{row}", time_entry={"notes": "x"}))[0] == 422
    decided = only_row(await api.put(f"timesheet_submissions/{sheet}/approve?include=time_entries"))
    assert (decided["status"], decided["time_entry_ids"]) == ("approved", [row])
    assert decided["current_resolution_creator_id"] is not None
    assert only_row(await api.get(f"time_entries/{row}"))["approved"] is True
    assert (await api.refusal("DELETE", f"time_entries/{row}"))[0] == 422
    assert (await api.refusal("PUT", f"timesheet_submissions/{sheet}/reject"))[0] == 422


@pytest.mark.parametrize(("action", "status"), [("reject", "rejected"), ("cancel", "cancelled")])
async def test_rejected_and_cancelled_time_can_be_submitted_again(
    api: Api, entry: dict[str, Any], action: str, status: str
) -> None:
    """The new submission is another record; the old one cannot be approved any more."""
    row, sheet = await _submitted(api, entry)
    body = {"workspace_id": entry["workspace_id"], "line_item_ids": [row]}
    assert (await api.refusal("POST", "timesheet_submissions", timesheet_submission=body))[0] == 422
    reason = {"resolution_description": "wrong task"}
    decided = await api.put(f"timesheet_submissions/{sheet}/{action}", timesheet_submission=reason)
    assert (only_row(decided)["status"], only_row(decided)["resolution_description"]) == (status, "wrong task")
    freed = only_row(await api.get(f"time_entries/{row}"))
    assert (freed["approved"], freed["active_submission_id"], freed["recent_submission_id"]) == (False, None, sheet)
    refused, errors = await api.refusal("PUT", f"timesheet_submissions/{sheet}/approve")
    assert (refused, errors[0]["field"]) == (422, "base")
    again = only_row(await api.post("timesheet_submissions", timesheet_submission=body))
    assert again["id"] != sheet
    assert only_row(await api.get(f"time_entries/{row}"))["recent_submission_id"] == again["id"]


async def test_a_submission_holds_one_project_and_one_person(api: Api, entry: dict[str, Any]) -> None:
    """Foreign entries are refused, and so is an empty sheet."""
    own = only_row(await api.post("time_entries", time_entry=entry))["id"]
    drafts = (await api.get("time_entries", in_active_submission="false", per_page=200))["time_entries"].values()
    foreign = next(e["id"] for e in drafts if e["workspace_id"] != entry["workspace_id"])
    for items in ([], [own, foreign], ["1"]):
        body = {"workspace_id": entry["workspace_id"], "line_item_ids": items}
        status, errors = await api.refusal("POST", "timesheet_submissions", timesheet_submission=body)
        assert (status, errors[0]["field"]) == (422, "line_item_ids")


async def test_seeded_submissions_agree_with_their_entries(api: Api) -> None:
    """Approved sheets hold approved entries of their project and person, and no other."""
    body = await api.get("timesheet_submissions", include="time_entries", per_page=100)
    for sheet in body["timesheet_submissions"].values():
        entries = [body["time_entries"][i] for i in sheet["time_entry_ids"]]
        assert {(e["workspace_id"], e["user_id"]) for e in entries} == {(sheet["workspace_id"], sheet["user_id"])}
        assert {e["recent_submission_id"] for e in entries} == {sheet["id"]}
        if sheet["status"] == "approved":
            assert all(e["approved"] for e in entries)


async def test_an_expense_is_written_as_billable_and_read_as_is_billable(api: Api, entry: dict[str, Any]) -> None:
    """Its report is approved like a timesheet; deletes are hard."""
    body = {
        "workspace_id": entry["workspace_id"],
        "user_id": entry["user_id"],
        "date": DAY,
        "category": "Travel",
        "amount_in_cents": 2500,
        "billable": False,
    }
    status, errors = await api.refusal("POST", "expenses", expense={**body, "is_billable": False})
    assert (status, errors[0]["field"]) == (422, "is_billable")
    row = only_row(await api.post("expenses", expense=body))
    assert (row["is_billable"], row["currency"], row["amount_in_cents"]) == (False, "JPY", 2500)
    report = {"workspace_id": entry["workspace_id"], "line_item_ids": [row["id"]]}
    sent = only_row(await api.post("expense_report_submissions", expense_report_submission=report))
    assert sent["line_item_total_formatted"] == "¥2,500"
    assert (await api.refusal("DELETE", f"expenses/{row['id']}"))[0] == 422
    await api.put(f"expense_report_submissions/{sent['id']}/reject")
    await api.delete(f"expenses/{row['id']}")


async def test_the_feed_tells_what_happened_to_a_record_that_is_gone(api: Api, entry: dict[str, Any]) -> None:
    """Newest first unless asked; payloads are strings, only on request; the subject of a delete is null."""
    row = only_row(await api.post("time_entries", time_entry=entry))
    await api.put(f"time_entries/{row['id']}", time_entry={"notes": "Changed"})
    await api.delete(f"time_entries/{row['id']}")
    filters = {"subject_type": "time_entry", "subject_id": row["id"]}
    body = await api.get("subscribed_events", **filters, include="subject", optional_fields="payload_changes")
    events = [body["subscribed_events"][i] for i in ids(body)]
    assert [e["event_type"] for e in events] == ["time_entry:deleted", "time_entry:updated", "time_entry:created"]
    assert {e["subject_ref"] for e in events} == {None}
    assert (events[0]["subject_id"], events[0]["context_workspace_id"]) == (int(row["id"]), entry["workspace_id"])
    assert json.loads(events[1]["payload_changes"])["notes"] == ["Review", "Changed"]
    plain = await api.get("subscribed_events", **filters, order="created_at:asc", most_recent="true")
    assert only_row(plain)["event_type"] == "time_entry:deleted"
    assert "payload_changes" not in only_row(plain)
    deleted = await api.get("subscribed_events", event_types="time_entry:deleted,story:deleted")
    assert ids(deleted) == [events[0]["id"]]
    both = {"most_recent": "true", "most_recent_by_event_type": "true"}
    assert (await api.http.get("subscribed_events", params=both)).status_code == 400


async def test_the_feed_remembers_nine_days_of_the_past(api: Api) -> None:
    """Events from before the tenant was started come from the firm's own last changes."""
    body = await api.get("subscribed_events", order="created_at:asc", per_page=1)
    assert body["count"] > 0
    assert only_row(body)["created_at"] >= "2026-11-14"
    types = await api.get("subscribed_events/event_types")
    assert "timesheet:time_entry_added" in types["subscribed_event_types"]
    assert set(types["subscribed_event_type_schemas"]) == set(types["subscribed_event_types"])


async def test_users_me_is_the_administrator_of_the_token(api: Api) -> None:
    """The token acts as its user; optional members come on request."""
    me = only_row(await api.get("users/me", optional_fields="city,country"))
    assert me["account_permission"] == "administrator"
    assert "city" in me

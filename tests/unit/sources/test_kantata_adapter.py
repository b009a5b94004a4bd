"""How the Kantata adapter asks: few calls, complete answers, feeds that hide nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from hub.domain.directory import kept_by
from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import attributes_of
from hub.errors import SourceMisconfigured, SourceRejected, SourceShapeBroken, SourceThrottled, SourceUnavailable
from hub.ports import ChangePage, Deletes
from tests.support.kantata_account import Account, allocation, billing, story, time_entry, workspace

START = datetime(2026, 1, 1, tzinfo=UTC)
NAME = frozenset({"name"})


@pytest.fixture
def account() -> Account:
    """An account with one workspace resource."""
    account = Account()
    account.add("roles", {"id": "9", "name": "Developer"})
    account.beside("workspace_resources", {"id": "31", "user_id": "13", "role_id": "9"})
    return account


async def pages(account: Account, kind: Kind, since: datetime | None = None) -> list[ChangePage]:
    """The pages of a feed."""
    return [page async for page in account.adapter().changes(kind, since)]


def stamps(account: Account, kind: str, rows: list[dict[str, Any]]) -> None:
    """Add rows, each a second after the one before."""
    for n, row in enumerate(rows):
        row["updated_at"] = (START + timedelta(seconds=n)).isoformat()
    account.add(kind, *rows)


async def test_answers_in_the_order_asked(account: Account) -> None:
    """One slot per id; what is missing or no number is None."""
    account.add("workspaces", workspace("1"), workspace("2"))
    records = await account.adapter().fetch(Kind.PROJECT, ["2", "7", "x", "", "1", "2", "٣"], NAME)
    assert [record and record.key.external_id for record in records] == ["2", None, None, None, "1", "2", None]
    [query] = account.queries("workspaces")
    assert query == {"include_archived": "true", "only": "2,7,1"}


async def test_no_call_for_ids_that_no_row_can_have(account: Account) -> None:
    """An empty `only` would select everything."""
    assert await account.adapter().fetch(Kind.PROJECT, ["x", ""], NAME) == [None, None]
    assert await account.adapter().fetch(Kind.PROJECT, [], NAME) == []
    assert not account.requests


async def test_only_what_is_asked_for_is_side_loaded(account: Account) -> None:
    """A name needs no association; a manager needs participations."""
    account.add("workspaces", workspace())
    adapter = account.adapter()
    await adapter.fetch(Kind.PROJECT, ["100"], NAME)
    await adapter.fetch(Kind.PROJECT, ["100"], frozenset({"manager"}))
    await adapter.fetch(Kind.PROJECT, ["100"], frozenset({"version"}))
    plain, manager, version = account.queries("workspaces")
    assert "include" not in plain
    assert manager["include"] == "participations"
    assert version["include"] == "custom_field_values,participations,primary_workspace_group"


async def test_version_comes_alone_and_follows_the_values(account: Account) -> None:
    """Only what was asked for is in the record."""
    account.add("workspaces", workspace("1"), workspace("2", title="Other"))
    first, second = await account.adapter().fetch(Kind.PROJECT, ["1", "2"], frozenset({"version"}))
    assert first is not None
    assert second is not None
    assert first.attributes.keys() == {"version"}
    assert first.attributes != second.attributes


async def _portfolio(account: Account, projects: int) -> int:
    """Calls for a page of projects with four milestones and ten bookings each, on a warm process."""
    workspaces = [str(41_000_000 + n) for n in range(projects)]
    stories = [str(860_000_000 + n) for n in range(projects * 4)]
    bookings = [str(7_100_000 + n) for n in range(projects * 10)]
    account.add("workspaces", *(workspace(row_id) for row_id in workspaces))
    account.add("stories", *(story(row_id, "milestone") for row_id in stories))
    account.add("billing_milestones", *(billing(f"5{row_id}", row_id, 100) for row_id in stories))
    account.add("workspace_allocations", *(allocation(row_id) for row_id in bookings))
    adapter = account.adapter()
    for kind, ids in (
        (Kind.PROJECT, workspaces),
        (Kind.MILESTONE, stories),
        (Kind.ASSIGNMENT, bookings),
    ):
        wanted = attributes_of(Domain.PSA, kind)
        records = await adapter.fetch(kind, ids, wanted)
        assert [record and record.key.external_id for record in records] == ids
    assert len(account.queries("custom_fields")) == 1
    assert len(account.queries("roles")) == 1
    assert all(len(request.url.raw_path) < 7000 for request in account.requests)
    return len(account.requests) - 2


async def test_a_portfolio_page_takes_few_calls(account: Account) -> None:
    """50 projects: 4 calls, beside the two small lists that a process reads once an hour."""
    assert await _portfolio(account, 50) == 4


async def test_a_portfolio_of_200_takes_few_calls(account: Account) -> None:
    """200 projects, 800 milestones, 2,000 bookings."""
    assert await _portfolio(account, 200) <= 10


async def test_an_incomplete_answer_is_no_proof_of_absence(account: Account) -> None:
    """`only` is documented to give all rows at once; if it ever does not, nobody may conclude a deletion."""

    def clamp(request: httpx.Request) -> httpx.Response:
        row = workspace("1")
        body = {"count": 2, "results": [{"key": "workspaces", "id": "1"}], "workspaces": {"1": row}}
        return httpx.Response(200, json=body)

    account.answer = clamp
    with pytest.raises(SourceShapeBroken, match="only="):
        await account.adapter().fetch(Kind.PROJECT, ["1", "2"], NAME)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"results": [], "count": "0"},
        {"results": [], "count": True},
        {"results": [{"id": "1"}], "count": 1},
        {"results": ["1"], "count": 1},
        {"results": [{"key": "workspaces", "id": "1"}], "count": 1, "workspaces": {}},
        {"results": [{"key": "workspaces", "id": "1"}], "count": 1, "workspaces": {"1": None}},
        {"results": [{"key": "workspaces", "id": ["1"]}], "count": 1, "workspaces": {"1": {}}},
    ],
)
async def test_an_answer_that_is_no_envelope_is_drift(account: Account, body: Any) -> None:
    """The envelope is pinned like every field."""
    account.answer = lambda _: httpx.Response(200, json=body)
    with pytest.raises(SourceShapeBroken):
        await account.adapter().fetch(Kind.PROJECT, ["1"], NAME)


async def test_a_new_role_is_looked_up_again(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of roles is believed for an hour, a missing one for a minute only."""
    adapter = account.adapter()
    account.add("workspace_allocations", allocation("1"), allocation("2", workspace_resource_id="32"))
    [first] = await adapter.fetch(Kind.ASSIGNMENT, ["1"], frozenset({"role"}))
    assert first is not None
    assert first.attributes == {"role": "Developer"}
    account.beside("workspace_resources", {"id": "32", "user_id": None, "role_id": "10"})
    account.add("roles", {"id": "10", "name": "Data Engineer"})
    [unknown] = await adapter.fetch(Kind.ASSIGNMENT, ["2"], frozenset({"role"}))
    assert unknown is not None
    assert unknown.attributes == {"role": None}
    later = time.monotonic() + 61
    monkeypatch.setattr("sources.kantata.adapter.time.monotonic", lambda: later)
    [known] = await adapter.fetch(Kind.ASSIGNMENT, ["2"], frozenset({"role"}))
    assert known is not None
    assert known.attributes == {"role": "Data Engineer"}
    assert len(account.queries("roles")) == 2


async def test_feed_asks_for_what_defaults_hide(account: Account) -> None:
    """Archived, deleted and old rows are changes too; ascending order; one second early."""
    since = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    await pages(account, Kind.TASK, since)
    await pages(account, Kind.PROJECT, since)
    await pages(account, Kind.TIME_ENTRY)
    [tasks], [projects], [times] = (
        account.queries("stories"),
        account.queries("workspaces"),
        account.queries("time_entries"),
    )
    assert tasks == {
        "all_on_account": "true",
        "show_archived": "true",
        "show_deleted": "true",
        "show_from_archived_workspaces": "true",
        "story_type": "task",
        "include": "custom_field_values,external_references",
        "order": "updated_at:asc",
        "updated_after": "2026-03-01T11:59:59Z",
        "limit": "200",
        "offset": "0",
    }
    assert (projects["include_archived"], projects["updated_after"]) == ("true", "2026-03-01T11:59:59Z")
    assert (times["from_archived_workspaces"], times["on_my_account"]) == ("true", "false")
    assert "updated_after" not in times


async def test_feed_of_many_rows_is_complete_and_ordered(account: Account) -> None:
    """More than a stretch; the watermark is the last stamp read."""
    stamps(account, "time_entries", [time_entry(str(400 + n)) for n in range(2345)])
    got = await pages(account, Kind.TIME_ENTRY)
    ids = [record.key.external_id for page in got for record in page.records]
    assert ids == [str(400 + n) for n in range(2345)]
    assert max(len(page.records) for page in got) <= 1000
    assert [page.watermark for page in got] == [page.records[-1].source_timestamp for page in got]
    wanted = kept_by(Domain.PSA, Kind.TIME_ENTRY)
    assert all(record.attributes.keys() == wanted for record in got[0].records)


async def test_deleted_stories_are_tombstones(account: Account) -> None:
    """The feed names them; archived projects are not deleted."""
    account.add("stories", story("1"), story("2", deleted_at="2026-03-01T09:30:00Z"))
    account.add("workspaces", workspace(archived=True))
    [page] = await pages(account, Kind.TASK)
    assert [(record.key.external_id, record.deleted) for record in page.records] == [("1", False), ("2", True)]
    [page] = await pages(account, Kind.PROJECT)
    assert [record.deleted for record in page.records] == [False]
    kinds = account.adapter().kinds
    assert {kind for kind, spec in kinds.items() if spec.deletes is Deletes.TOMBSTONES} == {Kind.TASK, Kind.MILESTONE}


async def test_an_approval_shows_even_when_it_moves_no_entry(account: Account) -> None:
    """The feed of time also follows the timesheets; that page proves nothing about the order of entries."""
    account.add(
        "timesheet_submissions", {"id": "31", "updated_at": "2026-04-02T09:00:00Z", "time_entry_ids": ["400", "402"]}
    )
    account.beside("timesheet_submissions", {"id": "31", "status": "approved", "updated_at": "2026-04-02T09:00:00Z"})
    moved = time_entry("402", recent_submission_id="31", updated_at="2026-04-02T09:00:00Z")
    account.add("time_entries", time_entry("400", recent_submission_id="31"), time_entry("401"), moved)
    [page, later] = await pages(account, Kind.TIME_ENTRY, datetime(2026, 4, 1, tzinfo=UTC))
    [record] = page.records
    assert (record.key.external_id, record.attributes["status"], page.watermark) == ("400", "APPROVED", None)
    assert [record.key.external_id for record in later.records] == ["402"]
    assert account.queries("timesheet_submissions")[0]["include"] == "time_entries"
    assert not [query for query in account.queries("timesheet_submissions") if query["order"] != "updated_at:asc"]


async def test_users_come_completely_each_time(account: Account) -> None:
    """They have no stamp to start from, so there is no watermark either."""
    users = [
        {"id": str(n), "full_name": f"P {n}", "email_address": f"p{n}@x.example", "external_reference_ids": []}
        for n in range(450)
    ]
    account.add("users", *users)
    got = await pages(account, Kind.RESOURCE, START)
    assert sum(len(page.records) for page in got) == 450
    assert [page.watermark for page in got] == [None]
    views = [query.keys() & {"on_my_account", "consultants_only"} for query in account.queries("users")]
    assert sorted(map(sorted, views)) == [["consultants_only"]] * 3 + [["on_my_account"]] * 3


async def test_a_guest_is_looked_for_in_the_second_list(account: Account) -> None:
    """Only who is missing among the members is asked for again."""
    guest = {"id": "14", "full_name": "Sub One", "email_address": "sub@x.example"}
    member = {"id": "13", "full_name": "Ana Lima", "email_address": "ana@x.example"}

    def members(request: httpx.Request) -> httpx.Response:
        rows = [guest] if b"consultants_only" in request.url.query else [member]
        results = [{"key": "users", "id": row["id"]} for row in rows]
        body = {"count": 1, "results": results, "users": {row["id"]: row for row in rows}}
        return httpx.Response(200, json=body)

    account.answer = members
    records = await account.adapter().fetch(Kind.RESOURCE, ["13", "14", "15"], frozenset())
    assert [record and record.key.external_id for record in records] == ["13", "14", None]
    assert [query["only"] for query in account.queries("users")] == ["13,14,15", "14,15"]


@pytest.mark.parametrize(
    ("status", "kind", "error", "reason"),
    [
        (401, "oauth", SourceMisconfigured, None),
        (403, "system", SourceMisconfigured, None),
        (404, "system", SourceRejected, "system"),
        (422, "validation", SourceRejected, "validation:title"),
        (429, "system", SourceThrottled, None),
        (500, "system", SourceUnavailable, None),
        (503, "system", SourceUnavailable, None),
    ],
)
async def test_errors(account: Account, status: int, kind: str, error: type[Exception], reason: str | None) -> None:
    """The vendor's types become reasons, its messages never leave."""
    one: dict[str, Any] = {"type": kind, "message": "Secret words"} | ({"field": "title"} if status == 422 else {})
    account.answer = lambda _: httpx.Response(status, json={"errors": [one]})
    with pytest.raises(error) as caught:
        await account.adapter().fetch(Kind.PROJECT, ["1"], NAME)
    assert "Secret" not in str(caught.value)
    assert getattr(caught.value, "reason", None) == reason


@pytest.mark.parametrize("body", [None, [], {"errors": None}, {"errors": ["x"]}])
async def test_a_refusal_without_the_vendors_body(account: Account, body: Any) -> None:
    """A proxy's answer still has a reason."""
    account.answer = lambda _: httpx.Response(404, json=body)
    with pytest.raises(SourceRejected) as caught:
        await account.adapter().fetch(Kind.PROJECT, ["1"], NAME)
    assert caught.value.reason == "404"


async def test_ping_is_one_call(account: Account) -> None:
    """The cheapest authenticated call there is."""
    account.answer = lambda _: httpx.Response(200, json={"count": 0, "results": []})
    adapter = account.adapter()
    await adapter.ping()
    await adapter.aclose()
    assert [request.url.path for request in account.requests] == ["/api/v1/users/me"]

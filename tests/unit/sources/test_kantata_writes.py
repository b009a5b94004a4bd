"""Kantata's writes: what is refused before any call, and what no sandbox can be made to do."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from hub.domain.ids import new_id
from hub.domain.kinds import Kind
from hub.domain.records import BY_CANONICAL, Ref, Value
from hub.errors import SourceMisconfigured, SourceRejected, WriteOutcomeUnknown
from hub.ports import SourceWrite
from tests.support.kantata_account import Account, workspace

Json = dict[str, Any]


@pytest.fixture
def account() -> Account:
    """Give an account with one project, one person and one role."""
    made = Account()
    beside: Json = {"workspace_resource_ids": [], "participation_ids": [], "external_reference_ids": []}
    made.add("workspaces", {**workspace("100"), **beside})
    made.add("users", {"id": "7", "disabled": False})
    made.add("roles", {"id": "3", "name": "Developer"})
    return made


def change(kind: Kind, action: str, external_id: str | None = "100", **values: Value) -> SourceWrite:
    """A change without a version."""
    return SourceWrite(action, kind, external_id, values, "token-1", new_id(kind) if external_id is None else None)


def booking(**values: Value) -> SourceWrite:
    """A booking of the person on the project."""
    given: dict[str, Value] = {
        "project": Ref(Kind.PROJECT, "100"),
        "resource": Ref(Kind.RESOURCE, "7"),
        "start_date": date(2026, 8, 3),
        "end_date": date(2026, 8, 14),
        "planned_hours": Decimal(8),
        "booking": "HARD",
    }
    return SourceWrite("create", Kind.ASSIGNMENT, None, {**given, **values}, "token-1", new_id(Kind.ASSIGNMENT))


def time_entry() -> SourceWrite:
    """Time of the person on the project."""
    return change(
        Kind.TIME_ENTRY,
        "create",
        None,
        project=Ref(Kind.PROJECT, "100"),
        task=Ref(Kind.TASK, "5"),
        resource=Ref(Kind.RESOURCE, "7"),
        work_date=date(2026, 8, 3),
        hours=Decimal(1),
    )


def made(collection: str, **row: Any) -> httpx.Response:
    """The envelope that answers a write."""
    found = {"id": "900", "recent_submission_id": None, **row}
    body = {"count": 1, "results": [{"key": collection, "id": found["id"]}], collection: {found["id"]: found}}
    return httpx.Response(200, json=body)


def refused(field: str) -> httpx.Response:
    """A validation error."""
    return httpx.Response(422, json={"errors": [{"type": "validation", "message": "Secret", "field": field}]})


def sent(account: Account) -> list[tuple[str, str]]:
    """The writing calls: method and path."""
    return [(r.method, r.url.path.removeprefix("/api/v1/")) for r in account.requests if r.method != "GET"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", " "),
        ("name", 5),
        ("name", None),
        ("start_date", "2026-01-01"),
        ("start_date", datetime(2026, 1, 1, tzinfo=UTC)),
        ("delivery_status", "POSTPONED"),
        ("delivery_status", 200),
        ("archived", "yes"),
        ("manager", None),
        ("manager", "7"),
        ("manager", Ref(Kind.RESOURCE, "wrk_1", BY_CANONICAL)),
        ("manager", Ref(Kind.RESOURCE, "1,2")),
        ("code", "P-1"),
    ],
)
async def test_an_unfit_value_is_refused_by_name_before_any_call(account: Account, name: str, value: Value) -> None:
    """The message names the attribute and holds no value."""
    with pytest.raises(SourceRejected, match=name) as refusal:
        await account.adapter().write(SourceWrite("update", Kind.PROJECT, "100", {name: value}, "token-1"))
    assert refusal.value.reason == "INVALID_VALUE"
    assert account.requests == []


@pytest.mark.parametrize(
    ("hours", "minutes"),
    [("8", 480), ("7.50", 450), ("0.33", 20), ("0.67", 40), ("7.77", 466), ("0.02", 1)],
)
async def test_hours_become_the_minutes_that_read_as_them(account: Account, hours: str, minutes: int) -> None:
    """Thirds of an hour have two places in the hub and whole minutes there."""
    account.answer = lambda request: made("workspace_allocations") if request.method == "POST" else None
    await account.adapter().write(booking(planned_hours=Decimal(hours)))
    body = json.loads(account.requests[-1].content)["workspace_allocation"]
    assert body["minutes"] == minutes


@pytest.mark.parametrize("hours", ["0.01", "7.01", "0", "-1", "NaN", "1.005"])
async def test_hours_that_would_change_are_refused(account: Account, hours: str) -> None:
    """Nothing is rounded behind the caller's back."""
    with pytest.raises(SourceRejected, match="planned_hours"):
        await account.adapter().write(booking(planned_hours=Decimal(hours)))
    assert account.requests == []


@pytest.mark.parametrize("missing", ["project", "resource", "start_date", "end_date", "planned_hours", "booking"])
async def test_a_booking_needs_its_values(account: Account, missing: str) -> None:
    """Each of them by name."""
    with pytest.raises(SourceRejected, match=f"{missing} is needed"):
        await account.adapter().write(booking(**{missing: None}))
    assert account.requests == []


@pytest.mark.parametrize(
    ("kind", "action"), [(Kind.PROJECT, "create"), (Kind.CUSTOMER, "update"), (Kind.TASK, "complete")]
)
async def test_other_actions_are_refused(account: Account, kind: Kind, action: str) -> None:
    """Only what `actions` lists."""
    for deed in (account.adapter().write, account.adapter().verify):
        with pytest.raises(SourceRejected) as refusal:
            await deed(change(kind, action))
        assert refusal.value.reason == "UNSUPPORTED_ACTION"


async def test_a_refused_submission_takes_its_entry_back(account: Account) -> None:
    """The change is refused whole: no draft stays behind."""

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.method == "DELETE":
            return httpx.Response(204)
        if request.method == "POST" and request.url.path.endswith("submissions"):
            return refused("base")
        return made("time_entries") if request.method == "POST" else None

    account.answer = answer
    with pytest.raises(SourceRejected) as refusal:
        await account.adapter().write(time_entry())
    assert refusal.value.reason == "validation:base"
    assert "Secret" not in str(refusal.value)
    assert sent(account)[-1] == ("DELETE", "time_entries/900")


async def test_an_entry_that_cannot_be_taken_back_leaves_the_fate_open(account: Account) -> None:
    """Writing it again refuses and takes back anew."""

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.method == "DELETE":
            return httpx.Response(503)
        if request.method == "POST" and request.url.path.endswith("submissions"):
            return refused("base")
        return made("time_entries") if request.method == "POST" else None

    account.answer = answer
    with pytest.raises(WriteOutcomeUnknown):
        await account.adapter().write(time_entry())


async def test_a_refused_lead_after_a_new_name_is_partly_applied(account: Account) -> None:
    """The refusal says that the project has changed nevertheless."""

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PUT" and "participations" in request.url.path:
            return refused("team_lead")
        if request.method in ("PUT", "POST"):
            return made(request.url.path.split("/")[3], is_team_lead=False)
        return None

    account.answer = answer
    with pytest.raises(SourceRejected) as refusal:
        await account.adapter().write(change(Kind.PROJECT, "update", name="New", manager=Ref(Kind.RESOURCE, "7")))
    assert refusal.value.reason == "PARTLY_APPLIED:validation:team_lead"
    assert sent(account) == [("POST", "participations"), ("PUT", "workspaces/100"), ("PUT", "participations/900")]


async def test_a_refused_booking_after_a_new_resource_is_a_plain_refusal(account: Account) -> None:
    """The person on the team is harmless and does not show."""

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.method != "POST":
            return None
        return made("workspace_resources") if "resources" in request.url.path else refused("minutes")

    account.answer = answer
    with pytest.raises(SourceRejected, match="minutes") as refusal:
        await account.adapter().write(booking(role="developer"))
    assert refusal.value.reason == "HOURS_INVALID"
    posted = [json.loads(request.content) for request in account.requests if request.method == "POST"]
    assert posted[0] == {"workspace_resource": {"workspace_id": "100", "user_id": "7", "role_id": "3"}}


@pytest.mark.parametrize("body", [{}, {"count": 0, "results": []}, [], {"count": 1, "results": [{"id": "1"}]}])
async def test_an_answer_without_the_record_leaves_the_fate_open(account: Account, body: Any) -> None:
    """It was carried out; only what it made is not known."""
    account.answer = lambda request: httpx.Response(200, json=body) if request.method == "POST" else None
    with pytest.raises(WriteOutcomeUnknown):
        await account.adapter().write(booking())


async def test_another_objects_reference_is_not_taken_for_the_mark(account: Account) -> None:
    """The vendor's filters may be matched by several references of a row together."""
    account.add("workspace_allocations", {"id": "8", "external_reference_ids": ["1", "2"]})
    account.beside(
        "external_references",
        {"id": "1", "service_name": "plumbline", "service_model": "assignment", "service_model_ref": "asg_other"},
        {"id": "2", "service_name": "elsewhere", "service_model": "assignment", "service_model_ref": "asg_mine"},
    )
    assert await account.adapter().verify(booking()) is None


async def test_the_fields_of_an_acceptance_must_be_there(account: Account) -> None:
    """A tenant without them is a matter of configuration."""
    accept = change(Kind.MILESTONE, "approve", approved_on=date(2026, 6, 16), approved_by="pm@firm.example")
    with pytest.raises(SourceMisconfigured, match=r"milestone\.approved_by"):
        await account.adapter().write(accept)
    assert sent(account) == []


async def test_an_acceptance_takes_the_field_of_stories(account: Account) -> None:
    """Projects may have a field of the same name."""
    account.rows["custom_fields"] += [
        {"id": "6", "name": "Accepted by", "subject_type": "workspace"},
        {"id": "70", "name": "Accepted by", "subject_type": "story"},
    ]
    account.add(
        "stories",
        {"id": "100", "story_type": "milestone", "external_reference_ids": [], "custom_field_value_ids": []},
    )
    account.answer = lambda request: made("custom_field_values") if request.method == "POST" else None
    await account.adapter().write(
        change(Kind.MILESTONE, "approve", approved_on=date(2026, 6, 16), approved_by="pm@firm.example")
    )
    values = [json.loads(r.content)["custom_field_value"] for r in account.requests if r.method == "POST"]
    assert [(value["custom_field_id"], value["value"]) for value in values] == [
        ("70", "pm@firm.example"),
        ("5", "2026-06-16"),
    ]
    assert {(value["subject_type"], value["subject_id"]) for value in values} == {("story", 100)}

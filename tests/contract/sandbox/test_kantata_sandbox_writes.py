"""The Kantata sandbox, written: root keys, validation, custom fields, references, teams, bookings, deletes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sources.sandbox.firm.model import Firm
from sources.sandbox.firm.vendor_ids import kantata_id
from tests.contract.sandbox.kantata_tenant import Api, client, ids, only_row, open_project, small_firm, tenant

REFERENCE = {
    "service_name": "plumbline",
    "service_model": "task",
    "service_model_ref": "tsk_01J8ZQ4T7M3N5P6R8S9V0W1X2Y",
}


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
def project(firm: Firm) -> str:
    """The id of a project that can be written."""
    return kantata_id("workspace", open_project(firm).n)


async def _story(api: Api, project: str, **values: Any) -> dict[str, Any]:
    attributes = {"title": "Plan", "story_type": "task", "workspace_id": project, **values}
    return only_row(await api.post("stories", story=attributes))


async def test_a_create_is_200_with_the_envelope_and_can_be_found_by_its_reference(api: Api, project: str) -> None:
    """The reference given with the create is the way back to it after a lost reply."""
    created = await _story(api, project, external_reference=REFERENCE, time_estimate_in_minutes=600)
    found = await api.get("stories", external_reference_service_model_refs=REFERENCE["service_model_ref"])
    assert ids(found) == [created["id"]]
    assert created["time_estimate_in_minutes"] == 600
    assert created["state"] == "not started"


async def test_form_encoding_is_read_like_json(api: Api, project: str) -> None:
    """Bracketed names nest; empty brackets make lists."""
    form = {"story[title]": "Formed", "story[story_type]": "task", "story[workspace_id]": project}
    answer = await api.http.post("stories.json", data=form)
    assert only_row(answer.json())["title"] == "Formed"
    listed = {"workspace_group[name]": "Formed group", "workspace_group[add_workspace_ids][]": project}
    answer = await api.http.post("workspace_groups", data=listed, params={"include": "workspaces"})
    assert only_row(answer.json())["workspace_ids"] == [project]


async def test_validation_names_every_field_at_fault(api: Api, project: str) -> None:
    """One entry per failure, all at once, and nothing is written."""
    before = (await api.get("stories", workspace_id=project))["count"]
    status, errors = await api.refusal("POST", "stories", story={"story_type": "epic", "due_date": "31.12.2026"})
    assert status == 422
    assert {e["type"] for e in errors} == {"validation"}
    assert {"title", "workspace_id", "story_type", "due_date"} == {e["field"] for e in errors}
    status, errors = await api.refusal("POST", "stories", story={"title": "x" * 201, "story_type": "task", "hue": 1})
    assert (status, [e["field"] for e in errors]) == (422, ["hue"])
    assert (await api.get("stories", workspace_id=project))["count"] == before


@pytest.mark.parametrize("value", [{}, [1], True, "²", "NaN", 10**17, "2026-W01-1"])
@pytest.mark.parametrize(
    ("collection", "name"),
    [
        ("stories", "story_type"),
        ("stories", "due_date"),
        ("stories", "parent_id"),
        ("stories", "time_estimate_in_minutes"),
        ("workspaces", "price"),
        ("time_entries", "date_performed"),
        ("workspace_allocations", "minutes"),
    ],
)
async def test_a_value_of_the_wrong_kind_is_refused_with_its_field(
    api: Api, collection: str, name: str, value: object
) -> None:
    """Whatever is sent, the answer is the vendor's."""
    root = {"stories": "story", "time_entries": "time_entry"}.get(collection, collection.removesuffix("s"))
    status, errors = await api.refusal("POST", collection, **{root: {name: value}})
    assert status == 422
    assert name in {e["field"] for e in errors}


@pytest.mark.parametrize("body", [{}, {"stories": [{}]}, {"story": "x"}, {"task": {}}])
async def test_a_body_without_its_root_key_is_refused(api: Api, body: dict[str, Any]) -> None:
    """Stories have no bulk create."""
    status, errors = await api.refusal("POST", "stories", **body)
    assert (status, errors[0]["type"]) == (400, "system")


async def test_a_body_that_is_not_json_is_refused(api: Api) -> None:
    """Neither is a body of an unknown kind."""
    broken = await api.http.post("stories", content=b"{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 400
    assert (await api.http.post("stories", content=b"<x/>", headers={"Content-Type": "text/xml"})).status_code == 400


async def test_an_update_is_partial_and_moves_the_stamp(api: Api, project: str) -> None:
    """What is not named stays; the incremental list shows the change."""
    story = await _story(api, project)
    changed = only_row(await api.put(f"stories/{story['id']}", story={"state": "completed"}))
    assert (changed["state"], changed["percentage_complete"], changed["title"]) == ("completed", 100, "Plan")
    assert changed["updated_at"] > story["updated_at"]
    assert story["id"] in ids(await api.get("stories", updated_after=story["updated_at"]))
    assert (await api.refusal("PUT", "stories/1", story={"title": "x"}))[0] == 404


async def test_deleted_stories_stay_behind_the_flag(api: Api, project: str) -> None:
    """Sub-stories go along; a deleted story cannot be written."""
    parent = await _story(api, project)
    child = await _story(api, project, parent_id=parent["id"])
    assert (child["parent_id"], child["root_id"]) == (parent["id"], parent["id"])
    await api.delete(f"stories/{parent['id']}")
    both = f"{parent['id']},{child['id']}"
    assert ids(await api.get("stories", only=both)) == []
    deleted = await api.get("stories", only=both, show_deleted="true")
    assert all(s["deleted_at"] for s in deleted["stories"].values())
    assert sorted(ids(await api.get("stories", only_deleted="true"))) == sorted([parent["id"], child["id"]])
    assert (await api.refusal("PUT", f"stories/{child['id']}", story={"title": "x"}))[0] == 404


async def test_a_project_is_created_with_lead_price_fields_and_reference(api: Api, firm: Firm) -> None:
    """Price is written in whole units; the lead becomes the team lead; choices are checked."""
    fields = (await api.get("custom_fields", subject_type="workspace", include="choices"))["custom_fields"]
    by_name = {field["name"]: field for field in fields.values()}
    choice, lead = by_name["Practice"]["choice_ids"][0], kantata_id("user", open_project(firm).manager or 0)
    body = {
        "title": "New work",
        "creator_role": "maven",
        "currency": "KWD",
        "price": "12.5",
        "status_key": 200,
        "primary_maven_id": lead,
        "primary_workspace_group_id": kantata_id("workspace_group", 1),
        "custom_fields": [
            {"custom_field_id": by_name["Project code"]["id"], "value": "P-900"},
            {"custom_field_id": by_name["Practice"]["id"], "value": [int(choice)]},
        ],
    }
    envelope = await api.post("workspaces?include=custom_field_values,participations,workspace_groups", workspace=body)
    row = only_row(envelope)
    assert (row["price_in_cents"], row["currency_base_unit"]) == (12500, 1000)
    assert (row["start_date"], row["status"]["key"]) == ("", 200)
    assert row["workspace_group_ids"] == [kantata_id("workspace_group", 1)]
    assert {
        v["value"] if isinstance(v["value"], str) else v["value"][0] for v in envelope["custom_field_values"].values()
    } == {
        "P-900",
        int(choice),
    }
    assert [p["user_id"] for p in envelope["participations"].values() if p["is_team_lead"]] == [lead]
    body["custom_fields"] = [{"custom_field_id": by_name["Practice"]["id"], "value": [1]}]
    status, errors = await api.refusal("POST", "workspaces", workspace=body)
    assert (status, errors[0]["field"]) == (422, "custom_fields")


async def test_a_projects_status_must_be_one_of_the_account(api: Api, project: str) -> None:
    """Keys outside the list are refused; the lead cannot be set on update; nobody may delete."""
    assert only_row(await api.put(f"workspaces/{project}", workspace={"status_key": 300}))["status"]["key"] == 300
    status, errors = await api.refusal("PUT", f"workspaces/{project}", workspace={"status_key": 250})
    assert (status, errors[0]["field"]) == (422, "status_key")
    status, errors = await api.refusal("PUT", f"workspaces/{project}", workspace={"primary_maven_id": "1"})
    assert (status, errors[0]["field"]) == (422, "primary_maven_id")
    assert (await api.refusal("DELETE", f"workspaces/{project}"))[0] == 403


async def test_an_archived_project_disappears_and_takes_no_writes(api: Api, project: str) -> None:
    """Its stories go out of sight with it."""
    story = await _story(api, project)
    await api.put(f"workspaces/{project}", workspace={"archived": True})
    assert (await api.http.get(f"workspaces/{project}")).status_code == 404
    assert ids(await api.get("stories", only=story["id"])) == []
    assert ids(await api.get("stories", only=story["id"], show_from_archived_workspaces="true")) == [story["id"]]
    entry = {"workspace_id": project, "date_performed": "2026-11-20", "time_in_minutes": 60}
    status, errors = await api.refusal("POST", "time_entries", time_entry=entry)
    assert (status, errors[0]["field"]) == (422, "base")


async def test_custom_values_are_created_once_then_changed(api: Api, project: str) -> None:
    """Dates are checked; a second create is refused; the story's stamp moves."""
    story = await _story(api, project)
    fields = (await api.get("custom_fields", subject_type="story"))["custom_fields"].values()
    field = next(f["id"] for f in fields if f["name"] == "Accepted on")
    value = {"subject_type": "story", "subject_id": int(story["id"]), "custom_field_id": field, "value": "2026-11-20"}
    status, errors = await api.refusal("POST", "custom_field_values", custom_field_value={**value, "value": "soon"})
    assert (status, errors[0]["field"]) == (422, "value")
    created = only_row(await api.post("custom_field_values", custom_field_value=value))
    assert (created["type"], created["display_value"]) == ("date", "2026-11-20")
    assert (await api.refusal("POST", "custom_field_values", custom_field_value=value))[0] == 422
    await api.put(f"custom_field_values/{created['id']}", custom_field_value={"value": "2026-11-21"})
    body = await api.get("stories", only=story["id"], include="custom_field_values")
    assert [v["value"] for v in body["custom_field_values"].values()] == ["2026-11-21"]
    assert only_row(body)["updated_at"] > story["updated_at"]


async def test_a_record_has_one_reference_per_service(api: Api, project: str) -> None:
    """A second one of the same service is refused; a PUT replaces it."""
    story = await _story(api, project, external_reference=REFERENCE)
    body = {**REFERENCE, "subject_type": "story", "subject_id": story["id"], "service_model_ref": "tsk_other"}
    status, errors = await api.refusal("POST", "external_references", external_reference=body)
    assert (status, errors[0]["field"]) == (422, "service_name")
    await api.put(f"stories/{story['id']}", story={"external_reference": {**REFERENCE, "service_model_ref": "tsk_new"}})
    held = await api.get("external_references", subject_type="story", subject_id=story["id"], include="subject")
    row = only_row(held)
    assert (row["service_model_ref"], row["subject_ref"]) == ("tsk_new", {"key": "stories", "id": story["id"]})
    incomplete = {
        "title": "x",
        "story_type": "task",
        "workspace_id": project,
        "external_reference": {"service_name": "x"},
    }
    assert (await api.refusal("POST", "stories", story=incomplete))[0] == 422


async def test_the_team_lead_changes_hands(api: Api, firm: Firm, project: str) -> None:
    """The new lead needs a participation first; the old one is unseated, the project's lead follows."""
    body = await api.get(f"workspaces/{project}", include="participations")
    members = {p["user_id"] for p in body["participations"].values()}
    person = next(p for p in firm.people if p.terminated is None and kantata_id("user", p.n) not in members)
    user = kantata_id("user", person.n)
    seat = only_row(await api.post("participations", participation={"workspace_id": project, "user_id": user}))
    again = {"workspace_id": project, "user_id": user}
    assert (await api.refusal("POST", "participations", participation=again))[0] == 422
    await api.put(f"participations/{seat['id']}", participation={"team_lead": True})
    body = await api.get(f"workspaces/{project}", include="participations,primary_maven")
    assert [p["user_id"] for p in body["participations"].values() if p["is_team_lead"]] == [user]
    assert only_row(body)["primary_maven_id"] == user
    assert (await api.refusal("DELETE", f"participations/{seat['id']}"))[0] == 422


async def test_a_booking_needs_a_resource_first(api: Api, firm: Firm, project: str) -> None:
    """Resource, then allocation; deleting the allocation leaves nothing."""
    named = {
        r["user_id"]
        for r in (await api.get("workspace_resources", workspace_id=project))["workspace_resources"].values()
    }
    person = next(p for p in firm.people if p.terminated is None and kantata_id("user", p.n) not in named)
    user = kantata_id("user", person.n)
    booking = {"resource_id": "1", "start_date": "2026-12-01", "end_date": "2026-12-02", "minutes": 960}
    status, errors = await api.refusal("POST", "workspace_allocations", workspace_allocation=booking)
    assert (status, [e["field"] for e in errors]) == (422, ["resource_id"])
    body = {"workspace_id": project, "user_id": user}
    resource = only_row(await api.post("workspace_resources", workspace_resource=body))
    assert resource["participation_id"] is not None
    assert (await api.refusal("POST", "workspace_resources", workspace_resource=body))[0] == 422
    booking["resource_id"] = resource["id"]
    row = only_row(await api.post("workspace_allocations", workspace_allocation=booking))
    assert (row["hard"], row["percentage"], row["workspace_id"]) == (False, 100.0, project)
    assert (await api.refusal("DELETE", f"workspace_resources/{resource['id']}"))[0] == 422
    changed = await api.put(f"workspace_allocations/{row['id']}", workspace_allocation={"minutes": 480, "hard": True})
    assert (only_row(changed)["percentage"], only_row(changed)["hard"]) == (50.0, True)
    await api.delete(f"workspace_allocations/{row['id']}")
    assert (await api.http.get(f"workspace_allocations/{row['id']}")).status_code == 404


async def test_a_split_answers_both_parts(api: Api, project: str) -> None:
    """Minutes are shared by weekdays; none is lost."""
    body = await api.get("workspace_allocations", workspace_ids=project)
    row = body["workspace_allocations"][ids(body)[0]]
    query = f"split_date={row['end_date']}&workspace_allocation_id={row['id']}"
    parts = await api.put(f"workspace_allocations/split?{query}")
    first, second = (parts["workspace_allocations"][i] for i in ids(parts))
    assert first["minutes"] + second["minutes"] == row["minutes"]
    assert (second["start_date"], first["start_date"]) == (row["end_date"], row["start_date"])


async def test_an_invoiced_billing_milestone_is_fixed(api: Api) -> None:
    """One that is not yet billed can be changed and deleted."""
    invoiced = await api.get("billing_milestones", invoiced="true")
    row = f"billing_milestones/{ids(invoiced)[0]}"
    assert (await api.refusal("PUT", row, billing_milestone={"amount_in_cents": 1}))[0] == 422
    assert (await api.refusal("DELETE", row))[0] == 422
    waiting = await api.get("billing_milestones", uninvoiced="true")
    free = f"billing_milestones/{ids(waiting)[0]}"
    assert only_row(await api.put(free, billing_milestone={"amount_in_cents": 4200}))["amount_in_cents"] == 4200
    await api.delete(free)


async def test_a_story_carries_one_billing_milestone(api: Api, project: str) -> None:
    """Milestone and amount are two records that point to each other."""
    story = await _story(api, project, story_type="milestone", due_date="2026-12-18")
    bill = {"title": "Plan", "amount_in_cents": 1000, "workspace_id": project, "story_id": story["id"]}
    row = only_row(await api.post("billing_milestones", billing_milestone=bill))
    assert (row["story_id"], row["invoice_id"], row["currency"]) == (story["id"], None, "JPY")
    status, errors = await api.refusal("POST", "billing_milestones", billing_milestone=bill)
    assert (status, errors[0]["field"]) == (422, "story_id")

"""The Kantata sandbox, read: authentication, envelope, paging, `only`, includes, filters, and the wire's types."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from sources.sandbox.core import VendorApp
from sources.sandbox.firm.model import Firm
from sources.sandbox.firm.vendor_ids import kantata_id, salesforce_id
from tests.contract.sandbox.kantata_tenant import TODAY, Api, client, ids, open_project, project_of, small_firm, tenant

SPEC = Path(__file__).parents[4] / "shared/vendors/specs/kantata/kantata-resource-attributes.json"


@pytest.fixture(scope="module")
def firm() -> Firm:
    """The small firm."""
    return small_firm()


@pytest.fixture(scope="module")
def vendor(firm: Firm) -> VendorApp:
    """A tenant that the reading tests share."""
    return tenant(firm)


@pytest.fixture
async def api(vendor: VendorApp) -> AsyncIterator[Api]:
    """A client that presents the administrator's token."""
    async with client(vendor) as found:
        yield found


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic Z29vZC10b2tlbg==", "good-token"])
async def test_a_call_without_a_good_bearer_token_is_refused_as_oauth(api: Api, header: str | None) -> None:
    """The body is the vendor's, without a field, and carries a request id."""
    api.http.headers.pop("Authorization")
    answer = await api.http.get("workspaces", headers={} if header is None else {"Authorization": header})
    assert answer.status_code == 401
    assert answer.json() == {"errors": [{"type": "oauth", "message": "Invalid OAuth 2 Request"}]}
    assert answer.headers["X-Request-Id"]


async def test_a_revoked_token_stays_bad_and_a_new_one_can_be_issued(firm: Firm) -> None:
    """Personal tokens do not expire; once revoked, only an administrator's new one works."""
    vendor = tenant(firm)
    old = vendor.authorization()
    vendor.expire_tokens()
    async with client(vendor) as api:
        assert (await api.http.get("roles", headers={"Authorization": old})).status_code == 401
        assert (await api.http.get("roles", headers={"Authorization": vendor.authorization()})).status_code == 200


async def test_the_envelope_has_ordered_results_typed_maps_and_meta(api: Api) -> None:
    """Keys and ids are strings; the suffix makes no difference; headers are those seen in recordings."""
    answer = await api.http.get("workspaces.json", params={"per_page": 3})
    body = answer.json()
    assert list(body) == ["count", "results", "workspaces", "meta"]
    assert [r["key"] for r in body["results"]] == ["workspaces"] * 3
    assert set(body["workspaces"]) == set(ids(body))
    assert body["meta"] == {
        "count": body["count"],
        "page_count": -(-body["count"] // 3),
        "page_number": 1,
        "page_size": 3,
    }
    assert (await api.get("workspaces", per_page=3)) == body
    assert answer.headers["ETag"].startswith('W/"')
    assert float(answer.headers["X-Runtime"]) >= 0
    assert answer.headers["Status"] == "200 OK"


async def test_pages_partition_the_list_and_sizes_are_clamped(api: Api) -> None:
    """No row is lost or repeated over pages; too large and too small sizes are corrected silently."""
    everything = ids(await api.get("users", per_page=5000))
    pages = [ids(await api.get("users", per_page=7, page=n + 1)) for n in range(-(-len(everything) // 7))]
    assert [row for page in pages for row in page] == everything
    assert (await api.get("users", per_page=5000))["meta"]["page_size"] == 200
    assert (await api.get("users", per_page=0))["meta"]["page_size"] == 20
    assert (await api.get("users", per_page="x", page="-1"))["meta"]["page_number"] == 1


async def test_limit_and_offset_count_only_together(api: Api) -> None:
    """Alone each is ignored; together they cut, while meta still speaks of pages."""
    everything = ids(await api.get("users", per_page=200))
    both = await api.get("users", limit=3, offset=2)
    assert ids(both) == everything[2:5]
    assert both["meta"]["page_size"] == 20
    assert len(ids(await api.get("users", limit=3))) == 20


async def test_an_empty_page_has_page_count_and_number_zero(api: Api) -> None:
    """Nothing found is not an error, and the collection's map is there."""
    body = await api.get("stories", only="1")
    assert body == {
        "count": 0,
        "results": [],
        "stories": {},
        "meta": {"count": 0, "page_count": 0, "page_number": 0, "page_size": 20},
    }


async def test_only_switches_paging_off_and_drops_what_it_cannot_find(api: Api) -> None:
    """Non-numeric, repeated and missing ids vanish silently; page_count may exceed one nevertheless."""
    wanted = ids(await api.get("users", per_page=30))
    body = await api.get("users", only=",".join([*wanted, "x5", "99", wanted[0]]), per_page=10, order="id:asc")
    assert ids(body) == sorted(wanted, key=int)
    assert body["meta"]["page_count"] == 3


async def test_archived_projects_hide_from_only_and_from_show(api: Api, firm: Firm) -> None:
    """Default filters apply to ids too; the flag brings the rows back."""
    archived = next(p for p in firm.projects if p.in_psa and p.archived)
    row = kantata_id("workspace", archived.n)
    assert ids(await api.get("workspaces", only=row)) == []
    assert (await api.http.get(f"workspaces/{row}")).status_code == 404
    assert ids(await api.get("workspaces", only=row, include_archived="true")) == [row]
    assert (await api.http.get(f"workspaces/{row}.json?include_archived=true")).status_code == 200


async def test_a_project_carries_customer_fields_and_references(api: Api, firm: Firm) -> None:
    """Side-loaded rows come in maps of their own; to-many ids appear only when included."""
    project = open_project(firm)
    row = kantata_id("workspace", project.n)
    plain = (await api.get(f"workspaces/{row}"))["workspaces"][row]
    assert not [name for name in plain if name.endswith("_ids")]
    assert plain["primary_workspace_group_id"] == kantata_id("workspace_group", project.customer or 0)
    include = "primary_workspace_group,custom_field_values,external_references,participations,nonsense,status_reports"
    body = await api.get(f"workspaces/{row}", include=include)
    assert body["status_reports"] == {}
    assert "nonsense" not in body
    values = {v["custom_field_name"]: v for v in body["custom_field_values"].values()}
    assert values["Project code"]["value"] == project.code
    assert values["Contract"]["value"] == salesforce_id("Contract", project.contract or 0)
    assert values["Practice"]["display_value"] == project.practice
    assert isinstance(values["Practice"]["value"], list)
    assert values["Contract"]["subject_id"] == int(row)
    leads = [p for p in body["participations"].values() if p["is_team_lead"]]
    assert [p["user_id"] for p in leads] == [kantata_id("user", project.manager or 0)]
    if project.canonical:
        refs = {r["service_name"]: r for r in body["external_references"].values()}
        assert refs["plumbline"]["service_model_ref"] == project.canonical


async def test_customers_and_people_carry_the_ids_of_the_other_systems(api: Api, firm: Firm) -> None:
    """Look-up by foreign key works in bulk and finds exactly those."""
    customers = firm.customers[:3]
    refs = ",".join(salesforce_id("Account", c.n) for c in customers)
    found = await api.get("workspace_groups", external_reference_service_model_refs=refs, company="true")
    assert sorted(ids(found)) == sorted(kantata_id("workspace_group", c.n) for c in customers)
    person = firm.people[0]
    found = await api.get(
        "users",
        external_reference_service_name="workday",
        external_reference_service_model_refs=person.employee_number,
        include="external_references,role",
    )
    assert ids(found) == [kantata_id("user", person.n)]
    assert found["users"][kantata_id("user", person.n)]["external_reference_ids"] == list(found["external_references"])
    many = await api.http.get("users", params={"external_reference_service_model_refs": ",".join("abc" * 99)})
    assert many.status_code == 400


async def test_groups_that_are_no_customers_are_listed_too(api: Api) -> None:
    """Only `company` tells a customer."""
    groups = (await api.get("workspace_groups", per_page=200))["workspace_groups"].values()
    assert {group["company"] for group in groups} == {True, False}


async def test_money_is_in_subunits_of_the_currency(api: Api, firm: Firm) -> None:
    """JPY has no subunit; formatted strings stand beside."""
    row = kantata_id("workspace", open_project(firm).n)
    yen = (await api.get(f"workspaces/{row}"))["workspaces"][row]
    assert (yen["currency"], yen["currency_symbol"], yen["currency_base_unit"]) == ("JPY", "¥", 1)
    body = await api.get("workspaces", per_page=200)
    dollars = next(w for w in body["workspaces"].values() if w["currency"] == "USD" and w["price_in_cents"])
    assert dollars["currency_base_unit"] == 100
    assert dollars["price"].startswith(f"${dollars['price_in_cents'] // 100:,}")
    assert isinstance(dollars["account_id"], int)


async def test_stamps_have_the_accounts_offset_and_whole_seconds(api: Api) -> None:
    """West coast time: -08:00 in winter, -07:00 in summer."""
    body = await api.get("stories", per_page=200)
    stamps = [story["updated_at"] for story in body["stories"].values()]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d-0[78]:00", stamp) for stamp in stamps)
    assert {datetime.fromisoformat(s).month in (1, 2, 12) and s.endswith("-07:00") for s in stamps} == {False}


async def test_stories_take_one_project_per_call(api: Api, firm: Firm) -> None:
    """A list of project ids is refused; unset dates of stories are null."""
    project = open_project(firm)
    row = kantata_id("workspace", project.n)
    body = await api.get("stories", workspace_id=row, per_page=200)
    expected = {kantata_id("story", t.n) for t in firm.tasks if t.project == project.n}
    expected |= {kantata_id("milestone_story", m.n) for m in firm.milestones if m.project == project.n}
    assert set(ids(body)) == expected
    assert (await api.http.get("stories", params={"workspace_id": f"{row},{row}"})).status_code == 400
    milestones = await api.get("stories", workspace_id=row, story_type="milestone")
    assert all(s["start_date"] is None for s in milestones["stories"].values())


async def test_logged_minutes_are_the_sum_of_time_entries(api: Api, firm: Firm) -> None:
    """Billable and non-billable apart, subcontractors' time included."""
    entry = next(e for e in firm.time_entries if not project_of(firm, e.project).archived)
    own = [e for e in firm.time_entries if e.task == entry.task]
    story = (await api.get("stories", only=kantata_id("story", entry.task)))["stories"][kantata_id("story", entry.task)]
    assert story["logged_billable_time_in_minutes"] == sum(e.minutes for e in own if e.billable)
    assert story["logged_nonbillable_time_in_minutes"] == sum(e.minutes for e in own if not e.billable)


async def test_time_of_guests_and_archived_projects_is_hidden_by_default(api: Api, firm: Firm) -> None:
    """`on_my_account` is true and `from_archived_workspaces` false unless given."""
    shown = [e for e in firm.time_entries if project_of(firm, e.project).in_psa]
    default = await api.get("time_entries")
    everything = await api.get("time_entries", on_my_account="false", from_archived_workspaces="true")
    assert everything["count"] == len(shown)
    assert default["count"] == sum(e.person is not None and not project_of(firm, e.project).archived for e in shown)


async def test_time_entries_filter_by_day_project_user_and_invoice(api: Api, firm: Firm) -> None:
    """Ranges include both ends; `invoiced` ignores its value; role ids need the include."""
    entry = next(e for e in firm.time_entries if e.person and not project_of(firm, e.project).archived)
    day = entry.day.isoformat()
    body = await api.get(
        "time_entries",
        date_performed_between=f"{day}:{day}",
        workspace_ids=kantata_id("workspace", entry.project),
        with_user_ids=kantata_id("user", entry.person or 0),
        include="role",
    )
    assert kantata_id("time_entry", entry.n) in ids(body)
    assert {e["date_performed"] for e in body["time_entries"].values()} == {day}
    assert all("role_id" in e for e in body["time_entries"].values())
    one = await api.get(f"time_entries/{kantata_id('time_entry', entry.n)}")
    assert "role_id" not in one["time_entries"][kantata_id("time_entry", entry.n)]
    flags = [(await api.get("time_entries", invoiced=v))["count"] for v in ("true", "false")]
    assert flags[0] == flags[1]
    wrong = await api.http.get("time_entries", params={"date_performed_between": "2026-01-01;2026-02-01"})
    assert wrong.status_code == 400


async def test_updated_after_with_ascending_order_walks_forward(api: Api) -> None:
    """Stamps rise, ties go by id, and an order that is not allowed falls back to the default."""
    body = await api.get("time_entries", order="updated_at:asc", per_page=200)
    keys = [(body["time_entries"][i]["updated_at"], int(i)) for i in ids(body)]
    assert [(datetime.fromisoformat(s), i) for s, i in keys] == sorted((datetime.fromisoformat(s), i) for s, i in keys)
    later = await api.get("time_entries", order="updated_at:asc", updated_after=keys[100][0], per_page=200)
    first = later["time_entries"][ids(later)[0]]["updated_at"]
    assert datetime.fromisoformat(first) > datetime.fromisoformat(keys[100][0])
    assert ids(await api.get("time_entries", order="notes:asc")) == ids(await api.get("time_entries"))


async def test_milestones_are_stories_with_a_billing_row(api: Api, firm: Firm) -> None:
    """Acceptance stands in story custom fields; the invoice on the billing milestone."""
    milestone = next(m for m in firm.milestones if m.accepted_on and not project_of(firm, m.project).archived)
    row = kantata_id("milestone_story", milestone.n)
    body = await api.get("stories", only=row, include="custom_field_values,external_references")
    values = {v["custom_field_name"]: v["value"] for v in body["custom_field_values"].values()}
    assert values["Accepted on"] == str(milestone.accepted_on)
    assert values["Accepted by"] == milestone.accepted_by
    billing = await api.get("billing_milestones", story_ids=row, include="invoices")
    (bill,) = billing["billing_milestones"].values()
    assert bill["story_id"] == row
    assert (bill["invoice_id"] is None) == (bill["invoice_ids"] == [])


async def test_state_changes_are_side_loaded_by_id_alone(api: Api, firm: Firm) -> None:
    """In a plain list the include is ignored, as documented; with `only` it tells when it was completed, by whom."""
    milestone = next(m for m in firm.milestones if m.completed_at and not project_of(firm, m.project).archived)
    row = kantata_id("milestone_story", milestone.n)
    assert "story_state_changes" not in await api.get("stories", story_type="milestone", include="story_state_changes")
    for body in (
        await api.get("stories", only=row, include="story_state_changes"),
        await api.get(f"stories/{row}", include="story_state_changes"),
    ):
        (change,) = body["story_state_changes"].values()
        assert (change["state"], change["story_id"]) == ("completed", row)
        assert change["user_id"] == kantata_id("user", project_of(firm, milestone.project).manager or 0)
        assert datetime.fromisoformat(change["created_at"]) == milestone.completed_at


async def test_custom_field_values_need_a_subject_type(api: Api) -> None:
    """Without it the request is refused; choices can be listed."""
    assert (await api.http.get("custom_field_values")).status_code == 400
    body = await api.get("custom_field_values", subject_type="workspace", include="custom_field")
    assert {v["subject_type"] for v in body["custom_field_values"].values()} == {"workspace"}
    fields = await api.get("custom_fields", subject_type="workspace", include="choices")
    practice = next(f for f in fields["custom_fields"].values() if f["name"] == "Practice")
    assert practice["value_type"] == "single"
    assert set(practice["choice_ids"]) <= set(fields["custom_field_choices"])


async def test_allocations_filter_by_overlap_and_kind(api: Api, firm: Firm) -> None:
    """The sort list holds `updated_at` alone; unnamed resources have no user."""
    day = TODAY.isoformat()
    body = await api.get(
        "workspace_allocations",
        overlaps_with_date_range=f"{day}:{day}",
        include="workspace_resource",
        per_page=200,
    )
    assert set(ids(body)) == {
        kantata_id("workspace_allocation", b.n)
        for b in firm.bookings
        if b.start <= TODAY <= b.end and project_of(firm, b.project).in_psa
    }
    unnamed = await api.get("workspace_allocations", unnamed_resources_only="true", include="workspace_resource")
    assert all(r["user_id"] is None for r in unnamed["workspace_resources"].values())
    assert all(isinstance(r["workspace_id"], int) for r in body["workspace_resources"].values())


async def test_a_request_line_that_is_too_long_is_414(api: Api) -> None:
    """The web server's limit is 8,190 bytes, and it answers before anything else."""
    just = "9" * (8190 - len("GET /api/v1/users?only= HTTP/1.1"))
    assert (await api.http.get(f"users?only={just}")).status_code == 200
    assert (await api.http.get(f"users?only={just}9")).status_code == 414


@pytest.mark.parametrize(("method", "path"), [("GET", "unicorns"), ("PATCH", "stories/1"), ("GET", "stories/1/x")])
async def test_unknown_routes_are_404_with_a_system_error(api: Api, method: str, path: str) -> None:
    """There is no PATCH, and no other path than documented."""
    answer = await api.http.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["type"] == "system"


async def test_throttling_and_outage_look_like_the_vendors(vendor: VendorApp) -> None:
    """429 names no delay unless told to; an outage is a system error."""
    assert vendor.throttled(None).status_code == 429
    assert "retry-after" not in vendor.throttled(None).headers
    assert vendor.throttled(3).headers["retry-after"] == "3"
    failed = vendor.failed()
    assert failed.status_code == 503
    assert json.loads(bytes(failed.body))["errors"][0]["type"] == "system"


@pytest.mark.parametrize(
    "collection",
    [
        "workspaces",
        "stories",
        "time_entries",
        "users",
        "workspace_allocations",
        "workspace_resources",
        "participations",
    ],
)
async def test_attributes_are_those_the_vendors_own_client_knows(api: Api, collection: str) -> None:
    """Nothing is invented beyond its list and the page's additions, with every association included."""
    if not SPEC.exists():
        pytest.skip("the vendor's published attribute list is not beside the repository")
    known = json.loads(SPEC.read_text())[collection]
    documented = {"created_at", "updated_at", "manager_id", "uninvoiced_balance_in_cents", "root_id", "ancestor_ids"}
    documented |= {
        "effective_due_date",
        "update_whitelist",
        "currency",
        "currency_symbol",
        "currency_base_unit",
        "skill_membership_ids",
    }
    body = await api.get(collection, include=",".join(known["associations"]), per_page=2)
    for row in body[collection].values():
        assert set(row) - documented <= set(known["attributes"]), set(row) - documented - set(known["attributes"])
    for association in known["associations"].values():
        if association["collection"] in ("users", "workspaces", "custom_field_values", "external_references"):
            assert association["collection"] in body

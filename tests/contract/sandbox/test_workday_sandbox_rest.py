"""The REST services of the Workday tenant: lists, ids, paging, shapes."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import pytest

from sources.sandbox.firm.vendor_ids import workday_wid
from tests.contract.sandbox.workday_tenant import (
    AWAY,
    BOSS,
    COMMON,
    DEV,
    GONE,
    SOON,
    SPECS,
    STAFFING,
    TEMP,
    Tenant,
    running,
)


@pytest.fixture
async def tenant() -> AsyncIterator[Tenant]:
    """A tenant with the vendor's own settings."""
    async with running() as started:
        yield started


async def test_the_worker_list_hides_leavers_and_future_hires(tenant: Tenant) -> None:
    """Leavers come on request; a future hire never, since the list is as of now."""
    ids = [row["id"] for row in (await tenant.http.get(f"{STAFFING}/workers")).json()["data"]]
    assert ids == [BOSS, DEV, AWAY, TEMP]
    more = await tenant.http.get(f"{STAFFING}/workers", params={"includeTerminatedWorkers": "true"})
    assert [row["id"] for row in more.json()["data"]] == [BOSS, DEV, GONE, AWAY, TEMP]
    assert more.json()["data"][2]["descriptor"] == "First3 Last3 (Terminated)"
    found = await tenant.http.get(f"{STAFFING}/workers", params={"search": "hara 10002"})
    assert [row["id"] for row in found.json()["data"]] == [DEV, AWAY]


async def test_rest_pages_default_to_twenty_and_end_at_a_hundred() -> None:
    """Over a hundred is refused."""
    async with running(extra=30) as tenant:
        first = (await tenant.http.get(f"{STAFFING}/workers")).json()
        assert (first["total"], len(first["data"])) == (34, 20)
        rest = (await tenant.http.get(f"{STAFFING}/workers", params={"offset": 20, "limit": 100})).json()
        assert not {row["id"] for row in first["data"]} & {row["id"] for row in rest["data"]}
        assert len(rest["data"]) == 14
        assert (await tenant.http.get(f"{STAFFING}/workers", params={"limit": 101})).status_code == 400


async def test_a_worker_is_served_by_wid_and_by_reference_id(tenant: Tenant) -> None:
    """Contingent workers have a reference type of their own."""
    for given in (DEV, "Employee_ID=10002"):
        body = (await tenant.http.get(f"{STAFFING}/workers/{given}")).json()
        assert (body["id"], body["workerId"]) == (DEV, "10002")
        assert body["primaryJob"]["jobProfile"]["descriptor"] == "Consultant II"
        assert "manager" not in body
    assert (await tenant.http.get(f"{STAFFING}/workers/Contingent_Worker_ID=10006")).status_code == 200
    assert (await tenant.http.get(f"{STAFFING}/workers/{GONE}")).status_code == 200
    for missing in ("0" * 32, "Employee_ID=10006", "Employee_ID=nobody", "Cost_Center_ID=10002"):
        assert (await tenant.http.get(f"{STAFFING}/workers/{missing}")).status_code == 404
    assert (await tenant.http.get(f"{STAFFING}/workers/10002")).status_code == 400


async def test_the_manager_is_found_through_the_supervisory_organization(tenant: Tenant) -> None:
    """The manager of an organization is a member of the one above."""
    job = (await tenant.http.get(f"{STAFFING}/workers/{DEV}")).json()["primaryJob"]
    wid = job["supervisoryOrganization"]["id"]
    organization = (await tenant.http.get(f"{STAFFING}/supervisoryOrganizations/{wid}")).json()
    assert [manager["id"] for manager in organization["managers"]] == [BOSS]
    members = (await tenant.http.get(f"{STAFFING}/supervisoryOrganizations/{wid}/members")).json()["data"]
    assert [member["id"] for member in members] == [DEV, AWAY, TEMP]
    above = (await tenant.http.get(f"{STAFFING}/supervisoryOrganizations/{organization['superior']['id']}")).json()
    assert above["managers"] == []
    assert (await tenant.http.get(f"{STAFFING}/supervisoryOrganizations")).json()["total"] == 2


async def test_service_dates_and_job_profiles_are_served(tenant: Tenant) -> None:
    """Each as a collection and by id."""
    dates = (await tenant.http.get(f"{STAFFING}/workers/{SOON}/serviceDates")).json()["data"][0]
    assert dates["hireDate"] == "2026-09-01"
    by_id = await tenant.http.get(f"{STAFFING}/workers/{SOON}/serviceDates/{dates['id']}")
    assert by_id.json() == dates
    [profile] = (await tenant.http.get(f"{STAFFING}/jobProfiles")).json()["data"]
    assert profile["managementLevel"]["descriptor"] == "C2"
    assert (await tenant.http.get(f"{STAFFING}/jobProfiles/Job_Profile_ID=Consultant_II")).json() == profile
    assert (await tenant.http.get(f"{STAFFING}/jobProfiles/{'0' * 32}")).status_code == 404


async def test_time_off_of_a_worker_can_be_narrowed(tenant: Tenant) -> None:
    """By date, by status and by type; a date that is none is refused."""
    path = f"/ccx/api/absenceManagement/v2/plumbline/workers/{DEV}/timeOffDetails"
    [day] = (await tenant.http.get(path)).json()["data"]
    assert (day["date"], day["quantity"], day["unit"]["descriptor"]) == ("2026-07-01", 7.5, "Hours")
    for params, total in (
        ({"fromDate": "2026-07-01", "toDate": "2026-07-01"}, 1),
        ({"fromDate": "2026-07-02"}, 0),
        ({"status": workday_wid("time_off_status", "Submitted")}, 0),
        ({"timeOffType": day["timeOffType"]["id"]}, 1),
    ):
        assert (await tenant.http.get(path, params=params)).json()["total"] == total
    assert (await tenant.http.get(path, params={"fromDate": "July"})).status_code == 400


async def test_compensation_and_personal_data_are_nowhere(tenant: Tenant) -> None:
    """Not even where the vendor has them."""
    paths = (f"{STAFFING}/workers/{DEV}", f"{COMMON}/workers/{DEV}")
    text = "".join([(await tenant.http.get(path)).text for path in paths])
    assert not re.search(r"birth|salary|address|compensation", text, re.IGNORECASE)


@pytest.mark.skipif(not SPECS.is_dir(), reason="the published Workday specs are not beside the repository")
@pytest.mark.parametrize(
    ("spec", "schema", "path"),
    [
        ("common", "WorkerSummary", f"{COMMON}/workers"),
        (
            "absencemanagement",
            "TimeOffDetailsView",
            f"/ccx/api/absenceManagement/v2/plumbline/workers/{DEV}/timeOffDetails",
        ),
    ],
)
async def test_rows_have_no_member_that_the_published_schema_lacks(
    tenant: Tenant, spec: str, schema: str, path: str
) -> None:
    """Where a published document describes the row."""
    document = json.loads((SPECS / f"workday-{spec}-trimmed.json").read_text())
    published = set(document["components"]["schemas"][schema]["allOf"][0]["properties"])
    rows = (await tenant.http.get(path)).json()["data"]
    assert rows
    assert all(set(row) <= published for row in rows)

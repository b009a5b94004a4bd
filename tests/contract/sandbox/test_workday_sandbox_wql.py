"""WQL on the Workday tenant: what a query may say, and what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.sandbox.firm.generate import generate
from sources.sandbox.firm.model import Size
from sources.sandbox.firm.vendor_ids import workday_wid
from sources.sandbox.workday import Settings
from sources.sandbox.workday.tenant import build_tenant
from sources.sandbox.workday.wql.engine import Engine
from sources.sandbox.workday.wql.grammar import WqlError
from tests.contract.sandbox.workday_tenant import AWAY, BOSS, DATA, DEV, TEMP, TODAY, Tenant, make_firm, running


@pytest.fixture
async def tenant() -> AsyncIterator[Tenant]:
    """A tenant with the vendor's own settings."""
    async with running() as started:
        yield started


async def test_a_worker_shows_text_instances_numbers_money_dates_and_moments(tenant: Tenant) -> None:
    """Every field of the profile, in its type."""
    fields = (
        "workdayID, employeeID, fullName, primaryWorkEmail, workerStatus, hireDate, terminationDate, fte, "
        "businessTitle, managementLevel, location, company, practiceCode, managerEmployeeID, jobProfile, "
        "workerType, costRate, costRateCurrency, costRateFrom, lastFunctionallyUpdated"
    )
    [row] = await tenant.rows(f"SELECT {fields} FROM allWorkers WHERE employeeID = '10002'")
    assert row == {
        "workdayID": DEV,
        "employeeID": "10002",
        "fullName": "First2 Last2",
        "primaryWorkEmail": "p2@firm.example",
        "workerStatus": {"id": workday_wid("worker_status", "Active"), "descriptor": "Active"},
        "hireDate": "2024-01-01",
        "fte": 0.8,
        "businessTitle": "Consultant",
        "managementLevel": {"id": workday_wid("management_level", "C2"), "descriptor": "C2"},
        "location": {"id": workday_wid("location", "London"), "descriptor": "London"},
        "company": "UK01",
        "practiceCode": "DATA",
        "managerEmployeeID": "10001",
        "jobProfile": {"id": workday_wid("job_profile", "Consultant II"), "descriptor": "Consultant II"},
        "workerType": {"id": workday_wid("worker_type", "Employee"), "descriptor": "Employee"},
        "costRate": {"currency": "GBP", "value": 65.5},
        "costRateCurrency": "GBP",
        "costRateFrom": "2026-01-01",
        "lastFunctionallyUpdated": "2026-01-05T09:30:15.250Z",
    }


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        ("employeeID in ('10001', '10006', 'none')", "16"),
        (f"workdayID in ({BOSS}, {TEMP})", "16"),
        (f"workdayID = '{DEV}'", "2"),
        ("employeeID not in ('10001', '10002')", "3456"),
        ("practiceCode = 'CLOUD' or employeeID = '10003'", "13"),
        ("practiceCode = 'CLOUD' and employeeID = '10003'", ""),
        ("(practiceCode = 'CLOUD' or employeeID = '10003') and location = 'Location_ID=London'", "3"),
        ("not practiceCode != 'CLOUD'", "1"),
        ("terminationDate is not empty", "3"),
        ("costRate is empty", "4"),
        ("costRate >= 65.5 and fte < 1", "2"),
        ("hireDate > '2026-01-01'", "4"),
        ('fullName endsWith "O\'Hara"', "5"),
        ("fullName contains 'O''HARA'", "5"),
        ("primaryWorkEmail startsWith 'p6'", "6"),
        ("lastFunctionallyUpdated > '2026-01-05T09:30:15.250Z'", ""),
        ("lastFunctionallyUpdated >= '2026-01-05T10:30:15.250+01:00'", "123456"),
        (f"workerStatus in ({workday_wid('worker_status', 'On Leave')})", "5"),
        ("workerStatus = 'Worker_Status_ID=Future_Hire'", "4"),
        ("employeeID > '10004'", "56"),
    ],
)
async def test_conditions_select_the_right_workers(tenant: Tenant, where: str, numbers: str) -> None:
    """Each operator, and their combinations."""
    rows = await tenant.rows(f"SELECT employeeID FROM allWorkers WHERE {where}")
    assert [row["employeeID"] for row in rows] == [f"1000{n}" for n in numbers]


@pytest.mark.parametrize(
    ("query", "token"),
    [
        ("SELECT employeeID FORM allWorkers", "FORM"),
        ("SELECT employeeID fullName FROM allWorkers", "fullName"),
        ("SELECT * FROM allWorkers", "*"),
        ("SELECT employeeID FROM allWorkers WHERE fullName like 'x'", "like"),
        ("SELECT employeeID FROM allWorkers WHERE fullName = ", "end of the query"),
        ("SELECT employeeID FROM allWorkers WHERE hireDate = 2026-01-01", "-01"),
        ("SELECT employeeID FROM allWorkers LIMIT ten", "ten"),
        ("UPDATE allWorkers", "UPDATE"),
        ("SELECT salary FROM allWorkers", "salary"),
        ("SELECT dateOfBirth FROM allWorkers", "dateOfBirth"),
        ("SELECT employeeID FROM allWorkers WHERE homeAddress = 'x'", "homeAddress"),
        ("SELECT employeeID FROM allWorkers ORDER BY nothing", "nothing"),
        ("SELECT employeeID FROM everybody", "everybody"),
        ("SELECT employeeID FROM allWorkers (dataSourceFilter = x)", "dataSourceFilter"),
        ("SELECT employeeID FROM allWorkers (effectiveAsOfDate = 'soon')", "soon"),
        ("SELECT employeeID FROM workSchedules (effectiveAsOfDate = '2026-01-01')", "effectiveAsOfDate"),
        ("SELECT employeeID FROM workerFromEmailAddress", "emailAddress"),
        ("SELECT employeeID FROM allWorkers WHERE fte = 'one'", "one"),
        ("SELECT employeeID FROM allWorkers WHERE employeeID = 10001", "10001"),
        ("SELECT employeeID FROM allWorkers WHERE hireDate > '2026-02-31'", "2026-02-31"),
        ("SELECT employeeID FROM allWorkers WHERE workerStatus = 'Active'", "Active"),
        ("SELECT employeeID FROM allWorkers WHERE workerStatus > 'A=1'", ">"),
        ("SELECT employeeID, employeeID FROM allWorkers", "employeeID"),
        ("SELECT fte{x} FROM allWorkers", "fte"),
        ("SELECT location{salary} FROM allWorkers", "salary"),
        ("SELECT fullName, count(employeeID) FROM allWorkers GROUP BY practiceCode", "fullName"),
        ("SELECT sum(fullName) FROM allWorkers", "fullName"),
    ],
)
async def test_a_query_that_is_not_understood_is_400_and_names_the_culprit(
    tenant: Tenant, query: str, token: str
) -> None:
    """Syntax, unknown names and literals of a wrong type."""
    refused = await tenant.query(query)
    body = refused.json()
    assert refused.status_code == 400
    assert token in body["error"]
    assert body["errors"][0]["field"] == "query"


async def test_nested_fields_and_labels_shape_the_row(tenant: Tenant) -> None:
    """An instance can be opened, a field renamed, the row's own instance selected."""
    query = (
        "SELECT worker, worker{fullName, location{name AS city}} AS who, location{workdayID, referenceID} AS place, "
        "practiceCode AS practice FROM allWorkers WHERE employeeID = '10005'"
    )
    [row] = await tenant.rows(query)
    assert row == {
        "worker": {"id": AWAY, "descriptor": "First5 O'Hara (On Leave)"},
        "who": {"fullName": "First5 O'Hara", "location": {"city": "London"}},
        "place": {"workdayID": workday_wid("location", "London"), "referenceID": "London"},
        "practice": "DATA",
    }


async def test_rows_are_ordered_limited_and_grouped(tenant: Tenant) -> None:
    """Empty values sort first; groups count."""
    ordered = await tenant.rows("SELECT employeeID FROM allWorkers ORDER BY practiceCode desc, employeeID DESC LIMIT 2")
    assert [row["employeeID"] for row in ordered] == ["10006", "10005"]
    by_rate = await tenant.rows("SELECT employeeID AS e FROM allWorkers ORDER BY costRate, e LIMIT 2")
    assert [row["e"] for row in by_rate] == ["10004", "10001"]
    groups = await tenant.rows(
        "SELECT practiceCode, count(employeeID) AS heads, sum(fte) AS fte, max(hireDate) AS last "
        "FROM allWorkers GROUP BY practiceCode ORDER BY heads"
    )
    assert groups == [
        {"practiceCode": "CLOUD", "heads": 1, "fte": 1, "last": "2024-01-01"},
        {"practiceCode": "DATA", "heads": 5, "fte": 4.8, "last": "2026-09-01"},
    ]
    assert await tenant.rows("SELECT DISTINCT company FROM allWorkers") == [{"company": "UK01"}]
    assert await tenant.rows("SELECT count(employeeID) AS n FROM allWorkers WHERE fte > 5") == [{"n": 0}]


async def test_statuses_and_sources_tell_who_is_there(tenant: Tenant) -> None:
    """The one source has everybody, the other no future hires, leavers or contingent workers."""
    everybody = await tenant.rows("SELECT workerStatus, workerType FROM allWorkers")
    assert [row["workerStatus"]["descriptor"] for row in everybody] == [
        *("Active", "Active", "Terminated"),
        *("Future Hire", "On Leave", "Active"),
    ]
    assert everybody[5]["workerType"]["descriptor"] == "Contingent Worker"
    active = await tenant.rows("SELECT workdayID FROM allActiveEmployees")
    assert [row["workdayID"] for row in active] == [BOSS, DEV, AWAY]


async def test_effective_dating_gives_the_values_of_that_day(tenant: Tenant) -> None:
    """Cost rate, status and termination are those of the day."""
    query = "SELECT employeeID, workerStatus, terminationDate, costRate FROM allWorkers(effectiveAsOfDate = '{}')"
    past = await tenant.rows(query.format("2025-06-01"))
    assert past[2]["workerStatus"]["descriptor"] == "Active"
    assert "terminationDate" not in past[2]
    assert past[1]["costRate"] == {"currency": "GBP", "value": 60}
    future = await tenant.rows(query.format("2026-09-01"))
    assert future[3]["workerStatus"]["descriptor"] == "Active"
    assert future[3]["costRate"]["value"] == 70
    assert all("costRate" not in row for row in await tenant.rows(query.format("2020-01-01")))


async def test_a_worker_is_found_by_email_address(tenant: Tenant) -> None:
    """The address ignores letter case; an unknown one gives no row."""
    query = "SELECT workdayID FROM workerFromEmailAddress (emailAddress = '{}')"
    assert await tenant.rows(query.format("P2@firm.example")) == [{"workdayID": DEV}]
    assert await tenant.rows(query.format("nobody@firm.example")) == []


async def test_bulk_sources_give_skills_time_off_schedules_and_holidays(tenant: Tenant) -> None:
    """Rows per worker or per location."""
    skills = await tenant.rows("SELECT employeeID, skill FROM workerSkills WHERE employeeID in ('10001', '10006')")
    assert [(row["employeeID"], row["skill"]["descriptor"]) for row in skills] == [
        ("10001", "Python"),
        ("10001", "SQL"),
    ]
    off = await tenant.rows("SELECT employeeID, date, hours FROM approvedTimeOff WHERE date >= '2026-06-01'")
    assert off == [{"employeeID": "10002", "date": "2026-07-01", "hours": 7.5}]
    week = await tenant.rows("SELECT weekday, hours FROM workSchedules WHERE location = 'Location_ID=London'")
    assert [(row["weekday"], row["hours"]) for row in week][4:6] == [("Friday", 8), ("Saturday", 0)]
    holidays = await tenant.rows("SELECT calendar, location{name}, date FROM holidays")
    assert holidays == [{"calendar": "GB", "location": {"name": "London"}, "date": "2026-12-25"}]


async def test_pages_of_a_query_join_to_the_whole_by_get_and_post() -> None:
    """Pages are 100 rows unless smaller ones are asked for."""
    async with running(extra=244) as tenant:
        query = "SELECT employeeID FROM allWorkers ORDER BY employeeID"
        first = await tenant.http.get(DATA, params={"query": query})
        assert (first.json()["total"], len(first.json()["data"])) == (250, 100)
        seen = [row["employeeID"] for row in first.json()["data"]]
        for offset in (100, 200, 300):
            seen += [row["employeeID"] for row in await tenant.rows(query, offset=offset)]
        assert len(seen) == len(set(seen)) == 250
        assert len(await tenant.rows(query + " LIMIT 130", offset=100)) == 30
        assert len(await tenant.rows(query, limit=7, offset=3)) == 7


@pytest.mark.parametrize("params", [{"limit": 101}, {"limit": 0}, {"limit": "x"}, {"offset": -1}, {"colour": "red"}])
async def test_wrong_paging_is_refused_by_a_strict_tenant(tenant: Tenant, params: dict[str, Any]) -> None:
    """The finding names the parameter."""
    refused = await tenant.query("SELECT employeeID FROM allWorkers", **params)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] in params


async def test_a_lenient_tenant_clamps_and_may_leave_out_the_total() -> None:
    """Then only a short page tells the end."""
    async with running(Settings(strict=False, wql_page_max=3, wql_total=False)) as tenant:
        body = (await tenant.query("SELECT employeeID FROM allWorkers", limit=9999, colour="red")).json()
        assert len(body["data"]) == 3
        assert "total" not in body


async def test_a_query_needs_a_json_body_that_holds_it_and_nothing_else(tenant: Tenant) -> None:
    """Everything else is refused before it is parsed."""
    assert (await tenant.http.post(DATA, json={})).status_code == 400
    assert (await tenant.http.post(DATA, json=["SELECT"])).status_code == 400
    assert (await tenant.http.post(DATA, json={"query": "SELECT a FROM b", "x": 1})).status_code == 400
    assert (await tenant.http.post(DATA, content=b"{", headers={"Content-Type": "application/json"})).status_code == 400
    assert (await tenant.http.post(DATA, content=b"SELECT", headers={"Content-Type": "text/plain"})).status_code == 415


async def test_data_sources_and_their_fields_can_be_discovered(tenant: Tenant) -> None:
    """What has no alias cannot be queried."""
    sources = (await tenant.http.get("/ccx/api/wql/v1/plumbline/dataSources")).json()["data"]
    by_alias = {source.get("alias"): source for source in sources}
    assert {"allWorkers", "allActiveEmployees", "workerSkills", "approvedTimeOff", None} <= set(by_alias)
    listing = f"/ccx/api/wql/v1/plumbline/dataSources/{by_alias['allWorkers']['id']}/fields"
    fields = (await tenant.http.get(listing, params={"limit": 100})).json()["data"]
    types = {field.get("alias"): field["type"] for field in fields}
    assert types["company"] == "Text"
    assert types["location"] == "Single instance"
    assert types["costRate"] == "Currency"
    missing = await tenant.http.get(f"/ccx/api/wql/v1/plumbline/dataSources/{'0' * 32}/fields")
    assert missing.status_code == 404


async def test_the_generated_firm_is_served_whole() -> None:
    """Every worker once, every manager among them, no location without a schedule."""
    firm = generate(Size.SMALL, today=TODAY)
    async with running(firm=firm) as tenant:
        fields = "employeeID, managerEmployeeID, workerStatus, location, costRate, costRateCurrency"
        rows = await tenant.rows(f"SELECT {fields} FROM allWorkers")
        numbers = [row["employeeID"] for row in rows]
        assert numbers == [person.employee_number for person in firm.people]
        assert {row["managerEmployeeID"] for row in rows if "managerEmployeeID" in row} <= set(numbers)
        assert all(row["costRate"]["currency"] == row["costRateCurrency"] for row in rows if "costRate" in row)
        scheduled = await tenant.rows("SELECT DISTINCT location FROM workSchedules")
        assert {row["location"]["id"] for row in rows} == {row["location"]["id"] for row in scheduled}
        skills = (await tenant.query("SELECT employeeID, skill FROM workerSkills")).json()["total"]
        assert skills == sum(len(person.skills) for person in firm.people)


WORDS = st.sampled_from(
    [
        *("SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "and", "or", "not", "in", "is", "empty", "AS"),
        *("allWorkers", "holidays", "employeeID", "fte", "location", "hireDate", "costRate", "count(fte)", "desc"),
        *("(", ")", "{", "}", ",", "=", "!=", ">=", "startsWith", "5", "-1.5", "'x'", '"2026-01-01"', "'A=1'"),
        *("'", "\\", ";", "%", "true", "0123456789abcdef0123456789abcdef", "é", "99999999999999"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=12), st.lists(WORDS, max_size=8))
def test_any_text_is_a_result_or_a_refusal(head: list[str], tail: list[str]) -> None:
    """Nothing that a caller can write breaks the tenant."""
    engine = Engine(build_tenant(make_firm()))
    for query in (" ".join(head), "SELECT employeeID FROM allWorkers WHERE " + " ".join(tail)):
        with suppress(WqlError):
            engine.run(query, TODAY).page(5, 0)


@pytest.mark.parametrize("query", ["(" * 5000, "not " * 5000 + "fte = 1", "(" * 5000 + "fte = 1" + ")" * 5000])
async def test_a_query_nested_beyond_reason_is_refused(tenant: Tenant, query: str) -> None:
    """It costs a 400, not the tenant."""
    assert (await tenant.query(f"SELECT employeeID FROM allWorkers WHERE {query}")).status_code == 400

"""SOQL on the Salesforce org: what it selects, how it pages, and what it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest

from sources.sandbox.firm.generate import generate
from sources.sandbox.firm.model import Size
from tests.contract.sandbox.salesforce_tenant import (
    ACME,
    BOLT,
    CRANE,
    DEAL,
    DRAFT,
    LOST,
    OPEN,
    SIGNED,
    SPECS,
    V66,
    Org,
    running,
    standard_fields,
)


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    """An org with the vendor's own settings."""
    async with running() as started:
        yield started


async def test_records_carry_attributes_and_the_selected_fields_in_api_case(org: Org) -> None:
    """Keywords and names are taken in any case; parents come nested, missing ones as null."""
    body = await org.query(f"select id, NAME, parent.name from account where id in ('{ACME}', '{BOLT}')")
    assert body == {
        "totalSize": 2,
        "done": True,
        "records": [
            {
                "attributes": {"type": "Account", "url": f"{V66}/sobjects/Account/{ACME}"},
                "Id": ACME,
                "Name": "Acme Corp",
                "Parent": None,
            },
            {
                "attributes": {"type": "Account", "url": f"{V66}/sobjects/Account/{BOLT}"},
                "Id": BOLT,
                "Name": "bolt ltd",
                "Parent": {
                    "attributes": {"type": "Account", "url": f"{V66}/sobjects/Account/{ACME}"},
                    "Name": "Acme Corp",
                },
            },
        ],
    }


async def test_values_have_the_vendors_forms(org: Org) -> None:
    """Whole seconds and +0000 without colon; dates; numbers as numbers; percentages 0 to 100."""
    fields = "SystemModstamp, CloseDate, Amount, Probability, IsWon, Start_Date__c"
    row = (await org.query(f"SELECT {fields} FROM Opportunity WHERE Id = '{DEAL}'"))["records"][0]
    assert row["SystemModstamp"] == "2026-06-05T11:59:59.000+0000"
    assert (row["CloseDate"], row["Start_Date__c"]) == ("2026-06-11", "2026-07-01")
    assert (row["Amount"], row["Probability"], row["IsWon"]) == (100_000.0, 100.0, True)


async def test_children_come_as_results_and_as_null_when_there_are_none(org: Org) -> None:
    """A sub-select has its own order and limit."""
    soql = (
        "SELECT Id, (SELECT Role__c FROM Sold_Roles__r ORDER BY Hours__c DESC LIMIT 1), "
        "(SELECT Product2.ProductCode, Quantity, TotalPrice FROM OpportunityLineItems) FROM Opportunity"
    )
    rows = (await org.query(soql))["records"]
    roles = rows[0]["Sold_Roles__r"]
    assert (roles["totalSize"], roles["done"], roles["records"][0]["Role__c"]) == (1, True, "Developer")
    item = rows[0]["OpportunityLineItems"]["records"][0]
    assert (item["Product2"]["ProductCode"], item["Quantity"], item["TotalPrice"]) == ("PKG-A", 2.0, 20_000.0)
    assert rows[1]["Sold_Roles__r"] is None


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Name = 'ACME corp'", [ACME]),
        ("Name LIKE 'b%_td'", [BOLT]),
        ("Name LIKE '\\_%'", []),
        ("NOT Name LIKE '%c%'", [BOLT]),
        ("Region__c IN ('AMER', 'APAC')", [ACME, CRANE]),
        ("Region__c NOT IN ('AMER', 'APAC')", [BOLT]),
        ("Canonical_Id__c = null", [CRANE]),
        ("Canonical_Id__c != 'cus_1'", [BOLT, CRANE]),
        ("(Region__c = 'AMER' OR Region__c = 'EMEA') AND ParentId != null", [BOLT]),
        ("SystemModstamp >= 2026-05-26T11:59:59Z", [ACME, BOLT]),
        ("SystemModstamp > 2026-05-26T13:59:59+02:00", [ACME]),
        ("SystemModstamp = LAST_N_DAYS:12", [ACME]),
        ("SystemModstamp < LAST_N_DAYS:12", [BOLT, CRANE]),
        ("CreatedDate = TODAY", []),
        ("Parent.Name = 'Acme Corp'", [BOLT]),
        ("Account.Name = 'Acme Corp'", [ACME]),
        ("Id IN (SELECT AccountId FROM Contract WHERE Status = 'Activated')", [ACME]),
        ("Id NOT IN (SELECT AccountId FROM Opportunity WHERE IsClosed = true)", [CRANE]),
        ("IsDeleted = FALSE AND NumberOfEmployees = NULL AND AnnualRevenue != 5.5", [ACME, BOLT, CRANE]),
        (f"Id = '{ACME[:15]}'", [ACME]),
        (f"Id > '{ACME}'", [BOLT, CRANE]),
        (f"Id IN ('{CRANE}', '{ACME[:15]}', '001000000000000AAA')", [ACME, CRANE]),
    ],
)
async def test_conditions_select(org: Org, condition: str, expected: list[str]) -> None:
    """Texts compare without case, ids in both forms, nulls pass only != and NOT IN."""
    assert await org.column(f"SELECT Id FROM Account WHERE {condition}") == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("CloseDate = 2026-06-11", [DEAL]),
        ("CloseDate < TODAY", [DEAL, LOST, OPEN]),
        ("CloseDate = THIS_MONTH AND CloseDate != 2026-06-11", [LOST, OPEN]),
        ("CloseDate > LAST_MONTH", [DEAL, LOST, OPEN]),
        ("CloseDate > THIS_MONTH", []),
        ("CloseDate IN (2026-06-12, YESTERDAY)", [LOST]),
        ("Amount >= 7e4", [DEAL, OPEN]),
        ("Account.Parent.Name = 'Acme Corp'", [LOST]),
        ("Owner.IsActive = true AND StageName = 'Closed Won'", [DEAL]),
    ],
)
async def test_conditions_on_dates_numbers_and_parents_select(org: Org, condition: str, expected: list[str]) -> None:
    """A relative date counts as its whole span."""
    assert await org.column(f"SELECT Id FROM Opportunity WHERE {condition}") == expected


async def test_order_limit_and_offset(org: Org) -> None:
    """Nulls come first unless told otherwise; texts sort without case."""
    assert await org.column("SELECT Name FROM Account ORDER BY Name DESC", "Name") == [
        "Crane KK",
        "bolt ltd",
        "Acme Corp",
    ]
    assert await org.column("SELECT Id FROM Account ORDER BY ParentId") == [ACME, CRANE, BOLT]
    assert await org.column("SELECT Id FROM Account ORDER BY ParentId NULLS LAST, Name DESC") == [BOLT, CRANE, ACME]
    assert await org.column("SELECT Id FROM Account ORDER BY Name LIMIT 1 OFFSET 1") == [BOLT]


async def test_counts_and_groups(org: Org) -> None:
    """Aggregates have no address; unnamed columns are numbered."""
    assert await org.query("SELECT COUNT() FROM Account WHERE Region__c != 'EMEA'") == {
        "totalSize": 2,
        "done": True,
        "records": [],
    }
    body = await org.query(
        "SELECT IsClosed c, COUNT(Id), SUM(Amount) s FROM Opportunity GROUP BY IsClosed ORDER BY COUNT(Id) DESC"
    )
    assert body["records"] == [
        {"attributes": {"type": "AggregateResult"}, "c": True, "expr0": 2, "s": 105_000.0},
        {"attributes": {"type": "AggregateResult"}, "c": False, "expr0": 1, "s": 70_000.0},
    ]
    having = "SELECT Account.Name, MAX(CloseDate) FROM Opportunity GROUP BY Account.Name HAVING MAX(Amount) > 70000"
    assert (await org.query(having))["records"] == [
        {"attributes": {"type": "AggregateResult"}, "Name": "Acme Corp", "expr0": "2026-06-11"}
    ]
    assert (await org.query("SELECT MIN(Amount), AVG(Amount) FROM Opportunity"))["records"][0]["expr0"] == 5_000.0


@pytest.mark.parametrize(
    ("soql", "code", "reason"),
    [
        ("SELECT Foo FROM Account", "INVALID_FIELD", "No such column 'Foo' on entity 'Account'"),
        ("SELECT Id FROM Accounts", "INVALID_TYPE", "sObject type 'Accounts' is not supported"),
        ("SELECT Boss.Name FROM Account", "INVALID_FIELD", "Didn't understand relationship 'Boss' in field path"),
        ("SELECT (SELECT Id FROM Deals) FROM Account", "INVALID_TYPE", "Didn't understand relationship 'Deals'"),
        ("SELECT (SELECT Foo FROM Opportunities) FROM Account", "INVALID_FIELD", "No such column 'Foo'"),
        ("SELECT Id, Name, name FROM Account", "INVALID_FIELD", "duplicate field selected: name"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD", "must be of type string and should be enclosed"),
        ("SELECT Id FROM Account WHERE AnnualRevenue = '5'", "INVALID_FIELD", "of type currency and should not be"),
        ("SELECT Id FROM Account WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD", "of type dateTime"),
        ("SELECT Id FROM Account WHERE SystemModstamp > 2026-01-01", "INVALID_FIELD", "of type dateTime"),
        ("SELECT Id FROM Opportunity WHERE CloseDate > 2026-01-01T00:00:00Z", "INVALID_FIELD", "of type date and"),
        ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Account WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
        ("SELECT Id FROM Account WHERE Id LIKE '001%'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on id"),
        ("SELECT Id FROM Account WHERE Name = SOON", "MALFORMED_QUERY", "unexpected token: 'SOON'"),
        ("SELECT Id FROM Account WHERE a = 1 AND b = 2 OR c = 3", "MALFORMED_QUERY", "unexpected token: 'OR'"),
        ("SELECT * FROM Account", "MALFORMED_QUERY", "unexpected token: '*'"),
        ("SELECT Id FROM Account WHERE Name IS NULL", "MALFORMED_QUERY", "unexpected token: 'IS'"),
        ("SELECT Id FROM Account WHERE Name = :name", "MALFORMED_QUERY", "Bind variables only allowed in Apex code"),
        ("SELECT Id FROM", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Account WHERE Name = 'open", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM Account; DROP", "MALFORMED_QUERY", "unexpected token: ';'"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY", "must have a LIMIT of at most 200"),
        ("SELECT FIELDS(ALL) FROM Account LIMIT 201", "MALFORMED_QUERY", "must have a LIMIT of at most 200"),
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY", "Field must be grouped or aggregated: Name"),
        ("SELECT Amount, COUNT(Id) FROM Opportunity GROUP BY Amount", "MALFORMED_QUERY", "can not be grouped"),
        ("SELECT Name n FROM Account", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT ParentId FROM Account)",
            "MALFORMED_QUERY",
            "should not be on the same object type",
        ),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT OpportunityId FROM OpportunityLineItem)",
            "MALFORMED_QUERY",
            "should point to the same object type",
        ),
        ("SELECT IsDeleted FROM User", "INVALID_FIELD", "No such column 'IsDeleted' on entity 'User'"),
    ],
)
async def test_bad_queries_are_refused(org: Org, soql: str, code: str, reason: str) -> None:
    """One error with code and message, the reason in the message's last line."""
    found, message = await org.refusal(soql)
    assert (found, reason in message) == (code, True), message


async def test_a_refusal_points_at_the_culprit(org: Org) -> None:
    """The query, a caret below it, row and column."""
    message = (await org.http.get(f"{V66}/query", params={"q": "SELECT Foo FROM Account"})).json()[0]["message"]
    assert message.startswith("\nSELECT Foo FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Foo'")
    assert (await org.http.get(f"{V66}/query")).json()[0]["errorCode"] == "MALFORMED_QUERY"
    assert (await org.http.get(f"{V66}/query", params={"q": " "})).status_code == 400


async def test_absurd_queries_are_refused_without_a_crash(org: Org) -> None:
    """Deep nesting, endless counts and impossible dates."""
    request = {"method": "GET", "url": f"{V66}/query?q=SELECT+Id+FROM+Account+WHERE+{'NOT+' * 20_000}Id=null"}
    reply = await org.http.post(f"{V66}/composite", json={"compositeRequest": [{**request, "referenceId": "q"}]})
    assert reply.json()["compositeResponse"][0]["body"][0]["errorCode"] == "QUERY_TOO_COMPLICATED"
    for tail in (
        "LIMIT 1e400",
        "LIMIT -1",
        "LIMIT 1.5",
        "WHERE CreatedDate > LAST_N_DAYS:99999999999",
        "WHERE CreatedDate > 0001-01-01T00:00:00+14:00",
        "WHERE CreatedDate > 2026-02-30T00:00:00Z",
    ):
        assert (await org.refusal(f"SELECT Id FROM Account {tail}"))[0] == "MALFORMED_QUERY"


async def test_fields_functions_list_the_objects_fields(org: Org) -> None:
    """ALL needs a limit; STANDARD leaves the tenant's fields out."""
    everything = (await org.query("SELECT FIELDS(ALL) FROM Account LIMIT 1"))["records"][0]
    standard = (await org.query("SELECT FIELDS(STANDARD) FROM Account"))["records"][0]
    assert set(everything) - set(standard) == {"Region__c", "Tax_Registration__c", "Canonical_Id__c"}


async def test_long_results_page_through_a_cursor() -> None:
    """The total is on every page, the last has no next address, and a cursor dies after two days."""
    async with running(page_rows=2) as org:
        first = await org.query("SELECT Id FROM Account ORDER BY Name")
        assert (first["totalSize"], first["done"], len(first["records"])) == (3, False, 2)
        # What changes meanwhile does not shift the pages.
        await org.http.patch(f"{V66}/sobjects/Account/{ACME}", json={"Name": "Zebra"})
        last = (await org.http.get(first["nextRecordsUrl"])).json()
        assert (last["totalSize"], last["done"], [each["Id"] for each in last["records"]]) == (3, True, [CRANE])
        assert "nextRecordsUrl" not in last
        org.clock.advance(hours=1)
        assert (await org.http.get(first["nextRecordsUrl"])).status_code == 200
        org.clock.advance(days=2)
        org.http.headers["Authorization"] = org.app.authorization()
        for url in (first["nextRecordsUrl"], f"{V66}/query/01gnonsense-2000"):
            reply = await org.http.get(url)
            assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")


async def test_a_batch_size_is_held_between_200_and_2000() -> None:
    """The header asks; less than 200 gives 200."""
    firm = generate(Size.SMALL, today=date(2026, 6, 15))
    async with running(firm, page_rows=20) as org:
        soql = {"q": "SELECT Id FROM Sold_Role__c"}
        asked = await org.http.get(f"{V66}/query", params=soql, headers={"Sforce-Query-Options": "batchSize=1"})
        assert len(asked.json()["records"]) == min(200, asked.json()["totalSize"])
        assert len((await org.http.get(f"{V66}/query", params=soql)).json()["records"]) == 20


async def test_an_address_over_16384_bytes_is_refused(org: Org) -> None:
    """414 for the address alone, 431 for address and headers; a composite body takes the long query."""
    soql = f"SELECT Id FROM Account WHERE Id IN ({','.join([repr(ACME)] * 800)})"
    assert (await org.http.get(f"{V66}/query", params={"q": soql})).status_code == 414
    headers = {"X-Long": "x" * 16_384}
    assert (await org.http.get(f"{V66}/limits", headers=headers)).status_code == 431
    request = {"method": "GET", "url": f"{V66}/query?q={soql.replace(' ', '+')}", "referenceId": "q"}
    reply = await org.http.post(f"{V66}/composite", json={"compositeRequest": [request]})
    assert reply.json()["compositeResponse"][0]["body"]["totalSize"] == 1


async def test_deleted_rows_show_in_query_all_for_fifteen_days(org: Org) -> None:
    """A deletion moves the stamp, takes details along, and never shows in query."""
    assert (await org.http.delete(f"{V66}/sobjects/Contract/{SIGNED}")).status_code == 204
    assert await org.column("SELECT Id FROM Contract") == [DRAFT]
    assert await org.column("SELECT Id FROM Contract_Line__c") == []
    gone = "SELECT Id, SystemModstamp FROM Contract WHERE IsDeleted = true AND SystemModstamp >= 2026-06-15T12:00:00Z"
    assert await org.column(gone, every=True) == [SIGNED]
    assert await org.column("SELECT Id FROM Change_Order__c WHERE IsDeleted = true", every=True) != []
    org.clock.advance(days=16)
    org.http.headers["Authorization"] = org.app.authorization()
    assert await org.column(gone, every=True) == []


@pytest.mark.parametrize(
    "name",
    [
        "Account",
        "Opportunity",
        "OpportunityLineItem",
        "Product2",
        "PricebookEntry",
        "Contract",
        "User",
        "OpportunityStage",
    ],
)
async def test_standard_fields_are_the_published_ones(org: Org, name: str) -> None:
    """No standard field here that the platform does not have; nullability agrees."""
    if not (SPECS / "standard-objects.json").exists():
        pytest.skip("the published field inventory of the standard objects is not beside this repository")
    published = standard_fields(name)
    multi_currency = {"CurrencyIsoCode", "DefaultCurrencyIsoCode"}
    not_in_sample = {"ExpectedRevenue", "LastStageChangeDate", "Discount", "AccountNumber"}
    described = (await org.http.get(f"{V66}/sobjects/{name}/describe")).json()["fields"]
    for field in described:
        if not field["custom"] and field["name"] not in multi_currency | not_in_sample:
            assert field["name"] in published
            if field["createable"]:
                assert field["nillable"] or not published[field["name"]]["nillable"], field["name"]


async def test_the_generated_firm_loads_whole() -> None:
    """Every row of the firm's CRM side is there once."""
    firm = generate(Size.SMALL, today=date(2026, 6, 15))
    async with running(firm) as org:
        expected = {
            "Account": len(firm.customers),
            "Opportunity": len(firm.opportunities),
            "Contract": len(firm.contracts),
            "Contract_Line__c": len(firm.contract_lines),
            "Change_Order__c": len(firm.change_orders),
            "Sold_Role__c": sum(len(each.sold_roles) for each in firm.opportunities),
            "OpportunityLineItem": sum(len(each.sold_packages) for each in firm.opportunities),
        }
        found = {name: (await org.query(f"SELECT COUNT() FROM {name}"))["totalSize"] for name in expected}
        assert found == expected

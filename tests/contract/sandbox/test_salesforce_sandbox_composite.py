"""Many rows and many calls in one, on the Salesforce org."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contract.sandbox.salesforce_tenant import ACME, BOLT, CRANE, DEAL, V66, Org, running

ROWS = f"{V66}/composite/sobjects"
ACCOUNT = {"attributes": {"type": "Account"}}


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    """An org with the vendor's own settings."""
    async with running() as started:
        yield started


async def _count(org: Org) -> int:
    total: int = (await org.query("SELECT COUNT() FROM Account"))["totalSize"]
    return total


async def test_rows_are_read_in_the_order_of_their_ids(org: Org) -> None:
    """Null for what is missing, deleted, of another object or no id; by POST and by GET."""
    await org.http.delete(f"{V66}/sobjects/Account/{CRANE}")
    ids = [BOLT, "001000000000000AAA", ACME[:15], CRANE, DEAL, "nonsense", BOLT]
    body = {"ids": ids, "fields": ["Name", "Region__c"]}
    rows = (await org.http.post(f"{ROWS}/Account", json=body)).json()
    assert [each and each["Name"] for each in rows] == ["bolt ltd", None, "Acme Corp", None, None, None, "bolt ltd"]
    assert rows[0] == {
        "attributes": {"type": "Account", "url": f"{V66}/sobjects/Account/{BOLT}"},
        "Name": "bolt ltd",
        "Region__c": "EMEA",
        "Id": BOLT,
    }
    params = {"ids": ",".join(ids), "fields": "Name,Region__c"}
    assert (await org.http.get(f"{ROWS}/Account", params=params)).json() == rows


async def test_a_bad_field_or_too_many_ids_refuse_the_whole_read(org: Org) -> None:
    """400; two thousand ids are fine, one more is not."""
    bad = await org.http.post(f"{ROWS}/Account", json={"ids": [ACME], "fields": ["Name", "Foo"]})
    assert (bad.status_code, bad.json()[0]["errorCode"]) == (400, "INVALID_FIELD")
    for body in (
        {"ids": [ACME]},
        {"fields": ["Name"]},
        {"ids": [], "fields": ["Name"]},
        {"ids": ACME, "fields": "Name"},
    ):
        assert (await org.http.post(f"{ROWS}/Account", json=body)).status_code == 400
    full = await org.http.post(f"{ROWS}/Account", json={"ids": [ACME] * 2_000, "fields": ["Id"]})
    assert len(full.json()) == 2_000
    over = await org.http.post(f"{ROWS}/Account", json={"ids": [ACME] * 2_001, "fields": ["Id"]})
    assert (over.status_code, over.json()[0]["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")
    assert (await org.http.post(f"{ROWS}/Foo", json={"ids": [ACME], "fields": ["Id"]})).status_code == 404


async def test_each_row_of_a_write_has_its_outcome(org: Org) -> None:
    """Status 200 although rows fail; a row's error has statusCode instead of errorCode."""
    records = [{**ACCOUNT, "Name": "One"}, ACCOUNT, {"Name": "Two"}, {"attributes": {"type": "Foo"}, "Name": "x"}]
    reply = await org.http.post(ROWS, json={"records": records})
    assert reply.status_code == 200
    first, second, third, fourth = reply.json()
    assert (first["success"], first["errors"]) == (True, [])
    assert second == {
        "success": False,
        "errors": [
            {
                "statusCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [Name]",
                "fields": ["Name"],
            }
        ],
    }
    assert [each["errors"][0]["statusCode"] for each in (third, fourth)] == ["INVALID_TYPE", "INVALID_TYPE"]
    assert await _count(org) == 4


async def test_all_or_none_undoes_the_good_rows(org: Org) -> None:
    """The siblings of a failing row say that they were rolled back, updates included."""
    records = [{**ACCOUNT, "Name": "One", "Canonical_Id__c": "cus_7"}, ACCOUNT]
    outcomes = (await org.http.post(ROWS, json={"allOrNone": True, "records": records})).json()
    codes = [each["errors"][0]["statusCode"] for each in outcomes]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert await _count(org) == 3
    updates = [{**ACCOUNT, "id": ACME, "Name": "Changed"}, {**ACCOUNT, "id": "bad"}]
    await org.http.patch(ROWS, json={"allOrNone": True, "records": updates})
    assert await org.column("SELECT Id FROM Account WHERE Name = 'Changed' OR Canonical_Id__c = 'cus_7'") == []


async def test_rows_are_updated_upserted_and_deleted_together(org: Org) -> None:
    """Updates carry the id, upserts the key and `created`; deletes name ids of any object."""
    updates = [{**ACCOUNT, "Id": ACME, "Name": "A"}, {**ACCOUNT, "Name": "x"}, {**ACCOUNT, "id": DEAL, "Name": "x"}]
    outcomes = (await org.http.patch(ROWS, json={"records": updates})).json()
    assert outcomes[0] == {"id": ACME, "success": True, "errors": []}
    assert [each["errors"][0]["statusCode"] for each in outcomes[1:]] == ["MISSING_ARGUMENT", "MALFORMED_ID"]
    upserts = [
        {**ACCOUNT, "Canonical_Id__c": "cus_2", "Name": "B"},
        {**ACCOUNT, "Canonical_Id__c": "cus_8", "Name": "H"},
    ]
    outcomes = (await org.http.patch(f"{ROWS}/Account/Canonical_Id__c", json={"records": upserts})).json()
    assert [(each["success"], each["created"]) for each in outcomes] == [(True, False), (True, True)]
    assert outcomes[0]["id"] == BOLT
    by_name = await org.http.patch(f"{ROWS}/Contract_Line__c/Name", json={"records": []})
    assert by_name.status_code == 404
    gone = (await org.http.delete(ROWS, params={"ids": f"{CRANE},{DEAL},bad"})).json()
    assert [each["success"] for each in gone] == [True, True, False]
    assert gone[2]["errors"][0]["statusCode"] == "MALFORMED_ID"


async def test_two_hundred_rows_are_the_most(org: Org) -> None:
    """One more refuses the whole call."""
    records = [{**ACCOUNT, "Name": f"N{n}"} for n in range(201)]
    reply = await org.http.post(ROWS, json={"records": records})
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")
    assert all(each["success"] for each in (await org.http.post(ROWS, json={"records": records[:200]})).json())
    assert await _count(org) == 203


def _request(method: str, url: str, reference: str, body: Any = None) -> dict[str, Any]:
    return {"method": method, "url": f"{V66}/{url}", "referenceId": reference, "body": body}


async def test_composite_calls_refer_to_earlier_replies(org: Org) -> None:
    """References resolve in addresses and bodies, into objects and lists; the whole is one API call."""
    deal = {"Name": "D", "AccountId": "@{made.id}", "StageName": "Prospecting", "CloseDate": "2026-12-01"}
    requests = [
        _request("POST", "sobjects/Account", "made", {"Name": "New"}),
        _request("POST", "sobjects/Opportunity", "deal", deal),
        _request("GET", "query?q=SELECT+Id,Name+FROM+Account+WHERE+Id='@{made.id}'", "found"),
        _request(
            "PATCH", "sobjects/Account/@{found.records[0].Id}", "renamed", {"Description": "@{found.records[0].Name}"}
        ),
    ]
    reply = await org.http.post(f"{V66}/composite", json={"compositeRequest": requests})
    assert reply.headers["Sforce-Limit-Info"].startswith("api-usage=1/")
    responses = reply.json()["compositeResponse"]
    assert [each["httpStatusCode"] for each in responses] == [201, 201, 200, 204]
    assert responses[0]["httpHeaders"]["Location"].endswith(responses[0]["body"]["id"])
    assert await org.column("SELECT Account.Name FROM Opportunity WHERE Name = 'D'", "Account") == [
        {"attributes": responses[2]["body"]["records"][0]["attributes"], "Name": "New"}
    ]


async def test_a_failing_composite_rolls_back_when_told_to(org: Org) -> None:
    """The failing call shows its own error, the others that they were halted."""
    requests = [
        _request("POST", "sobjects/Account", "one", {"Name": "New"}),
        _request("POST", "sobjects/Account", "two", {}),
        _request("GET", "limits", "three"),
    ]
    reply = await org.http.post(f"{V66}/composite", json={"allOrNone": True, "compositeRequest": requests})
    responses = reply.json()["compositeResponse"]
    codes = [each["body"][0]["errorCode"] for each in responses]
    assert codes == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    assert await _count(org) == 3


async def test_without_all_or_none_only_dependents_halt(org: Org) -> None:
    """A reference to a failed reply has no value."""
    requests = [
        _request("POST", "sobjects/Account", "one", {}),
        _request("GET", "sobjects/Account/@{one.id}", "two"),
        _request("POST", "sobjects/Account", "three", {"Name": "New"}),
    ]
    responses = (await org.http.post(f"{V66}/composite", json={"compositeRequest": requests})).json()[
        "compositeResponse"
    ]
    assert [each["httpStatusCode"] for each in responses] == [400, 400, 201]
    assert responses[1]["body"][0]["errorCode"] == "PROCESSING_HALTED"


async def test_composite_has_its_limits(org: Org) -> None:
    """25 calls, five of them queries or collections; references unique; no composite within."""
    many = [_request("GET", "limits", f"r{n}") for n in range(26)]
    queries = [_request("GET", "query?q=SELECT+Id+FROM+Account", f"r{n}") for n in range(6)]
    for requests in (many, queries, [], many[:1] * 2, [{"method": "GET"}]):
        assert (await org.http.post(f"{V66}/composite", json={"compositeRequest": requests})).status_code == 400
    assert (await org.http.post(f"{V66}/composite", json={"compositeRequest": many[:25]})).status_code == 200
    nested = [_request("POST", "composite", "inner", {"compositeRequest": many[:1]})]
    reply = await org.http.post(f"{V66}/composite", json={"compositeRequest": nested})
    assert reply.json()["compositeResponse"][0]["httpStatusCode"] == 400


async def test_a_batch_runs_independent_calls(org: Org) -> None:
    """Addresses start with the version; haltOnError stops what follows the first failure."""
    requests = [
        {"method": "PATCH", "url": f"v66.0/sobjects/Account/{ACME}", "richInput": {"Name": "Batch"}},
        {"method": "GET", "url": "v66.0/sobjects/Account/none"},
        {"method": "GET", "url": f"v66.0/sobjects/Account/{ACME}?fields=Name"},
    ]
    body = (await org.http.post(f"{V66}/composite/batch", json={"batchRequests": requests})).json()
    assert (body["hasErrors"], [each["statusCode"] for each in body["results"]]) == (True, [204, 404, 200])
    assert body["results"][2]["result"]["Name"] == "Batch"
    halting = {"batchRequests": requests, "haltOnError": True}
    body = (await org.http.post(f"{V66}/composite/batch", json=halting)).json()
    assert [each["statusCode"] for each in body["results"]] == [204, 404, 412]
    over = {"batchRequests": requests[2:] * 26}
    assert (await org.http.post(f"{V66}/composite/batch", json=over)).status_code == 400

"""Single rows of the Salesforce org: reading, writing, external ids, conditions, describe, replication."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contract.sandbox.salesforce_tenant import (
    ACME,
    BOLT,
    CRANE,
    DEAL,
    DRAFT,
    LINE,
    OPEN,
    SIGNED,
    V66,
    Org,
    running,
)

ACCOUNTS = f"{V66}/sobjects/Account"
NEVER = "001000000000000AAA"


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    """An org with the vendor's own settings."""
    async with running() as started:
        yield started


async def _row(org: Org, address: str, **params: str) -> dict[str, Any]:
    reply = await org.http.get(f"{V66}/sobjects/{address}", params=params)
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


async def test_a_row_is_read_by_either_form_of_its_id(org: Org) -> None:
    """Without `fields` all of them, nulls included; with it those and the id."""
    row = await _row(org, f"Account/{ACME[:15]}")
    assert (row["Id"], row["Region__c"], row["ParentId"]) == (ACME, "AMER", None)
    assert row["attributes"] == {"type": "Account", "url": f"{ACCOUNTS}/{ACME}"}
    assert set(await _row(org, f"Account/{ACME}", fields="Name,industry")) == {"attributes", "Id", "Name", "Industry"}
    reply = await org.http.get(f"{ACCOUNTS}/{ACME}", params={"fields": "Name,Foo"})
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "INVALID_FIELD")


async def test_what_is_not_there_is_404(org: Org) -> None:
    """Unknown ids, objects and resources alike; a deleted row says so."""
    for address in (f"Account/{NEVER}", "Account/nonsense", f"Opportunity/{ACME}", "Foo/x", f"Foo/{ACME}"):
        reply = await org.http.get(f"{V66}/sobjects/{address}")
        assert (reply.status_code, reply.json()[0]["errorCode"]) == (404, "NOT_FOUND")
    assert (await org.http.get(f"{V66}/nothing")).status_code == 404
    await org.http.delete(f"{ACCOUNTS}/{CRANE}")
    for reply in (await org.http.get(f"{ACCOUNTS}/{CRANE}"), await org.http.delete(f"{ACCOUNTS}/{CRANE}")):
        expected = [{"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}]
        assert (reply.status_code, reply.json()) == (404, expected)


async def test_a_create_answers_201_and_shows_everywhere(org: Org) -> None:
    """The stamps are the org's, the owner the caller's user, defaults are filled in."""
    reply = await org.http.post(f"{V66}/sobjects/Account/", json={"Name": "New", "Canonical_Id__c": "cus_new"})
    row_id = reply.json()["id"]
    assert (reply.status_code, reply.json()) == (201, {"id": row_id, "success": True, "errors": []})
    assert reply.headers["Location"] == f"{ACCOUNTS}/{row_id}"
    row = await _row(org, f"Account/{row_id}")
    assert row["SystemModstamp"] == row["CreatedDate"] == "2026-06-15T12:00:00.000+0000"
    assert (row["OwnerId"] == row["CreatedById"], row["CurrencyIsoCode"]) == (True, "USD")
    assert await org.column("SELECT Id FROM Account WHERE SystemModstamp >= 2026-06-15T00:00:00Z") == [row_id]
    assert await org.column("SELECT Id FROM Account WHERE Canonical_Id__c = 'CUS_NEW'") == [row_id]


async def test_an_update_changes_what_is_sent_and_moves_the_stamps(org: Org) -> None:
    """204 without a body; null and the empty text clear a field."""
    org.clock.advance(seconds=90)
    body = {"Name": "Acme", "Tax_Registration__c": "", "parent": {"Canonical_Id__c": "cus_2"}}
    reply = await org.http.patch(f"{ACCOUNTS}/{ACME}", json=body)
    assert (reply.status_code, reply.content) == (204, b"")
    row = await _row(org, f"Account/{ACME}")
    assert (row["Name"], row["Tax_Registration__c"], row["ParentId"]) == ("Acme", None, BOLT)
    assert row["SystemModstamp"] == row["LastModifiedDate"] == "2026-06-15T12:01:30.000+0000"
    assert row["Region__c"] == "AMER"


LINE_BODY = {"Name": "L", "Contract__c": SIGNED, "Model__c": "MANAGED_RECURRING"}


@pytest.mark.parametrize(
    ("address", "body", "code", "fields"),
    [
        ("Account", {}, "REQUIRED_FIELD_MISSING", ["Name"]),
        ("Opportunity", {"Name": "x"}, "REQUIRED_FIELD_MISSING", ["StageName", "CloseDate"]),
        ("Account", {"Name": "x" * 256}, "STRING_TOO_LONG", ["Name"]),
        ("Account", {"Name": "x", "Foo": 1}, "INVALID_FIELD", None),
        ("Account", {"Name": "x", "Region__c": "MOON"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Region__c"]),
        (
            "Contract_Line__c",
            {**LINE_BODY, "Model__c": "BARTER"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            ["Model__c"],
        ),
        ("Account", {"Name": "x", "ParentId": "abc"}, "MALFORMED_ID", ["ParentId"]),
        ("Account", {"Name": "x", "ParentId": DEAL}, "MALFORMED_ID", ["ParentId"]),
        ("Account", {"Name": "x", "ParentId": NEVER}, "INVALID_CROSS_REFERENCE_KEY", ["ParentId"]),
        ("Account", {"Name": "x", "Canonical_Id__c": "CUS_1"}, "DUPLICATE_VALUE", ["Canonical_Id__c"]),
        (
            "Account",
            {"Name": "x", "SystemModstamp": "2026-01-01T00:00:00Z"},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            ["SystemModstamp"],
        ),
        ("Account", {"Name": "x", "Id": ACME}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["Id"]),
        ("Account", {"Name": 5}, "JSON_PARSER_ERROR", None),
        ("Account", {"Name": "x", "AnnualRevenue": "much"}, "JSON_PARSER_ERROR", None),
        ("Account", {"Name": "x", "AnnualRevenue": 1e20}, "NUMBER_OUTSIDE_VALID_RANGE", ["AnnualRevenue"]),
        ("Contract_Line__c", {**LINE_BODY, "Start_Date__c": "2026-02-30"}, "JSON_PARSER_ERROR", None),
        ("Contract", {"AccountId": ACME, "Status": "Activated"}, "FAILED_ACTIVATION", ["Status"]),
        ("Account", {"Name": "x", "Parent": {"Canonical_Id__c": "cus_9"}}, "INVALID_FIELD", []),
        ("User", {"LastName": "x"}, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", []),
        ("OpportunityStage", {"MasterLabel": "x"}, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", []),
    ],
)
async def test_bad_rows_are_refused(
    org: Org, address: str, body: dict[str, Any], code: str, fields: list[str] | None
) -> None:
    """400 with the code and the fields at fault; nothing is stored."""
    before = (await org.query(f"SELECT COUNT() FROM {address}"))["totalSize"]
    reply = await org.http.post(f"{V66}/sobjects/{address}", json=body)
    assert (reply.status_code, reply.json()[0]["errorCode"], reply.json()[0].get("fields")) == (400, code, fields)
    assert (await org.query(f"SELECT COUNT() FROM {address}"))["totalSize"] == before


async def test_messages_name_the_trouble(org: Org) -> None:
    """The texts that clients match on."""
    replies = [
        await org.http.post(ACCOUNTS, json={}),
        await org.http.post(ACCOUNTS, json={"Name": "x", "foo": 1}),
        await org.http.post(ACCOUNTS, json={"Name": "x", "Canonical_Id__c": "cus_1"}),
    ]
    assert [each.json()[0]["message"] for each in replies] == [
        "Required fields are missing: [Name]",
        "No such column 'foo' on sobject of type Account",
        f"duplicate value found: Canonical_Id__c duplicates value on record with id: {ACME[:15]}",
    ]


async def test_updates_refuse_ids_masters_and_wrong_bodies(org: Org) -> None:
    """The id is in the address; a detail stays with its master; the body is a JSON object of its type."""
    replies = [
        await org.http.patch(f"{ACCOUNTS}/{ACME}", json={"Id": ACME}),
        await org.http.patch(f"{V66}/sobjects/Contract_Line__c/{LINE}", json={"Contract__c": DRAFT}),
        await org.http.patch(f"{ACCOUNTS}/{ACME}", json={"Name": None}),
        await org.http.patch(f"{ACCOUNTS}/{ACME}", content=b"{oops", headers={"Content-Type": "application/json"}),
        await org.http.patch(f"{ACCOUNTS}/{ACME}", json=[1]),
        await org.http.patch(f"{ACCOUNTS}/{ACME}", data={"Name": "x"}),
        await org.http.put(f"{ACCOUNTS}/{ACME}", json={}),
    ]
    assert [(each.status_code, each.json()[0]["errorCode"]) for each in replies] == [
        (400, "INVALID_FIELD"),
        (400, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        (400, "REQUIRED_FIELD_MISSING"),
        (400, "JSON_PARSER_ERROR"),
        (400, "JSON_PARSER_ERROR"),
        (415, "UNSUPPORTED_MEDIA_TYPE"),
        (405, "METHOD_NOT_ALLOWED"),
    ]


async def test_a_stage_decides_what_follows_from_it(org: Org) -> None:
    """IsClosed, IsWon, probability and expected revenue are the platform's to set."""
    await org.http.patch(f"{V66}/sobjects/Opportunity/{OPEN}", json={"StageName": "Closed Won"})
    row = await _row(org, f"Opportunity/{OPEN}")
    assert (row["IsClosed"], row["IsWon"], row["Probability"]) == (True, True, 100.0)
    assert (row["ExpectedRevenue"], row["ForecastCategory"]) == (70_000.0, "Closed")
    stages = await org.query("SELECT ApiName, IsClosed, IsWon FROM OpportunityStage WHERE IsClosed = true")
    assert [(each["ApiName"], each["IsWon"]) for each in stages["records"]] == [
        ("Closed Won", True),
        ("Closed Lost", False),
    ]
    reply = await org.http.patch(f"{V66}/sobjects/Opportunity/{OPEN}", json={"IsWon": False})
    assert reply.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


async def test_products_roll_up_into_the_amount(org: Org) -> None:
    """With products a sent amount is passed over; a product's change moves the amount and both stamps."""
    deal = f"Opportunity/{DEAL}"
    await org.http.patch(f"{V66}/sobjects/{deal}", json={"Amount": 1})
    assert (await _row(org, deal))["Amount"] == 100_000.0
    product = (await org.column("SELECT Id FROM Product2"))[0]
    body = {"OpportunityId": DEAL, "Product2Id": product, "Quantity": 3, "UnitPrice": 1000}
    org.clock.advance(minutes=1)
    item = (await org.http.post(f"{V66}/sobjects/OpportunityLineItem", json=body)).json()["id"]
    assert (await _row(org, deal))["Amount"] == 103_000.0
    assert (await _row(org, deal))["SystemModstamp"] == "2026-06-15T12:01:00.000+0000"
    row = await _row(org, f"OpportunityLineItem/{item}")
    assert (row["TotalPrice"], row["ProductCode"], row["CurrencyIsoCode"]) == (3000.0, "PKG-A", "USD")
    await org.http.patch(f"{V66}/sobjects/OpportunityLineItem/{item}", json={"Quantity": 5})
    assert (await _row(org, deal))["Amount"] == 105_000.0
    await org.http.delete(f"{V66}/sobjects/OpportunityLineItem/{item}")
    assert (await _row(org, deal))["Amount"] == 100_000.0
    both = await org.http.post(f"{V66}/sobjects/OpportunityLineItem", json={**body, "TotalPrice": 1})
    assert both.json()[0]["errorCode"] == "FIELD_INTEGRITY_EXCEPTION"


async def test_a_contract_is_activated_by_an_update_and_stays_so(org: Org) -> None:
    """StatusCode and the activation's time follow."""
    contract = f"{V66}/sobjects/Contract"
    made = await org.http.post(contract, json={"AccountId": ACME, "StartDate": "2026-07-01", "Value__c": "5000.50"})
    row_id = made.json()["id"]
    assert (await org.http.patch(f"{contract}/{row_id}", json={"Status": "Activated"})).status_code == 204
    row = await _row(org, f"Contract/{row_id}")
    assert (row["StatusCode"], row["ActivatedDate"]) == ("Activated", "2026-06-15T12:00:00.000+0000")
    assert (row["Value__c"], row["Cancelled__c"]) == (5000.5, False)
    assert (await org.http.patch(f"{contract}/{row_id}", json={"Status": "Draft"})).status_code == 400


async def test_upserts_by_external_id_create_then_update(org: Org) -> None:
    """201 and 200 with `created`; the body may not repeat the key; updateOnly stops creation."""
    address = f"{ACCOUNTS}/Canonical_Id__c/cus%2F9"
    assert (await org.http.patch(address, params={"updateOnly": "true"}, json={"Name": "N"})).status_code == 404
    made = await org.http.patch(address, json={"Name": "Nine"})
    row_id = made.json()["id"]
    assert (made.status_code, made.json()["created"]) == (201, True)
    again = await org.http.patch(address, json={"Name": "Nine again"})
    assert (again.status_code, again.json()) == (200, {"id": row_id, "success": True, "errors": [], "created": False})
    assert (await _row(org, "Account/Canonical_Id__c/CUS%2F9"))["Name"] == "Nine again"
    assert (await org.http.patch(address, json={"Canonical_Id__c": "x"})).status_code == 400
    unknown = await org.http.get(f"{ACCOUNTS}/Foo/x")
    message = "Provided external ID field does not exist or is not accessible: Foo"
    assert (unknown.status_code, unknown.json()[0]["message"]) == (404, message)
    assert (await org.http.get(f"{ACCOUNTS}/Canonical_Id__c/none")).status_code == 404


async def test_an_ambiguous_key_lists_the_rows(org: Org) -> None:
    """300 with the address of each match."""
    lines = f"{V66}/sobjects/Contract_Line__c"
    await org.http.post(lines, json={**LINE_BODY, "Name": "Line 1"})
    reply = await org.http.get(f"{lines}/Name/Line%201")
    assert (reply.status_code, len(reply.json()), reply.json()[0]) == (300, 2, f"{lines}/{LINE}")
    assert (await org.http.patch(f"{lines}/Name/Line%201", json={"Price__c": 1})).status_code == 300


async def test_writes_can_demand_that_the_row_is_unchanged(org: Org) -> None:
    """412 when it has moved, 400 when the date is malformed on a write; DELETE does not look."""
    address = f"{V66}/sobjects/Contract/{SIGNED}"
    seen = (await org.http.get(address)).headers["Last-Modified"]
    assert "ETag" not in (await org.http.get(address)).headers
    same = {"If-Unmodified-Since": seen}
    assert (await org.http.patch(address, json={"Template__c": "A"}, headers=same)).status_code == 204
    stale = await org.http.patch(address, json={"Template__c": "B"}, headers=same)
    assert (stale.status_code, stale.json()[0]["errorCode"]) == (412, "PRECONDITION_FAILED")
    assert (await _row(org, f"Contract/{SIGNED}"))["Template__c"] == "A"
    bad = {"If-Unmodified-Since": "yesterday"}
    assert (await org.http.patch(address, json={"Template__c": "B"}, headers=bad)).status_code == 400
    assert (await org.http.get(address, headers=bad)).status_code == 200
    assert (await org.http.get(address, headers=same)).status_code == 412
    assert (await org.http.delete(address, headers=same)).status_code == 204


async def test_reads_can_ask_for_changes_only(org: Org) -> None:
    """304 without a body, by date for every object and by entity tag for accounts."""
    first = await org.http.get(f"{ACCOUNTS}/{ACME}")
    for headers in ({"If-Modified-Since": first.headers["Last-Modified"]}, {"If-None-Match": first.headers["ETag"]}):
        reply = await org.http.get(f"{ACCOUNTS}/{ACME}", headers=headers)
        assert (reply.status_code, reply.content) == (304, b"")
    match = {"If-Match": first.headers["ETag"]}
    assert (await org.http.patch(f"{ACCOUNTS}/{ACME}", json={"Name": "A"}, headers=match)).status_code == 204
    assert (await org.http.patch(f"{ACCOUNTS}/{ACME}", json={"Name": "B"}, headers=match)).status_code == 412
    assert (
        await org.http.get(f"{ACCOUNTS}/{ACME}", headers={"If-None-Match": first.headers["ETag"]})
    ).status_code == 200


async def test_describe_tells_what_the_tenant_added(org: Org) -> None:
    """Global and per object; unchanged metadata is 304."""
    everything = (await org.http.get(f"{V66}/sobjects")).json()["sobjects"]
    assert {"Account", "Sold_Role__c", "Contract_Line__c", "Change_Order__c"} <= {each["name"] for each in everything}
    reply = await org.http.get(f"{V66}/sobjects/Contract_Line__c/describe")
    fields = {each["name"]: each for each in reply.json()["fields"]}
    assert (fields["Contract__c"]["referenceTo"], fields["Contract__c"]["relationshipName"]) == (
        ["Contract"],
        "Contract__r",
    )
    assert (fields["Model__c"]["type"], fields["Model__c"]["restrictedPicklist"]) == ("picklist", True)
    assert len(fields["Model__c"]["picklistValues"]) == 6
    assert (fields["Canonical_Id__c"]["externalId"], fields["Canonical_Id__c"]["unique"]) == (True, True)
    assert reply.json()["childRelationships"][0]["relationshipName"] == "Change_Orders__r"
    unchanged = {"If-Modified-Since": reply.headers["Last-Modified"]}
    again = await org.http.get(f"{V66}/sobjects/Contract_Line__c/describe", headers=unchanged)
    assert again.status_code == 304
    assert (await org.http.get(f"{V66}/sobjects/Nope/describe")).status_code == 404


async def test_replication_names_changed_and_deleted_ids(org: Org) -> None:
    """Seconds are ignored; the look-back is 30 days for changes and 15 for deletions."""
    await org.http.patch(f"{ACCOUNTS}/{ACME}", json={"Name": "A"})
    await org.http.delete(f"{ACCOUNTS}/{CRANE}")
    span = {"start": "2026-06-15T12:00:59+00:00", "end": "2026-06-15T12:01:00Z"}
    updated = (await org.http.get(f"{ACCOUNTS}/updated/", params=span)).json()
    assert updated == {"ids": [ACME], "latestDateCovered": "2026-06-15T12:01:00.000+0000"}
    deleted = (await org.http.get(f"{ACCOUNTS}/deleted/", params=span)).json()
    assert deleted["deletedRecords"] == [{"id": CRANE, "deletedDate": "2026-06-15T12:00:00.000+0000"}]
    assert set(deleted) == {"deletedRecords", "earliestDateAvailable", "latestDateCovered"}
    early = {**span, "start": "2026-05-30T00:00:00Z"}
    assert (await org.http.get(f"{ACCOUNTS}/updated", params=early)).status_code == 200
    refused = await org.http.get(f"{ACCOUNTS}/deleted", params=early)
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALID_REPLICATION_DATE")
    for params in ({}, {"start": span["end"], "end": span["start"]}, {"start": "x", "end": "y"}):
        assert (await org.http.get(f"{ACCOUNTS}/deleted", params=params)).status_code == 400

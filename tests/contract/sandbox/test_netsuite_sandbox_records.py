"""The record API of the NetSuite sandbox: reading, filters, writing, sublists, deletes, jobs, the catalogue."""

import json
from typing import Any

import httpx
import pytest

from sources.sandbox.firm.vendor_ids import netsuite_id
from sources.sandbox.netsuite.record_types import RECORD_TYPES
from tests.contract.sandbox.netsuite_account import RECORD, SPECS, Account, account, code, firm

STRICT = {"X-NetSuite-PropertyNameValidation": "Error"}
US01 = {"externalId": "US01"}
CUSTOMER = netsuite_id("customer", 1)
JOB = netsuite_id("job", 1)


async def create(served: Account, record: str, body: dict[str, Any], **headers: str) -> str:
    """Create a record and give its id from the Location."""
    reply = await served.client.post(f"{RECORD}/{record}", json=body, headers={**STRICT, **headers})
    assert (reply.status_code, reply.content) == (204, b""), reply.text
    location = reply.headers["location"]
    assert f"{RECORD}/{record}/" in location
    return str(location.rpartition("/")[2])


async def shown(served: Account, record: str, key: str, **query: str) -> dict[str, Any]:
    """A record's body."""
    reply = await served.client.get(f"{RECORD}/{record}/{key}", params=query)
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


async def new_invoice(served: Account, *amounts: float) -> str:
    """An open invoice with a line per amount."""
    items = [{"item": {"id": "1"}, "amount": amount, "custcol_project": {"id": JOB}} for amount in amounts]
    return await create(served, "invoice", {"entity": {"id": CUSTOMER}, "item": {"items": items}})


async def test_a_record_shows_references_and_hides_sublists_until_asked() -> None:
    """References carry id, refName and links; a sublist is a link unless expanded."""
    async with account() as served:
        order = netsuite_id("salesorder", 1)
        body = await shown(served, "salesOrder", order)
        assert set(body["item"]) == {"links"}
        assert body["entity"]["id"].isdigit()
        assert body["entity"]["links"][0]["href"].endswith(f"/customer/{body['entity']['id']}")
        expanded = await shown(served, "salesOrder", order, expandSubResources="true")
        assert expanded["item"]["totalResults"] == len(expanded["item"]["items"]) > 0
        line = expanded["item"]["items"][0]
        assert line["amount"] > 0
        single = await shown(served, "salesOrder", f"{order}/item/{line['line']}")
        assert {name: value for name, value in single.items() if name != "links"} == line
        assert sum(item["amount"] for item in expanded["item"]["items"]) == pytest.approx(expanded["total"])


async def test_fields_and_simple_enums_narrow_the_body() -> None:
    """Unknown names in `fields` and unknown parameters are refused."""
    async with account() as served:
        body = await shown(served, "job", JOB, fields="companyName,entityStatus", simpleEnumFormat="true")
        assert set(body) == {"links", "id", "companyName", "entityStatus"}
        assert isinstance(body["entityStatus"], str)
        for query in ({"fields": "nothing"}, {"surprise": "1"}, {"expandSubResources": "maybe"}):
            reply = await served.client.get(f"{RECORD}/job/{JOB}", params=query)
            assert code(reply) == (400, "INVALID_PARAMETER")


async def test_a_record_is_found_by_external_id() -> None:
    """`eid:` paths lead to the same record; transactions of another type are not found."""
    async with account() as served:
        project = next(p for p in firm().projects if p.in_erp and p.canonical)
        assert (await shown(served, "job", f"eid:{project.canonical}"))["id"] == netsuite_id("job", project.n)
        invoice = netsuite_id("invoice", next(i.n for i in firm().invoices if not i.credit))
        for path in (f"creditMemo/{invoice}", "job/999999", "job/eid:nothing", f"job/{JOB}/item"):
            assert code(await served.client.get(f"{RECORD}/{path}")) == (404, "NONEXISTENT_ID")
        assert code(await served.client.get(f"{RECORD}/job/abc")) == (400, "INVALID_REQUEST")
        assert code(await served.client.get(f"{RECORD}/nothing")) == (404, "INVALID_REQUEST")


async def test_a_collection_lists_ids_and_links_only() -> None:
    """Fields are for SuiteQL."""
    async with account() as served:
        body = (await served.client.get(f"{RECORD}/job", params={"limit": 2})).json()
        assert [set(item) for item in body["items"]] == [{"links", "id"}] * 2
        assert body["hasMore"]
        assert {link["rel"] for link in body["links"]} == {"self", "next", "last"}
        following = await served.client.get(next(link["href"] for link in body["links"] if link["rel"] == "next"))
        assert following.json()["offset"] == 2


@pytest.mark.parametrize(
    ("record", "q", "column"),
    [
        ("customer", "custentity_credit_hold IS true", "custentity_credit_hold = 'T'"),
        ("customer", "id ANY_OF [1001, 1002]", "id IN (1001, 1002)"),
        ("customer", "id BETWEEN_NOT [1001,1005]", "NOT id BETWEEN 1001 AND 1005"),
        ("customer", 'companyName START_WITH "a" OR isInactive IS true', "LOWER(companyname) LIKE 'a%'"),
        ("customer", "externalId EMPTY", "externalid IS NULL"),
        ("customer", "companyName CONTAIN_NOT z", "NOT LOWER(companyname) LIKE '%z%'"),
        ("job", 'startDate ON_OR_AFTER "1/1/2026"', "startdate >= TO_DATE('2026-01-01', 'YYYY-MM-DD')"),
        ("job", "startDate AFTER 1/1/2026", "startdate > TO_DATE('2026-01-01', 'YYYY-MM-DD')"),
        ("job", "id GREATER 1 AND (id LESS 20003 OR id EQUAL 20005)", "id < 20003 OR id = 20005"),
    ],
)
async def test_filters_agree_with_suiteql(record: str, q: str, column: str) -> None:
    """A filter finds what the same condition finds in SuiteQL."""
    async with account() as served:
        filtered = await served.client.get(f"{RECORD}/{record}", params={"q": q})
        assert filtered.status_code == 200, filtered.text
        rows = await served.rows(f"SELECT id FROM {record} WHERE {column} ORDER BY id")
        assert [item["id"] for item in filtered.json()["items"]] == [row["id"] for row in rows]


@pytest.mark.parametrize(
    "q",
    [
        "nothing IS 1",
        "companyName IS",
        "companyName GREATER 1",
        "id IS_LIKE 1",
        "isInactive IS maybe",
        "id ANY_OF [1,2",
        "(id EQUAL 1",
        "id EQUAL 1 id EQUAL 2",
        'lastModifiedDate AFTER "2026-01-01"',
    ],
)
async def test_a_bad_filter_is_refused(q: str) -> None:
    """Unknown fields, wrong operators, open brackets and ISO dates are 400s."""
    async with account() as served:
        assert code(await served.client.get(f"{RECORD}/customer", params={"q": q})) == (400, "INVALID_PARAMETER")


async def test_a_created_record_is_in_its_location_and_in_suiteql() -> None:
    """POST answers 204 without a body; stamps come from the account's clock."""
    async with account() as served:
        served.advance(minutes=5, seconds=0.9)
        body = {
            "companyName": "New customer",
            "subsidiary": US01,
            "externalId": "cus_new",
            "custentity_credit_hold": True,
        }
        key = await create(served, "customer", body)
        read = await shown(served, "customer", key)
        assert (read["companyName"], read["custentity_credit_hold"], read["currency"]["refName"]) == (
            "New customer",
            True,
            "USD",
        )
        assert read["lastModifiedDate"] == "2026-03-20T12:05:00Z"
        found = await served.rows("SELECT id, custentity_credit_hold h FROM customer WHERE externalid = 'cus_new'")
        assert found == [{"id": key, "h": "T"}]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"subsidiary": US01}, "companyName"),
        ({"companyName": "x"}, "subsidiary"),
        ({"companyName": "x", "subsidiary": {"id": "9999"}}, "subsidiary"),
        ({"companyName": "x", "subsidiary": {}}, "subsidiary"),
        ({"companyName": 5, "subsidiary": US01}, "companyName"),
        ({"companyName": "x", "subsidiary": US01, "custentity_credit_hold": "T"}, "custentity_credit_hold"),
        ({"companyName": "x", "subsidiary": US01, "terms": {"id": "77"}}, "terms"),
        ({"companyName": "x", "subsidiary": US01, "dateCreated": "2026-01-01T00:00:00Z"}, "dateCreated"),
    ],
)
async def test_a_bad_value_is_refused_with_its_path(body: dict[str, Any], path: str) -> None:
    """INVALID_CONTENT names the field; nothing is stored."""
    async with account() as served:
        reply = await served.client.post(f"{RECORD}/customer", json=body)
        assert code(reply) == (400, "INVALID_CONTENT")
        assert reply.json()["o:errorDetails"][0]["o:errorPath"] == path
        assert await served.rows("SELECT id FROM customer WHERE companyname = 'x'") == []


async def test_unknown_properties_warn_unless_told_otherwise() -> None:
    """The default ignores a typo with a warning header; Error refuses, Ignore is silent."""
    async with account() as served:
        body = {"companyName": "x", "subsidiary": US01, "compnyName": "y"}
        warned = await served.client.post(f"{RECORD}/customer", json=body)
        assert warned.status_code == 204
        assert "compnyName" in warned.headers["warning"]
        silent = await served.client.post(
            f"{RECORD}/customer", json=body, headers={"X-NetSuite-PropertyNameValidation": "Ignore"}
        )
        assert "warning" not in silent.headers
        assert code(await served.client.post(f"{RECORD}/customer", json=body, headers=STRICT)) == (
            400,
            "INVALID_CONTENT",
        )
        lines = {"item": {"items": [{"line": 1, "custcol_nothing": "x"}]}}
        order = netsuite_id("salesorder", 1)
        refused = await served.client.patch(f"{RECORD}/salesOrder/{order}", json=lines, headers=STRICT)
        assert refused.json()["o:errorDetails"][0]["o:errorPath"] == "item.items[0].custcol_nothing"


async def test_external_ids_are_unique_over_all_entities() -> None:
    """A second POST is refused, PUT by external id updates instead."""
    async with account() as served:
        body = {"companyName": "One", "subsidiary": US01}
        key = await create(served, "customer", {**body, "externalId": "ext 1"})
        for record in ("customer", "job"):
            reply = await served.client.post(f"{RECORD}/{record}", json={**body, "externalId": "ext 1"})
            assert code(reply) == (400, "INVALID_CONTENT")
        again = await served.client.put(f"{RECORD}/customer/eid:ext%201", json={"companyName": "Two"})
        assert again.status_code == 204
        assert again.headers["location"].endswith(f"/customer/{key}")
        assert (await shown(served, "customer", key))["companyName"] == "Two"
        made = await served.client.put(f"{RECORD}/customer/eid:ext2", json=body)
        assert made.status_code == 204
        assert (await shown(served, "customer", "eid:ext2"))["externalId"] == "ext2"
        assert code(await served.client.put(f"{RECORD}/customer/{key}", json=body)) == (400, "INVALID_REQUEST")


async def test_a_patch_moves_the_stamp_and_clears_on_null() -> None:
    """The next feed sees the change."""
    async with account() as served:
        served.advance(hours=1)
        reply = await served.client.patch(
            f"{RECORD}/customer/{CUSTOMER}", json={"custentity_credit_hold": True, "custentity_tax_registration": None}
        )
        assert reply.status_code == 204
        changed = await served.rows(
            "SELECT id, custentity_credit_hold hold, custentity_tax_registration tax FROM customer"
            " WHERE lastmodifieddate >= TO_DATE(?, 'YYYY-MM-DD HH24:MI:SS')",
            "2026-03-20 13:00:00",
        )
        assert changed == [{"id": CUSTOMER, "hold": "T"}]
        assert code(await served.client.patch(f"{RECORD}/customer/999999", json={})) == (404, "NONEXISTENT_ID")
        cleared = await served.client.patch(f"{RECORD}/customer/{CUSTOMER}", json={"companyName": None})
        assert code(cleared) == (400, "INVALID_CONTENT")


async def test_a_revenue_method_is_patched_on_its_line_only() -> None:
    """Sublists merge by line; header and line stamps move, other lines keep theirs."""
    async with account() as served:
        served.advance(hours=1)
        order = netsuite_id("salesorder", 1)
        before = (await shown(served, "salesOrder", order, expand="item"))["item"]["items"]
        change = {"item": {"items": [{"line": before[-1]["line"], "custcol_revenue_method": {"refName": "RATABLE"}}]}}
        reply = await served.client.patch(f"{RECORD}/salesOrder/{order}", json=change, headers=STRICT)
        assert reply.status_code == 204
        after = (await shown(served, "salesOrder", order, expand="item"))["item"]["items"]
        assert after == [*before[:-1], {**before[-1], "custcol_revenue_method": {"id": "4", "refName": "RATABLE"}}]
        moved = await served.rows(
            "SELECT id FROM transactionline WHERE transaction = ?"
            " AND linelastmodifieddate >= TO_DATE('2026-03-20 13:00', 'YYYY-MM-DD HH24:MI')",
            order,
        )
        assert moved == [{"id": str(before[-1]["line"])}]
        wrong = {"item": {"items": [{"line": 99, "rate": 1}]}}
        assert code(await served.client.patch(f"{RECORD}/salesOrder/{order}", json=wrong)) == (400, "INVALID_CONTENT")


async def test_lines_are_appended_or_replaced() -> None:
    """A line without a number is new; `replace=item` drops the others; totals follow."""
    async with account() as served:
        key = await new_invoice(served, 100.0, 50.5)
        more = {"item": {"items": [{"item": {"id": "1"}, "quantity": 2, "rate": 10}]}}
        assert (await served.client.patch(f"{RECORD}/invoice/{key}", json=more)).status_code == 204
        assert (await shown(served, "invoice", key))["total"] == 170.5
        replaced = await served.client.patch(f"{RECORD}/invoice/{key}", params={"replace": "item"}, json=more)
        assert replaced.status_code == 204
        body = await shown(served, "invoice", key, expandSubResources="true")
        assert (body["total"], body["amountRemaining"], len(body["item"]["items"])) == (20.0, 20.0, 1)
        refused = await served.client.patch(f"{RECORD}/invoice/{key}", params={"replace": "nothing"}, json=more)
        assert code(refused) == (400, "INVALID_PARAMETER")


async def test_a_refused_line_leaves_nothing_behind() -> None:
    """A write is all or nothing."""
    async with account() as served:
        key = await new_invoice(served, 100.0)
        bad = {"memo": "x", "item": {"items": [{"item": {"id": "1"}, "amount": 5}, {"item": {"id": "77"}}]}}
        reply = await served.client.patch(f"{RECORD}/invoice/{key}", json=bad)
        assert reply.json()["o:errorDetails"][0]["o:errorPath"] == "item.items[1].item"
        body = await shown(served, "invoice", key)
        assert body["total"] == 100.0
        assert "memo" not in body


@pytest.mark.parametrize(
    "item",
    [5, {}, {"items": 5}, {"items": [5]}, {"items": [{"line": []}]}, {"items": [{"line": "1"}]}, {"items": [{}]}],
)
async def test_a_malformed_sublist_is_refused(item: object) -> None:
    """A list of objects is expected, and lines that exist are named by number."""
    async with account() as served:
        order = netsuite_id("salesorder", 1)
        reply = await served.client.patch(f"{RECORD}/salesOrder/{order}", json={"item": item})
        assert code(reply) == (400, "INVALID_CONTENT")


async def test_a_payment_settles_its_invoice_and_its_deletion_reopens_it() -> None:
    """amountRemaining, status and closedate follow what is applied."""
    async with account() as served:
        invoice = await new_invoice(served, 80.0, 20.0)
        apply = {"items": [{"doc": {"id": invoice}, "amount": 100.0}]}
        payment = await create(
            served, "customerPayment", {"customer": {"id": CUSTOMER}, "payment": 100.0, "apply": apply}
        )
        body = await shown(served, "invoice", invoice)
        assert (body["amountRemaining"], body["amountPaid"], body["status"]["id"]) == (0.0, 100.0, "B")
        [row] = await served.rows(
            "SELECT status, closedate, foreignamountunpaid u FROM transaction WHERE id = ?", invoice
        )
        assert row == {"status": "B", "closedate": "3/20/2026", "u": "0"}
        applied = (await shown(served, "customerPayment", payment, expandSubResources="true"))["apply"]["items"]
        assert applied[0]["doc"]["id"] == invoice
        assert (await served.client.delete(f"{RECORD}/customerPayment/{payment}")).status_code == 204
        assert (await shown(served, "invoice", invoice))["amountRemaining"] == 100.0
        too_much = {"items": [{"doc": {"id": invoice}, "amount": 101.0}]}
        reply = await served.client.post(
            f"{RECORD}/customerPayment", json={"customer": {"id": CUSTOMER}, "payment": 101.0, "apply": too_much}
        )
        assert code(reply) == (400, "INVALID_CONTENT")


async def test_credit_memos_and_purchase_orders_keep_their_signs() -> None:
    """The record shows positive amounts; SuiteQL shows the ledger's side."""
    async with account() as served:
        items = {"items": [{"item": {"id": "1"}, "quantity": 2, "rate": 25.0}]}
        memo = await create(served, "creditMemo", {"entity": {"id": CUSTOMER}, "item": items})
        order = await create(served, "purchaseOrder", {"entity": {"id": netsuite_id("vendor", 1)}, "item": items})
        for record, key, header, main, line in (
            ("creditMemo", memo, "-50", "-50", "50"),
            ("purchaseOrder", order, "50", "-50", "50"),
        ):
            assert (await shown(served, record, key))["total"] == 50.0
            [total] = await served.rows("SELECT foreigntotal v FROM transaction WHERE id = ?", key)
            rows = await served.rows(
                "SELECT foreignamount v FROM transactionline WHERE transaction = ? ORDER BY id", key
            )
            assert [total["v"], *(row["v"] for row in rows)] == [header, main, line]


async def test_a_deleted_record_is_gone_and_listed() -> None:
    """`deletedrecord` is how a feed learns of it."""
    async with account() as served:
        served.advance(hours=2)
        key = await new_invoice(served, 10.0)
        assert (await served.client.delete(f"{RECORD}/invoice/{key}")).status_code == 204
        assert code(await served.client.get(f"{RECORD}/invoice/{key}")) == (404, "NONEXISTENT_ID")
        assert await served.rows("SELECT id FROM transactionline WHERE transaction = ?", key) == []
        deleted = await served.rows(
            "SELECT recordid, recordtypeid FROM deletedrecord WHERE deleteddate >= TO_DATE(?, 'YYYY-MM-DD HH24:MI:SS')",
            "2026-03-20 14:00:00",
        )
        assert deleted == [{"recordid": key, "recordtypeid": "invoice"}]
        assert code(await served.client.delete(f"{RECORD}/invoice/{key}")) == (404, "NONEXISTENT_ID")


async def test_time_goes_to_the_earliest_open_period() -> None:
    """A closed period is refused when named, and passed over when not."""
    async with account() as served:
        body = {
            "employee": {"id": netsuite_id("employee", 1)},
            "customer": {"id": JOB},
            "hours": "7:45",
            "tranDate": "2026-01-15",
        }
        key = await create(served, "timeBill", body)
        read = await shown(served, "timeBill", key)
        assert (read["hours"], read["postingPeriod"]["refName"]) == ("7:45", "Mar 2026")
        [closed] = await served.rows("SELECT id FROM accountingperiod WHERE periodname = 'Jan 2026' AND closed = 'T'")
        refused = await served.client.post(f"{RECORD}/timeBill", json={**body, "postingPeriod": closed})
        assert refused.json()["o:errorDetails"][0]["o:errorPath"] == "postingPeriod"
        assert code(await served.client.post(f"{RECORD}/timeBill", json={**body, "hours": "7.75"})) == (
            400,
            "INVALID_CONTENT",
        )


async def finished(served: Account, accepted: httpx.Response) -> list[httpx.Response]:
    """The results of an asynchronous request's tasks, polled as the vendor describes."""
    assert accepted.status_code == 202, accepted.text
    assert accepted.headers["preference-applied"] == "respond-async"
    job = accepted.headers["location"]
    assert (await served.client.get(job)).json()["completed"]
    tasks = (await served.client.get(f"{job}/task")).json()["items"]
    return [await served.client.get(task["result"]["links"][0]["href"]) for task in tasks]


async def test_an_idempotency_key_works_with_asynchronous_requests_only() -> None:
    """The repeat is a 400 titled "Conflict" that leads to the first job; synchronous calls ignore the key."""
    async with account() as served:
        body = {"companyName": "Once", "subsidiary": US01}
        key = {"X-NetSuite-Idempotency-Key": "5f0c", "Prefer": "respond-async"}
        first = await served.client.post(f"{RECORD}/customer", json=body, headers=key)
        [result] = await finished(served, first)
        assert result.status_code == 204
        repeat = await served.client.post(f"{RECORD}/customer", json=body, headers=key)
        assert code(repeat) == (400, "IDEMPOTENCY_ERROR")
        assert (repeat.json()["title"], repeat.headers["location"]) == ("Conflict", first.headers["location"])
        key.pop("Prefer")
        for _ in range(2):
            assert (await served.client.post(f"{RECORD}/customer", json=body, headers=key)).status_code == 204
        assert len(await served.rows("SELECT id FROM customer WHERE companyname = 'Once'")) == 3


async def test_batches_are_asynchronous_and_each_task_has_its_own_result() -> None:
    """Create, update, read and delete several records; a hundred at most."""
    async with account() as served:
        collection = {
            "Content-Type": "application/vnd.oracle.resource+json; type=collection",
            "Prefer": "respond-async",
        }

        async def send(method: str, items: list[dict[str, Any]]) -> httpx.Response:
            content = json.dumps({"items": items})
            return await served.client.request(method, f"{RECORD}/customer", content=content, headers=collection)

        body = {"companyName": "Batch", "subsidiary": US01}
        made = await finished(served, await send("POST", [{**body, "externalId": "b 1"}, {"companyName": "bad"}]))
        assert [reply.status_code for reply in made] == [204, 400]
        changed = await finished(served, await send("PATCH", [{"externalId": "b 1", "companyName": "Changed"}]))
        assert [reply.status_code for reply in changed] == [204]
        path = f"{RECORD}/customer?expandRecords=true&ids={CUSTOMER},eid:'b 1',999999"
        read = await finished(served, await served.client.get(path, headers={"Prefer": "respond-async"}))
        assert [reply.status_code for reply in read] == [200, 200, 404]
        assert read[1].json()["companyName"] == "Changed"
        gone = await finished(
            served,
            await served.client.delete(f"{RECORD}/customer?ids=eid:'b 1'", headers={"Prefer": "respond-async"}),
        )
        assert [reply.status_code for reply in gone] == [204]
        assert code(await send("POST", [body] * 101)) == (400, "INVALID_REQUEST")
        assert code(await served.client.get(path)) == (400, "INVALID_REQUEST")


async def test_what_the_account_does_not_offer_is_refused() -> None:
    """Transforms, methods a resource lacks, read-only types, bodies that are not JSON."""
    async with account() as served:
        client = served.client
        assert code(await client.post(f"{RECORD}/job/{JOB}/!transform/invoice", json={})) == (501, "NOT_SUPPORTED")
        assert code(await client.put(f"{RECORD}/customer", json={})) == (405, "METHOD_NOT_ALLOWED")
        assert code(await client.post(f"{RECORD}/customer/{CUSTOMER}", json={})) == (405, "METHOD_NOT_ALLOWED")
        assert code(await client.post(f"{RECORD}/employee", json={})) == (403, "INSUFFICIENT_PERMISSION")
        assert code(await client.post(f"{RECORD}/customer", content="{")) == (400, "INVALID_REQUEST")
        assert code(await client.post(f"{RECORD}/customer", json=[])) == (400, "INVALID_REQUEST")
        assert code(await client.get("/services/rest/nothing/v1")) == (404, "INVALID_REQUEST")


async def test_the_catalogue_describes_the_types_with_their_custom_fields() -> None:
    """Names with links, one type's JSON Schema, OpenAPI of a selection."""
    async with account() as served:
        catalog = f"{RECORD}/metadata-catalog"
        names = [item["name"] for item in (await served.client.get(catalog)).json()["items"]]
        assert names == list(RECORD_TYPES)
        schema = await served.client.get(f"{catalog}/job", headers={"Accept": "application/schema+json"})
        assert schema.json()["properties"]["custentity_contract"]["x-ns-custom-field"]
        swagger = {"Accept": "application/swagger+json"}
        openapi = (await served.client.get(f"{catalog}?select=job,customer", headers=swagger)).json()
        assert set(openapi["components"]["schemas"]) == {"job", "customer"}
        assert code(await served.client.get(f"{catalog}?select=nothing")) == (400, "INVALID_PARAMETER")


def test_standard_fields_bear_the_published_names() -> None:
    """Every field that is no custom field stands in the vendor's list, where that list was read to its end."""
    file = SPECS / "record_v1_fields_2026.1.json"
    if not file.exists():
        pytest.skip("the published field lists are not beside this checkout")
    published = json.loads(file.read_text())
    ours = {
        name: {field for field in RECORD_TYPES[name].fields if not field.startswith("cust")}
        for name in ("job", "timeBill", "invoice")
    }
    # Not read by the list's author (it ends at the letter S), and the tenant's own posting period of time.
    beyond_the_list = {
        "invoice": {"subsidiary", "status", "total", "tranDate", "tranId"},
        "timeBill": {"postingPeriod"},
    }
    for name, fields in ours.items():
        assert fields - beyond_the_list.get(name, set()) <= set(published[name]["fields"]) | {"customer"}

"""SuiteQL on the NetSuite sandbox: what it answers, how it pages, and what it refuses."""

import json
from collections import defaultdict
from datetime import UTC
from decimal import Decimal

import pytest

from sources.sandbox.firm.vendor_ids import kantata_id, netsuite_id
from sources.sandbox.netsuite import queries
from sources.sandbox.netsuite.seed_time import actual_external_id
from sources.sandbox.netsuite.suiteql import compile_suiteql
from sources.sandbox.netsuite.suiteql_dialect import QueryRefused
from sources.sandbox.netsuite.tables import TABLES
from tests.contract.sandbox.netsuite_account import NOON, RECORD, SPECS, SUITEQL, account, code, firm

STAMP = "TO_CHAR(lastmodifieddate, 'YYYY-MM-DD\"T\"HH24:MI:SS')"


async def test_values_are_strings_nulls_are_left_out_and_keys_are_lower_case() -> None:
    """The wire shape of an item; unnamed expressions are numbered."""
    async with account() as served:
        body = (await served.ask("SELECT ID, Parent AS Customer, COUNT(*) FROM job GROUP BY id, parent")).json()
        assert {type(value) for item in body["items"] for name, value in item.items() if name != "links"} == {str}
        assert all(item["links"] == [] for item in body["items"])
        assert set(body["items"][0]) <= {"links", "id", "customer", "expr1"}
        [subsidiary] = await served.rows("SELECT id, parent FROM subsidiary WHERE externalid = 'US01'")
        assert set(subsidiary) == {"id"}


async def test_pages_cover_a_table_once() -> None:
    """Limit, offset, hasMore, totalResults and the links to follow."""
    async with account() as served:
        query = "SELECT id FROM timebill ORDER BY lastmodifieddate, id"
        seen: list[str] = []
        offset = 0
        while True:
            body = (await served.ask(query, limit=300, offset=offset)).json()
            assert body["count"] == len(body["items"])
            seen += [item["id"] for item in body["items"]]
            links = {link["rel"]: link["href"] for link in body["links"]}
            assert ("next" in links) is body["hasMore"]
            if not body["hasMore"]:
                break
            assert f"offset={offset + 300}" in links["next"]
            offset += 300
        posted = [entry for entry in firm().time_entries if entry.posted_period is not None]
        assert len(seen) == len(set(seen)) == body["totalResults"] == len(posted)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=10&offset=5", "page=1"])
async def test_a_bad_page_is_refused(query: str) -> None:
    """The limit is 1..1000, the offset a multiple of it, and nothing else is a parameter."""
    async with account() as served:
        reply = await served.client.post(
            f"{SUITEQL}?{query}", json={"q": "SELECT id FROM job"}, headers={"Prefer": "transient"}
        )
        assert code(reply) == (400, "INVALID_PARAMETER")


async def test_a_query_reaches_no_further_than_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it a caller must narrow the query down; the count stays true."""
    monkeypatch.setattr(queries, "MAX_RESULT", 4)
    async with account() as served:
        body = (await served.ask("SELECT id FROM job ORDER BY id", limit=3, offset=3)).json()
        assert (body["count"], body["hasMore"]) == (1, True)
        assert code(await served.ask("SELECT id FROM job", limit=3, offset=6)) == (400, "INVALID_PARAMETER")


async def test_prefer_transient_is_required() -> None:
    """The header, the method, the media type and the body's members are all checked."""
    async with account() as served:
        body = {"q": "SELECT id FROM job"}
        prefer = {"Prefer": "transient"}
        assert code(await served.client.post(SUITEQL, json=body)) == (400, "INVALID_REQUEST")
        assert code(await served.client.get(SUITEQL, headers=prefer)) == (405, "METHOD_NOT_ALLOWED")
        assert code(await served.client.post(SUITEQL, data=body, headers=prefer)) == (400, "INVALID_REQUEST")
        assert code(await served.client.post(SUITEQL, json={**body, "x": 1}, headers=prefer)) == (
            400,
            "INVALID_REQUEST",
        )
        assert code(await served.client.post(SUITEQL, json={"q": ""}, headers=prefer)) == (400, "INVALID_REQUEST")


async def test_parameters_bind_in_order_as_strings() -> None:
    """Strings compare with ids as numbers, with dates through TO_DATE, and their number must match."""
    async with account() as served:
        query = (
            "SELECT id FROM job WHERE id IN (?, ?) AND lastmodifieddate >= TO_DATE(?, 'YYYY-MM-DD HH24:MI:SS')"
            " AND NVL(isinactive, ?) = 'F' ORDER BY id"
        )
        rows = await served.rows(query, "20002", "20001", "2020-01-01 00:00:00", "F")
        assert [row["id"] for row in rows] == ["20001", "20002"]
        assert await served.rows(query, "20002", "20001", "2099-01-01 00:00:00", "F") == []
        assert code(await served.ask(query, "20002")) == (400, "INVALID_PARAMETER")
        counted = await served.rows("SELECT parent FROM job GROUP BY parent HAVING COUNT(*) >= ?", "1")
        assert counted


async def test_dates_take_the_company_format_unless_formatted() -> None:
    """A bare stamp loses its time; TO_CHAR keeps it."""
    async with account() as served:
        project = firm().projects[0]
        [row] = await served.rows(f"SELECT lastmodifieddate bare, {STAMP} full FROM job WHERE id = 20001")
        modified = project.modified.astimezone(UTC)
        assert row["bare"] == f"{modified.month}/{modified.day}/{modified.year}"
        assert row["full"] == modified.strftime("%Y-%m-%dT%H:%M:%S")
        [named] = await served.rows(
            "SELECT TO_CHAR(TO_DATE('05-MAR-2026', 'DD-MON-YYYY'), 'Mon YYYY') m,"
            " TO_CHAR(SYSDATE, 'DD.MM.YYYY HH24:MI') n FROM currency WHERE symbol = 'USD'"
        )
        assert named == {"m": "Mar 2026", "n": NOON.strftime("%d.%m.%Y %H:%M")}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("NVL(NULL, 'x')", "x"),
        ("NVL2(parent, 'some', 'none')", "none"),
        ("COALESCE(parent, 7)", "7"),
        ("externalid || '-' || id", "US01-2"),
        ("CASE WHEN externalid = 'US01' THEN 1 ELSE 2 END", "1"),
        ("CASE externalid WHEN 'US01' THEN 'a' ELSE 'b' END", "a"),
        ("7 / 2", "3.5"),
        ("(1 + 2) * -3", "-9"),
        ("ROUND(10 / 3, 2)", "3.33"),
        ("UPPER(SUBSTR('abcdef', 2, 3))", "BCD"),
        ("TO_CHAR(ADD_MONTHS(TO_DATE('2026-01-31', 'YYYY-MM-DD'), 1), 'YYYY-MM-DD')", "2026-02-28"),
        ("TO_CHAR(TRUNC(TO_DATE('2026-05-31', 'YYYY-MM-DD'), 'Q'), 'MM/DD')", "04/01"),
        ("TO_DATE('2026-01-03', 'YYYY-MM-DD') - TO_DATE('2026-01-01', 'YYYY-MM-DD')", "2"),
        ("BUILTIN.DF(currency)", "USD"),
        ("(SELECT COUNT(*) FROM subsidiary)", "3"),
    ],
)
async def test_functions_and_operators(expression: str, value: str) -> None:
    """What an expression of the documented grammar gives."""
    async with account() as served:
        assert await served.rows(f"SELECT {expression} v FROM subsidiary WHERE externalid = 'US01'") == [{"v": value}]


async def test_joins_grouping_and_unions() -> None:
    """LEFT JOIN keeps rows, HAVING filters groups, UNION ALL appends, sub-selects and EXISTS nest."""
    async with account() as served:
        jobs = {netsuite_id("job", project.n) for project in firm().projects if project.in_erp}
        joined = await served.rows("SELECT j.id, c.companyname FROM job j LEFT JOIN customer c ON c.id = j.parent")
        assert {row["id"] for row in joined} == jobs
        both = await served.rows("SELECT id FROM job UNION ALL SELECT id FROM subsidiary ORDER BY id DESC")
        assert len(both) == len(jobs) + 3
        assert int(both[0]["id"]) > int(both[-1]["id"])
        booked = await served.rows(
            "SELECT j.id FROM job j WHERE EXISTS (SELECT 1 FROM timebill t WHERE t.customer = j.id) ORDER BY 1"
        )
        hours = await served.rows("SELECT customer, SUM(hours) h FROM timebill GROUP BY customer HAVING SUM(hours) > 0")
        assert {row["customer"] for row in hours} == {row["id"] for row in booked}
        top = await served.rows("SELECT id FROM (SELECT id FROM job ORDER BY id DESC) WHERE ROWNUM <= 2")
        assert [int(row["id"]) for row in top] == sorted((int(job) for job in jobs), reverse=True)[:2]
        old_style = await served.rows("SELECT j.id FROM job j, customer c WHERE j.parent = c.id")
        assert len(old_style) == sum("companyname" in row for row in joined)


REFUSED = [
    "SELEC id FROM job",
    "DELETE FROM job",
    "SELECT id FROM job; SELECT id FROM job",
    "SELECT id FROM nothing",
    "SELECT nothing FROM job",
    "SELECT custentity_unknown FROM customer",
    "SELECT x.id FROM job j",
    "SELECT id FROM job j JOIN customer c ON c.id = j.parent",
    "WITH j AS (SELECT id FROM job) SELECT id FROM j",
    'SELECT id FROM (SELECT "id" FROM job)',
    "SELECT [id] FROM job",
    "SELECT j.id FROM job j, customer c LEFT JOIN vendor v ON v.id = c.id",
    "SELECT j.id FROM job j, customer c WHERE j.parent = c.id(+)",
    "SELECT j.id FROM job j RIGHT JOIN customer c ON c.id = j.parent",
    "SELECT j.id FROM job j JOIN customer c USING (id)",
    "SELECT DATE '2026-01-01' FROM job",
    "SELECT TIMESTAMP '2026-01-01 00:00:00' FROM job",
    "SELECT id FROM job WHERE lastmodifieddate > '2026-01-01'",
    "SELECT id FROM job WHERE lastmodifieddate BETWEEN '1/1/2026' AND SYSDATE",
    "SELECT TO_DATE('2026-01-01') FROM job",
    "SELECT TO_CHAR(startdate, 'nonsense') FROM job",
    "SELECT TO_DATE('garbage', 'YYYY-MM-DD') FROM job",
    "SELECT id FROM job LIMIT 5",
    "SELECT TOP 5 id FROM job",
    "SELECT id FROM job FETCH FIRST 5 ROWS ONLY",
    "SELECT id, COUNT(*) FROM job",
    "SELECT parent, id FROM job GROUP BY parent",
    "SELECT id FROM job GROUP BY 1",
    "SELECT id FROM job WHERE COUNT(*) > 1",
    "SELECT id FROM job ORDER BY 2",
    "SELECT id FROM job FOR UPDATE",
    "SELECT MAX(id) OVER (PARTITION BY parent) FROM job",
    "SELECT id FROM job MINUS SELECT id FROM customer",
    "SELECT id FROM job UNION SELECT id, parent FROM job",
    "SELECT random() FROM job",
    "SELECT load_extension('x') FROM job",
    "SELECT id FROM sqlite_master",
    "SELECT BUILTIN.DF(1) FROM job",
    "SELECT id FROM job WHERE id = :name",
    "SELECT 1",
    "SELECT + FROM job",
    f"SELECT id FROM job WHERE id IN ({', '.join(str(n) for n in range(1001))})",
    f"SELECT {'(' * 600}1{')' * 600} FROM job",
]


@pytest.mark.parametrize("query", REFUSED, ids=lambda query: query[:50])
async def test_what_suiteql_does_not_have_is_refused(query: str) -> None:
    """Bad syntax, unknown names and features outside the grammar are 400s that say INVALID_PARAMETER."""
    async with account() as served:
        assert code(await served.ask(query)) == (400, "INVALID_PARAMETER")


def test_a_thousand_arguments_of_in_are_allowed() -> None:
    """The documented maximum itself compiles, with values and with parameters."""
    assert compile_suiteql(f"SELECT id FROM job WHERE id IN ({', '.join('?' * 1000)})").parameters == 1000
    with pytest.raises(QueryRefused):
        compile_suiteql(f"SELECT id FROM job WHERE id IN ({', '.join('?' * 1001)})")


async def test_invoices_and_credit_memos_tell_the_firms_figures() -> None:
    """Totals and signs of headers; lines less credits give what was billed per project."""
    async with account() as served:
        headers = {
            row["id"]: row
            for row in await served.rows(
                "SELECT id, foreigntotal, foreignamountunpaid, BUILTIN.DF(currency) cur FROM transaction"
                " WHERE type IN ('CustInvc', 'CustCred')"
            )
        }
        billed: defaultdict[str, Decimal] = defaultdict(Decimal)
        for invoice in firm().invoices:
            row = headers.pop(netsuite_id("creditmemo" if invoice.credit else "invoice", invoice.n))
            side = -1 if invoice.credit else 1
            assert Decimal(row["foreigntotal"]) == side * invoice.total.value
            assert row["cur"] == invoice.total.currency
            if not invoice.voided:
                assert Decimal(row["foreignamountunpaid"]) == invoice.total.value - invoice.paid.value
                for line in invoice.lines:
                    billed[netsuite_id("job", line.project)] += side * line.amount.value
        assert headers == {}
        lines = await served.rows(
            "SELECT l.custcol_project job, SUM(-l.foreignamount) amount FROM transaction t"
            " JOIN transactionline l ON l.transaction = t.id WHERE t.type IN ('CustInvc', 'CustCred')"
            " AND t.voided = 'F' AND l.mainline = 'F' AND l.taxline = 'F' GROUP BY l.custcol_project"
        )
        assert {row["job"]: Decimal(row["amount"]) for row in lines} == dict(billed)
        unbalanced = await served.rows(
            "SELECT transaction, SUM(foreignamount) s FROM transactionline WHERE entity IN (SELECT id FROM customer)"
            " GROUP BY transaction HAVING ABS(SUM(foreignamount)) > 0.001"
        )
        payments = await served.rows("SELECT id FROM transaction WHERE type = 'CustPymt'")
        assert {row["transaction"] for row in unbalanced} <= {row["id"] for row in payments}


async def test_revenue_rows_lead_to_jobs_and_periods() -> None:
    """Planned amounts by planned period, recognized ones by posting period; unplanned rows have no planned period."""
    async with account() as served:
        rows = await served.rows(
            "SELECT r.id, p.custrecord_job job, pp.periodname planned, rp.periodname posted, r.isrecognized, r.amount"
            " FROM revenueplanplannedrevenue r JOIN revenueplan p ON p.id = r.revenueplan"
            " LEFT JOIN accountingperiod pp ON pp.id = r.plannedperiod"
            " LEFT JOIN accountingperiod rp ON rp.id = r.postingperiod"
        )
        found = {row["id"]: row for row in rows}
        assert len(found) == len(firm().revenue_rows)
        for row in firm().revenue_rows:
            shown = found[netsuite_id("revenueplanplannedrevenue", row.n)]
            assert shown["job"] == netsuite_id("job", row.project)
            assert ("planned" in shown) is row.planned
            assert ("posted" in shown) is (row.posting_period is not None)
            assert Decimal(shown["amount"]) == row.amount.value


async def test_time_actuals_carry_the_posting_key() -> None:
    """One per posted entry, named by the hash of what the previous tool did; hours are decimal."""
    entry = next(entry for entry in firm().time_entries if entry.posted_period is not None)
    key = actual_external_id(kantata_id("time_entry", entry.n), entry.modified)
    async with account() as served:
        [row] = await served.rows("SELECT id, hours, customer, posted FROM timebill WHERE externalid = ?", key)
        assert row["id"] == netsuite_id("timebill", entry.n)
        assert Decimal(row["hours"]) * 60 == pytest.approx(entry.minutes)
        assert (row["customer"], row["posted"]) == (netsuite_id("job", entry.project), "T")
        shown = (await served.client.get(f"{RECORD}/timeBill/{row['id']}")).json()
        assert shown["hours"] == f"{entry.minutes // 60}:{entry.minutes % 60:02d}"


async def test_contract_lines_and_subcontractors_are_where_the_profile_puts_them() -> None:
    """Sales order lines name contract lines; purchase orders carry a subcontractor's rate and limit."""
    async with account() as served:
        lines = await served.rows(
            "SELECT l.custcol_contract_line line, BUILTIN.DF(l.custcol_revenue_method) method, t.otherrefnum"
            " FROM transaction t JOIN transactionline l ON l.transaction = t.id"
            " WHERE t.type = 'SalesOrd' AND l.mainline = 'F'"
        )
        methods = {row["line"]: row.get("method") for row in lines}
        contracts = {contract.n: contract for contract in firm().contracts}
        expected = [line for line in firm().contract_lines if contracts[line.contract].in_erp]
        assert len(lines) == len(expected)
        assert all(methods[line.canonical] == line.revenue_method for line in expected if line.canonical)
        orders = await served.rows(
            "SELECT v.email, l.rate, t.foreigntotal FROM vendor v JOIN transaction t ON t.entity = v.id"
            " JOIN transactionline l ON l.transaction = t.id"
            " WHERE v.isjobresourcevend = 'T' AND t.type = 'PurchOrd' AND l.mainline = 'F'"
        )
        assert {(row["email"], Decimal(row["rate"]), Decimal(row["foreigntotal"])) for row in orders} == {
            (sub.email, sub.rate.value, sub.limit.value) for sub in firm().subcontractors
        }


def test_the_revenue_table_has_the_published_columns() -> None:
    """Every column of the public copy of the table is there."""
    file = SPECS / "suiteql_revenue_tables.json"
    if not file.exists():
        pytest.skip("the published column lists are not beside this checkout")
    published = json.loads(file.read_text())["revenueplanplannedrevenue"]
    assert set(published) <= set(TABLES["revenueplanplannedrevenue"].columns)

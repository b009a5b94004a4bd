"""NetSuite's shapes: what is asked, how rows of strings become records, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from hub.domain.kinds import Kind
from hub.domain.money import Money
from hub.domain.records import DatedRate, InvoiceLineValue, Key, OpenItem, Ref, RevenueRow
from hub.errors import SourceMisconfigured, SourceRejected, SourceShapeBroken, SourceThrottled
from sources.netsuite import NetSuiteAdapter
from sources.transport import Limits, Transport
from tests.support.versions import VERSIONS

STAMP = "2026-05-07T22:07:19"
LINE = "cln_01J8ZQ4T7M3N5P6R8S9V0W1X2Y"


class Account:
    """Answers queries by the first word of its table that occurs in them, and keeps what was asked."""

    def __init__(self, **answers: list[dict[str, Any]]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, list[str]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Prefer"] == "transient"
        body = json.loads(request.content)
        self.asked.append((body["q"], body["params"]))
        assert body["q"].count("?") == len(body["params"])
        rows = next((rows for word, rows in self.answers.items() if word in body["q"]), [])
        offset = int(request.url.params["offset"])
        page = [{"links": [], **row} for row in rows[offset : offset + 1000]]
        more = len(rows) > offset + 1000
        return httpx.Response(200, json={"items": page, "hasMore": more, "totalResults": len(rows)})


def adapter(account: Callable[[httpx.Request], httpx.Response], **settings: Any) -> NetSuiteAdapter:
    """Make the adapter on a pretended account."""
    transport = Transport(
        "erp",
        "https://1.example",
        limits=Limits(attempts=1),
        client_factory=lambda **given: httpx.AsyncClient(transport=httpx.MockTransport(account), **given),
    )
    return NetSuiteAdapter("erp", transport, versions=VERSIONS, **settings)


async def read(account: Account, kind: Kind, *attributes: str, record_id: str = "7") -> dict[str, Any]:
    """Read attributes of one record."""
    (record,) = await adapter(account).fetch(kind, [record_id], frozenset(attributes))
    assert record is not None
    return dict(record.attributes)


def base(**columns: str) -> list[dict[str, Any]]:
    """Make the record's own row."""
    return [{"id": "7", "stamp": STAMP, **columns}]


@pytest.mark.parametrize(
    ("columns", "status"),
    [
        ({"status": "A"}, "OPEN"),
        ({"status": "B", "total": "100"}, "PAID"),
        ({"status": "B", "total": "100", "credited": "40"}, "PAID"),
        ({"status": "B", "total": "100", "credited": "100"}, "CREDITED"),
        ({"status": "V"}, "VOID"),
        ({"status": "A", "voided": "T"}, "VOID"),
        ({"status": "D"}, "DRAFT"),
    ],
)
async def test_an_invoice_has_one_status(columns: dict[str, str], status: str) -> None:
    """The ledger's letter, its void mark and its credits make the status that the graph shows."""
    columns = {"voided": "F", **columns}
    assert await read(Account(CustInvc=base(**columns)), Kind.INVOICE, "status") == {"status": status}


async def test_an_unknown_status_is_drift() -> None:
    """A letter that nobody knows is not guessed."""
    with pytest.raises(SourceShapeBroken, match="status"):
        await read(Account(CustInvc=base(status="Z", voided="F")), Kind.INVOICE, "status")


async def test_invoice_lines_have_the_customers_sign() -> None:
    """What the ledger writes negative, the customer owes; one project in all lines is the invoice's."""
    lines = [
        {"invoice": "7", "amount": "-100.5", "currency": "USD", "period": "2026-05", "project": "3", "stamp": STAMP},
        {"invoice": "7", "amount": "20", "currency": "USD", "period": "2026-05", "project": "3", "milestone": "mil_X"},
    ]
    account = Account(**{"tl.transaction AS invoice": lines, "t.type = 'CustInvc'": base()})
    assert await read(account, Kind.INVOICE, "lines", "project") == {
        "project": Ref(Kind.PROJECT, "3"),
        "lines": (
            InvoiceLineValue(None, Money(10050, "USD"), "2026-05", None),
            InvoiceLineValue(None, Money(-2000, "USD"), "2026-05", Ref(Kind.MILESTONE, "mil_X", "canonical")),
        ),
    }


async def test_a_line_younger_than_its_header_gives_the_stamp() -> None:
    """A change of a line alone must make the record a newer one."""
    younger = "2026-05-08T01:00:00"
    lines = [{"invoice": "7", "amount": "-1", "currency": "USD", "stamp": younger}]
    account = Account(**{"tl.transaction AS invoice": lines, "t.type = 'CustInvc'": base()})
    (record,) = await adapter(account).fetch(Kind.INVOICE, ["7"], frozenset({"lines"}))
    assert record is not None
    assert (record.stamp, record.source_timestamp) == (younger, datetime(2026, 5, 8, 1, tzinfo=UTC))


REVENUE = [
    {"job": "7", "period": "2026-02", "currency": "JPY", "recognized": "90", "billed": "-5.4", "strange": "0"},
    {"job": "7", "period": "2026-01", "currency": "JPY", "planned": "100", "recognized": "80", "strange": "0"},
]


async def test_revenue_is_summed_by_period() -> None:
    """Periods in order; a month without a plan in a planned project has a plan of nothing."""
    account = Account(**{"SUM(x.planned)": REVENUE, "FROM job j": base()})
    assert await read(account, Kind.PROJECT, "revenue") == {
        "revenue": (
            RevenueRow("2026-01", Money(100, "JPY"), Money(80, "JPY"), Money(0, "JPY")),
            RevenueRow("2026-02", Money(0, "JPY"), Money(90, "JPY"), Money(-5, "JPY")),
        )
    }
    assert [params for _, params in account.asked] == [["7"], ["7", "7", "7"]]


async def test_revenue_without_any_plan_has_none() -> None:
    """Time and materials: recognized and billed, never planned."""
    account = Account(**{"SUM(x.planned)": REVENUE[:1], "FROM job j": base()})
    (row,) = (await read(account, Kind.PROJECT, "revenue"))["revenue"]
    assert row.planned is None


async def test_sums_over_currencies_are_not_shown() -> None:
    """A project billed in a foreign currency has no total that means anything."""
    account = Account(**{"SUM(x.planned)": [{**REVENUE[0], "strange": "1"}], "FROM job j": base()})
    assert await read(account, Kind.PROJECT, "revenue") == {"revenue": None}


async def test_a_project_is_closed_by_status_or_by_being_inactive() -> None:
    """Either ends its books."""
    for columns, expected in (
        ({"inactive": "F", "status": "In Progress"}, "OPEN"),
        ({"inactive": "F", "status": "Closed"}, "CLOSED"),
        ({"inactive": "T", "status": "In Progress"}, "CLOSED"),
    ):
        assert await read(Account(job=base(**columns)), Kind.PROJECT, "financial_status") == {
            "financial_status": expected
        }


async def test_open_items_are_whole() -> None:
    """Each unpaid invoice with its due date and whether it is disputed."""
    item = {"customer": "7", "due": "2026-06-01", "unpaid": "12.3455", "disputed": "T", "currency": "KWD"}
    account = Account(**{"foreignamountunpaid": [item], "FROM customer c": base()})
    assert await read(account, Kind.CUSTOMER, "open_items") == {
        "open_items": (OpenItem(date(2026, 6, 1), Money(12346, "KWD"), disputed=True),)
    }


async def test_a_subcontractors_rate_is_dated() -> None:
    """The youngest order counts today; on an earlier day the one that held then; before all of them none."""
    orders = [
        {"vendor": "7", "since": "2026-01-01", "rate": "90", "role": "Developer", "currency": "GBP"},
        {"vendor": "7", "since": "2026-04-01", "rate": "95.5", "role": "Data Engineer", "currency": "GBP"},
    ]
    account = Account(PurchOrd=orders, **{"FROM vendor v": base()})
    assert await read(
        account, Kind.SUBCONTRACTOR, "role", "cost_rate", "cost_rate@2026-03-31", "cost_rate@2025-12-31"
    ) == {
        "role": "Data Engineer",
        "cost_rate": DatedRate(Money(9550, "GBP"), date(2026, 4, 1)),
        "cost_rate@2026-03-31": DatedRate(Money(9000, "GBP"), date(2026, 1, 1)),
        "cost_rate@2025-12-31": None,
    }


@pytest.mark.parametrize(
    ("carried", "keys"),
    [(LINE, (Key("canonical", LINE),)), ("a01Qy0000000006IAA", (Key("id:CRM", "a01Qy0000000006IAA"),)), (None, ())],
)
async def test_a_contract_line_is_known_by_what_it_carries(carried: str | None, keys: tuple[Key, ...]) -> None:
    """A canonical id, or the CRM's id of the line; its own id is order and line."""
    row = {"id": "9", "stamp": STAMP, "salesorder": "200", "line": "1", "tranid": "SO1"}
    row |= {"line_reference": carried} if carried else {}
    pages = [page async for page in adapter(Account(SalesOrd=[row])).changes(Kind.CONTRACT_LINE, None)]
    (record,) = pages[0].records
    assert (record.key.external_id, record.keys, record.label) == ("200:1", keys, "SO1")


async def test_contract_lines_are_read_by_their_orders() -> None:
    """Several lines of one order are one id of the query; lines that are not there are missing."""
    rows = [{"id": "9", "stamp": STAMP, "salesorder": "200", "line": "1", "method": "RATABLE"}]
    account = Account(SalesOrd=rows)
    records = await adapter(account).fetch(Kind.CONTRACT_LINE, ["200:1", "200:2", "x:1"], frozenset({"revenue_method"}))
    assert [record and dict(record.attributes) for record in records] == [{"revenue_method": "RATABLE"}, None, None]
    assert account.asked[0][1] == ["200"]


async def test_ids_that_are_no_numbers_are_not_asked_for() -> None:
    """The database would refuse the whole query for one of them."""
    account = Account()
    assert await adapter(account).fetch(Kind.PROJECT, ["x", "1' OR '1'='1", "٣"], frozenset()) == [None] * 3
    assert account.asked == []


async def test_feeds_go_on_behind_the_last_row_and_in_the_accounts_zone() -> None:
    """A full page is followed by a query from its last stamp and id; stamps are local, watermarks UTC."""
    rows = [{"id": str(n), "stamp": STAMP, "externalid": f"key{n}"} for n in range(1, 1001)]

    class Once(Account):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            answer = super().__call__(request)
            self.answers = {}
            return answer

    account = Once(timebill=rows)
    subject = adapter(account, time_zone="America/New_York")
    since = datetime(2026, 1, 5, 12, tzinfo=UTC)
    pages = [page async for page in subject.changes(Kind.TIME_ENTRY, since)]
    assert [len(page.records) for page in pages] == []
    account.answers = {"timebill": rows}
    pages = [page async for page in subject.changes(Kind.TIME_ENTRY, None)]
    assert [page.watermark for page in pages] == [datetime(2026, 5, 8, 2, 7, 19, tzinfo=UTC)]
    _, params = account.asked[-1]
    assert params == ["2026-05-07 22:07:19", "2026-05-07 22:07:19", "1000"]
    assert account.asked[1][1] == ["2026-01-05 07:00:00", "2026-01-05 07:00:00", "0"]
    assert pages[0].records[0].keys == (Key("hub_key", "key1"),)


async def test_a_list_that_grows_between_its_pages_is_read_anew() -> None:
    """Aggregates are read by offset: a total that moves means that a row may have been missed."""
    calls = []

    def growing(request: httpx.Request) -> httpx.Response:
        offset = int(request.url.params["offset"])
        calls.append(offset)
        total = 1001 if len(calls) == 1 else 1002
        rows = [base()[0] | {"id": str(n)} for n in range(total)][offset : offset + 1000]
        return httpx.Response(200, json={"items": rows, "hasMore": offset == 0, "totalResults": total})

    records = await adapter(growing).fetch(Kind.CUSTOMER, ["1", "1001"], frozenset())
    assert all(records)
    assert calls == [0, 1000, 0, 1000]


async def test_keys_of_answers_are_taken_in_any_case() -> None:
    """The vendor does not promise the case of its columns."""
    account = Account(job=[{"ID": "7", "Stamp": STAMP, "SUBSIDIARY": "2"}])
    assert await read(account, Kind.PROJECT, "legal_entity") == {"legal_entity": Ref(Kind.LEGAL_ENTITY, "2")}


@pytest.mark.parametrize(
    ("status", "code", "detail", "error", "says"),
    [
        (429, "CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded.", SourceThrottled, "limit"),
        (400, "SSS_REQUEST_LIMIT_EXCEEDED", "", SourceThrottled, "limit"),
        (
            400,
            "INVALID_PARAMETER",
            "Field 'custentity_credit_hold' for record 'customer' was not found.",
            SourceMisconfigured,
            r"customer\.credit_hold",
        ),
        (400, "INVALID_PARAMETER", "Invalid search query.", SourceRejected, "INVALID_PARAMETER"),
        (401, "INVALID_LOGIN", "Invalid login attempt.", SourceMisconfigured, "401"),
    ],
)
async def test_the_vendors_errors_are_told_apart(
    status: int, code: str, detail: str, error: type[Exception], says: str
) -> None:
    """By status and code, never by title; a field that the account lacks names its mapping entry."""
    body = {"title": "Bad Request", "status": status, "o:errorDetails": [{"detail": detail, "o:errorCode": code}]}
    with pytest.raises(error, match=says):
        await adapter(lambda _: httpx.Response(status, json=body)).fetch(
            Kind.CUSTOMER, ["7"], frozenset({"credit_hold"})
        )


def test_a_mapping_cannot_smuggle_sql() -> None:
    """Names of the mapping become part of queries: anything but table.column is refused at the start."""
    with pytest.raises(SourceMisconfigured, match=r"customer\.credit_hold"):
        adapter(Account(), mapping={"customer.credit_hold": "customer.x FROM employee --"})


async def test_numbers_stay_exact() -> None:
    """A string of digits becomes a decimal without ever being a float."""
    account = Account(**{"t.type = 'CustInvc'": base(total="9007199254740993.01", currency="USD")})
    total = (await read(account, Kind.INVOICE, "total"))["total"]
    assert total.amount == Decimal("9007199254740993.01")

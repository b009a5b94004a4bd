"""NetSuite's sums against the books of the generated firm: revenue, open items, few calls."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from hub.domain.kinds import Kind
from hub.domain.money import Money
from hub.domain.records import OpenItem, RevenueRow
from sources.sandbox.firm.vendor_ids import netsuite_id
from tests.contract.adapters.systems import SYSTEMS, connect
from tests.support.sandboxes import small_firm, start_sandbox

NOTHING = Decimal(0)


def expected_revenue(project: int, currency: str) -> tuple[RevenueRow, ...]:
    """The firm's own figures of a project, by period."""
    firm = small_firm()
    planned: dict[str, Decimal] = defaultdict(Decimal)
    recognized: dict[str, Decimal] = defaultdict(Decimal)
    billed: dict[str, Decimal] = defaultdict(Decimal)
    for row in (r for r in firm.revenue_rows if r.project == project):
        if row.planned:
            planned[row.planned_period] += row.amount.value
        if row.recognized and row.posting_period:
            recognized[row.posting_period] += row.amount.value
    for invoice in (i for i in firm.invoices if not i.voided):
        for line in (x for x in invoice.lines if x.project == project):
            billed[invoice.period] += -line.amount.value if invoice.credit else line.amount.value
    return tuple(
        RevenueRow(
            period,
            Money.of(planned.get(period, NOTHING), currency) if planned else None,
            Money.of(recognized.get(period, NOTHING), currency),
            Money.of(billed.get(period, NOTHING), currency),
        )
        for period in sorted({*planned, *recognized, *billed})
    )


async def test_revenue_of_all_projects_takes_two_calls_and_adds_up() -> None:
    """Planned, recognized and billed per period are the firm's own, in the project's currency."""
    projects = [p for p in small_firm().projects if p.in_erp]
    with start_sandbox("netsuite") as running:
        connection = connect(SYSTEMS["netsuite"], running)
        ids = [netsuite_id("job", p.n) for p in projects]
        records = await connection.adapter.fetch(Kind.PROJECT, ids, frozenset({"revenue"}))
        assert len(running.requests()) == 2
        await connection.adapter.aclose()
    for project, record in zip(projects, records, strict=True):
        assert record is not None
        assert record.attributes["revenue"] == expected_revenue(project.n, project.currency)
    assert any(record and record.attributes["revenue"] for record in records)


async def test_open_items_are_what_is_unpaid() -> None:
    """Every invoice with a rest, its due date and its dispute."""
    expected: dict[str, list[OpenItem]] = defaultdict(list)
    for invoice in sorted(small_firm().invoices, key=lambda i: (i.due, i.n)):
        rest = invoice.total.value - invoice.paid.value
        if rest and not invoice.credit and not invoice.voided:
            item = OpenItem(invoice.due, Money.of(rest, invoice.total.currency), invoice.disputed)
            expected[netsuite_id("customer", invoice.customer)].append(item)
    assert expected
    with start_sandbox("netsuite") as running:
        connection = connect(SYSTEMS["netsuite"], running)
        records = await connection.adapter.fetch(Kind.CUSTOMER, list(expected), frozenset({"open_items"}))
        await connection.adapter.aclose()
    for (customer, items), record in zip(expected.items(), records, strict=True):
        assert record is not None, customer
        assert record.attributes["open_items"] == tuple(items)

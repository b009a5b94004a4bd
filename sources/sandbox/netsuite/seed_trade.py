"""Transactions of the firm: sales orders, invoices, credit memos, payments, purchase orders.

Signs follow the ledger's side as NetSuite shows them in `transactionline`: on a sale the main line
(what the customer owes) is positive and item and tax lines are negative; credit memos are the other
way round, with a negative `foreigntotal`; a purchase order has a negative main line and positive item
lines; a payment a positive main line.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from sources.sandbox.firm.model import Contract, ContractLine, Firm, Invoice, Model, Payment, Subcontractor
from sources.sandbox.firm.vendor_ids import netsuite_id, salesforce_id
from sources.sandbox.netsuite.books import Books, Row, day_text, flag, stamp_text
from sources.sandbox.netsuite.lists import SERVICE_ITEM, id_of_revenue_method
from sources.sandbox.netsuite.tables import TABLES
from sources.sandbox.netsuite.tenant import Tenant, whole_minor_units

_BY_RATE = frozenset({Model.TIME_AND_MATERIALS, Model.TM_NOT_TO_EXCEED})
_PO_TERM = timedelta(days=365)


def fill_trade(books: Books, firm: Firm, tenant: Tenant) -> None:
    """Insert all transactions with their lines and links."""
    writer = _Writer(books)
    for header, lines in _sales_orders(firm, tenant):
        writer.add(header, lines)
    invoices = {invoice.n: invoice for invoice in firm.invoices}
    paid_on = {payment.invoice: payment.day for payment in firm.payments}
    milestones = {milestone.n: milestone.canonical for milestone in firm.milestones}
    for invoice in firm.invoices:
        writer.add(_invoice(invoice, tenant, paid_on.get(invoice.n)), _invoice_lines(invoice, milestones))
    for memo in firm.invoices:
        if memo.credits is not None:
            writer.link(invoices[memo.credits], _applied_credit(memo))
    for payment in firm.payments:
        writer.add(_payment(payment, invoices[payment.invoice], tenant), [])
        writer.link(invoices[payment.invoice], _applied_payment(payment))
    for subcontractor in firm.subcontractors:
        writer.add(_purchase_order(subcontractor, tenant), [_purchase_line(subcontractor)])
    writer.flush()


class _Writer:
    """Collects rows so that each table is filled by one statement."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._headers: list[Row] = []
        self._lines: list[Row] = []
        self._links: list[Row] = []

    def add(self, header: Row, lines: list[Row]) -> None:
        """Add a transaction: its main line comes first, numbered 0, the others follow."""
        self._headers.append(header)
        unpaid = header["foreignamountunpaid"]
        main = {"mainline": "T", "taxline": "F", "foreignamount": header["foreigntotal"], "foreignamountunpaid": unpaid}
        if header["type"] == "PurchOrd":
            main["foreignamount"] = -header["foreigntotal"]
        for number, line in enumerate([main, *lines]):
            self._lines.append(_complete(line, header, number, len(self._lines) + 1))

    def link(self, invoice: Invoice, applied: Row) -> None:
        """Say which invoice a payment or a credit memo is applied to."""
        paid = {
            "previousdoc": int(netsuite_id("invoice", invoice.n)),
            "previoustype": "CustInvc",
            "previousdate": day_text(invoice.issued),
            "linktype": "Payment",
        }
        self._links.append({**paid, **applied})

    def flush(self) -> None:
        """Write everything that was collected."""
        for table, rows in (
            ("transaction", self._headers),
            ("transactionline", self._lines),
            ("nexttransactionlink", self._links),
        ):
            columns = list(TABLES[table].columns)
            self._books.fill(table, columns, ([row.get(column) for column in columns] for row in rows))


def _applied_payment(payment: Payment) -> Row:
    return {
        "nextdoc": int(netsuite_id("customerpayment", payment.n)),
        "nexttype": "CustPymt",
        "nextdate": day_text(payment.day),
        "foreignamount": float(payment.amount.value),
        "lastmodifieddate": stamp_text(payment.modified),
    }


def _applied_credit(memo: Invoice) -> Row:
    return {
        "nextdoc": int(netsuite_id("creditmemo", memo.n)),
        "nexttype": "CustCred",
        "nextdate": day_text(memo.issued),
        "foreignamount": abs(float(memo.paid.value)),
        "lastmodifieddate": stamp_text(memo.modified),
    }


def _complete(line: Row, header: Row, number: int, unique_key: int) -> Row:
    amount = line["foreignamount"]
    return {
        "uniquekey": unique_key,
        "transaction": header["id"],
        "id": number,
        "linesequencenumber": number,
        "mainline": "F",
        "taxline": "F",
        "entity": header["entity"],
        "subsidiary": header["subsidiary"],
        "netamount": round(amount * header["exchangerate"], 2),
        "isclosed": "F",
        "linecreateddate": header["createddate"],
        "linelastmodifieddate": header["lastmodifieddate"],
        **line,
    }


def _header(kind: str, record: str, number: int, tenant: Tenant, *, currency: str, company: str) -> Row:
    return {
        "id": number,
        "type": kind,
        "recordtype": record.lower(),
        "transactionnumber": f"{kind.upper()}{number}",
        "subsidiary": tenant.subsidiary_id(company),
        "currency": tenant.currency_id(currency),
        "exchangerate": tenant.exchange_rate(currency, company),
        "posting": "T",
        "voided": "F",
        "custbody_disputed": "F",
        "foreignamountpaid": None,
        "foreignamountunpaid": None,
    }


def _stamped(header: Row, modified: str, **values: Any) -> Row:
    return {**header, "createddate": modified, "lastmodifieddate": modified, **values}


def _sales_orders(firm: Firm, tenant: Tenant) -> Iterator[tuple[Row, list[Row]]]:
    lines_of: dict[int, list[ContractLine]] = {}
    for line in firm.contract_lines:
        lines_of.setdefault(line.contract, []).append(line)
    for contract in firm.contracts:
        if contract.in_erp:
            lines = lines_of.get(contract.n, [])
            yield _sales_order(contract, lines, tenant, firm.today), [_order_line(line) for line in lines]


def _sales_order(contract: Contract, lines: list[ContractLine], tenant: Tenant, today: date) -> Row:
    modified = stamp_text(max([contract.modified, *(line.modified for line in lines)]))
    number = int(netsuite_id("salesorder", contract.n))
    header = _header(
        "SalesOrd", "salesOrder", number, tenant, currency=contract.value.currency, company=contract.company
    )
    return _stamped(
        header,
        modified,
        externalid=contract.canonical,
        tranid=f"SO-{contract.number}",
        trandate=day_text(contract.signed_on or contract.start),
        entity=tenant.customer_id(contract.customer),
        posting="F",
        status="H" if contract.cancelled or contract.end < today else "F",
        approvalstatus="2",
        foreigntotal=float(sum(line.price.value for line in lines)),
        otherrefnum=contract.number,
        startdate=day_text(contract.start),
        enddate=day_text(contract.end),
    )


def _order_line(line: ContractLine) -> Row:
    amount = float(line.price.value)
    rate = float(line.bill_rate.value) if line.model in _BY_RATE and line.bill_rate.value else amount
    return {
        "item": SERVICE_ITEM,
        "itemtype": "Service",
        "memo": line.name,
        "quantity": -round(amount / rate, 8) if rate else 0.0,
        "rate": rate,
        "foreignamount": -amount,
        "billingschedule": line.billing_terms,
        "custcol_contract_line": line.canonical or salesforce_id("Contract_Line__c", line.n),
        "custcol_revenue_method": id_of_revenue_method(line.revenue_method),
        "linecreateddate": stamp_text(line.modified),
        "linelastmodifieddate": stamp_text(line.modified),
    }


def _invoice(invoice: Invoice, tenant: Tenant, paid_on: date | None) -> Row:
    kind, record = ("CustCred", "creditMemo") if invoice.credit else ("CustInvc", "invoice")
    number = int(netsuite_id(record.lower(), invoice.n))
    total, paid = abs(float(invoice.total.value)), abs(float(invoice.paid.value))
    unpaid = 0.0 if invoice.voided else whole_minor_units(total - paid)
    header = _header(kind, record, number, tenant, currency=invoice.total.currency, company=invoice.company)
    settled = unpaid <= 0
    return _stamped(
        header,
        stamp_text(invoice.modified),
        tranid=invoice.number,
        trandate=day_text(invoice.issued),
        duedate=day_text(invoice.due),
        closedate=day_text(paid_on or invoice.due) if settled and not invoice.voided else None,
        entity=tenant.customer_id(invoice.customer),
        postingperiod=tenant.period_id(invoice.period),
        voided=flag(invoice.voided),
        status="V" if invoice.voided else "B" if settled else "A",
        approvalstatus="2",
        foreigntotal=-total if invoice.credit else total,
        foreignamountpaid=paid,
        foreignamountunpaid=unpaid,
        custbody_disputed=flag(invoice.disputed),
    )


def _invoice_lines(invoice: Invoice, milestones: dict[int, str | None]) -> list[Row]:
    side = 1.0 if invoice.credit else -1.0
    lines: list[Row] = [
        {
            "item": SERVICE_ITEM,
            "itemtype": "Service",
            "memo": line.description,
            "quantity": side,
            "rate": abs(float(line.amount.value)),
            "foreignamount": side * abs(float(line.amount.value)),
            "custcol_project": int(netsuite_id("job", line.project)),
            "custcol_milestone": milestones.get(line.milestone) if line.milestone is not None else None,
        }
        for line in invoice.lines
    ]
    if invoice.tax.value:
        tax = side * abs(float(invoice.tax.value))
        lines.append({"taxline": "T", "itemtype": "TaxItem", "memo": "Tax", "foreignamount": tax})
    return lines


def _payment(payment: Payment, invoice: Invoice, tenant: Tenant) -> Row:
    number = int(netsuite_id("customerpayment", payment.n))
    header = _header(
        "CustPymt", "customerPayment", number, tenant, currency=payment.amount.currency, company=invoice.company
    )
    return _stamped(
        header,
        stamp_text(payment.modified),
        tranid=f"PYMT-{payment.n}",
        trandate=day_text(payment.day),
        entity=tenant.customer_id(invoice.customer),
        postingperiod=tenant.period_id(payment.day.isoformat()[:7]),
        status="C",
        foreigntotal=float(payment.amount.value),
    )


def _purchase_order(subcontractor: Subcontractor, tenant: Tenant) -> Row:
    number = int(netsuite_id("purchaseorder", subcontractor.n))
    header = _header(
        "PurchOrd",
        "purchaseOrder",
        number,
        tenant,
        currency=subcontractor.limit.currency,
        company=subcontractor.company,
    )
    start = subcontractor.modified.date()
    return _stamped(
        header,
        stamp_text(subcontractor.modified),
        tranid=subcontractor.purchase_order,
        trandate=day_text(start),
        entity=int(netsuite_id("vendor", subcontractor.n)),
        posting="F",
        status="B",
        approvalstatus="2",
        foreigntotal=float(subcontractor.limit.value),
        startdate=day_text(start),
        enddate=day_text(start + _PO_TERM),
    )


def _purchase_line(subcontractor: Subcontractor) -> Row:
    limit, rate = float(subcontractor.limit.value), float(subcontractor.rate.value)
    return {
        "item": SERVICE_ITEM,
        "itemtype": "Service",
        "memo": subcontractor.role,
        "quantity": round(limit / rate, 8) if rate else 0.0,
        "rate": rate,
        "foreignamount": limit,
    }

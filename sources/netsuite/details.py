"""Attributes that come from rows of their own: revenue, open items, invoice lines, a subcontractor's terms.

Each is read for many records by one query, and anew by every fetch that asks for it: the rows change
without moving the stamp of the record that shows them.
"""

# ruff: noqa: S608 - names come from this code and the estate's mapping (checked), every value is bound

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from hub.domain.kinds import Kind
from hub.domain.money import Money
from hub.domain.records import BY_CANONICAL, DatedRate, InvoiceLineValue, OpenItem, Ref, RevenueRow, Value
from sources.netsuite.translate import Names, flag, money
from sources.netsuite.wire import SuiteQL, day, marks, period, stamp
from sources.shapes import Row

RATE_ON = "cost_rate@"
STAMP = "stamp"
"""The name under which details say that they are younger than their record."""
_LINES = "tl.mainline = 'F' AND tl.taxline = 'F'"


@dataclass(frozen=True, slots=True)
class Details:
    """Reads the details of records, by kind."""

    suiteql: SuiteQL
    names: Names

    async def read(
        self, kind: Kind, ids: Sequence[str], attributes: frozenset[str]
    ) -> Mapping[str, Mapping[str, Value]]:
        """The details among these attributes, for every id; nothing is called when there are none."""
        if not ids:
            return {}
        match kind:
            case Kind.PROJECT if "revenue" in attributes:
                return await self._revenue(ids)
            case Kind.CUSTOMER if "open_items" in attributes:
                return await self._open_items(ids)
            case Kind.INVOICE if attributes & {"project", "lines"}:
                return await self._invoice_lines(ids)
            case Kind.SUBCONTRACTOR if any(a == "role" or a.startswith("cost_rate") for a in attributes):
                return await self._terms(ids, attributes)
            case _:
                return {}

    async def _revenue(self, ids: Sequence[str]) -> dict[str, dict[str, Value]]:
        """Planned, recognized and billed money by project and period, summed up by the vendor."""
        by_job = await self._grouped(self._revenue_sql(ids), [*ids, *ids, *ids], "read revenue", "job")
        return {i: {"revenue": _revenue_rows(by_job[i])} for i in ids}

    def _revenue_sql(self, ids: Sequence[str]) -> str:
        job, project, some = self.names["project.revenue"], self.names["invoice.project"], marks(ids)
        plan = (
            "FROM revenueplanplannedrevenue pr JOIN revenueplan rp ON rp.id = pr.revenueplan"
            f" JOIN job j ON j.id = rp.{job} JOIN accountingperiod ap ON ap.id = pr."
        )
        planned = (
            f"SELECT j.id AS job, {period('ap')} AS period, pr.amount AS planned, NULL AS recognized,"
            f" NULL AS billed, 0 AS strange {plan}plannedperiod WHERE rp.{job} IN ({some})"
        )
        recognized = (
            f"SELECT j.id AS job, {period('ap')} AS period, NULL AS planned, pr.amount AS recognized,"
            f" NULL AS billed, 0 AS strange {plan}postingperiod WHERE pr.isrecognized = 'T' AND rp.{job} IN ({some})"
        )
        billed = (
            f"SELECT j.id AS job, {period('ap')} AS period, NULL AS planned, NULL AS recognized,"
            " 0 - tl.foreignamount AS billed, CASE WHEN t.currency = j.currency THEN 0 ELSE 1 END AS strange"
            " FROM transactionline tl JOIN transaction t ON t.id = tl.transaction"
            f" JOIN job j ON j.id = tl.{project} JOIN accountingperiod ap ON ap.id = t.postingperiod"
            f" WHERE t.type IN ('CustInvc', 'CustCred') AND t.voided = 'F' AND t.posting = 'T' AND {_LINES}"
            f" AND tl.{project} IN ({some})"
        )
        return (
            "SELECT x.job AS job, x.period AS period, cur.symbol AS currency, SUM(x.planned) AS planned,"
            " SUM(x.recognized) AS recognized, SUM(x.billed) AS billed, SUM(x.strange) AS strange"
            f" FROM ({planned} UNION ALL {recognized} UNION ALL {billed}) x JOIN job pj ON pj.id = x.job"
            " LEFT JOIN currency cur ON cur.id = pj.currency"
            " GROUP BY x.job, x.period, cur.symbol ORDER BY x.job, x.period"
        )

    async def _open_items(self, ids: Sequence[str]) -> dict[str, dict[str, Value]]:
        """The unpaid parts of a customer's invoices, oldest due first."""
        sql = (
            f"SELECT t.entity AS customer, {day('t.duedate')} AS due, t.foreignamountunpaid AS unpaid,"
            f" t.{self.names['customer.disputed']} AS disputed, cur.symbol AS currency"
            " FROM transaction t LEFT JOIN currency cur ON cur.id = t.currency"
            " WHERE t.type = 'CustInvc' AND t.status = 'A' AND t.voided = 'F' AND t.foreignamountunpaid <> 0"
            f" AND t.entity IN ({marks(ids)}) ORDER BY t.entity, t.duedate, t.id"
        )
        by_customer = await self._grouped(sql, ids, "read open items", "customer")
        return {i: {"open_items": tuple(_open_item(row) for row in by_customer[i])} for i in ids}

    async def _invoice_lines(self, ids: Sequence[str]) -> dict[str, dict[str, Value]]:
        """An invoice's lines in their order, and the project that they bill when it is one."""
        project, milestone = self.names["invoice.project"], self.names["invoice.milestone"]
        sql = (
            "SELECT tl.transaction AS invoice, tl.memo AS description, tl.foreignamount AS amount,"
            f" {period('ap')} AS period, cur.symbol AS currency, tl.{milestone} AS milestone,"
            f" tl.{project} AS project, {stamp('tl.linelastmodifieddate')} AS stamp"
            " FROM transactionline tl JOIN transaction t ON t.id = tl.transaction"
            " LEFT JOIN currency cur ON cur.id = t.currency"
            " LEFT JOIN accountingperiod ap ON ap.id = t.postingperiod"
            f" WHERE {_LINES} AND tl.transaction IN ({marks(ids)}) ORDER BY tl.transaction, tl.id"
        )
        by_invoice = await self._grouped(sql, ids, "read invoice lines", "invoice")
        return {i: _lines(by_invoice[i]) for i in ids}

    async def _terms(self, ids: Sequence[str], attributes: frozenset[str]) -> dict[str, dict[str, Value]]:
        """Role and rate per hour out of a subcontractor's purchase orders; the youngest counts."""
        sql = (
            f"SELECT t.entity AS vendor, {day('t.trandate')} AS since, tl.rate AS rate,"
            f" tl.{self.names['subcontractor.role']} AS role, cur.symbol AS currency"
            " FROM transactionline tl JOIN transaction t ON t.id = tl.transaction"
            " LEFT JOIN currency cur ON cur.id = t.currency"
            f" WHERE t.type = 'PurchOrd' AND t.voided = 'F' AND {_LINES} AND t.entity IN ({marks(ids)})"
            " ORDER BY t.entity, t.trandate, t.id, tl.id"
        )
        by_vendor = await self._grouped(sql, ids, "read purchase orders", "vendor")
        return {i: _vendor_terms(by_vendor[i], attributes) for i in ids}

    async def _grouped(self, sql: str, params: Sequence[str], operation: str, by: str) -> dict[str, list[Row]]:
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in await self.suiteql.all_rows(sql, params, operation):
            groups[row.required(by, row.text(by))].append(row)
        return groups


def _revenue_rows(rows: list[Row]) -> Any:
    """A project's rows by period. None when it was billed in a currency that is not its own: such sums mean nothing."""
    if any(row.number_text("strange") for row in rows):
        return None
    has_plan = any(row.number_text("planned") is not None for row in rows)
    result = []
    for row in rows:
        nothing = Money(0, row.required("currency", row.text("currency")))
        planned, recognized, billed = (money(row, name) for name in ("planned", "recognized", "billed"))
        result.append(
            RevenueRow(
                period=row.required("period", row.text("period")),
                planned=(planned or nothing) if has_plan else None,
                recognized=recognized or nothing,
                billed=billed or nothing,
            )
        )
    return tuple(sorted(result, key=lambda row: row.period))


def _open_item(row: Row) -> OpenItem:
    return OpenItem(row.day("due"), row.required("unpaid", money(row, "unpaid")), flag(row, "disputed") is True)


def _lines(rows: list[Row]) -> dict[str, Value]:
    """The lines with amounts as the customer sees them: the ledger writes a sale's lines negative."""
    lines = []
    for row in rows:
        amount, milestone = money(row, "amount"), row.text("milestone")
        lines.append(
            InvoiceLineValue(
                description=row.text("description"),
                amount=None if amount is None else -amount,
                period=row.text("period"),
                milestone=Ref(Kind.MILESTONE, milestone, BY_CANONICAL) if milestone else None,
            )
        )
    projects = {project for row in rows if (project := row.text("project"))}
    return {
        "lines": tuple(lines),
        "project": Ref(Kind.PROJECT, projects.pop()) if len(projects) == 1 else None,
        STAMP: max((row.text("stamp") or "" for row in rows), default=""),
    }


def _vendor_terms(rows: list[Row], attributes: frozenset[str]) -> dict[str, Value]:
    """Role and rate of the youngest order; `cost_rate@date` is the rate of the youngest order of that day or before."""
    terms: dict[str, Value] = {
        "role": rows[-1].text("role") if rows else None,
        "cost_rate": _rate(rows[-1]) if rows else None,
    }
    for name in attributes:
        if name.startswith(RATE_ON):
            on = date.fromisoformat(name.removeprefix(RATE_ON))
            valid = [row for row in rows if (since := row.day("since")) is not None and since <= on]
            terms[name] = _rate(valid[-1]) if valid else None
    return terms


def _rate(row: Row) -> DatedRate | None:
    rate = money(row, "rate")
    return None if rate is None else DatedRate(rate, row.day("since"))

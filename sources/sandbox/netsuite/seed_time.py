"""Time actuals and revenue plans of the firm."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from sources.sandbox.firm.model import Firm, RevenueRow, TimeEntry
from sources.sandbox.firm.vendor_ids import kantata_id, netsuite_id
from sources.sandbox.netsuite.books import Books, day_text, flag, stamp_text
from sources.sandbox.netsuite.lists import SERVICE_ITEM
from sources.sandbox.netsuite.tenant import Tenant

_TIME_COLUMNS = (
    "id",
    "externalid",
    "trandate",
    "hours",
    "employee",
    "customer",
    "item",
    "isbillable",
    "approvalstatus",
    "posted",
    "timetype",
    "rate",
    "memo",
    "subsidiary",
    "postingperiod",
    "createddate",
    "lastmodifieddate",
)
_PLAN_COLUMNS = (
    "id",
    "recordnumber",
    "revenueplantype",
    "status",
    "createdfrom",
    "amount",
    "startdate",
    "enddate",
    "custrecord_job",
    "datecreated",
    "lastmodifieddate",
)
_PLANNED_COLUMNS = (
    "id",
    "revenueplan",
    "plannedperiod",
    "postingperiod",
    "plannedrevenuetype",
    "amount",
    "exchangerate",
    "isrecognized",
    "dateexecuted",
    "deferredrevenueaccount",
    "recognitionaccount",
    "lastmodifieddate",
)
_DEFERRED_ACCOUNT, _REVENUE_ACCOUNT = 250, 401
_APPROVED_TIME = "3"


def actual_external_id(time_entry_id: str, modified: datetime) -> str:
    """The external id of a time actual, 64 lower-case hex digits.

    The firm's previous posting tool named its actuals by the hash of what it was doing (domain.md 6.2:
    source system, instance, type, id, the source's timestamp, target operation), so that a retry after
    a lost reply could not post twice; whoever takes over the postings must arrive at the same names.
    The array is in canonical JSON (RFC 8785: no spaces). Kantata's stamps have whole seconds, so the
    milliseconds are always 000.
    """
    instant = modified.astimezone(UTC).isoformat()[:19] + ".000Z"
    parts = ["PSA", "kantata", "TimeEntry", time_entry_id, instant, "ERP:createActual"]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()


def fill_time(books: Books, firm: Firm, tenant: Tenant) -> None:
    """Insert one time bill per posted time entry."""
    books.fill("timebill", _TIME_COLUMNS, _time_bills(firm, tenant))


def _time_bills(firm: Firm, tenant: Tenant) -> Iterator[tuple[Any, ...]]:
    rates = {line.n: float(line.bill_rate.value) for line in firm.contract_lines}
    rate_of_task = {task.n: rates.get(task.line) for task in firm.tasks if task.line is not None}
    subsidiary_of = {project.n: tenant.subsidiary_id(project.company) for project in firm.projects}
    for entry in firm.time_entries:
        if entry.posted_period is not None:
            yield _time_bill(
                entry, subsidiary_of[entry.project], rate_of_task.get(entry.task), tenant.period_id(entry.posted_period)
            )


def _worker_id(entry: TimeEntry) -> int | None:
    if entry.person is not None:
        return int(netsuite_id("employee", entry.person))
    return int(netsuite_id("vendor", entry.subcontractor)) if entry.subcontractor is not None else None


def _time_bill(entry: TimeEntry, subsidiary: int, rate: float | None, period: int) -> tuple[Any, ...]:
    posted_at = stamp_text(max(entry.modified, entry.approved_at or entry.modified))
    return (
        int(netsuite_id("timebill", entry.n)),
        actual_external_id(kantata_id("time_entry", entry.n), entry.modified),
        day_text(entry.day),
        entry.minutes / 60,
        _worker_id(entry),
        int(netsuite_id("job", entry.project)),
        SERVICE_ITEM,
        flag(entry.billable),
        _APPROVED_TIME,
        "T",
        "A",
        rate if entry.billable else None,
        entry.note or None,
        subsidiary,
        period,
        posted_at,
        posted_at,
    )


def fill_revenue(books: Books, firm: Firm, tenant: Tenant) -> None:
    """Insert one revenue plan per project and contract line, and its rows."""
    plans: dict[tuple[int, int], list[RevenueRow]] = {}
    for row in firm.revenue_rows:
        plans.setdefault((row.project, row.line), []).append(row)
    numbered = [(int(netsuite_id("revenueplan", n)), key, rows) for n, (key, rows) in enumerate(plans.items(), start=1)]
    order_of = {line.n: int(netsuite_id("salesorder", line.contract)) for line in firm.contract_lines}
    books.fill(
        "revenueplan",
        _PLAN_COLUMNS,
        (_plan(number, project, order_of.get(line), rows) for number, (project, line), rows in numbered),
    )
    company_of = {project.n: project.company for project in firm.projects}
    books.fill(
        "revenueplanplannedrevenue",
        _PLANNED_COLUMNS,
        (_planned(row, number, tenant, company_of[project]) for number, (project, _), rows in numbered for row in rows),
    )


def _status(rows: list[RevenueRow]) -> str:
    recognized = sum(row.recognized for row in rows)
    if not recognized:
        return "NOTSTARTED"
    return "COMPLETED" if recognized == len(rows) else "INPROGRESS"


def _plan(number: int, project: int, order: int | None, rows: list[RevenueRow]) -> tuple[Any, ...]:
    modified = stamp_text(max(row.modified for row in rows))
    return (
        number,
        f"RP-{number}",
        "ACTUAL",
        _status(rows),
        order,
        float(sum(row.amount.value for row in rows)),
        f"{min(row.planned_period for row in rows)}-01 00:00:00",
        f"{max(row.planned_period for row in rows)}-28 00:00:00",
        int(netsuite_id("job", project)),
        modified,
        modified,
    )


def _planned(row: RevenueRow, plan: int, tenant: Tenant, company: str) -> tuple[Any, ...]:
    posted = tenant.period_id(row.posting_period) if row.posting_period is not None else None
    modified = stamp_text(row.modified)
    return (
        int(netsuite_id("revenueplanplannedrevenue", row.n)),
        plan,
        tenant.period_id(row.planned_period) if row.planned else None,
        posted,
        "PLANNED" if row.planned else "ACTUAL",
        float(row.amount.value),
        tenant.exchange_rate(row.amount.currency, company),
        flag(row.recognized),
        modified if row.recognized else None,
        _DEFERRED_ACCOUNT,
        _REVENUE_ACCOUNT,
        modified,
    )

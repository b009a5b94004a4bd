"""Filling the books from the generated firm: who and what, in the order in which rows refer to each other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from sources.sandbox.firm.days import closes_on, period_of
from sources.sandbox.firm.model import Customer, Firm, Person, Project, Subcontractor
from sources.sandbox.firm.vendor_ids import netsuite_id
from sources.sandbox.netsuite.books import Books, Row, day_text, flag, stamp_text
from sources.sandbox.netsuite.lists import (
    JOB_CLOSED,
    JOB_IN_PROGRESS,
    JOB_STATUSES,
    REVENUE_METHODS,
    id_of_billing_type,
)
from sources.sandbox.netsuite.seed_time import fill_revenue, fill_time
from sources.sandbox.netsuite.seed_trade import fill_trade
from sources.sandbox.netsuite.tenant import BASE_CURRENCY, CURRENCIES, Tenant

_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def fill_books(books: Books, firm: Firm) -> None:
    """Load the whole firm; afterwards the books are indexed and ready to serve."""
    tenant = Tenant.of(firm)
    _insert_all(books, "currency", _currencies(firm))
    _insert_all(books, "accountingperiod", _periods(firm, tenant))
    _insert_all(books, "entitystatus", _entity_statuses())
    _insert_all(books, "customlist_revenue_method", _revenue_methods())
    _insert_all(books, "subsidiary", _subsidiaries(firm, tenant))
    _insert_all(books, "customer", (_customer(c, tenant) for c in firm.customers if c.in_erp))
    _insert_all(books, "employee", (_employee(p, tenant) for p in firm.people))
    _insert_all(books, "vendor", (_vendor(s, tenant) for s in firm.subcontractors))
    _insert_all(books, "job", _jobs(firm, tenant))
    fill_trade(books, firm, tenant)
    fill_time(books, firm, tenant)
    fill_revenue(books, firm, tenant)
    books.build_indexes()


def _insert_all(books: Books, table: str, rows: Iterator[Row]) -> None:
    """Insert rows that all have the same columns."""
    listed = list(rows)
    if listed:
        books.fill(table, list(listed[0]), (list(row.values()) for row in listed))


def _start_of_books(firm: Firm) -> str:
    """The instant before which nothing was entered: what reference data carries as its modified stamp."""
    return day_text(date(firm.today.year - 2, 1, 1))


def _currencies(firm: Firm) -> Iterator[Row]:
    for number, (code, (rate, digits)) in enumerate(CURRENCIES.items(), start=1):
        yield {
            "id": number,
            "symbol": code,
            "name": code,
            "exchangerate": rate,
            "currencyprecision": digits,
            "isbasecurrency": flag(code == BASE_CURRENCY),
            "isinactive": "F",
            "lastmodifieddate": _start_of_books(firm),
        }


def _last_day(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def _periods(firm: Firm, tenant: Tenant) -> Iterator[Row]:
    first_year, last_year = tenant.first_year, tenant.first_year + tenant.years - 1
    for year in range(first_year, last_year + 1):
        year_id = tenant.year_id(year)
        yield _period(firm, year_id, f"FY {year}", None, (date(year, 1, 1), date(year, 12, 31)), "year")
        for quarter in range(1, 5):
            quarter_id = year_id + quarter
            span = (date(year, quarter * 3 - 2, 1), _last_day(year, quarter * 3))
            yield _period(firm, quarter_id, f"Q{quarter} {year}", year_id, span, "quarter")
            for month in range(quarter * 3 - 2, quarter * 3 + 1):
                name = f"{_MONTH_NAMES[month - 1]} {year}"
                span = (date(year, month, 1), _last_day(year, month))
                yield _period(firm, tenant.period_id(f"{year}-{month:02d}"), name, quarter_id, span, "month")


def _period(firm: Firm, number: int, name: str, parent: int | None, span: tuple[date, date], length: str) -> Row:
    start, end = span
    closed_on = closes_on(period_of(end))
    closed = closed_on <= firm.today
    return {
        "id": number,
        "periodname": name,
        "startdate": day_text(start),
        "enddate": day_text(end),
        "parent": parent,
        "closed": flag(closed),
        "closedondate": day_text(closed_on) if closed else None,
        "alllocked": flag(closed),
        "isquarter": flag(length == "quarter"),
        "isyear": flag(length == "year"),
        "isadjust": "F",
        "isinactive": "F",
        "isposting": flag(length == "month"),
        "lastmodifieddate": day_text(closed_on) if closed else _start_of_books(firm),
    }


def _entity_statuses() -> Iterator[Row]:
    for number, name in JOB_STATUSES.items():
        yield {"id": number, "name": name, "entitytype": "job", "inactive": "F"}


def _revenue_methods() -> Iterator[Row]:
    for number, name in REVENUE_METHODS.items():
        yield {"id": int(number), "name": name, "isinactive": "F"}


def _subsidiaries(firm: Firm, tenant: Tenant) -> Iterator[Row]:
    for entity in firm.legal_entities:
        yield {
            "id": int(netsuite_id("subsidiary", entity.n)),
            "externalid": entity.code,
            "name": entity.name,
            "fullname": entity.name,
            "legalname": entity.name,
            "parent": None,
            "currency": tenant.currency_id(entity.currency),
            "country": entity.country,
            "iselimination": "F",
            "isinactive": "F",
            "lastmodifieddate": _start_of_books(firm),
        }


def _customer(customer: Customer, tenant: Tenant) -> Row:
    modified = stamp_text(customer.modified)
    return {
        "id": int(netsuite_id("customer", customer.n)),
        "externalid": customer.canonical,
        "entityid": f"CUST-{customer.n}",
        "altname": customer.erp_name,
        "companyname": customer.erp_name,
        "isperson": "F",
        "parent": tenant.customer_id(customer.parent),
        "subsidiary": tenant.subsidiary_id(customer.company),
        "currency": tenant.currency_id(customer.currency),
        "terms": "1",
        "custentity_tax_registration": customer.tax_registration or None,
        "custentity_credit_hold": flag(customer.credit_hold),
        "isinactive": "F",
        "datecreated": modified,
        "lastmodifieddate": modified,
    }


def _employee(person: Person, tenant: Tenant) -> Row:
    modified = stamp_text(person.modified)
    return {
        "id": int(netsuite_id("employee", person.n)),
        "externalid": person.employee_number,
        "entityid": person.employee_number,
        "altname": person.name,
        "firstname": person.first_name,
        "lastname": person.last_name,
        "email": person.email,
        "title": person.title,
        "subsidiary": tenant.subsidiary_id(person.company),
        "supervisor": int(netsuite_id("employee", person.manager)) if person.manager is not None else None,
        "hiredate": day_text(person.hired),
        "releasedate": day_text(person.terminated) if person.terminated is not None else None,
        "isjobresource": "T",
        "isinactive": flag(person.terminated is not None),
        "datecreated": modified,
        "lastmodifieddate": modified,
    }


def _vendor(subcontractor: Subcontractor, tenant: Tenant) -> Row:
    modified = stamp_text(subcontractor.modified)
    first, _, last = subcontractor.name.partition(" ")
    return {
        "id": int(netsuite_id("vendor", subcontractor.n)),
        "externalid": None,
        "entityid": f"VEND-{subcontractor.n}",
        "altname": subcontractor.name,
        "companyname": None,
        "firstname": first,
        "lastname": last,
        "isperson": "T",
        "email": subcontractor.email,
        "isjobresourcevend": "T",
        "subsidiary": tenant.subsidiary_id(subcontractor.company),
        "currency": tenant.currency_id(subcontractor.rate.currency),
        "isinactive": "F",
        "datecreated": modified,
        "lastmodifieddate": modified,
    }


def _jobs(firm: Firm, tenant: Tenant) -> Iterator[Row]:
    contracts = {contract.n: contract for contract in firm.contracts}
    prices = {line.n: line.price.value for line in firm.contract_lines}
    for project in firm.projects:
        if not project.in_erp:
            continue
        contract = contracts.get(project.contract) if project.contract is not None else None
        price = float(sum(prices[n] for n in project.lines)) if project.lines else None
        yield _job(project, tenant, contract.number if contract is not None else None, price)


def _job(project: Project, tenant: Tenant, contract_number: str | None, price: float | None) -> Row:
    modified = stamp_text(project.modified)
    return {
        "id": int(netsuite_id("job", project.n)),
        "externalid": project.canonical,
        "entityid": project.code,
        "altname": project.name,
        "companyname": project.name,
        "parent": tenant.customer_id(project.customer),
        "subsidiary": tenant.subsidiary_id(project.company),
        "currency": tenant.currency_id(project.currency),
        "jobbillingtype": id_of_billing_type(project.billing_type),
        "entitystatus": JOB_IN_PROGRESS if project.erp_open else JOB_CLOSED,
        "projectmanager": int(netsuite_id("employee", project.manager)) if project.manager is not None else None,
        "startdate": day_text(project.start),
        "projectedenddate": day_text(project.end),
        "estimatedrevenue": price,
        "jobprice": price,
        "percentcomplete": float(project.percent_complete),
        "custentity_contract": contract_number,
        "isinactive": "F",
        "datecreated": modified,
        "lastmodifieddate": modified,
    }

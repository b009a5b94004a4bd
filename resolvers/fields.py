"""The table of fields itself: `GRAPH[type][field]` says where a field's value comes from (see resolvers.graph)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol

from hub.domain.kinds import Domain, Kind
from hub.domain.merge import time_status
from hub.domain.money import Money
from hub.domain.receivables import collections_indicator, open_receivables
from hub.domain.records import DatedRate, RevenueRow, SoldRole
from hub.domain.roles import RoleMap, Scope
from hub.errors import InvalidInput
from resolvers.filters import (
    assignment_conditions,
    contract_conditions,
    customer_conditions,
    opportunity_conditions,
    project_conditions,
    project_order,
    resource_conditions,
    time_entry_conditions,
)
from resolvers.graph import (
    Arguments,
    Attr,
    ByIds,
    Children,
    Derived,
    FieldSource,
    Health,
    Kept,
    Link,
    Lookup,
    Pages,
    Part,
    PartLink,
    Provenance,
    Reverse,
    Values,
)


class Surroundings(Protocol):
    """What derived fields may know besides values: the day and the role map."""

    @property
    def today(self) -> date:
        """The current day, UTC."""
        ...

    @property
    def roles(self) -> RoleMap:
        """The firm's role maps."""
        ...


# -- how values look in the graph -------------------------------------------------------------------


def hours(value: Decimal | None) -> str | None:
    """Hours with two places."""
    return None if value is None else str(value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


def ratio(value: Decimal | None) -> str | None:
    """A fraction with six places."""
    return None if value is None else str(value.quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP))


def instant(value: datetime | None) -> str | None:
    """RFC 3339 in UTC with Z, milliseconds only when there are any."""
    if value is None:
        return None
    precision = "milliseconds" if value.microsecond else "seconds"
    return value.isoformat(timespec=precision).replace("+00:00", "Z")


def day(value: date | None) -> str | None:
    """YYYY-MM-DD."""
    return None if value is None else value.isoformat()


# -- derived fields ---------------------------------------------------------------------------------


def _weighted_hours(values: Values, _: Arguments, __: Any) -> str | None:
    """Hours x probability over all sold roles (domain.md section 3, stage 1)."""
    probability, roles = values.attributes["probability"], values.attributes["sold_roles"]
    if not isinstance(probability, Decimal) or not isinstance(roles, tuple):
        return None
    sold = [role.hours for role in roles if isinstance(role, SoldRole) and role.hours is not None]
    return hours(probability * sum(sold, Decimal(0)))


def _sold_roles(values: Values, _: Arguments, around: Surroundings) -> list[dict[str, Any]] | None:
    """The sold roles with what the role maps make of them; an unmapped role shows null, never a default."""
    roles = values.attributes["sold_roles"]
    if not isinstance(roles, tuple):
        return None
    region = values.attributes["region"]
    scope = Scope(region=region if isinstance(region, str) else None)
    return [_sold_role(role, scope, around) for role in roles if isinstance(role, SoldRole)]


ROLE_UNMAPPED = "ROLE_UNMAPPED"
"""The role maps have no row for the sold role, or for its delivery role, on the day the work starts."""


def _sold_role(role: SoldRole, scope: Scope, around: Surroundings) -> dict[str, Any]:
    start = role.start_date or around.today
    delivery = around.roles.delivery_role(role.role, scope, demand_start=start)
    labor = None if delivery is None else around.roles.labor_category(delivery, scope, work_date=start)
    return {
        "role": role.role,
        "delivery_role": delivery,
        "labor_category": labor,
        "unmapped": ROLE_UNMAPPED if labor is None else None,
        "hours": role.hours,
        "bill_rate": role.bill_rate,
        "start_date": role.start_date,
        "end_date": role.end_date,
    }


def _open_receivables(values: Values, arguments: Arguments, _: Surroundings) -> Money | None:
    """The sum of the open items, in the asked currency or the only one there is."""
    items = values.attributes["open_items"]
    if not isinstance(items, tuple):
        return None
    currencies = sorted({item.open.currency for item in items})  # type: ignore[union-attr]
    wanted = arguments.get("currency") or (currencies[0] if len(currencies) == 1 else None)
    if wanted is None:
        if not currencies:
            return None
        raise InvalidInput("currency", f"is needed: receivables are in {', '.join(currencies)}", code="MIXED_CURRENCY")
    refuse_conversion(currencies, wanted)
    return open_receivables(items, wanted)  # type: ignore[arg-type]


def refuse_conversion(currencies: Sequence[str], wanted: str) -> None:
    """Until exchange rates exist, an amount in another currency than asked is an error naming the argument."""
    others = [c for c in currencies if c != wanted]
    if others:
        raise InvalidInput("currency", f"there is no exchange rate from {others[0]} to {wanted}", code="FX_MISSING")


def _collections(values: Values, _: Arguments, around: Surroundings) -> str | None:
    items = values.attributes["open_items"]
    return str(collections_indicator(items, around.today)) if isinstance(items, tuple) else None  # type: ignore[arg-type]


def _revenue(values: Values, arguments: Arguments, _: Surroundings) -> list[RevenueRow] | None:
    """The periods from `from` to `to`, both included, ascending."""
    rows = values.attributes["revenue"]
    if not isinstance(rows, tuple):
        return None
    first, last = arguments.get("from") or "", arguments.get("to") or "9999-12"
    chosen = [row for row in rows if isinstance(row, RevenueRow) and first <= row.period <= last]
    wanted = arguments.get("currency")
    if wanted is not None:
        found = {m.currency for row in chosen for m in (row.planned, row.recognized, row.billed) if m is not None}
        refuse_conversion(sorted(found), wanted)
    return chosen


def _cost_rate_needs(arguments: Arguments) -> tuple[str, ...]:
    on = arguments.get("on")
    return ("cost_rate",) if on is None else (f"cost_rate@{on.isoformat()}",)


def _cost_rate(values: Values, _: Arguments, __: Surroundings) -> Money | None:
    rate = next(iter(values.attributes.values()))
    return rate.rate if isinstance(rate, DatedRate) else None


def _time_status(values: Values, _: Arguments, __: Surroundings) -> str | None:
    return time_status(values.attributes["status"], values.kept.get("posted_period"))


def _labor_category(values: Values, _: Arguments, around: Surroundings) -> str | None:
    """The ERP's labor category of the entry's role on its work date; null when the role is not mapped."""
    role, worked = values.attributes["role"], values.attributes["work_date"]
    if not isinstance(role, str) or not isinstance(worked, date):
        return None
    return around.roles.labor_category(role, Scope(), work_date=worked)


# -- the table --------------------------------------------------------------------------------------

_LISTED = (
    "Customer",
    "Opportunity",
    "Contract",
    "Project",
    "Assignment",
    "TimeEntry",
    "Expense",
    "Resource",
    "Invoice",
)
_CONNECTION: Mapping[str, FieldSource] = {
    "edges": Part("edges"),
    "nodes": Part("nodes"),
    "pageInfo": Part("info"),
    "totalCount": Part("total"),
}
_EDGE: Mapping[str, FieldSource] = {"cursor": Part("cursor"), "node": Part("node")}

GRAPH: Mapping[str, Mapping[str, FieldSource]] = {
    "Query": {
        "customers": Pages(Kind.CUSTOMER, "Customer", 20, conditions=customer_conditions),
        "opportunities": Pages(Kind.OPPORTUNITY, "Opportunity", 20, conditions=opportunity_conditions),
        "contracts": Pages(Kind.CONTRACT, "Contract", 20, order_by="number", conditions=contract_conditions),
        "projects": Pages(Kind.PROJECT, "Project", 20, conditions=project_conditions, order=project_order),
        "resources": Pages(Kind.RESOURCE, "Resource", 20, conditions=resource_conditions),
        "node": ByIds(),
        "nodes": ByIds(many=True),
        "_entities": ByIds(many=True, references=True),
        "customer": Lookup(Kind.CUSTOMER, "Customer"),
        "opportunity": Lookup(Kind.OPPORTUNITY, "Opportunity"),
        "contract": Lookup(Kind.CONTRACT, "Contract"),
        "project": Lookup(Kind.PROJECT, "Project", by_code=True),
        "resource": Lookup(Kind.RESOURCE, "Resource"),
        "invoice": Lookup(Kind.INVOICE, "Invoice"),
        "sources": Health(),
    },
    **{f"{name}Connection": _CONNECTION for name in _LISTED},
    **{f"{name}Edge": _EDGE for name in _LISTED},
    "PageInfo": {
        "hasNextPage": Part("has_next"),
        "hasPreviousPage": Part("has_previous"),
        "startCursor": Part("start"),
        "endCursor": Part("end"),
    },
    "SourceRecord": {
        "domain": Part("domain", str),
        "system": Part("system"),
        "vendor": Part("vendor"),
        "kind": Part("kind"),
        "externalId": Part("external_id"),
        "version": Part("version"),
        "sourceTimestamp": Part("source_timestamp", instant),
        "fetchedAt": Part("fetched_at", instant),
        "stale": Part("stale"),
        "unavailable": Part("unavailable"),
    },
    "SourceHealth": {
        "system": Part("system"),
        "vendor": Part("vendor"),
        "domain": Part("domain", str),
        "status": Part("status", str),
        "lastContact": Part("last_contact", instant),
        "lagSeconds": Part("lag_seconds"),
        "openExceptions": Part("open_exceptions"),
    },
    "Money": {"amount": Part("amount", str), "currency": Part("currency")},
    "LegalEntity": {
        "code": Attr("code"),
        "name": Attr("name"),
        "country": Attr("country"),
        "currency": Attr("currency"),
    },
    "Practice": {"code": Kept("code"), "name": Kept("name"), "parent": Link("parent", "Practice")},
    "Customer": {
        "records": Provenance(),
        "name": Attr("name"),
        "industry": Attr("industry"),
        "region": Attr("region"),
        "parent": Link("parent", "Customer"),
        "creditHold": Attr("credit_hold"),
        "openReceivables": Derived(("open_items",), _open_receivables),
        "collections": Derived(("open_items",), _collections),
        "opportunities": Pages(Kind.OPPORTUNITY, "Opportunity", 20, via="customer"),
        "contracts": Pages(Kind.CONTRACT, "Contract", 20, via="customer", order_by="number"),
        "projects": Pages(Kind.PROJECT, "Project", 20, via="customer", order_by="code"),
    },
    "Opportunity": {
        "records": Provenance(),
        "name": Attr("name"),
        "customer": Link("customer", "Customer"),
        "stage": Attr("stage"),
        "status": Attr("status"),
        "probability": Attr("probability", of=ratio),
        "amount": Attr("amount"),
        "expectedClose": Attr("expected_close", of=day),
        "startDate": Attr("start_date", of=day),
        "region": Attr("region"),
        "soldRoles": Derived(("sold_roles", "region"), _sold_roles),
        "soldPackages": Attr("sold_packages"),
        "contract": Reverse(Kind.CONTRACT, "opportunity", "Contract"),
        "weightedHours": Derived(("probability", "sold_roles"), _weighted_hours),
    },
    "SoldRole": {
        "role": Part("role"),
        "deliveryRole": Part("delivery_role"),
        "laborCategory": Part("labor_category"),
        "unmapped": Part("unmapped"),
        "hours": Part("hours", hours),
        "billRate": Part("bill_rate"),
        "startDate": Part("start_date", day),
        "endDate": Part("end_date", day),
    },
    "SoldPackage": {"code": Part("code"), "quantity": Part("quantity", hours), "price": Part("price")},
    "Contract": {
        "records": Provenance(),
        "number": Attr("number"),
        "customer": Link("customer", "Customer"),
        "opportunity": Link("opportunity", "Opportunity"),
        "legalEntity": Link("legal_entity", "LegalEntity"),
        "status": Attr("status"),
        "signedOn": Attr("signed_on", of=day),
        "value": Attr("value"),
        "lines": Children(Kind.CONTRACT_LINE, "contract", "ContractLine", "name"),
        "changeOrders": Children(Kind.CHANGE_ORDER, "contract", "ChangeOrder", "date", (Domain.CRM,)),
        "projects": Children(Kind.PROJECT, "contract", "Project", "code"),
    },
    "ContractLine": {
        "records": Provenance(),
        "name": Attr("name"),
        "model": Attr("model"),
        "price": Attr("price"),
        "cap": Attr("cap"),
        "startDate": Attr("start_date", of=day),
        "endDate": Attr("end_date", of=day),
        "revenueMethod": Attr("revenue_method"),
    },
    "ChangeOrder": {
        "records": Provenance(),
        "line": Link("line", "ContractLine"),
        "status": Attr("status"),
        "reason": Attr("reason"),
        "priceDelta": Attr("price_delta"),
        "hoursDelta": Attr("hours_delta", of=hours),
        "effectiveDate": Attr("effective_date", of=day),
    },
    "Project": {
        "records": Provenance(),
        "code": Attr("code"),
        "name": Attr("name"),
        "stage": Kept("stage"),
        "startDate": Attr("start_date", of=day),
        "endDate": Attr("end_date", of=day),
        "practice": Link("practice", "Practice"),
        # The contract's, or the project's own while it has none (domain.md 9.1).
        "legalEntity": Link("legal_entity", "LegalEntity", (Domain.CRM, Domain.ERP)),
        "customer": Link("customer", "Customer", (Domain.CRM, Domain.PSA)),
        "contract": Link("contract", "Contract"),
        "manager": Link("manager", "Resource"),
        "percentComplete": Attr("percent_complete", of=ratio),
        "tasks": Children(Kind.TASK, "project", "Task", "start_date"),
        "milestones": Children(Kind.MILESTONE, "project", "Milestone", "date"),
        "assignments": Pages(Kind.ASSIGNMENT, "Assignment", 50, via="project", order_by="start_date"),
        "timeEntries": Pages(
            Kind.TIME_ENTRY, "TimeEntry", 50, via="project", order_by="date", conditions=time_entry_conditions
        ),
        "expenses": Pages(Kind.EXPENSE, "Expense", 50, via="project", order_by="date"),
        "invoices": Pages(Kind.INVOICE, "Invoice", 20, via="project", order_by="date"),
        "revenue": Derived(("revenue",), _revenue),
    },
    "Task": {
        "records": Provenance(),
        "name": Attr("name"),
        "contractLine": Link("contract_line", "ContractLine"),
        "plannedHours": Attr("planned_hours", of=hours),
        "remainingHours": Attr("remaining_hours", of=hours),
        "billable": Attr("billable"),
        "startDate": Attr("start_date", of=day),
        "endDate": Attr("end_date", of=day),
    },
    "Milestone": {
        "records": Provenance(),
        "name": Attr("name"),
        "dueDate": Attr("due_date", of=day),
        "status": Attr("status"),
        "amount": Attr("amount"),
        "completedAt": Attr("completed_at", of=instant),
        "approvedAt": Attr("approved_at", of=instant),
        "invoice": Link("invoice", "Invoice", (Domain.ERP,)),
    },
    "Assignment": {
        "records": Provenance(),
        "project": Link("project", "Project"),
        "resource": Link("resource", "Resource"),
        "role": Attr("role"),
        "startDate": Attr("start_date", of=day),
        "endDate": Attr("end_date", of=day),
        "plannedHours": Attr("planned_hours", of=hours),
        "allocation": Attr("allocation", of=ratio),
        "booking": Attr("booking"),
    },
    "TimeEntry": {
        "records": Provenance(),
        "resource": Link("resource", "Resource"),
        "project": Link("project", "Project"),
        "task": Link("task", "Task"),
        "workDate": Attr("work_date", of=day),
        "hours": Attr("hours", of=hours),
        "billable": Attr("billable"),
        "status": Derived(("status",), _time_status),
        "laborCategory": Derived(("role", "work_date"), _labor_category),
        "note": Attr("note"),
        "approvedAt": Attr("approved_at", of=instant),
        "postedPeriod": Attr("posted_period"),
    },
    "Expense": {
        "records": Provenance(),
        "resource": Link("resource", "Resource"),
        "project": Link("project", "Project"),
        "date": Attr("date", of=day),
        "category": Attr("category"),
        "amount": Attr("amount"),
        "billable": Attr("billable"),
        "status": Attr("status"),
    },
    "Resource": {
        "records": Provenance(),
        "kind": Kept("kind"),
        "name": Attr("name"),
        "email": Attr("email"),
        "status": Attr("status"),
        "hireDate": Attr("hire_date", of=day),
        "endDate": Attr("end_date", of=day),
        "title": Attr("title"),
        "grade": Attr("grade"),
        "location": Attr("location"),
        "role": Kept("role"),
        "skills": Attr("skills"),
        "practice": Link("practice", "Practice"),
        "legalEntity": Link("legal_entity", "LegalEntity"),
        "manager": Link("manager", "Resource"),
        "costRate": Derived(_cost_rate_needs, _cost_rate),
        "assignments": Pages(
            Kind.ASSIGNMENT,
            "Assignment",
            50,
            via="resource",
            order_by="start_date",
            conditions=assignment_conditions,
        ),
    },
    "Invoice": {
        "records": Provenance(),
        "number": Attr("number"),
        "customer": Link("customer", "Customer"),
        "project": Link("project", "Project"),
        "status": Attr("status"),
        "issuedOn": Attr("issued_on", of=day),
        "dueOn": Attr("due_on", of=day),
        "total": Attr("total"),
        "openAmount": Attr("open_amount"),
        "lines": Attr("lines", owned=True),
    },
    "InvoiceLine": {
        "description": Part("description"),
        "amount": Part("amount"),
        "period": Part("period"),
        "milestone": PartLink("milestone", "Milestone", Kind.MILESTONE, "invoice"),
    },
    "RevenuePeriod": {
        "period": Part("period"),
        "planned": Part("planned"),
        "billed": Part("billed"),
        "recognized": Part("recognized"),
    },
}

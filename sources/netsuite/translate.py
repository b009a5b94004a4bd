"""NetSuite's tables as records: what each attribute selects, and how it is read from a row of strings."""

# ruff: noqa: S608 - names come from this code and the estate's mapping (checked), every value is bound

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hub.domain.kinds import Domain, Kind
from hub.domain.money import Money
from hub.domain.records import Key, Ref, Value, by_id_in
from hub.errors import SourceMisconfigured
from sources.identity import canonical_key, tax_registration_key
from sources.netsuite.wire import day, period, stamp
from sources.shapes import Row

DEFAULT_MAPPING: dict[str, str] = {
    "legal_entity.code": "subsidiary.externalid",
    "customer.tax_registration": "customer.custentity_tax_registration",
    "customer.credit_hold": "customer.custentity_credit_hold",
    "customer.disputed": "transaction.custbody_disputed",
    "project.revenue": "revenueplan.custrecord_job",
    "invoice.project": "transactionline.custcol_project",
    "invoice.milestone": "transactionline.custcol_milestone",
    "contract_line.canonical_id": "transactionline.custcol_contract_line",
    "contract_line.revenue_method": "transactionline.custcol_revenue_method",
    "contract_line.revenue_methods": "customlist_revenue_method.name",
    "subcontractor.role": "transactionline.memo",
}
"""Attribute → table.column, as the demo firm's account has it; an estate overrides single entries."""

_NAME = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)", re.IGNORECASE | re.ASCII)
_TENANTS_TABLES = ("customlist", "customrecord")
_VOID, _PENDING, _REJECTED = "V", "D", "E"
CREDIT_SUM = "credited"
_CREDITS = (
    "LEFT JOIN (SELECT l.previousdoc, SUM(l.foreignamount) AS amount FROM nexttransactionlink l"
    " WHERE l.nexttype = 'CustCred' GROUP BY l.previousdoc) cr ON cr.previousdoc = t.id"
)
_LATER = "CASE WHEN {0} > {1} THEN {0} ELSE {1} END"
_CURRENCY = "LEFT JOIN currency cur ON cur.id = {}.currency"


class Select(NamedTuple):
    """A selected expression, and the join that it needs."""

    sql: str
    join: str = ""


class Column(NamedTuple):
    """One attribute: the selects it needs (by their names in the answer) and how it is read."""

    selects: tuple[str, ...]
    read: Callable[[Row], Value]


@dataclass(frozen=True, slots=True)
class Table:
    """One kind: where its rows are, what can be selected, how attributes, keys and label are read.

    `key` and `modified` are the SQL of the internal id and of the last change; `always` what every query
    selects besides; `external_id` the record's id out of a row. `record_types` are the names by which
    `deletedrecord` knows the kind; none where it does not.
    """

    vendor_kind: str
    source: str
    key: str
    modified: str
    selects: Mapping[str, Select]
    columns: Mapping[str, Column]
    keys: Callable[[Row], tuple[Key, ...]]
    label: Callable[[Row], str]
    identity: tuple[str, ...] = ()
    where: str = ""
    always: tuple[str, ...] = ()
    external_id: Callable[[Row], str] = lambda row: row.required("id", row.text("id"))
    record_types: tuple[str, ...] = ()

    def sql(self, names: set[str], condition: str, order: str) -> str:
        """The query for these selects."""
        chosen = {name: self.selects[name] for name in sorted({*names, *self.always})}
        joins = " ".join(dict.fromkeys(select.join for select in chosen.values() if select.join))
        listed = ", ".join(
            [f"{self.key} AS id", f"{stamp(self.modified)} AS stamp"]
            + [f"{select.sql} AS {name}" for name, select in chosen.items()]
        )
        conditions = " AND ".join(part for part in (self.where, condition) if part) or "1 = 1"
        return f"SELECT {listed} FROM {self.source} {joins} WHERE {conditions} ORDER BY {order}"

    def names(self, attributes: frozenset[str], *, identity: bool = False) -> set[str]:
        """The selects that these attributes (and keys and label) need."""
        wanted = {name for a in attributes if a in self.columns for name in self.columns[a].selects}
        return wanted | set(self.identity) if identity else wanted

    def values(self, row: Row, attributes: frozenset[str]) -> dict[str, Value]:
        """The attributes as read from a row."""
        return {name: self.columns[name].read(row) for name in attributes if name in self.columns}


class Names:
    """The account's names of tables and columns, by the mapping's entries."""

    def __init__(self, system: str, mapping: Mapping[str, str]) -> None:
        self._tables: dict[str, str] = {}
        self._columns: dict[str, str] = {}
        for entry, name in mapping.items():
            match = _NAME.fullmatch(name)
            if entry not in DEFAULT_MAPPING:
                raise SourceMisconfigured(system, f"the mapping has an unknown entry {entry}")
            if match is None:
                raise SourceMisconfigured(system, f"the mapping of {entry} is not table.column")
            self._tables[entry], self._columns[entry] = match[1].lower(), match[2].lower()

    def __getitem__(self, entry: str) -> str:
        """The column of an entry."""
        return self._columns[entry]

    def table(self, entry: str) -> str:
        """The table of an entry."""
        return self._tables[entry]

    def entries(self) -> dict[str, str]:
        """The entry of each column or table that only a tenant can have, for error messages."""
        lists = {table: entry for entry, table in self._tables.items() if table.startswith(_TENANTS_TABLES)}
        return lists | {column: entry for entry, column in self._columns.items() if column.startswith("cust")}


def tables(names: Names, closed: frozenset[str]) -> dict[Kind, Table]:
    """All kinds; `closed` are the names of the project statuses that mean that its books are closed."""
    return {
        Kind.LEGAL_ENTITY: _legal_entity(names),
        Kind.CUSTOMER: _customer(names),
        Kind.PROJECT: _project(closed),
        Kind.CONTRACT_LINE: _contract_line(names),
        Kind.INVOICE: _invoice(),
        Kind.TIME_ENTRY: _time_entry(),
        Kind.SUBCONTRACTOR: _subcontractor(),
    }


def _legal_entity(names: Names) -> Table:
    def keys(row: Row) -> tuple[Key, ...]:
        code = row.text("code")
        return (Key("code", code),) if code else ()

    return Table(
        vendor_kind="subsidiary",
        source="subsidiary s",
        key="s.id",
        modified="s.lastmodifieddate",
        selects={
            "code": Select(f"s.{names['legal_entity.code']}"),
            "name": Select("s.name"),
            "country": Select("s.country"),
            "currency": Select("cur.symbol", _CURRENCY.format("s")),
        },
        columns={
            "code": _text("code"),
            "name": _required("name"),
            "country": _text("country"),
            "currency": _text("currency"),
        },
        keys=keys,
        label=_label("name"),
        identity=("code", "name"),
        record_types=("subsidiary",),
    )


def _customer(names: Names) -> Table:
    def keys(row: Row) -> tuple[Key, ...]:
        return canonical_key(row.text("externalid")) + tax_registration_key(row.text("registration"))

    return Table(
        vendor_kind="customer",
        source="customer c",
        key="c.id",
        modified="c.lastmodifieddate",
        selects={
            "externalid": Select("c.externalid"),
            "companyname": Select("c.companyname"),
            "registration": Select(f"c.{names['customer.tax_registration']}"),
            "hold": Select(f"c.{names['customer.credit_hold']}"),
        },
        columns={"credit_hold": Column(("hold",), lambda row: flag(row, "hold"))},
        keys=keys,
        label=_label("companyname"),
        identity=("externalid", "companyname", "registration"),
        record_types=("customer",),
    )


def _project(closed: frozenset[str]) -> Table:
    def financial_status(row: Row) -> str:
        over = flag(row, "inactive") is True or row.text("status") in closed
        return "CLOSED" if over else "OPEN"

    return Table(
        vendor_kind="job",
        source="job j",
        key="j.id",
        modified="j.lastmodifieddate",
        selects={
            "externalid": Select("j.externalid"),
            "companyname": Select("j.companyname"),
            "subsidiary": Select("j.subsidiary"),
            "billing": Select("BUILTIN.DF(j.jobbillingtype)"),
            "inactive": Select("j.isinactive"),
            "status": Select("es.name", "LEFT JOIN entitystatus es ON es.id = j.entitystatus"),
        },
        columns={
            "legal_entity": Column(("subsidiary",), lambda row: _ref(row, "subsidiary", Kind.LEGAL_ENTITY)),
            "financial_status": Column(("inactive", "status"), financial_status),
            "billing_type": _text("billing"),
        },
        keys=lambda row: canonical_key(row.text("externalid")),
        label=_label("companyname"),
        identity=("externalid", "companyname"),
        record_types=("job", "project"),
    )


def _contract_line(names: Names) -> Table:
    def keys(row: Row) -> tuple[Key, ...]:
        carried = row.text("line_reference")
        if carried is None:
            return ()
        return canonical_key(carried) or (Key(by_id_in(Domain.CRM), carried),)

    return Table(
        vendor_kind="salesOrder.item",
        source="transactionline tl JOIN transaction t ON t.id = tl.transaction",
        key="tl.uniquekey",
        modified=_LATER.format("t.lastmodifieddate", "tl.linelastmodifieddate"),
        selects={
            "salesorder": Select("tl.transaction"),
            "line": Select("tl.id"),
            "line_reference": Select(f"tl.{names['contract_line.canonical_id']}"),
            "tranid": Select("t.tranid"),
            "method": Select(f"BUILTIN.DF(tl.{names['contract_line.revenue_method']})"),
        },
        columns={"revenue_method": _text("method")},
        keys=keys,
        label=_label("tranid"),
        identity=("line_reference", "tranid"),
        always=("salesorder", "line"),
        external_id=lambda row: ":".join(row.required(name, row.text(name)) for name in ("salesorder", "line")),
        where="t.type = 'SalesOrd' AND tl.mainline = 'F' AND tl.taxline = 'F'",
    )


def _invoice() -> Table:
    return Table(
        vendor_kind="invoice",
        source="transaction t",
        key="t.id",
        modified="t.lastmodifieddate",
        selects={
            "tranid": Select("t.tranid"),
            "entity": Select("t.entity"),
            "status": Select("t.status"),
            "voided": Select("t.voided"),
            "trandate": Select(day("t.trandate")),
            "duedate": Select(day("t.duedate")),
            "total": Select("t.foreigntotal"),
            "unpaid": Select("t.foreignamountunpaid"),
            "currency": Select("cur.symbol", _CURRENCY.format("t")),
            CREDIT_SUM: Select("cr.amount", _CREDITS),
        },
        columns={
            "number": _required("tranid"),
            "customer": Column(("entity",), lambda row: _ref(row, "entity", Kind.CUSTOMER)),
            "status": Column(("status", "voided", "total", CREDIT_SUM), _invoice_status),
            "issued_on": Column(("trandate",), lambda row: row.day("trandate")),
            "due_on": Column(("duedate",), lambda row: row.day("duedate")),
            "total": Column(("total", "currency"), lambda row: money(row, "total")),
            "open_amount": Column(("unpaid", "currency"), lambda row: money(row, "unpaid")),
        },
        keys=lambda _: (),
        label=_label("tranid"),
        identity=("tranid",),
        where="t.type = 'CustInvc'",
        record_types=("invoice", "custinvc"),
    )


def _invoice_status(row: Row) -> str:
    """The status of an invoice; one that credit memos alone have settled is credited, not paid."""
    status = row.text("status")
    if flag(row, "voided") is True or status == _VOID:
        return "VOID"
    if status in (_PENDING, _REJECTED):
        return "DRAFT"
    if status not in ("A", "B"):
        raise row.broken("status of the invoice", "a known status")
    if status == "A":
        return "OPEN"
    total, credited = row.number_text("total"), row.number_text(CREDIT_SUM)
    return "CREDITED" if total and credited and abs(credited) >= abs(total) else "PAID"


def _time_entry() -> Table:
    def posted_period(row: Row) -> str | None:
        return row.text("period") if flag(row, "posted") else None

    def keys(row: Row) -> tuple[Key, ...]:
        name = row.text("externalid")
        return (Key("hub_key", name),) if name else ()

    return Table(
        vendor_kind="timeBill",
        source="timebill tb",
        key="tb.id",
        modified="tb.lastmodifieddate",
        selects={
            "externalid": Select("tb.externalid"),
            "posted": Select("tb.posted"),
            "period": Select(period("ap"), "LEFT JOIN accountingperiod ap ON ap.id = tb.postingperiod"),
        },
        columns={"posted_period": Column(("posted", "period"), posted_period)},
        keys=keys,
        label=lambda row: f"time {row.text('id') or ''}",
        identity=("externalid",),
        record_types=("timebill",),
    )


def _subcontractor() -> Table:
    def keys(row: Row) -> tuple[Key, ...]:
        email = row.text("email")
        return (Key("email", email.casefold()),) if email else ()

    return Table(
        vendor_kind="vendor",
        source="vendor v",
        key="v.id",
        modified="v.lastmodifieddate",
        selects={
            "name": Select("v.altname"),
            "email": Select("v.email"),
            "subsidiary": Select("v.subsidiary"),
        },
        columns={
            "name": _required("name"),
            "email": _text("email"),
            "legal_entity": Column(("subsidiary",), lambda row: _ref(row, "subsidiary", Kind.LEGAL_ENTITY)),
        },
        keys=keys,
        label=_label("name"),
        identity=("name", "email"),
        where="v.isjobresourcevend = 'T'",
        record_types=("vendor",),
    )


def flag(row: Row, name: str) -> bool | None:
    """A boolean, which SuiteQL writes T or F."""
    text = row.text(name)
    if text not in ("T", "F", None):
        raise row.broken(name, "T or F")
    return None if text is None else text == "T"


def money(row: Row, name: str) -> Money | None:
    """An amount in the currency of its row's `currency`."""
    amount = row.number_text(name)
    if amount is None:
        return None
    return Money.of(amount, row.required("currency", row.text("currency")))


def _text(name: str) -> Column:
    return Column((name,), lambda row: row.text(name))


def _required(name: str) -> Column:
    return Column((name,), lambda row: row.required(name, row.text(name)))


def _label(name: str) -> Callable[[Row], str]:
    return lambda row: row.text(name) or ""


def _ref(row: Row, name: str, kind: Kind) -> Ref | None:
    value = row.text(name)
    return Ref(kind, value) if value else None

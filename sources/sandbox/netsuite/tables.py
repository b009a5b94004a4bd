"""The tables and columns that SuiteQL may name, and how each column behaves.

Names follow the analytics schema: lower case, no underscores except in custom fields. Kinds:

- `ID` whole numbers that identify rows, `NUMBER` decimals, `TEXT` strings (booleans are 'T' or 'F');
- `DATE` days and instants alike, kept as `YYYY-MM-DD HH:MM:SS` so that they compare as text. Shown
  bare, they take the company's date format (`M/D/YYYY`), which drops the time: callers use TO_CHAR.

`display` says what `BUILTIN.DF(column)` shows: the name of a row of another table, or the label of a
value in one of the tenant's lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """How a column's values compare and print."""

    ID = auto()
    NUMBER = auto()
    TEXT = auto()
    DATE = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `refers_to` names a table, `labels` a list, never both.

    `labelled_with` names a column whose value, a colon and this column's make the key of the list.
    """

    name: str
    kind: Kind
    refers_to: str | None = None
    labels: str | None = None
    labelled_with: str | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view; `shown_as` is the SQL expression of a row's display name, `indexes` its covered lookups."""

    name: str
    columns: dict[str, Column]
    shown_as: str
    indexes: tuple[str, ...] = ()
    view: str | None = None


def _key(name: str = "id") -> Column:
    return Column(name, Kind.ID, required=True)


def _whole(name: str) -> Column:
    return Column(name, Kind.ID)


def _ref(name: str, table: str) -> Column:
    return Column(name, Kind.ID, refers_to=table)


def _number(name: str) -> Column:
    return Column(name, Kind.NUMBER)


def _text(name: str) -> Column:
    return Column(name, Kind.TEXT)


def _flag(name: str) -> Column:
    return Column(name, Kind.TEXT, required=True)


def _choice(name: str, labels: str) -> Column:
    return Column(name, Kind.TEXT, labels=labels)


def _day(name: str) -> Column:
    return Column(name, Kind.DATE)


def _stamp(name: str) -> Column:
    return Column(name, Kind.DATE, required=True)


def _table(
    name: str, *columns: Column, shown_as: str = "name", indexes: tuple[str, ...] = (), view: str | None = None
) -> Table:
    return Table(name, {column.name: column for column in columns}, shown_as, indexes, view)


_ENTITY_HEAD = (_key(), _text("externalid"), _text("entityid"), _text("altname"))
_ENTITY_TAIL = (_flag("isinactive"), _stamp("datecreated"), _stamp("lastmodifieddate"))
_NAMED = "entityid || ' ' || altname"

_TABLES = (
    _table(
        "subsidiary",
        _key(),
        _text("externalid"),
        _text("name"),
        _text("fullname"),
        _text("legalname"),
        _ref("parent", "subsidiary"),
        _ref("currency", "currency"),
        _text("country"),
        _flag("iselimination"),
        _flag("isinactive"),
        _stamp("lastmodifieddate"),
    ),
    _table(
        "currency",
        _key(),
        _text("externalid"),
        _text("symbol"),
        _text("name"),
        _number("exchangerate"),
        _whole("currencyprecision"),
        _flag("isbasecurrency"),
        _flag("isinactive"),
        _stamp("lastmodifieddate"),
        shown_as="symbol",
    ),
    _table(
        "accountingperiod",
        _key(),
        _text("externalid"),
        _text("periodname"),
        _day("startdate"),
        _day("enddate"),
        _ref("parent", "accountingperiod"),
        _flag("closed"),
        _day("closedondate"),
        _flag("alllocked"),
        _flag("isquarter"),
        _flag("isyear"),
        _flag("isadjust"),
        _flag("isinactive"),
        _flag("isposting"),
        _stamp("lastmodifieddate"),
        shown_as="periodname",
        indexes=("startdate",),
    ),
    _table("customlist_revenue_method", _key(), _text("name"), _flag("isinactive")),
    _table("entitystatus", _key(), _text("name"), _text("entitytype"), _flag("inactive")),
    _table(
        "customer",
        *_ENTITY_HEAD,
        _text("companyname"),
        _flag("isperson"),
        _ref("parent", "customer"),
        _ref("subsidiary", "subsidiary"),
        _ref("currency", "currency"),
        _choice("terms", "terms"),
        _text("email"),
        _text("comments"),
        _text("custentity_tax_registration"),
        _flag("custentity_credit_hold"),
        *_ENTITY_TAIL,
        shown_as=_NAMED,
        indexes=("externalid", "lastmodifieddate"),
    ),
    _table(
        "job",
        *_ENTITY_HEAD,
        _text("companyname"),
        _ref("parent", "customer"),
        _ref("subsidiary", "subsidiary"),
        _ref("currency", "currency"),
        _choice("jobbillingtype", "jobbillingtype"),
        _ref("entitystatus", "entitystatus"),
        _ref("projectmanager", "employee"),
        _day("startdate"),
        _day("projectedenddate"),
        _number("estimatedcost"),
        _number("estimatedrevenue"),
        _number("jobprice"),
        _number("percentcomplete"),
        _text("billingschedule"),
        _text("comments"),
        _text("custentity_contract"),
        *_ENTITY_TAIL,
        shown_as=_NAMED,
        indexes=("externalid", "parent", "custentity_contract", "lastmodifieddate"),
    ),
    _table(
        "vendor",
        *_ENTITY_HEAD,
        _text("companyname"),
        _text("firstname"),
        _text("lastname"),
        _flag("isperson"),
        _text("email"),
        _flag("isjobresourcevend"),
        _ref("subsidiary", "subsidiary"),
        _ref("currency", "currency"),
        _text("comments"),
        *_ENTITY_TAIL,
        shown_as=_NAMED,
        indexes=("externalid", "email", "lastmodifieddate"),
    ),
    _table(
        "employee",
        *_ENTITY_HEAD,
        _text("firstname"),
        _text("lastname"),
        _text("email"),
        _text("title"),
        _ref("subsidiary", "subsidiary"),
        _ref("supervisor", "employee"),
        _day("hiredate"),
        _day("releasedate"),
        _flag("isjobresource"),
        *_ENTITY_TAIL,
        shown_as=_NAMED,
        indexes=("externalid", "email", "lastmodifieddate"),
    ),
    _table(
        "transaction",
        _key(),
        _text("externalid"),
        _text("type"),
        _text("recordtype"),
        _text("tranid"),
        _text("transactionnumber"),
        _day("trandate"),
        _day("duedate"),
        _day("closedate"),
        _ref("entity", "entity"),
        _ref("subsidiary", "subsidiary"),
        _ref("currency", "currency"),
        _number("exchangerate"),
        _ref("postingperiod", "accountingperiod"),
        _flag("posting"),
        _flag("voided"),
        Column("status", Kind.TEXT, labels="transactionstatus", labelled_with="type"),
        _choice("approvalstatus", "approvalstatus"),
        _number("foreigntotal"),
        _number("foreignamountpaid"),
        _number("foreignamountunpaid"),
        _text("otherrefnum"),
        _text("memo"),
        _day("startdate"),
        _day("enddate"),
        _flag("custbody_disputed"),
        _stamp("createddate"),
        _stamp("lastmodifieddate"),
        shown_as="tranid",
        indexes=("type, lastmodifieddate", "externalid", "lastmodifieddate", "entity", "otherrefnum"),
    ),
    _table(
        "transactionline",
        _key("uniquekey"),
        _ref("transaction", "transaction"),
        _whole("id"),
        _whole("linesequencenumber"),
        _flag("mainline"),
        _flag("taxline"),
        _ref("entity", "entity"),
        _ref("subsidiary", "subsidiary"),
        _choice("item", "item"),
        _text("itemtype"),
        _text("memo"),
        _number("quantity"),
        _number("rate"),
        _number("foreignamount"),
        _number("netamount"),
        _number("foreignamountunpaid"),
        _text("billingschedule"),
        _flag("isclosed"),
        _ref("custcol_project", "job"),
        _text("custcol_milestone"),
        _text("custcol_contract_line"),
        _choice("custcol_revenue_method", "revenuemethod"),
        _stamp("linecreateddate"),
        _stamp("linelastmodifieddate"),
        shown_as="memo",
        indexes=('"transaction", id', "custcol_project", "custcol_contract_line", "linelastmodifieddate"),
    ),
    _table(
        "nexttransactionlink",
        _ref("previousdoc", "transaction"),
        _ref("nextdoc", "transaction"),
        _text("previoustype"),
        _text("nexttype"),
        _text("linktype"),
        _day("previousdate"),
        _day("nextdate"),
        _number("foreignamount"),
        _stamp("lastmodifieddate"),
        shown_as="linktype",
        indexes=("previousdoc", "nextdoc"),
    ),
    _table(
        "timebill",
        _key(),
        _text("externalid"),
        _day("trandate"),
        _number("hours"),
        _ref("employee", "entity"),
        _ref("customer", "entity"),
        _whole("casetaskevent"),
        _choice("item", "item"),
        _flag("isbillable"),
        _choice("approvalstatus", "timeapproval"),
        _flag("posted"),
        _choice("timetype", "timetype"),
        _number("rate"),
        _text("memo"),
        _ref("subsidiary", "subsidiary"),
        _ref("postingperiod", "accountingperiod"),
        _stamp("createddate"),
        _stamp("lastmodifieddate"),
        shown_as="id",
        indexes=("externalid", "customer", "employee", "lastmodifieddate"),
    ),
    _table(
        "revenueplan",
        _key(),
        _text("externalid"),
        _text("recordnumber"),
        _choice("revenueplantype", "revenueplantype"),
        _choice("status", "revenueplanstatus"),
        _ref("createdfrom", "transaction"),
        _number("amount"),
        _day("startdate"),
        _day("enddate"),
        _ref("custrecord_job", "job"),
        _text("comments"),
        _stamp("datecreated"),
        _stamp("lastmodifieddate"),
        shown_as="recordnumber",
        indexes=("custrecord_job", "lastmodifieddate"),
    ),
    _table(
        "revenueplanplannedrevenue",
        _key(),
        _ref("revenueplan", "revenueplan"),
        _ref("plannedperiod", "accountingperiod"),
        _ref("postingperiod", "accountingperiod"),
        _choice("plannedrevenuetype", "plannedrevenuetype"),
        _number("amount"),
        _number("exchangerate"),
        _flag("isrecognized"),
        _day("dateexecuted"),
        _ref("journal", "transaction"),
        _whole("deferredrevenueaccount"),
        _whole("recognitionaccount"),
        _number("percentrecognizedinperiod"),
        _number("percenttotalrecognized"),
        _number("totalrecognized"),
        _text("periodcomments"),
        _stamp("lastmodifieddate"),
        shown_as="id",
        indexes=("revenueplan", "lastmodifieddate"),
    ),
    _table(
        "deletedrecord",
        _whole("recordid"),
        _text("recordtypeid"),
        _text("type"),
        _text("name"),
        _stamp("deleteddate"),
        shown_as="name",
        indexes=("deleteddate",),
    ),
    _table(
        "entity",
        *_ENTITY_HEAD,
        _text("type"),
        *_ENTITY_TAIL,
        shown_as=_NAMED,
        view=" UNION ALL ".join(
            f"SELECT id, externalid, entityid, altname, '{label}' AS type, isinactive, datecreated, lastmodifieddate"
            f" FROM {table}"
            for table, label in (
                ("customer", "CustJob"),
                ("job", "Job"),
                ("vendor", "Vendor"),
                ("employee", "Employee"),
            )
        ),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _TABLES}

"""The record types of `/record/v1` that this tenant serves, and the column behind each of their fields.

Field names are the record API's (camelCase; custom fields as they are), columns the SuiteQL table's,
so both faces show one row. `Shape` says how a value looks in JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto


class Shape(Enum):
    """How a field looks on the wire."""

    STRING = auto()
    DOUBLE = auto()
    INTEGER = auto()
    BOOLEAN = auto()
    DATE = auto()
    DATE_TIME = auto()
    DURATION = auto()
    REFERENCE = auto()
    ENUM = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """A field: `column` holds it, `target` is the record (REFERENCE) or the list (ENUM) it points to.

    `read_only` fields are refused in bodies. `table` is the table of a reference's rows.
    """

    name: str
    shape: Shape
    column: str
    target: str | None = None
    table: str | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Sublist:
    """Lines below a record; `key` names the line's number. `sign` turns a stored amount into the shown one."""

    name: str
    fields: dict[str, Field]
    sign: int


@dataclass(frozen=True, slots=True)
class RecordType:
    """A record type; `kind` is the transaction type where its rows share the transaction table.

    `total_sign` turns the stored `foreigntotal` into the record's total.
    """

    name: str
    table: str
    fields: dict[str, Field]
    required: tuple[str, ...] = ()
    writable: bool = True
    kind: str | None = None
    total_sign: int = 1
    sublist: Sublist | None = None
    defaults: dict[str, object] = field(default_factory=dict)

    @property
    def has_external_id(self) -> bool:
        return "externalId" in self.fields


# Where a reference leads: table of its rows by record type, and back.
_TABLE_OF = {"accountingPeriod": "accountingperiod", "entity": "entity"}


def _f(name: str, shape: Shape, column: str | None = None, *, read_only: bool = False) -> Field:
    return Field(name, shape, column or name.lower(), read_only=read_only)


def _string(*names: str) -> list[Field]:
    return [_f(name, Shape.STRING) for name in names]


def _double(*names: str) -> list[Field]:
    return [_f(name, Shape.DOUBLE) for name in names]


def _boolean(*names: str) -> list[Field]:
    return [_f(name, Shape.BOOLEAN) for name in names]


def _date(*names: str) -> list[Field]:
    return [_f(name, Shape.DATE) for name in names]


def _reference(name: str, target: str) -> Field:
    return Field(name, Shape.REFERENCE, name.lower(), target=target, table=_TABLE_OF.get(target, target.lower()))


def _enum(name: str, labels: str, *, read_only: bool = False) -> Field:
    return Field(name, Shape.ENUM, name.lower(), target=labels, read_only=read_only)


def _stamps(created: str) -> list[Field]:
    return [
        _f(created, Shape.DATE_TIME, read_only=True),
        _f("lastModifiedDate", Shape.DATE_TIME, read_only=True),
    ]


_HEAD = [_f("id", Shape.STRING, read_only=True), _f("externalId", Shape.STRING)]


def _fields(*groups: list[Field]) -> dict[str, Field]:
    return {item.name: item for group in (_HEAD, *groups) for item in group}


_LINE_HEAD = [_f("line", Shape.INTEGER, "id")]
_LINE_AMOUNTS = [
    _enum("item", "item"),
    _f("description", Shape.STRING, "memo"),
    _f("quantity", Shape.DOUBLE),
    _f("rate", Shape.DOUBLE),
    _f("amount", Shape.DOUBLE, "foreignamount"),
]


def _lines(sign: int, *extra: Field) -> Sublist:
    return Sublist("item", {item.name: item for item in (*_LINE_HEAD, *_LINE_AMOUNTS, *extra)}, sign)


_TRADE = [
    *_string("tranId", "memo", "otherRefNum"),
    *_date("tranDate"),
    _reference("subsidiary", "subsidiary"),
    _reference("currency", "currency"),
    _f("exchangeRate", Shape.DOUBLE),
    _f("status", Shape.ENUM, read_only=True),
    _f("total", Shape.DOUBLE, "foreigntotal", read_only=True),
    *_stamps("createdDate"),
]
_BILL = [
    _reference("entity", "customer"),
    _reference("postingPeriod", "accountingPeriod"),
    _enum("approvalStatus", "approvalstatus"),
    *_boolean("custbody_disputed"),
]
_PROJECT_LINE = (
    _reference("custcol_project", "job"),
    _f("custcol_milestone", Shape.STRING),
)

_TYPES = (
    RecordType(
        "customer",
        "customer",
        _fields(
            _string("entityId", "altName", "companyName", "email", "comments", "custentity_tax_registration"),
            _boolean("isPerson", "isInactive", "custentity_credit_hold"),
            [
                _reference("parent", "customer"),
                _reference("subsidiary", "subsidiary"),
                _reference("currency", "currency"),
                _enum("terms", "terms"),
                *_stamps("dateCreated"),
            ],
        ),
        required=("companyName", "subsidiary"),
        defaults={"isperson": "F", "isinactive": "F", "custentity_credit_hold": "F"},
    ),
    RecordType(
        "job",
        "job",
        _fields(
            _string("entityId", "altName", "companyName", "comments", "billingSchedule", "custentity_contract"),
            _double("estimatedCost", "estimatedRevenue", "jobPrice", "percentComplete"),
            _boolean("isInactive"),
            _date("startDate", "projectedEndDate"),
            [
                _reference("parent", "customer"),
                _reference("subsidiary", "subsidiary"),
                _reference("currency", "currency"),
                _reference("projectManager", "employee"),
                _enum("jobBillingType", "jobbillingtype"),
                Field("entityStatus", Shape.ENUM, "entitystatus", table="entitystatus"),
                *_stamps("dateCreated"),
            ],
        ),
        required=("companyName",),
        defaults={"isinactive": "F", "entitystatus": 2},
    ),
    RecordType(
        "subsidiary",
        "subsidiary",
        _fields(
            _string("name", "fullName", "legalName", "country"),
            _boolean("isInactive", "isElimination"),
            [
                _reference("parent", "subsidiary"),
                _reference("currency", "currency"),
                _f("lastModifiedDate", Shape.DATE_TIME, read_only=True),
            ],
        ),
        required=("name", "country"),
        defaults={"isinactive": "F", "iselimination": "F"},
    ),
    RecordType(
        "vendor",
        "vendor",
        _fields(
            _string("entityId", "altName", "companyName", "firstName", "lastName", "email", "comments"),
            _boolean("isPerson", "isInactive", "isJobResourceVend"),
            [_reference("subsidiary", "subsidiary"), _reference("currency", "currency"), *_stamps("dateCreated")],
        ),
        required=("subsidiary",),
        defaults={"isperson": "F", "isinactive": "F", "isjobresourcevend": "F"},
    ),
    RecordType(
        "employee",
        "employee",
        _fields(
            _string("entityId", "altName", "firstName", "lastName", "email", "title"),
            _boolean("isInactive", "isJobResource"),
            _date("hireDate", "releaseDate"),
            [_reference("subsidiary", "subsidiary"), _reference("supervisor", "employee"), *_stamps("dateCreated")],
        ),
        writable=False,
    ),
    RecordType(
        "currency",
        "currency",
        _fields(
            _string("symbol", "name"),
            _double("exchangeRate"),
            _boolean("isBaseCurrency", "isInactive"),
            [_f("currencyPrecision", Shape.INTEGER)],
        ),
        writable=False,
    ),
    RecordType(
        "accountingPeriod",
        "accountingperiod",
        _fields(
            _string("periodName"),
            _date("startDate", "endDate"),
            _boolean("closed", "allLocked", "isQuarter", "isYear", "isAdjust"),
            [_reference("parent", "accountingPeriod")],
        ),
        writable=False,
    ),
    RecordType(
        "salesOrder",
        "transaction",
        _fields(_TRADE, [_reference("entity", "customer"), *_date("startDate", "endDate")]),
        required=("entity",),
        kind="SalesOrd",
        sublist=_lines(
            -1,
            _f("billingSchedule", Shape.STRING),
            _f("custcol_contract_line", Shape.STRING),
            Field("custcol_revenue_method", Shape.ENUM, "custcol_revenue_method", target="revenuemethod"),
        ),
        defaults={"posting": "F", "status": "F"},
    ),
    RecordType(
        "invoice",
        "transaction",
        _fields(
            _TRADE,
            _BILL,
            _date("dueDate"),
            [
                _f("amountPaid", Shape.DOUBLE, "foreignamountpaid", read_only=True),
                _f("amountRemaining", Shape.DOUBLE, "foreignamountunpaid", read_only=True),
            ],
        ),
        required=("entity",),
        kind="CustInvc",
        sublist=_lines(-1, *_PROJECT_LINE),
        defaults={"posting": "T", "status": "A"},
    ),
    RecordType(
        "creditMemo",
        "transaction",
        _fields(
            _TRADE,
            _BILL,
            [
                _f("applied", Shape.DOUBLE, "foreignamountpaid", read_only=True),
                _f("unapplied", Shape.DOUBLE, "foreignamountunpaid", read_only=True),
            ],
        ),
        required=("entity",),
        kind="CustCred",
        total_sign=-1,
        sublist=_lines(1, *_PROJECT_LINE),
        defaults={"posting": "T", "status": "A"},
    ),
    RecordType(
        "customerPayment",
        "transaction",
        _fields(
            _TRADE,
            [
                Field("customer", Shape.REFERENCE, "entity", target="customer", table="customer"),
                _reference("postingPeriod", "accountingPeriod"),
                _f("payment", Shape.DOUBLE, "foreigntotal"),
            ],
        ),
        required=("customer", "payment"),
        kind="CustPymt",
        defaults={"posting": "T", "status": "C"},
    ),
    RecordType(
        "purchaseOrder",
        "transaction",
        _fields(
            _TRADE,
            [
                _reference("entity", "vendor"),
                _enum("approvalStatus", "approvalstatus"),
                *_date("dueDate", "startDate", "endDate"),
            ],
        ),
        required=("entity",),
        kind="PurchOrd",
        sublist=_lines(1, _f("isClosed", Shape.BOOLEAN)),
        defaults={"posting": "F", "status": "B"},
    ),
    RecordType(
        "timeBill",
        "timebill",
        _fields(
            _date("tranDate"),
            _string("memo"),
            _boolean("isBillable", "posted"),
            [
                _f("hours", Shape.DURATION),
                _f("rate", Shape.DOUBLE),
                Field("employee", Shape.REFERENCE, "employee", target="employee", table="entity"),
                Field("customer", Shape.REFERENCE, "customer", target="job", table="entity"),
                _reference("subsidiary", "subsidiary"),
                _reference("postingPeriod", "accountingPeriod"),
                _enum("item", "item"),
                _enum("approvalStatus", "timeapproval"),
                _enum("timeType", "timetype"),
                *_stamps("createdDate"),
            ],
        ),
        required=("employee", "hours", "tranDate"),
        defaults={"isbillable": "F", "posted": "F", "approvalstatus": "1", "timetype": "A"},
    ),
)

RECORD_TYPES: dict[str, RecordType] = {record.name: record for record in _TYPES}
RECORD_OF_TABLE = {record.table: record.name for record in _TYPES if record.kind is None}
RECORD_OF_KIND = {record.kind: record.name for record in _TYPES if record.kind is not None}

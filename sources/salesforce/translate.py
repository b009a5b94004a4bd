"""Salesforce objects as records: which fields each attribute needs, and how it is read from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from hub.domain.kinds import Kind
from hub.domain.money import Money
from hub.domain.records import Key, Ref, SoldPackage, SoldRole, Value
from hub.errors import SourceMisconfigured
from sources.identity import canonical_key, tax_registration_key
from sources.salesforce.wire import long_id
from sources.shapes import Row

DEFAULT_MAPPING: dict[str, str] = {
    "customer.region": "Account.Region__c",
    "customer.industry": "Account.Industry",
    "customer.tax_registration": "Account.Tax_Registration__c",
    "customer.canonical_id": "Account.Canonical_Id__c",
    "opportunity.start_date": "Opportunity.Start_Date__c",
    "opportunity.region": "Opportunity.Region__c",
    "opportunity.canonical_id": "Opportunity.Canonical_Id__c",
    "contract.opportunity": "Contract.Opportunity__c",
    "contract.legal_entity": "Contract.Legal_Entity__c",
    "contract.value": "Contract.Value__c",
    "contract.early_start_until": "Contract.Early_Start_Until__c",
    "contract.cancelled": "Contract.Cancelled__c",
    "contract.canonical_id": "Contract.Canonical_Id__c",
    "contract_line.contract": "Contract_Line__c.Contract__c",
    "contract_line.name": "Contract_Line__c.Name",
    "contract_line.model": "Contract_Line__c.Model__c",
    "contract_line.price": "Contract_Line__c.Price__c",
    "contract_line.cap": "Contract_Line__c.Cap__c",
    "contract_line.start_date": "Contract_Line__c.Start_Date__c",
    "contract_line.end_date": "Contract_Line__c.End_Date__c",
    "contract_line.billing_terms": "Contract_Line__c.Billing_Terms__c",
    "contract_line.canonical_id": "Contract_Line__c.Canonical_Id__c",
    "change_order.line": "Change_Order__c.Contract_Line__c",
    "change_order.status": "Change_Order__c.Status__c",
    "change_order.reason": "Change_Order__c.Reason__c",
    "change_order.price_delta": "Change_Order__c.Price_Delta__c",
    "change_order.hours_delta": "Change_Order__c.Hours_Delta__c",
    "change_order.effective_date": "Change_Order__c.Effective_Date__c",
    "change_order.canonical_id": "Change_Order__c.Canonical_Id__c",
    "sold_role.opportunity": "Sold_Role__c.Opportunity__c",
    "sold_role.role": "Sold_Role__c.Role__c",
    "sold_role.hours": "Sold_Role__c.Hours__c",
    "sold_role.bill_rate": "Sold_Role__c.Bill_Rate__c",
    "sold_role.start_date": "Sold_Role__c.Start_Date__c",
    "sold_role.end_date": "Sold_Role__c.End_Date__c",
}
"""Attribute → object.field, as the demo firm's tenant has it; an estate overrides single entries."""

MODELS = frozenset(
    {
        "TIME_AND_MATERIALS",
        "TM_NOT_TO_EXCEED",
        "FIXED_FEE_MILESTONE",
        "FIXED_FEE_PERCENT_COMPLETE",
        "MANAGED_RECURRING",
        "RETAINER_SUBSCRIPTION",
    }
)
CHANGE_ORDER_STATUS = {"Proposed": "PROPOSED", "Approved": "APPROVED", "Rejected": "REJECTED"}
CONTRACT_STATUS = frozenset({"Draft", "In Approval", "Activated"})
STAMP = "SystemModstamp"
_NAME = re.compile(r"[A-Za-z]\w*\.[A-Za-z]\w*", re.ASCII)
_HOME = {
    "contract_line": "contract_line.contract",
    "change_order": "change_order.line",
    "sold_role": "sold_role.opportunity",
}
"""The entry that names a custom object, by kind; the kind's other fields must be on the same object."""


class Column(NamedTuple):
    """One attribute: the fields it needs and how it is read from a row that has them."""

    fields: tuple[str, ...]
    read: Callable[[Row], Value]


@dataclass(frozen=True, slots=True)
class ObjectShape:
    """One kind: its object, its attributes, and what a feed needs beside them for keys and label."""

    name: str
    columns: Mapping[str, Column]
    identity: tuple[str, ...]
    keys: Callable[[Row], tuple[Key, ...]]
    label: Callable[[Row], str]

    def fields(self, attributes: frozenset[str]) -> set[str]:
        """The fields to select for these attributes, the id and the stamp included."""
        return {"Id", STAMP, *(f for a in attributes if a in self.columns for f in self.columns[a].fields)}

    def values(self, row: Row, attributes: frozenset[str]) -> dict[str, Value]:
        """The attributes as read from a row."""
        return {name: self.columns[name].read(row) for name in attributes if name in self.columns}


def _check(system: str, mapping: Mapping[str, str]) -> None:
    """Raise SourceMisconfigured for an entry that is unknown, no `object.field`, or not on its kind's object."""
    for entry, name in mapping.items():
        if entry not in DEFAULT_MAPPING:
            raise SourceMisconfigured(system, f"the mapping has an unknown entry {entry}")
        home = _HOME.get(entry.partition(".")[0])
        wanted = (mapping[home] if home else DEFAULT_MAPPING[entry]).partition(".")[0]
        if not _NAME.fullmatch(name) or name.partition(".")[0] != wanted:
            raise SourceMisconfigured(system, f"the mapping of {entry} is not a field of {wanted}")


class Fields:
    """The tenant's field names, by the mapping's entries; amounts are in the row's currency or the org's only one."""

    def __init__(self, system: str, mapping: Mapping[str, str], org_currency: str | None) -> None:
        _check(system, mapping)
        self._mapping = mapping
        self._org_currency = org_currency

    def __getitem__(self, entry: str) -> str:
        """The field of an entry."""
        return self._mapping[entry].partition(".")[2]

    def object(self, entry: str) -> str:
        """The object of an entry."""
        return self._mapping[entry].partition(".")[0]

    @property
    def currency(self) -> tuple[str, ...]:
        """The field with the row's currency, where the org has one."""
        return () if self._org_currency else ("CurrencyIsoCode",)

    def currency_of(self, row: Row) -> str | None:
        """The currency of a row's amounts."""
        return self._org_currency or row.text("CurrencyIsoCode")

    def text(self, entry: str) -> Column:
        """An attribute that is a mapped text."""
        field = self[entry]
        return Column((field,), lambda row: row.text(field))

    def day(self, entry: str) -> Column:
        """An attribute that is a mapped date."""
        field = self[entry]
        return Column((field,), lambda row: row.day(field))

    def money(self, field: str) -> Column:
        """An attribute that is an amount in the row's currency."""
        return Column((field, *self.currency), lambda row: row.money(field, self.currency_of(row)))


def shapes(fields: Fields, today: Callable[[], date]) -> dict[Kind, ObjectShape]:
    """All kinds of this system."""
    return {
        Kind.CUSTOMER: _customer(fields),
        Kind.OPPORTUNITY: _opportunity(fields),
        Kind.CONTRACT: _contract(fields, today),
        Kind.CONTRACT_LINE: _contract_line(fields),
        Kind.CHANGE_ORDER: _change_order(fields),
    }


def _customer(fields: Fields) -> ObjectShape:
    canonical, registration = fields["customer.canonical_id"], fields["customer.tax_registration"]

    def keys(row: Row) -> tuple[Key, ...]:
        return canonical_key(row.text(canonical)) + tax_registration_key(row.text(registration))

    columns = {
        "name": _required_text("Name"),
        "industry": fields.text("customer.industry"),
        "region": fields.text("customer.region"),
        "parent": _link("ParentId", Kind.CUSTOMER),
        "tax_registration": fields.text("customer.tax_registration"),
    }
    return ObjectShape("Account", columns, ("Name", canonical, registration), keys, _label("Name"))


def _opportunity(fields: Fields) -> ObjectShape:
    columns = {
        "name": _required_text("Name"),
        "customer": _link("AccountId", Kind.CUSTOMER),
        "stage": Column(("StageName",), lambda row: row.text("StageName")),
        "status": Column(("IsClosed", "IsWon"), _opportunity_status),
        "probability": Column(("Probability",), _probability),
        "amount": fields.money("Amount"),
        "expected_close": Column(("CloseDate",), lambda row: row.day("CloseDate")),
        "start_date": fields.day("opportunity.start_date"),
        "region": fields.text("opportunity.region"),
    }
    return _named(fields, "Opportunity", "opportunity", columns)


def _opportunity_status(row: Row) -> str:
    closed = row.required("IsClosed", row.flag("IsClosed"))
    won = row.required("IsWon", row.flag("IsWon"))
    return "WON" if won else "LOST" if closed else "OPEN"


def _probability(row: Row) -> Decimal | None:
    """The percent as a fraction; one outside 0..1 is kept, it is the data's fault and not drift."""
    percent = row.number("Probability")
    return None if percent is None else percent / 100


def _contract(fields: Fields, today: Callable[[], date]) -> ObjectShape:
    canonical = fields["contract.canonical_id"]
    early, cancelled = fields["contract.early_start_until"], fields["contract.cancelled"]
    entity = fields["contract.legal_entity"]

    def keys(row: Row) -> tuple[Key, ...]:
        number = row.required("ContractNumber", row.text("ContractNumber"))
        return (*canonical_key(row.text(canonical)), Key("contract_number", number))

    def status(row: Row) -> str:
        return _contract_status(row, row.day(early), today(), cancelled=row.flag(cancelled) is True)

    columns = {
        "number": _required_text("ContractNumber"),
        "customer": _link("AccountId", Kind.CUSTOMER),
        "opportunity": _link(fields["contract.opportunity"], Kind.OPPORTUNITY),
        "legal_entity": Column((entity,), lambda row: _by_code(row.text(entity))),
        "status": Column(("Status", "CustomerSignedDate", "StartDate", "EndDate", early, cancelled), status),
        "signed_on": Column(("CustomerSignedDate",), lambda row: row.day("CustomerSignedDate")),
        "value": fields.money(fields["contract.value"]),
    }
    return ObjectShape("Contract", columns, ("ContractNumber", canonical), keys, _label("ContractNumber"))


def _by_code(code: str | None) -> Ref | None:
    return Ref(Kind.LEGAL_ENTITY, code, "code") if code else None


def _contract_status(row: Row, early_start_until: date | None, today: date, *, cancelled: bool) -> str:
    """The contract's status on a day: activation and signature count first, an early start only before them."""
    status, start, end = row.text("Status"), row.day("StartDate"), row.day("EndDate")
    if status not in CONTRACT_STATUS:
        raise row.broken("Contract.Status", "a known status")
    if cancelled:
        return "CANCELLED"
    if status == "Activated" and row.day("CustomerSignedDate") is not None:
        if end is not None and today > end:
            return "COMPLETED"
        return "ACTIVE" if start is not None and today >= start else "SIGNED"
    return "EARLY_START" if early_start_until is not None and early_start_until >= today else "DRAFT"


def _contract_line(fields: Fields) -> ObjectShape:
    model, name = fields["contract_line.model"], fields["contract_line.name"]
    columns = {
        "contract": _link(fields["contract_line.contract"], Kind.CONTRACT),
        "name": _required_text(name),
        "model": Column((model,), lambda row: _known(row, model, MODELS)),
        "price": fields.money(fields["contract_line.price"]),
        "cap": fields.money(fields["contract_line.cap"]),
        "start_date": fields.day("contract_line.start_date"),
        "end_date": fields.day("contract_line.end_date"),
        "billing_terms": fields.text("contract_line.billing_terms"),
    }
    return _named(fields, fields.object("contract_line.contract"), "contract_line", columns, name)


def _change_order(fields: Fields) -> ObjectShape:
    status, reason, hours = (fields[f"change_order.{name}"] for name in ("status", "reason", "hours_delta"))
    columns = {
        "line": _link(fields["change_order.line"], Kind.CONTRACT_LINE),
        "status": Column((status,), lambda row: CHANGE_ORDER_STATUS[_known(row, status, CHANGE_ORDER_STATUS)]),
        "reason": fields.text("change_order.reason"),
        "price_delta": fields.money(fields["change_order.price_delta"]),
        "hours_delta": Column((hours,), lambda row: _hours(row.number(hours))),
        "effective_date": fields.day("change_order.effective_date"),
    }
    return _named(fields, fields.object("change_order.line"), "change_order", columns, reason)


def _named(fields: Fields, name: str, entry: str, columns: Mapping[str, Column], label: str = "Name") -> ObjectShape:
    """A shape whose only key is the canonical id that it carries."""
    canonical = fields[f"{entry}.canonical_id"]
    return ObjectShape(name, columns, (label, canonical), lambda row: canonical_key(row.text(canonical)), _label(label))


def _known(row: Row, field: str, names: Any) -> str:
    """A picklist value out of those that the graph knows; another one is drift."""
    value = row.text(field)
    if value is None or value not in names:
        raise row.broken(field, "one of the known values")
    return value


def _required_text(field: str) -> Column:
    return Column((field,), lambda row: row.required(field, row.text(field)))


def _link(field: str, kind: Kind) -> Column:
    def read(row: Row) -> Ref | None:
        value = row.text(field)
        return Ref(kind, long_id(value)) if value else None

    return Column((field,), read)


def _label(field: str) -> Callable[[Row], str]:
    return lambda row: row.text(field) or ""


def _hours(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def sold_role_fields(fields: Fields) -> set[str]:
    """What to select for sold roles."""
    names = ("opportunity", "role", "hours", "bill_rate", "start_date", "end_date")
    return {fields[f"sold_role.{name}"] for name in names} | set(fields.currency)


def sold_role(fields: Fields, row: Row) -> SoldRole:
    """A sold role out of its row."""
    role = fields["sold_role.role"]
    return SoldRole(
        role=row.required(role, row.text(role)),
        hours=_hours(row.number(fields["sold_role.hours"])),
        bill_rate=row.money(fields["sold_role.bill_rate"], fields.currency_of(row)),
        start_date=row.day(fields["sold_role.start_date"]),
        end_date=row.day(fields["sold_role.end_date"]),
    )


def sold_package_fields(fields: Fields) -> set[str]:
    """What to select for sold packages."""
    return {"OpportunityId", "Product2.ProductCode", "Product2.Name", "Quantity", "TotalPrice", *fields.currency}


def sold_package(fields: Fields, row: Row) -> SoldPackage:
    """A sold package out of its row; a product without a code is known by its name."""
    product = row.data.get("Product2")
    if not isinstance(product, dict):
        raise row.broken("Product2", "an object")
    named = Row(row.system, row.operation, product)
    price: Money | None = row.money("TotalPrice", fields.currency_of(row))
    code = named.text("ProductCode") or named.text("Name")
    return SoldPackage(row.required("Product2.ProductCode", code), row.number("Quantity"), price)

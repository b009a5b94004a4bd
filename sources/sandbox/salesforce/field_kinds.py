"""Short constructors for the kinds of field that the object definitions are made of."""

from __future__ import annotations

from typing import Any

from sources.sandbox.salesforce.fields import Field, ObjectType

READ_ONLY: dict[str, Any] = {"createable": False, "updateable": False}
REQUIRED: dict[str, Any] = {"nillable": False}


def label_of(name: str) -> str:
    """The label of an API name: `Tax_Registration__c` becomes `Tax Registration`, `CloseDate` becomes `Close Date`."""
    stem = name.removesuffix("__c").replace("_", " ")
    words = "".join(f" {c}" if c.isupper() and i and stem[i - 1].islower() else c for i, c in enumerate(stem))
    return words.removesuffix(" Id") + " ID" if words.endswith(" Id") else words


def text(name: str, length: int = 255, **more: Any) -> Field:
    """A single line of text."""
    return _field(name, "string", length=length, **more)


def long_text(name: str, length: int = 32000, **more: Any) -> Field:
    """Text of many lines that cannot be filtered or sorted on."""
    return _field(name, "textarea", length=length, long_text=True, **more)


def picklist(name: str, values: tuple[str, ...], *, restricted: bool = False, **more: Any) -> Field:
    """A choice of values; only a restricted one refuses others."""
    return _field(name, "picklist", length=255, picklist=values, restricted=restricted, **more)


def number(name: str, precision: int = 18, scale: int = 2, **more: Any) -> Field:
    """A decimal number."""
    return _field(name, "double", precision=precision, scale=scale, **more)


def money(name: str, **more: Any) -> Field:
    """An amount in the row's own currency."""
    return _field(name, "currency", precision=18, scale=2, **more)


def percent(name: str, **more: Any) -> Field:
    """A percentage, 0 to 100."""
    return _field(name, "percent", precision=5, scale=2, **more)


def integer(name: str, **more: Any) -> Field:
    """A whole number."""
    return _field(name, "int", precision=9, **more)


def day(name: str, **more: Any) -> Field:
    """A calendar date."""
    return _field(name, "date", **more)


def instant(name: str, **more: Any) -> Field:
    """An instant, whole seconds."""
    return _field(name, "datetime", **more)


def checkbox(name: str, *, default: bool = False, **more: Any) -> Field:
    """A boolean, never null."""
    return _field(name, "boolean", nillable=False, default=default, **more)


def reference(name: str, to: str, children: str | None = None, **more: Any) -> Field:
    """A lookup: `AccountId` is reached as `Account`, `Contract__c` as `Contract__r`."""
    way = name.removesuffix("__c") + "__r" if name.endswith("__c") else name.removesuffix("Id")
    return _field(name, "reference", length=18, reference_to=to, relationship=way, child_relationship=children, **more)


def master(name: str, to: str, children: str) -> Field:
    """A master-detail parent: required, fixed at creation, deleting it deletes the row."""
    return reference(name, to, children, nillable=False, updateable=False, cascade=True)


def canonical_id() -> Field:
    """The hub's outward reference: external id, unique, compared without case."""
    return text("Canonical_Id__c", 100, external_id=True, unique=True, id_lookup=True)


def currency_code(currencies: tuple[str, ...], **more: Any) -> Field:
    """The row's currency, which exists because the org is multi-currency."""
    return picklist("CurrencyIsoCode", currencies, restricted=True, nillable=False, default=currencies[0], **more)


def build_object(
    name: str, label: str, plural: str, key_prefix: str, fields: list[Field], *, recycled: bool = True, **more: Any
) -> ObjectType:
    """An object with its own fields between Id and the audit fields; `recycled` objects have IsDeleted."""
    own = [_field("Id", "id", length=18, nillable=False, id_lookup=True, **READ_ONLY)]
    if recycled:
        own.append(checkbox("IsDeleted", **READ_ONLY))
    everything = [*own, *fields, *_audit_fields()]
    return ObjectType(name, label, plural, key_prefix, {each.name.lower(): each for each in everything}, **more)


def _audit_fields() -> list[Field]:
    return [
        instant("CreatedDate", nillable=False, **READ_ONLY),
        reference("CreatedById", "User", nillable=False, **READ_ONLY),
        instant("LastModifiedDate", nillable=False, **READ_ONLY),
        reference("LastModifiedById", "User", nillable=False, **READ_ONLY),
        instant("SystemModstamp", nillable=False, **READ_ONLY),
    ]


def _field(name: str, kind: str, **more: Any) -> Field:
    return Field(name, kind, more.pop("label", None) or label_of(name), **more)

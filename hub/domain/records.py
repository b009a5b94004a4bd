"""Records: what an adapter returns, in canonical attribute names and exact types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from hub.domain.kinds import Domain, Kind
from hub.domain.money import Money


class RecordKey(NamedTuple):
    """The address of one object of one system: the system's key in the estate, kind of record, vendor id."""

    system: str
    kind: Kind
    external_id: str


BY_ID = "id"
"""Ref.by: the value is an external id in the same system."""
BY_CANONICAL = "canonical"
"""Ref.by and Key.name: the value is a canonical id that the system carries as an outward reference."""


def by_id_in(domain: Domain) -> str:
    """Ref.by and Key.name for an external id in some system of another domain, e.g. `id:CRM`."""
    return f"{BY_ID}:{domain}"


class Ref(NamedTuple):
    """A reference to another object in the words of the system that made it.

    `by` says what `value` is: BY_ID, BY_CANONICAL, `by_id_in(domain)`, or the name of a business key
    such as `code`, `employee_number`, `email`.
    """

    kind: Kind
    value: str
    by: str = BY_ID


class Key(NamedTuple):
    """An identity hint of a record, for matching (domain.md 2.1): BY_CANONICAL, an `id:…`, or a business key."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SoldRole:
    """A role sold on an opportunity; rate per hour."""

    role: str
    hours: Decimal | None
    bill_rate: Money | None
    start_date: date | None
    end_date: date | None


@dataclass(frozen=True, slots=True)
class SoldPackage:
    """A service package sold on an opportunity."""

    code: str
    quantity: Decimal | None
    price: Money | None


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An unpaid part of an invoice, tax included."""

    due_on: date | None
    open: Money
    disputed: bool


@dataclass(frozen=True, slots=True)
class RevenueRow:
    """Money of one project in one accounting period (YYYY-MM); planned is None where there is no plan."""

    period: str
    planned: Money | None
    recognized: Money | None
    billed: Money | None


@dataclass(frozen=True, slots=True)
class InvoiceLineValue:
    """A line of an invoice, tax excluded; `period` is the posting period YYYY-MM; `milestone` refers to the PSA's."""

    description: str | None
    amount: Money | None
    period: str | None
    milestone: Ref | None


@dataclass(frozen=True, slots=True)
class DatedRate:
    """A rate per hour and the date from which it holds."""

    rate: Money
    valid_from: date | None


@dataclass(frozen=True, slots=True)
class DayOff:
    """Hours of one day on which a person is approved to be away; why they are is nobody's business here."""

    day: date
    hours: Decimal


Value: TypeAlias = (
    bool
    | int
    | str
    | Decimal
    | date
    | datetime
    | Money
    | Ref
    | DatedRate
    | tuple[str, ...]
    | tuple[Ref, ...]
    | tuple[SoldRole, ...]
    | tuple[SoldPackage, ...]
    | tuple[OpenItem, ...]
    | tuple[RevenueRow, ...]
    | tuple[InvoiceLineValue, ...]
    | tuple[DayOff, ...]
    | tuple[Decimal, ...]
    | tuple[date, ...]
    | None
)


@dataclass(frozen=True, slots=True)
class Record:
    """One object of one system, with the attributes that were asked for.

    `attributes` holds canonical names (the ownership table's) only; an attribute without a value is
    present as None, one that was not asked for is absent. The pseudo-attribute `version` (opaque, for
    expectedVersion) is there when it was asked for. `stamp` changes whenever the object changes, as
    finely as the vendor can tell. `keys` are identity hints and `label` a name for people; both are
    given on change feeds. `deleted` marks a vendor's explicit tombstone. `source_version` is a number that
    the source counts up with each change, None where it has none; it goes before the timestamp.
    """

    key: RecordKey
    attributes: Mapping[str, Value]
    stamp: str
    source_timestamp: datetime | None
    fetched_at: datetime
    keys: tuple[Key, ...] = ()
    label: str = ""
    deleted: bool = field(default=False)
    source_version: int | None = None

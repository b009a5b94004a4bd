"""Fields of data sources: their types, how their values read from a row, and how they look in a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sources.sandbox.firm.model import Amount
from sources.sandbox.firm.vendor_ids import workday_wid
from sources.sandbox.workday.instances import Ref, ref


class Kind(StrEnum):
    """The type of a field, in the words of the field list."""

    TEXT = "Text"
    NUMERIC = "Numeric"
    CURRENCY = "Currency"
    DATE = "Date"
    DATETIME = "DateTime"
    INSTANCE = "Single instance"


Value = str | Decimal | Amount | date | datetime | Ref | None


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a data source.

    `read` gives its value of a row. An instance has `related` fields, read from the row that `expand` gives
    for the referring row.
    """

    alias: str
    label: str
    kind: Kind
    read: Callable[[Any], Value]
    related: Mapping[str, Column] = field(default_factory=dict)
    expand: Callable[[Any], Any] | None = None

    def related_row(self, row: Any) -> Any:
        """The row of the instance that this field of a row refers to, None when it is empty."""
        return self.read(row) if self.expand is None else self.expand(row)


def by_alias(*columns: Column) -> dict[str, Column]:
    """The columns of a data source under their aliases."""
    return {column.alias: column for column in columns}


def text(alias: str, label: str, read: Callable[[Any], str | None]) -> Column:
    """A text field."""
    return Column(alias, label, Kind.TEXT, read)


REFERENCE_FIELDS = by_alias(
    text("workdayID", "Workday ID", lambda instance: instance.wid),
    text("referenceID", "Reference ID", lambda instance: instance.reference.partition("=")[2]),
    text("name", "Name", lambda instance: instance.descriptor),
)


def instance(alias: str, label: str, read: Callable[[Any], Ref | None]) -> Column:
    """A field that refers to an instance whose own fields are its WID, reference id and name."""
    return Column(alias, label, Kind.INSTANCE, read, REFERENCE_FIELDS)


def shown(value: Value) -> Any:
    """A value as JSON: instances as id and descriptor, money as currency and value, moments in UTC."""
    match value:
        case Ref():
            return value.body()
        case Amount():
            return {"currency": value.currency, "value": value.value}
        case datetime():
            return moment(value)
        case date():
            return value.isoformat()
        case _:
            return value


def moment(at: datetime) -> str:
    """An instant as the tenant writes it: UTC, milliseconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def field_body(source_alias: str, column: Column) -> dict[str, Any]:
    """A field as the field list of a data source describes it."""
    body = {
        "id": workday_wid("field", f"{source_alias}:{column.alias}"),
        "alias": column.alias,
        "descriptor": column.label,
        "type": column.kind.value,
    }
    if column.kind is not Kind.INSTANCE:
        return body
    related = ref("business_object", column.label).body()
    return {**body, "relatedBusinessObject": related}

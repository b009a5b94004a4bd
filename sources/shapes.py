"""Reading a vendor's JSON with exact types: the value, None where the vendor has none, or SourceShapeBroken.

Nothing is coerced: a number where a text is pinned is drift, and the error names the field, never the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from hub.domain.money import Money
from hub.errors import SourceShapeBroken

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """One object of a vendor's answer, with what an error needs to name: system and operation."""

    system: str
    operation: str
    data: Mapping[str, Any]

    def broken(self, field: str, wanted: str) -> SourceShapeBroken:
        """The error for a field that is not what is wanted."""
        return SourceShapeBroken(self.system, f"{field} is not {wanted}", operation=self.operation)

    def required(self, field: str, value: T | None) -> T:
        """The value, which the vendor never leaves empty."""
        if value is None:
            raise self.broken(field, "there")
        return value

    def text(self, field: str) -> str | None:
        """A text; an empty one is no value."""
        value = self.data.get(field)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise self.broken(field, "a text")
        return value

    def flag(self, field: str) -> bool | None:
        """A JSON boolean."""
        value = self.data.get(field)
        if value is not None and not isinstance(value, bool):
            raise self.broken(field, "a boolean")
        return value

    def integer(self, field: str) -> int | None:
        """A whole JSON number."""
        value = self.data.get(field)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self.broken(field, "a whole number")
        return value

    def number(self, field: str) -> Decimal | None:
        """A JSON number, exactly."""
        value = self.data.get(field)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.broken(field, "a number")
        return Decimal(value)

    def number_text(self, field: str) -> Decimal | None:
        """A number written as a text."""
        text = self.text(field)
        if text is None:
            return None
        try:
            value = Decimal(text)
        except InvalidOperation:
            raise self.broken(field, "a number") from None
        if not value.is_finite():
            raise self.broken(field, "a number")
        return value

    def day(self, field: str) -> date | None:
        """A calendar date, YYYY-MM-DD."""
        text = self.text(field)
        if text is None:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise self.broken(field, "a date") from None

    def instant(self, field: str) -> datetime | None:
        """An ISO 8601 instant with its offset, as UTC."""
        text = self.text(field)
        if text is None:
            return None
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            raise self.broken(field, "an instant") from None
        if value.tzinfo is None:
            raise self.broken(field, "an instant with its offset")
        return value.astimezone(UTC)

    def money(self, field: str, currency: str | None) -> Money | None:
        """A JSON number in the given currency; an amount without a currency is drift."""
        amount = self.number(field)
        return None if amount is None else Money.of(amount, self.required(f"the currency of {field}", currency))


def rows(data: Any, system: str, operation: str) -> list[Row]:
    """Rows from a JSON array of objects."""
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise SourceShapeBroken(system, "the answer is not a list of objects", operation=operation)
    return [Row(system, operation, item) for item in data]

"""The attributes of a write: read one by one, problems collected, refused together as the vendor does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from sources.sandbox.kantata.errors import invalid
from sources.sandbox.kantata.filters import is_true
from sources.sandbox.kantata.identifiers import read_id
from sources.sandbox.kantata.rows import Row
from sources.sandbox.kantata.stamps import parse_day
from sources.sandbox.kantata.tables import Table

R = TypeVar("R", bound=Row)
_UNSET: Any = object()
# Beyond this no column of the vendor can hold a number.
_LARGEST = 10**15


class Attributes:
    """One item of a write request.

    Readers answer None for what is absent, null or wrong, and note what is wrong; `settle` raises the
    422 with all of it. `earlier` are the items before this one in the same bulk request.
    """

    def __init__(self, values: Mapping[str, Any], earlier: tuple[Attributes, ...] = ()) -> None:
        self.values = values
        self.earlier = earlier
        self.problems: list[tuple[str, str]] = []

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def refuse(self, field: str, message: str) -> None:
        """Note a problem."""
        self.problems.append((field, message))

    def settle(self) -> None:
        """Raise a 422 with every problem noted so far."""
        if self.problems:
            raise invalid(self.problems)

    def permit(self, names: Collection[str]) -> None:
        """Note every attribute that the record does not have or that this request may not write."""
        for name in self.values:
            if name not in names:
                self.refuse(name, f"{name} is not an attribute that can be written here")

    def require(self, *names: str) -> None:
        """Note every one of these that is absent or empty."""
        for name in names:
            if self.values.get(name) in (None, "", []):
                self.refuse(name, f"{_label(name)} can't be blank")

    def text(self, name: str, *, longest: int = 65535) -> str | None:
        """A string of limited length."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.refuse(name, f"{_label(name)} must be a string")
            return None
        if len(value) > longest:
            self.refuse(name, f"{_label(name)} is too long (maximum is {longest} characters)")
        return value

    def integer(self, name: str, *, low: int | None = None, high: int | None = None) -> int | None:
        """A whole number, also written as a string."""
        value = self.values.get(name)
        if value in (None, ""):
            return None
        try:
            number = int(value) if not isinstance(value, bool | float) else _UNSET
        except (TypeError, ValueError):
            number = _UNSET
        if number is _UNSET or abs(number) > _LARGEST:
            self.refuse(name, f"{_label(name)} is not a number")
            return None
        if low is not None and number < low:
            self.refuse(name, f"{_label(name)} must be greater than or equal to {low}")
        if high is not None and number > high:
            self.refuse(name, f"{_label(name)} must be less than or equal to {high}")
        return int(number)

    def decimal(self, name: str) -> Decimal | None:
        """A decimal number, also written as a string."""
        value = self.values.get(name)
        if value in (None, ""):
            return None
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or abs(number) > _LARGEST:
            self.refuse(name, f"{_label(name)} is not a number")
            return None
        return number

    def flag(self, name: str) -> bool | None:
        """A boolean, also written as a string."""
        value = self.values.get(name)
        if value is None or isinstance(value, bool):
            return value
        return is_true(str(value))

    def day(self, name: str) -> date | None:
        """A date written YYYY-MM-DD; "" and null unset it."""
        value = self.values.get(name)
        if value in (None, ""):
            return None
        try:
            return parse_day(str(value))
        except ValueError:
            self.refuse(name, f"{_label(name)} is not a valid date")
            return None

    def choice(self, name: str, options: Collection[str]) -> str | None:
        """One of a closed list of words."""
        value = self.values.get(name)
        if value is not None and not (isinstance(value, str) and value in options):
            self.refuse(name, f"{_label(name)} is not included in the list")
            return None
        return value

    def row(self, name: str, table: Table[R]) -> R | None:
        """The record that an id attribute points to."""
        row_id = self.integer(name)
        if row_id is None:
            return None
        found = table.get(row_id)
        if found is None:
            self.refuse(name, f"{_label(name)} does not exist")
        return found

    def row_list(self, name: str, table: Table[R]) -> list[R]:
        """The records that a list of ids points to, in the order given."""
        value = self.values.get(name)
        listed = value.split(",") if isinstance(value, str) else value
        if listed is None:
            return []
        if not isinstance(listed, list) or not all(read_id(item) is not None for item in listed):
            self.refuse(name, f"{_label(name)} must be a list of ids")
            return []
        found = [table.get(row_id) for row_id in dict.fromkeys(map(read_id, listed))]
        if None in found:
            self.refuse(name, f"{_label(name)} contains an id that does not exist")
        return [row for row in found if row is not None]


def _label(name: str) -> str:
    return name.removesuffix("_id").replace("_", " ").capitalize()

"""The values of a change as Kantata's columns: one table per kind, exact types, refusals before any call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hub.domain.records import BY_ID, Ref
from hub.errors import SourceRejected
from hub.ports import SourceWrite
from sources.kantata.translate import HUNDREDTH, STATUS_BY_KEY
from sources.writing import INVALID_VALUE

STATUS_KEYS = {status: key for key, status in STATUS_BY_KEY.items()}
MINUTES = Decimal(60)


@dataclass(frozen=True, slots=True)
class Given:
    """The values of one change; a value that Kantata could not take is refused by name, and never shown."""

    system: str
    change: SourceWrite

    def refusal(
        self,
        message: str,
        reason: str = INVALID_VALUE,
        *,
        attribute: str | None = None,
        allowed: tuple[str, ...] = (),
    ) -> SourceRejected:
        """The error for a change that is not sent."""
        operation = f"{self.change.action} {self.change.kind}"
        return SourceRejected(
            self.system, message, operation=operation, reason=reason, attribute=attribute, allowed=allowed
        )

    def text(self, name: str) -> str | None:
        """A text, or None."""
        value = self.change.values.get(name)
        if value is not None and not isinstance(value, str):
            raise self.refusal(f"{name} must be a text", attribute=name)
        return value

    def full_text(self, name: str) -> str:
        """A text that is not empty."""
        value = self.text(name)
        if value is None or not value.strip():
            raise self.refusal(f"{name} must not be empty", attribute=name)
        return value

    def flag(self, name: str) -> bool:
        """A truth value."""
        value = self.change.values.get(name)
        if not isinstance(value, bool):
            raise self.refusal(f"{name} must be true or false", attribute=name)
        return value

    def day(self, name: str) -> str | None:
        """A date as the vendor writes it, or None to unset it."""
        value = self.change.values.get(name)
        if value is None:
            return None
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self.refusal(f"{name} must be a date", attribute=name)
        return value.isoformat()

    def minutes(self, name: str) -> int:
        """Hours as whole minutes: only hours that the vendor's minutes would be read as again."""
        value = self.change.values.get(name)
        if not isinstance(value, Decimal) or not value.is_finite() or value <= 0:
            raise self.refusal(f"{name} must be hours above zero", attribute=name)
        minutes = int((value * MINUTES).to_integral_value(rounding=ROUND_HALF_UP))
        if (minutes / MINUTES).quantize(HUNDREDTH, rounding=ROUND_HALF_UP) != value:
            raise self.refusal(f"{name} must be a whole number of minutes: finer hours are not kept", attribute=name)
        return minutes

    def id_of(self, name: str) -> str:
        """The vendor's id of the record that a link points to."""
        value = self.change.values.get(name)
        if not isinstance(value, Ref) or value.by != BY_ID or not is_id(value.value):
            raise self.refusal(f"{name} must be a record of this system", attribute=name)
        return value.value

    def hard(self, name: str) -> bool:
        """Whether a booking is hard."""
        value = self.change.values.get(name)
        if value not in ("HARD", "SOFT"):
            raise self.refusal(f"{name} must be HARD or SOFT", attribute=name)
        return value == "HARD"

    def status_key(self, name: str) -> int:
        """The vendor's number of a delivery status."""
        value = self.change.values.get(name)
        if not isinstance(value, str) or value not in STATUS_KEYS:
            raise self.refusal(f"{name} is none of the statuses that a project can have", attribute=name)
        return STATUS_KEYS[value]

    def body(self, columns: Columns, *, besides: Collection[str] = (), needs: Collection[str] = ()) -> dict[str, Any]:
        """The columns to write.

        `besides` are values that go elsewhere, `needs` those that must be there; any other name is refused.
        """
        values = self.change.values
        for name in needs:
            if values.get(name) is None:
                raise self.refusal(f"{name} is needed", attribute=name)
        for name in values:
            if name not in columns and name not in besides:
                raise self.refusal(f"{name} cannot be written", attribute=name)
        return {column: read(self, name) for name, (column, read) in columns.items() if name in values}


Columns = Mapping[str, tuple[str, Callable[[Given, str], Any]]]

PROJECT: Columns = {
    "name": ("title", Given.full_text),
    "start_date": ("start_date", Given.day),
    "end_date": ("due_date", Given.day),
    "delivery_status": ("status_key", Given.status_key),
    "archived": ("archived", Given.flag),
}
ASSIGNMENT: Columns = {
    "start_date": ("start_date", Given.day),
    "end_date": ("end_date", Given.day),
    "planned_hours": ("minutes", Given.minutes),
    "booking": ("hard", Given.hard),
}
TIME_ENTRY: Columns = {
    "project": ("workspace_id", Given.id_of),
    "task": ("story_id", Given.id_of),
    "resource": ("user_id", Given.id_of),
    "work_date": ("date_performed", Given.day),
    "hours": ("time_in_minutes", Given.minutes),
    "billable": ("billable", Given.flag),
    "note": ("notes", Given.text),
}


def is_id(text: str) -> bool:
    """Whether a text can be a record's id: the vendor drops anything else from its filters unsaid."""
    return text.isascii() and text.isdecimal()

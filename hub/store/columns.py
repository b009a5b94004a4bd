"""What an entity row is searched, filtered and sorted by: kept values as columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from hub.domain.kinds import Kind
from hub.domain.money import Money
from hub.domain.records import Value
from hub.store.tables import LINKS

DATE_OF: Mapping[Kind, str] = {
    Kind.OPPORTUNITY: "expected_close",
    Kind.CHANGE_ORDER: "effective_date",
    Kind.MILESTONE: "due_date",
    Kind.TIME_ENTRY: "work_date",
    Kind.EXPENSE: "date",
    Kind.INVOICE: "issued_on",
    Kind.CONTRACT: "signed_on",
}
"""The kept attribute behind the column `date`, by kind."""

SORT_COLUMN: Mapping[str, str] = {
    "name": "name_key",
    "code": "code_key",
    "number": "code_key",
    "start_date": "start_date",
    "end_date": "end_date",
    "value": "value_key",
    "date": "date",
    "id": "id",
}
"""Sort name of a page query → column."""


def columns_of(kind: Kind, kept: Mapping[str, Value]) -> dict[str, Any]:
    """The searchable columns of an entity row, JSON-ready, from its kept values."""
    name = kept.get("name")
    code = kept.get("code") or kept.get("number")
    day = kept.get(DATE_OF.get(kind, ""))
    probability = kept.get("probability")
    return {
        "name_key": _key(name),
        "code_key": _key(code),
        "code": code,
        "value_key": _value_key(kept.get("value")),
        "search": "\n".join(str(part).casefold() for part in (name, code) if part),
        "status": kept.get("stage") if kind is Kind.PROJECT else kept.get("status"),
        "role": kept.get("role"),
        "start_date": _day(kept.get("start_date")),
        "end_date": _day(kept.get("end_date")),
        "date": _day(day),
        "probability": None if probability is None else str(probability),
        "skills": kept.get("skills"),
        "models": kept.get("models") if kind is not Kind.CONTRACT_LINE else _single(kept.get("model")),
        **{f"{link}_id": kept.get(link) for link in LINKS},
    }


def _key(value: Value) -> str | None:
    """A sort key that ignores case, in every language alike."""
    return value.casefold() if isinstance(value, str) else None


def _day(value: Value) -> str | None:
    return value.isoformat() if isinstance(value, date) else None


def _single(value: Value) -> list[str] | None:
    return [value] if isinstance(value, str) else None


def _value_key(value: Value) -> str | None:
    """Money as text that sorts by (currency, amount); shifted so that negative amounts sort before zero."""
    return f"{value.currency}{value.minor + 10**18:020d}" if isinstance(value, Money) else None

"""Exact reading: the right type or an error that names the field and not the value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from hub.domain.money import Money
from hub.errors import SourceShapeBroken
from sources.shapes import Row, rows


def row(value: Any) -> Row:
    """Make a row with one field."""
    return Row("crm", "read", {"f": value})


def test_values_are_read_exactly() -> None:
    """Each reader gives its type; nothing is nothing."""
    assert row("x").text("f") == "x"
    assert row("").text("f") is None
    assert row(12).number("f") == Decimal(12)
    assert row("0.10").number_text("f") == Decimal("0.10")
    assert row("2026-02-28").day("f") == date(2026, 2, 28)
    assert row("2026-02-28T12:00:00.000+0000").instant("f") == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert row(Decimal("12.345")).money("f", "KWD") == Money(12345, "KWD")
    assert row(1234).money("f", "JPY") == Money(1234, "JPY")
    for read in (Row.text, Row.number, Row.number_text, Row.day, Row.instant, Row.flag, Row.integer):
        assert read(row(None), "f") is None


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (Row.text, 5),
        (Row.number, "5"),
        (Row.number, True),
        (Row.integer, Decimal("5.0")),
        (Row.flag, "true"),
        (Row.day, "28.02.2026"),
        (Row.instant, "2026-02-28T12:00:00"),
        (Row.number_text, "NaN"),
        (Row.number_text, "secret"),
    ],
)
def test_nothing_is_coerced(read: Callable[[Row, str], Any], value: Any) -> None:
    """Another type is drift; the message names the field only."""
    with pytest.raises(SourceShapeBroken, match=r"\bf is not") as failure:
        read(row(value), "f")
    assert str(value) not in str(failure.value).replace("(read)", "")


def test_an_amount_needs_its_currency() -> None:
    """Money without a currency is no money."""
    with pytest.raises(SourceShapeBroken, match="currency of f"):
        row(5).money("f", None)


def test_a_list_of_objects_is_pinned() -> None:
    """Anything but a list of objects is drift."""
    assert [r.data for r in rows([{"a": 1}], "crm", "read")] == [{"a": 1}]
    wrongs: list[Any] = [{}, [1], None, "[]"]
    for wrong in wrongs:
        with pytest.raises(SourceShapeBroken):
            rows(wrong, "crm", "read")

"""Custom scalars take exact values only."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from schema.scalars import parse_currency, parse_date, parse_date_time, parse_decimal, parse_period


def test_good_values() -> None:
    """Each scalar reads its form; an integer is an exact decimal too."""
    assert parse_date("2026-03-31") == date(2026, 3, 31)
    assert parse_date_time("2026-03-31T10:15:00+02:00") == datetime(2026, 3, 31, 8, 15, tzinfo=UTC)
    assert parse_date_time("2026-03-31T08:15:00.5Z").microsecond == 500_000
    assert parse_decimal("-1234.50") == Decimal("-1234.50")
    assert parse_decimal(7) == Decimal(7)
    assert parse_period("2026-03") == "2026-03"
    assert parse_currency("JPY") == "JPY"


@pytest.mark.parametrize(
    ("parse", "bad"),
    [
        (parse_date, "2026-02-30"),
        (parse_date, "20260331"),
        (parse_date, 20260401),
        (parse_date, "٢٠٢٦-03-31"),
        (parse_date_time, "2026-03-31T08:15:00"),
        (parse_date_time, "2026-03-31"),
        (parse_date_time, "0001-01-01T00:00:00+14:00"),
        (parse_decimal, 1.5),
        (parse_decimal, True),
        (parse_decimal, "1e5"),
        (parse_decimal, "NaN"),
        (parse_decimal, "1" * 41),
        (parse_period, "2026-13"),
        (parse_period, "2026-3"),
        (parse_currency, "usd"),
        (parse_currency, "XXX"),
    ],
)
def test_bad_values(parse: Callable[[object], object], bad: object) -> None:
    """What is not exactly of the form is refused, floats always."""
    with pytest.raises(ValueError, match=r"\w"):
        parse(bad)

"""Money: domain.md's worked numbers, and what must hold for all amounts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.money import MixedCurrency, Money, minor_from_vendor, minor_units, total

CURRENCIES = st.sampled_from(["USD", "JPY", "KWD", "CLF", "GBP"])
AMOUNTS = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, places=6)


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1234.5", "JPY", "1235"),
        ("12.3455", "KWD", "12.346"),
        ("58333.333333", "USD", "58333.33"),
        ("0.005", "USD", "0.01"),
        ("-0.005", "USD", "-0.01"),
        ("-0.004", "USD", "0.00"),
        ("1", "CLF", "1.0000"),
        ("-1234.5", "JPY", "-1235"),
    ],
)
def test_a_line_is_rounded_once_half_up_to_the_minor_unit(amount: str, currency: str, shown: str) -> None:
    """domain.md section 0; half up is away from zero, for credits too."""
    assert str(Money.of(amount, currency)) == shown


def test_minor_units_follow_the_table() -> None:
    """Nothing assumes two."""
    assert [minor_units(c) for c in ("USD", "JPY", "KWD", "CLF", "XOF", "TND")] == [2, 0, 3, 4, 0, 3]


def test_currencies_never_mix() -> None:
    """Adding is refused without a conversion context."""
    with pytest.raises(MixedCurrency):
        Money(1, "USD") + Money(1, "EUR")
    with pytest.raises(MixedCurrency):
        total([Money(1, "JPY")], "USD")


def test_a_vendors_subunits_use_the_vendors_base() -> None:
    """Kantata says how many subunits make a unit; a yen has one."""
    assert minor_from_vendor(123456, "USD", 100) == Money(123456, "USD")
    assert minor_from_vendor(5000, "JPY", 1) == Money(5000, "JPY")
    assert minor_from_vendor(12345, "KWD", 1000) == Money(12345, "KWD")


@given(AMOUNTS, CURRENCIES)
def test_a_credit_exactly_negates_its_invoice(amount: Decimal, currency: str) -> None:
    """Rounding is symmetric around zero."""
    assert Money.of(-amount, currency) == -Money.of(amount, currency)


@given(AMOUNTS, CURRENCIES)
def test_what_is_shown_reads_back_as_the_same_money(amount: Decimal, currency: str) -> None:
    """The text form is exact and has the currency's places."""
    money = Money.of(amount, currency)
    assert Money.of(str(money), currency) == money
    assert Decimal(str(money)) == money.amount
    assert -money.amount.as_tuple().exponent == minor_units(currency)  # type: ignore[operator]


@given(st.lists(AMOUNTS, max_size=8), CURRENCIES)
def test_totals_add_rounded_lines(amounts: list[Decimal], currency: str) -> None:
    """A total is the sum of what was shown, whatever the order."""
    lines = [Money.of(a, currency) for a in amounts]
    assert total(lines, currency) == total(reversed(lines), currency)
    assert total(lines, currency).minor == sum(line.minor for line in lines)

"""The firm's money: currencies with their minor units, price levels, and exact rounding."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from sources.sandbox.firm.model import Amount

MINOR_UNITS = {"USD": 2, "GBP": 2, "EUR": 2, "JPY": 0, "KWD": 3}
PRICE_LEVEL = {
    "USD": Decimal(1),
    "GBP": Decimal("0.8"),
    "EUR": Decimal("0.9"),
    "JPY": Decimal(150),
    "KWD": Decimal("0.3"),
}
"""What one US dollar of price is in each currency of the firm: a price list, not an exchange rate."""


def rounded(value: Decimal | Fraction | int, currency: str) -> Decimal:
    """The value in the currency's minor unit, halves away from zero."""
    if isinstance(value, Fraction):
        value = Decimal(value.numerator) / Decimal(value.denominator)
    return Decimal(value).quantize(Decimal(1).scaleb(-MINOR_UNITS[currency]), ROUND_HALF_UP)


def amount(value: Decimal | Fraction | int, currency: str) -> Amount:
    """Money rounded to the currency's minor unit."""
    return Amount(rounded(value, currency), currency)


def zero(currency: str) -> Amount:
    """No money in a currency."""
    return amount(0, currency)


def total(amounts: list[Amount], currency: str) -> Amount:
    """The sum of amounts of one currency."""
    return Amount(sum((a.value for a in amounts), rounded(0, currency)), currency)


def price_step(currency: str) -> Decimal:
    """The step in which the firm quotes prices in a currency: about a thousand dollars' worth."""
    return Decimal({"JPY": 100_000, "KWD": 250}.get(currency, 1000))


def quoted(value: Decimal, currency: str) -> Amount:
    """A price rounded up to the step in which the firm quotes."""
    step = price_step(currency)
    return amount(max(step, (-(-value // step)) * step), currency)


def shares(price: Decimal, weights: list[int], currency: str) -> list[Decimal]:
    """A price split by weights; every part is in minor units and the last one takes the rounding rest."""
    whole = sum(weights)
    parts = [rounded(price * weight / whole, currency) for weight in weights[:-1]]
    return [*parts, price - sum(parts, Decimal(0))]


def straight_line(price: Decimal, weights: list[int], currency: str) -> list[Decimal]:
    """A price spread by weights with cumulative rounding, so that the parts always add up to it exactly."""
    whole = sum(weights)
    parts: list[Decimal] = []
    before = rounded(0, currency)
    seen = 0
    for weight in weights:
        seen += weight
        now = rounded(price * seen / whole, currency)
        parts.append(now - before)
        before = now
    return parts

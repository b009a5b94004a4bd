"""Kantata's three ways of writing money: subunits with a base unit, a currency, and strings made for people."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from sources.sandbox.firm.model import Amount

_NO_SUBUNIT = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())
_THOUSANDTHS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
_SYMBOLS = {"USD": "$", "GBP": "£", "EUR": "€", "JPY": "¥"}


def base_unit(currency: str) -> int:
    """How many subunits make one unit of the currency: 100 for most, 1 for JPY, 1000 for KWD."""
    if currency in _NO_SUBUNIT:
        return 1
    return 1000 if currency in _THOUSANDTHS else 100


def symbol(currency: str) -> str:
    """The sign printed before amounts; the ISO code where the currency has no sign of its own."""
    return _SYMBOLS.get(currency, currency)


def subunits(amount: Amount) -> int:
    """The amount in whole subunits of its own currency, halves rounded away from zero."""
    return to_subunits(amount.value, amount.currency)


def to_subunits(value: Decimal, currency: str) -> int:
    """A value in whole currency units as subunits, halves rounded away from zero."""
    return int((value * base_unit(currency)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def formatted(cents: int, currency: str) -> str:
    """A string for people, such as "$4,921" or "$4,921.50": decimals only where there are some."""
    unit = base_unit(currency)
    whole, rest = divmod(abs(cents), unit)
    decimals = f".{rest:0{len(str(unit)) - 1}d}" if rest else ""
    sign = "-" if cents < 0 else ""
    return f"{sign}{symbol(currency)}{whole:,}{decimals}"


def triple(currency: str) -> dict[str, str | int]:
    """The three members that stand beside every amount in subunits."""
    return {"currency": currency, "currency_symbol": symbol(currency), "currency_base_unit": base_unit(currency)}

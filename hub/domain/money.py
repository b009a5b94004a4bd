"""Exact money: integer minor units and an ISO 4217 code (domain.md section 0)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

_MINOR_UNITS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}


class MixedCurrency(ValueError):
    """Amounts of different currencies were added without a conversion context; code MIXED_CURRENCY."""

    code = "MIXED_CURRENCY"


@cache
def minor_units(currency: str) -> int:
    """How many decimal places the currency has: 2 unless listed."""
    return _MINOR_UNITS.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the currency's minor units: Money(123450, "USD") is 1,234.50 dollars."""

    minor: int
    currency: str

    @classmethod
    def of(cls, amount: Decimal | int | str, currency: str) -> Money:
        """Round a decimal amount once, half up (away from zero), to the currency's minor unit."""
        places = minor_units(currency)
        scaled = Decimal(amount).scaleb(places).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        return cls(int(scaled), currency)

    @property
    def amount(self) -> Decimal:
        """The amount as a decimal with exactly the currency's places."""
        return Decimal(self.minor).scaleb(-minor_units(self.currency))

    def __str__(self) -> str:
        """The amount as the graph shows it: `1234.50`, `1235` for a yen."""
        places = minor_units(self.currency)
        if not places:
            return str(self.minor)
        digits = str(abs(self.minor)).rjust(places + 1, "0")
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{digits[:-places]}.{digits[-places:]}"

    def __neg__(self) -> Money:
        """The same amount with the opposite sign: a credit exactly negates its invoice."""
        return Money(-self.minor, self.currency)

    def __add__(self, other: Money) -> Money:
        """The sum; raises MixedCurrency when the currencies differ."""
        if self.currency != other.currency:
            raise MixedCurrency(f"cannot add {other.currency} to {self.currency}")
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        """The difference; raises MixedCurrency when the currencies differ."""
        return self + -other


def total(amounts: Iterable[Money], currency: str) -> Money:
    """Add already rounded lines of one currency; raises MixedCurrency on a line of another."""
    result = Money(0, currency)
    for amount in amounts:
        result += amount
    return result


def minor_from_vendor(subunits: int, currency: str, base_unit: int) -> Money:
    """Money from a vendor's integer subunits and the number of them in one unit (Kantata's currency_base_unit)."""
    return Money.of(Decimal(subunits) / Decimal(base_unit), currency)

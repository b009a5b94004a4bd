"""The tenant's own numbering and set-up: periods, currencies, subsidiaries by code."""

from __future__ import annotations

from dataclasses import dataclass

from sources.sandbox.firm.model import Firm
from sources.sandbox.firm.vendor_ids import netsuite_id

BASE_CURRENCY = "USD"
# One unit of the currency in US dollars, and its decimal places. Round figures: the account's own
# table of rates, not a market's.
CURRENCIES: dict[str, tuple[float, int]] = {
    "USD": (1.0, 2),
    "GBP": (1.25, 2),
    "EUR": (1.1, 2),
    "JPY": (0.0067, 0),
    "KWD": (3.25, 3),
    "CHF": (1.15, 2),
    "CAD": (0.73, 2),
    "AUD": (0.66, 2),
    "SEK": (0.095, 2),
    "NOK": (0.094, 2),
    "DKK": (0.147, 2),
    "SGD": (0.75, 2),
    "INR": (0.012, 2),
    "KRW": (0.00075, 0),
    "CNY": (0.14, 2),
    "MXN": (0.055, 2),
    "BRL": (0.19, 2),
}
_FIRST_PERIOD = 100
_PERIODS_PER_YEAR = 20


@dataclass(frozen=True, slots=True)
class Tenant:
    """Internal ids by the firm's own words; `first_year` and `years` span the accounting calendar."""

    first_year: int
    years: int
    subsidiaries: dict[str, tuple[int, str]]
    customers: frozenset[int]

    @classmethod
    def of(cls, firm: Firm) -> Tenant:
        """The numbering for a firm: a calendar that covers all its periods and two years ahead."""
        years = {firm.today.year - 1, firm.today.year + 2}
        years.update(int(invoice.period[:4]) for invoice in firm.invoices)
        years.update(int(row.planned_period[:4]) for row in firm.revenue_rows)
        years.update(int(row.posting_period[:4]) for row in firm.revenue_rows if row.posting_period)
        years.update(int(entry.posted_period[:4]) for entry in firm.time_entries if entry.posted_period)
        years.update(contract.start.year for contract in firm.contracts)
        subsidiaries = {e.code: (int(netsuite_id("subsidiary", e.n)), e.currency) for e in firm.legal_entities}
        known = frozenset(customer.n for customer in firm.customers if customer.in_erp)
        return cls(min(years), max(years) - min(years) + 1, subsidiaries, known)

    def year_id(self, year: int) -> int:
        """The id of a year's row; its quarters follow, then its months."""
        return _FIRST_PERIOD + (year - self.first_year) * _PERIODS_PER_YEAR

    def period_id(self, month: str) -> int:
        """The id of the accounting period of a month given as YYYY-MM."""
        return self.year_id(int(month[:4])) + 4 + int(month[5:7])

    def subsidiary_id(self, code: str) -> int:
        """The id of the subsidiary with this code."""
        return self.subsidiaries[code][0]

    def customer_id(self, n: int | None) -> int | None:
        """The id of a customer, None where the ERP has none."""
        return int(netsuite_id("customer", n)) if n is not None and n in self.customers else None

    def currency_id(self, code: str) -> int:
        """The id of a currency."""
        return list(CURRENCIES).index(code) + 1

    def exchange_rate(self, code: str, company: str) -> float:
        """Units of the subsidiary's base currency for one unit of `code`."""
        return exchange_rate(code, self.subsidiaries[company][1])


def whole_minor_units(value: float) -> float:
    """A sum of amounts without binary noise; no currency of the account has more than three places."""
    return round(value, 3)


def exchange_rate(code: str, base: str) -> float:
    """Units of the base currency for one unit of `code`, by the account's table."""
    return 1.0 if code == base else float(format(CURRENCIES[code][0] / CURRENCIES[base][0], ".8g"))

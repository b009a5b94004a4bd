"""What a customer owes: open receivables and the collections indicator (domain.md section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum

from hub.domain.money import Money, total
from hub.domain.records import OpenItem


class CollectionsIndicator(StrEnum):
    """How late a customer pays; the worst material open invoice decides."""

    CURRENT = "CURRENT"
    WATCH = "WATCH"
    OVERDUE = "OVERDUE"
    DELINQUENT = "DELINQUENT"
    DISPUTED = "DISPUTED"


_WORST_FIRST = (
    CollectionsIndicator.DISPUTED,
    CollectionsIndicator.DELINQUENT,
    CollectionsIndicator.OVERDUE,
    CollectionsIndicator.WATCH,
    CollectionsIndicator.CURRENT,
)
MATERIAL_SHARE = Decimal("0.01")
"""An open invoice below this share of all receivables does not decide the indicator."""
DELINQUENT_AFTER_DAYS = 60
OVERDUE_AFTER_DAYS = 30


def open_receivables(items: Sequence[OpenItem], currency: str) -> Money:
    """The sum of the open items; raises MixedCurrency when one is in another currency."""
    return total((item.open for item in items), currency)


def indicator_of(item: OpenItem, today: date) -> CollectionsIndicator:
    """One open item's own indicator, by days past due."""
    if item.disputed:
        return CollectionsIndicator.DISPUTED
    late = 0 if item.due_on is None else (today - item.due_on).days
    if late > DELINQUENT_AFTER_DAYS:
        return CollectionsIndicator.DELINQUENT
    if late > OVERDUE_AFTER_DAYS:
        return CollectionsIndicator.OVERDUE
    return CollectionsIndicator.WATCH if late > 0 else CollectionsIndicator.CURRENT


def collections_indicator(items: Sequence[OpenItem], today: date) -> CollectionsIndicator:
    """The worst indicator among the open items that are at least 1 % of the receivables in their currency."""
    totals: dict[str, int] = {}
    for item in items:
        totals[item.open.currency] = totals.get(item.open.currency, 0) + item.open.minor
    material = {
        indicator_of(item, today)
        for item in items
        if item.open.minor > 0 and item.open.minor >= MATERIAL_SHARE * totals[item.open.currency]
    }
    return next((level for level in _WORST_FIRST if level in material), CollectionsIndicator.CURRENT)

"""Role maps and what a customer owes: domain.md 2.3 and 5."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from hub.domain.money import MixedCurrency, Money
from hub.domain.receivables import CollectionsIndicator, collections_indicator, open_receivables
from hub.domain.records import OpenItem
from hub.domain.roles import MapRow, RoleMap, Scope

MAP = RoleMap(
    sold_to_delivery=(MapRow("Senior Advisor", "Senior Consultant"),),
    delivery_to_labor=(
        MapRow("Senior Consultant", "LC-3", valid_from=date(2026, 1, 1)),
        MapRow("Senior Consultant", "LC-3UK", Scope(legal_entity="UK01"), date(2026, 7, 1)),
    ),
)
TODAY = date(2026, 4, 30)


@pytest.mark.parametrize(
    ("entity", "worked", "expected"),
    [
        ("UK01", date(2026, 6, 30), "LC-3"),
        ("UK01", date(2026, 7, 1), "LC-3UK"),
        ("US01", date(2026, 7, 1), "LC-3"),
        ("US01", date(2025, 12, 31), None),
    ],
)
def test_the_most_specific_row_in_force_wins(entity: str, worked: date, expected: str | None) -> None:
    """The worked example; before any row is in force there is no default."""
    delivery = MAP.delivery_role("Senior Advisor", Scope(), demand_start=worked)
    assert delivery == "Senior Consultant"
    assert MAP.labor_category(delivery, Scope(legal_entity=entity), work_date=worked) == expected


def test_an_unmapped_role_is_none() -> None:
    """No silent default."""
    assert MAP.delivery_role("Transformation Guru", Scope(), demand_start=TODAY) is None


def test_equal_specificity_is_a_configuration_error() -> None:
    """Two rows of which neither could win; rows that never meet are fine."""
    by_practice = MapRow("A", "x", Scope(practice="DATA"))
    by_entity = MapRow("A", "y", Scope(legal_entity="UK01"))
    assert RoleMap(sold_to_delivery=(by_practice, by_entity)).problems()
    apart = MapRow("A", "y", Scope(practice="DATA"), valid_from=date(2026, 2, 1))
    before = MapRow("A", "x", Scope(practice="DATA"), valid_to=date(2026, 2, 1))
    assert RoleMap(sold_to_delivery=(apart, before)).problems() == []


def _item(minor: int, days_late: int, *, disputed: bool = False) -> OpenItem:
    return OpenItem(TODAY - timedelta(days=days_late), Money(minor, "USD"), disputed)


@pytest.mark.parametrize(
    ("days_late", "expected"),
    [
        (-5, "CURRENT"),
        (0, "CURRENT"),
        (1, "WATCH"),
        (30, "WATCH"),
        (31, "OVERDUE"),
        (35, "OVERDUE"),
        (60, "OVERDUE"),
        (61, "DELINQUENT"),
    ],
)
def test_the_indicator_follows_the_days_past_due(days_late: int, expected: str) -> None:
    """domain.md section 5; 35 days past due is OVERDUE."""
    assert collections_indicator([_item(100, days_late)], TODAY) == expected


def test_a_dispute_outranks_lateness_and_a_trifle_does_not_decide() -> None:
    """The worst open invoice of at least one percent decides."""
    late, trifle = _item(10_000, 40), _item(99, 90)
    assert collections_indicator([late, trifle], TODAY) is CollectionsIndicator.OVERDUE
    assert collections_indicator([late, _item(200, 90)], TODAY) is CollectionsIndicator.DELINQUENT
    assert collections_indicator([late, _item(200, 0, disputed=True)], TODAY) is CollectionsIndicator.DISPUTED
    assert collections_indicator([], TODAY) is CollectionsIndicator.CURRENT


def test_receivables_add_up_in_one_currency_only() -> None:
    """Collected 30,000 of 46,000 leaves 16,000 open (domain.md 4.1)."""
    assert open_receivables([_item(1_600_000, 0)], "USD") == Money(1_600_000, "USD")
    with pytest.raises(MixedCurrency):
        open_receivables([_item(1, 0)], "GBP")

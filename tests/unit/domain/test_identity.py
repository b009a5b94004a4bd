"""Identity of messages: the published vectors, and what must and must not move a hash."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.identity import canonical_json, digest, instant_text, target_key, transaction_hash
from hub.domain.money import Money


def _time_entry(hours: str) -> dict[str, Any]:
    return {
        "billable": True,
        "hours": Decimal(hours),
        "project": "a0X17",
        "task": "T-204",
        "workDate": "2026-03-30",
        "worker": "E-0042",
    }


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ("7.50", "66011b6930d30c0aa24d4d730f655777bba6e13387c6c9cbe46f83281fe306e8"),
        ("8.00", "c7a3fb6a7a8619170216cddfba1e8b78348190f6bdb0c33d53506d5d0c42b2e7"),
    ],
)
def test_the_transaction_hash_reproduces_its_vectors(hours: str, expected: str) -> None:
    """domain.md 6.1."""
    assert transaction_hash("PSA", "psa-eu", "TimeEntry", "TE-1001", "UPSERT", _time_entry(hours)) == expected


def test_the_key_sent_to_the_erp_reproduces_its_vector() -> None:
    """domain.md 6.2."""
    key = target_key(("PSA", "psa-eu", "TimeEntry", "TE-1001"), "7", "ERP:createActual")
    assert key == "797b6ff7fd76ed2a80379557c00c8d4229fdfa797447809a052fae747e3284a4"


def test_the_parts_of_a_split_have_keys_of_their_own() -> None:
    """A seventh member numbers the part."""
    business_key = ("PSA", "psa-eu", "TimeEntry", "TE-1001")
    keys = {target_key(business_key, "7", "ERP:createActual", part) for part in (None, 1, 2)}
    assert len(keys) == 3


def test_a_float_is_refused() -> None:
    """Nothing inexact is ever hashed."""
    with pytest.raises(TypeError):
        canonical_json({"hours": 7.5})


def test_a_naive_instant_is_refused_and_an_aware_one_becomes_utc() -> None:
    """Instants are UTC with milliseconds."""
    with pytest.raises(ValueError, match="zone"):
        instant_text(datetime(2026, 3, 1))  # noqa: DTZ001 - the point of the test
    east = datetime(2026, 3, 1, 9, tzinfo=timezone(timedelta(hours=9)))
    assert instant_text(east) == instant_text(datetime(2026, 3, 1, tzinfo=UTC)) == "2026-03-01T00:00:00.000Z"


def test_members_sort_by_utf_16_and_sets_do_not_keep_their_order() -> None:
    """RFC 8785 orders by code units, in which an emoji comes before U+FF21."""
    assert canonical_json({"\uff21": 1, "\U0001f600": 2, "a": None}) == '{"\U0001f600":"2","\uff21":"1"}'
    assert canonical_json({"b", "a"}) == canonical_json({"a", "b"})
    assert canonical_json(["b", "a"]) == '["b","a"]'


def test_money_is_its_minor_units() -> None:
    """Exact, and with its currency."""
    assert canonical_json(Money(150000, "USD")) == '{"amountMinor":"150000","currency":"USD"}'


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1).map(str.strip), inner, max_size=3),
    max_leaves=10,
)


@given(_VALUES)
def test_the_form_is_stable_under_normalization_and_space(value: Any) -> None:
    """Decomposed letters and outer space do not make a different message."""
    text = "Ångström"
    assert digest({"name": text, "v": value}) == digest({"v": value, "name": f" {unicodedata.normalize('NFD', text)} "})

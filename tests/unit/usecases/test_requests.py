"""When two inputs are the same request, and that what is written is what is compared."""

from __future__ import annotations

import unicodedata
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.commands import Actor
from hub.usecases.requests import said, tidy
from hub.usecases.write_through import hash_of
from tests.support.commands import PMO

HOURS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-1000, max_value=1000, places=3)


def hashed(actor: Actor = PMO, **values: Any) -> str:
    """The hash of an input."""
    return hash_of({"idempotencyKey": "k", **values}, actor)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"hours": Decimal(8)}, {"hours": Decimal("8.00")}),
        ({"hours": Decimal(100)}, {"hours": Decimal("1E+2")}),
        ({"hours": Decimal("-0.0")}, {"hours": Decimal(0)}),
        ({"add": ["SQL", "Go"]}, {"add": ["Go", " SQL "]}),
        ({"add": ["SQL", "SQL"]}, {"add": ["SQL"]}),
        ({"name": " Café "}, {"name": "Cafe\u0301"}),
        ({"idempotencyKey": "a", "name": "x"}, {"idempotencyKey": "b", "name": "x"}),
    ],
)
def test_one_request_in_two_spellings_is_one_request(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Numbers by value, skills as sets, texts without outer space."""
    assert hashed(**one) == hashed(**other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"hours": Decimal(8)}, {"hours": Decimal("8.01")}),
        ({"add": ["SQL"], "remove": []}, {"add": [], "remove": ["SQL"]}),
        ({"add": ["SQL", "Go"]}, {"add": ["SQL Go"]}),
        ({"name": "Café"}, {"name": "café"}),
        ({"name": "A B"}, {"name": "A  B"}),
        ({"billable": True}, {"billable": False}),
        ({"startDate": date(2026, 1, 1)}, {"endDate": date(2026, 1, 1)}),
    ],
)
def test_another_request_is_another_request(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Whatever makes a difference at the owner does so here."""
    assert hashed(**one) != hashed(**other)


@given(HOURS, HOURS)
def test_numbers_are_compared_by_value(one: Decimal, other: Decimal) -> None:
    """However many zeros are written."""
    assert (hashed(hours=one) == hashed(hours=other)) == (one == other)


@given(st.text(max_size=6), st.text(max_size=6))
def test_requests_that_are_the_same_are_written_the_same(one: str, other: str) -> None:
    """A repeat is told that its text was written: so it was, to the last character."""
    if one.strip() and other.strip() and said({"name": one}) == said({"name": other}):
        assert tidy({"name": one}) == tidy({"name": other})
    assert unicodedata.is_normalized("NFC", tidy({"name": one})["name"])


def test_the_key_and_empty_texts_stay_as_they_are() -> None:
    """A key is the caller's own; what says nothing is refused by its name, not taken for left out."""
    assert tidy({"idempotencyKey": " k ", "name": "  "}) == {"idempotencyKey": " k ", "name": "  "}

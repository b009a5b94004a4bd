"""Versions: equal values give one version, whatever their formatting; without the secret nobody can make one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from string import hexdigits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.kinds import Domain, Kind
from hub.domain.money import Money
from hub.domain.records import DatedRate, OpenItem, RecordKey, Ref, SoldRole, Value
from sources.versions import Versions, instant_text, widened
from tests.support.versions import ELSEWHERE, VERSIONS

ROLE = SoldRole("Consultant", Decimal("10.00"), Money(20000, "USD"), date(2026, 1, 1), None)
RECORD = RecordKey("erp", Kind.CUSTOMER, "17")
VALUES = st.dictionaries(
    st.sampled_from("abcdef"),
    st.one_of(st.none(), st.booleans(), st.integers(), st.text("aé ", max_size=5), st.decimals(-9, 9, places=2)),
)


def version_of(values: Mapping[str, Value]) -> str:
    """The version of a record with these values."""
    return VERSIONS.of(RECORD, values)


def said(values: Mapping[str, Value]) -> dict[str, object]:
    """What values say: outer blanks and missing ones say nothing, and numbers are compared as numbers."""
    return {
        name: (type(value) is str, type(value) is bool, value.strip() if isinstance(value, str) else value)
        for name, value in values.items()
        if value is not None
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Decimal("1.50"), Decimal("1.5")),
        (Decimal("0.00"), Decimal(0)),
        (Decimal("1E+2"), Decimal(100)),
        (
            datetime(2026, 3, 1, 12, tzinfo=UTC),
            datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1))),
        ),
        (" Acme ", "Acme"),
    ],
)
def test_formatting_does_not_count(one: Value, other: Value) -> None:
    """Trailing zeros, zones, and outer blanks change nothing."""
    assert version_of({"a": one}) == version_of({"a": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Decimal("1.5"), Decimal("1.51")),
        (Money(100, "USD"), Money(100, "EUR")),
        (True, False),
        ((ROLE,), ()),
        (Ref(Kind.CUSTOMER, "1"), Ref(Kind.PROJECT, "1")),
        ((OpenItem(None, Money(1, "USD"), disputed=False),), (OpenItem(None, Money(1, "USD"), disputed=True),)),
        (DatedRate(Money(1, "USD"), date(2026, 1, 1)), DatedRate(Money(1, "USD"), date(2026, 1, 2))),
    ],
)
def test_every_value_counts(one: Value, other: Value) -> None:
    """A change anywhere inside a value is another version."""
    assert version_of({"a": one}) != version_of({"a": other})


def test_composed_and_decomposed_letters_are_one_text() -> None:
    """Systems differ in how they write an umlaut; the name is the same."""
    assert version_of({"a": "M\u00fcller"}) == version_of({"a": "Mu\u0308ller"})


@given(VALUES)
def test_order_and_missing_values_do_not_count(values: dict[str, Value]) -> None:
    """The version of a record does not depend on the order of its attributes, nor on how absence is written."""
    backwards = dict(reversed(values.items()))
    given_only = {name: value for name, value in values.items() if value is not None}
    version = version_of(values)
    assert version == version_of(backwards) == version_of(given_only)
    assert len(version) == 32
    assert set(version) <= set(hexdigits.lower())


@given(VALUES, VALUES)
def test_versions_are_equal_exactly_when_the_attributes_are(one: dict[str, Value], other: dict[str, Value]) -> None:
    """Of one record in one installation: nothing changes unnoticed, and nothing else looks like a change."""
    assert (version_of(one) == version_of(other)) == (said(one) == said(other))
    assert version_of(one) == version_of(dict(one))


def test_replicas_and_restarts_agree_and_installations_do_not() -> None:
    """Whoever has the secret makes the same version; whoever has another one, or a guess, does not."""
    values: dict[str, Value] = {"credit_hold": True}
    secret = b"sixteen bytes or more"
    assert Versions(secret).of(RECORD, values) == Versions(bytes(secret)).of(RECORD, values)
    assert VERSIONS.of(RECORD, values) != ELSEWHERE.of(RECORD, values)
    with pytest.raises(ValueError, match="secret"):
        Versions(b"")


def test_two_records_with_the_same_values_have_two_versions() -> None:
    """Equal versions would tell that hidden values are equal; nor is a stamp a version."""
    values: dict[str, Value] = {"credit_hold": False, "open_items": ()}
    others = [RecordKey("erp", Kind.CUSTOMER, "18"), RecordKey("erp-eu", Kind.CUSTOMER, "17"), RECORD]
    made = {VERSIONS.of(record, values) for record in others} | {VERSIONS.stamp(RECORD, values)}
    assert len(made) == len(others) + 1


def test_asking_for_the_version_reads_everything_owned() -> None:
    """The version needs all attributes of the domain; they are not given unless asked for."""
    wanted = widened(Domain.ERP, Kind.CUSTOMER, frozenset({"version"}))
    assert wanted == {"credit_hold", "open_items"}
    values: dict[str, Value] = {"credit_hold": True, "open_items": ()}
    assert VERSIONS.chosen(Domain.ERP, RECORD, values, frozenset({"version"})) == {"version": version_of(values)}
    assert widened(Domain.ERP, Kind.CUSTOMER, frozenset({"credit_hold"})) == {"credit_hold"}


def test_instants_are_written_in_milliseconds() -> None:
    """The canonical text of an instant is UTC with exactly three digits after the second."""
    assert instant_text(datetime(2026, 3, 1, 13, 0, 0, 5000, tzinfo=timezone(timedelta(hours=1)))) == (
        "2026-03-01T12:00:00.005Z"
    )

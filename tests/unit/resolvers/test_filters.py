"""Filter arguments become directory conditions as the contract describes them."""

from datetime import date
from decimal import Decimal

import pytest

from hub.domain.ids import new_id
from hub.domain.kinds import Kind
from hub.errors import InvalidInput
from hub.ports import Condition, Op
from resolvers.filters import (
    LEGAL_ENTITY_CODE,
    assignment_conditions,
    customer_conditions,
    opportunity_conditions,
    project_conditions,
    project_order,
    resource_conditions,
    settled,
    time_entry_conditions,
)
from tests.support.fakes import FakeFirm

DAY = date(2026, 3, 31)


def test_no_filter_asks_for_nothing() -> None:
    """A missing filter, a null one and null fields are no condition."""
    assert project_conditions({}) == ()
    assert project_conditions({"filter": None}) == ()
    assert project_conditions({"filter": {"stage": None, "search": None}}) == ()


def test_an_empty_list_matches_nothing() -> None:
    """A list is any-of its values, so an empty one has nothing to match."""
    assert project_conditions({"filter": {"stage": []}}) == (Condition("stage", Op.IN, ()),)


def test_dates_are_strict_and_an_open_end_lasts_for_ever() -> None:
    """A project ends after a day from the next day on, or has no end; it starts before a day."""
    found = project_conditions({"filter": {"startsBefore": DAY, "endsAfter": DAY}})
    assert found == (
        Condition("start_date", Op.LESS, (DAY,)),
        Condition("end_date", Op.GREATER_OR_EQUAL, (date(2026, 4, 1), None)),
    )


def test_a_practice_includes_its_subtree_and_models_overlap() -> None:
    """A practice stands for what is below it; a project has several commercial models."""
    practice = new_id(Kind.PRACTICE)
    found = project_conditions({"filter": {"practice": [practice], "model": ["RETAINER_SUBSCRIPTION"]}})
    assert found == (
        Condition("practice", Op.SUBTREE, (practice,)),
        Condition("models", Op.OVERLAPS, ("RETAINER_SUBSCRIPTION",)),
    )


def test_resource_filters() -> None:
    """Kinds are kinds of record, skills overlap."""
    found = resource_conditions({"filter": {"kind": "SUBCONTRACTOR", "skill": ["sql"], "status": ["ACTIVE"]}})
    assert found == (
        Condition("record_kind", Op.IN, (Kind.SUBCONTRACTOR,)),
        Condition("status", Op.IN, ("ACTIVE",)),
        Condition("skills", Op.OVERLAPS, ("sql",)),
    )


def test_opportunity_filters() -> None:
    """The expected close is the directory's date; the probability is a fraction."""
    found = opportunity_conditions({"filter": {"minProbability": Decimal("0.5"), "closesBefore": DAY}})
    assert found == (
        Condition("probability", Op.GREATER_OR_EQUAL, (Decimal("0.5"),)),
        Condition("date", Op.LESS, (DAY,)),
    )


def test_time_entries_are_of_a_half_open_interval() -> None:
    """The last day is not included."""
    found = time_entry_conditions({"from": DAY, "to": DAY, "status": ["POSTED"]})
    assert [c.op for c in found] == [Op.GREATER_OR_EQUAL, Op.LESS, Op.IN]


def test_assignments_overlap_the_interval() -> None:
    """An assignment overlaps when it ends on or after the first day and starts before the end; open ends overlap."""
    found = assignment_conditions({"from": DAY, "to": date(2026, 4, 30)})
    assert found == (
        Condition("end_date", Op.GREATER_OR_EQUAL, (DAY, None)),
        Condition("start_date", Op.LESS, (date(2026, 4, 30), None)),
    )


def test_a_blank_search_asks_for_nothing() -> None:
    """Searching for nothing finds everything."""
    assert customer_conditions({"search": "  "}) == ()
    assert customer_conditions({"search": "ac"}) == (Condition("search", Op.CONTAINS, ("ac",)),)


@pytest.mark.parametrize(
    ("conditions", "arguments", "named"),
    [
        (project_conditions, {"filter": {"customer": ["acme"]}}, "filter.customer"),
        (project_conditions, {"filter": {"manager": ["wrk_1"]}}, "filter.manager"),
        (project_conditions, {"filter": {"search": "a\x00b"}}, "filter.search"),
        (project_conditions, {"filter": {"endsAfter": date.max}}, "filter.endsAfter"),
        (project_conditions, {"filter": {"legalEntity": ["X"] * 201}}, "filter.legalEntity"),
        (opportunity_conditions, {"filter": {"minProbability": Decimal("1.01")}}, "filter.minProbability"),
        (customer_conditions, {"search": "\x00"}, "search"),
    ],
)
def test_a_bad_value_names_its_argument(conditions: object, arguments: dict[str, object], named: str) -> None:
    """A refusal names the argument, with the filter's name before a field of it."""
    assert callable(conditions)
    with pytest.raises(InvalidInput) as refused:
        conditions(arguments)
    assert refused.value.argument == named


def test_the_order_is_by_name_unless_asked() -> None:
    """Every way to sort has its name in the directory."""
    assert project_order({}) == ("name", False)
    assert project_order({"orderBy": {"by": "CONTRACT_VALUE", "direction": "DESC"}}) == ("value", True)


async def test_legal_entities_are_found_by_code() -> None:
    """Codes become ids; a code that nobody has matches nothing."""
    firm = FakeFirm()
    entity = firm.add(Kind.LEGAL_ENTITY, {"code": "US01", "name": "Firm Inc"})
    asked = (Condition(LEGAL_ENTITY_CODE, Op.IN, ("US01", "ZZ99")),)
    assert await settled(asked, firm.directory) == (Condition("legal_entity", Op.IN, (entity,)),)
    assert await settled((Condition("stage", Op.IN, ("LOST",)),), firm.directory) == (
        Condition("stage", Op.IN, ("LOST",)),
    )

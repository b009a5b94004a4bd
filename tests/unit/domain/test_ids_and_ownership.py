"""Canonical ids, and the ownership table as a whole."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.directory import KEPT
from hub.domain.ids import MalformedId, kind_of, new_id, parse_id, record_kind_of
from hub.domain.kinds import PREFIX, Domain, Kind, entity_kind
from hub.domain.merge import MergeRefused, Postings, matching_keys, refuse_merge
from hub.domain.ownership import RULES, Role, attributes_of, owner_of, rule_of
from hub.domain.records import Key


@given(st.sampled_from(Kind))
def test_a_new_id_reads_back_and_names_its_kind(kind: Kind) -> None:
    """Prefix, underscore, ULID."""
    made = new_id(kind)
    assert parse_id(made) == made
    assert record_kind_of(made) is kind
    assert kind_of(made) is entity_kind(kind)
    assert re.fullmatch(r"[a-z]{3}_[0-9A-HJKMNP-TV-Z]{26}", made)


def test_ids_made_later_sort_later() -> None:
    """The time leads the ULID."""
    assert new_id(Kind.PROJECT, now_ms=1) < new_id(Kind.PROJECT, now_ms=2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "prj",
        "prj_",
        "xyz_01J8ZQ4T7M3N5P6R8S9V0W1X2Y",
        "prj_01j8zq4t7m3n5p6r8s9v0w1x2y",
        "prj_81J8ZQ4T7M3N5P6R8S9V0W1X2Y",
        "prj_01J8ZQ4T7M3N5P6R8S9V0W1X2U",
        "prj_01J8ZQ4T7M3N5P6R8S9V0W1X2Y\n",
        "4711",
    ],
)
def test_anything_else_is_malformed(text: str) -> None:
    """Wrong prefix, letter case, length, alphabet, overflow, trailing line."""
    with pytest.raises(MalformedId):
        parse_id(text)


def test_every_attribute_has_one_owner_and_every_kept_attribute_an_owner() -> None:
    """The table is complete and without contradiction."""
    pairs = [(rule.kind, rule.attribute) for rule in RULES]
    assert len(pairs) == len(set(pairs))
    for kind, names in KEPT.items():
        for name in names:
            assert owner_of(kind, name) in Domain
    assert set(PREFIX) == set(Kind) == {rule.kind for rule in RULES}


@pytest.mark.parametrize(
    ("kind", "attribute", "owner"),
    [
        (Kind.OPPORTUNITY, "probability", Domain.CRM),
        (Kind.OPPORTUNITY, "sold_roles", Domain.CRM),
        (Kind.CONTRACT, "value", Domain.CRM),
        (Kind.CONTRACT_LINE, "revenue_method", Domain.ERP),
        (Kind.PROJECT, "manager", Domain.PSA),
        (Kind.PROJECT, "revenue", Domain.ERP),
        (Kind.ASSIGNMENT, "planned_hours", Domain.PSA),
        (Kind.RESOURCE, "skills", Domain.HCM),
        (Kind.RESOURCE, "cost_rate", Domain.HCM),
        (Kind.SUBCONTRACTOR, "cost_rate", Domain.ERP),
        (Kind.INVOICE, "total", Domain.ERP),
        (Kind.LEGAL_ENTITY, "code", Domain.ERP),
    ],
)
def test_the_seed_statements_of_ownership_hold(kind: Kind, attribute: str, owner: Domain) -> None:
    """domain.md section 1."""
    assert owner_of(kind, attribute) is owner
    assert attribute in attributes_of(owner, kind)


def test_the_hub_never_writes_what_the_crm_sold() -> None:
    """Probability and value have no writer at all; a cost rate neither, and it is never kept."""
    for kind, attribute in (
        (Kind.OPPORTUNITY, "probability"),
        (Kind.OPPORTUNITY, "amount"),
        (Kind.CONTRACT, "value"),
        (Kind.RESOURCE, "cost_rate"),
    ):
        assert rule_of(kind, attribute).writers == frozenset()
    assert rule_of(Kind.CONTRACT_LINE, "revenue_method").writers == {Role.FINANCE_OPS}
    assert all("cost_rate" not in names for names in KEPT.values())


def test_identity_hints_decide_in_the_order_of_the_rules() -> None:
    """A canonical id before another system's id before a business key; empty hints count for nothing."""
    keys = (Key("email", "a@x"), Key("id:CRM", "001"), Key("canonical", "prj_1"), Key("code", ""))
    assert [k.name for k in matching_keys(keys)] == ["canonical", "id:CRM", "email"]


def test_a_merge_is_refused_where_money_cannot_be_added() -> None:
    """Both posted, in different legal entities or currencies; or different kinds."""
    none, uk, us = (
        Postings(frozenset(), frozenset()),
        Postings(frozenset({"UK01"}), frozenset({"GBP"})),
        Postings(frozenset({"US01"}), frozenset({"GBP"})),
    )
    refuse_merge(Kind.PROJECT, Kind.PROJECT, uk, none)
    refuse_merge(Kind.PROJECT, Kind.PROJECT, uk, uk)
    with pytest.raises(MergeRefused, match="legal entities"):
        refuse_merge(Kind.PROJECT, Kind.PROJECT, uk, us)
    with pytest.raises(MergeRefused, match="become"):
        refuse_merge(Kind.PROJECT, Kind.TASK, none, none)

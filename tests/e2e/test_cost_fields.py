"""No figure of cost comes into the graph beside the inference rule (domain.md 9.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema, build_schema

from hub.domain.cost_basis import READERS, CostFigure, amount_of, basis_of
from hub.domain.money import Money
from hub.domain.visibility import COST_FIELDS, FIELDS, INPUTS, FieldGroup
from resolvers.fields import GRAPH
from resolvers.graph import FieldSource, Part
from schema.build import graphql_schema

TELLS_COST = re.compile("cost|margin|estimate(?!d)|lossProvision", re.IGNORECASE)
"""Names that figures of cost have."""
ONE_PERSON = {("Resource", "costRate")}
"""A person's own rate, which only those see who may."""


def beside_the_rule(schema: GraphQLSchema, table: Mapping[str, Mapping[str, FieldSource]]) -> list[str]:
    """Fields that show a cost, and inputs that order or choose by one, without going through hub.domain.cost_basis."""
    found = []
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            places = [(name, field) for field in kind.fields]
            costs = [p for p in places if p in COST_FIELDS or (TELLS_COST.search(p[1]) and p not in ONE_PERSON)]
            found += [".".join(p) for p in costs if p not in COST_FIELDS or not _is_read(table, *p)]
        if isinstance(kind, GraphQLInputObjectType):
            found += [f"{name}.{m}" for m in kind.fields if _asks_by_cost(name, m)]
        if isinstance(kind, GraphQLEnumType) and name.endswith(("Sort", "Dimension")):
            found += [f"{name}.{m}" for m in kind.values if _asks_by_cost(name, m)]
    return found


def _is_read(table: Mapping[str, Mapping[str, FieldSource]], type_name: str, field: str) -> bool:
    source = table.get(type_name, {}).get(field)
    return isinstance(source, Part) and source.of in READERS


def _asks_by_cost(type_name: str, member: str) -> bool:
    """Whether the order of an answer would tell what its figures do not: there is no such order yet."""
    return INPUTS.get((type_name, member)) is FieldGroup.MARGIN or TELLS_COST.search(member) is not None


def test_every_cost_in_the_graph_goes_through_the_rule() -> None:
    """A new field of cost is first a figure with its basis, a new order by cost first a decision."""
    assert beside_the_rule(graphql_schema(), GRAPH) == []


def test_what_would_go_beside_the_rule_is_found() -> None:
    """Fields read from anywhere else, fields of another group that sound like a cost, and orders by margin."""
    schema = build_schema("""
        type Query { financials: Financials }
        type Financials { asOf: String actualCost: String grossMargin: String costBasis: String sellingCosts: String }
        enum ProjectSort { NAME GROSS_MARGIN }
    """)
    anywhere: Any = lambda value: value  # noqa: E731 - any function that is none of the readers
    table: Mapping[str, Mapping[str, FieldSource]] = {
        "Financials": {
            "asOf": Part("as_of"),
            "actualCost": Part("actual_cost", of=amount_of),
            "grossMargin": Part("gross_margin", of=anywhere),
            "costBasis": Part("cost", of=basis_of),
            "sellingCosts": Part("selling_costs", of=amount_of),
        }
    }
    assert beside_the_rule(schema, table) == [
        "Financials.grossMargin",
        "Financials.sellingCosts",
        "ProjectSort.GROSS_MARGIN",
    ]
    assert beside_the_rule(schema, {}) != beside_the_rule(schema, table)


def test_the_readers_take_nothing_but_figures() -> None:
    """So that a reader cannot be put before a plain amount."""
    for read in READERS:
        assert read(CostFigure(None, None)) is None
        for plain in (Money(1, "USD"), None, "1.00"):
            try:
                read(plain)
            except TypeError:
                continue
            raise AssertionError(f"{read.__name__} took {plain!r}")


def test_all_cost_fields_are_in_the_closed_group() -> None:
    """The contract's figures, before there is any of them in the schema."""
    assert {FIELDS[place] for place in COST_FIELDS} == {FieldGroup.MARGIN}
    assert ("Financials", "actualCost") in COST_FIELDS
    assert ("StaffingCandidate", "plannedMargin") in COST_FIELDS

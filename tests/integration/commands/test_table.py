"""The table has a row for every mutation, and a cell for everything that the contract and the rules name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from graphql import GraphQLInputField, GraphQLInputObjectType, GraphQLNonNull, build_schema, get_named_type
from graphql.type import GraphQLEnumType, GraphQLScalarType

from hub.domain import commands
from hub.domain.callers import Caller
from hub.domain.commands import Actor
from hub.usecases.mutations import MUTATIONS
from tests.integration.commands import general
from tests.integration.commands.case import Case, Ready
from tests.integration.commands.table import CASES

SCHEMA = Path(__file__).parents[2] / "schema.graphql"
CLASSES = {"BUSINESS_RULE", "DATA_QUALITY", "PLATFORM_AVAILABILITY", "AUTHENTICATION"}
OTHER_COLUMNS = {
    "IDEMPOTENCY_KEY_REUSED": "test_repeats.py",
    "VERSION_CONFLICT": "test_versions.py",
    "CONCURRENT_CHANGE": "test_versions.py, as an exception",
}
"""Codes with a column of their own."""
ELSEWHERE = {
    "IN_PROGRESS": "test_commands.py: two simultaneous requests with one key",
    "WRITE_OUTCOME_UNKNOWN": "test_commands.py; here it is what test_lost_replies.py waits to end",
    "WRITE_LOST": "test_commands.py: a request that is lost again",
    "WRITE_OVERTAKEN": "test_commands.py: others have changed the same since",
    "PROCESS_REFUSED": "test_processes.py: a process that is denied",
}
"""Codes that no input and no state of a record gives, but what happens on the way."""
ROWS = [case for case in CASES if not case.variant]


def test_every_mutation_has_one_row() -> None:
    """A new mutation fails here until its row is written."""
    rows = [str(case) for case in CASES]
    assert len(rows) == len(set(rows))
    names = {case.name for case in ROWS}
    assert names == MUTATIONS.keys()


@pytest.mark.parametrize("case", ROWS, ids=str)
def test_the_row_has_a_version_where_the_input_has_one(case: Case) -> None:
    """Whatever can be given a version is tested with an old one."""
    assert case.versioned == ("expectedVersion" in fields_of(case.name))


@pytest.mark.parametrize("case", ROWS, ids=str)
def test_every_field_of_the_input_is_refused_somewhere(case: Case) -> None:
    """A new field fails here until the row says what is wrong of it; flags and choices cannot be."""
    told = {refused.field for row in CASES if row.name == case.name for refused in row.refusals}
    told |= {refused.field for refused in general.refusals(MUTATIONS[case.name], NOTHING)}
    free = {name for name, field in fields_of(case.name).items() if not is_choice(field)}
    assert free - told == {"idempotencyKey"} | ({"expectedVersion"} & free)


def test_every_code_is_given_by_some_row() -> None:
    """A new code of the commands fails here until a row gives it."""
    told = {refused.code for case in CASES for refused in case.refusals}
    told |= {refused.code for case in ROWS for refused in general.refusals(MUTATIONS[case.name], NOTHING)}
    codes = {value for name, value in vars(commands).items() if name == value and isinstance(value, str)} - CLASSES
    assert codes - told - OTHER_COLUMNS.keys() - ELSEWHERE.keys() == set()


NOTHING = Ready(Actor(Caller("nobody", frozenset())), {}, lambda: None, lambda before: before, {})


@cache
def _inputs() -> dict[str, GraphQLInputObjectType]:
    return dict(_input_types())


def _input_types() -> Iterator[tuple[str, GraphQLInputObjectType]]:
    mutations = build_schema(SCHEMA.read_text(encoding="utf-8")).mutation_type
    assert mutations is not None
    for name, field in mutations.fields.items():
        found = get_named_type(field.args["input"].type)
        assert isinstance(found, GraphQLInputObjectType)
        yield name, found


def fields_of(mutation: str) -> dict[str, GraphQLInputField]:
    """The fields of a mutation's input, by the contract."""
    fields: dict[str, GraphQLInputField] = _inputs()[mutation].fields
    return fields


def is_choice(field: GraphQLInputField) -> bool:
    """Whether the type leaves no wrong value."""
    kind = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    return isinstance(kind, GraphQLEnumType) or (isinstance(kind, GraphQLScalarType) and kind.name == "Boolean")

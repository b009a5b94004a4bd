"""Conditions of a query, checked against the fields of the data source and made into row predicates."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar, assert_never

from sources.sandbox.firm.model import Amount
from sources.sandbox.workday.instances import INSTANCE_ID, Ref
from sources.sandbox.workday.wql.columns import Column, Kind
from sources.sandbox.workday.wql.grammar import (
    Comparison,
    Condition,
    Emptiness,
    Junction,
    Literal,
    Membership,
    Negation,
    Text,
    TextTest,
    Wid,
    WqlError,
)

Day = TypeVar("Day", date, datetime)
Predicate = Callable[[Any], bool]
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ORDERINGS = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}
_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": operator.contains,
}


def column_of(columns: Mapping[str, Column], name: str) -> Column:
    """The field of this alias; raises WqlError naming what is not one."""
    if name not in columns:
        raise WqlError(f"invalid query: unknown field '{name}'")
    return columns[name]


def predicate(condition: Condition, columns: Mapping[str, Column]) -> Predicate:
    """Whether a row meets a condition; raises WqlError for unknown fields and literals of a wrong type."""
    match condition:
        case Junction(conditions, every):
            parts = [predicate(part, columns) for part in conditions]
            join = all if every else any
            return lambda row: join(part(row) for part in parts)
        case Negation(inner):
            opposite = predicate(inner, columns)
            return lambda row: not opposite(row)
        case Comparison(name, symbol, literal):
            return _comparison(column_of(columns, name), symbol, literal)
        case Membership(name, literals, negated):
            return _membership(column_of(columns, name), literals, negated=negated)
        case Emptiness(name, negated):
            read = column_of(columns, name).read
            return lambda row: (read(row) in (None, "")) is not negated
        case TextTest(name, symbol, literal):
            return _text_test(column_of(columns, name), symbol, literal)
        case _:
            assert_never(condition)


def _comparison(column: Column, symbol: str, literal: Literal) -> Predicate:
    if symbol in ("=", "!="):
        return _membership(column, (literal,), negated=symbol == "!=")
    if column.kind is Kind.INSTANCE:
        raise WqlError(f"invalid query: operator '{symbol}' does not apply to the instance field '{column.alias}'")
    wanted: Any = operand(column, literal)
    holds = _ORDERINGS[symbol]
    read = column.read

    def compare(row: Any) -> bool:
        value = comparable(read(row))
        return value is not None and holds(value, wanted)

    return compare


def _membership(column: Column, literals: tuple[Literal, ...], *, negated: bool) -> Predicate:
    wanted = frozenset(operand(column, literal) for literal in literals)
    read = column.read
    if column.kind is Kind.INSTANCE:
        return lambda row: _is_one_of(read(row), wanted) is not negated
    return lambda row: (comparable(read(row)) in wanted) is not negated


def _is_one_of(value: Any, wanted: frozenset[Any]) -> bool:
    return isinstance(value, Ref) and (value.wid in wanted or value.reference in wanted)


def _text_test(column: Column, symbol: str, literal: Literal) -> Predicate:
    if column.kind is not Kind.TEXT or not isinstance(literal, Text):
        raise WqlError(f"invalid query: operator '{symbol}' needs a text field and a text at '{column.alias}'")
    wanted = literal.value.casefold()
    holds = _TEXT_TESTS[symbol]
    read = column.read

    def test(row: Any) -> bool:
        value = read(row)
        return isinstance(value, str) and holds(value.casefold(), wanted)

    return test


def comparable(value: Any) -> Any:
    """A value as comparisons and sorting see it: money by its value, an instance by its name."""
    if isinstance(value, Amount):
        return value.value
    return value.descriptor if isinstance(value, Ref) else value


def operand(column: Column, literal: Literal) -> str | Decimal | date | datetime:
    """A literal as a value of the field's type; raises WqlError naming the literal that is none."""
    match column.kind, literal:
        case (Kind.TEXT, Text(value)) | (Kind.TEXT, Wid(value)) | (Kind.INSTANCE, Wid(value)):
            return value
        case (Kind.INSTANCE, Text(value)) if INSTANCE_ID.fullmatch(value):
            return value
        case ((Kind.NUMERIC | Kind.CURRENCY), Decimal()):
            return literal
        case (Kind.DATE, Text(value)) if _DAY.fullmatch(value):
            return _parsed(date.fromisoformat, value)
        case (Kind.DATETIME, Text(value)):
            at = _parsed(datetime.fromisoformat, value)
            return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        case _:
            shown = literal.value if isinstance(literal, Text | Wid) else literal
            raise WqlError(f"invalid query: '{shown}' is not a value of the {column.kind} field '{column.alias}'")


def _parsed(parse: Callable[[str], Day], value: str) -> Day:
    try:
        return parse(value)
    except ValueError as exc:
        raise WqlError(f"invalid query: '{value}' is not a date or a moment") from exc

"""WHERE and HAVING as tests on rows, with the literal of each comparison checked against its field's type.

Where a condition pins an id, a lookup or a unique field, it also offers the ids that an index finds,
so that such a query does not look at every row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sources.sandbox.salesforce.database import comparable
from sources.sandbox.salesforce.fields import ID_TYPES, NUMBER_TYPES, TEXT_TYPES, Field
from sources.sandbox.salesforce.ids import find_id18
from sources.sandbox.salesforce.soql.date_functions import find_span
from sources.sandbox.salesforce.soql.parser import MAX_STRING_CHARACTERS
from sources.sandbox.salesforce.soql.scope import Context, Operand, RowScope
from sources.sandbox.salesforce.soql.syntax import (
    Combination,
    Comparison,
    Condition,
    Literal,
    LiteralKind,
    Membership,
    Negation,
    Path,
    Query,
    SetMembership,
)
from sources.sandbox.salesforce.stamps import parse_day, parse_instant

Test = Callable[[Any], bool]
RunSubQuery = Callable[[Query, Operand, Path], set[Any]]
"""Gives the values that an IN sub-query selects, as filters compare them."""
_INVALID_OPERATOR = "INVALID_QUERY_FILTER_OPERATOR"


@dataclass(frozen=True, slots=True)
class Filter:
    """A test on rows; `candidates` are the ids of all rows that can pass, or None when an index cannot tell."""

    test: Test
    candidates: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """A literal as rows keep values: one point, or the span from `low` to just before `high`."""

    low: Any
    high: Any = None


class FilterBuilder:
    """Builds the filters of one query level."""

    def __init__(self, scope: RowScope, run_sub_query: RunSubQuery) -> None:
        self._scope = scope
        self._context: Context = scope.context
        self._run_sub_query = run_sub_query

    def build(self, condition: Condition) -> Filter:
        """The filter of a condition; raises ApiError when a part has no meaning."""
        match condition:
            case Combination():
                return self._combine(condition)
            case Negation():
                inner = self.build(condition.part).test
                return Filter(lambda row: not inner(row))
            case Comparison():
                return self._compare(condition)
            case Membership():
                return self._member(condition)
            case SetMembership():
                reason = "includes/excludes operators only valid on multipicklist fields"
                return self._context.text.refuse(_INVALID_OPERATOR, condition.left.position, reason)

    def _combine(self, condition: Combination) -> Filter:
        parts = [self.build(each) for each in condition.parts]
        tests = [each.test for each in parts]
        if condition.operator == "OR":
            return Filter(lambda row: any(test(row) for test in tests))
        narrowed = [each.candidates for each in parts if each.candidates is not None]
        return Filter(lambda row: all(test(row) for test in tests), min(narrowed, key=len, default=None))

    def _compare(self, condition: Comparison) -> Filter:
        operand = self._filterable(condition.left)
        self._check_operator(operand.field, condition)
        if condition.operator == "LIKE":
            return Filter(_like(operand, condition.literal.text))
        bound = self._bound(operand.field, condition.literal)
        test = _comparison_test(operand, condition.operator, bound)
        if condition.operator == "=" and bound.high is None and bound.low is not None:
            return Filter(test, self._indexed(operand, [bound.low]))
        return Filter(test)

    def _member(self, condition: Membership) -> Filter:
        operand = self._filterable(condition.left)
        if isinstance(condition.members, Query):
            points, spans = self._run_sub_query(condition.members, operand, condition.left), []
        else:
            bounds = [self._bound(operand.field, each) for each in condition.members]
            points = {each.low for each in bounds if each.high is None}
            spans = [each for each in bounds if each.high is not None]
        inside = _member_test(operand, points, spans)
        if condition.negated:
            return Filter(lambda row: not inside(row))
        return Filter(inside, None if spans or None in points else self._indexed(operand, points))

    def _filterable(self, target: Any) -> Operand:
        operand = self._scope.operand(target)
        if not operand.field.filterable:
            reason = f"field '{operand.field.name}' can not be filtered in a query call"
            self._context.text.refuse("INVALID_FIELD", target.position, reason)
        return operand

    def _indexed(self, operand: Operand, values: Iterable[Any]) -> list[str] | None:
        field = operand.field
        if not operand.own or not (field.type in ID_TYPES or field.unique):
            return None
        table = self._context.database.table(self._scope.kind.name)
        if field.type == "id":
            return sorted(each for each in values if each in table.rows)
        return sorted(set(chain.from_iterable(table.find_ids(field, each) for each in values)))

    def _check_operator(self, field: Field, condition: Comparison) -> None:
        operator, kind = condition.operator, condition.literal.kind
        wrong_like = operator == "LIKE" and (field.type not in TEXT_TYPES or kind is not LiteralKind.STRING)
        wrong_order = operator not in {"=", "!=", "LIKE"} and (field.type == "boolean" or kind is LiteralKind.NULL)
        if wrong_like or wrong_order:
            reason = "invalid operator on id field" if field.type in ID_TYPES else "invalid operator"
            self._context.text.refuse(_INVALID_OPERATOR, condition.left.position, reason)

    def _bound(self, field: Field, literal: Literal) -> Bound:
        if literal.kind is LiteralKind.NULL:
            return Bound(None)
        if literal.kind is LiteralKind.DATE_FUNCTION:
            return self._date_function(field, literal)
        if literal.kind is not _LITERAL_OF[field.type]:
            self._wrong_type(field, literal)
        if field.type in ID_TYPES:
            return Bound(self._id(literal))
        if len(literal.text) > MAX_STRING_CHARACTERS:
            self._context.text.refuse("MALFORMED_QUERY", literal.position, "string literal is too long")
        try:
            return Bound(comparable(field, _CONVERSIONS[literal.kind](literal.text)))
        except ValueError:
            self._context.text.refuse("MALFORMED_QUERY", literal.position, f"invalid {field.type}: {literal.text}")

    def _id(self, literal: Literal) -> str:
        id18 = find_id18(literal.text)
        if id18 is None:
            self._context.text.refuse(_INVALID_OPERATOR, literal.position, f"invalid ID field: {literal.text}")
        return id18

    def _date_function(self, field: Field, literal: Literal) -> Bound:
        span = find_span(literal.text, self._context.today)
        if span is None:
            self._context.text.refuse("MALFORMED_QUERY", literal.position, f"unexpected token: '{literal.text}'")
        if field.type not in {"date", "datetime"}:
            self._wrong_type(field, literal)
        low, high = (each.isoformat() for each in span)
        return Bound(low, high) if field.type == "date" else Bound(_midnight(low), _midnight(high))

    def _wrong_type(self, field: Field, literal: Literal) -> None:
        quotes = "should be" if _LITERAL_OF[field.type] is LiteralKind.STRING else "should not be"
        kind = {"datetime": "dateTime"}.get(field.type, "string" if quotes == "should be" else field.type)
        reason = (
            f"value of filter criterion for field '{field.name}' must be of type {kind} and {quotes} enclosed in quotes"
        )
        self._context.text.refuse("INVALID_FIELD", literal.position, reason)


def _midnight(day: str) -> str:
    return f"{day}T00:00:00.000+0000"


def _member_test(operand: Operand, points: set[Any], spans: list[Bound]) -> Test:
    field, get = operand.field, operand.get

    def inside(row: Any) -> bool:
        value = comparable(field, get(row))
        return value in points or (value is not None and any(each.low <= value < each.high for each in spans))

    return inside


def _like(operand: Operand, pattern: str) -> Test:
    get, wildcards = operand.get, {"%": ".*", "_": "."}
    pieces = re.findall(r"\\.|.", pattern, re.DOTALL)
    expression = "".join(wildcards.get(each) or re.escape(each.removeprefix("\\") or each) for each in pieces)
    matcher = re.compile(expression + r"\Z", re.IGNORECASE | re.DOTALL)

    def like(row: Any) -> bool:
        value = get(row)
        return value is not None and matcher.match(value) is not None

    return like


def _comparison_test(operand: Operand, operator: str, bound: Bound) -> Test:
    field, get, low = operand.field, operand.get, bound.low
    if operator in {"=", "!="}:
        inside = _member_test(operand, {low}, []) if bound.high is None else _member_test(operand, set(), [bound])
        return inside if operator == "=" else lambda row: not inside(row)
    # A span counts as a whole: "after LAST_MONTH" begins where the month ends.
    limit = bound.high if bound.high is not None and operator in {">", "<="} else low
    ordered = _ORDER[operator] if bound.high is None else _SPAN_ORDER[operator]

    def compare(row: Any) -> bool:
        value = comparable(field, get(row))
        return value is not None and ordered(value, limit)

    return compare


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_SPAN_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a < b,
    ">": lambda a, b: a >= b,
    ">=": lambda a, b: a >= b,
}
_LITERAL_OF: dict[str, LiteralKind] = {
    **dict.fromkeys(TEXT_TYPES | ID_TYPES, LiteralKind.STRING),
    **dict.fromkeys(NUMBER_TYPES, LiteralKind.NUMBER),
    "boolean": LiteralKind.BOOLEAN,
    "date": LiteralKind.DATE,
    "datetime": LiteralKind.DATETIME,
}
_CONVERSIONS: dict[LiteralKind, Callable[[str], Any]] = {
    LiteralKind.STRING: str,
    LiteralKind.NUMBER: float,
    LiteralKind.BOOLEAN: lambda text: text == "TRUE",
    LiteralKind.DATE: parse_day,
    LiteralKind.DATETIME: parse_instant,
}

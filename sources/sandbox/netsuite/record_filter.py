"""The `q` filter of record collections: `field OPERATOR value` joined by AND and OR, compiled to SQL.

AND binds tighter. Values with spaces stand in double quotes, lists in brackets; dates follow the
company's format (M/D/YYYY), never ISO.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NoReturn

from sources.sandbox.netsuite.books import day_text, quoted
from sources.sandbox.netsuite.record_types import Field, RecordType, Shape
from sources.sandbox.netsuite.replies import invalid_parameter

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[()\[\],]|[^\s()\[\],"]+)')
_ONE_DAY = timedelta(days=1)
_NUMBER_TESTS = {"EQUAL": "=", "GREATER": ">", "GREATER_OR_EQUAL": ">=", "LESS": "<", "LESS_OR_EQUAL": "<="}
_TEXT_TESTS = {"IS": "{}", "CONTAIN": "%{}%", "START_WITH": "{}%", "END_WITH": "%{}", "ENDWITH": "%{}"}
_DATE_TESTS = {"ON", "AFTER", "BEFORE", "ON_OR_AFTER", "ON_OR_BEFORE"}
_NUMERIC = {Shape.DOUBLE, Shape.INTEGER, Shape.REFERENCE, Shape.DURATION}
Values = str | list[str] | None


def compile_filter(text: str, record: RecordType) -> tuple[str, list[object]]:
    """The SQL condition of a filter and its arguments. Raises Refusal with INVALID_PARAMETER."""
    return _Filter(text, record).compile()


def _bad(reason: str) -> NoReturn:
    raise invalid_parameter(f"Invalid query parameter q: {reason}.", where={"errorQueryParam": "q"})


class _Filter:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, text: str, record: RecordType) -> None:
        self._record = record
        self._tokens: list[str] = []
        self._position = 0
        self._arguments: list[object] = []
        end = len(text.rstrip())
        start = 0
        while start < end:
            found = _TOKEN.match(text, start)
            if found is None:
                _bad("it could not be read")
            self._tokens.append(found[1])
            start = found.end()

    def compile(self) -> tuple[str, list[object]]:
        sql = self._either()
        if self._position != len(self._tokens):
            _bad(f"unexpected {self._tokens[self._position]}")
        return sql, self._arguments

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            _bad("it ends too early")
        self._position += 1
        return token

    def _either(self) -> str:
        parts = [self._both()]
        while self._peek().upper() == "OR":
            self._next()
            parts.append(self._both())
        return "(" + " OR ".join(parts) + ")"

    def _both(self) -> str:
        parts = [self._single()]
        while self._peek().upper() == "AND":
            self._next()
            parts.append(self._single())
        return "(" + " AND ".join(parts) + ")"

    def _single(self) -> str:
        if self._peek() == "(":
            self._next()
            inner = self._either()
            if self._next() != ")":
                _bad("a parenthesis is not closed")
            return inner
        item = self._record.fields.get(self._next())
        if item is None:
            _bad(f"unknown field {self._tokens[self._position - 1]}")
        return self._condition(item, self._next().upper())

    def _condition(self, item: Field, operator: str) -> str:
        negated = operator.endswith("_NOT")
        test = operator.removesuffix("_NOT")
        column = quoted(item.column)
        if test == "EMPTY":
            return f"{column} IS {'NOT ' if negated else ''}NULL"
        values = self._values()
        if item.shape in {Shape.DATE, Shape.DATE_TIME}:
            sql = self._date_test(column, test, values)
        elif item.shape is Shape.BOOLEAN:
            sql = self._boolean_test(column, test, values)
        elif item.shape in _NUMERIC or item.name == "id":
            sql = self._number_test(column, test, values)
        else:
            sql = self._text_test(column, test, values)
        return f"NOT COALESCE({sql}, 0)" if negated else sql

    def _values(self) -> Values:
        if self._peek() != "[":
            return _unquoted(self._next())
        self._next()
        values = [_unquoted(self._next())]
        while (token := self._next()) != "]":
            if token != ",":
                _bad("a list is not closed")
            values.append(_unquoted(self._next()))
        return values

    def _one(self, values: Values) -> str:
        if not isinstance(values, str):
            _bad("one value is expected")
        return values

    def _bind(self, value: object) -> str:
        self._arguments.append(value)
        return "?"

    def _text_test(self, column: str, test: str, values: Values) -> str:
        if test == "ANY_OF":
            listed = values if isinstance(values, list) else [self._one(values)]
            return f"{column} IN ({', '.join(self._bind(value) for value in listed)})"
        pattern = _TEXT_TESTS.get(test)
        if pattern is None:
            _bad(f"the operator {test} does not fit the field")
        plain = self._one(values).replace("!", "!!").replace("%", "!%").replace("_", "!_")
        return f"lower({column}) LIKE {self._bind(pattern.format(plain).lower())} ESCAPE '!'"

    def _number_test(self, column: str, test: str, values: Values) -> str:
        if test == "ANY_OF":
            listed = values if isinstance(values, list) else [self._one(values)]
            return f"{column} IN ({', '.join(self._bind(_number(value)) for value in listed)})"
        if test in {"BETWEEN", "WITHIN"}:
            if not isinstance(values, list) or len(values) != 2:
                _bad("two values in brackets are expected")
            low, high = (self._bind(_number(value)) for value in values)
            return f"{column} BETWEEN {low} AND {high}"
        operator = _NUMBER_TESTS.get(test)
        if operator is None:
            _bad(f"the operator {test} does not fit the field")
        return f"{column} {operator} {self._bind(_number(self._one(values)))}"

    def _boolean_test(self, column: str, test: str, values: Values) -> str:
        value = self._one(values).lower()
        if test != "IS" or value not in {"true", "false"}:
            _bad("a boolean is tested by IS true or IS false")
        return f"{column} = {self._bind('T' if value == 'true' else 'F')}"

    def _date_test(self, column: str, test: str, values: Values) -> str:
        if test not in _DATE_TESTS:
            _bad(f"the operator {test} does not fit the field")
        day = _company_day(self._one(values))
        start, end = day_text(day.date()), day_text((day + _ONE_DAY).date())
        match test:
            case "ON":
                return f"({column} >= {self._bind(start)} AND {column} < {self._bind(end)})"
            case "AFTER":
                return f"{column} >= {self._bind(end)}"
            case "BEFORE":
                return f"{column} < {self._bind(start)}"
            case "ON_OR_AFTER":
                return f"{column} >= {self._bind(start)}"
            case _:
                return f"{column} < {self._bind(end)}"


def _unquoted(token: str) -> str:
    if token in {"(", ")", "[", "]", ","}:
        _bad(f"a value is expected, not {token}")
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        _bad(f"{text} is not a number")


def _company_day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%m/%d/%Y")  # noqa: DTZ007 -- a calendar day
    except ValueError:
        _bad(f"{text} is not a date in the company's format M/D/YYYY")

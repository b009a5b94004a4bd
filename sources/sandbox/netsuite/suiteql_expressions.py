"""Conditions and values of SuiteQL compiled to SQLite, one method per syntax node that may appear."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from sqlglot import exp

from sources.sandbox.netsuite.suiteql_dialect import QueryRefused
from sources.sandbox.netsuite.suiteql_scope import Scope
from sources.sandbox.netsuite.suiteql_terms import (
    AGGREGATES,
    FUNCTIONS,
    NUMERIC,
    Term,
    aggregate,
    as_number,
    as_text,
    common_kind,
    display_of,
    text_literal,
)
from sources.sandbox.netsuite.tables import Kind

_MAX_IN_ARGUMENTS = 1000
_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
SubSelect = Callable[[exp.Expr, Scope], tuple[str, list[Kind]]]


def refuse(node: exp.Expr | None) -> NoReturn:
    """Refuse a node that SuiteQL does not have, or that this tenant does not answer."""
    raise QueryRefused("unsupported syntax" if node is None else f"unsupported syntax: {node.key.upper()}")


def only(node: exp.Expr, *allowed: str) -> None:
    """Refuse a node that has any part beyond the allowed ones."""
    for name, value in node.args.items():
        if value and name not in allowed:
            raise QueryRefused(f"unsupported syntax: {name.rstrip('_').upper()}")


class Expressions:
    """Compiles what stands inside a query; `sub_select` compiles a query inside that, giving its SQL and kinds."""

    def __init__(self, numbers: dict[int, int], sub_select: SubSelect) -> None:
        self._numbers = numbers
        self._sub_select = sub_select
        self._conditions: dict[type[exp.Expr], Callable[..., str]] = {
            exp.And: self._junction,
            exp.Or: self._junction,
            exp.Not: self._negation,
            exp.Paren: self._grouped,
            exp.Between: self._between,
            exp.In: self._in,
            exp.Like: self._like,
            exp.Escape: self._escaped_like,
            exp.Is: self._is_null,
            exp.Exists: self._exists,
            **dict.fromkeys(_COMPARISONS, self._comparison),
        }
        self._values: dict[type[exp.Expr], Callable[..., Term]] = {
            exp.Column: self.column,
            exp.Literal: self._literal,
            exp.Placeholder: self._parameter,
            exp.Null: self._null,
            exp.Paren: self._parenthesis,
            exp.Neg: self._negative,
            exp.DPipe: self._concatenation,
            exp.Case: self._case,
            exp.Dot: self._builtin,
            exp.Anonymous: self._call,
            exp.Subquery: self._scalar,
            **dict.fromkeys((*_ARITHMETIC, exp.Div), self._arithmetic),
        }

    def condition(self, node: exp.Expr, scope: Scope) -> str:
        """The SQL of a condition. Raises QueryRefused."""
        compiled = self._conditions.get(type(node))
        if compiled is None:
            refuse(node)
        return compiled(node, scope)

    def value(self, node: exp.Expr, scope: Scope) -> Term:
        """A compiled value. Raises QueryRefused."""
        compiled = self._values.get(type(node))
        if compiled is None:
            refuse(node)
        return compiled(node, scope)

    # -- conditions ------------------------------------------------------------------------------

    def _junction(self, node: exp.And | exp.Or, scope: Scope) -> str:
        word = " AND " if isinstance(node, exp.And) else " OR "
        return word.join(f"({self.condition(part, scope)})" for part in node.flatten())

    def _negation(self, node: exp.Not, scope: Scope) -> str:
        return f"NOT ({self.condition(node.this, scope)})"

    def _grouped(self, node: exp.Paren, scope: Scope) -> str:
        return f"({self.condition(node.this, scope)})"

    def _between(self, node: exp.Between, scope: Scope) -> str:
        only(node, "this", "low", "high")
        value, low, high = (self.value(node.args[part], scope) for part in ("this", "low", "high"))
        _comparable([value, low, high])
        return f"{value.sql} BETWEEN {_side(low, value)} AND {_side(high, value)}"

    def _is_null(self, node: exp.Is, scope: Scope) -> str:
        if not isinstance(node.expression, exp.Null):
            refuse(node)
        return f"{self.value(node.this, scope).sql} IS NULL"

    def _exists(self, node: exp.Exists, scope: Scope) -> str:
        sql, _ = self._sub_select(node.this, scope)
        return f"EXISTS ({sql})"

    def _comparison(self, node: exp.Expr, scope: Scope) -> str:
        left, right = self.value(node.this, scope), self.value(node.args["expression"], scope)
        _comparable([left, right])
        return f"{_side(left, right)} {_COMPARISONS[type(node)]} {_side(right, left)}"

    def _escaped_like(self, node: exp.Escape, scope: Scope) -> str:
        if not isinstance(node.this, exp.Like):
            refuse(node)
        return f"{self._like(node.this, scope)} ESCAPE {self.value(node.expression, scope).sql}"

    def _in(self, node: exp.In, scope: Scope) -> str:
        only(node, "this", "expressions", "query")
        value = self.value(node.this, scope)
        if node.args.get("query") is not None:
            sql, kinds = self._sub_select(node.args["query"], scope)
            if len(kinds) != 1:
                raise QueryRefused("a sub-select of IN must have one column")
            return f"{value.sql} IN ({sql})"
        if len(node.expressions) > _MAX_IN_ARGUMENTS:
            raise QueryRefused(f"the maximum number of arguments of IN is {_MAX_IN_ARGUMENTS}")
        terms = [self.value(item, scope) for item in node.expressions]
        _comparable([value, *terms])
        return f"{value.sql} IN ({', '.join(_side(term, value) for term in terms)})"

    def _like(self, node: exp.Like, scope: Scope) -> str:
        value, pattern = self.value(node.this, scope), self.value(node.expression, scope)
        return f"{as_text(value)} LIKE {pattern.sql}"

    # -- values ----------------------------------------------------------------------------------

    def _literal(self, node: exp.Literal, scope: Scope) -> Term:
        if node.is_string:
            return Term(text_literal(node.name), Kind.TEXT, literal=node.name)
        return Term(node.name, Kind.NUMBER)

    def _parameter(self, node: exp.Placeholder, scope: Scope) -> Term:
        return Term(f"?{self._numbers[id(node)]}", None, bound=True)

    def _null(self, node: exp.Null, scope: Scope) -> Term:
        return Term("NULL", None)

    def _parenthesis(self, node: exp.Paren, scope: Scope) -> Term:
        inner = self.value(node.this, scope)
        return Term(f"({inner.sql})", inner.kind)

    def _negative(self, node: exp.Neg, scope: Scope) -> Term:
        return Term(f"(-{as_number(self.value(node.this, scope)).sql})", Kind.NUMBER)

    def column(self, node: exp.Column, scope: Scope) -> Term:
        """The column that a name means, or a pseudo-column. Raises QueryRefused for unknown ones."""
        if node.args.get("join_mark"):
            raise QueryRefused("(+) joins are not supported by this tenant; use LEFT JOIN")
        found = scope.find(node)
        if found is not None:
            return found
        name = scope.name_of(node.this)
        if not node.table and name == "sysdate":
            return FUNCTIONS["SYSDATE"]([])
        if not node.table and name == "rownum":
            raise QueryRefused("ROWNUM is supported as an upper bound in WHERE only")
        raise QueryRefused(f"Field '{name}' for record was not found.")

    def _concatenation(self, node: exp.DPipe, scope: Scope) -> Term:
        parts = (self.value(node.this, scope), self.value(node.expression, scope))
        joined = " || ".join(f"COALESCE({as_text(part)}, '')" for part in parts)
        return Term(f"NULLIF({joined}, '')", Kind.TEXT)

    def _case(self, node: exp.Case, scope: Scope) -> Term:
        subject = self.value(node.this, scope) if node.this is not None else None
        results: list[Term] = []
        text = "CASE" if subject is None else f"CASE {subject.sql}"
        for branch in node.args["ifs"]:
            test = self.value(branch.this, scope).sql if subject is not None else self.condition(branch.this, scope)
            results.append(self.value(branch.args["true"], scope))
            text += f" WHEN {test} THEN {results[-1].sql}"
        default = node.args.get("default")
        if default is not None:
            results.append(self.value(default, scope))
            text += f" ELSE {results[-1].sql}"
        return Term(f"{text} END", common_kind(results))

    def _builtin(self, node: exp.Dot, scope: Scope) -> Term:
        call = node.expression
        if node.this.name.upper() != "BUILTIN" or not isinstance(call, exp.Anonymous) or call.name.upper() != "DF":
            raise QueryRefused(f"unknown function: {node.sql()[:60]}")
        if len(call.expressions) != 1 or not isinstance(call.expressions[0], exp.Column):
            raise QueryRefused("BUILTIN.DF takes a column")
        term = self.column(call.expressions[0], scope)
        return display_of(term, term.sql.rpartition(".")[0])

    def _call(self, node: exp.Anonymous, scope: Scope) -> Term:
        name = node.name.upper()
        if name in AGGREGATES:
            return self._aggregate(name, node, scope)
        function = FUNCTIONS.get(name)
        if function is None:
            raise QueryRefused(f"unknown function: {name}")
        return function([self.value(argument, scope) for argument in node.expressions])

    def _aggregate(self, name: str, node: exp.Anonymous, scope: Scope) -> Term:
        arguments = node.expressions
        if name == "COUNT" and len(arguments) == 1 and isinstance(arguments[0], exp.Star):
            return Term("COUNT(*)", Kind.NUMBER)
        distinct = len(arguments) == 1 and isinstance(arguments[0], exp.Distinct)
        inner = arguments[0].expressions if distinct else arguments
        return aggregate(name, [self.value(argument, scope) for argument in inner], distinct=distinct)

    def _scalar(self, node: exp.Subquery, scope: Scope) -> Term:
        sql, kinds = self._sub_select(node.this, scope)
        if len(kinds) != 1:
            raise QueryRefused("a scalar sub-select must have one column")
        return Term(f"({sql})", kinds[0])

    def _arithmetic(self, node: exp.Expr, scope: Scope) -> Term:
        left, right = self.value(node.this, scope), self.value(node.args["expression"], scope)
        if left.kind is Kind.DATE:
            return _date_arithmetic(node, left, right)
        left, right = as_number(left), as_number(right)
        if isinstance(node, exp.Div):
            return Term(f"ns_divide({left.sql}, {right.sql})", Kind.NUMBER)
        return Term(f"({left.sql} {_ARITHMETIC[type(node)]} {right.sql})", Kind.NUMBER)


def _date_arithmetic(node: exp.Expr, left: Term, right: Term) -> Term:
    if isinstance(node, exp.Sub) and right.kind is Kind.DATE:
        return Term(f"ns_days_between({left.sql}, {right.sql})", Kind.NUMBER)
    if not isinstance(node, (exp.Add, exp.Sub)):
        raise QueryRefused("inconsistent datatypes: a date cannot be multiplied")
    sign = "-" if isinstance(node, exp.Sub) else ""
    return Term(f"ns_add_days({left.sql}, {sign}({as_number(right).sql}))", Kind.DATE)


def _comparable(terms: list[Term]) -> None:
    """Refuse dates against anything but dates: the vendor has no date literals, callers use TO_DATE."""
    if any(term.kind is Kind.DATE for term in terms) and any(
        term.kind is not Kind.DATE and term.sql != "NULL" for term in terms
    ):
        raise QueryRefused("a date can be compared with a date only; use TO_DATE with a format")


def _side(term: Term, other: Term) -> str:
    """A side of a comparison; a parameter against a computed number is a number, as columns manage by affinity."""
    if term.bound and other.column is None and other.kind in NUMERIC:
        return f"ns_number({term.sql})"
    return term.sql

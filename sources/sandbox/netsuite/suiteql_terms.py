"""Values and functions of SuiteQL in SQLite's words: each entry checks its arguments and says its kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sources.sandbox.netsuite.date_formats import UnknownFormat, native_format, parse_format
from sources.sandbox.netsuite.suiteql_dialect import QueryRefused
from sources.sandbox.netsuite.tables import TABLES, Column, Kind

NUMERIC = frozenset({Kind.ID, Kind.NUMBER})


@dataclass(frozen=True, slots=True)
class Term:
    """A compiled value: its SQL, its kind (None for NULL and bound parameters), the column it is, the literal it is."""

    sql: str
    kind: Kind | None
    column: Column | None = None
    literal: str | None = None
    bound: bool = False


def text_literal(value: str) -> str:
    """A string as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def as_number(term: Term) -> Term:
    """The value for arithmetic; text and parameters are converted as Oracle does, dates are refused."""
    if term.kind is Kind.DATE:
        raise QueryRefused("a date cannot be used as a number")
    if term.kind in NUMERIC:
        return term
    return Term(f"ns_number({term.sql})", Kind.NUMBER)


def as_text(term: Term) -> str:
    """The SQL of the value as text; numbers lose their binary noise."""
    if term.kind is Kind.DATE:
        raise QueryRefused("use TO_CHAR to turn a date into text")
    return term.sql if term.kind is Kind.TEXT else f"ns_text({term.sql})"


def common_kind(terms: list[Term]) -> Kind | None:
    """The kind that all terms share; dates never mix with anything else."""
    kinds = {term.kind for term in terms if term.kind is not None}
    if len(kinds) <= 1:
        return next(iter(kinds), None)
    if Kind.DATE in kinds:
        raise QueryRefused("inconsistent datatypes: a date is mixed with another type")
    return Kind.NUMBER if kinds <= NUMERIC else Kind.TEXT


def display_of(term: Term, alias: str) -> Term:
    """BUILTIN.DF of a column: the label of a list value, the name of a referenced row, else the value itself."""
    column = term.column
    if column is None:
        raise QueryRefused("BUILTIN.DF takes a column")
    if column.labels is not None:
        key = term.sql if column.labelled_with is None else f"{alias}.\"{column.labelled_with}\" || ':' || {term.sql}"
        return Term(f"(SELECT name FROM _label WHERE list = '{column.labels}' AND key = {key})", Kind.TEXT)
    if column.refers_to is not None:
        table = TABLES[column.refers_to]
        return Term(f'(SELECT {table.shown_as} FROM "{table.name}" WHERE id = {term.sql})', Kind.TEXT)
    return term


Function = Callable[[list[Term]], Term]


def _wants(name: str, args: list[Term], *counts: int) -> None:
    if len(args) not in counts:
        raise QueryRefused(f"invalid number of arguments for {name}")


def _constant_format(name: str, args: list[Term]) -> str:
    literal = args[1].literal
    if literal is None:
        raise QueryRefused(f"{name} needs a format model as a string literal")
    return literal


def _to_date(args: list[Term]) -> Term:
    _wants("TO_DATE", args, 2)
    try:
        pattern = parse_format(_constant_format("TO_DATE", args))
    except UnknownFormat as exc:
        raise QueryRefused("date format not recognized") from exc
    return Term(f"ns_to_date({args[0].sql}, {text_literal(pattern)})", Kind.DATE)


def _to_char(args: list[Term]) -> Term:
    _wants("TO_CHAR", args, 1, 2)
    value = args[0]
    if value.kind is not Kind.DATE:
        if len(args) == 2:
            raise QueryRefused("number formats are not supported by this tenant")
        return Term(f"ns_text({value.sql})", Kind.TEXT)
    model = "MM/DD/YYYY" if len(args) == 1 else _constant_format("TO_CHAR", args)
    try:
        native = native_format(model)
    except UnknownFormat as exc:
        raise QueryRefused("date format not recognized") from exc
    if native is None:
        return Term(f"ns_to_char({value.sql}, {text_literal(model)})", Kind.TEXT)
    return Term(f"strftime({text_literal(native)}, {value.sql})", Kind.TEXT)


def _date_argument(name: str, term: Term) -> str:
    if term.kind is not Kind.DATE:
        raise QueryRefused(f"{name} takes a date")
    return term.sql


def _trunc(args: list[Term]) -> Term:
    _wants("TRUNC", args, 1, 2)
    if args[0].kind is not Kind.DATE:
        return Term(f"CAST({as_number(args[0]).sql} AS INTEGER)", Kind.NUMBER)
    unit = "DD" if len(args) == 1 else _constant_format("TRUNC", args).upper()
    if unit not in {"DD", "MM", "MON", "MONTH", "Q", "YYYY", "YEAR", "YY"}:
        raise QueryRefused("bad precision specifier")
    return Term(f"ns_trunc({args[0].sql}, '{unit}')", Kind.DATE)


def _add_months(args: list[Term]) -> Term:
    _wants("ADD_MONTHS", args, 2)
    return Term(f"ns_add_months({_date_argument('ADD_MONTHS', args[0])}, {as_number(args[1]).sql})", Kind.DATE)


def _last_day(args: list[Term]) -> Term:
    _wants("LAST_DAY", args, 1)
    return Term(f"ns_last_day({_date_argument('LAST_DAY', args[0])})", Kind.DATE)


def _coalesce(args: list[Term]) -> Term:
    if len(args) < 2:
        raise QueryRefused("invalid number of arguments for COALESCE")
    return Term(f"COALESCE({', '.join(a.sql for a in args)})", common_kind(args))


def _nvl(args: list[Term]) -> Term:
    _wants("NVL", args, 2)
    return _coalesce(args)


def _nvl2(args: list[Term]) -> Term:
    _wants("NVL2", args, 3)
    test, present, absent = args
    sql = f"CASE WHEN {test.sql} IS NOT NULL THEN {present.sql} ELSE {absent.sql} END"
    return Term(sql, common_kind([present, absent]))


def _nullif(args: list[Term]) -> Term:
    _wants("NULLIF", args, 2)
    common_kind(args)
    return Term(f"NULLIF({args[0].sql}, {args[1].sql})", args[0].kind)


def _text_function(name: str, sqlite_name: str, result: Kind, *counts: int) -> Function:
    def build(args: list[Term]) -> Term:
        _wants(name, args, *counts)
        rest = "".join(f", {a.sql}" for a in args[1:])
        return Term(f"{sqlite_name}({as_text(args[0])}{rest})", result)

    return build


def _number_function(name: str, sqlite_name: str, *counts: int) -> Function:
    def build(args: list[Term]) -> Term:
        _wants(name, args, *counts)
        return Term(f"{sqlite_name}({', '.join(as_number(a).sql for a in args)})", Kind.NUMBER)

    return build


def _mod(args: list[Term]) -> Term:
    _wants("MOD", args, 2)
    return Term(f"({as_number(args[0]).sql} % {as_number(args[1]).sql})", Kind.NUMBER)


def _to_number(args: list[Term]) -> Term:
    _wants("TO_NUMBER", args, 1)
    return Term(f"ns_number({args[0].sql})", Kind.NUMBER)


def _sysdate(args: list[Term]) -> Term:
    _wants("SYSDATE", args, 0)
    return Term("ns_now()", Kind.DATE)


FUNCTIONS: dict[str, Function] = {
    "TO_DATE": _to_date,
    "TO_CHAR": _to_char,
    "TO_NUMBER": _to_number,
    "TRUNC": _trunc,
    "ADD_MONTHS": _add_months,
    "LAST_DAY": _last_day,
    "SYSDATE": _sysdate,
    "NVL": _nvl,
    "NVL2": _nvl2,
    "COALESCE": _coalesce,
    "NULLIF": _nullif,
    "UPPER": _text_function("UPPER", "upper", Kind.TEXT, 1),
    "LOWER": _text_function("LOWER", "lower", Kind.TEXT, 1),
    "TRIM": _text_function("TRIM", "trim", Kind.TEXT, 1),
    "SUBSTR": _text_function("SUBSTR", "substr", Kind.TEXT, 2, 3),
    "REPLACE": _text_function("REPLACE", "replace", Kind.TEXT, 3),
    "LENGTH": _text_function("LENGTH", "length", Kind.NUMBER, 1),
    "INSTR": _text_function("INSTR", "instr", Kind.NUMBER, 2),
    "ROUND": _number_function("ROUND", "round", 1, 2),
    "ABS": _number_function("ABS", "abs", 1),
    "MOD": _mod,
}


def aggregate(name: str, args: list[Term], *, distinct: bool) -> Term:
    """An aggregate over one argument; COUNT(*) is handled by the compiler."""
    _wants(name, args, 1)
    word = "DISTINCT " if distinct else ""
    value = args[0]
    if name in {"SUM", "AVG"}:
        return Term(f"{name}({word}{as_number(value).sql})", Kind.NUMBER)
    return Term(f"{name}({word}{value.sql})", Kind.NUMBER if name == "COUNT" else value.kind)


AGGREGATES = frozenset({"COUNT", "SUM", "AVG", "MIN", "MAX"})

"""Reading SuiteQL text: sqlglot's Oracle grammar with every function call left as it was written.

The stock dialect rewrites TO_DATE, NVL and their like into nodes of its own and loses the format
models on the way; the compiler wants names and arguments, so that its own table of functions decides.
"""

from __future__ import annotations

from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.oracle import Oracle
from sqlglot.errors import SqlglotError
from sqlglot.parsers.oracle import OracleParser


class QueryRefused(Exception):
    """The query is not SuiteQL, or not the part of it that this tenant answers; the message says what."""


class _SuiteQLParser(OracleParser):
    FUNCTIONS: ClassVar = {}
    FUNCTION_PARSERS: ClassVar = {}
    NO_PAREN_FUNCTIONS: ClassVar = {}
    NO_PAREN_FUNCTION_PARSERS: ClassVar = {"CASE": OracleParser.NO_PAREN_FUNCTION_PARSERS["CASE"]}


class _SuiteQL(Oracle):
    Parser: type[OracleParser] = _SuiteQLParser


def parse_suiteql(text: str) -> exp.Query:
    """The syntax tree of one SELECT (or UNION of them). Raises QueryRefused."""
    try:
        statements = [tree for tree in _SuiteQL().parse(text) if tree is not None]
    except (SqlglotError, RecursionError) as exc:
        raise QueryRefused("the query could not be parsed") from exc
    if len(statements) != 1:
        raise QueryRefused("exactly one statement is expected")
    tree = statements[0]
    if not isinstance(tree, exp.Query):
        raise QueryRefused("only SELECT statements are allowed")
    return tree

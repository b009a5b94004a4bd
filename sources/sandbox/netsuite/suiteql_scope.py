"""Which names a SELECT may use: its sources, the sources around it, and what its grouping allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from sources.sandbox.netsuite.suiteql_dialect import QueryRefused
from sources.sandbox.netsuite.suiteql_terms import AGGREGATES, Term
from sources.sandbox.netsuite.tables import Column


@dataclass(frozen=True, slots=True)
class Source:
    """A table or sub-select in FROM: the columns it offers."""

    columns: Mapping[str, Column]


class Scope:
    """The names visible in one SELECT; `outer` is the scope around a sub-select.

    `quoting` says whether quoted names may appear (the vendor refuses them in sub-selects), `outputs`
    are the result columns (ORDER BY may use them), `union` marks the scope of a UNION's ORDER BY.
    """

    def __init__(
        self, outer: Scope | None, *, outputs: set[str] | None = None, quoting: bool = True, union: bool = False
    ) -> None:
        self.outer = outer
        self.sources: dict[str, Source] = {}
        self.outputs = outputs or set()
        self.quoting = quoting
        self.union = union

    def name_of(self, identifier: exp.Expr) -> str:
        """An identifier folded to lower case; refuses quoted ones where they are not allowed."""
        if not isinstance(identifier, exp.Identifier):
            raise QueryRefused("an identifier was expected")
        if identifier.args.get("quoted") and not self.quoting:
            raise QueryRefused("quoted names are not allowed in sub-selects")
        name = identifier.name.lower()
        if '"' in name:
            raise QueryRefused("invalid identifier")
        return name

    def add(self, alias: str, source: Source) -> str:
        """Add a source under its alias and return the alias as SQL."""
        if alias in self.sources:
            raise QueryRefused(f"alias '{alias}' is used twice")
        self.sources[alias] = source
        return f'"{alias}"'

    def find(self, node: exp.Column) -> Term | None:
        """The column a name means, from the innermost scope that knows it; refuses ambiguous names."""
        if node.args.get("db"):
            raise QueryRefused("schema-qualified names are not supported")
        name = self.name_of(node.this)
        table_node = node.args.get("table")
        wanted = self.name_of(table_node) if table_node is not None else None
        hits = [
            (alias, source.columns[name])
            for alias, source in self.sources.items()
            if (wanted is None or alias == wanted) and name in source.columns
        ]
        if len(hits) > 1:
            raise QueryRefused(f"column '{name}' is ambiguously defined")
        if hits:
            alias, column = hits[0]
            return Term(f'"{alias}"."{name}"', column.kind, column=column)
        return self.outer.find(node) if self.outer is not None else None

    def star(self, node: exp.Expr) -> list[tuple[str, Term]]:
        """What `*` or `alias.*` stands for, in the tables' own column order."""
        table_node = node.args.get("table")
        wanted = self.name_of(table_node) if table_node is not None else None
        if wanted is not None and wanted not in self.sources:
            raise QueryRefused(f"unknown alias '{wanted}'")
        return [
            (name, Term(f'"{alias}"."{name}"', column.kind, column=column))
            for alias, source in self.sources.items()
            if wanted in {None, alias}
            for name, column in source.columns.items()
        ]


def _is_aggregate(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.upper() in AGGREGATES


def _has_aggregate(node: exp.Expr) -> bool:
    if _is_aggregate(node):
        return True
    return any(_has_aggregate(child) for child in node.iter_expressions() if not isinstance(child, exp.Query))


def _key(node: exp.Expr, scope: Scope) -> str:
    if isinstance(node, exp.Column):
        found = scope.find(node)
        return node.sql() if found is None else found.sql
    return node.sql().lower()


def _require_grouped(node: exp.Expr, grouped: set[str], scope: Scope) -> None:
    if _is_aggregate(node) or isinstance(node, exp.Query) or _key(node, scope) in grouped:
        return
    if isinstance(node, exp.Star):
        raise QueryRefused("not a GROUP BY expression")
    if isinstance(node, exp.Column):
        own = _own_column(node, scope)
        if own:
            raise QueryRefused("not a GROUP BY expression")
        return
    for child in node.iter_expressions():
        if not isinstance(child, exp.Identifier):
            _require_grouped(child, grouped, scope)


def _own_column(node: exp.Column, scope: Scope) -> bool:
    name = scope.name_of(node.this)
    return any(name in source.columns for source in scope.sources.values())


def check_grouping(select: exp.Select, scope: Scope) -> None:
    """Refuse result and HAVING columns that are neither grouped nor aggregated, aggregates in WHERE, HAVING alone."""
    group, having, where = (select.args.get(part) for part in ("group", "having", "where"))
    if where is not None and _has_aggregate(where):
        raise QueryRefused("group function is not allowed here")
    if group is None and having is None and not any(_has_aggregate(item) for item in select.expressions):
        return
    grouped = {_key(item, scope) for item in group.expressions} if group is not None else set()
    for item in select.expressions:
        _require_grouped(item.unalias(), grouped, scope)
    if having is not None:
        _require_grouped(having.this, grouped, scope)

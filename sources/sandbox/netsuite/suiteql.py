"""SuiteQL compiled to SQLite: an allow-list of syntax nodes, functions, tables and columns.

Every node kind that may appear has a branch here; whatever has none is refused, so that a query works
in the sandbox only when it stays within the grammar that the vendor documents. Refused on purpose:
WITH, quoted names in sub-selects, `(+)` joins and comma joins beside JOIN, date and timestamp
literals, dates compared with bare strings, more than 1000 arguments of IN, LIMIT / TOP / FETCH,
window functions, set operations other than UNION, columns neither grouped nor aggregated.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from sources.sandbox.netsuite.suiteql_dialect import QueryRefused, parse_suiteql
from sources.sandbox.netsuite.suiteql_expressions import Expressions, only, refuse
from sources.sandbox.netsuite.suiteql_scope import Scope, Source, check_grouping
from sources.sandbox.netsuite.suiteql_terms import Term
from sources.sandbox.netsuite.tables import TABLES, Column, Kind

_SELECT_PARTS = ("expressions", "from_", "joins", "where", "group", "having", "order", "distinct")
_UNION_PARTS = ("this", "expression", "distinct", "order")
_TABLE_PARTS = ("this", "alias")


@dataclass(frozen=True, slots=True)
class Output:
    """A result column: its key in the answer and its kind."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Compiled:
    """A query ready for SQLite; `order` is apart so that counting need not sort."""

    body: str
    order: str
    outputs: tuple[Output, ...]
    parameters: int


def compile_suiteql(text: str) -> Compiled:
    """Compile one query. Raises QueryRefused with what the vendor's parser would object to."""
    tree = parse_suiteql(text)
    try:
        return _Compiler(tree).compile()
    except RecursionError as exc:
        raise QueryRefused("the query is nested too deeply") from exc


class _Compiler:
    """One compilation: numbers the parameters first, because clauses are compiled out of their order."""

    def __init__(self, tree: exp.Query) -> None:
        self._tree = tree
        self._numbers: dict[int, int] = {}
        for node in tree.dfs():
            if isinstance(node, exp.Placeholder):
                if node.args.get("this"):
                    raise QueryRefused("named parameters are not supported")
                self._numbers[id(node)] = len(self._numbers) + 1
        self._expressions = Expressions(self._numbers, self._sub_select)

    def compile(self) -> Compiled:
        body, order, outputs = self._query(self._tree, None)
        return Compiled(body, order, tuple(outputs), len(self._numbers))

    # -- queries ---------------------------------------------------------------------------------

    def _query(self, node: exp.Expr, outer: Scope | None) -> tuple[str, str, list[Output]]:
        if isinstance(node, exp.Subquery) and not node.alias:
            return self._query(node.this, outer)
        if isinstance(node, exp.Union):
            return self._union(node, outer)
        if not isinstance(node, exp.Select):
            refuse(node)
        return self._select(node, outer)

    def _union(self, node: exp.Union, outer: Scope | None) -> tuple[str, str, list[Output]]:
        only(node, *_UNION_PARTS)
        left, left_order, outputs = self._query(node.this, outer)
        right, right_order, others = self._query(node.expression, outer)
        if left_order or right_order:
            raise QueryRefused("ORDER BY belongs at the end of a UNION")
        if len(outputs) != len(others):
            raise QueryRefused("query blocks of a UNION have different numbers of columns")
        word = "UNION" if node.args.get("distinct") else "UNION ALL"
        names = {output.name for output in outputs}
        order = self._order(node.args.get("order"), Scope(outer, outputs=names, union=True), len(outputs))
        return f"{left} {word} {right}", order, outputs

    def _select(self, node: exp.Select, outer: Scope | None) -> tuple[str, str, list[Output]]:
        only(node, *_SELECT_PARTS)
        scope = Scope(outer, quoting=outer is None)
        source = self._from(node, scope)
        terms, outputs = self._projections(node, scope)
        if not outputs:
            raise QueryRefused("missing expression")
        scope.outputs = {output.name for output in outputs}
        where, row_limit = self._where(node, scope)
        group = self._group(node, scope)
        having = node.args.get("having")
        if having is not None:
            group += f" HAVING {self._expressions.condition(having.this, scope)}"
        order = self._order(node.args.get("order"), scope, len(outputs))
        check_grouping(node, scope)
        if row_limit and (order or node.args.get("group") or node.args.get("distinct")):
            raise QueryRefused("ROWNUM beside ORDER BY, GROUP BY or DISTINCT needs a sub-select")
        distinct = "DISTINCT " if self._distinct(node) else ""
        columns = ", ".join(f'{term.sql} AS "{output.name}"' for term, output in zip(terms, outputs, strict=True))
        body = f"SELECT {distinct}{columns}{source}{where}{group}"
        return (f"SELECT * FROM ({body} LIMIT {row_limit})" if row_limit else body), order, outputs

    def _distinct(self, node: exp.Select) -> bool:
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on"):
            refuse(distinct)
        return distinct is not None

    def _sub_select(self, node: exp.Expr, scope: Scope) -> tuple[str, list[Kind]]:
        body, order, outputs = self._query(node, scope)
        return body + order, [output.kind for output in outputs]

    # -- FROM ------------------------------------------------------------------------------------

    def _from(self, node: exp.Select, scope: Scope) -> str:
        clause = node.args.get("from_")
        if clause is None:
            raise QueryRefused("FROM keyword not found where expected")
        text = f" FROM {self._source(clause.this, scope)}"
        joins: list[exp.Join] = node.args.get("joins") or []
        commas = [join for join in joins if not (join.args.get("on") or join.side or join.kind)]
        if commas and len(commas) != len(joins):
            raise QueryRefused("SQL-92 and Oracle join syntax cannot be mixed in one query")
        for join in joins:
            text += self._join(join, scope)
        return text

    def _join(self, join: exp.Join, scope: Scope) -> str:
        only(join, "this", "on", "side", "kind")
        if join.side not in {"", "LEFT"} or join.kind not in {"", "INNER", "OUTER", "CROSS"}:
            raise QueryRefused(f"unsupported join: {join.side} {join.kind}".rstrip())
        source = self._source(join.this, scope)
        on = join.args.get("on")
        if on is None:
            if join.side or join.kind in {"INNER", "OUTER"}:
                raise QueryRefused("missing ON of a JOIN")
            return f" JOIN {source}"
        word = "LEFT JOIN" if join.side == "LEFT" else "JOIN"
        return f" {word} {source} ON {self._expressions.condition(on, scope)}"

    def _source(self, node: exp.Expr, scope: Scope) -> str:
        if isinstance(node, exp.Subquery):
            only(node, *_TABLE_PARTS)
            # Beside its siblings, not below them: a sub-select in FROM cannot see them.
            body, order, outputs = self._query(node.this, Scope(scope.outer, quoting=False))
            columns = {o.name: Column(o.name, o.kind) for o in outputs}
            alias = node.alias or f"sub{len(scope.sources)}"
            return f"({body}{order}) AS {scope.add(alias, Source(columns))}"
        if not isinstance(node, exp.Table):
            refuse(node)
        only(node, *_TABLE_PARTS)
        if not isinstance(node.this, exp.Identifier):
            refuse(node.this)
        name = scope.name_of(node.this)
        table = TABLES.get(name)
        if table is None:
            raise QueryRefused(f"Record '{name}' was not found.")
        alias_node = node.args.get("alias")
        alias = scope.name_of(alias_node.this) if alias_node is not None else name
        return f'"{table.name}" AS {scope.add(alias, Source(table.columns))}'

    # -- clauses ---------------------------------------------------------------------------------

    def _projections(self, node: exp.Select, scope: Scope) -> tuple[list[Term], list[Output]]:
        named: list[tuple[str, Term]] = []
        unnamed = 0
        for item in node.expressions:
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
                named.extend(scope.star(item))
                continue
            name = ""
            inner = item
            if isinstance(item, exp.Alias):
                name, inner = scope.name_of(item.args["alias"]), item.this
            elif isinstance(item, exp.Column):
                name = scope.name_of(item.this)
            term = self._expressions.value(inner, scope)
            if not name:
                unnamed += 1
                name = f"expr{unnamed}"
            named.append((name, term))
        outputs: list[Output] = []
        for name, term in named:
            taken = {output.name for output in outputs}
            unique = name if name not in taken else next(n for i in range(1000) if (n := f"{name}_{i}") not in taken)
            outputs.append(Output(unique, term.kind or Kind.TEXT))
        return [term for _, term in named], outputs

    def _where(self, node: exp.Select, scope: Scope) -> tuple[str, int | None]:
        where = node.args.get("where")
        if where is None:
            return "", None
        limit: int | None = None
        kept = []
        for part in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
            bound = _rownum_bound(part)
            if bound is None:
                kept.append(self._expressions.condition(part, scope))
            else:
                limit = bound if limit is None else min(limit, bound)
        return (" WHERE " + " AND ".join(f"({part})" for part in kept) if kept else ""), limit

    def _group(self, node: exp.Select, scope: Scope) -> str:
        group = node.args.get("group")
        if group is None:
            return ""
        only(group, "expressions")
        if any(isinstance(item, exp.Literal) for item in group.expressions):
            raise QueryRefused("GROUP BY takes expressions, not positions")
        return " GROUP BY " + ", ".join(self._expressions.value(item, scope).sql for item in group.expressions)

    def _order(self, order: exp.Order | None, scope: Scope, width: int) -> str:
        if order is None:
            return ""
        only(order, "expressions")
        return " ORDER BY " + ", ".join(self._ordered(item, scope, width) for item in order.expressions)

    def _ordered(self, item: exp.Ordered, scope: Scope, width: int) -> str:
        key = item.this
        direction = "DESC" if item.args.get("desc") else "ASC"
        nulls = " NULLS FIRST" if item.args.get("nulls_first") else " NULLS LAST"
        if isinstance(key, exp.Literal) and not key.is_string:
            if not key.name.isdigit() or not 1 <= int(key.name) <= width:
                raise QueryRefused("ORDER BY item must be the number of a SELECT-list expression")
            return f"{key.name} {direction}{nulls}"
        if isinstance(key, exp.Column) and not key.table and scope.name_of(key.this) in scope.outputs:
            found = scope.find(key) if not scope.union else None
            name = f'"{scope.name_of(key.this)}"' if found is None else found.sql
            return f"{name} {direction}" + ("" if found is not None and _never_null(found) else nulls)
        if scope.union:
            raise QueryRefused("ORDER BY of a UNION takes result columns")
        term = self._expressions.value(key, scope)
        return f"{term.sql} {direction}" + ("" if _never_null(term) else nulls)


def _never_null(term: Term) -> bool:
    return term.column is not None and term.column.required


def _rownum_bound(part: exp.Expr) -> int | None:
    if not isinstance(part, (exp.LT, exp.LTE)) or not isinstance(part.this, exp.Column):
        return None
    limit = part.expression
    if part.this.table or part.this.name.lower() != "rownum" or not limit.is_int:
        return None
    return int(limit.name) - (1 if isinstance(part, exp.LT) else 0)

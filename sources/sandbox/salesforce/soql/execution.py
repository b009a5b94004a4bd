"""Running a parsed query: the rows it selects, and how each is printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sources.sandbox.salesforce.database import Row, comparable
from sources.sandbox.salesforce.fields import ChildRelationship, ObjectType
from sources.sandbox.salesforce.soql.filters import Filter, FilterBuilder
from sources.sandbox.salesforce.soql.projection import Projection, Render
from sources.sandbox.salesforce.soql.scope import (
    Context,
    GroupScope,
    Operand,
    RowScope,
    check_groupable,
    find_object,
    sort_rows,
)
from sources.sandbox.salesforce.soql.syntax import (
    Aggregate,
    AliasedPath,
    Combination,
    Comparison,
    Condition,
    FieldsCall,
    Membership,
    Negation,
    Path,
    Query,
    SelectItem,
    SetMembership,
    SubSelect,
)

MAX_OFFSET = 2_000
MAX_FIELDS_ROWS = 200
MAX_CHILD_SUB_SELECTS = 20
MAX_IN_SUB_QUERIES = 2


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The rows or groups in order, and the function that prints one; COUNT() has a total and no rows."""

    total: int
    rows: list[Any]
    render: Render


def run_query(context: Context, query: Query, base_url: str) -> QueryResult:
    """Run a query; `base_url` is the address of the API version, for the records' own addresses."""
    kind = find_object(context, query.source)
    if sum(isinstance(each, SubSelect) for each in query.select) > MAX_CHILD_SUB_SELECTS:
        reason = f"a query can have at most {MAX_CHILD_SUB_SELECTS} child sub-selects"
        context.text.refuse("MALFORMED_QUERY", query.source.position, reason)
    return _Level(context, query, kind, base_url).run(None)


class _Level:
    """One query or sub-query over one object."""

    def __init__(self, context: Context, query: Query, kind: ObjectType, base_url: str) -> None:
        self._context = context
        self._query = query
        self._kind = kind
        self._base_url = base_url
        self._scope = RowScope(context, kind, query.alias)
        self._check_limits()

    def run(self, among: Callable[[], list[Row]] | None) -> QueryResult:
        rows = self.select_rows(among)
        select = self._query.select
        if len(select) == 1 and isinstance(select[0], Aggregate) and select[0].path is None:
            return QueryResult(len(self._cut(rows)), [], _no_rows)
        if self._query.group_by or any(isinstance(each, Aggregate) for each in select):
            return self._aggregate(rows)
        ordered = self._cut(self._ordered(self._scope, rows))
        return QueryResult(len(ordered), ordered, self._render)

    def select_rows(self, among: Callable[[], list[Row]] | None) -> list[Row]:
        """The rows that pass WHERE, in the order of their ids."""
        found = self._filter
        rows = among() if among is not None else self._rows(None if found is None else found.candidates)
        if self._context.include_deleted:
            since = self._context.deleted_since
            rows = [row for row in rows if not row["IsDeleted"] or row["SystemModstamp"] >= since]
        else:
            rows = [row for row in rows if not row["IsDeleted"]]
        return rows if found is None else [row for row in rows if found.test(row)]

    @cached_property
    def _filter(self) -> Filter | None:
        """The meaning of WHERE, built once although a child sub-select runs for every parent."""
        where = self._query.where
        return None if where is None else FilterBuilder(self._scope, self._sub_query).build(where)

    @cached_property
    def _render(self) -> Render:
        return self._projection().render

    def _rows(self, candidates: list[str] | None) -> list[Row]:
        stored = self._context.database.table(self._kind.name).rows
        return list(stored.values()) if candidates is None else [stored[each] for each in candidates]

    def _ordered(self, scope: RowScope, rows: list[Any]) -> list[Any]:
        for key in reversed(self._query.order_by):
            operand = scope.operand(key.target)
            if operand.field.long_text:
                reason = f"field '{operand.field.name}' can not be sorted in a query call"
                self._context.text.refuse("MALFORMED_QUERY", key.target.position, reason)
            rows = sort_rows(rows, operand, descending=key.descending, nulls_last=key.nulls_last)
        return rows

    def _cut(self, rows: list[Any]) -> list[Any]:
        first = self._query.offset or 0
        return rows[first:] if self._query.limit is None else rows[first : first + self._query.limit]

    def _check_limits(self) -> None:
        query = self._query
        if query.offset is not None and query.offset > MAX_OFFSET:
            reason = f"Maximum SOQL offset allowed is {MAX_OFFSET}"
            self._context.text.refuse("NUMBER_OUTSIDE_VALID_RANGE", query.source.position, reason)
        wide = any(isinstance(each, FieldsCall) and each.group != "STANDARD" for each in query.select)
        if wide and (query.limit is None or query.limit > MAX_FIELDS_ROWS):
            reason = f"The SOQL FIELDS function must have a LIMIT of at most {MAX_FIELDS_ROWS}"
            self._context.text.refuse("MALFORMED_QUERY", query.source.position, reason)

    def _projection(self) -> Projection:
        projection = Projection(self._scope, self._base_url)
        for item in self._query.select:
            match item:
                case Path():
                    projection.add_path(item)
                case FieldsCall():
                    projection.add_group(item)
                case SubSelect():
                    self._add_children(projection, item)
                case AliasedPath() | Aggregate():
                    position = item.path.position if isinstance(item, AliasedPath) else item.position
                    reason = "only aggregate expressions use field aliasing"
                    self._context.text.refuse("MALFORMED_QUERY", position, reason)
        return projection

    def _add_children(self, projection: Projection, item: SubSelect) -> None:
        name = item.query.source.text
        way = self._kind.children.get(name.lower())
        if way is None:
            reason = (
                f"Didn't understand relationship '{name}' in FROM part of query call. If you are attempting to use a "
                "custom relationship, be sure to append the '__r' after the custom relationship name. Please "
                "reference your WSDL or the describe call for the appropriate names."
            )
            self._context.text.refuse("INVALID_TYPE", item.position, reason)
        if any(isinstance(each, (SubSelect, Aggregate, AliasedPath)) for each in item.query.select):
            reason = "child sub-selects can select fields only"
            self._context.text.refuse("MALFORMED_QUERY", item.position, reason)
        child_kind = self._context.database.catalogue[way.child_object.lower()]
        level = _Level(self._context, item.query, child_kind, self._base_url)
        level.run(list)  # a sub-select is refused even when there is no parent to run it for
        projection.add(way.name, lambda row: level.run_children(way, row))

    def run_children(self, way: ChildRelationship, parent: Row) -> dict[str, Any] | None:
        """The children of one row as its column prints them, None when there are none."""
        table = self._context.database.table(self._kind.name)
        link = self._kind.fields[way.child_field.lower()]
        result = self.run(lambda: [table.rows[each] for each in sorted(table.find_ids(link, parent["Id"]))])
        if not result.rows:
            return None
        return {"totalSize": result.total, "done": True, "records": [result.render(each) for each in result.rows]}

    def _aggregate(self, rows: list[Row]) -> QueryResult:
        query = self._query
        operands = [self._scope.operand(path) for path in query.group_by]
        for operand, path in zip(operands, query.group_by, strict=True):
            check_groupable(self._context, operand, path)
        scope = GroupScope(self._scope, query.group_by, query.alias)
        groups = _grouped(rows, operands)
        if query.having is not None:
            test = FilterBuilder(scope, self._sub_query).build(query.having).test
            groups = [each for each in groups if test(each)]
        columns = self._columns(scope)
        ordered = self._cut(self._ordered(scope, groups))
        return QueryResult(len(ordered), ordered, lambda group: _render_group(columns, group))

    def _columns(self, scope: GroupScope) -> list[tuple[str, Operand]]:
        columns: list[tuple[str, Operand]] = []
        unnamed = 0
        for item in self._query.select:
            operand = scope.operand(self._aggregated(item))
            alias = item.alias if isinstance(item, (Aggregate, AliasedPath)) else None
            if alias is None and isinstance(item, Aggregate):
                alias = f"expr{unnamed}"
                unnamed += 1
            columns.append((alias or operand.field.name, operand))
        return columns

    def _aggregated(self, item: SelectItem) -> Path | Aggregate:
        if isinstance(item, AliasedPath):
            return item.path
        if isinstance(item, Path) or (isinstance(item, Aggregate) and item.path is not None):
            return item
        reason = "Grouped query cannot select this expression"
        return self._context.text.refuse("MALFORMED_QUERY", item.position, reason)

    def _sub_query(self, query: Query, outer: Operand, left: Path) -> set[Any]:
        text = self._context.text
        item = query.select[0]
        if len(query.select) != 1 or not isinstance(item, Path) or query.order_by or query.limit is not None:
            reason = "semi join sub-selects select one id field, without ORDER BY and LIMIT"
            text.refuse("MALFORMED_QUERY", query.source.position, reason)
        if _count_sub_queries(self._query.where) > MAX_IN_SUB_QUERIES:
            reason = f"maximum {MAX_IN_SUB_QUERIES} semi join sub-selects are allowed"
            text.refuse("MALFORMED_QUERY", query.source.position, reason)
        kind = find_object(self._context, query.source)
        if kind is self._kind:
            reason = "The inner and outer selects should not be on the same object type"
            text.refuse("MALFORMED_QUERY", left.position, reason)
        if _count_sub_queries(query.where):
            text.refuse("MALFORMED_QUERY", query.source.position, "Nesting of semi join sub-selects is not supported")
        inner = _Level(self._context, query, kind, self._base_url)
        selected = RowScope(self._context, kind, query.alias).operand(item)
        _check_same_target(self._context, (self._kind, outer, left), (kind, selected, item))
        values = {comparable(selected.field, selected.get(row)) for row in inner.select_rows(None)}
        return values - {None}


_Side = tuple[ObjectType, Operand, Path]


def _check_same_target(context: Context, outer: _Side, inner: _Side) -> None:
    targets = []
    for kind, operand, path in (outer, inner):
        if operand.field.type not in {"id", "reference"}:
            reason = "semi join sub-selects can only query id fields"
            context.text.refuse("MALFORMED_QUERY", path.position, reason)
        targets.append(operand.field.reference_to or kind.name)
    # The Id behind a relationship belongs to the related object, which the operand's own object does not tell.
    if targets[0] != targets[1] and outer[1].own and inner[1].own:
        reason = (
            f"The selected field '{inner[2].text}' in the subquery and the left operand field in the where expression "
            f"in the outer query '{outer[2].text}' should point to the same object type"
        )
        context.text.refuse("MALFORMED_QUERY", inner[2].position, reason)


def _count_sub_queries(condition: Condition | None) -> int:
    match condition:
        case Combination():
            return sum(_count_sub_queries(each) for each in condition.parts)
        case Negation():
            return _count_sub_queries(condition.part)
        case Membership():
            return int(isinstance(condition.members, Query))
        case Comparison() | SetMembership() | None:
            return 0


def _grouped(rows: list[Row], operands: list[Operand]) -> list[Sequence[Row]]:
    if not operands:
        return [rows]
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(comparable(each.field, each.get(row)) for each in operands), []).append(row)
    return list(groups.values())


def _render_group(columns: list[tuple[str, Operand]], group: Sequence[Row]) -> dict[str, Any]:
    return {"attributes": {"type": "AggregateResult"}, **{name: each.get(group) for name, each in columns}}


def _no_rows(_row: Any) -> dict[str, Any]:
    return {}

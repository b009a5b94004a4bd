"""How a query runs: the rows of its data source that meet its condition, sorted, and a page of them rendered.

The rows that met a condition are kept per query, day and version of the tables, so that paging through a
large result filters and sorts it once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from sources.sandbox.workday.tenant import Tenant
from sources.sandbox.workday.wql.calendar_sources import CALENDAR_SOURCES
from sources.sandbox.workday.wql.columns import Column
from sources.sandbox.workday.wql.conditions import column_of, comparable, predicate
from sources.sandbox.workday.wql.data_source import EFFECTIVE_DATE, DataSource, Scope
from sources.sandbox.workday.wql.grammar import (
    Aggregate,
    Comparison,
    Condition,
    Field,
    Junction,
    Literal,
    Membership,
    Query,
    Text,
    Wid,
    WqlError,
    parse_query,
)
from sources.sandbox.workday.wql.projection import Body, grouped, projection
from sources.sandbox.workday.wql.worker_sources import WORKER_SOURCES

SOURCES = {source.alias: source for source in (*WORKER_SOURCES, *CALENDAR_SOURCES)}
KEPT_RESULTS = 12


@dataclass(frozen=True, slots=True)
class Result:
    """All rows of a result, rendered one by one when a page wants them."""

    rows: Sequence[Any]
    render: Callable[[Any], Body]

    def page(self, limit: int, offset: int) -> list[Body]:
        """One page, rendered."""
        return [self.render(row) for row in self.rows[offset : offset + limit]]


class Engine:
    """Runs queries against one tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._results: OrderedDict[tuple[str, int, date], Result] = OrderedDict()

    def run(self, text: str, today: date) -> Result:
        """The result of a query as of today; raises WqlError."""
        key = (text, self._tenant.version, today)
        result = self._results.get(key)
        if result is None:
            result = self._results[key] = self._fresh(parse_query(text), today)
            while len(self._results) > KEPT_RESULTS:
                self._results.popitem(last=False)
        self._results.move_to_end(key)
        return result

    def _fresh(self, query: Query, today: date) -> Result:
        source = SOURCES.get(query.source)
        if source is None:
            raise WqlError(f"invalid query: unknown data source '{query.source}'")
        rows = _matching(source, query.where, _scope(self._tenant, source, query.parameters, today))
        aggregates = any(isinstance(item.value, Aggregate) for item in query.items)
        if query.group_by or aggregates:
            return _limited(query, _ordered_bodies(query, grouped(query, source.columns, rows)), _as_is)
        project = projection(query.items, source.columns)
        ordered = _ordered_rows(query, source.columns, rows)
        if query.distinct:
            return _limited(query, _distinct([project(row) for row in ordered]), _as_is)
        return _limited(query, ordered, project)


def _as_is(body: Body) -> Body:
    return body


def _limited(query: Query, rows: Sequence[Any], render: Callable[[Any], Body]) -> Result:
    return Result(rows if query.limit is None else rows[: query.limit], render)


def _scope(tenant: Tenant, source: DataSource, parameters: Mapping[str, Literal], today: date) -> Scope:
    unknown = next((name for name in parameters if name not in source.parameters), None)
    if unknown is not None:
        raise WqlError(f"invalid query: data source '{source.alias}' has no parameter '{unknown}'")
    missing = next((name for name in source.required if name not in parameters), None)
    if missing is not None:
        raise WqlError(f"invalid query: data source '{source.alias}' needs the parameter '{missing}'")
    texts = {name: _parameter_text(name, parameters[name]) for name in parameters}
    return Scope(tenant, _effective_day(texts.pop(EFFECTIVE_DATE, None), today), texts)


def _parameter_text(name: str, literal: Literal) -> str:
    if not isinstance(literal, Text):
        raise WqlError(f"invalid query: the parameter '{name}' must be a quoted text")
    return literal.value


def _effective_day(given: str | None, today: date) -> date:
    try:
        return today if given is None else date.fromisoformat(given)
    except ValueError as exc:
        raise WqlError(f"invalid query: '{given}' is not a date for {EFFECTIVE_DATE}") from exc


def _matching(source: DataSource, where: Condition | None, scope: Scope) -> Sequence[Any]:
    if where is None:
        return source.rows(scope)
    holds = predicate(where, source.columns)
    return [row for row in _candidates(source, where, scope) if holds(row)]


def _candidates(source: DataSource, where: Condition, scope: Scope) -> Sequence[Any]:
    """The rows that an index leaves when a condition that must hold names some, else all rows."""
    must = where.conditions if isinstance(where, Junction) and where.every else (where,)
    for part in must:
        keys = _keys(source, part)
        if keys is not None and source.pick is not None:
            return source.pick(scope, *keys)
    return source.rows(scope)


def _keys(source: DataSource, part: Condition) -> tuple[str, list[str]] | None:
    if isinstance(part, Comparison) and part.operator == "=":
        literals: tuple[Literal, ...] = (part.literal,)
    elif isinstance(part, Membership) and not part.negated:
        literals = part.literals
    else:
        return None
    if part.name not in source.indexed:
        return None
    return part.name, [literal.value for literal in literals if isinstance(literal, Text | Wid)]


def _ordered_rows(query: Query, columns: Mapping[str, Column], rows: Sequence[Any]) -> Sequence[Any]:
    selected = {item.label: item.value.name for item in query.items if isinstance(item.value, Field)}
    ordered = rows
    for name, descending in reversed(query.order_by):
        column = column_of(columns, selected.get(name, name))
        ordered = sorted(ordered, key=_sort_key(column.read), reverse=descending)
    return ordered


def _sort_key(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Empty values come first, as the smallest."""

    def key(row: Any) -> tuple[Any, ...]:
        value = comparable(read(row))
        return (False,) if value is None else (True, value)

    return key


def _ordered_bodies(query: Query, bodies: list[Body]) -> list[Body]:
    labels = {item.label for item in query.items}
    for name, descending in reversed(query.order_by):
        if name not in labels:
            raise WqlError(f"invalid query: '{name}' is not in the select list, so groups cannot be ordered by it")
        bodies = sorted(bodies, key=_sort_key(_body_reader(name)), reverse=descending)
    return bodies


def _body_reader(name: str) -> Callable[[Body], Any]:
    def read(body: Body) -> Any:
        value = body.get(name)
        return value.get("descriptor", value.get("value")) if isinstance(value, dict) else value

    return read


def _distinct(bodies: list[Body]) -> list[Body]:
    return list({orjson.dumps(body, default=str): body for body in bodies}.values())

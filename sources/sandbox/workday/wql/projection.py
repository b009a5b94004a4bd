"""The select list and the groups of a query: what each result row holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sources.sandbox.workday.wql.columns import Column, Kind, Value, shown
from sources.sandbox.workday.wql.conditions import column_of
from sources.sandbox.workday.wql.grammar import Aggregate, Field, Item, Query, WqlError

Body = dict[str, Any]
Projection = Callable[[Any], Body]
Reader = Callable[[Any], Any]
_SUMMABLE = (Kind.NUMERIC,)
_ORDERED = (Kind.NUMERIC, Kind.DATE, Kind.DATETIME)


def projection(items: Sequence[Item], columns: Mapping[str, Column]) -> Projection:
    """The result row of a source row; empty fields are left out of it. Raises WqlError for unknown fields."""
    check_labels(items)
    readers = [(item.label, _field_reader(item.value, columns)) for item in items if isinstance(item.value, Field)]

    def project(row: Any) -> Body:
        values = ((label, read(row)) for label, read in readers)
        return {label: value for label, value in values if value is not None}

    return project


def check_labels(items: Sequence[Item]) -> None:
    """Refuse a select list that gives two columns of the result the same name."""
    labels = [item.label for item in items]
    twice = next((label for n, label in enumerate(labels) if label in labels[:n]), None)
    if twice is not None:
        raise WqlError(f"invalid query: '{twice}' stands twice in the select list")


def _field_reader(field: Field, columns: Mapping[str, Column]) -> Reader:
    column = column_of(columns, field.name)
    if not field.nested:
        return lambda row: shown(column.read(row))
    if column.kind is not Kind.INSTANCE:
        raise WqlError(f"invalid query: '{field.name}' is not an instance and has no fields of its own")
    inner = projection(field.nested, column.related)

    def read(row: Any) -> Body | None:
        related = column.related_row(row)
        return None if related is None else inner(related)

    return read


def grouped(query: Query, columns: Mapping[str, Column], rows: Iterable[Any]) -> list[Body]:
    """One result row per group, in the order in which the groups first appear."""
    check_labels(query.items)
    keys = [column_of(columns, name) for name in query.group_by]
    makers = [(item.label, _group_reader(item, query, columns)) for item in query.items]
    groups: dict[tuple[Value, ...], list[Any]] = {}
    for row in rows:
        groups.setdefault(tuple(column.read(row) for column in keys), []).append(row)
    if not keys and not groups:
        groups[()] = []
    return [_without_empty((label, make(members)) for label, make in makers) for members in groups.values()]


def _without_empty(pairs: Iterable[tuple[str, Any]]) -> Body:
    return {label: value for label, value in pairs if value is not None}


def _group_reader(item: Item, query: Query, columns: Mapping[str, Column]) -> Callable[[list[Any]], Any]:
    if isinstance(item.value, Aggregate):
        return _aggregate_reader(item.value, columns)
    if item.value.name not in query.group_by:
        raise WqlError(f"invalid query: '{item.value.name}' is neither grouped by nor in a function")
    read = _field_reader(item.value, columns)
    return lambda members: read(members[0])


def _aggregate_reader(aggregate: Aggregate, columns: Mapping[str, Column]) -> Callable[[list[Any]], Any]:
    column = column_of(columns, aggregate.name)
    function = aggregate.function
    allowed = {"sum": _SUMMABLE, "avg": _SUMMABLE, "min": _ORDERED, "max": _ORDERED}
    if function in allowed and column.kind not in allowed[function]:
        raise WqlError(f"invalid query: {function} does not apply to the {column.kind} field '{aggregate.name}'")

    def read(members: list[Any]) -> Any:
        values = [value for value in map(column.read, members) if value not in (None, "")]
        kept: list[Any] = list(dict.fromkeys(values)) if aggregate.distinct else values
        return _aggregated(function, kept)

    return read


def _aggregated(function: str, values: list[Any]) -> Any:
    if function == "count":
        return len(values)
    if not values:
        return None
    if function == "avg":
        return sum(values, Decimal(0)) / len(values)
    if function == "sum":
        return sum(values, Decimal(0))
    return shown(min(values) if function == "min" else max(values))

"""What the names of a query stand for: fields of the queried object, of its parents, and aggregates of groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sources.sandbox.salesforce.database import Database, Row, comparable
from sources.sandbox.salesforce.fields import NUMBER_TYPES, Field, ObjectType
from sources.sandbox.salesforce.soql.failures import QueryText
from sources.sandbox.salesforce.soql.syntax import Aggregate, Path

MAX_PARENT_LEVELS = 5
_HINT = "Please reference your WSDL or the describe call for the appropriate names."
_UNGROUPABLE = frozenset({"int", "double", "currency", "percent", "datetime"})


@dataclass(frozen=True, slots=True)
class Operand:
    """A value that each row (or group of rows) has, and the field that says of what type it is.

    `own` is true for a field of the queried object itself, which an index can serve.
    """

    field: Field
    get: Callable[[Any], Any]
    own: bool


@dataclass(frozen=True, slots=True)
class Context:
    """What a whole query shares: its text, the rows, today's date, and whether deleted rows count."""

    text: QueryText
    database: Database
    today: date
    include_deleted: bool
    deleted_since: str


class RowScope:
    """Names seen from one row of an object."""

    def __init__(self, context: Context, kind: ObjectType, alias: str | None) -> None:
        self.context = context
        self.kind = kind
        self._own_names = {kind.name.lower(), (alias or kind.name).lower()}

    def operand(self, target: Path | Aggregate) -> Operand:
        """The field that a path leads to; aggregates have no meaning here."""
        if isinstance(target, Aggregate):
            self.context.text.refuse(
                "MALFORMED_QUERY", target.position, "aggregate functions are only allowed in HAVING"
            )
        names = self.local_names(target)
        field, getter = self._follow(self.kind, names, target)
        return Operand(field, getter, own=len(names) == 1)

    def local_names(self, path: Path) -> tuple[str, ...]:
        """The names of a path without the queried object's own name or alias in front."""
        first = path.names[0].lower()
        qualified = len(path.names) > 1 and first in self._own_names and first not in self.kind.parents
        return path.names[1:] if qualified else path.names

    def parent(self, kind: ObjectType, name: str, path: Path) -> Field:
        """The lookup behind a relationship name."""
        found = kind.parents.get(name.lower())
        if found is None:
            reason = (
                f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom "
                f"relationship, be sure to append the '__r' after the custom relationship name. {_HINT}"
            )
            self.context.text.refuse("INVALID_FIELD", path.position, reason)
        return found

    def column(self, kind: ObjectType, name: str, path: Path) -> Field:
        """The field of that name."""
        found = kind.find_field(name)
        if found is None:
            reason = (
                f"No such column '{name}' on entity '{kind.name}'. If you are attempting to use a custom field, "
                f"be sure to append the '__c' after the custom field name. {_HINT}"
            )
            self.context.text.refuse("INVALID_FIELD", path.position, reason)
        return found

    def _follow(self, kind: ObjectType, names: tuple[str, ...], path: Path) -> tuple[Field, Callable[[Row], Any]]:
        if len(names) == 1:
            field = self.column(kind, names[0], path)
            name = field.name
            return field, lambda row: row[name]
        if len(names) > MAX_PARENT_LEVELS + 1:
            reason = f"SELECT has more than {MAX_PARENT_LEVELS} levels of parent relationships"
            self.context.text.refuse("MALFORMED_QUERY", path.position, reason)
        lookup = self.parent(kind, names[0], path)
        parent_kind = self.context.database.catalogue[str(lookup.reference_to).lower()]
        field, get = self._follow(parent_kind, names[1:], path)
        rows, key = self.context.database.table(parent_kind.name).rows, lookup.name

        def through_parent(row: Row) -> Any:
            parent = rows.get(row[key]) if row[key] is not None else None
            return None if parent is None else get(parent)

        return field, through_parent


class GroupScope(RowScope):
    """Names seen from a group of rows: grouped fields and aggregates."""

    def __init__(self, rows: RowScope, grouped: Sequence[Path], alias: str | None) -> None:
        super().__init__(rows.context, rows.kind, alias)
        self._grouped = {tuple(each.lower() for each in rows.local_names(path)) for path in grouped}

    def operand(self, target: Path | Aggregate) -> Operand:
        """A grouped field's value, or an aggregate over the group's rows."""
        if isinstance(target, Aggregate):
            return self._aggregate(target)
        if tuple(each.lower() for each in self.local_names(target)) not in self._grouped:
            reason = f"Field must be grouped or aggregated: {target.text}"
            self.context.text.refuse("MALFORMED_QUERY", target.position, reason)
        inner = super().operand(target)
        return Operand(inner.field, lambda group: inner.get(group[0]), own=False)

    def _aggregate(self, target: Aggregate) -> Operand:
        if target.path is None:
            return Operand(_COUNT, len, own=False)
        inner = super().operand(target.path)
        summing = target.function in {"SUM", "AVG"}
        if (summing and inner.field.type not in NUMBER_TYPES) or inner.field.type == "boolean" or inner.field.long_text:
            reason = f"field {target.path.text} does not support aggregate operator {target.function}"
            raise self.context.text.failure("MALFORMED_QUERY", target.position, reason)
        compute = _AGGREGATES[target.function]
        field = _COUNT if target.function.startswith("COUNT") else _AVERAGE if target.function == "AVG" else inner.field

        def over_group(group: Sequence[Row]) -> Any:
            return compute([each for each in map(inner.get, group) if each is not None])

        return Operand(field, over_group, own=False)


def find_object(context: Context, path: Path) -> ObjectType:
    """The object that FROM names."""
    kind = context.database.catalogue.get(path.text.lower())
    if kind is None:
        reason = (
            f"sObject type '{path.text}' is not supported. If you are attempting to use a custom object, be sure "
            f"to append the '__c' after the entity name. {_HINT}"
        )
        context.text.refuse("INVALID_TYPE", path.position, reason)
    return kind


def check_groupable(context: Context, operand: Operand, path: Path) -> None:
    """Refuse a GROUP BY of a type that cannot be grouped."""
    if operand.field.type in _UNGROUPABLE or operand.field.long_text:
        reason = f"field '{path.names[-1]}' can not be grouped in a query call"
        context.text.refuse("MALFORMED_QUERY", path.position, reason)


def sort_rows(rows: list[Any], operand: Operand, *, descending: bool, nulls_last: bool) -> list[Any]:
    """The rows by one key, equal ones in their old order; texts without regard to case."""
    pairs = [(comparable(operand.field, operand.get(row)), row) for row in rows]
    nulls = [row for key, row in pairs if key is None]
    known = sorted((each for each in pairs if each[0] is not None), key=lambda each: each[0], reverse=descending)
    ordered = [row for _, row in known]
    return ordered + nulls if nulls_last else nulls + ordered


_COUNT = Field("count", "int", "count")
_AVERAGE = Field("avg", "double", "avg")
_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "COUNT": len,
    "COUNT_DISTINCT": lambda values: len(set(values)),
    "SUM": lambda values: sum(values) if values else None,
    "AVG": lambda values: sum(values) / len(values) if values else None,
    "MIN": lambda values: min(values, default=None),
    "MAX": lambda values: max(values, default=None),
}

"""How a selected row is printed: fields under their API names, parents nested, children as results of their own."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from sources.sandbox.salesforce.database import Row
from sources.sandbox.salesforce.fields import Field, ObjectType
from sources.sandbox.salesforce.soql.scope import MAX_PARENT_LEVELS, RowScope
from sources.sandbox.salesforce.soql.syntax import FieldsCall, Path

Render = Callable[[Any], dict[str, Any]]


class Projection:
    """The selected columns of one object, in the order of their first mention."""

    def __init__(self, scope: RowScope, base_url: str, kind: ObjectType | None = None) -> None:
        self._scope = scope
        self._kind = kind or scope.kind
        self._base_url = base_url
        self._columns: dict[str, Callable[[Row], Any]] = {}
        self._parents: dict[str, Projection] = {}

    def render(self, row: Row) -> dict[str, Any]:
        """One record of the reply."""
        url = f"{self._base_url}/sobjects/{self._kind.name}/{row['Id']}"
        record: dict[str, Any] = {"attributes": {"type": self._kind.name, "url": url}}
        for name, get in self._columns.items():
            record[name] = get(row)
        return record

    def add(self, name: str, get: Callable[[Row], Any]) -> None:
        """Add a column that is not a field."""
        self._columns[name] = get

    def add_path(self, path: Path) -> None:
        """Add a field, nested when it is a parent's; refuses a field that is there already."""
        names = self._scope.local_names(path)
        if len(names) > MAX_PARENT_LEVELS + 1:
            reason = f"SELECT has more than {MAX_PARENT_LEVELS} levels of parent relationships"
            self._scope.context.text.refuse("MALFORMED_QUERY", path.position, reason)
        self.add_names(names, path)

    def add_group(self, call: FieldsCall) -> None:
        """Add the fields of FIELDS(…)."""
        groups: dict[str, Callable[[Field], bool]] = {
            "ALL": lambda _: True,
            "STANDARD": lambda each: not each.custom,
            "CUSTOM": lambda each: each.custom,
        }
        chosen = groups.get(call.group)
        if chosen is None:
            reason = f"unexpected token: '{call.group}'"
            self._scope.context.text.refuse("MALFORMED_QUERY", call.position, reason)
        for each in self._kind.fields.values():
            if chosen(each):
                self._columns.setdefault(each.name, itemgetter(each.name))

    def add_names(self, names: tuple[str, ...], path: Path) -> None:
        """Add the field at the end of these names, seen from this object."""
        if len(names) > 1:
            self._parent(names[0], path).add_names(names[1:], path)
            return
        field = self._scope.column(self._kind, names[0], path)
        if field.name in self._columns:
            reason = f"duplicate field selected: {path.text}"
            self._scope.context.text.refuse("INVALID_FIELD", path.position, reason)
        self._columns[field.name] = itemgetter(field.name)

    def _parent(self, name: str, path: Path) -> Projection:
        lookup = self._scope.parent(self._kind, name, path)
        relationship = str(lookup.relationship)
        known = self._parents.get(relationship)
        if known is not None:
            return known
        database = self._scope.context.database
        kind = database.catalogue[str(lookup.reference_to).lower()]
        parent = self._parents[relationship] = Projection(self._scope, self._base_url, kind)
        rows = database.table(kind.name).rows

        def render_parent(row: Row) -> dict[str, Any] | None:
            found = rows.get(row[lookup.name]) if row[lookup.name] is not None else None
            return None if found is None else parent.render(found)

        self._columns[relationship] = render_parent
        return parent

"""The careful pass: one field at a time, with paths, for answers in which something is wrong.

The generated code knows only answers in which every value is there. Where a source is silent, a value
is missing that must not be, an argument is refused or a field may not be seen, this pass makes the
response from the same data, with nulls, errors and faults as the specification of GraphQL wants them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLOutputType,
    Undefined,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    located_error,
)
from graphql.pyutils import inspect

from hub.domain.ids import CanonicalId
from hub.domain.records import BY_CANONICAL, RecordKey, Ref
from hub.domain.visibility import FIELDS
from hub.ports import CachedRecord, Entity
from resolvers.engine.binding import Bound, ByCode
from resolvers.engine.plan import Denied, FieldPlan, Identity, Selection, TypeName
from resolvers.engine.sight import NotHere, Sight
from resolvers.faults import FORBIDDEN_FIELD, Fault, Lack, Path
from resolvers.graph import (
    TYPE_OF_KIND,
    Attr,
    ByIds,
    Children,
    Derived,
    Health,
    Kept,
    Link,
    Lookup,
    Owned,
    Pages,
    Part,
    PartLink,
    Provenance,
    Reverse,
)
from resolvers.pages import Connection, connection, first_id
from resolvers.request import Request
from resolvers.rights import COST_RATE, NEVER_NULL, STAND_INS, withheld_of
from resolvers.values import RecordState, field_value, part, record_state


@dataclass(slots=True)
class Interpreter:
    """Makes a response, or one field of it, from what is in sight; errors and faults gather beside it."""

    bound: Bound
    sight: Sight
    request: Request
    errors: list[GraphQLError] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def response(self) -> dict[str, Any] | None:
        """The data of the whole response; None when an error reaches its root."""
        try:
            return self._selection(self.bound.plan.root, None, ())
        except GraphQLError as error:
            self.errors = [error]
            return None

    def _selection(self, selection: Selection, parent: Any, path: Path) -> dict[str, Any]:
        if selection.problem is not None:
            raise selection.problem
        return {asked.key: self.field(asked, parent, (*path, asked.key)) for asked in selection.fields}

    def field(self, asked: FieldPlan, parent: Any, path: Path) -> Any:
        """The completed value of one field; raises GraphQLError where its parent has to become null."""
        mark = len(self.errors)
        try:
            return self._complete(asked, asked.returns, self._resolve(asked, parent, path), path)
        except NotHere:
            raise
        except Exception as problem:
            error = located_error(problem, asked.nodes, list(path))
            if is_non_null_type(asked.returns):
                raise error from problem
            self._note(error, mark)
            return None

    def _note(self, error: GraphQLError, mark: int) -> None:
        """Keep an error that has found its null; what was noted below that null is gone with it."""
        del self.errors[mark:]
        self.errors.append(error)

    # -- completing: the specification's CompleteValue -------------------------------------------

    def _complete(self, asked: FieldPlan, kind: GraphQLOutputType, value: Any, path: Path) -> Any:
        if isinstance(value, Exception):
            raise value
        if is_non_null_type(kind):
            completed = self._complete(asked, kind.of_type, value, path)
            if completed is None:
                raise TypeError(f"Cannot return null for non-nullable field {asked.type_name}.{asked.name}.")
            return completed
        if value is None:
            return None
        if is_list_type(kind):
            return [self._item(asked, kind.of_type, item, (*path, n)) for n, item in enumerate(value)]
        if is_leaf_type(kind):
            return _leaf(kind, value)
        name = TYPE_OF_KIND[value.kind] if is_abstract_type(kind) else kind.name  # type: ignore[union-attr]
        return self._selection(asked.below[name], value, path)

    def _item(self, asked: FieldPlan, kind: GraphQLOutputType, item: Any, path: Path) -> Any:
        mark = len(self.errors)
        try:
            return self._complete(asked, kind, item, path)
        except NotHere:
            raise
        except Exception as problem:
            error = located_error(problem, asked.nodes, list(path))
            if is_non_null_type(kind):
                raise error from problem
            self._note(error, mark)
            return None

    # -- resolving: what resolvers.read does, without waiting ------------------------------------

    def _resolve(self, asked: FieldPlan, parent: Any, path: Path) -> Any:
        source = asked.source if self._sees(asked, parent) else STAND_INS.get(asked.place) or Denied()
        return getattr(self, _RESOLVERS[type(source)])(asked, source, parent, path)

    def _sees(self, asked: FieldPlan, parent: Any) -> bool:
        """Whether what the plan shows may be shown of this parent too."""
        withheld = withheld_of(parent)
        return not withheld or FIELDS.get(asked.place) not in withheld

    def _lacks(self, asked: FieldPlan, lack: Lack, path: Path) -> None:
        self.faults.append(Fault(lack, f"{asked.type_name}.{asked.name}", path))

    def _type_name(self, asked: FieldPlan, *_: Any) -> str:
        return asked.type_name

    def _identity(self, _: FieldPlan, __: Identity, parent: Entity, ___: Path) -> str:
        return parent.id

    def _denied(self, asked: FieldPlan, _: Denied, __: Any, path: Path) -> list[Any] | None:
        # The reference path refuses arguments first, because the library coerces them before it resolves.
        self.bound.given(asked)
        self._lacks(asked, Lack(FORBIDDEN_FIELD, None), path)
        return [] if asked.place in NEVER_NULL else None

    def _of_record(self, asked: FieldPlan, source: Attr | Derived, parent: Entity, path: Path) -> Any:
        found = found_for(parent, self.bound, self.sight)
        value = field_value(source, parent, self.bound.given(asked), found, self.request)
        if isinstance(value, Lack):
            self._lacks(asked, value, path)
            return None
        if asked.place == COST_RATE and value is not None:
            self.request.cost_rates_read[parent.id] = None
        return value

    def _kept(self, _: FieldPlan, source: Kept, parent: Entity, __: Path) -> Any:
        return parent.kept.get(source.name)

    def _link(self, _: FieldPlan, source: Link, parent: Entity, __: Path) -> Entity | None:
        target = parent.kept.get(source.name)
        return None if target is None else self.sight.entity(CanonicalId(target))  # type: ignore[arg-type]

    def _reverse(self, asked: FieldPlan, _: Reverse, parent: Entity, __: Path) -> Entity | None:
        target = first_id(self.sight.pages(self.bound.query(asked), [parent.id])[0])
        return None if target is None else self.sight.entity(target)

    def _children(self, asked: FieldPlan, _: Children, parent: Entity, __: Path) -> list[Entity]:
        return self._living(self.sight.pages(self.bound.query(asked), [parent.id])[0].ids)

    def _living(self, ids: Iterable[CanonicalId]) -> list[Entity]:
        return [e for e in map(self.sight.entity, ids) if e is not None]

    def _pages(self, asked: FieldPlan, source: Pages, parent: Any, _: Path) -> Connection:
        query = self.bound.query(asked)
        page = self.sight.page(query) if source.via is None else self.sight.pages(query, [parent.id])[0]
        return connection(page, [self.sight.entity(i) for i in page.ids])

    def _provenance(self, _: FieldPlan, __: Provenance, parent: Entity, ___: Path) -> list[RecordState]:
        return provenance(parent, self.bound, self.sight, self.request)

    def _lookup(self, asked: FieldPlan, _: Lookup, __: Any, ___: Path) -> Entity | None:
        found = named_by(self.bound.target(asked), self.sight)
        return None if found is None else self.sight.entity(found)

    def _by_ids(self, asked: FieldPlan, source: ByIds, _: Any, __: Path) -> Any:
        target = self.bound.target(asked)
        if not source.many:
            return self.sight.entity(target)
        return [self.sight.entity(CanonicalId(slot)) if isinstance(slot, str) else slot for slot in target]

    def _health(self, *_: Any) -> Any:
        return self.sight.health()

    def _part(self, _: FieldPlan, source: Part, parent: Any, __: Path) -> Any:
        value = part(parent, source.name)
        return value if value is None or source.of is None else source.of(value)

    def _part_link(self, asked: FieldPlan, _: PartLink, parent: Owned, __: Path) -> Entity | None:
        return meant(asked, parent, self.bound, self.sight)


_RESOLVERS: Mapping[type, str] = {
    TypeName: "_type_name",
    Identity: "_identity",
    Denied: "_denied",
    Attr: "_of_record",
    Derived: "_of_record",
    Kept: "_kept",
    Link: "_link",
    Reverse: "_reverse",
    Children: "_children",
    Pages: "_pages",
    Provenance: "_provenance",
    Lookup: "_lookup",
    ByIds: "_by_ids",
    Health: "_health",
    Part: "_part",
    PartLink: "_part_link",
}


def _leaf(kind: Any, value: Any) -> Any:
    coerced = kind.coerce_output_value(value)
    if coerced is None or coerced is Undefined:
        raise TypeError(
            f"Expected `{inspect(kind)}.coerce_output_value({inspect(value)})`"
            f" to return non-nullable value, returned: {inspect(coerced)}"
        )
    return coerced


# -- what generated code and the careful pass share -------------------------------------------------


def found_for(entity: Entity, bound: Bound, sight: Sight) -> Callable[[RecordKey], CachedRecord]:
    """The records of an entity as they are needed by the plan."""
    domains = {key: domain for domain, key in entity.keys.items()}
    return lambda key: sight.record(key, bound.need(entity.record_kind, domains[key]))


def provenance(entity: Entity, bound: Bound, sight: Sight, request: Request) -> list[RecordState]:
    """Every record behind an entity as it is now; systems that the estate has no more are left out."""
    systems = request.reads.systems
    return [
        record_state(key, card, sight.record(key, bound.need(key.kind, card.domain)))
        for key in entity.records
        if (card := systems.get(key.system)) is not None
    ]


def named_by(target: CanonicalId | ByCode | None, sight: Sight) -> CanonicalId | None:
    """The id of the entity that a root field names."""
    return sight.by_code(target.kind, target.code) if isinstance(target, ByCode) else target


def meant(asked: FieldPlan, owned: Owned, bound: Bound, sight: Sight) -> Entity | None:
    """The entity that a reference inside an owned value means."""
    source = asked.source
    if not isinstance(source, PartLink):
        raise TypeError(f"{asked.name} is no reference")
    ref = part(owned, source.name)
    if not isinstance(ref, Ref):
        return None
    if ref.by == BY_CANONICAL:
        return sight.entity(CanonicalId(ref.value))
    neighbours: Sequence[CanonicalId] = sight.pages(bound.query(asked), [owned.entity.id])[0].ids
    entities = (e for e in map(sight.entity, neighbours) if e is not None)
    return next((e for e in entities if any(key.external_id == ref.value for key in e.records)), None)

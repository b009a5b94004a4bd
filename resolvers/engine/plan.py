"""What a plan is made of: selection sets on object types, with the source of every field.

A plan holds for one operation of one document, for one combination of the booleans that `@skip` and
`@include` depend on, and for one set of rights. Arguments are no part of it (resolvers.engine.binding).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from graphql import FieldNode, GraphQLError, GraphQLField, GraphQLOutputType, OperationDefinitionNode

from hub.domain.kinds import Kind
from resolvers.graph import KIND_OF_TYPE, FieldSource
from resolvers.rights import COST_RATE, Place


class Declined(Exception):
    """The operation is not for the planned path; the reference path executes it."""


@dataclass(frozen=True, slots=True)
class TypeName:
    """The name of the object type itself."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The canonical id of an entity."""


@dataclass(frozen=True, slots=True)
class Denied:
    """A field that the caller may not see."""


Source: TypeAlias = FieldSource | TypeName | Identity | Denied


@dataclass(slots=True, eq=False)
class FieldPlan:
    """One field of a selection set; `below` has the selection set per object type that its value may have.

    `number` is the field's slot for what is bound per request.
    """

    number: int
    key: str
    name: str
    type_name: str
    source: Source
    definition: GraphQLField
    nodes: list[FieldNode]
    below: Mapping[str, Selection] = field(default_factory=dict)

    @property
    def returns(self) -> GraphQLOutputType:
        """The type of the field's value."""
        return self.definition.type

    @property
    def place(self) -> Place:
        """The field, in the tables' words."""
        return self.type_name, self.name

    def selects(self, name: str) -> bool:
        """Whether a field of that name is asked for below."""
        return any(f.name == name for selection in self.below.values() for f in selection.fields)


@dataclass(slots=True, eq=False)
class Selection:
    """The merged selection set on one object type; `problem` is why it cannot be executed at all."""

    number: int
    type_name: str
    fields: tuple[FieldPlan, ...] = ()
    problem: GraphQLError | None = None

    @property
    def kind(self) -> Kind | None:
        """The kind of entity, None for a plain value."""
        return KIND_OF_TYPE.get(self.type_name)


@dataclass(slots=True, eq=False)
class Plan:
    """A planned operation: all its selection sets and fields by number, the root first."""

    operation: OperationDefinitionNode
    root: Selection
    selections: list[Selection]
    fields: list[FieldPlan]

    @property
    def audited(self) -> bool:
        """Whether its answers show what people cost: such an answer is made anew each time, and noted."""
        return any(f.place == COST_RATE and not isinstance(f.source, Denied) for f in self.fields)

    def entity_selections(self) -> Iterator[Selection]:
        """The selection sets on entities."""
        return (s for s in self.selections if s.kind is not None)

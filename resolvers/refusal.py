"""Filters, orders and arguments that a caller may not use: then the whole request is refused (domain.md 9.1).

A value that one may not see could be found out by asking which rows have it. What is asked is read from the
document and from the variables' declared types, wherever it stands: no alias or fragment hides it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from graphql import (
    ArgumentNode,
    DocumentNode,
    EnumValueNode,
    FragmentDefinitionNode,
    GraphQLInputType,
    GraphQLSchema,
    NullValueNode,
    ObjectFieldNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    ValueNode,
    VariableNode,
    Visitor,
    get_named_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    type_from_ast,
    visit,
)

from hub.domain.visibility import Rights

Member = tuple[str, str]
"""(input type or enum, its member), or (`Type.field`, its argument)."""


def denied_input(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    rights: Rights,
) -> str | None:
    """The first thing that the caller may not ask by, such as `ResourceFilter.search`; None when all is well."""
    denied = rights.denied_inputs
    if not denied:
        return None
    asked = _Asked(schema, operation, variables)
    for definition in document.definitions:
        if definition is operation or isinstance(definition, FragmentDefinitionNode):
            visit(definition, TypeInfoVisitor(asked.types, asked))
    asked.members.extend(_in_variables(schema, operation, variables))
    return next((".".join(member) for member in asked.members if member in denied), None)


def _in_variables(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> Iterator[Member]:
    for definition in operation.variable_definitions or ():
        kind = type_from_ast(schema, definition.type)
        given = variables.get(definition.variable.name.value)
        if kind is not None and given is not None:
            yield from _in_value(cast("GraphQLInputType", kind), given)


def _in_value(kind: GraphQLInputType, given: Any) -> Iterator[Member]:
    """The members of inputs and enums that a variable's value names."""
    if is_non_null_type(kind):
        yield from _in_value(kind.of_type, given)
    elif is_list_type(kind):
        for item in given if isinstance(given, list) else [given]:
            yield from _in_value(kind.of_type, item)
    elif is_input_object_type(kind):
        for name, value in given.items() if isinstance(given, Mapping) else ():
            if value is not None and name in kind.fields:
                yield kind.name, name
                yield from _in_value(kind.fields[name].type, value)
    elif isinstance(given, str):
        yield get_named_type(kind).name, given


class _Asked(Visitor):
    """Gathers what the document itself asks by."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> None:
        super().__init__()
        self.types = TypeInfo(schema)
        self.members: list[Member] = []
        self._variables = variables
        self._defaults = {d.variable.name.value: d.default_value for d in operation.variable_definitions or ()}

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        """An argument of a field."""
        parent, name = self.types.get_parent_type(), self.types.get_field_def()
        if parent is not None and name is not None and self._says_something(node.value):
            field = next(n for n, f in parent.fields.items() if f is name)  # type: ignore[union-attr]
            self.members.append((f"{parent.name}.{field}", node.name.value))

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> None:
        """A member of an input."""
        parent = self.types.get_parent_input_type()
        if parent is not None and self._says_something(node.value):
            self.members.append((get_named_type(parent).name, node.name.value))

    def enter_enum_value(self, node: EnumValueNode, *_: Any) -> None:
        """A value of an enum."""
        kind = self.types.get_input_type()
        if kind is not None:
            self.members.append((get_named_type(kind).name, node.value))

    def _says_something(self, value: ValueNode) -> bool:
        if isinstance(value, VariableNode):
            name = value.name.value
            return self._variables.get(name, self._defaults.get(name)) is not None
        return not isinstance(value, NullValueNode)

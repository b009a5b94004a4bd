"""What a query costs at most, counted before anything is looked up: how many entities it may touch.

An entity costs 1, a plain value nothing; a list costs as much as its size times one of its members:
a page its `first` or `last`, ids as many as there are, any other list as many as are usual. Conditions
(`@skip`, `@include`) are taken as if everything were asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    IntValueNode,
    ListTypeNode,
    ListValueNode,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TypeNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_list_type,
)
from graphql.utilities import value_from_ast_untyped

from resolvers.arguments import MAX_PAGE
from resolvers.graph import KIND_OF_TYPE

USUAL_LENGTH = 10
"""How many members a list is taken to have that has no size of its own."""
COSTS_KEPT = 64
"""For how many combinations of sizes the cost of a document is kept."""
_SIZES = ("first", "last")
_LISTS_OF_IDS = ("ids", "representations")

Variables = Mapping[str, Any]


class Costs:
    """The costs of one valid document's operations; kept by the variables that decide about them."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._deciding = tuple(sorted(_deciding(document)))
        self._known: dict[tuple[Any, ...], int] = {}

    def of(self, operation: OperationDefinitionNode, variables: Variables) -> int:
        """The cost of an operation with these variables, which nobody has checked yet."""
        key = (id(operation), *[_size_of(variables.get(name, _ABSENT)) for name in self._deciding])
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= COSTS_KEPT:
                self._known.clear()
            known = self._known[key] = self._counted(operation, variables)
        return known

    def _counted(self, operation: OperationDefinitionNode, variables: Variables) -> int:
        root = self._schema.get_root_type(operation.operation)
        defaults = {
            d.variable.name.value: value_from_ast_untyped(d.default_value)
            for d in operation.variable_definitions or ()
            if d.default_value is not None
        }
        counting = _Counting(self._schema, self._fragments, {**defaults, **variables})
        return 0 if root is None else counting.of(operation.selection_set, root)


_ABSENT = object()


def _size_of(value: Any) -> Any:
    """What decides of a variable's value: the number, or the length."""
    if isinstance(value, list):
        return -1 - len(value)
    return value if isinstance(value, int) or value is _ABSENT else None


def _deciding(document: DocumentNode) -> set[str]:
    """The names of the variables that a cost may depend on."""
    return {
        definition.variable.name.value
        for operation in document.definitions
        if isinstance(operation, OperationDefinitionNode)
        for definition in operation.variable_definitions or ()
        if _may_decide(definition.type)
    }


def _may_decide(of: TypeNode) -> bool:
    """Whether a variable of that type can be a size or a list of ids."""
    if isinstance(of, NonNullTypeNode):
        of = of.type
    return isinstance(of, ListTypeNode) or (isinstance(of, NamedTypeNode) and of.name.value == "Int")


class _Counting:
    """One count; a fragment is counted once however often it is spread."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], variables: Variables
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._known: dict[str, int] = {}

    def of(self, selections: SelectionSetNode | None, on: GraphQLNamedType) -> int:
        """The cost of selections on an object of that type."""
        return sum(self._of_one(one, on) for one in selections.selections) if selections else 0

    def _of_one(self, selection: object, on: GraphQLNamedType) -> int:
        match selection:
            case FieldNode():
                return self._of_field(selection, on)
            case InlineFragmentNode():
                condition = selection.type_condition
                named = None if condition is None else self._schema.get_type(condition.name.value)
                return self.of(selection.selection_set, named or on)
            case FragmentSpreadNode():
                return self._of_fragment(selection.name.value)
            case _:
                return 0

    def _of_fragment(self, name: str) -> int:
        if name not in self._known:
            fragment = self._fragments[name]
            on = self._schema.get_type(fragment.type_condition.name.value)
            self._known[name] = 0 if on is None else self.of(fragment.selection_set, on)
        return self._known[name]

    def _of_field(self, node: FieldNode, on: GraphQLNamedType) -> int:
        composite = isinstance(on, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)
        field = self._schema.get_field(on, node.name.value) if composite else None  # type: ignore[arg-type]
        if field is None or node.selection_set is None or node.name.value.startswith("__"):
            return 0
        below = get_named_type(field.type)
        one = (1 if _is_entity(below) else 0) + self.of(node.selection_set, below)
        return one * self._length(node, field, is_list=is_list_type(get_nullable_type(field.type)))

    def _length(self, node: FieldNode, field: GraphQLField, *, is_list: bool) -> int:
        sized = [name for name in _SIZES if name in field.args]
        if sized:
            return self._page(node, field, sized)
        for name in _LISTS_OF_IDS:
            if name in field.args:
                return self._number_of(name, node)
        # The members of a page have been counted with the page.
        return USUAL_LENGTH if is_list and not _is_page_member(node) else 1

    def _page(self, node: FieldNode, field: GraphQLField, sized: list[str]) -> int:
        given = [self._given(name, node) for name in sized]
        asked = [size for size in given if isinstance(size, int)] or [field.args["first"].default_value]
        return max(0, min(max(asked), MAX_PAGE))

    def _number_of(self, name: str, node: FieldNode) -> int:
        given = self._given(name, node)
        return len(given) if isinstance(given, list) else 1

    def _given(self, name: str, node: FieldNode) -> Any:
        """The value of an argument as far as it matters here: a number, or a list of the right length."""
        argument: ArgumentNode | None = next((a for a in node.arguments or () if a.name.value == name), None)
        match argument.value if argument is not None else None:
            case VariableNode(name=variable):
                return self._variables.get(variable.value)
            case IntValueNode(value=digits):
                return int(digits)
            case ListValueNode(values=values):
                return list(values)
            case _:
                return None


def _is_entity(kind: GraphQLNamedType) -> bool:
    return kind.name in KIND_OF_TYPE or is_abstract_type(kind)


def _is_page_member(node: FieldNode) -> bool:
    return node.name.value in {"nodes", "edges"}

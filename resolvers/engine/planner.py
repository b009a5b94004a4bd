"""From a validated document to a plan; graphql-core collects the fields, so the merging rules are the library's own."""

from __future__ import annotations

from collections.abc import Sequence

from graphql import (
    DirectiveNode,
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    VisitorAction,
    get_named_type,
    is_abstract_type,
    is_object_type,
    visit,
)
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from graphql.language import FragmentDefinitionNode

from hub.domain.visibility import Rights
from resolvers.engine.plan import Declined, Denied, FieldPlan, Identity, Plan, Selection, Source, TypeName
from resolvers.fields import GRAPH
from resolvers.graph import KIND_OF_TYPE
from resolvers.rights import STAND_INS, may_see


def operation_of(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation to execute. Raises Declined for what is not one query: the reference path words the refusal."""
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    named = [o for o in operations if name is None or (o.name is not None and o.name.value == name)]
    if len(named) != 1 or named[0].operation is not OperationType.QUERY:
        raise Declined
    return named[0]


def switches_of(document: DocumentNode) -> tuple[str, ...]:
    """The names of the variables that decide which fields are there at all."""
    found = _Switches()
    visit(document, found)
    return tuple(sorted(found.names))


class _Switches(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: object) -> VisitorAction:
        if node.name.value in {"skip", "include"}:
            self.names.update(a.value.name.value for a in node.arguments or () if isinstance(a.value, VariableNode))
        return None


class Planner:
    """Makes one plan. Raises Declined for introspection and for fields that the table does not know."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
        rights: Rights,
    ) -> None:
        self._operation = operation
        self._schema = schema
        self._fragments = {
            d.name.value: FragmentDetails(d, None)
            for d in document.definitions
            if isinstance(d, FragmentDefinitionNode)
        }
        self._variables = variables
        self._rights = rights
        self._selections: list[Selection] = []
        self._fields: list[FieldPlan] = []

    def plan(self) -> Plan:
        """The plan of the operation. Raises GraphQLError when its fields cannot even be collected."""
        query = self._schema.query_type
        if query is None:
            raise Declined
        collected = collect_fields(self._schema, self._fragments, self._variables, query, self._operation)
        root = self._selection(query, collected.grouped_field_set)
        return Plan(self._operation, root, self._selections, self._fields)

    def _selection(self, on: GraphQLObjectType, grouped: dict[str, list[FieldDetails]]) -> Selection:
        selection = Selection(len(self._selections), on.name)
        self._selections.append(selection)
        selection.fields = tuple(self._field(on, key, details) for key, details in grouped.items())
        return selection

    def _field(self, on: GraphQLObjectType, key: str, details: Sequence[FieldDetails]) -> FieldPlan:
        name = details[0].node.name.value
        definition = self._schema.get_field(on, name)
        if definition is None:
            raise Declined
        nodes = [detail.node for detail in details]
        plan = FieldPlan(len(self._fields), key, name, on.name, self._source(on.name, name), definition, nodes)
        self._fields.append(plan)
        plan.below = {t.name: self._below(t, list(details)) for t in self._object_types(plan)}
        return plan

    def _source(self, type_name: str, name: str) -> Source:
        if name == "__typename":
            return TypeName()
        if name == "id" and type_name in KIND_OF_TYPE:
            return Identity()
        source = GRAPH.get(type_name, {}).get(name)
        if source is None:
            raise Declined
        if may_see(self._rights, (type_name, name)):
            return source
        return STAND_INS.get((type_name, name)) or Denied()

    def _object_types(self, plan: FieldPlan) -> Sequence[GraphQLObjectType]:
        named = get_named_type(plan.returns)
        if is_abstract_type(named):
            return [t for t in self._schema.get_possible_types(named) if t.name in KIND_OF_TYPE]
        return [named] if is_object_type(named) else []

    def _below(self, on: GraphQLObjectType, details: list[FieldDetails]) -> Selection:
        try:
            collected = collect_subfields(self._schema, self._fragments, self._variables, self._operation, on, details)
        except GraphQLError as problem:
            selection = Selection(len(self._selections), on.name, problem=problem)
            self._selections.append(selection)
            return selection
        return self._selection(on, collected.grouped_field_set)

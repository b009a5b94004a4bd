"""Giving every field of the built schema its resolver: one for all, which looks the field up in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

from hub.ports import Entity
from resolvers.arguments import as_written, plain
from resolvers.commands import MEMBERS, PAYLOAD_MEMBERS, Payload, read_audit, run_command
from resolvers.faults import Path
from resolvers.fields import GRAPH
from resolvers.graph import TYPE_OF_KIND
from resolvers.read import Call, read
from resolvers.request import Request

AUDIT = ("Query", "audit")
SERVICE = "_service"
"""The subgraph's own SDL, which Strawberry gives."""
Resolver: TypeAlias = Callable[..., Any]
Info: TypeAlias = GraphQLResolveInfo[Request]


def attach(schema: GraphQLSchema) -> None:
    """Set resolvers and type resolution on the schema. Raises LookupError for a field that the table lacks."""
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLObjectType) and name in GRAPH:
            kind.is_type_of = None
            for field_name, field in kind.fields.items():
                if field_name != SERVICE and (name, field_name) != AUDIT:
                    field.resolve = _resolver(name, field_name)
        elif isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            kind.resolve_type = _type_of
    _attach_commands(schema)


def _attach_commands(schema: GraphQLSchema) -> None:
    """Mutations, their payloads, and the audit trail: what only the reference path does."""
    for name, kind in schema.type_map.items():
        if not isinstance(kind, GraphQLObjectType):
            continue
        if name in MEMBERS:
            kind.is_type_of = None
            for field_name, field in kind.fields.items():
                field.resolve = _member(MEMBERS[name][field_name])
        elif any(interface.name == "CommandPayload" for interface in kind.interfaces):
            kind.is_type_of = None
            for field_name, field in kind.fields.items():
                field.resolve = _member(PAYLOAD_MEMBERS.get(field_name, _shown_entity))
    if schema.mutation_type is not None:
        for field_name, field in schema.mutation_type.fields.items():
            field.resolve = _command(field_name)
    if schema.query_type is not None:
        schema.query_type.fields[AUDIT[1]].resolve = _audit


def _member(get: Callable[[Any], Any]) -> Resolver:
    return lambda parent, _: get(parent)


def _shown_entity(payload: Payload) -> Entity | None:
    return payload.entity


def _command(name: str) -> Resolver:
    def resolve(_: Any, info: Info, **arguments: Any) -> Any:
        return run_command(info.context, name, plain(arguments))

    return resolve


def _audit(_: Any, info: Info, **arguments: Any) -> Any:
    return read_audit(info.context, plain(arguments))


def _resolver(type_name: str, field_name: str) -> Resolver:
    if field_name == "id":
        return lambda parent, _: parent.id
    if field_name not in GRAPH[type_name]:
        raise LookupError(f"the table of fields lacks {type_name}.{field_name}")

    def resolve(parent: Any, info: Info, **arguments: Any) -> Any:
        return read(_call(type_name, field_name, parent, info, arguments))

    return resolve


def _call(type_name: str, field_name: str, parent: Any, info: Info, arguments: Mapping[str, Any]) -> Call:
    request: Request = info.context
    given = plain(arguments)
    if "last" in given:
        given = as_written(given, _written(info))

    def path() -> Path:
        return tuple(info.path.as_list())

    def selects(wanted: str) -> bool:
        return any(_selects(node.selection_set, wanted, info) for node in info.field_nodes)

    return Call(request, type_name, field_name, parent, given, path, selects)


def _written(info: Info) -> set[str]:
    """The arguments that the caller gave, as opposed to those that only have a default."""
    coerced = info.variable_values.coerced
    return {
        argument.name.value
        for argument in info.field_nodes[0].arguments or ()
        if not isinstance(argument.value, VariableNode) or argument.value.name.value in coerced
    }


def _selects(selections: SelectionSetNode | None, wanted: str, info: Info) -> bool:
    """Whether a field is among the selections, fragments included; conditions may still leave it out."""
    return selections is not None and any(_is_or_has(one, wanted, info) for one in selections.selections)


def _is_or_has(selection: SelectionNode, wanted: str, info: Info) -> bool:
    match selection:
        case FieldNode():
            return selection.name.value == wanted
        case InlineFragmentNode():
            return _selects(selection.selection_set, wanted, info)
        case FragmentSpreadNode():
            return _selects(info.fragments[selection.name.value].selection_set, wanted, info)
        case _:
            return False


def _type_of(value: Entity, *_: Any) -> str:
    return TYPE_OF_KIND[value.kind]

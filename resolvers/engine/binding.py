"""What a request adds to a plan: coerced arguments, the directory's queries, and which attributes are needed.

Bound once per set of variables and kept. An argument that is refused is kept as the exception that the
reference path would raise at that field.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import GraphQLError, VariableNode
from graphql.execution.values import VariableValues, get_argument_values

from hub.domain.ids import CanonicalId, kind_of
from hub.domain.kinds import Domain, Kind
from hub.errors import InvalidInput
from hub.ports import PageQuery
from resolvers.arguments import as_written, canonical_id, exactly_one, id_slots, plain, text
from resolvers.engine.plan import FieldPlan, Plan, Selection
from resolvers.graph import (
    Arguments,
    Attr,
    ByIds,
    Children,
    Derived,
    Lookup,
    Pages,
    PartLink,
    Provenance,
    Reverse,
)
from resolvers.pages import children_query, page_query
from resolvers.values import VERSION, needed, owner

Refused: TypeAlias = GraphQLError | InvalidInput
Need: TypeAlias = tuple[Kind, Domain]
"""Kind of record and the domain whose system has it."""

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ByCode:
    """An entity that is wanted by its code."""

    kind: Kind
    code: str


Target: TypeAlias = CanonicalId | ByCode | None
"""The one entity that a root field names; None where there cannot be one."""


@dataclass(slots=True, eq=False)
class Bound:
    """A plan with one set of variables; the sequences are indexed by the fields' numbers.

    `queries` are as the arguments say; those that name legal entities by code are settled per request.
    `others` is what is needed of records of kinds that no field asks an attribute of.
    """

    plan: Plan
    arguments: list[Arguments | Refused]
    queries: list[PageQuery | Refused | None]
    targets: list[Target | list[CanonicalId | InvalidInput] | Refused]
    needs: Mapping[Need, frozenset[str]] = field(default_factory=dict)
    others: frozenset[str] = NOTHING

    def need(self, kind: Kind, domain: Domain) -> frozenset[str]:
        """What is needed of records of that kind in systems of that domain."""
        return self.needs.get((kind, domain), self.others)

    def given(self, plan: FieldPlan) -> Arguments:
        """The field's arguments. Raises what the caller did wrong."""
        arguments = self.arguments[plan.number]
        if isinstance(arguments, Exception):
            raise arguments
        return arguments

    def query(self, plan: FieldPlan) -> PageQuery:
        """The field's directory query. Raises what the caller did wrong."""
        query = self.queries[plan.number]
        if isinstance(query, Exception):
            raise query
        if query is None:
            raise TypeError(f"{plan.type_name}.{plan.name} asks the directory nothing")
        return query

    def target(self, plan: FieldPlan) -> Any:
        """What the field names. Raises what the caller did wrong."""
        target = self.targets[plan.number]
        if isinstance(target, Exception):
            raise target
        return target


def bind(plan: Plan, variables: VariableValues) -> Bound:
    """The plan with these variables."""
    arguments = [_arguments(f, variables) for f in plan.fields]
    queries = [_query(f, a) for f, a in zip(plan.fields, arguments, strict=True)]
    targets = [_target(f, a) for f, a in zip(plan.fields, arguments, strict=True)]
    versions = any(isinstance(f.source, Provenance) and f.selects(VERSION) for f in plan.fields)
    others = frozenset({VERSION}) if versions else NOTHING
    return Bound(plan, arguments, queries, targets, _needs(plan, arguments), others)


def _arguments(plan: FieldPlan, variables: VariableValues) -> Arguments | Refused:
    if not plan.definition.args:
        return {}
    node = plan.nodes[0]
    try:
        given = plain(get_argument_values(plan.definition, node, variables))
    except GraphQLError as refusal:
        return refusal
    if "last" not in given:
        return dict(given)
    written = {
        argument.name.value
        for argument in node.arguments or ()
        if not isinstance(argument.value, VariableNode) or argument.value.name.value in variables.coerced
    }
    return as_written(given, written)


def _query(plan: FieldPlan, arguments: Arguments | Refused) -> PageQuery | Refused | None:
    if isinstance(arguments, Exception):
        return arguments
    match plan.source:
        case Pages() as source:
            try:
                return page_query(source, arguments)
            except InvalidInput as refusal:
                return refusal
        case Children() | Reverse() as source:
            return children_query(source)
        case PartLink() as source:
            return PageQuery(source.kind, via=source.via)
        case _:
            return None


def _target(plan: FieldPlan, arguments: Arguments | Refused) -> Any:
    if isinstance(arguments, Exception):
        return arguments
    try:
        match plan.source:
            case Lookup() as source:
                return _looked_up(source, arguments)
            case ByIds(many=True) as source:
                return id_slots(source, arguments)
            case ByIds():
                return canonical_id("id", arguments["id"])
            case _:
                return None
    except InvalidInput as refusal:
        return refusal


def _looked_up(source: Lookup, arguments: Arguments) -> Target:
    by = exactly_one(arguments, ("id", "code")) if source.by_code else "id"
    if by == "code":
        return ByCode(source.kind, text("code", arguments["code"]))
    wanted = canonical_id("id", arguments["id"])
    return wanted if kind_of(wanted) is source.kind else None


# -- which attributes of which records the whole plan needs -----------------------------------------


def record_kinds(selection: Selection) -> tuple[Kind, ...]:
    """The kinds of record behind the entities of a selection set."""
    if selection.kind is None:
        return ()
    return (Kind.RESOURCE, Kind.SUBCONTRACTOR) if selection.kind is Kind.RESOURCE else (selection.kind,)


def _needs(plan: Plan, arguments: list[Arguments | Refused]) -> Mapping[Need, frozenset[str]]:
    """One set of attributes per kind of record for all of the plan, so that no record is asked for twice."""
    needs: dict[Need, set[str]] = defaultdict(set)
    for selection in plan.entity_selections():
        for asked in selection.fields:
            given = arguments[asked.number]
            if isinstance(asked.source, Attr | Derived) and not isinstance(given, Exception):
                _need(needs, selection, needed(asked.source, given))
            elif isinstance(asked.source, Provenance) and asked.selects(VERSION):
                for kind in record_kinds(selection):
                    for domain in Domain:
                        needs[kind, domain].add(VERSION)
    return {need: frozenset(names) for need, names in needs.items()}


def _need(needs: dict[Need, set[str]], selection: Selection, names: tuple[str, ...]) -> None:
    for kind in record_kinds(selection):
        for name in names:
            domain = owner(kind, name)
            if domain is not None:
                needs[kind, domain].add(name)

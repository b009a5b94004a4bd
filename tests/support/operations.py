"""Random operations over the real schema: valid by construction, with everything that the query language has."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_enum_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
)

NO_VALUE = object()
REFERENCE_ONLY = frozenset({("Query", "audit")})
"""What the reference path alone does, on purpose: the hub's own audit trail is no part of the table of fields."""


@dataclass(slots=True)
class Drawn:
    """An operation and the variables for it."""

    text: str
    variables: dict[str, Any] = field(default_factory=dict)


class Operations:
    """Draws operations; `ids` are of entities that exist, some of them gone or merged."""

    def __init__(self, schema: GraphQLSchema, ids: Sequence[str], seed: int) -> None:
        self._schema = schema
        self._ids = ids
        self._random = random.Random(seed)
        self._definitions: list[str] = []
        self._variables: dict[str, Any] = {}
        self._fragments: list[str] = []
        self._left = 40

    def draw(self) -> Drawn:
        """One query."""
        query = self._schema.query_type
        assert query is not None
        body = self._selection(query, self._random.randint(2, 5))
        declared = f"({', '.join(self._definitions)})" if self._definitions else ""
        name = "Drawn" if declared or self._chance(0.5) else ""
        text = "\n".join([f"query {name}{declared} {body}", *self._fragments])
        return Drawn(text, self._variables)

    def _chance(self, of: float) -> bool:
        return self._random.random() < of

    # -- selections ------------------------------------------------------------------------------

    def _selection(self, on: GraphQLObjectType | GraphQLInterfaceType, depth: int, suffix: str = "") -> str:
        chosen = self._chosen(on, depth)
        parts = [self._field(on, name, depth, suffix) for name in chosen]
        if self._chance(0.3):
            parts.append("__typename" if self._chance(0.7) else "kindOfThing: __typename")
        if is_abstract_type(on):
            parts += [self._on_type(t, depth) for t in self._some_types(on)]
        elif self._chance(0.3):
            parts.append(self._again(on, depth, suffix))
        self._random.shuffle(parts)
        return "{ " + (" ".join(parts) or "__typename") + " }"

    def _chosen(self, on: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> list[str]:
        names = [n for n, f in on.fields.items() if self._open(on.name, n) and (depth > 1 or self._flat(f))]
        self._left -= 1
        most = 4 if depth > 1 and self._left > 0 else 2
        return self._random.sample(names, min(len(names), self._random.randint(1, most)))

    def _open(self, on: str, name: str) -> bool:
        return not name.startswith("_") and (on, name) not in REFERENCE_ONLY

    def _flat(self, of: GraphQLField) -> bool:
        return is_leaf_type(get_named_type(of.type))

    def _some_types(self, on: Any) -> list[GraphQLObjectType]:
        possible = list(self._schema.get_possible_types(on))
        return self._random.sample(possible, min(len(possible), self._random.randint(0, 4)))

    def _on_type(self, on: GraphQLObjectType, depth: int) -> str:
        """A fragment inside an abstract type: its keys carry the type's name, so that shapes never conflict."""
        return f"... on {on.name}{self._directive()} {self._selection(on, max(1, depth - 1), on.name)}"

    def _again(self, on: GraphQLObjectType | GraphQLInterfaceType, depth: int, suffix: str) -> str:
        """More of the same type through a fragment, inline or named, perhaps by an interface that it has."""
        inner = self._selection(on, max(1, depth - 1), suffix)
        if self._chance(0.5):
            condition = f" on {on.name}" if self._chance(0.5) else ""
            return f"...{condition}{self._directive()} {inner}"
        name = f"F{len(self._fragments)}"
        self._fragments.append(f"fragment {name} on {on.name} {inner}")
        return f"...{name}{self._directive()}"

    def _field(self, on: GraphQLObjectType | GraphQLInterfaceType, name: str, depth: int, suffix: str) -> str:
        of = on.fields[name]
        arguments = self._arguments(of)
        mark = suffix if suffix and name != "id" else ""
        if arguments:
            mark += f"_{zlib.crc32(arguments.encode()) % 9973}"
        alias = f"{name}{mark}: " if mark else ""
        if not alias and self._chance(0.1):
            alias = f"other_{name}: "
        named = get_named_type(of.type)
        below = "" if is_leaf_type(named) else " " + self._selection(named, depth - 1)
        return f"{alias}{name}{arguments}{self._directive()}{below}"

    def _directive(self) -> str:
        if not self._chance(0.12):
            return ""
        kind = self._random.choice(["skip", "include"])
        value = self._chance(0.5)
        if self._chance(0.5):
            return f" @{kind}(if: {json.dumps(value)})"
        default = f" = {json.dumps(not value)}" if self._chance(0.3) else "!"
        name = self._declare(f"Boolean{default}", value)
        return f" @{kind}(if: ${name})"

    # -- arguments -------------------------------------------------------------------------------

    def _arguments(self, of: GraphQLField) -> str:
        given = [self._argument(n, a) for n, a in of.args.items() if is_required_argument(a) or self._chance(0.35)]
        return f"({', '.join(given)})" if given else ""

    def _argument(self, name: str, of: GraphQLArgument) -> str:
        value = self._value(name, of.type)
        if self._chance(0.4):
            kind, missing = str(of.type), not is_non_null_type(of.type) and self._chance(0.2)
            variable = self._declare(kind, NO_VALUE if missing else value)
            return f"{name}: ${variable}"
        return f"{name}: {self._literal(value, of.type)}"

    def _declare(self, kind: str, value: Any) -> str:
        name = f"v{len(self._definitions)}"
        self._definitions.append(f"${name}: {kind}")
        if value is not NO_VALUE:
            self._variables[name] = value
        return name

    def _value(self, name: str, kind: GraphQLInputType) -> Any:
        """A JSON value, most often a sensible one."""
        if is_non_null_type(kind):
            return self._value(name, kind.of_type)
        if self._chance(0.05) and not is_non_null_type(kind):
            return self._some(name, kind) if name in {"id", "ids", "by", "direction"} else None
        return self._some(name, kind)

    def _some(self, name: str, kind: Any) -> Any:
        if is_non_null_type(kind):
            return self._some(name, kind.of_type)
        if is_list_type(kind):
            return [self._some(name, kind.of_type) for _ in range(self._random.randint(0, 3))]
        if is_enum_type(kind):
            return self._random.choice(list(kind.values))
        if is_input_object_type(kind):
            return self._input(kind)
        return self._scalar(name, kind.name)

    def _input(self, kind: GraphQLInputObjectType) -> dict[str, Any]:
        return {
            name: self._value(name, of.type)
            for name, of in kind.fields.items()
            if is_required_argument(of) or self._chance(0.25)
        }

    def _scalar(self, name: str, kind: str) -> Any:
        choices: dict[str, list[Any]] = {
            "Int": [0, 1, 2, 2, 3, 3, 3, 5, 5, 10, 10, 50, 200, 200, *([201, -1] if self._chance(0.3) else [])],
            "ID": [*self._random.sample(list(self._ids), 12), "prj_00000000000000000000000000", "nonsense"],
            "Date": ["2026-02-01", "2026-02-02", "2026-12-31"],
            "Period": ["2026-01", "2026-03", "2026-07"],
            "Currency": ["EUR", "USD", "JPY"],
            "Decimal": ["0.5", 0, "7"],
            "Boolean": [True, False],
        }
        if name in {"after", "before"}:
            return "bad" if self._chance(0.15) else f"cursor-{self._random.choice(list(self._ids))}"
        return self._random.choice(choices.get(kind, ["Project", "1", "LE1", "PRJ-0001", "Consultant"]))

    def _literal(self, value: Any, kind: Any) -> str:
        if is_non_null_type(kind):
            kind = kind.of_type
        if isinstance(value, list):
            return "[" + ", ".join(self._literal(v, kind.of_type) for v in value) + "]"
        if isinstance(value, dict):
            members = (f"{n}: {self._literal(v, kind.fields[n].type)}" for n, v in value.items())
            return "{" + ", ".join(members) + "}"
        return str(value) if is_enum_type(kind) and value is not None else json.dumps(value)

"""The schema as text: for people and tools, and as a federated subgraph; and its check against the snapshot."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql import build_schema as schema_from
from graphql import find_breaking_changes, parse, print_ast
from graphql.language import REMOVE, DirectiveNode, Node, Visitor, visit

from schema.build import build_schema

SNAPSHOT = Path(__file__).parent.parent / "tests" / "schema.graphql"
"""The published schema: whoever changes the graph changes this file too, so that a review sees it."""

_FEDERATION_DIRECTIVES = frozenset({"key", "link"})


def federation_sdl() -> str:
    """The subgraph's SDL, with `@key` and the link to the federation specification."""
    return build_schema().as_str().rstrip() + "\n"


def plain_sdl() -> str:
    """The SDL without what only a federation gateway needs; `@owner` stays."""
    return print_ast(visit(parse(federation_sdl()), _WithoutFederation())).rstrip() + "\n"


class _WithoutFederation(Visitor):
    """Drops federation's own definitions, fields and directives; their names begin with an underscore."""

    def enter(self, node: Node, *_: Any) -> Any:
        """Remove what is federation's."""
        if node.kind in {"schema_definition", "schema_extension"}:
            return REMOVE
        name = getattr(getattr(node, "name", None), "value", "")
        if isinstance(node, DirectiveNode):
            return REMOVE if name in _FEDERATION_DIRECTIVES else None
        return REMOVE if node.kind.endswith("definition") and name.startswith("_") else None


def schema_check() -> list[str]:
    """How the schema differs from its snapshot, breaking changes first; empty when it does not."""
    published, actual = SNAPSHOT.read_text(encoding="utf-8"), plain_sdl()
    if published == actual:
        return []
    return [*_breaking(published, actual), *_differences(published, actual)]


def _breaking(published: str, actual: str) -> Iterator[str]:
    for change in find_breaking_changes(schema_from(published), schema_from(actual)):
        yield f"breaking: {change.description}"


def _differences(published: str, actual: str) -> Iterator[str]:
    lines = difflib.unified_diff(published.splitlines(), actual.splitlines(), "snapshot", "schema", lineterm="", n=1)
    yield from lines

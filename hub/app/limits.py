"""What a query may ask for: nesting and aliases, counted on the document before anything is looked up."""

from __future__ import annotations

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from hub.app.services import Limits

LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
_INTROSPECTION = frozenset({"__schema", "__type"})


def exceeded(name: str, found: int | None, limit: int) -> GraphQLError:
    """The refusal: what is too much, how much it is where that is known, and what is allowed."""
    amount = "more than" if found is None else f"{found}, more than"
    message = f"The query has {amount} the allowed {name} of {limit}."
    actual = {} if found is None else {"actual": found}
    return GraphQLError(message, extensions={"code": LIMIT_EXCEEDED, "limit": name, "allowed": limit, **actual})


def excesses(document: DocumentNode, limits: Limits) -> list[GraphQLError]:
    """The limits that some operation of the document exceeds."""
    measure = _Measure(document)
    sizes = [
        measure.of(definition.selection_set)
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
    ]
    depth = max((size[0] for size in sizes), default=0)
    aliases = max((size[1] for size in sizes), default=0)
    found = []
    if depth > limits.depth:
        found.append(exceeded("depth", depth, limits.depth))
    if aliases > limits.aliases:
        found.append(exceeded("aliases", aliases, limits.aliases))
    return found


class _Measure:
    """Depth and number of aliases of selections, with fragments in place of their spreads, each measured once."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._known: dict[str, tuple[int, int]] = {}

    def of(self, selections: SelectionSetNode | None) -> tuple[int, int]:
        """(depth, aliases) below an operation, a field or a fragment."""
        depth = aliases = 0
        for selection in selections.selections if selections else ():
            below, more = self._of_one(selection)
            depth, aliases = max(depth, below), aliases + more
        return depth, aliases

    def _of_one(self, selection: object) -> tuple[int, int]:
        match selection:
            case FieldNode():
                alias = int(selection.alias is not None)
                # The schema's own description is deep by nature; a rule of its own bounds it.
                if selection.name.value in _INTROSPECTION:
                    return 1, alias
                depth, aliases = self.of(selection.selection_set)
                return depth + 1, aliases + alias
            case InlineFragmentNode():
                return self.of(selection.selection_set)
            case FragmentSpreadNode():
                return self._of_fragment(selection.name.value)
            case _:
                return 0, 0

    def _of_fragment(self, name: str) -> tuple[int, int]:
        if name not in self._known and name in self._fragments:
            # A fragment inside itself counts as nothing here; validation refuses it.
            self._known[name] = (0, 0)
            self._known[name] = self.of(self._fragments[name].selection_set)
        return self._known.get(name, (0, 0))

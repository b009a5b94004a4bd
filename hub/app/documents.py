"""Query text → checked document: limits, parsing, validation; the outcome is kept for the next request."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    GraphQLError,
    GraphQLInputType,
    GraphQLSchema,
    GraphQLSyntaxError,
    ValueNode,
    parse,
    specified_rules,
    validate,
)
from graphql.language import SKIP
from graphql.utilities import validate_input_literal
from graphql.validation import MaxIntrospectionDepthRule, ValuesOfCorrectTypeRule

from hub.app.cost import Costs
from hub.app.limits import exceeded, excesses
from hub.app.services import Limits
from hub.errors import InvalidInput

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
MAX_ERRORS = 20
DOCUMENTS_IN_MEMORY = 1_000
LONGEST_KEPT = 20_000


class NamedValuesRule(ValuesOfCorrectTypeRule):
    """Values must be of their type; a refusal names the argument and the place inside it."""

    _argument = ""

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        """Remember where we are."""
        self._argument = node.name.value

    def leave_argument(self, *_: Any) -> None:
        """Forget it."""
        self._argument = ""

    def is_valid_value_node(self, node: ValueNode, input_type: GraphQLInputType | None) -> Any:
        """Report every part of the value that is not of its type."""

        def report(error: GraphQLError, path: list[str | int]) -> None:
            self.report_error(self._named(error, path))

        if input_type:
            validate_input_literal(node, input_type, report, None, None, self.context.hide_suggestions)
        return SKIP

    def _named(self, error: GraphQLError, path: list[str | int]) -> GraphQLError:
        if not self._argument:
            return error
        argument = ".".join(str(step) for step in (self._argument, *path))
        extensions = {"code": InvalidInput.code, "argument": argument}
        return GraphQLError(f"{argument}: {error.message}", error.nodes, extensions=extensions)


RULES = [
    *(NamedValuesRule if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules),
    *([] if MaxIntrospectionDepthRule in specified_rules else [MaxIntrospectionDepthRule]),
]


@dataclass(frozen=True, slots=True)
class Checked:
    """A query as it may be executed, with what its operations cost, or the errors for which it may not."""

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()
    costs: Costs | None = None


class Documents:
    """Checks query texts against one schema; the newest outcomes stay in memory, those of `pinned` texts for good."""

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self.schema = schema
        self._limits = limits
        self._known: OrderedDict[str, Checked] = OrderedDict()
        self._pinned: dict[str, Checked] = {}

    def pin(self, query: str) -> Checked:
        """Check a text now and keep the outcome for good."""
        outcome = self._pinned[query] = self._check(query)
        return outcome

    def checked(self, query: str) -> Checked:
        """The outcome for a query text."""
        known = self._known.get(query)
        if known is not None:
            self._known.move_to_end(query)
            return known
        pinned = self._pinned.get(query)
        if pinned is not None:
            return pinned
        outcome = self._check(query)
        if len(query) <= LONGEST_KEPT:
            self._known[query] = outcome
            while len(self._known) > DOCUMENTS_IN_MEMORY:
                self._known.popitem(last=False)
        return outcome

    def _check(self, query: str) -> Checked:
        try:
            document = parse(query, max_tokens=self._limits.tokens, allow_empty_selection_sets=False)
            errors = excesses(document, self._limits) or self._validate(document)
        except GraphQLSyntaxError as error:
            return Checked(None, (self._of_syntax(error),))
        if errors:
            return Checked(None, tuple(errors))
        return Checked(document, costs=Costs(self.schema, document))

    def _of_syntax(self, error: GraphQLSyntaxError) -> GraphQLError:
        # graphql-core tells its own refusals apart by their texts only; tests hold us to these.
        if error.message.endswith("tokens. Parsing aborted."):
            return exceeded("tokens", None, self._limits.tokens)
        if "nested too deeply" in error.message:
            return exceeded("depth", None, self._limits.depth)
        error.extensions = {"code": PARSE_FAILED}
        return error

    def _validate(self, document: DocumentNode) -> list[GraphQLError]:
        errors = validate(self.schema, document, RULES, max_errors=MAX_ERRORS)
        for error in errors:
            error.extensions = {"code": VALIDATION_FAILED, **(error.extensions or {})}
        return errors

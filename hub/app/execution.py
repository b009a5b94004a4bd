"""Running a checked operation: the one place where an execution path is chosen."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql import DocumentNode, GraphQLSchema
from graphql import execute as execute_graphql

from hub.app.errors import of_fault, shown
from hub.app.explain import Explanation
from resolvers.faults import merged, place
from resolvers.request import Request

ResponseBody: TypeAlias = dict[str, Any]
"""`data` and `errors` as the specification says; without `data` nothing was executed."""


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """A valid document, which of its operations, with which variables (not coerced yet), for which request.

    `explanation` is there when the caller wants to know how the answer came about.
    """

    document: DocumentNode
    operation_name: str | None
    variables: Mapping[str, Any]
    request: Request
    explanation: Explanation | None = None


Execute: TypeAlias = Callable[[OperationRequest], Awaitable[ResponseBody]]
"""An execution path."""


class ReferencePath:
    """graphql-core with the table's resolvers."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema

    async def execute(self, operation: OperationRequest) -> ResponseBody:
        """Run the operation; errors are in the body, in the order in which their places come in the data."""
        running = execute_graphql(
            self._schema,
            operation.document,
            context_value=operation.request,
            variable_values=dict(operation.variables),
            operation_name=operation.operation_name,
        )
        result = await running if inspect.isawaitable(running) else running
        request = operation.request
        errors = [shown(error, request.correlation_id) for error in result.errors or ()]
        if result.data is None and errors and not any("path" in error for error in errors):
            return {"errors": errors}
        return body(result.data, errors, request)


def body(data: Any, errors: list[dict[str, Any]], request: Request) -> ResponseBody:
    """The response of an executed operation: its data, its errors and the request's merged faults."""
    told = errors + [of_fault(fault) for fault in merged(request.faults, data, request.correlation_id)]
    if not told:
        return {"data": data}
    told.sort(key=lambda error: place(data, error.get("path", ())))
    return {"errors": told, "data": data}

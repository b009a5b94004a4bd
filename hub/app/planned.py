"""The planned path as the endpoint sees it; what it declines goes the reference path."""

from __future__ import annotations

from graphql import GraphQLSchema
from orjson import Fragment

from hub.app.errors import shown
from hub.app.execution import OperationRequest, ReferencePath, ResponseBody, body
from hub.app.explain import Explanation
from resolvers.engine.engine import Answer, Engine, Operation
from resolvers.engine.explain import Steps
from resolvers.engine.plan import Declined
from resolvers.reads import Reads
from resolvers.request import Request


class PlannedPath:
    """Executes queries by the engine."""

    def __init__(self, schema: GraphQLSchema, reads: Reads) -> None:
        self.engine = Engine(schema, reads)
        self._reference = ReferencePath(schema)

    async def execute(self, operation: OperationRequest) -> ResponseBody:
        """Run the operation; `data` is JSON already where nothing is wrong with it."""
        wanted = Operation(operation.document, operation.operation_name, operation.variables)
        try:
            if operation.explanation is not None:
                found: Answer | None = await self._explained(wanted, operation.request, operation.explanation)
            else:
                found = self.engine.answer_now(wanted, operation.request)
            if found is None:
                found = await self.engine.answer(wanted, operation.request)
        except Declined:
            return await self._reference.execute(operation)
        return _body(found, operation.request)

    async def _explained(self, wanted: Operation, request: Request, explanation: Explanation) -> Answer:
        """The answer by way of all its steps, even where it would not need them; where it would come from is told."""
        kept = self.engine.counts.kept
        at_once = self.engine.answer_now(wanted, request) is not None
        request.faults.clear()
        steps = Steps(wanted=True)
        answer = await self.engine.answer(wanted, request, steps)
        explanation.path = "planned"
        if at_once:
            explanation.found = "kept answer" if self.engine.counts.kept > kept else "memory"
        explanation.steps = steps.taken
        return answer


def _body(answer: Answer, request: Request) -> ResponseBody:
    if not answer.errors and not request.faults:
        return {"data": Fragment(answer.data)}
    errors = [shown(error, request.correlation_id) for error in answer.errors]
    return body(answer.tree, errors, request)

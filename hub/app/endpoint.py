"""`/graphql`: who asks, what, and the answer."""

from __future__ import annotations

import logging
import time
from typing import Any

from graphql import OperationType, get_operation_ast
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from hub.app import errors, metrics
from hub.app.auth import Unauthenticated
from hub.app.correlation import correlation_id
from hub.app.documents import Documents
from hub.app.execution import Execute, OperationRequest, ResponseBody
from hub.app.messages import JSON, Parameters, Refused, answer, max_age, media_type, parameters, refusal, status_of
from hub.app.services import Services
from hub.context import caused_by, within
from hub.domain.callers import Caller
from resolvers.request import Request

log = logging.getLogger(__name__)


class GraphQLEndpoint:
    """Answers GraphQL requests by one execution path."""

    def __init__(self, services: Services, documents: Documents, execute: Execute) -> None:
        self._services = services
        self._documents = documents
        self._execute = execute

    async def answer(self, http: HttpRequest) -> Response:
        """The response to a GraphQL request; whatever goes wrong has a GraphQL error body."""
        began = time.perf_counter()
        response = await self._answer(http, correlation_id(http))
        metrics.SECONDS.observe(time.perf_counter() - began)
        metrics.REQUESTS.labels(response.status_code).inc()
        return response

    async def _answer(self, http: HttpRequest, correlation: str) -> Response:
        form = JSON
        try:
            form = media_type(http.headers.get("accept"))
            caller = self._services.verifier.caller(http.headers.get("authorization"))
            asked = await parameters(http, self._services.limits.body_bytes)
            body = await self._run(http, asked, caller, correlation)
        except Unauthenticated as problem:
            return _unauthenticated(problem, form, correlation)
        except Refused as refused:
            return refusal(refused, form, correlation)
        except Exception:
            log.exception("correlation id %s: the request failed", correlation)
            return answer({"errors": [errors.internal(correlation)]}, form, 500)
        for error in body.get("errors", ()):
            metrics.ERRORS.labels(error["extensions"]["code"]).inc()
        return answer(body, form, status_of(body, form))

    async def _run(self, http: HttpRequest, asked: Parameters, caller: Caller, correlation: str) -> ResponseBody:
        checked = self._documents.checked(asked.query)
        if checked.document is None:
            return {"errors": [errors.shown(error, correlation) for error in checked.errors]}
        operation = get_operation_ast(checked.document, asked.operation_name)
        if operation is None:
            return {"errors": [errors.simple(_which(asked), "OPERATION_UNKNOWN", correlation)]}
        if http.method == "GET" and operation.operation is not OperationType.QUERY:
            raise Refused(405, "only queries may be sent by GET", headers={"Allow": "POST"})
        request = Request(
            self._services.reads,
            caller,
            correlation,
            self._services.now().date(),
            max_age(http.headers.get("cache-control")),
        )
        with caused_by(f"query:{correlation}"), within(self._services.limits.seconds):
            return await self._execute(
                OperationRequest(checked.document, asked.operation_name, asked.variables, request)
            )


def _which(asked: Parameters) -> str:
    if asked.operation_name is None:
        return "The document has several operations: say which by operationName."
    return "The document has no operation of that name."


def _unauthenticated(problem: Unauthenticated, form: str, correlation: str) -> Response:
    body: dict[str, Any] = {"errors": [errors.of_hub(problem, correlation)]}
    return answer(body, form, 401, {"WWW-Authenticate": 'Bearer realm="plumbline"'})

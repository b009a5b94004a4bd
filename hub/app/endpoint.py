"""`/graphql`: who asks, what, and the answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
from graphql import OperationDefinitionNode, OperationType, get_operation_ast
from starlette.types import Receive, Scope, Send

from hub.app import errors, metrics
from hub.app.auth import Unauthenticated, user_named
from hub.app.correlation import chosen
from hub.app.documents import Checked, Documents
from hub.app.encoding import SMALLEST_COMPRESSED, compressed, etag, has_already, takes_gzip
from hub.app.exchange import ClientGone, Incoming, Reply
from hub.app.execution import Execute, OperationRequest, ResponseBody
from hub.app.explain import HEADER as EXPLAIN
from hub.app.explain import Explanation, may_explain
from hub.app.limits import exceeded
from hub.app.messages import JSON, Parameters, Refused, check_method, max_age, media_type, parameters, status_of
from hub.app.oidc import ProviderUnavailable
from hub.app.origins import Origins, refuse_forgery
from hub.app.persisted import Persisted, PersistedQueryNotFound, only_introspects
from hub.app.services import Services
from hub.app.watch import TooLate, Watch
from hub.context import caused_by, counting_calls, within
from hub.domain.commands import Actor
from hub.errors import InvalidInput
from hub.usecases.scoped_directory import Sights, input_rights, nobody
from resolvers.faults import FORBIDDEN_FIELD
from resolvers.reads import Reads
from resolvers.refusal import denied_input
from resolvers.request import Request

log = logging.getLogger(__name__)

GRACE_S = 1.0
"""How much longer than a request's own deadline it may take to answer with what it has."""
_VARIES_BY = ("Accept", "Authorization", "X-Hub-On-Behalf-Of", "Accept-Encoding")
_NOT_KEPT = "private, no-store"
_REVALIDATED = "private, no-cache"


class GraphQLEndpoint:
    """Answers GraphQL requests by one execution path; an ASGI application of its own, to be as quick as it can be."""

    def __init__(self, services: Services, documents: Documents, persisted: Persisted, execute: Execute) -> None:
        self._services = services
        self._schema = documents.schema
        self._sights = services.sights or Sights(services.reads.directory, nobody)
        self._documents = documents
        self._persisted = persisted
        self._execute = execute
        self._origins = Origins(services.cors_origins)
        self._vary = ", ".join((*_VARIES_BY, *self._origins.vary))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong has a GraphQL error body."""
        began = time.perf_counter()
        incoming = Incoming(scope, receive)
        correlation = chosen(incoming.header(b"x-correlation-id"))
        try:
            reply = self._origins.preflight(incoming) or await self._answer(incoming, correlation)
        except ClientGone:
            metrics.requests(metrics.CLIENT_GONE).inc()
            return
        await reply.send(send, (b"x-correlation-id", correlation.encode()), *self._origins.headers(incoming))
        metrics.SECONDS.observe(time.perf_counter() - began)
        metrics.requests(reply.status).inc()

    async def _answer(self, incoming: Incoming, correlation: str) -> Reply:
        form = JSON
        try:
            form = media_type(incoming.header(b"accept"))
            check_method(incoming)
            refuse_forgery(incoming)
            caller = await self._services.verifier.caller(incoming.header(b"authorization"))
            actor = Actor(caller, user_named(incoming.header(b"x-hub-on-behalf-of"), caller))
            asked = await parameters(incoming, self._services.limits.body_bytes)
            body = await self._run(incoming, asked, actor, correlation)
        except Unauthenticated as problem:
            sent = {"WWW-Authenticate": 'Bearer realm="plumbline"'}
            return self._reply(incoming, _only(errors.of_hub(problem, correlation)), form, 401, sent)
        except ProviderUnavailable as problem:
            sent = {"Retry-After": "30"}
            return self._reply(incoming, _only(errors.of_hub(problem, correlation)), form, 503, sent)
        except InvalidInput as problem:
            return self._reply(incoming, _only(errors.of_hub(problem, correlation)), form, 400)
        except Refused as refused:
            body = _only(errors.simple(str(refused), refused.code, correlation))
            return self._reply(incoming, body, form, refused.status, refused.headers)
        except TooLate:
            body = _only(errors.simple("The query took too long.", "DEADLINE_EXCEEDED", correlation))
            return self._reply(incoming, body, form, 504)
        except ClientGone:
            raise
        except Exception:
            log.exception("correlation id %s: the request failed", correlation)
            return self._reply(incoming, _only(errors.internal(correlation)), form, 500)
        for error in body.get("errors", ()):
            metrics.ERRORS.labels(error["extensions"]["code"]).inc()
        return self._reply(incoming, body, form, status_of(body, form))

    # -- from the request to the response's body --------------------------------------------------

    async def _run(self, incoming: Incoming, asked: Parameters, actor: Actor, correlation: str) -> ResponseBody:
        try:
            text = await self._persisted.text(asked)
        except PersistedQueryNotFound as unknown:
            return _only(errors.simple(str(unknown), unknown.code, correlation))
        checked = self._documents.checked(text)
        if self._persisted.only_trusted:
            self._refuse_untrusted(text, checked)
        if checked.document is None or checked.costs is None:
            return {"errors": [errors.shown(error, correlation) for error in checked.errors]}
        if asked.digest is not None and asked.query is not None:
            await self._persisted.register(asked.digest, text)
        operation = get_operation_ast(checked.document, asked.operation_name)
        if operation is None:
            return _only(errors.simple(_which(asked), "OPERATION_UNKNOWN", correlation))
        if incoming.method == "GET" and operation.operation is not OperationType.QUERY:
            raise Refused(405, "only queries may be sent by GET", "METHOD_NOT_ALLOWED", {"Allow": "POST"})
        cost = checked.costs.of(operation, asked.variables)
        if cost > self._services.limits.cost:
            return {"errors": [errors.shown(exceeded("cost", cost, self._services.limits.cost), correlation)]}
        denied = denied_input(self._schema, checked.document, operation, asked.variables, input_rights(actor))
        if denied is not None:
            message = f"Your role may not filter or order by {denied}."
            return _only(errors.simple(message, FORBIDDEN_FIELD, correlation))
        request = await self._request(incoming, actor, correlation)
        wanted = OperationRequest(checked.document, asked.operation_name, asked.variables, request)
        if incoming.has(EXPLAIN) and may_explain(actor.caller, demo=self._services.demo):
            body = await self._explained(incoming, operation, wanted, cost)
        else:
            body = await self._executed(incoming, operation, wanted)
        if request.cost_rates_read and self._services.audit is not None:
            # Noted before the answer leaves: what cannot be noted is not shown.
            await self._services.audit.cost_rate_read(actor, correlation, list(request.cost_rates_read))
        return body

    def _refuse_untrusted(self, text: str, checked: Checked) -> None:
        if self._persisted.trusts(text):
            return
        if self._services.demo and checked.document is not None and only_introspects(checked.document):
            return
        raise Refused(403, "only registered documents are executed here", "DOCUMENT_NOT_TRUSTED")

    async def _request(self, incoming: Incoming, actor: Actor, correlation: str) -> Request:
        self._services.catch_up()
        freshness = max_age(incoming.header(b"cache-control"))
        return Request(
            await self._reads(actor),
            actor.caller,
            correlation,
            self._services.now().date(),
            freshness,
            self._services.commands,
            actor.on_behalf_of,
        )

    async def _reads(self, actor: Actor) -> Reads:
        """What the actor reads from: for whoever sees every row, the hub's own."""
        reads = self._services.reads
        directory = self._sights.known(actor) or await self._sights.directory_for(actor)
        return reads if directory is reads.directory else replace(reads, directory=directory)

    async def _executed(
        self, incoming: Incoming, operation: OperationDefinitionNode, wanted: OperationRequest
    ) -> ResponseBody:
        seconds = self._services.limits.seconds
        with caused_by(f"query:{wanted.request.correlation_id}"), within(seconds):
            if operation.operation is not OperationType.QUERY:
                # A command that has begun is finished: nobody could tell how far it came.
                return await self._execute(wanted)
            with Watch(incoming.receive, seconds + GRACE_S):
                return await self._execute(wanted)

    async def _explained(
        self, incoming: Incoming, operation: OperationDefinitionNode, wanted: OperationRequest, cost: int
    ) -> ResponseBody:
        explanation = Explanation()
        counted = replace(wanted.request, reads=explanation.counting(wanted.request.reads))
        asked = replace(wanted, request=counted, explanation=explanation)
        with counting_calls() as calls:
            body = await self._executed(incoming, operation, asked)
        return {**body, "extensions": {"plan": explanation.told(cost, calls)}}

    # -- from the body to the reply ---------------------------------------------------------------

    def _reply(
        self,
        incoming: Incoming,
        body: ResponseBody,
        form: str,
        status: int,
        more: Mapping[str, str] | None = None,
    ) -> Reply:
        """A body as a reply in the given form; answers depend on the caller, so nobody else may keep them."""
        content = orjson.dumps(body)
        headers = {"Cache-Control": _NOT_KEPT, "Vary": self._vary}
        if more:
            headers |= more
        gzip = len(content) > SMALLEST_COMPRESSED and takes_gzip(incoming.header(b"accept-encoding"))
        if incoming.method == "GET" and status == 200 and body.keys() == {"data"}:
            tag = etag(content, form, gzip=gzip)
            headers |= {"Cache-Control": _REVALIDATED, "ETag": tag}
            if has_already(incoming.header(b"if-none-match"), tag):
                return Reply(304, headers=headers)
        if gzip:
            headers["Content-Encoding"] = "gzip"
            content = compressed(content)
        return Reply(status, content, form, headers)


def _only(error: dict[str, Any]) -> ResponseBody:
    return {"errors": [error]}


def _which(asked: Parameters) -> str:
    if asked.operation_name is None:
        return "The document has several operations: say which by operationName."
    return "The document has no operation of that name."

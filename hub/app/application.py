"""The application: its addresses, and what stands behind each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from graphql import GraphQLSchema
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.app.correlation import CorrelationMiddleware
from hub.app.documents import Documents
from hub.app.endpoint import GraphQLEndpoint
from hub.app.examples import EXAMPLES
from hub.app.execution import Execute
from hub.app.messages import wants_page
from hub.app.metrics import metrics
from hub.app.page import STATIC, playground
from hub.app.persisted import Persisted
from hub.app.planned import PlannedPath
from hub.app.services import Services
from hub.errors import ConfigError
from schema.build import graphql_schema

GRAPHQL = "/graphql"
_ASKS = (b"query=", b"documentId=", b"extensions=")
"""What a query string that asks something has in it."""


def create_app(services: Services, execute: Execute | None = None) -> ASGIApp:
    """The ASGI application; `execute` replaces the planned path. `services.running` spans its life.

    Raises ConfigError for trusted documents that this graph cannot execute.
    """
    schema = graphql_schema()
    endpoint = GraphQLEndpoint(
        services,
        _documents(schema, services),
        Persisted(services.trusted_documents, only_trusted=services.trusted_only, shared=services.shared_texts),
        execute or PlannedPath(schema, services.reads).execute,
    )
    rest = _everything_else(services)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # What is asked most goes past routing and middleware, which would cost as much as a kept answer.
        if scope["type"] == "http" and scope["path"] == GRAPHQL and not _opens_page(scope):
            await endpoint(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return app


def _documents(schema: GraphQLSchema, services: Services) -> Documents:
    documents = Documents(schema, services.limits)
    problems = [
        f"HUB_TRUSTED_DOCUMENTS: {name}: {error.message}"
        for name, text in services.trusted_documents.items()
        for error in documents.pin(text).errors
    ]
    if problems:
        raise ConfigError(problems)
    return documents


def _opens_page(scope: Scope) -> bool:
    """Whether a browser opens the address, and asks nothing yet."""
    if scope["method"] != "GET" or any(word in scope["query_string"] for word in _ASKS):
        return False
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    return wants_page(accept.decode("latin-1"))


def _everything_else(services: Services) -> Starlette:
    async def page(_: HttpRequest) -> Response:
        return playground(services, EXAMPLES)

    async def ready(_: HttpRequest) -> Response:
        state = await services.readiness()
        body = {"ready": state.ready, **state.details}
        return Response(orjson.dumps(body), 200 if state.ready else 503, media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with services.running():
            yield

    return Starlette(
        routes=[
            Route(GRAPHQL, page),
            Route("/healthz", alive),
            Route("/readyz", ready),
            Route("/metrics", metrics),
            Route("/", lambda _: RedirectResponse(GRAPHQL)),
            Mount("/static", StaticFiles(directory=STATIC, check_dir=False)),
        ],
        middleware=[Middleware(CorrelationMiddleware)],
        lifespan=lifespan,
    )


async def alive(_: HttpRequest) -> Response:
    """The process answers; whether queries will work is `/readyz`'s business."""
    return Response(b'{"alive":true}', media_type="application/json")

"""The application: its addresses, and what stands behind each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from hub.app.correlation import CorrelationMiddleware
from hub.app.documents import Documents
from hub.app.endpoint import GraphQLEndpoint
from hub.app.examples import EXAMPLES
from hub.app.execution import Execute
from hub.app.messages import wants_page
from hub.app.metrics import metrics
from hub.app.page import STATIC, playground
from hub.app.planned import PlannedPath
from hub.app.services import Services
from schema.build import graphql_schema


def create_app(services: Services, execute: Execute | None = None) -> Starlette:
    """The ASGI application; `execute` replaces the planned path. `services.running` spans its life."""
    schema = graphql_schema()
    endpoint = GraphQLEndpoint(
        services, Documents(schema, services.limits), execute or PlannedPath(schema, services.reads).execute
    )

    async def graphql(http: HttpRequest) -> Response:
        if http.method == "GET" and "query" not in http.query_params and wants_page(http.headers.get("accept")):
            return playground(services, EXAMPLES)
        return await endpoint.answer(http)

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
            Route("/graphql", graphql, methods=["GET", "POST"]),
            Route("/healthz", alive),
            Route("/readyz", ready),
            Route("/metrics", metrics),
            Route("/", lambda _: RedirectResponse("/graphql")),
            Mount("/static", StaticFiles(directory=STATIC, check_dir=False)),
        ],
        middleware=[Middleware(CorrelationMiddleware)],
        lifespan=lifespan,
    )


async def alive(_: HttpRequest) -> Response:
    """The process answers; whether queries will work is `/readyz`'s business."""
    return Response(b'{"alive":true}', media_type="application/json")

"""What Prometheus may know of the application: counts and times, nothing of anybody's data."""

from __future__ import annotations

from functools import cache

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

REQUESTS = Counter("hub_graphql_requests_total", "GraphQL requests by HTTP status", ["status"])
SECONDS = Histogram(
    "hub_graphql_request_seconds",
    "Time from the request to its answer",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
ERRORS = Counter("hub_graphql_errors_total", "GraphQL errors by code", ["code"])

CLIENT_GONE = 499
"""The status that a request is counted under whose client did not wait for its answer."""


@cache
def requests(status: int) -> Counter:
    """The counter of a status, looked up once."""
    return REQUESTS.labels(status)


async def metrics(_: HttpRequest) -> Response:
    """The metrics of this process in Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

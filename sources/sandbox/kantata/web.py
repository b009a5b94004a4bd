"""The HTTP side: paths with and without `.json`, bearer token, response headers, refusals.

Choices where the documentation is silent: a route or method that does not exist is a 404; a request
line over 8,190 bytes is answered 414 by the web server in front, before the token is looked at.
"""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sources.sandbox.kantata import allocations, approvals, writing
from sources.sandbox.kantata.attributes import Attributes
from sources.sandbox.kantata.bodies import read_body
from sources.sandbox.kantata.errors import Refusal, bad_request, not_found, unauthorized
from sources.sandbox.kantata.events import event_types
from sources.sandbox.kantata.identifiers import read_id
from sources.sandbox.kantata.reading import Reader
from sources.sandbox.kantata.resource import Resource
from sources.sandbox.kantata.tenant import ADMIN_ID, Tenant

PREFIX = "/api/v1/"
_PHRASES = {200: "OK", 204: "No Content"}


class Api:
    """Answers every request below the prefix. `token_is_good` decides on a presented token."""

    def __init__(
        self,
        tenant: Tenant,
        catalog: Mapping[str, Resource],
        reader: Reader,
        token_is_good: Callable[[str], bool],
        longest_request_line: int,
    ) -> None:
        self._tenant = tenant
        self._catalog = catalog
        self._reader = reader
        self._token_is_good = token_is_good
        self._longest_request_line = longest_request_line

    async def handle(self, request: Request) -> Response:
        """The route's endpoint."""
        started = time.perf_counter()
        if _request_line(request) > self._longest_request_line:
            return HTMLResponse("<h1>Request-URI Too Long</h1>", status_code=414)
        try:
            self._authenticate(request)
            body = read_body(await request.body(), request.headers.get("content-type", ""))
            answer = self._answer(request, body)
            response = Response(status_code=204) if answer is None else _json(answer)
        except Refusal as refusal:
            response = error_response(refusal)
        return _with_headers(response, time.perf_counter() - started)

    def _authenticate(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self._token_is_good(token.strip()):
            raise unauthorized()

    def _answer(self, request: Request, body: dict[str, Any]) -> dict[str, Any] | None:
        """The envelope, None for a success without a body."""
        path = str(request.path_params["path"]).removesuffix(".json").strip("/")
        parts = path.split("/")
        resource = self._catalog.get(parts[0])
        if resource is None:
            raise not_found()
        query = dict(request.query_params)
        if len(parts) == 1:
            return self._collection(request.method, resource, query, body)
        row_id = read_id(parts[1])
        if len(parts) == 2 and row_id is not None:
            return self._member(request.method, resource, row_id, query, body)
        return self._special(request.method, resource, parts[1:], query, body)

    def _collection(
        self, method: str, resource: Resource, query: dict[str, str], body: dict[str, Any]
    ) -> dict[str, Any]:
        if method == "GET":
            if resource.collection == "subscribed_events" and {"most_recent", "most_recent_by_event_type"} <= set(
                query
            ):
                raise bad_request("most_recent and most_recent_by_event_type cannot be combined")
            return self._reader.index(resource, query)
        if method == "POST":
            return self._reader.written(resource, writing.create(self._tenant, resource, body), query)
        raise not_found()

    def _member(
        self, method: str, resource: Resource, row_id: int, query: dict[str, str], body: dict[str, Any]
    ) -> dict[str, Any] | None:
        if method == "GET":
            return self._reader.show(resource, row_id, query)
        row = self._tenant.table(resource.collection).get(row_id)
        if row is None:
            raise not_found()
        if method == "PUT":
            writing.update(self._tenant, resource, row, body)
            return self._reader.written(resource, [row_id], query)
        if method == "DELETE" and resource.writes.delete is not None:
            resource.writes.delete(self._tenant, row)
            return None
        raise not_found()

    def _special(
        self, method: str, resource: Resource, rest: list[str], query: dict[str, str], body: dict[str, Any]
    ) -> dict[str, Any]:
        match (method, resource.collection, rest):
            case ("GET", "users", ["me"]):
                return self._reader.show(resource, ADMIN_ID, query)
            case ("GET", "subscribed_events", ["event_types"]):
                return event_types()
            case ("PUT", "workspace_allocations", ["split"]):
                ids = allocations.split(
                    self._tenant, query.get("workspace_allocation_id", ""), query.get("split_date", "")
                )
                return self._reader.written(resource, ids, query)
            case ("PUT", "timesheet_submissions" | "expense_report_submissions", [number, action]):
                return self._decide(resource, number, action, query, body)
            case _:
                raise not_found()

    def _decide(
        self, resource: Resource, number: str, action: str, query: dict[str, str], body: dict[str, Any]
    ) -> dict[str, Any]:
        row = self._tenant.table(resource.collection).get(read_id(number))
        if row is None or action not in approvals.DECISIONS:
            raise not_found()
        attrs = Attributes(writing.root(resource, body) if body else {})
        approvals.decide(self._tenant, resource.collection, row, action, attrs)
        return self._reader.written(resource, [row.id], query)


def error_response(refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal as the vendor sends it."""
    content = orjson.dumps({"errors": refusal.errors})
    return Response(content, refusal.status, dict(headers or {}), media_type="application/json; charset=utf-8")


def same_token(presented: str, good: str) -> bool:
    """Compare two tokens without telling by the time it takes how much of them agrees."""
    return hmac.compare_digest(presented.encode(), good.encode())


def _request_line(request: Request) -> int:
    """How long the request line was, its method and protocol included."""
    target = len(request.scope.get("raw_path") or request.url.path.encode())
    query = len(request.scope.get("query_string", b""))
    return len(request.method) + 1 + target + (query + 1 if query else 0) + len(" HTTP/1.1")


def _json(answer: dict[str, Any]) -> Response:
    return Response(orjson.dumps(answer), 200, media_type="application/json; charset=utf-8")


def _with_headers(response: Response, elapsed_s: float) -> Response:
    response.headers["X-Request-Id"] = str(uuid.uuid4())
    response.headers["X-Runtime"] = f"{elapsed_s:.6f}"
    response.headers["Cache-Control"] = "no-cache, no-store"
    if response.status_code in _PHRASES:
        response.headers["Status"] = f"{response.status_code} {_PHRASES[response.status_code]}"
    if response.status_code == 200:
        digest = hashlib.md5(response.body, usedforsecurity=False).hexdigest()
        response.headers["ETag"] = f'W/"{digest}"'
    return response

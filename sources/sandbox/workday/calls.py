"""One call to the tenant: who may make it, what it asks, and which page of a collection it wants.

Handlers are plain functions from a Call to an Answer; `resource` turns those of one path into a route that
checks tenant, token and scope first and turns a refusal into its response.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sources.sandbox.core import Clock
from sources.sandbox.workday.instances import INSTANCE_ID, Ref
from sources.sandbox.workday.oauth import TokenDesk
from sources.sandbox.workday.processes import Event, Processes
from sources.sandbox.workday.replies import RefusedError, invalid, json_response, not_found, refused, unauthorized
from sources.sandbox.workday.settings import Settings
from sources.sandbox.workday.tenant import Tenant, Worker

ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
LONGEST_NUMBER = 9
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that a handler may need of the tenant."""

    name: str
    tenant: Tenant
    processes: Processes
    tokens: TokenDesk
    settings: Settings
    clock: Clock


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON body with its status."""

    body: Any
    status: int = 200


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated call; `now` is the instant at which it is answered."""

    desk: Desk
    now: datetime
    path: dict[str, str]
    query: list[tuple[str, str]]
    content_type: str
    content: bytes

    @property
    def tenant(self) -> Tenant:
        """The tenant's tables."""
        return self.desk.tenant

    @property
    def today(self) -> date:
        """The day as of which values are current."""
        return self.now.date()

    def allow(self, *known: str) -> None:
        """Refuse query parameters that the resource does not have (ignored by a lenient tenant)."""
        unknown = next((name for name, _ in self.query if name not in known), None)
        if unknown is not None and self.desk.settings.strict:
            raise invalid(f"unknown query parameter: {unknown}", field=unknown)

    def first(self, name: str) -> str | None:
        """A query parameter's first value, or None."""
        return next((value for key, value in self.query if key == name), None)

    def every(self, name: str) -> list[str]:
        """All values of a query parameter."""
        return [value for key, value in self.query if key == name]

    def flag(self, name: str) -> bool:
        """A boolean query parameter, false when absent."""
        value = self.first(name) or "false"
        if value not in ("true", "false"):
            raise invalid(f"{name} must be true or false", field=name)
        return value == "true"

    def day(self, name: str) -> date | None:
        """A date query parameter, YYYY-MM-DD, or None."""
        value = self.first(name)
        try:
            return None if value is None else date.fromisoformat(value)
        except ValueError as exc:
            raise invalid(f"{name} must be a date in the form yyyy-mm-dd", field=name) from exc

    def page(self, default: int, maximum: int) -> tuple[int, int]:
        """The (limit, offset) that the call asks for."""
        limit = self._whole("limit", default)
        if limit < 1:
            raise invalid("limit must be at least 1", field="limit")
        if limit > maximum:
            if self.desk.settings.strict:
                raise invalid(f"limit must not exceed {maximum}", field="limit")
            limit = maximum
        return limit, self._whole("offset", 0)

    def _whole(self, name: str, default: int) -> int:
        value = self.first(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit() and len(value) <= LONGEST_NUMBER):
            raise invalid(f"{name} must be a whole number, zero or more", field=name)
        return int(value)

    def collection(self, rows: Sequence[Row], render: Callable[[Row], Any]) -> Answer:
        """One page of rows as the REST services answer it; only that page is rendered."""
        limit, offset = self.page(self.desk.settings.rest_page_rows, self.desk.settings.rest_page_max)
        return Answer({"total": len(rows), "data": [render(row) for row in rows[offset : offset + limit]]})

    def worker(self, parameter: str = "ID") -> Worker:
        """The worker that the path names; 400 for what cannot be an id, 404 for one that is not there."""
        given = self.instance_id(parameter)
        worker = self.tenant.find_worker(given)
        if worker is None:
            raise not_found()
        return worker

    def instance_id(self, parameter: str) -> str:
        """An id of the path, well formed."""
        given = self.path[parameter]
        if not INSTANCE_ID.fullmatch(given):
            raise invalid(f"invalid ID value: {given}", field=parameter)
        return given

    def json_object(self, members: Iterable[str]) -> dict[str, Any]:
        """The JSON object of the body, refused when it has members that the representation has not."""
        if self.content_type.partition(";")[0].strip().lower() != "application/json":
            raise refused(415, "the request body must be application/json")
        try:
            body = orjson.loads(self.content)
        except orjson.JSONDecodeError as exc:
            raise invalid("the request body is not valid JSON") from exc
        if not isinstance(body, dict):
            raise invalid("the request body must be a JSON object")
        allowed = set(members)
        unknown = next((name for name in body if name not in allowed), None)
        if unknown is not None:
            raise invalid(f"unknown field: {unknown}", field=unknown)
        return body

    def worker_ref(self, worker: Worker) -> Ref:
        """The worker as an instance as of now."""
        return self.tenant.worker_ref(worker, self.today)

    def href(self, service: str, rest: str) -> str:
        """The address of an instance below a service."""
        return f"/ccx/api/{service}/{self.desk.name}/{rest}"

    def event_ref(self, event: Event) -> dict[str, str]:
        """A business process event as an instance with the address at which to follow it."""
        address = self.href("businessProcess/v1", f"events/{event.wid}")
        return {"id": event.wid, "descriptor": event.descriptor, "href": address}


Handler = Callable[[Call], Answer]


def resource(desk: Desk, path: str, scope: str, **handlers: Handler) -> Route:
    """The route of one path, given its handler per method; other methods are 405."""

    def refuse_method(_call: Call) -> Answer:
        raise RefusedError(405, {"error": "method not allowed"}, {"Allow": ", ".join(handlers)})

    async def endpoint(request: Request) -> Response:
        content = await request.body()
        try:
            call = _admit(desk, request, content, scope)
            answer = handlers.get(request.method, refuse_method)(call)
        except RefusedError as refusal:
            return refusal.response()
        return json_response(answer.body, answer.status)

    return Route(path, endpoint, methods=ALL_METHODS)


def _admit(desk: Desk, request: Request, content: bytes, scope: str) -> Call:
    if request.path_params.get("tenant") != desk.name:
        raise not_found("unknown tenant")
    if not desk.tokens.accepts(request.headers.get("authorization", "")):
        raise unauthorized()
    if scope not in desk.settings.scopes:
        raise refused(403, f"permission denied: the API client lacks the scope {scope}")
    now = desk.clock()
    desk.processes.settle(now)
    return Call(
        desk=desk,
        now=now,
        path={key: str(value) for key, value in request.path_params.items()},
        query=request.query_params.multi_items(),
        content_type=request.headers.get("content-type", ""),
        content=content,
    )

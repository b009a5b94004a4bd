"""The correlation id of a request: the caller's or a new one, in every answer and every log line about it."""

from __future__ import annotations

import re
import uuid

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Correlation-Id"
_STATE = "correlation_id"
_GOOD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class CorrelationMiddleware:
    """Gives each request its id and tells it in the answer; an id that is not plain text is replaced."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = HTTPConnection(scope).headers.get(HEADER, "")
        chosen = given if _GOOD.fullmatch(given) else str(uuid.uuid4())
        scope.setdefault("state", {})[_STATE] = chosen

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = chosen
            await send(message)

        await self._app(scope, receive, tell)


def correlation_id(http: HTTPConnection) -> str:
    """The id of a request that came through the middleware."""
    return str(http.scope["state"][_STATE])

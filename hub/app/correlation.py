"""The correlation id of a request: the caller's or a new one, in every answer and every log line about it."""

from __future__ import annotations

import re
import uuid

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Correlation-Id"
_GOOD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def chosen(given: str | None) -> str:
    """The caller's id where it is plain text, else a new one."""
    return given if given is not None and _GOOD.fullmatch(given) else str(uuid.uuid4())


class CorrelationMiddleware:
    """Tells each request's id in its answer; the GraphQL endpoint, which needs the id itself, does so on its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlation = chosen(HTTPConnection(scope).headers.get(HEADER))

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = correlation
            await send(message)

        await self._app(scope, receive, tell)

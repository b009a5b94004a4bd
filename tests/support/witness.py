"""A witness of what a sandbox carries out: every write in the order in which it took effect, whatever was answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sources.sandbox.core import VendorApp

WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Written:
    """One write that the vendor has carried out, with what it answered (or would have)."""

    method: str
    path: str
    body: Any
    answer: Any

    def says(self, name: str) -> Iterator[Any]:
        """Give the values of a member, wherever it stands in what was sent."""
        return _values(self.body, name)


@dataclass(slots=True)
class Witness:
    """Stands between a sandbox's faults and its vendor: `around` gives the app to start, `written` what it saw."""

    written: list[Written] = field(default_factory=list)

    def around(self, app: VendorApp) -> VendorApp:
        """Give the same app, watched."""
        inner = Starlette(routes=app.routes)

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            await self._watch(inner, scope, receive, send)

        return replace(app, routes=[Mount("", app=watched)])

    async def _watch(self, inner: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in WRITING:
            await inner(scope, receive, send)
            return
        sent = await Request(scope, receive).body()
        status, answer = 0, b""

        async def again() -> Message:
            return {"type": "http.request", "body": sent, "more_body": False}

        async def note(message: Message) -> None:
            nonlocal status, answer
            status = message.get("status", status)
            answer += message.get("body", b"")
            await send(message)

        await inner(scope, again, note)
        if 200 <= status < 300:
            self.written.append(Written(scope["method"], scope["path"], _json(sent), _json(answer)))


def _json(content: bytes) -> Any:
    return json.loads(content) if content else None


def _values(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name:
                yield inner
            yield from _values(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, name)

"""The control side of a sandbox, under `/_sandbox/`: what was asked of the vendor, which faults to commit, a token.

- `requests`: GET `{"count", "requests": [{"method", "path", "query", "status", "cause"}]}` of the vendor API calls
  without token calls, `?cause=query` for one kind of cause; DELETE starts anew. `count` is exact, the list holds
  the last ten thousand. `status` is null where no answer was sent.
- `faults`: PUT one more fault (see `faults.Kind`), GET those set, DELETE all. A wrong body is a 400 that says why.
- `credentials`: GET `{"authorization"}`, good for a call of the vendor's API.

The control side itself never suffers a fault.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sources.sandbox.core import VendorApp
from sources.sandbox.faults import (
    BadFault,
    Fault,
    FaultBoard,
    Kind,
    caught,
    drop,
    fault_from_body,
    maintenance_page,
    pause,
    send_answer,
    spoiled,
    whole_request,
)

CONTROL_PATH = "/_sandbox"
KEPT_REQUESTS = 10_000


class RequestLog:
    """The vendor calls received: the last ones in detail, all of them counted, also by kind of cause."""

    def __init__(self) -> None:
        self._recent: deque[dict[str, Any]] = deque(maxlen=KEPT_REQUESTS)
        self._counts: Counter[str] = Counter()
        self._total = 0

    def add(self, scope: Scope, status: int | None) -> None:
        """Note a call; `status` is None where no answer went out."""
        cause = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"x-request-cause"), None)
        self._recent.append(
            {
                "method": scope["method"],
                "path": scope["path"],
                "query": scope["query_string"].decode("latin-1"),
                "status": status,
                "cause": cause,
            }
        )
        self._total += 1
        self._counts[_kind(cause)] += 1

    def shown(self, cause: str | None) -> dict[str, Any]:
        """The count and the recent calls, of one kind of cause when given."""
        if cause is None:
            return {"count": self._total, "requests": list(self._recent)}
        recent = [entry for entry in self._recent if _kind(entry["cause"]) == cause]
        return {"count": self._counts[cause], "requests": recent}

    def clear(self) -> None:
        """Forget everything."""
        self._recent.clear()
        self._counts.clear()
        self._total = 0


def _kind(cause: str | None) -> str:
    """The part of a cause before the colon: query, feed, command, flow; empty when no cause was sent."""
    return "" if cause is None else cause.split(":", maxsplit=1)[0]


class Sandbox:
    """A vendor's API with its control side: one ASGI app."""

    def __init__(self, app: VendorApp) -> None:
        self.app = app
        self.log = RequestLog()
        self.board = FaultBoard()
        self._vendor: ASGIApp = Starlette(routes=app.routes)
        self._control: ASGIApp = Starlette(
            routes=[
                Route(f"{CONTROL_PATH}/requests", self._requests, methods=["GET", "DELETE"]),
                Route(f"{CONTROL_PATH}/faults", self._faults, methods=["GET", "PUT", "DELETE"]),
                Route(f"{CONTROL_PATH}/credentials", self._credentials, methods=["GET"]),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(f"{CONTROL_PATH}/"):
            await self._control(scope, receive, send)
            return
        token_call = scope["path"].startswith(self.app.token_paths)
        faults = self.board.take(scope["method"], scope["path"], token_call=token_call)
        sent: list[int] = []

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent.append(message["status"])
            await send(message)

        try:
            await self._answer(scope, await whole_request(receive) if faults else receive, note, faults)
        finally:
            if not token_call:
                self.log.add(scope, sent[0] if sent else None)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, faults: list[Fault]) -> None:
        for fault in faults:
            if fault.kind is Kind.SLOW:
                await pause(fault)
            elif fault.kind is Kind.EXPIRE_TOKENS:
                self.app.expire_tokens()
            elif fault.kind in _REFUSALS:
                await self._refuse(scope, receive, send, fault)
                return
            else:
                await self._spoil(scope, receive, send, fault)
                return
        await self._vendor(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, fault: Fault) -> None:
        """Commit a fault that keeps the request from being carried out."""
        if fault.kind in (Kind.DOWN, Kind.RESET_BEFORE):
            await drop(scope, receive, reset=fault.kind is Kind.RESET_BEFORE)
            return
        if fault.kind is Kind.THROTTLE:
            response = self.app.throttled(fault.retry_after_s)
        elif fault.kind is Kind.ERROR:
            response = self.app.failed()
        else:
            response = maintenance_page(fault.status)
        await response(scope, receive, send)

    async def _spoil(self, scope: Scope, receive: Receive, send: Send, fault: Fault) -> None:
        """Carry the request out and spoil its answer."""
        answer = await caught(self._vendor, scope, receive)
        if fault.kind is Kind.LOST_REPLY:
            await drop(scope, receive)
        elif fault.kind is Kind.HALF_BODY:
            await send_answer(answer.with_body(answer.body), send, whole=False)
            await drop(scope, receive)
        else:
            await send_answer(spoiled(answer, fault), send)

    async def _requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.log.clear()
            return Response(status_code=204)
        return JSONResponse(self.log.shown(request.query_params.get("cause")))

    async def _faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.board.clear()
            return Response(status_code=204)
        if request.method == "PUT":
            try:
                fault = fault_from_body(json.loads(await request.body()))
            except (BadFault, ValueError) as exc:
                reason = str(exc) if isinstance(exc, BadFault) else "the body is not JSON"
                return JSONResponse({"error": reason}, status_code=400)
            if fault.kind is Kind.EXPIRE_TOKENS and fault.count is None:
                self.app.expire_tokens()
            else:
                self.board.put(fault)
        return JSONResponse({"faults": self.board.shown()})

    async def _credentials(self, request: Request) -> Response:
        return JSONResponse({"authorization": self.app.authorization()})


_REFUSALS = frozenset({Kind.DOWN, Kind.RESET_BEFORE, Kind.THROTTLE, Kind.ERROR, Kind.HTML})

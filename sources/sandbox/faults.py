"""The faults a sandbox can be told to commit, and how each of them is committed.

Connection faults work on the transport that `server` puts into the ASGI scope; in a test without sockets
they raise ConnectionDropped instead.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TRANSPORT = "plumbline.transport"
"""The ASGI scope extension that holds the connection's transport."""
DEFAULT_DELAY_S = 5.0


class Kind(StrEnum):
    """What goes wrong. Without `match`, all but `down` spare the token calls."""

    DOWN = "down"
    """The connection is closed at once, without an answer; the request is not carried out."""
    SLOW = "slow"
    """The request is carried out after `delay_s`."""
    THROTTLE = "throttle"
    """The vendor's own answer to overload, with Retry-After when `retry_after_s` is given; not carried out."""
    ERROR = "error"
    """The vendor's own answer to a fault of its own; not carried out."""
    LOST_REPLY = "lost-reply"
    """The request is carried out, then the connection is closed without an answer."""
    EXPIRE_TOKENS = "expire-tokens"
    """Every issued token turns bad: at once, or with `count` before each of that many calls."""
    RESET_BEFORE = "reset-before"
    """The connection is reset (RST); the request is not carried out."""
    HALF_BODY = "half-body"
    """Carried out; half of the announced body is sent and then the connection is closed."""
    MALFORMED = "malformed"
    """Carried out; answered 200 with the first half of the body, as if that were all."""
    HTML = "html"
    """A maintenance page with `status` (503, or 200 as some gateways do); not carried out."""
    DRIFT = "drift"
    """Carried out; `field` is changed wherever it stands in the JSON answer, as `change` says."""


class Change(StrEnum):
    """How a drifted field differs: gone, null, text instead of another type, or wrapped in an object."""

    REMOVE = "remove"
    NULL = "null"
    STRING = "string"
    OBJECT = "object"


class BadFault(Exception):
    """A fault that cannot be set; the message says what is wrong with its body."""


class ConnectionDropped(Exception):
    """Stands in for a closed connection where there is none, as in tests through ASGI."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault as it was set; `count` is how often it is still committed, None until cleared.

    `skip` is how many requests that it would hit still pass first: so the second of two equal calls can be met.
    """

    kind: Kind
    method: str | None = None
    match: str | None = None
    count: int | None = None
    skip: int = 0
    delay_s: float = DEFAULT_DELAY_S
    retry_after_s: float | None = None
    status: int = 503
    field: str | None = None
    change: Change = Change.REMOVE

    def hits(self, method: str, path: str, *, token_call: bool) -> bool:
        """Whether a request is to suffer it."""
        if self.method is not None and self.method != method:
            return False
        if self.match is not None:
            return self.match in path
        return self.kind is Kind.DOWN or not token_call

    def shown(self) -> dict[str, Any]:
        """The fault as its PUT body would say it, defaults included."""
        return {
            "fault": self.kind.value,
            "method": self.method,
            "match": self.match,
            "count": self.count,
            "skip": self.skip,
            "delay_s": self.delay_s,
            "retry_after_s": self.retry_after_s,
            "status": self.status,
            "field": self.field,
            "change": self.change.value,
        }


_E = TypeVar("_E", Kind, Change)


def fault_from_body(body: Any) -> Fault:
    """The fault that a PUT body describes; BadFault with the reason when it describes none."""
    if not isinstance(body, Mapping):
        raise BadFault("the body must be a JSON object")
    unknown = sorted(set(body) - {"fault", *Fault.__dataclass_fields__} | (set(body) & {"kind"}))
    if unknown:
        raise BadFault(f"unknown member: {', '.join(unknown)}")
    kind = _member(Kind, body.get("fault"), "fault")
    fault = Fault(
        kind=kind,
        method=_text(body, "method").upper() if body.get("method") is not None else None,
        match=_text(body, "match") if body.get("match") is not None else None,
        count=_count(body.get("count")),
        skip=_skip(body.get("skip", 0)),
        delay_s=_seconds(body, "delay_s", DEFAULT_DELAY_S),
        retry_after_s=_seconds(body, "retry_after_s", 0.0) if body.get("retry_after_s") is not None else None,
        status=_status(body.get("status", 503)),
        field=_text(body, "field") if body.get("field") is not None else None,
        change=_member(Change, body.get("change", "remove"), "change"),
    )
    if kind is Kind.DRIFT and fault.field is None:
        raise BadFault("field: a drift needs the name of the field")
    return fault


def _member(kinds: type[_E], value: Any, name: str) -> _E:
    try:
        return kinds(value)
    except ValueError:
        raise BadFault(f"{name}: must be one of {', '.join(kinds)}") from None


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body[name]
    if not isinstance(value, str) or not value:
        raise BadFault(f"{name}: must be a non-empty string")
    return value


def _count(value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise BadFault("count: must be a whole number from 1, or null until cleared")
    return value


def _skip(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadFault("skip: must be a whole number from 0")
    return value


def _status(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 200 <= value <= 599:
        raise BadFault("status: must be a status code from 200 to 599")
    return value


def _seconds(body: Mapping[str, Any], name: str, default: float) -> float:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 3600:
        raise BadFault(f"{name}: must be a number of seconds from 0 to 3600")
    return float(value)


class FaultBoard:
    """The faults that are set, in the order in which they were; several may hit one request."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def put(self, fault: Fault) -> None:
        """Set one more fault."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Let everything work again."""
        self._faults.clear()

    def shown(self) -> list[dict[str, Any]]:
        """The faults still set."""
        return [fault.shown() for fault in self._faults]

    def take(self, method: str, path: str, *, token_call: bool) -> list[Fault]:
        """The faults that a request suffers, counted down: any slowness and token expiry, then at most one more."""
        taken: list[Fault] = []
        left: list[Fault] = []
        decided = False
        for fault in self._faults:
            passing = fault.kind in (Kind.SLOW, Kind.EXPIRE_TOKENS)
            if not fault.hits(method, path, token_call=token_call) or (decided and not passing):
                left.append(fault)
                continue
            if fault.skip:
                left.append(replace(fault, skip=fault.skip - 1))
                continue
            decided = decided or not passing
            taken.append(fault)
            if fault.count is None or fault.count > 1:
                left.append(fault if fault.count is None else replace(fault, count=fault.count - 1))
        self._faults = left
        return sorted(taken, key=lambda fault: fault.kind not in (Kind.SLOW, Kind.EXPIRE_TOKENS))


@dataclass(slots=True)
class Answer:
    """An answer of the vendor's app, caught whole."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def with_body(self, body: bytes, status: int | None = None) -> Answer:
        """The same answer with another body and its length."""
        headers = [(k, v) for k, v in self.headers if k.lower() not in (b"content-length", b"transfer-encoding")]
        length = (b"content-length", str(len(body)).encode())
        return Answer(self.status if status is None else status, [*headers, length], body)


async def caught(app: ASGIApp, scope: Scope, receive: Receive) -> Answer:
    """Carry a request out and keep its answer instead of sending it."""
    answer = Answer(500, [], b"")

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")

    await app(scope, receive, keep)
    return answer


async def send_answer(answer: Answer, send: Send, *, whole: bool = True) -> None:
    """Send a caught answer, or (not whole) its head and only half of the announced body."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    body = answer.body if whole else answer.body[: len(answer.body) // 2]
    await send({"type": "http.response.body", "body": body, "more_body": not whole})


async def whole_request(receive: Receive) -> Receive:
    """Read the request's body now, and give a `receive` that hands it out again.

    A connection that is closed over unread bytes is reset instead, so a fault must have read all of it.
    """
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
    handed: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return handed.pop() if handed else await receive()

    return again


async def drop(scope: Scope, receive: Receive, *, reset: bool = False) -> None:
    """Close (or reset) the request's connection now, after what has been written to it."""
    extension = scope.get("extensions", {}).get(TRANSPORT)
    if extension is None:
        raise ConnectionDropped
    transport = extension["transport"]
    if reset and not transport.is_closing():
        # A zero linger time turns the close into a reset, as a crashing server's kernel would send it.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
    # The server would answer 500 for an app that returns before the connection is known to be gone.
    while (await receive())["type"] != "http.disconnect":
        pass


def maintenance_page(status: int) -> Response:
    """What a gateway in front of a vendor shows while it is being maintained."""
    page = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>Back soon</h1></body></html>"
    return HTMLResponse(page, status_code=status)


def drifted(body: bytes, fault: Fault) -> bytes:
    """A JSON body with the fault's field changed wherever it stands; any other body as it is."""
    try:
        value = json.loads(body)
    except ValueError:
        return body
    return json.dumps(_drift(value, fault)).encode()


def _drift(value: Any, fault: Fault) -> Any:
    if isinstance(value, list):
        return [_drift(item, fault) for item in value]
    if not isinstance(value, dict):
        return value
    changed: dict[str, Any] = {}
    for key, item in value.items():
        if key != fault.field:
            changed[key] = _drift(item, fault)
        elif fault.change is not Change.REMOVE:
            changed[key] = _drifted_value(item, fault.change)
    return changed


def _drifted_value(value: Any, change: Change) -> Any:
    if change is Change.STRING:
        return value if isinstance(value, str) else json.dumps(value)
    return {"value": value} if change is Change.OBJECT else None


async def pause(fault: Fault) -> None:
    """Wait as long as a slow vendor lets one wait."""
    await asyncio.sleep(fault.delay_s)


def spoiled(answer: Answer, fault: Fault) -> Answer:
    """The answer as a fault of the body leaves it."""
    if fault.kind is Kind.MALFORMED:
        return answer.with_body(answer.body[: len(answer.body) // 2] or b'{"', status=200)
    return answer.with_body(drifted(answer.body, fault))

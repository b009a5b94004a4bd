"""One HTTP exchange on bare ASGI: what came in, what goes out.

The endpoint answers thousands of small requests a second, so nothing here is made that nobody asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send


class ClientGone(Exception):
    """Whoever asked has left: nobody reads an answer any more."""


class TooLong(Exception):
    """The body is longer than allowed."""


class Incoming:
    """A request: method, headers by lower-case name, query string, body."""

    __slots__ = ("_headers", "_query", "method", "receive")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.receive = receive
        self._query: bytes = scope["query_string"]
        raw: list[tuple[bytes, bytes]] = scope["headers"]
        self._headers = dict(raw)
        if len(self._headers) != len(raw):
            self._headers = _joined(raw)

    def header(self, name: bytes) -> str | None:
        """A header's value; a header that came several times is one list."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    def has(self, name: bytes) -> bool:
        """Whether the header came."""
        return name in self._headers

    def parameters(self) -> dict[str, str]:
        """The query string's parameters; of one that comes several times the last. Raises ValueError."""
        text = self._query.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict")) if text else {}

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises TooLong, ClientGone."""
        message = await self.receive()
        first: bytes = message.get("body", b"")
        if message["type"] == "http.request" and not message.get("more_body", False):
            if len(first) > limit:
                raise TooLong
            return first
        parts, size = [first], len(first)
        while message["type"] == "http.request" and message.get("more_body", False) and size <= limit:
            message = await self.receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        if size > limit:
            raise TooLong
        if message["type"] != "http.request":
            raise ClientGone
        return b"".join(parts)


def _joined(raw: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for name, value in raw:
        headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


@dataclass(slots=True)
class Reply:
    """An answer: status, body, its form (None without a body), and headers that belong to it alone."""

    status: int
    body: bytes = b""
    form: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    async def send(self, send: Send, *more: tuple[bytes, bytes]) -> None:
        """Send it, with further headers."""
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in self.headers.items()]
        if self.form is not None:
            headers.append((b"content-type", _CONTENT_TYPES.get(self.form) or _content_type(self.form)))
        if self.status not in (204, 304):
            headers.append((b"content-length", b"%d" % len(self.body)))
        await send({"type": "http.response.start", "status": self.status, "headers": [*headers, *more]})
        await send({"type": "http.response.body", "body": self.body})


def _content_type(form: str) -> bytes:
    return _CONTENT_TYPES.setdefault(form, f"{form}; charset=utf-8".encode())


_CONTENT_TYPES: dict[str, bytes] = {}

"""A request as the handlers see it: read once, free of the web framework, so that a job can run it later."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import orjson

from sources.sandbox.netsuite.replies import COLLECTION_TYPE, Reply, invalid_parameter, invalid_request

MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request; `base` is scheme, host and port as the client addressed them."""

    method: str
    base: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""
    segments: tuple[str, ...] = field(default=())

    def url(self, path: str, **query: str) -> str:
        """An absolute link on this host."""
        tail = f"?{urlencode(query, quote_via=quote)}" if query else ""
        return f"{self.base}{path}{tail}"

    def preferences(self) -> set[str]:
        """What the Prefer header asks for, lower case."""
        return {part.strip().lower() for part in self.headers.get("prefer", "").split(",") if part.strip()}

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises Refusal."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in {"application/json", "application/vnd.oracle.resource+json"}:
            raise invalid_request("The request's Content-Type is not supported; use application/json.")
        try:
            body = orjson.loads(self.body)
        except orjson.JSONDecodeError as exc:
            raise invalid_request("Invalid JSON in the request body.") from exc
        if not isinstance(body, dict):
            raise invalid_request("The request body must be a JSON object.")
        return body

    def allow_parameters(self, *names: str) -> None:
        """Refuse query parameters that the operation does not have."""
        for name in self.query:
            if name not in names:
                raise invalid_parameter(f"Invalid query parameter name: {name}.", where={"errorQueryParam": name})

    def switch(self, name: str) -> bool:
        """A true/false query parameter, false by default."""
        value = self.query.get(name, "false").lower()
        if value not in {"true", "false"}:
            raise invalid_parameter(
                f"Invalid value of {name}: expected true or false.", where={"errorQueryParam": name}
            )
        return value == "true"


@dataclass(frozen=True, slots=True)
class Window:
    """A page: at most `limit` rows after the first `offset`."""

    limit: int
    offset: int


def parse_query(raw: str) -> dict[str, str]:
    """The query string's parameters; a repeated one is refused."""
    pairs = parse_qsl(raw, keep_blank_values=True)
    query = dict(pairs)
    if len(query) != len(pairs):
        raise invalid_parameter("A query parameter is given more than once.")
    return query


def page_window(call: Call) -> Window:
    """The page asked for: limit 1..1000 (1000 by default), offset a multiple of the limit."""
    limit, offset = _count(call, "limit", MAX_PAGE), _count(call, "offset", 0)
    if not 1 <= limit <= MAX_PAGE:
        raise invalid_parameter(f"The limit must be between 1 and {MAX_PAGE}.", where={"errorQueryParam": "limit"})
    if offset % limit:
        raise invalid_parameter("The offset must be divisible by the limit.", where={"errorQueryParam": "offset"})
    return Window(limit, offset)


def _count(call: Call, name: str, default: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise invalid_parameter(f"Invalid value of {name}: {text}.", where={"errorQueryParam": name})
    return int(text)


def page_reply(call: Call, window: Window, items: list[dict[str, Any]], total: int) -> Reply:
    """The collection envelope with its links: first, previous, self, next and last where they exist."""
    more = window.offset + len(items) < total
    last = (total - 1) // window.limit * window.limit if total else 0
    targets = {"self": window.offset}
    if window.offset:
        targets |= {"first": 0, "previous": max(0, window.offset - window.limit)}
    if more:
        targets |= {"next": window.offset + window.limit, "last": last}
    links = [{"rel": rel, "href": _page_url(call, window.limit, offset)} for rel, offset in targets.items()]
    body = {
        "links": links,
        "count": len(items),
        "hasMore": more,
        "items": items,
        "offset": window.offset,
        "totalResults": total,
    }
    return Reply(200, body, COLLECTION_TYPE)


def _page_url(call: Call, limit: int, offset: int) -> str:
    return call.url(call.path, **{**call.query, "limit": str(limit), "offset": str(offset)})

"""One call of the REST API, apart from HTTP: composite requests make such calls too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from sources.sandbox.salesforce.errors import ApiError, method_not_allowed, not_found

API_ROOT = "/services/data"


@dataclass(frozen=True, slots=True)
class Call:
    """A call below `/services/data/vNN.0`: `path` are its decoded segments, header names are lower case.

    `document` is the parsed body of a composite sub-request, `content` the bytes of an HTTP body.
    """

    method: str
    version: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: bytes = b""
    document: Any = None

    @property
    def base_url(self) -> str:
        """The address of the called API version, without host."""
        return f"{API_ROOT}/{self.version}"

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object; refuses another media type, malformed JSON and other JSON."""
        document = self.document
        if document is None:
            document = self._parsed()
        if not isinstance(document, dict):
            raise ApiError(400, "JSON_PARSER_ERROR", "The HTTP entity body must be an object.")
        return document

    def _parsed(self) -> Any:
        if not self.content:
            raise ApiError(400, "JSON_PARSER_ERROR", "The HTTP entity body is required, but is missing.")
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            message = f"Content type {media_type or 'none'} is not supported for this resource, use application/json"
            raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", message)
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError as exc:
            raise ApiError(400, "JSON_PARSER_ERROR", f"{exc.msg} at [line:{exc.lineno}, column:{exc.colno}]") from exc


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call gives: status, JSON body (None: no body at all), and headers of its own."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def split_url(url: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The decoded path segments and query parameters of a relative address; empty segments fall away."""
    parts = urlsplit(url)
    segments = tuple(unquote(each) for each in parts.path.split("/") if each)
    return segments, dict(parse_qsl(parts.query, keep_blank_values=True))


Handler = Callable[[Call, Mapping[str, str]], Reply]


class Router:
    """Finds the handler of a call by its path below the version, and by its method."""

    def __init__(self) -> None:
        self._resources: list[tuple[tuple[str, ...], dict[str, Handler]]] = []

    def add(self, pattern: str, **handlers: Handler) -> None:
        """Add a resource: `{name}` in the pattern stands for one segment, keywords are methods in lower case."""
        segments = tuple(each for each in pattern.split("/") if each)
        self._resources.append((segments, {method.upper(): each for method, each in handlers.items()}))

    def handle(self, call: Call) -> Reply:
        """The reply of the first resource whose pattern fits; ApiError 404 and 405 otherwise."""
        for pattern, handlers in self._resources:
            found = _match(pattern, call.path)
            if found is None:
                continue
            handler = handlers.get("GET" if call.method == "HEAD" else call.method)
            if handler is None:
                raise method_not_allowed(call.method, list(handlers))
            return handler(call, found)
        raise not_found()


def _match(pattern: tuple[str, ...], path: tuple[str, ...]) -> dict[str, str] | None:
    if len(pattern) != len(path):
        return None
    found: dict[str, str] = {}
    for expected, given in zip(pattern, path, strict=True):
        if expected.startswith("{"):
            found[expected[1:-1]] = given
        elif expected != given:
            return None
    return found

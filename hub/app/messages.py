"""GraphQL over HTTP: what a request says, and in which form and with which status it is answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from hub.app.errors import simple
from hub.app.execution import ResponseBody

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
HTML = "text/html"
_MAX_AGE = re.compile(r"max-age\s*=\s*\"?(\d{1,9})\"?")


class Refused(Exception):
    """The request is refused as a whole: its status, the body's one error, and headers that belong to it."""

    def __init__(
        self, status: int, message: str, code: str = "BAD_REQUEST", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a GraphQL request."""

    query: str
    operation_name: str | None
    variables: Mapping[str, Any]


def media_type(accept: str | None) -> str:
    """The form of the answer that the caller prefers. Raises Refused (406) when it takes none of ours."""
    if not accept or not accept.strip():
        return JSON
    best, weight = None, 0.0
    for name, quality in _ranges(accept):
        offered = {GRAPHQL_JSON: GRAPHQL_JSON, JSON: JSON, "application/*": JSON, "*/*": JSON}.get(name)
        if offered is not None and quality > weight:
            best, weight = offered, quality
    if best is None:
        raise Refused(406, f"answers are given as {GRAPHQL_JSON} or {JSON}")
    return best


def wants_page(accept: str | None) -> bool:
    """Whether a browser asks: it prefers HTML to every form of JSON."""
    weights = dict(_ranges(accept or ""))
    return weights.get(HTML, 0.0) > max(weights.get(GRAPHQL_JSON, 0.0), weights.get(JSON, 0.0))


def _ranges(accept: str) -> list[tuple[str, float]]:
    """Media ranges with their weights, in the order given."""
    found = []
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            found.append((name, float(weight)))
        except ValueError:
            continue
    return found


def max_age(cache_control: str | None) -> float | None:
    """How old values may be, in seconds, from a request's Cache-Control; None when it does not say."""
    text = (cache_control or "").lower()
    if "no-cache" in text or "no-store" in text:
        return 0.0
    match = _MAX_AGE.search(text)
    return None if match is None else float(match[1])


async def parameters(http: HttpRequest, body_bytes: int) -> Parameters:
    """The parameters of a GET's query string or a POST's body. Raises Refused."""
    if http.method == "GET":
        given: dict[str, Any] = dict(http.query_params)
        if given.get("variables"):
            given["variables"] = _json(given["variables"].encode(), "variables are not valid JSON")
        else:
            given.pop("variables", None)
    else:
        content_type = http.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != JSON:
            raise Refused(415, f"send the request as {JSON}")
        given = _json(await _body(http, body_bytes), "the body is not valid JSON")
        if not isinstance(given, dict):
            raise Refused(400, "the body is not a JSON object")
    return _checked(given)


async def _body(http: HttpRequest, limit: int) -> bytes:
    parts, size = [], 0
    async for part in http.stream():
        size += len(part)
        if size > limit:
            raise Refused(413, f"the body is longer than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


def _json(text: bytes, problem: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Refused(400, problem) from None


def _checked(given: Mapping[str, Any]) -> Parameters:
    query, name, variables = given.get("query"), given.get("operationName"), given.get("variables")
    if not isinstance(query, str) or not query.strip():
        raise Refused(400, "query is missing or not a text")
    if not isinstance(name, str | None):
        raise Refused(400, "operationName is not a text")
    if not isinstance(variables, dict | None):
        raise Refused(400, "variables are not an object")
    if not isinstance(given.get("extensions"), dict | str | None):
        raise Refused(400, "extensions are not an object")
    return Parameters(query, name or None, variables or {})


def refusal(refused: Refused, form: str, correlation_id: str) -> Response:
    """The answer to a refused request."""
    body = {"errors": [simple(str(refused), refused.code, correlation_id)]}
    return answer(body, form, refused.status, refused.headers)


def status_of(body: ResponseBody, form: str) -> int:
    """200 for what was executed; else 400, except that plain JSON is answered with 200 by tradition."""
    return 200 if "data" in body or form == JSON else 400


def answer(body: ResponseBody, form: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """A body as a response in the given form; answers depend on the caller, so nobody else may keep them."""
    sent = {"Cache-Control": "private, no-store", "Vary": "Accept, Authorization", **(headers or {})}
    return Response(orjson.dumps(body), status, sent, media_type=f"{form}; charset=utf-8")

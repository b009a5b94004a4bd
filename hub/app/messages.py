"""GraphQL over HTTP: what a request says, and in which form and with which status it is answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from hub.app.exchange import Incoming, TooLong
from hub.app.execution import ResponseBody

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
HTML = "text/html"
_MAX_AGE = re.compile(r"max-age\s*=\s*\"?(\d{1,9})\"?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


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
    """The parameters of a GraphQL request.

    The document is given as `query`, or named by `document_id`, or by the SHA-256 `digest` of its text.
    """

    query: str | None
    operation_name: str | None
    variables: Mapping[str, Any]
    document_id: str | None = None
    digest: str | None = None


@lru_cache(maxsize=256)
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
        raise Refused(406, f"answers are given as {GRAPHQL_JSON} or {JSON}, in UTF-8", "NOT_ACCEPTABLE")
    return best


def wants_page(accept: str | None) -> bool:
    """Whether a browser asks: it prefers HTML to every form of JSON."""
    weights = dict(_ranges(accept or ""))
    return weights.get(HTML, 0.0) > max(weights.get(GRAPHQL_JSON, 0.0), weights.get(JSON, 0.0))


def _ranges(accept: str) -> list[tuple[str, float]]:
    """Media ranges with their weights, in the order given; those in another encoding than ours weigh nothing."""
    found = []
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            found.append((name, float(weight) if _is_utf8(parameters) else 0.0))
        except ValueError:
            continue
    return found


def _is_utf8(parameters: list[str]) -> bool:
    charset = next((p[8:].strip('"') for p in parameters if p.startswith("charset=")), "utf-8")
    return charset in {"utf-8", "utf8"}


def max_age(cache_control: str | None) -> float | None:
    """How old values may be, in seconds, from a request's Cache-Control; None when it does not say."""
    if not cache_control:
        return None
    text = cache_control.lower()
    if "no-cache" in text or "no-store" in text:
        return 0.0
    match = _MAX_AGE.search(text)
    return None if match is None else float(match[1])


# -- what is asked ----------------------------------------------------------------------------------


def check_method(incoming: Incoming) -> None:
    """Raise Refused (405) for a method that asks nothing."""
    if incoming.method not in {"GET", "POST"}:
        raise Refused(405, "send queries by GET or POST", "METHOD_NOT_ALLOWED", {"Allow": "GET, POST"})


async def parameters(incoming: Incoming, body_bytes: int) -> Parameters:
    """The parameters of a GET's query string or a POST's body. Raises Refused."""
    given = _of_query_string(incoming) if incoming.method == "GET" else await _of_body(incoming, body_bytes)
    return _checked(given)


def _of_query_string(incoming: Incoming) -> Mapping[str, Any]:
    try:
        given: dict[str, Any] = dict(incoming.parameters())
    except ValueError:
        raise Refused(400, "the query string is not UTF-8 in percent-encoding") from None
    for name in ("variables", "extensions"):
        text = given.pop(name, "")
        if text:
            given[name] = _json(text.encode(), f"{name} are not valid JSON")
    return given


async def _of_body(incoming: Incoming, limit: int) -> Mapping[str, Any]:
    _check_content_type(incoming.header(b"content-type"))
    try:
        body = await incoming.body(limit)
    except TooLong:
        raise Refused(413, f"the body is longer than {limit} bytes", "TOO_LONG") from None
    given = _json(body, "the body is not valid JSON")
    if isinstance(given, list):
        raise Refused(400, "batches are not supported: send one operation per request", "BATCHING_NOT_SUPPORTED")
    if not isinstance(given, dict):
        raise Refused(400, "the body is not a JSON object")
    return given


@lru_cache(maxsize=64)
def _check_content_type(content_type: str | None) -> None:
    name, *parameters = (piece.strip().lower() for piece in (content_type or "").split(";"))
    if name != JSON or not _is_utf8(parameters):
        raise Refused(415, f"send the request as {JSON}, in UTF-8", "UNSUPPORTED_MEDIA_TYPE", {"Accept": JSON})


def _json(text: bytes, problem: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Refused(400, problem) from None


def _checked(given: Mapping[str, Any]) -> Parameters:
    query, name, variables = given.get("query"), given.get("operationName"), given.get("variables")
    if not isinstance(query, str | None):
        raise Refused(400, "query is not a text")
    if not isinstance(name, str | None):
        raise Refused(400, "operationName is not a text")
    if not isinstance(variables, dict | None):
        raise Refused(400, "variables are not an object")
    document_id, digest = given.get("documentId"), _digest(given.get("extensions"))
    if not isinstance(document_id, str | None):
        raise Refused(400, "documentId is not a text")
    query = query if query and not query.isspace() else None
    if query is None and not document_id and digest is None:
        raise Refused(400, "query is missing")
    if query is not None and document_id:
        raise Refused(400, "give either query or documentId")
    return Parameters(query, name or None, variables or {}, document_id or None, digest)


def _digest(extensions: Any) -> str | None:
    """The digest of Apollo's `persistedQuery` extension; None without it."""
    if extensions is None:
        return None
    if not isinstance(extensions, dict):
        raise Refused(400, "extensions are not an object")
    named = extensions.get("persistedQuery")
    if named is None:
        return None
    if not isinstance(named, dict) or named.get("version") != 1:
        raise Refused(400, "persistedQuery is known in version 1", "PERSISTED_QUERY_NOT_SUPPORTED")
    digest = named.get("sha256Hash")
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise Refused(400, "persistedQuery.sha256Hash is not a SHA-256 in lower-case hexadecimal digits")
    return digest


# -- what is answered -------------------------------------------------------------------------------


def status_of(body: ResponseBody, form: str) -> int:
    """200 for what was executed; else 400, except that plain JSON is answered with 200 by tradition."""
    return 200 if "data" in body or form == JSON else 400

"""What the vendor answers: replies and its error bodies, one constructor per case of its error table."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import orjson
from starlette.responses import Response

_RFC = "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html#sec10."
_SECTIONS = {400: "4.1", 401: "4.2", 403: "4.4", 404: "4.5", 405: "4.6", 415: "4.16", 500: "5.1", 501: "5.2"}
ERROR_TYPE = "application/vnd.oracle.resource+json; type=error"
SINGULAR_TYPE = "application/vnd.oracle.resource+json; type=singular"
COLLECTION_TYPE = "application/vnd.oracle.resource+json; type=collection"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer not yet on the wire, so that an asynchronous job can keep it; `body` None sends no content."""

    status: int
    body: Any = None
    media_type: str = SINGULAR_TYPE
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """The HTTP response."""
        if self.body is None:
            return Response(status_code=self.status, headers=self.headers)
        headers = {**self.headers, "content-type": self.media_type}
        return Response(orjson.dumps(self.body), status_code=self.status, headers=headers)


class Refusal(Exception):
    """A request that is answered with an error; carries the whole reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def error(
    status: int,
    code: str,
    detail: str,
    *,
    title: str | None = None,
    headers: dict[str, str] | None = None,
    where: dict[str, str] | None = None,
) -> Refusal:
    """An error in the vendor's shape; `where` gives o:errorPath, o:errorQueryParam, o:errorHeader or o:errorUrl."""
    details = {"detail": detail, **{f"o:{name}": value for name, value in (where or {}).items()}, "o:errorCode": code}
    body = {
        "type": _RFC + _SECTIONS.get(status, "4.1"),
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "o:errorDetails": [details],
    }
    return Refusal(Reply(status, body, ERROR_TYPE, headers or {}))


def invalid_login(realm: str, reason: str) -> Refusal:
    """401: the token or the signature is not good. The reason stays out of the body, as with the vendor."""
    challenge = f'OAuth realm="{realm}", error="{reason}", error_description="Invalid login attempt."'
    detail = (
        "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI at "
        "Setup > Users/Roles > User Management > View Login Audit Trail."
    )
    return error(401, "INVALID_LOGIN", detail, headers={"WWW-Authenticate": challenge})


def invalid_content(detail: str, path: str | None = None) -> Refusal:
    """400: the body has a value that the record cannot take."""
    where = {} if path is None else {"errorPath": path}
    return error(400, "INVALID_CONTENT", f"Error while accessing resource: {detail}", where=where)


def invalid_field_value(value: object, field_name: str, path: str) -> Refusal:
    """400: a value or reference that the field cannot take."""
    shown = value if isinstance(value, (str, int, float)) else orjson.dumps(value, default=str).decode()
    return invalid_content(
        f"You have entered an Invalid Field Value {shown} for the following field: {field_name}", path
    )


def invalid_request(detail: str, where: dict[str, str] | None = None) -> Refusal:
    """400: a URL, header or body that is not well formed."""
    return error(400, "INVALID_REQUEST", detail, where=where)


def invalid_parameter(detail: str, where: dict[str, str] | None = None) -> Refusal:
    """400: a query parameter or a SuiteQL text that is not good."""
    return error(400, "INVALID_PARAMETER", detail, where=where)


def nonexistent_record(path: str | None = None) -> Refusal:
    """404: no record with that id."""
    where = {} if path is None else {"errorUrl": path}
    return error(404, "NONEXISTENT_ID", "Record does not exist.", where=where)


def method_not_allowed(method: str) -> Refusal:
    """405: the resource exists, the method does not."""
    return error(405, "METHOD_NOT_ALLOWED", f"The method {method} is not allowed on this resource.")


def concurrency_exceeded(retry_after_s: float | None = None) -> Reply:
    """429 with the misleading title "Bad Request"; the vendor sends no Retry-After by itself."""
    body = {
        "type": _RFC + "4.1",
        "title": "Bad Request",
        "status": 429,
        "o:errorCode": "USER_ERROR",
        "o:errorDetails": [
            {
                "detail": "Concurrent request limit exceeded. Request blocked.",
                "o:errorCode": "CONCURRENCY_LIMIT_EXCEEDED",
            }
        ],
    }
    headers = {} if retry_after_s is None else {"Retry-After": format(retry_after_s, "g")}
    return Reply(429, body, ERROR_TYPE, headers)


def unexpected_error() -> Reply:
    """500, with an error id that the vendor's support would ask for."""
    detail = f"An unexpected error occurred. Error ID: {uuid4().hex}"
    return error(500, "UNEXPECTED_ERROR", detail).reply

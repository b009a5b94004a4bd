"""How the Workday tenant answers: JSON bodies, and the error bodies of its REST services.

A refused call is `{"error": text}`; a refused validation adds `errors`, one entry per finding, with the
field and the stable code where there is one.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import orjson
from starlette.responses import Response


class RefusedError(Exception):
    """A call that the tenant refuses, as the answer it gets."""

    def __init__(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        super().__init__(str(body.get("error")))
        self.status = status
        self.body = body
        self.headers = headers

    def response(self) -> Response:
        """The refusal as an HTTP response."""
        return json_response(self.body, self.status, self.headers)


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response; decimals become JSON numbers, whole ones without a fraction."""
    content = orjson.dumps(body, default=_number)
    return Response(content, status_code=status, headers=headers, media_type="application/json")


def refused(status: int, message: str) -> RefusedError:
    """A refusal without findings: the error text alone."""
    return RefusedError(status, {"error": message})


def invalid(message: str, *, field: str | None = None, code: str | None = None) -> RefusedError:
    """A 400 with one validation finding."""
    finding = {"error": message, "field": field, "code": code}
    kept = {key: value for key, value in finding.items() if value is not None}
    return RefusedError(400, {"error": message, "errors": [kept]})


def unauthorized() -> RefusedError:
    """The answer to a missing, unknown or expired access token."""
    return RefusedError(401, {"error": "invalid_token: the access token is missing, unknown or expired"})


def not_found(message: str = "resource not found") -> RefusedError:
    """The answer to an instance that does not exist or that the caller may not see."""
    return refused(404, message)


def throttled(retry_after_s: float | None) -> Response:
    """429, with Retry-After in whole seconds when a wait is given."""
    headers = None if retry_after_s is None else {"Retry-After": str(max(1, math.ceil(retry_after_s)))}
    return json_response({"error": "too many requests for this tenant"}, 429, headers)


def failed() -> Response:
    """500 as the REST services report a fault of their own."""
    return json_response({"error": "internal server error"}, 500)


def _number(value: object) -> int | float:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")

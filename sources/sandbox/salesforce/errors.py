"""Errors as the tenant reports them: one exception that renders both the request's and a row's error body."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refusal: HTTP status, Salesforce error code, message, and the fields at fault (None: the key is absent)."""

    def __init__(self, status: int, code: str, message: str, fields: tuple[str, ...] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def body(self) -> list[dict[str, Any]]:
        """The body of a failed request: a list with one error, under the key `errorCode`."""
        error: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            error["fields"] = list(self.fields)
        return [error]

    def row_error(self) -> dict[str, Any]:
        """One entry of a row's `errors` in a collections reply, where the code is called `statusCode`."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields or ())}


def refuse_row(code: str, message: str, *fields: str) -> ApiError:
    """A 400 about the values of one row, naming the fields at fault."""
    return ApiError(400, code, message, fields)


def not_found() -> ApiError:
    """The 404 for a resource or a row that is not there."""
    return ApiError(404, "NOT_FOUND", "The requested resource does not exist")


def entity_is_deleted() -> ApiError:
    """The 404 for a row that lies in the recycle bin."""
    return ApiError(404, "ENTITY_IS_DELETED", "entity is deleted", ())


def invalid_session() -> ApiError:
    """The 401 for a session that has expired, was revoked or never existed."""
    return ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")


def request_limit_exceeded() -> ApiError:
    """The 403 that this vendor gives where others give 429."""
    return ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def server_unavailable() -> ApiError:
    """The 503 of an instance under maintenance."""
    return ApiError(503, "SERVER_UNAVAILABLE", "Server is too busy, or is under maintenance. Please try again later.")


def query_too_complicated() -> ApiError:
    """The 400 for a query that nests deeper than can be followed."""
    message = "Query is either selecting too many fields or the filter conditions are too complicated."
    return ApiError(400, "QUERY_TOO_COMPLICATED", message)


def no_such_column_on_write(name: str, object_name: str) -> ApiError:
    """The 400 for a key of a written row that is no field."""
    return ApiError(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {object_name}")


def method_not_allowed(method: str, allowed: list[str]) -> ApiError:
    """The 405 that lists what the resource takes."""
    return ApiError(
        405, "METHOD_NOT_ALLOWED", f"HTTP Method '{method}' not allowed. Allowed are {','.join(sorted(allowed))}"
    )

"""Kantata's refusals: always `{"errors": [{"type", "message", "field"?, "index"?}]}`, without machine codes."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An answer that is not a success: its status and its error entries."""

    def __init__(self, status: int, errors: list[dict[str, Any]]) -> None:
        super().__init__(f"{status}: {errors}")
        self.status = status
        self.errors = errors


def system(status: int, message: str) -> Refusal:
    """A refusal that belongs to no attribute of the request."""
    return Refusal(status, [{"type": "system", "message": message}])


def unauthorized() -> Refusal:
    """The one answer to a missing, malformed or revoked token."""
    return Refusal(401, [{"type": "oauth", "message": "Invalid OAuth 2 Request"}])


def not_found() -> Refusal:
    """Absent, invisible, hidden by a default filter, or no such route."""
    return system(404, "The requested resource could not be found")


def bad_request(message: str) -> Refusal:
    """A parameter or a body that cannot be read."""
    return system(400, message)


def invalid(problems: list[tuple[str, str]]) -> Refusal:
    """One validation entry per (field, message); the field is `base` when the whole record is at fault."""
    return Refusal(422, [{"type": "validation", "message": text, "field": name} for name, text in problems])


def at_index(refusal: Refusal, index: int) -> list[dict[str, Any]]:
    """The entries of a refusal, marked with the place of the failing item in a bulk request."""
    return [{**entry, "index": index} for entry in refusal.errors]

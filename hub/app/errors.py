"""How errors look to callers: one table from what went wrong to `extensions`; anything unforeseen is masked."""

from __future__ import annotations

import logging
import re
from typing import Any

from graphql import GraphQLError

from hub.errors import CallerError, HubError, InvalidInput, SourceError
from resolvers.faults import MergedFault, class_of

log = logging.getLogger(__name__)

INTERNAL = "INTERNAL"
_VARIABLE = re.compile(r"^Variable '\$(\w+)' has invalid value(?: at (\.[\w.\[\]]+))?")


def shown(error: GraphQLError, correlation_id: str) -> dict[str, Any]:
    """A GraphQL error as JSON; what its cause says stays inside unless the cause is meant for callers."""
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    body: dict[str, Any] = {"message": error.message, "extensions": {}}
    match cause:
        case None:
            body["extensions"] = {"code": InvalidInput.code, **(error.extensions or {})}
        case InvalidInput():
            body["extensions"] = {"code": cause.specific_code or cause.code, "argument": cause.argument}
        case CallerError():
            body["extensions"] = {"code": cause.code}
        case SourceError():
            body["message"] = f"{cause.system} could not be read."
            body["extensions"] = {"code": cause.code, "system": cause.system}
        case ValueError() if error.path is None:
            # A variable's value that its scalar refuses: nothing was executed, and the message says which.
            body["extensions"] = {"code": InvalidInput.code, **_argument(error.message)}
        case _:
            log.error("correlation id %s: %s failed", correlation_id, error.path, exc_info=cause)
            return {**_place(error), **internal(correlation_id)}
    return {**body, **_place(error), "extensions": _completed(body["extensions"], correlation_id)}


def _argument(message: str) -> dict[str, str]:
    """The place of a refused variable, as the library's message names it."""
    found = _VARIABLE.search(message)
    return {} if found is None else {"argument": found[1] + (found[2] or "")}


def _place(error: GraphQLError) -> dict[str, Any]:
    place: dict[str, Any] = {}
    if error.locations:
        place["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path is not None:
        place["path"] = list(error.path)
    return place


def of_fault(fault: MergedFault) -> dict[str, Any]:
    """A merged fault as JSON."""
    return {"message": fault.message, "path": list(fault.path), "extensions": dict(fault.extensions)}


def simple(message: str, code: str, correlation_id: str) -> dict[str, Any]:
    """An error of the request as a whole, as JSON."""
    return {"message": message, "extensions": _completed({"code": code}, correlation_id)}


def of_hub(error: HubError, correlation_id: str) -> dict[str, Any]:
    """An error of the hub about the request as a whole, as JSON."""
    return simple(str(error), error.code, correlation_id)


def internal(correlation_id: str) -> dict[str, Any]:
    """An error that says nothing but where to look."""
    message = f"Something went wrong inside the hub; its log tells more under {correlation_id}."
    return simple(message, INTERNAL, correlation_id)


def _completed(extensions: dict[str, Any], correlation_id: str) -> dict[str, Any]:
    code = extensions["code"]
    return {"class": class_of(code), **extensions, "correlationId": correlation_id}

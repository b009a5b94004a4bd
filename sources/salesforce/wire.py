"""Salesforce on the wire: ids, SOQL text, and the error table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from hub.errors import (
    HubError,
    SourceMisconfigured,
    SourceRejected,
    SourceThrottled,
    SourceUnavailable,
    VersionConflict,
)
from sources.faults import Response

_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_NO_COLUMN = re.compile(r"No such column '(\w{1,255})' on (?:entity '|sobject of type )(\w{1,255})")


def long_id(text: str) -> str:
    """The case-safe 18-character form of an id; anything that is not 15 characters long is left alone."""
    if len(text) != 15:
        return text
    groups = (text[i : i + 5] for i in (0, 5, 10))
    return text + "".join(_CHECKSUM[sum(1 << i for i, c in enumerate(g) if "A" <= c <= "Z")] for g in groups)


def text_literal(text: str) -> str:
    """A SOQL string literal; whatever the text holds, it stays inside the quotes."""
    return f"'{text.translate(_ESCAPES)}'"


def instant_literal(instant: datetime) -> str:
    """A SOQL dateTime literal in UTC, rounded down to the second that stamps have."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def select(fields: Iterable[str], source: str, where: str = "", order: str = "Id") -> str:
    """A SOQL query; field and object names come from the code and the estate, never from a request."""
    condition = f" WHERE {where}" if where else ""
    return f"SELECT {', '.join(sorted(set(fields)))} FROM {source}{condition} ORDER BY {order}"  # noqa: S608


def any_of(field: str, ids: Iterable[str]) -> str:
    """A condition that holds for rows whose field is one of the ids."""
    return f"{field} IN ({','.join(text_literal(i) for i in ids)})"


def error_table(mapped: Mapping[str, str]) -> Callable[[Response], HubError | None]:
    """The vendor's error table; `mapped` gives the mapping's entry by `object.field` in lower case, to name it."""

    def classify(response: Response) -> HubError | None:
        system, operation = response.system, response.operation
        code, message = _first_error(response)
        if code in ("INVALID_FIELD", "INVALID_TYPE"):
            return SourceMisconfigured(system, _missing(message, mapped), operation=operation)
        if code == "REQUEST_LIMIT_EXCEEDED":
            # The vendor documents no Retry-After here; a gateway before it may still send one.
            wait = response.retry_after_s
            return SourceThrottled(system, "the org's call limit is reached", operation=operation, retry_after_s=wait)
        if code == "UNABLE_TO_LOCK_ROW" or response.status == 420:
            return SourceUnavailable(system, "is busy with the record or restarting", operation=operation)
        if response.status == 412:
            return VersionConflict("the record has changed in Salesforce")
        if response.status == 410:
            return SourceMisconfigured(system, "no longer serves this API version", operation=operation)
        if code and 400 <= response.status < 500 and response.status not in (401, 403, 429):
            return SourceRejected(system, f"refused the request: {code}", operation=operation, reason=code)
        return None

    return classify


def _first_error(response: Response) -> tuple[str, str]:
    """Code and message of the first error in a body; empty texts when there is none."""
    errors = response.data if isinstance(response.data, list) else [response.data]
    first = errors[0] if errors and isinstance(errors[0], dict) else {}
    code = str(first.get("errorCode", ""))
    return (code if re.fullmatch(r"[A-Z_]{1,80}", code) else ""), str(first.get("message", ""))


def _missing(message: str, mapped: Mapping[str, str]) -> str:
    """Which field the tenant lacks, with the mapping's entry; the vendor's own text is not passed on."""
    match = _NO_COLUMN.search(message)
    if match is None:
        return "lacks an object or field that the mapping names"
    name = f"{match[2]}.{match[1]}"
    entry = mapped.get(name.lower())
    return f"has no field {name}" + (f", which the mapping gives for {entry}" if entry else " that we may read")

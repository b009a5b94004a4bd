"""Salesforce on the wire: ids, SOQL text, and the error table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

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
_FIELD = re.compile(r"\w{1,80}", re.ASCII)
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
        setting = _setting_at_fault(response, code, message, mapped)
        if setting is not None:
            return SourceMisconfigured(system, setting, operation=operation)
        if code == "REQUEST_LIMIT_EXCEEDED":
            # The vendor documents no Retry-After here; a gateway before it may still send one.
            wait = response.retry_after_s
            return SourceThrottled(system, "the org's call limit is reached", operation=operation, retry_after_s=wait)
        if code == "UNABLE_TO_LOCK_ROW":
            # The vendor has undone what it began, so even a write may be tried again.
            return SourceUnavailable(system, "is busy with the record", operation=operation, sent=False)
        if response.status == 420:
            return SourceUnavailable(system, "is restarting", operation=operation)
        if response.status == 412:
            return VersionConflict("the record has changed in Salesforce")
        if code and 400 <= response.status < 500 and response.status not in (401, 403, 429):
            message = f"refused the request: {code}{_at_fault(response, mapped)}"
            return SourceRejected(system, message, operation=operation, reason=code)
        return None

    return classify


def _setting_at_fault(response: Response, code: str, message: str, mapped: Mapping[str, str]) -> str | None:
    """What a person must change, at the vendor or in the estate; None when it is no such error."""
    if code in ("INVALID_FIELD", "INVALID_TYPE"):
        return _missing(message, mapped)
    if code == "INVALID_FIELD_FOR_INSERT_UPDATE":
        return f"does not let us write{_at_fault(response, mapped)}"
    if response.status == 300:
        return "has several records of one external id: the field is not unique"
    return "no longer serves this API version" if response.status == 410 else None


def _first(response: Response) -> Mapping[str, Any]:
    errors = response.data if isinstance(response.data, list) else [response.data]
    return errors[0] if errors and isinstance(errors[0], dict) else {}


def _first_error(response: Response) -> tuple[str, str]:
    """Code and message of the first error in a body; empty texts when there is none."""
    first = _first(response)
    code = str(first.get("errorCode", ""))
    return (code if re.fullmatch(r"[A-Z_]{1,80}", code) else ""), str(first.get("message", ""))


def _at_fault(response: Response, mapped: Mapping[str, str]) -> str:
    """The fields that the first error names, by the mapping's entry where it is clear which is meant."""
    named = _first(response).get("fields")
    fields = [f for f in named if isinstance(f, str) and _FIELD.fullmatch(f)] if isinstance(named, list) else []
    shown = []
    for field in fields:
        entries = [entry for name, entry in mapped.items() if name.partition(".")[2] == field.lower()]
        shown.append(entries[0] if len(entries) == 1 else field)
    return f" at {', '.join(shown)}" if shown else ""


def _missing(message: str, mapped: Mapping[str, str]) -> str:
    """Which field the tenant lacks, with the mapping's entry; the vendor's own text is not passed on."""
    match = _NO_COLUMN.search(message)
    if match is None:
        return "lacks an object or field that the mapping names"
    name = f"{match[2]}.{match[1]}"
    entry = mapped.get(name.lower())
    return f"has no field {name}" + (f", which the mapping gives for {entry}" if entry else " that we may read")

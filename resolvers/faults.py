"""Nulls that are not simply "no value": noted while a response is made, told as one error per system and code.

Both executors note a Fault for each such place and let `merged` make the errors, so a page on which one
system is silent carries one error that names it, not one per field.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]

FORBIDDEN_FIELD = "FORBIDDEN_FIELD"

CLASS_OF_CODE: Mapping[str, str] = {
    "SOURCE_UNAVAILABLE": "PLATFORM_AVAILABILITY",
    "RATE_LIMITED": "PLATFORM_AVAILABILITY",
    "INTERNAL": "PLATFORM_AVAILABILITY",
    "AUTH_FAILED": "AUTHENTICATION",
    "UNAUTHENTICATED": "AUTHENTICATION",
    "SCHEMA_DRIFT": "DATA_QUALITY",
    "FX_MISSING": "DATA_QUALITY",
    "MIXED_CURRENCY": "DATA_QUALITY",
    "INVALID_INPUT": "DATA_QUALITY",
    FORBIDDEN_FIELD: "BUSINESS_RULE",
    "NOT_PERMITTED": "BUSINESS_RULE",
}
"""The class of an error's code (domain.md section 6); a source's fault that is not listed is the platform's."""

_REASONS: Mapping[str, str] = {
    "SOURCE_UNAVAILABLE": "does not answer",
    "RATE_LIMITED": "asks for fewer requests",
    "AUTH_FAILED": "does not accept the hub's credentials or permissions",
    "SCHEMA_DRIFT": "answers in a shape that the hub does not know",
}


def class_of(code: str) -> str:
    """The class of an error's code."""
    return CLASS_OF_CODE.get(code, "PLATFORM_AVAILABILITY")


@dataclass(frozen=True, slots=True)
class Lack:
    """Why there is no value: a code, and the system at fault (None: the caller may not see it)."""

    code: str
    system: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A lack at one place of the response; `field` is `Type.field`."""

    lack: Lack
    field: str
    path: Path


@dataclass(frozen=True, slots=True)
class MergedFault:
    """All faults of one lack as one error: where it shows first, and its extensions."""

    message: str
    path: Path
    extensions: Mapping[str, Any]


def merged(faults: Iterable[Fault], data: Any, correlation_id: str) -> list[MergedFault]:
    """One error per system and code, in the order in which they first show in `data`."""
    groups: dict[Lack, list[Fault]] = defaultdict(list)
    for fault in faults:
        # An error that has nulled what is above this place has taken its null, and the fault, with it.
        if len(place(data, fault.path)) == len(fault.path):
            groups[fault.lack].append(fault)
    errors = [_merged(lack, group, data, correlation_id) for lack, group in groups.items()]
    return sorted(errors, key=lambda error: place(data, error.path))


def _merged(lack: Lack, faults: Sequence[Fault], data: Any, correlation_id: str) -> MergedFault:
    extensions: dict[str, Any] = {"code": lack.code, "class": class_of(lack.code)}
    if lack.system is not None:
        extensions["system"] = lack.system
    extensions |= {
        "fields": sorted({fault.field for fault in faults}),
        "count": len(faults),
        "correlationId": correlation_id,
    }
    return MergedFault(_message(lack), min((f.path for f in faults), key=lambda p: place(data, p)), extensions)


def _message(lack: Lack) -> str:
    if lack.system is None:
        return "Your role may not see some of the fields asked for."
    reason = _REASONS.get(lack.code, "could not be read")
    return f"{lack.system} {reason}; some of its values are missing."


def place(data: Any, path: Sequence[str | int]) -> tuple[int, ...]:
    """Where a path stands in the response, comparable: positions of keys and items, as far down as there is data."""
    positions: list[int] = []
    for step in path:
        if isinstance(step, int):
            positions.append(step)
            data = data[step] if isinstance(data, list) and step < len(data) else None
        elif isinstance(data, dict) and step in data:
            positions.append(next(n for n, key in enumerate(data) if key == step))
            data = data[step]
        else:
            break
    return tuple(positions)

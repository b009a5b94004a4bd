"""Request bodies: JSON, or Rails form encoding with bracketed names."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import orjson

from sources.sandbox.kantata.errors import bad_request

_FORM = "application/x-www-form-urlencoded"


def read_body(content: bytes, content_type: str) -> dict[str, Any]:
    """The body as an object; an empty body is an empty object. Raises a 400 for what cannot be read."""
    kind = content_type.partition(";")[0].strip().lower()
    if not content.strip():
        return {}
    if kind == _FORM:
        return _read_form(content)
    if kind != "application/json":
        raise bad_request(f"Unsupported content type {kind or '(none)'}")
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as exc:
        raise bad_request("There was a problem in the JSON you submitted") from exc
    if not isinstance(body, dict):
        raise bad_request("The body must be a JSON object")
    return body


def _read_form(content: bytes) -> dict[str, Any]:
    """`story[title]=a&story[tags][]=b&items[][x]=1&items[][y]=2` as nested objects and lists."""
    body: dict[str, Any] = {}
    for name, value in parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True):
        head, *rest = re.findall(r"[^\[\]]+|\[\]", re.sub(r"\[([^\[\]]+)\]", r"[\1", name)) or [""]
        try:
            _place(body, head, rest, value)
        except (TypeError, AttributeError, KeyError) as exc:
            raise bad_request(f"Parameter {name} contradicts an earlier one") from exc
    return body


def _place(target: dict[str, Any], name: str, rest: list[str], value: str) -> None:
    if not rest:
        target[name] = value
    elif rest[0] != "[]":
        _place(target.setdefault(name, {}), rest[0], rest[1:], value)
    elif len(rest) == 1:
        target.setdefault(name, []).append(value)
    else:
        items = target.setdefault(name, [])
        # A member that the current object already has begins the next object, as Rack reads it.
        if not items or rest[1] in items[-1]:
            items.append({})
        _place(items[-1], rest[1], rest[2:], value)

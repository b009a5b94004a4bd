"""What a written JSON value must look like for its field, and the form in which rows keep it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from sources.sandbox.salesforce.errors import ApiError, refuse_row
from sources.sandbox.salesforce.fields import ID_TYPES, NUMBER_TYPES, TEXT_TYPES, Field
from sources.sandbox.salesforce.ids import find_id18
from sources.sandbox.salesforce.stamps import parse_day, parse_instant

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")


def stored_value(field: Field, value: Any) -> Any:
    """The form in which a row keeps a written value; raises ApiError with the row's error.

    An empty text is stored as null, as the platform does.
    """
    if value is None or value == "":
        return _stored_null(field)
    return _parser(field.type)(field, value)


def _parser(kind: str) -> Callable[[Field, Any], Any]:
    if kind in TEXT_TYPES:
        return _text
    if kind in ID_TYPES:
        return _reference
    if kind in NUMBER_TYPES:
        return _number
    return {"boolean": _boolean, "date": _day, "datetime": _instant}[kind]


def _stored_null(field: Field) -> None:
    if field.type == "boolean":
        raise refuse_row("INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field.label}: value not of required type: ", field.name)
    if not field.nillable:
        raise refuse_row("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{field.name}]", field.name)


def _wrong_shape(field: Field, value: Any) -> ApiError:
    kind = {
        bool: "VALUE_TRUE" if value is True else "VALUE_FALSE",
        int: "VALUE_NUMBER_INT",
        float: "VALUE_NUMBER_FLOAT",
    }
    token = kind.get(type(value), "START_OBJECT" if isinstance(value, dict) else "VALUE_STRING")
    shown = f" value {value}" if isinstance(value, (str, int, float)) else ""
    return ApiError(
        400,
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {field.type} from {token}{shown} or request may be missing a required field",
    )


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong_shape(field, value)
    if len(value) > field.length:
        message = f"{field.label}: data value too large: {value} (max length={field.length})"
        raise refuse_row("STRING_TOO_LONG", message, field.name)
    if field.type == "email" and not _EMAIL.match(value):
        raise refuse_row("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {value}", field.name)
    if field.restricted and value not in field.picklist:
        message = f"{field.label}: bad value for restricted picklist field: {value}"
        raise refuse_row("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, field.name)
    return value


def _reference(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong_shape(field, value)
    id18 = find_id18(value)
    if id18 is None:
        raise refuse_row("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", field.name)
    return id18


def _number(field: Field, value: Any) -> float | int:
    try:
        found = float(value) if isinstance(value, str) else value
    except ValueError:
        raise _wrong_shape(field, value) from None
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not math.isfinite(found):
        raise _wrong_shape(field, value)
    if abs(found) >= 10 ** (field.precision - field.scale):
        message = f"{field.label}: value outside of valid range on numeric field: {value}"
        raise refuse_row("NUMBER_OUTSIDE_VALID_RANGE", message, field.name)
    if field.type != "int":
        return round(float(found), field.scale)
    if found != int(found):
        raise _wrong_shape(field, value)
    return int(found)


def _boolean(field: Field, value: Any) -> bool:
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise _wrong_shape(field, value)
    return value


def _day(field: Field, value: Any) -> str:
    try:
        return parse_day(value)
    except (TypeError, ValueError):
        raise _wrong_shape(field, value) from None


def _instant(field: Field, value: Any) -> str:
    try:
        return parse_instant(value)
    except (TypeError, ValueError):
        raise _wrong_shape(field, value) from None

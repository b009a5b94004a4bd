"""What a command's input says: the same request is written and told from others in the same form."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hub.usecases.desk import IDEMPOTENCY_KEY, Given


def tidy(given: Given) -> Mapping[str, Any]:
    """The input with its texts composed and without outer space; a text that has nothing else stays, to be refused.

    The key is the caller's own and stays as it is.
    """
    return {name: value if name == IDEMPOTENCY_KEY else _tidied(value) for name, value in given.items()}


def said(given: Given) -> Mapping[str, Any]:
    """What the input says, its key aside: equal exactly when another one asks for the same.

    Numbers count by their value, and lists as sets: of no list of an input does the order mean anything.
    """
    return {name: _plain(value) for name, value in tidy(given).items() if name != IDEMPOTENCY_KEY}


def _tidied(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value.strip() or value)
    return [_tidied(part) for part in value] if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal) and value.is_finite():
        return format(value.normalize() if value else Decimal(0), "f")
    return frozenset(_plain(part) for part in value) if isinstance(value, list | tuple) else value

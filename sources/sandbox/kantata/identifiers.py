"""Ids as callers write them: decimal digits, no longer than the vendor's 64-bit keys."""

from __future__ import annotations

_LONGEST = 18


def read_id(text: object) -> int | None:
    """The number of an id; None for anything that cannot be one."""
    digits = str(text).strip()
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST else None


def read_ids(text: str) -> list[int]:
    """The ids of a comma-separated list, in order: others dropped, duplicates removed."""
    found = (read_id(part) for part in text.split(","))
    return list(dict.fromkeys(number for number in found if number is not None))

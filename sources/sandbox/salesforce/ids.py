"""Record ids: the 15- and the 18-character form of the same id."""

from __future__ import annotations

import re

from sources.sandbox.firm.vendor_ids import salesforce_checksum

_ID15 = re.compile(r"[0-9A-Za-z]{15}\Z")
_ID18 = re.compile(r"[0-9A-Za-z]{15}[A-Z0-5]{3}\Z")
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def find_id18(text: object) -> str | None:
    """The 18-character form of an id given in either form; None when it is no id.

    The 18-character form is case-safe: the checksum restores the case that a caller may have lost.
    """
    if not isinstance(text, str):
        return None
    if _ID15.match(text):
        return text + salesforce_checksum(text)
    if _ID18.match(text[:15] + text[15:].upper()):
        return _with_restored_case(text[:15], text[15:].upper())
    return None


def build_id(key_prefix: str, n: int) -> str:
    """The 18-character id of the n-th row of the object with this key prefix."""
    digits = ""
    rest = n
    for _ in range(9):
        rest, digit = divmod(rest, 62)
        digits = _BASE62[digit] + digits
    id15 = f"{key_prefix}Qy0{digits}"
    return id15 + salesforce_checksum(id15)


def _with_restored_case(id15: str, suffix: str) -> str | None:
    chars = list(id15)
    for group, letter in enumerate(suffix):
        bits = _SUFFIX_ALPHABET.find(letter)
        if bits < 0:
            return None
        for i in range(5):
            place = group * 5 + i
            upper = bool(bits >> i & 1)
            if upper and not chars[place].isalpha():
                return None
            chars[place] = chars[place].upper() if upper else chars[place].lower()
    return "".join(chars) + suffix

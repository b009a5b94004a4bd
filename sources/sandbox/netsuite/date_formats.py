"""Oracle's date format models: what TO_CHAR and TO_DATE accept, and their equivalents in C formats."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

INNER_FORMAT = "%Y-%m-%d %H:%M:%S"

# Longest first: the scanner takes the first token that fits.
_TOKENS = "YYYY MONTH HH24 HH12 MON DAY DDD YY MM MI DD DY SS HH AM PM IW Q".split()
_SCANNER = re.compile(r'"[^"]*"|' + "|".join(_TOKENS) + r"|[-/,.;: ]", re.IGNORECASE)
_NATIVE = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH24": "%H", "MI": "%M", "SS": "%S", "DDD": "%j"}
_PARSED = {
    **{token: code for token, code in _NATIVE.items() if token != "DDD"},
    "MON": "%b",
    "MONTH": "%B",
    "HH12": "%I",
    "HH": "%I",
    "AM": "%p",
    "PM": "%p",
    "YY": "%y",
}


class UnknownFormat(Exception):
    """A format model with something in it that Oracle does not know."""


def _pieces(oracle_format: str) -> list[str]:
    pieces: list[str] = []
    position = 0
    while position < len(oracle_format):
        found = _SCANNER.match(oracle_format, position)
        if found is None:
            raise UnknownFormat(oracle_format)
        pieces.append(found.group())
        position = found.end()
    return pieces


def _literal(piece: str) -> str | None:
    if piece.startswith('"'):
        return piece[1:-1]
    return piece if not piece[0].isalpha() else None


def native_format(oracle_format: str) -> str | None:
    """The format for SQLite's strftime; None where it has none and `format_date` must do it."""
    out = []
    for piece in _pieces(oracle_format):
        literal = _literal(piece)
        code = literal.replace("%", "%%") if literal is not None else _NATIVE.get(piece.upper())
        if code is None:
            return None
        out.append(code)
    return "".join(out)


def parse_format(oracle_format: str) -> str:
    """The format for Python's strptime. Raises UnknownFormat."""
    out = []
    for piece in _pieces(oracle_format):
        literal = _literal(piece)
        code = literal.replace("%", "%%") if literal is not None else _PARSED.get(piece.upper())
        if code is None:
            raise UnknownFormat(oracle_format)
        out.append(code)
    return "".join(out)


def _cased(token: str, text: str) -> str:
    if token.isupper():
        return text.upper()
    return text.lower() if token.islower() else text


_SPELLED: dict[str, Callable[[datetime], str]] = {
    "MON": lambda moment: moment.strftime("%b"),
    "MONTH": lambda moment: moment.strftime("%B").ljust(9),
    "DY": lambda moment: moment.strftime("%a"),
    "DAY": lambda moment: moment.strftime("%A").ljust(9),
}
_COUNTED: dict[str, Callable[[datetime], str]] = {
    "HH": lambda moment: moment.strftime("%I"),
    "HH12": lambda moment: moment.strftime("%I"),
    "AM": lambda moment: moment.strftime("%p"),
    "PM": lambda moment: moment.strftime("%p"),
    "YY": lambda moment: moment.strftime("%y"),
    "IW": lambda moment: f"{moment.isocalendar().week:02d}",
    "Q": lambda moment: str((moment.month - 1) // 3 + 1),
}


def _token_text(moment: datetime, token: str) -> str:
    name = token.upper()
    if name in _SPELLED:
        return _cased(token, _SPELLED[name](moment))
    return _COUNTED[name](moment) if name in _COUNTED else moment.strftime(_NATIVE[name])


def format_date(moment: datetime, oracle_format: str) -> str:
    """A moment by a format model, month and day names padded to nine as Oracle pads them."""
    out = []
    for piece in _pieces(oracle_format):
        literal = _literal(piece)
        out.append(literal if literal is not None else _token_text(moment, piece))
    return "".join(out)


def company_date(text: str) -> str:
    """An inner date in the company's date format, M/D/YYYY: the time is not shown."""
    return f"{int(text[5:7])}/{int(text[8:10])}/{text[0:4]}"

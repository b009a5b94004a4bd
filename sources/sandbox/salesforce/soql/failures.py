"""How a query is refused: a piece of the query, a caret under the culprit, row and column, and the reason."""

from __future__ import annotations

from typing import NoReturn

from sources.sandbox.salesforce.errors import ApiError

_BEFORE = 60
_AFTER = 30


class QueryText:
    """The text of a query, able to refuse itself at a position."""

    def __init__(self, text: str) -> None:
        self.text = text

    def refuse(self, code: str, position: int, reason: str) -> NoReturn:
        """Raise the 400 that points at the position."""
        raise self.failure(code, position, reason)

    def failure(self, code: str, position: int, reason: str) -> ApiError:
        """The 400 that points at the position."""
        line_start = self.text.rfind("\n", 0, position) + 1
        row = self.text.count("\n", 0, position) + 1
        column = position - line_start + 1
        first = max(line_start, position - _BEFORE)
        shown = self.text[first : position + _AFTER].split("\n", 1)[0]
        caret = " " * (position - first) + "^"
        return ApiError(400, code, f"\n{shown}\n{caret}\nERROR at Row:{row}:Column:{column}\n{reason}")

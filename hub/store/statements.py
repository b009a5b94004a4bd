"""SQL as the database layer takes it, made once for each statement and not for each time that it is run."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import TextClause
from sqlalchemy import text as _text


@lru_cache(maxsize=1024)
def text(statement: str) -> TextClause:
    """The statement with its `:names` found; nobody may change what this returns."""
    return _text(statement)

"""SQL as the database layer takes it: made once for each statement, and run without a transaction where one does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache

from sqlalchemy import TextClause
from sqlalchemy import text as _text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


@lru_cache(maxsize=1024)
def text(statement: str) -> TextClause:
    """The statement with its `:names` found; nobody may change what this returns."""
    return _text(statement)


@asynccontextmanager
async def singly(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection on which each statement is a transaction of its own, committed when it has run.

    It saves the two round trips that begin and end one; a block that changes something has one statement only.
    """
    async with engine.connect() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")

"""Reading long lists that change while they are read: pages overlap by one row, so that a shift is seen.

A vendor runs every page as a query of its own. When a row leaves its place between two pages, the rows
behind it move up and one of them would be skipped unnoticed. Pages here overlap by one row: only when the
last row of one page is the first of the next, nothing has moved between them. Feeds besides restart
their query at the last stamp seen, so offsets stay small however long the list is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from hub.errors import SourceError

R = TypeVar("R")

PAGES_AT_ONCE = 5
"""How many pages of one list are read concurrently; the transport's own limit applies besides."""
RESTARTS = 5
"""How often a list is read anew because it moved, before its reader gives up."""


class ListMoves(Exception):
    """The list changed during every attempt to read it."""


@dataclass(frozen=True, slots=True)
class Part(Generic[R]):
    """One page: its rows in order, and how many rows the whole query has (None: the vendor did not say)."""

    rows: Sequence[R]
    total: int | None


@dataclass(frozen=True, slots=True)
class List(Generic[R]):
    """How to read one list: pages by offset and limit, and what identifies a row as it stood when read."""

    read: Callable[[int, int], Awaitable[Part[R]]]
    identity: Callable[[R], Hashable]
    page_rows: int


@dataclass(frozen=True, slots=True)
class _Stretch(Generic[R]):
    """Rows proven contiguous, whether they reach the list's end, and how many rows are still expected."""

    rows: list[R]
    ended: bool
    left: int | None


async def together(calls: Sequence[Coroutine[Any, Any, R]]) -> list[R]:
    """The results of calls made concurrently, in order; when one fails the others are cancelled."""
    if len(calls) == 1:
        return [await calls[0]]
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def read_list(source: List[R]) -> list[R]:
    """Every row of a list that has no stamps to restart from; reads it anew when it moved. Raises ListMoves."""
    for _ in range(RESTARTS):
        rows = await _read_once(source)
        if rows is not None:
            return rows
    raise ListMoves


async def _read_once(source: List[R]) -> list[R] | None:
    rows: list[R] = []
    pages = 1
    while True:
        stretch = await _stretch(source, max(0, len(rows) - 1), pages)
        if rows and (not stretch.rows or source.identity(stretch.rows[0]) != source.identity(rows[-1])):
            return None
        rows.extend(stretch.rows[1:] if rows else stretch.rows)
        if stretch.ended:
            return rows
        pages = _pages_for(stretch.left, source.page_rows)


async def read_changes(
    query: Callable[[datetime | None], List[R]], stamp: Callable[[R], datetime], since: datetime | None
) -> AsyncGenerator[list[R], None]:
    """Rows changed at or after `since`, in the order of their stamps, in stretches of up to five pages.

    `query(t)` is the list of rows stamped at or after `t` in ascending order (a little before `t` is
    fine); equal stamps are expected. A row that changes meanwhile comes again with its new stamp.
    """
    after, offset, pages = since, 0, 1
    seen: set[Hashable] = set()
    while True:
        source = query(after)
        stretch = await _stretch(source, offset, pages)
        fresh = [row for row in stretch.rows if source.identity(row) not in seen]
        if fresh:
            yield fresh
        if stretch.ended:
            return
        last = stamp(stretch.rows[-1])
        if after is None or last > after:
            after, offset = last, 0
            seen = set()
        else:  # more rows share this stamp than one stretch holds
            offset += len(stretch.rows) - 1
        seen |= {source.identity(row) for row in stretch.rows}
        pages = _pages_for(stretch.left, source.page_rows)


async def _stretch(source: List[R], offset: int, pages: int) -> _Stretch[R]:
    """Read up to `pages` overlapping pages at once and keep those that join up."""
    limit = source.page_rows
    parts = await together([_part(source, offset + n * (limit - 1)) for n in range(pages)])
    rows = list(parts[0].rows)
    last = parts[0]
    for part in parts[1:]:
        if _ends(last, offset + len(rows), limit):
            break
        if not part.rows or source.identity(part.rows[0]) != source.identity(rows[-1]):
            return _Stretch(rows, ended=False, left=None)
        rows.extend(part.rows[1:])
        last = part
    reached = offset + len(rows)
    left = None if last.total is None else max(0, last.total - reached)
    return _Stretch(rows, _ends(last, reached, limit), left)


async def _part(source: List[R], offset: int) -> Part[R]:
    return await source.read(offset, source.page_rows)


def _ends(part: Part[Any], reached: int, limit: int) -> bool:
    """Whether this page is the list's last: by the vendor's own total, or because it is short."""
    if len(part.rows) < limit:
        return True
    return part.total is not None and reached >= part.total


def _pages_for(left: int | None, page_rows: int) -> int:
    if left is None:
        return PAGES_AT_ONCE
    return min(PAGES_AT_ONCE, max(1, -(-left // (page_rows - 1))))


async def ahead(items: AsyncGenerator[R, None]) -> AsyncIterator[R]:
    """The same items, the next one being fetched while the receiver works on the one before."""
    task: asyncio.Task[R] | None = _next(items)
    try:
        while task is not None:
            try:
                item = await task
            except StopAsyncIteration:
                task = None
                return
            task = _next(items)
            yield item
    finally:
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration, SourceError):
                await task
        await items.aclose()


def _next(items: AsyncGenerator[R, None]) -> asyncio.Task[R]:
    async def step() -> R:
        return await anext(items)

    return asyncio.create_task(step())

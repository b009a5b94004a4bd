"""Lists that move while they are read: nothing is skipped, nothing is read twice for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from sources.paging import List, ListMoves, Part, ahead, read_changes, read_list, together

START = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = 10

Row = tuple[str, datetime]


class Table:
    """A vendor's table: pages are separate queries, and `on_read` may change it before each of them."""

    def __init__(self, stamps: list[int], *, tells_total: bool = True) -> None:
        self.rows: list[Row] = [(str(n), START + timedelta(seconds=stamp)) for n, stamp in enumerate(stamps)]
        self.tells_total = tells_total
        self.reads: list[tuple[int, int]] = []
        self.on_read: Callable[[int], None] = lambda _: None

    def query(self, after: datetime | None) -> List[Row]:
        async def read(offset: int, limit: int) -> Part[Row]:
            self.on_read(len(self.reads))
            self.reads.append((offset, limit))
            rows = sorted((r for r in self.rows if after is None or r[1] >= after), key=lambda r: (r[1], int(r[0])))
            return Part(rows[offset : offset + limit], len(rows) if self.tells_total else None)

        return List(read, lambda row: row, LIMIT)

    def touch(self, row_id: str, seconds: int) -> None:
        """Change a row: it moves to the end."""
        self.rows = [row for row in self.rows if row[0] != row_id]
        self.rows.append((row_id, START + timedelta(seconds=seconds)))


async def _all(table: Table, since: datetime | None = None) -> list[Row]:
    return [row async for rows in read_changes(table.query, lambda row: row[1], since) for row in rows]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 19, 20, 45, 46, 47, 300])
@pytest.mark.parametrize("tells_total", [True, False])
async def test_every_row_comes_once_and_in_order(count: int, *, tells_total: bool) -> None:
    """Whatever the length, and whether or not the vendor says it."""
    table = Table(list(range(count)), tells_total=tells_total)
    assert [row[0] for row in await _all(table)] == [str(n) for n in range(count)]
    assert [row[0] for row in await read_list(table.query(None))] == [str(n) for n in range(count)]


async def test_a_short_feed_is_one_call() -> None:
    """Polling costs one call while little changes."""
    table = Table([1, 2, 3])
    await _all(table)
    assert table.reads == [(0, LIMIT)]


async def test_offsets_stay_small_however_long_the_feed() -> None:
    """The query restarts at the last stamp instead of counting further."""
    table = Table(list(range(1000)))
    await _all(table)
    assert max(offset for offset, _ in table.reads) <= 5 * LIMIT


async def test_more_equal_stamps_than_a_stretch_holds() -> None:
    """A bulk load gives thousands of rows the same second."""
    table = Table([1] * 137 + [2] * 61 + [3])
    assert len(await _all(table)) == 199
    assert len({row[0] for row in await _all(table)}) == 199


async def test_a_row_that_moves_between_two_pages_hides_no_other() -> None:
    """Row 0 changes while pages are read: the rows behind it move up, and still all of them come."""
    table = Table(list(range(60)))

    def move(read: int) -> None:
        if read == 3:
            table.touch("0", 100)

    table.on_read = move
    rows = await _all(table)
    assert {row[0] for row in rows} == {str(n) for n in range(60)}
    assert ("0", START + timedelta(seconds=100)) in rows


async def test_a_list_without_stamps_is_read_anew_when_it_moved() -> None:
    """A row is deleted half way: the answer is the list as it then is."""
    table = Table(list(range(40)))

    def delete(read: int) -> None:
        if read == 2:
            table.rows = [row for row in table.rows if row[0] != "0"]

    table.on_read = delete
    assert [row[0] for row in await read_list(table.query(None))] == [str(n) for n in range(1, 40)]


async def test_a_list_that_never_rests_is_given_up() -> None:
    """Better an error than a list with holes."""
    table = Table(list(range(200)))

    def shrink(_: int) -> None:
        table.rows.pop(0)

    table.on_read = shrink
    with pytest.raises(ListMoves):
        await read_list(table.query(None))


async def test_reading_starts_at_the_given_moment() -> None:
    """`since` bounds the first query."""
    table = Table(list(range(30)))
    assert len(await _all(table, START + timedelta(seconds=25))) == 5


async def test_together_keeps_order_and_cancels_the_rest_on_failure() -> None:
    """One failed call ends its siblings."""
    ended: list[str] = []

    async def slow() -> int:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("slow")
        return 1

    async def broken() -> int:
        await asyncio.sleep(0)
        raise ValueError("broken")

    async def fast(n: int) -> int:
        return n

    assert await together([fast(1), fast(2)]) == [1, 2]
    assert await together([]) == []
    with pytest.raises(ValueError, match="broken"):
        await together([slow(), broken()])
    assert ended == ["slow"]


async def test_ahead_fetches_the_next_while_one_is_worked_on() -> None:
    """The second item is under way before it is asked for; an error comes after what was read before it."""
    made: list[int] = []

    async def numbers() -> AsyncGenerator[int, None]:
        for n in (1, 2):
            made.append(n)
            yield n
        raise ValueError("no third")

    seen = []

    async def work() -> None:
        async for n in ahead(numbers()):
            await asyncio.sleep(0)
            seen.append((n, list(made)))

    with pytest.raises(ValueError, match="no third"):
        await work()
    assert seen == [(1, [1, 2]), (2, [1, 2])]


async def test_ahead_closes_what_it_reads_from() -> None:
    """A receiver that stops early leaves nothing running."""
    closed: list[bool] = []

    async def numbers() -> AsyncGenerator[int, None]:
        try:
            for n in range(100):
                await asyncio.sleep(0)
                yield n
        finally:
            closed.append(True)

    stream = ahead(numbers())
    assert await anext(stream) == 0
    await stream.aclose()  # type: ignore[attr-defined]
    assert closed == [True]

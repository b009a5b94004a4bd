"""Connections that died in the pool are replaced before anybody uses them, and living ones are not asked each time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from hub.store.database import open_engine
from hub.store.pool import keep_alive

_MINE = text("SELECT pg_backend_pid()")


@pytest.fixture
async def engine(migrated_database: str) -> AsyncIterator[AsyncEngine]:
    """An engine as the hub opens it."""
    opened = open_engine(migrated_database)
    yield opened
    await opened.dispose()


async def backends(engine: AsyncEngine, number: int) -> set[int]:
    """Fill the pool with that many connections, all idle afterwards; the servers' process numbers."""
    connections = [await engine.connect() for _ in range(number)]
    pids = {int((await connection.execute(_MINE)).scalar_one()) for connection in connections}
    for connection in connections:
        await connection.close()
    return pids


async def terminate(engine: AsyncEngine, pids: set[int]) -> None:
    """End these backends from outside the pool, as a restart does."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as outside:
        ended = "SELECT bool_and(pg_terminate_backend(pid, 5000)) FROM unnest(%s::int[]) AS k(pid)"
        assert await (await outside.execute(ended, (list(pids),))).fetchone() == (True,)


def pings(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the server is asked about its health from now on."""
    asked: list[Any] = []
    ping = engine.dialect.do_ping

    def noted(connection: Any) -> bool:
        asked.append(connection)
        return ping(connection)

    monkeypatch.setattr(engine.dialect, "do_ping", noted)
    return asked


async def test_connections_that_the_server_ended_are_replaced_before_anybody_uses_them(engine: AsyncEngine) -> None:
    """All of them at once, right after their last use: nobody sees an error."""
    before = await backends(engine, 4)
    await terminate(engine, before)
    after = await backends(engine, 4)
    assert len(after) == 4
    assert not before & after


async def test_a_connection_that_fell_silent_is_replaced_when_it_is_asked(
    migrated_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver knows nothing of the loss: only the question after a pause tells."""
    engine = create_async_engine(migrated_database)
    keep_alive(engine.sync_engine, ask_after_s=0.0)
    try:
        before = await backends(engine, 1)
        asked = pings(engine, monkeypatch)
        first = engine.dialect.do_ping

        def silent(connection: Any) -> bool:
            # What a dead network does to the question: the driver gives the connection up, and says so.
            connection.driver_connection.terminate()
            return first(connection)

        monkeypatch.setattr(engine.dialect, "do_ping", silent)
        assert not before & await backends(engine, 1)
        assert len(asked) == 1
    finally:
        await engine.dispose()


async def test_a_connection_in_use_a_moment_ago_is_not_asked(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question costs three round trips."""
    before = await backends(engine, 1)
    asked = pings(engine, monkeypatch)
    assert await backends(engine, 1) == before
    assert asked == []


async def test_a_connection_that_was_idle_is_asked_and_kept(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A living one answers, and stays."""
    before = await backends(engine, 1)
    asked = pings(engine, monkeypatch)

    def long_ago(_: Any, record: ConnectionPoolEntry, __: Any) -> None:
        record.info["idle_since"] -= 2.0

    event.listen(engine.sync_engine, "checkout", long_ago, insert=True)
    assert await backends(engine, 1) == before
    assert len(asked) == 1

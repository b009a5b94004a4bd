"""Directory writers take turns; what turns out to be known needs none, and what is new never goes without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import prometheus_client
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.kinds import Domain, Kind
from hub.domain.records import Key, Record, RecordKey
from hub.domain.roles import RoleMap
from hub.store.database import open_engine
from hub.store.directory_writer import WRITE_LOCK, PostgresDirectoryWriter

T0 = datetime(2026, 3, 1, tzinfo=UTC)
CUSTOMER = Record(RecordKey("crm", Kind.CUSTOMER, "1"), {"name": "Acme"}, "1", T0, T0, (Key("email", "a@b.example"),))
LATER = replace(CUSTOMER, fetched_at=T0 + timedelta(minutes=1))


@pytest.fixture
async def engine(migrated_database: str) -> AsyncIterator[AsyncEngine]:
    """A fresh database, on few connections."""
    opened = open_engine(migrated_database, pool_size=2)
    yield opened
    await opened.dispose()


@pytest.fixture
async def writer(engine: AsyncEngine) -> PostgresDirectoryWriter:
    """The writer of one process; it knows one customer."""
    made = PostgresDirectoryWriter(engine, domains={"crm": Domain.CRM}, roles=RoleMap())
    await made.apply([CUSTOMER])
    return made


@asynccontextmanager
async def others_turn(url: str) -> AsyncIterator[None]:
    """Another process is writing."""
    other = open_engine(url, pool_size=1)
    try:
        async with other.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITE_LOCK})
            yield
    finally:
        await other.dispose()


def counted(verdict: str) -> float:
    """How many messages had that verdict."""
    given = {"system": "crm", "verdict": verdict}
    return prometheus_client.REGISTRY.get_sample_value("hub_inbound_records_total", given) or 0.0


async def test_what_is_known_does_not_wait_for_another_writer(
    migrated_database: str, writer: PostgresDirectoryWriter
) -> None:
    """Nothing is to be written, so there is no order to keep; the message is counted once."""
    before = counted("DUPLICATE")
    async with others_turn(migrated_database):
        known = writer.apply([LATER], likely_known=True)
        assert await asyncio.wait_for(known, 5) == frozenset()
    assert counted("DUPLICATE") == before + 1


@pytest.mark.parametrize(
    ("news", "shows"),
    [
        (replace(LATER, attributes={"name": "Apex"}), "kept ->> 'name' = 'Apex'"),
        (replace(LATER, source_timestamp=T0 + timedelta(seconds=30)), "source_timestamp > '2026-03-01 00:00:10+00'"),
        (replace(LATER, key=RecordKey("crm", Kind.CUSTOMER, "2")), "external_id = '2'"),
        (replace(LATER, deleted=True), "deleted_at IS NOT NULL"),
    ],
    ids=["value", "stamp", "record", "tombstone"],
)
async def test_what_is_new_waits_for_its_turn(
    migrated_database: str, writer: PostgresDirectoryWriter, news: Record, shows: str
) -> None:
    """Also where it was expected to be known; then it is taken over."""
    async with others_turn(migrated_database):
        applied = asyncio.create_task(writer.apply([news], likely_known=True))
        await waiting(migrated_database, 1)
    await asyncio.wait_for(applied, 5)
    assert await one(migrated_database, f"SELECT count(*) FROM record WHERE {shows}") == 1


async def test_what_became_old_while_it_waited_is_not_taken_over(
    migrated_database: str, engine: AsyncEngine, writer: PostgresDirectoryWriter
) -> None:
    """It is judged again in its turn."""
    older, newest = (
        replace(LATER, attributes={"name": name}, source_timestamp=T0 + timedelta(minutes=minutes))
        for name, minutes in (("Older", 1), ("Newest", 2))
    )
    other = PostgresDirectoryWriter(engine, domains={"crm": Domain.CRM}, roles=RoleMap())
    async with others_turn(migrated_database):
        first = asyncio.create_task(other.apply([newest]))
        await waiting(migrated_database, 1)
        second = asyncio.create_task(writer.apply([older], likely_known=True))
        await waiting(migrated_database, 2)
    assert len(await asyncio.wait_for(first, 5)) == 1
    assert await asyncio.wait_for(second, 5) == frozenset()
    assert await one(migrated_database, "SELECT kept ->> 'name' FROM entity") == "Newest"


async def test_a_process_whose_writers_wait_can_read_meanwhile(
    migrated_database: str, engine: AsyncEngine, writer: PostgresDirectoryWriter
) -> None:
    """However many there are, they hold one connection together."""
    news = [replace(LATER, key=RecordKey("crm", Kind.CUSTOMER, f"new-{n}"), keys=()) for n in range(20)]
    async with others_turn(migrated_database):
        applied = [asyncio.create_task(writer.apply([record])) for record in news]
        await waiting(migrated_database, 1)
        async with asyncio.timeout(5), engine.connect() as connection:
            assert (await connection.execute(text("SELECT count(*) FROM entity"))).scalar_one() == 1
    assert all(await asyncio.wait_for(asyncio.gather(*applied), 20))


async def one(url: str, statement: str) -> Any:
    """The only value that a query gives."""
    other = open_engine(url, pool_size=1)
    try:
        async with other.connect() as connection:
            return (await connection.execute(text(statement))).scalar_one()
    finally:
        await other.dispose()


async def waiting(url: str, number: int) -> None:
    """Return when that many writers wait for their turn at the database."""
    for _ in range(200):
        if await one(url, _WAITING) == number:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"there are not {number} waiting")


_WAITING = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""

"""A hub process that is killed in the middle of a feed: another one finishes it within seconds."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.support.postgres import conninfo

ROWS = 40
PAGE_ROWS = 4

WORKER = f"""
import asyncio, sys
from hub.domain.kinds import Domain, Kind
from hub.domain.roles import RoleMap
from hub.feeds.worker import FeedWorker
from hub.store.database import open_engine
from hub.store.directory_writer import PostgresDirectoryWriter
from tests.support.fake_sources import FakeSource, spec

class Nobody:
    async def put(self, records): pass
    async def publish(self, keys): pass

async def main(url, page_delay_s):
    crm = FakeSource("crm", Domain.CRM, {{Kind.CUSTOMER: spec()}}, {PAGE_ROWS}, page_delay_s)
    for number in range({ROWS}):
        crm.put(Kind.CUSTOMER, f"c{{number:02}}", {{"name": f"Customer {{number}}"}}, second=number * 100)
    engine = open_engine(url)
    writer = PostgresDirectoryWriter(engine, domains={{"crm": Domain.CRM}}, roles=RoleMap())
    worker = FeedWorker(engine, {{"crm": crm}}, writer, cache=Nobody(), announcer=Nobody())
    await worker.start()
    while True:
        await asyncio.sleep(0.1)
        print(len(crm.calls), flush=True)

asyncio.run(main(sys.argv[1], float(sys.argv[2])))
"""


@contextmanager
def hub_process(url: str, page_delay_s: float) -> Iterator[subprocess.Popen[str]]:
    """A process that works; each page of its only feed takes that long."""
    command = [sys.executable, "-c", WORKER, url, str(page_delay_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


async def _count(url: str, statement: str) -> int:
    async with await psycopg.AsyncConnection.connect(conninfo(url)) as connection:
        row = await (await connection.execute(statement.encode())).fetchone()
    assert row is not None
    return int(row[0])


async def _until(url: str, statement: str, least: int, *, seconds: float) -> float:
    """Wait until a count is reached; returns how long it took."""
    began = time.monotonic()
    while await _count(url, statement) < least:
        assert time.monotonic() < began + seconds
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def test_a_killed_process_in_the_middle_of_a_feed_is_taken_over_within_seconds(migrated_database: str) -> None:
    """What it had applied stays, and the rest comes from the other process."""
    customers = "SELECT count(*) FROM entity WHERE kind = 'customer'"
    done = "SELECT count(*) FROM watermark WHERE first_load_done_at IS NOT NULL"
    with hub_process(migrated_database, page_delay_s=1.5) as first:
        await _until(migrated_database, customers, PAGE_ROWS, seconds=20)
        with hub_process(migrated_database, page_delay_s=0.0) as second:
            assert second.stdout is not None
            second.stdout.readline()
            first.send_signal(signal.SIGKILL)
            first.wait(5)
            assert await _count(migrated_database, done) == 0
            before = await _count(migrated_database, customers)
            took = await _until(migrated_database, done, 1, seconds=20)
            assert await _count(migrated_database, customers) == ROWS
            second.kill()
            calls = max(int(line) for line in second.stdout.read().split())
    assert took < 12
    # It went on behind what the first one had proven, not from the start; a few calls ask for the system's health.
    assert calls <= (ROWS - before) / PAGE_ROWS + 4

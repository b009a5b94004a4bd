"""The embedded PostgreSQL: started once for all its users, and gone when the last of them is."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from hub.store import embedded

START_AND_WAIT = """
import pathlib, sys, time
from hub.store import embedded
server = embedded.start(pathlib.Path(sys.argv[1]))
print("started", flush=True)
time.sleep(60)
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Give a path outside pytest's own directory, which is closed to the account the server runs as."""
    parent = Path(tempfile.mkdtemp(prefix="plumbline-pg-"))
    yield parent / "pg-test"
    if (parent / "pg-test" / "postmaster.pid").exists():
        embedded.start(parent / "pg-test").stop()
    shutil.rmtree(parent)


def _answers(server: embedded.EmbeddedPostgres) -> bool:
    try:
        with psycopg.connect(server.conninfo()) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


async def test_both_drivers_reach_the_server(data_dir: Path) -> None:
    """The store uses asyncpg and the jobs use psycopg, on one server."""
    with embedded.start(data_dir) as server:
        assert _answers(server)
        engine = create_async_engine(server.url())
        async with engine.connect() as connection:
            assert (await connection.execute(text("SELECT lower('ÄÖ')"))).scalar_one() == "äö"
        await engine.dispose()
    assert not _answers(server)


def test_the_last_user_stops_the_server(data_dir: Path) -> None:
    """One user's end must not take the server from another."""
    first, second = embedded.start(data_dir), embedded.start(data_dir)
    first.close()
    first.close()
    assert _answers(second)
    second.close()
    assert not _answers(second)


def test_data_survives_a_restart(data_dir: Path) -> None:
    """The directory is the hub's memory."""
    with embedded.start(data_dir) as server, psycopg.connect(server.conninfo()) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    with embedded.start(data_dir) as server, psycopg.connect(server.conninfo()) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_killed_user_does_not_count(data_dir: Path) -> None:
    """After kill -9 of a hub, the next one to leave still stops the server."""
    with subprocess.Popen([sys.executable, "-c", START_AND_WAIT, data_dir], stdout=subprocess.PIPE) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == b"started\n"
        user.kill()
    server = embedded.start(data_dir)
    assert _answers(server)
    server.close()
    assert not _answers(server)


def test_starts_although_a_dead_servers_number_is_in_use(data_dir: Path) -> None:
    """After a crash of the machine the number in the pid file may belong to anybody."""
    server = embedded.start(data_dir)
    pid_file = data_dir / "postmaster.pid"
    number = pid_file.read_text().split("\n", 1)[0]
    os.kill(int(number), signal.SIGKILL)
    server.close()
    pid_file.write_text(pid_file.read_text().replace(number, str(os.getpid()), 1))
    with embedded.start(data_dir) as server:
        assert _answers(server)


def test_a_long_path_gets_a_short_socket(data_dir: Path) -> None:
    """A socket's path has a limit that a directory's has not."""
    with embedded.start(data_dir.with_name("x" * 120)) as server:
        assert server.socket_dir != server.data_dir
        assert _answers(server)
    server.socket_dir.rmdir()

"""Fixtures of every test: real PostgreSQL and Redis servers, and guards against what a test must not do."""

import asyncio
import os
from collections.abc import Iterator

import pytest
import redis

from hub.store.database import migrate, open_engine
from tests.support import postgres
from tests.support import redis as redis_support
from tests.support.network import forbid_outside_addresses
from tests.support.postgres import DatabaseServer
from tests.support.processes import child_processes, end
from tests.support.redis import RedisServer


def pytest_configure() -> None:
    """Close the way to other machines before any test is imported."""
    forbid_outside_addresses()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the embedded server when the last test process is done: xdist's controller ends after its workers."""
    if not hasattr(config, "workerinput"):
        postgres.remove_embedded_server(_run_id())


@pytest.fixture(scope="session")
def database_server(worker_id: str) -> Iterator[DatabaseServer]:
    """Give the PostgreSQL server of this run, for tests that make databases themselves."""
    with postgres.database_server(_run_id(), worker_id) as server:
        yield server


@pytest.fixture
def fresh_database(database_server: DatabaseServer) -> Iterator[str]:
    """Give the SQLAlchemy address of an empty database of the test's own."""
    url = database_server.create()
    yield url
    database_server.drop(url)


@pytest.fixture(scope="session")
def migrated_template(database_server: DatabaseServer) -> str:
    """Give the name of a database to copy that has the hub's newest tables, without rows."""
    return database_server.template("migrated", _migrate)


@pytest.fixture
def migrated_database(database_server: DatabaseServer, migrated_template: str) -> Iterator[str]:
    """Give the SQLAlchemy address of a database of the test's own that has the hub's newest tables, without rows."""
    url = database_server.create(migrated_template)
    yield url
    database_server.drop(url)


@pytest.fixture(scope="session")
def redis_server(worker_id: str) -> Iterator[str]:
    """Give the address of this test process's Redis, with whatever earlier tests left in it."""
    with redis_support.redis_url(worker_id) as url:
        yield url


@pytest.fixture
def fresh_redis(redis_server: str) -> str:
    """Give the address of an empty Redis."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushdb()
    return redis_server


@pytest.fixture
def private_redis() -> Iterator[RedisServer]:
    """Give a running Redis that the test may stop and start again."""
    server = RedisServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def no_process_left_behind() -> Iterator[None]:
    """Fail a test that leaves a process running; what fixtures of a wider scope started is not the test's."""
    before = child_processes()
    yield
    left = child_processes() - before
    if left:
        end(left)
        pytest.fail(f"the test left processes behind: {sorted(map(str, left))}")


def _run_id() -> str:
    """Return what the processes of one test run have in common."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())


def _migrate(url: str) -> None:
    async def run() -> None:
        engine = open_engine(url)
        try:
            await migrate(engine)
        finally:
            await engine.dispose()

    asyncio.run(run())

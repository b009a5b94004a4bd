"""One whole hub per test process, shared by the tests that name it: reads, changes and faults, one after the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import _migrate
from tests.support.postgres import DatabaseServer
from tests.support.stack import FirmSandboxes, RunningHub, start_firm, start_hub

FEED_SECONDS = 2.0


@pytest.fixture(scope="session")
def shared_firm() -> Iterator[FirmSandboxes]:
    """Give the sandboxes behind the shared hub, with whatever earlier tests changed in them."""
    with start_firm() as firm:
        yield firm


@pytest.fixture(scope="session")
def shared_hub(
    shared_firm: FirmSandboxes, database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningHub]:
    """Give the shared hub, loaded, its feeds paused."""
    url = database_server.create(database_server.template("migrated", _migrate))
    folder: Path = tmp_path_factory.mktemp("hub")
    with start_hub(shared_firm, url, folder, feed_seconds=FEED_SECONDS) as hub:
        hub.wait_until_ready()
        hub.pause_feeds()
        hub.run_feeds()
        yield hub
    database_server.drop(url)


@pytest.fixture
def firm(shared_firm: FirmSandboxes) -> Iterator[FirmSandboxes]:
    """Give the shared sandboxes without faults and with empty request logs."""
    shared_firm.clear_faults()
    shared_firm.forget_requests()
    yield shared_firm
    shared_firm.clear_faults()


@pytest.fixture
def hub(firm: FirmSandboxes, shared_hub: RunningHub) -> Iterator[RunningHub]:
    """Give the shared hub with paused feeds and an empty cache."""
    shared_hub.pause_feeds()
    shared_hub.clear_cache()
    firm.forget_requests()
    yield shared_hub
    firm.clear_faults()
    shared_hub.pause_feeds()

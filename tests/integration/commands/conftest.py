"""One loaded firm in four sandboxes for the whole table, and a hub in front of it for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import stamina

from sources.breaker import Breaker
from sources.sandbox.firm.generate import generate
from sources.sandbox.firm.model import Size
from tests.support.live import NOW, Live, Sandboxes, start_sandboxes
from tests.support.postgres import DatabaseServer

REOPEN_S = 0.01
"""After how long a system that was down is called again: nothing here is worth waiting for."""


@pytest.fixture(scope="session")
def sandboxes(
    database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory, migrated_template: str
) -> Iterator[Sandboxes]:
    """The four sandboxes and a loaded directory; every test finds what the ones before have left."""
    url = database_server.create(migrated_template)
    firm = generate(Size.SMALL, today=NOW.date())
    with start_sandboxes(firm, url, tmp_path_factory.mktemp("estate")) as made:
        yield made
    database_server.drop(url)


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Retries happen, without the pauses between them."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
async def hub(sandboxes: Sandboxes) -> AsyncIterator[Live]:
    """A hub in front of sandboxes that behave."""
    sandboxes.clear()
    made = Live(sandboxes)
    for connection in made.connections.values():
        connection.transport.breaker = Breaker(reopen_s=REOPEN_S)
    await made.start()
    yield made
    sandboxes.clear()
    await made.close()

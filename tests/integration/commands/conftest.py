"""One loaded firm in four sandboxes for the whole table, and a hub in front of it for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import stamina

from sources.breaker import Breaker
from sources.sandbox.firm.generate import generate
from sources.sandbox.firm.model import Firm, Size
from sources.sandbox.workday.settings import Settings
from tests.support.live import NOW, Live, Sandboxes, start_sandboxes
from tests.support.postgres import DatabaseServer
from tests.support.sandboxes import RunningSandbox, start_sandbox

REOPEN_S = 0.01
"""After how long a system that was down is called again: nothing here is worth waiting for."""
PROCESS_S = 0.1
"""How long a business process of Workday's takes."""


def quick(system: str, firm: Firm) -> RunningSandbox:
    """Start a sandbox in which nothing takes long."""
    if system == "workday":
        return start_sandbox(system, firm, settings=Settings(event_delay_s=PROCESS_S))
    return start_sandbox(system, firm)


@pytest.fixture(scope="session")
def sandboxes(
    database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory, migrated_template: str
) -> Iterator[Sandboxes]:
    """The four sandboxes and a loaded directory; every test finds what the ones before have left."""
    url = database_server.create(migrated_template)
    firm = generate(Size.SMALL, today=NOW.date())
    with start_sandboxes(firm, url, tmp_path_factory.mktemp("estate"), quick) as made:
        yield made
    database_server.drop(url)


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Retries happen, without the pauses between them."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def live(sandboxes: Sandboxes) -> AsyncIterator[Live]:
    """One replica for the whole table: its keys and connections cost more than most commands."""
    made = Live(sandboxes)
    await made.start()
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="session")
async def hub(live: Live) -> AsyncIterator[Live]:
    """The replica in front of sandboxes that behave, as if nothing had been wrong with them before."""
    live.sandboxes.clear()
    for connection in live.connections.values():
        connection.transport.breaker = Breaker(reopen_s=REOPEN_S)
    yield live
    live.sandboxes.clear()
    for connection in live.connections.values():
        connection.transport._open().event_hooks = {}

"""Running sandboxes for the suite: one per vendor for reading, a fresh one for tests that change it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import stamina

from hub.context import caused_by
from sources.breaker import Breaker
from tests.contract.adapters.systems import SYSTEMS, Connection, System, connect
from tests.support.sandboxes import RunningSandbox, start_sandbox


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Retry as often as in production, without the waits between."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture(scope="module", params=sorted(SYSTEMS))
def system(request: pytest.FixtureRequest) -> System:
    """Give every system in turn."""
    return SYSTEMS[request.param]


@pytest.fixture(scope="module")
def shared_sandbox(system: System) -> Iterator[RunningSandbox]:
    """Give the module's sandbox, which no test changes."""
    with start_sandbox(system.name) as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """Give the module's sandbox without faults and with an empty request log."""
    shared_sandbox.clear_faults()
    shared_sandbox.forget_requests()
    yield shared_sandbox
    shared_sandbox.clear_faults()


@pytest.fixture
async def connection(system: System, sandbox: RunningSandbox) -> AsyncIterator[Connection]:
    """Give the adapter on the module's sandbox."""
    made = connect(system, sandbox)
    with caused_by("query:conformance"):
        yield made
    await made.adapter.aclose()


@pytest.fixture
def breaker() -> Breaker:
    """Give a breaker as production has it."""
    return Breaker()

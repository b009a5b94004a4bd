"""What every adapter does when its system fails: retry what may succeed, name what will not, never show a secret."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from hub.context import within
from hub.domain.kinds import Kind
from hub.domain.records import Record
from hub.errors import SourceMisconfigured, SourceShapeBroken, SourceThrottled, SourceUnavailable
from hub.ports import SourceStatus
from sources.breaker import Breaker
from sources.transport import Limits
from tests.contract.adapters.systems import Connection, System, connect
from tests.support.sandboxes import RunningSandbox, start_sandbox

# Each is overcome by one retry, because a read may be repeated whatever became of the first try.
PASSING = ["error", "throttle", "down", "reset-before", "lost-reply", "half-body", "html"]
LASTING = ["error", "down", "reset-before", "lost-reply", "half-body", "html"]


@pytest.fixture
async def ids(connection: Connection, system: System) -> AsyncIterator[list[str]]:
    """Give three ids of the system's representative kind, with a signed-in adapter."""
    async for page in connection.adapter.changes(system.a_kind, None):
        yield [record.key.external_id for record in page.records][:3]
        return


async def read(connection: Connection, system: System, ids: list[str]) -> list[Record | None]:
    """Read one attribute of some records."""
    return await connection.adapter.fetch(system.a_kind, ids, frozenset({system.narrow}))


@pytest.mark.parametrize("fault", PASSING)
async def test_a_passing_fault_is_overcome(
    connection: Connection, system: System, sandbox: RunningSandbox, ids: list[str], fault: str
) -> None:
    """One failure of any sort costs a retry and nothing else."""
    sandbox.set_fault(fault, count=1)
    assert all(await read(connection, system, ids))


@pytest.mark.parametrize("fault", LASTING)
async def test_a_lasting_fault_is_unavailable(
    connection: Connection, system: System, sandbox: RunningSandbox, ids: list[str], fault: str
) -> None:
    """Three failures in a row are the caller's answer: unavailable, may be tried again later."""
    sandbox.set_fault(fault)
    with pytest.raises(SourceUnavailable) as failure:
        await read(connection, system, ids)
    assert failure.value.retriable
    assert failure.value.system == connection.adapter.system
    assert connection.transport.health.status is SourceStatus.DEGRADED


async def test_a_maintenance_page_is_unavailable_whatever_its_status(
    connection: Connection, system: System, sandbox: RunningSandbox, ids: list[str]
) -> None:
    """Some gateways answer their page with 200; it is still no data."""
    sandbox.set_fault("html", status=200)
    with pytest.raises(SourceUnavailable):
        await read(connection, system, ids)


async def test_the_wait_that_the_system_asks_for_is_kept(
    connection: Connection, system: System, sandbox: RunningSandbox, ids: list[str]
) -> None:
    """After 429 with Retry-After nothing is sent before that time."""
    if not system.says_how_long_to_wait:
        pytest.skip(f"{system.name} has no Retry-After")
    sandbox.set_fault("throttle", count=1, retry_after_s=1)
    started = time.monotonic()
    assert all(await read(connection, system, ids))
    assert time.monotonic() - started >= 0.95


async def test_a_lasting_throttle_says_how_long_to_wait(
    connection: Connection, system: System, sandbox: RunningSandbox, ids: list[str]
) -> None:
    """A wait that nobody can sit out is the caller's to plan."""
    sandbox.set_fault("throttle", retry_after_s=120)
    sandbox.forget_requests()
    with pytest.raises(SourceThrottled) as failure:
        await read(connection, system, ids)
    assert failure.value.retry_after_s == (120 if system.says_how_long_to_wait else None)
    assert len(sandbox.requests()) == (1 if system.says_how_long_to_wait else 3)


async def test_an_answer_that_takes_too_long_is_unavailable(
    system: System, sandbox: RunningSandbox, ids: list[str]
) -> None:
    """A slow system costs the timeout of each attempt and no more."""
    connection = connect(system, sandbox, limits=Limits(timeout_s=0.3, attempts=1))
    sandbox.set_fault("slow", delay_s=1.5)
    started = time.monotonic()
    with pytest.raises(SourceUnavailable) as failure:
        await read(connection, system, ids)
    assert time.monotonic() - started < 1.2
    assert failure.value.sent
    await connection.adapter.aclose()


async def test_the_deadline_of_the_work_bounds_every_call(
    connection: Connection, system: System, sandbox: RunningSandbox, ids: list[str]
) -> None:
    """A reader with half a second gets its answer, or the error, within about that."""
    sandbox.set_fault("slow", delay_s=3)
    started = time.monotonic()
    with within(0.5), pytest.raises(SourceUnavailable):
        await read(connection, system, ids)
    assert time.monotonic() - started < 1.5


async def test_a_body_that_is_not_json_is_drift(
    connection: Connection, system: System, sandbox: RunningSandbox, ids: list[str]
) -> None:
    """A whole answer that cannot be read will not become readable by asking again."""
    sandbox.set_fault("malformed")
    with pytest.raises(SourceShapeBroken):
        await read(connection, system, ids)


@pytest.mark.parametrize("change", ["remove", "object"])
async def test_a_field_that_changed_its_shape_is_drift(
    connection: Connection, system: System, sandbox: RunningSandbox, ids: list[str], change: str
) -> None:
    """The error names the field; the value is neither guessed nor shown."""
    sandbox.set_fault("drift", field=system.pinned, change=change)
    with pytest.raises(SourceShapeBroken, match=rf"\b{system.pinned}\b"):
        await read(connection, system, ids)


async def test_an_expired_token_is_renewed_unseen(system: System) -> None:
    """A token that died is replaced and the call repeated; one that cannot be renewed is for a person."""
    with start_sandbox(system.name) as running:
        connection = connect(system, running)
        await connection.adapter.ping()
        running.set_fault("expire-tokens", count=1)
        if system.renews_tokens:
            await connection.adapter.ping()
        else:
            with pytest.raises(SourceMisconfigured):
                await connection.adapter.ping()
        await connection.adapter.aclose()


async def test_bad_credentials_are_for_a_person(system: System, sandbox: RunningSandbox) -> None:
    """Wrong credentials are a matter of configuration, told once and without the secret."""
    connection = connect(system, sandbox, secret="hush-hush-4711")
    with pytest.raises(SourceMisconfigured) as failure:
        await connection.adapter.ping()
    assert "hush-hush" not in str(failure.value)
    assert connection.transport.health.status is SourceStatus.DOWN
    await connection.adapter.aclose()


async def test_the_breaker_opens_and_heals(system: System, sandbox: RunningSandbox) -> None:
    """A dead system is left alone after five failures, and used again soon after its return."""
    now = [0.0]
    connection = connect(system, sandbox, breaker=Breaker(clock=lambda: now[0]), limits=Limits(attempts=1))
    sandbox.set_fault("down")
    for _ in range(5):
        with pytest.raises(SourceUnavailable):
            await connection.adapter.ping()
    health = connection.transport.health
    assert health.status is SourceStatus.DOWN
    sandbox.forget_requests()
    with pytest.raises(SourceUnavailable, match="while it is down"):
        await connection.adapter.ping()
    assert sandbox.requests() == []
    sandbox.clear_faults()
    now[0] += 3.1
    await connection.adapter.ping()
    health = connection.transport.health
    assert health.status is SourceStatus.UP
    await connection.adapter.aclose()


async def test_no_error_shows_addresses_bodies_or_tokens(
    connection: Connection, system: System, sandbox: RunningSandbox, ids: list[str]
) -> None:
    """Whatever goes wrong, the message holds the system, the fault and the operation only."""
    for fault in ("error", "throttle", "malformed", "html", "half-body"):
        sandbox.clear_faults()
        sandbox.set_fault(fault)
        with pytest.raises((SourceUnavailable, SourceThrottled, SourceShapeBroken)) as failure:
            await read(connection, system, ids)
        message = str(failure.value)
        assert "127.0.0.1" not in message
        assert "Bearer" not in message
        assert "<" not in message
        assert ids[0] not in message


async def test_what_was_given_before_a_fault_stays_good(
    connection: Connection, system: System, sandbox: RunningSandbox
) -> None:
    """A feed that breaks on a later page has already given whole pages with their watermark."""
    kind = Kind.TIME_ENTRY
    if kind not in connection.adapter.kinds:
        pytest.skip(f"the small firm has no kind in {system.name} that fills more than one page")
    pages = connection.adapter.changes(kind, None)
    first = await anext(pages.__aiter__())
    sandbox.set_fault("error")
    with pytest.raises(SourceUnavailable):
        async for _ in pages:
            pass
    assert first.records
    assert first.watermark is not None

"""What somebody else changes at the system of record meanwhile is found out, before the write or after it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from hub.domain.commands import CommandStatus
from hub.ports import SourceWrite, WriteReceipt
from tests.integration.commands.case import Case, Ready
from tests.integration.commands.running import QUERIES, asked, codes, forget, run, settled, written
from tests.integration.commands.table import CASES
from tests.support.live import Live

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("table of commands")]


async def versioned(hub: Live, ready: Ready) -> Ready:
    """The command with the version that its record has now."""
    assert ready.record is not None
    record = await hub.desk.read(ready.record)
    assert record is not None
    return ready.but(expectedVersion=record.attributes["version"])


@pytest.mark.parametrize("case", [case for case in CASES if case.versioned], ids=str)
async def test_a_version_that_is_old_is_a_conflict(hub: Live, case: Case) -> None:
    """The refusal gives the present version, the vendor keeps what its own user has set; with it the command works."""
    ready = await versioned(hub, await case.ready(hub))
    assert ready.meddle is not None
    ready.meddle()
    theirs = ready.state()
    forget(hub)
    outcome = await run(hub, case, ready, f"stale-{hub.number()}")
    assert (outcome.status, codes(outcome)) == (CommandStatus.REJECTED, ["VERSION_CONFLICT"])
    assert written(asked(hub)) == []
    assert ready.state() == theirs
    fresh = await versioned(hub, ready)
    assert outcome.errors[0].allowed == (fresh.given["expectedVersion"],)
    outcome = await settled(hub, case, fresh, f"fresh-{hub.number()}")
    assert (outcome.status, outcome.errors) == (CommandStatus.APPLIED, ())
    assert ready.state() == ready.wanted(theirs)


@pytest.mark.parametrize("case", [case for case in CASES if case.versioned], ids=str)
async def test_a_change_after_the_hubs_look_is_the_owners_conflict(
    hub: Live, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version was good when the hub looked, and is not when the write is handed over: nothing is written."""
    ready = await versioned(hub, await case.ready(hub))
    assert case.system is not None
    adapter = hub.desk.adapters[case.system]
    write = adapter.write

    async def too_late(change: SourceWrite) -> WriteReceipt:
        assert ready.meddle is not None
        ready.meddle()
        return await write(change)

    monkeypatch.setattr(adapter, "write", too_late)
    outcome = await run(hub, case, ready, f"late-{hub.number()}")
    assert (outcome.status, codes(outcome)) == (CommandStatus.REJECTED, ["VERSION_CONFLICT"])
    theirs = ready.state()
    monkeypatch.undo()
    fresh = await versioned(hub, ready)
    assert outcome.errors[0].allowed == (fresh.given["expectedVersion"],)
    outcome = await settled(hub, case, fresh, f"fresh-{hub.number()}")
    assert (outcome.status, outcome.errors) == (CommandStatus.APPLIED, ())
    assert ready.state() == ready.wanted(theirs)


@pytest.mark.parametrize("case", [case for case in CASES if case.disturbed], ids=str)
async def test_a_change_between_the_look_and_the_write_is_reported(hub: Live, case: Case) -> None:
    """Just before the first writing call leaves the vendor's own user changes the record.

    Either the vendor refuses the hub's change, or both changes are kept and a person is told.
    """
    ready = await case.ready(hub)
    assert case.system is not None
    before = await last_exception(hub)
    theirs = disturb(hub, case.system, ready)
    outcome = await settled(hub, case, ready, f"disturbed-{hub.number()}")
    assert len(theirs) == 1
    if outcome.status is CommandStatus.REJECTED:
        assert codes(outcome) == ["VERSION_CONFLICT"]
        assert ready.state() == theirs[0]
        return
    assert (outcome.status, outcome.errors) == (CommandStatus.APPLIED, ())
    assert ready.state() == ready.wanted(theirs[0])
    found = await hub.rows(
        "SELECT subject_id FROM sync_exception WHERE last_seen > :before AND code = 'CONCURRENT_CHANGE'",
        before=before,
    )
    assert [row.subject_id for row in found] == [outcome.entity]


def disturb(hub: Live, system: str, ready: Ready) -> list[Any]:
    """Have the vendor's own user change the record when the hub is about to write for the first time.

    The list then has what the vendor says after that change.
    """
    meddle = ready.meddle
    assert meddle is not None
    theirs: list[Any] = []

    def act() -> None:
        meddle()
        theirs[:] = [ready.state()]

    async def hook(request: httpx.Request) -> None:
        if request.method != "GET" and not QUERIES.search(request.url.path) and not theirs:
            theirs.append(None)
            await asyncio.to_thread(act)

    client = hub.connections[system].transport._open()
    client.event_hooks = {"request": [hook]}
    return theirs


async def last_exception(hub: Live) -> Any:
    """The database's clock now."""
    (row,) = await hub.rows("SELECT clock_timestamp() AS now")
    return row.now

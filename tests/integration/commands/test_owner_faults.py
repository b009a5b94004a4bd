"""An owner that does not do its work is told, nothing is changed, and the key works once it does again."""

from __future__ import annotations

import pytest

from hub.domain.commands import CommandStatus
from tests.integration.commands.case import Case
from tests.integration.commands.running import codes, run, settled
from tests.integration.commands.table import OWNED
from tests.support.live import Live

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("table of commands")]


FAULTS = [("down", "SOURCE_UNAVAILABLE"), ("error", "SOURCE_UNAVAILABLE"), ("throttle", "RATE_LIMITED")]


@pytest.mark.parametrize(("fault", "code"), FAULTS)
@pytest.mark.parametrize("case", OWNED, ids=str)
async def test_the_fault_is_told_and_the_key_stays_usable(hub: Live, case: Case, fault: str, code: str) -> None:
    """Gone, failing, or refusing for the rate: told as that, and carried out later under the same key."""
    ready, key = await case.ready(hub), f"{fault}-{hub.number()}"
    assert case.system is not None
    before = ready.state()
    hub.sandboxes.by_system[case.system].set_fault(fault)
    outcome = await run(hub, case, ready, key)
    hub.sandboxes.clear()
    assert (outcome.status, codes(outcome)) == (CommandStatus.REJECTED, [code])
    assert case.system in outcome.errors[0].message
    assert ready.state() == before
    outcome = await settled(hub, case, ready, key)
    assert (outcome.status, outcome.errors) == (CommandStatus.APPLIED, ())
    assert ready.state() == ready.wanted(before)

"""No call of a command may be lost: whichever goes missing, the command ends with its change made exactly once."""

from __future__ import annotations

import pytest

from hub.domain.commands import CommandStatus
from tests.integration.commands.case import Case
from tests.integration.commands.running import forget, settled, steps, writes
from tests.integration.commands.table import OWNED
from tests.support.live import Live

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("table of commands")]

LOST = {"lost-reply": 0, "half-body": 0, "down": 1, "error": 1, "throttle": 1}
"""What becomes of one call, and how many calls more are needed then: it was carried out, or it was not."""


async def unfinished(hub: Live) -> list[str]:
    """The states of commands that have not come to their end, or hold a record yet."""
    open_ones = await hub.rows("SELECT state FROM command WHERE state IN ('SENT', 'UNKNOWN', 'ACCEPTED')")
    held = await hub.rows("SELECT 'LOCKED' AS state FROM record_lock WHERE until > now()")
    return [row.state for row in [*open_ones, *held]]


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("case", OWNED, ids=str)
async def test_a_call_that_is_lost_at_any_step_ends_as_one_change(
    hub: Live, case: Case, fault: str, subtests: pytest.Subtests
) -> None:
    """Every writing call of the undisturbed command in turn; what was carried out is never sent again."""
    assert case.system is not None
    sandbox = hub.sandboxes.by_system[case.system]
    planned = await steps(hub, case)
    assert planned
    for step in planned:
        with subtests.test(step=str(step)):
            ready = await case.ready(hub)
            before = ready.state()
            forget(hub)
            sandbox.set_fault(fault, method=step.method, match=step.match, skip=step.skip, count=1)
            outcome = await settled(hub, case, ready, f"lost-{hub.number()}")
            made = writes(sandbox)
            assert (outcome.status, outcome.errors) == (CommandStatus.APPLIED, ())
            assert ready.state() == ready.wanted(before)
            assert len(made) == len(planned) + LOST[fault], made
            assert await unfinished(hub) == []
        hub.sandboxes.clear()

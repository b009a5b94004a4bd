"""A key says which request is meant: asked again it changes nothing again, and it means no other request."""

from __future__ import annotations

import pytest

from hub.domain.commands import CommandStatus
from tests.integration.commands.case import Case
from tests.integration.commands.running import asked, codes, forget, run, settled
from tests.integration.commands.table import CASES
from tests.support.live import Live

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("table of commands")]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_the_same_key_gives_the_same_result_and_no_other(hub: Live, case: Case) -> None:
    """Replayed without any call; for another input the key is refused, also without any."""
    ready, key = await case.ready(hub), f"repeated-{hub.number()}"
    first = await settled(hub, case, ready, key)
    assert (first.status, first.errors) == (CommandStatus.APPLIED, ())
    after = ready.state()
    forget(hub)
    again = await run(hub, case, ready, key)
    assert (again.status, again.errors, again.replayed, again.entity) == (first.status, (), True, first.entity)
    other = await run(hub, case, ready.but(**ready.other), key)
    assert (other.status, codes(other)) == (CommandStatus.REJECTED, ["IDEMPOTENCY_KEY_REUSED"])
    assert other.errors[0].field == "idempotencyKey"
    assert asked(hub) == []
    assert ready.state() == after

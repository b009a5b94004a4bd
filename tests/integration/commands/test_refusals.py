"""A command that is wrong is refused with its reason; no system is changed, nor even asked where that is not needed."""

from __future__ import annotations

import pytest

from hub.domain.commands import CommandStatus
from tests.integration.commands.case import Case, Refused
from tests.integration.commands.running import asked, forget, run, written
from tests.integration.commands.table import CASES
from tests.support.live import Live

pytestmark = pytest.mark.xdist_group("table of commands")

RULES = [(case, refused) for case in CASES for refused in case.refusals]


@pytest.mark.parametrize(("case", "refused"), RULES, ids=str)
async def test_a_broken_rule_is_told_and_changes_nothing(hub: Live, case: Case, refused: Refused) -> None:
    """The code, the field, the vendor's data as before; and no call where none is needed."""
    ready = await refused.spoil(hub, await case.ready(hub))
    before = ready.state()
    await warm(hub, case)
    forget(hub)
    outcome = await run(hub, case, ready, f"refused-{hub.number()}")
    calls, changes = asked(hub), written(hub)
    assert outcome.status is CommandStatus.REJECTED
    assert [(e.code, e.field) for e in outcome.errors] == [(refused.code, refused.field)]
    assert changes == []
    assert refused.asks or calls == []
    assert ready.state() == before


async def warm(hub: Live, case: Case) -> None:
    """Have the systems signed in to, which is no call of the command's."""
    if case.system is not None:
        await hub.desk.adapters[case.system].ping()

"""A command that is wrong is refused with its reason; no system is changed, nor even asked where that is not needed."""

from __future__ import annotations

import pytest

from hub.domain.commands import CommandStatus
from hub.usecases.mutations import MUTATIONS
from tests.integration.commands import general
from tests.integration.commands.case import Case, Ready, Refused
from tests.integration.commands.running import asked, forget, written
from tests.integration.commands.table import CASES
from tests.support.live import Live

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("table of commands")]

RULES = [(case, refused) for case in CASES for refused in case.refusals]
KEYS = {"empty": " ", "too long": "k" * 256, "with U+0000": "a\x00b"}


@pytest.mark.parametrize(("case", "refused"), RULES, ids=str)
async def test_a_broken_rule_is_told_and_changes_nothing(hub: Live, case: Case, refused: Refused) -> None:
    """What the domain's rules refuse: of a project's stage, of dates, of people, of values."""
    ready = await refused.spoil(hub, await case.ready(hub))
    before = ready.state()
    await warm(hub, case)
    await refuse(hub, case, ready, refused)
    assert ready.state() == before


@pytest.mark.parametrize("case", [case for case in CASES if not case.variant], ids=str)
async def test_what_every_mutation_refuses_costs_no_call(hub: Live, case: Case, subtests: pytest.Subtests) -> None:
    """Roles, service accounts, ids that are nothing or of another type, characters; no system is asked."""
    ready = await case.ready(hub)
    await warm(hub, case)
    for refused in general.refusals(MUTATIONS[case.name], ready):
        with subtests.test(refused=str(refused)):
            await refuse(hub, case, await refused.spoil(hub, ready), refused)
    for why, key in KEYS.items():
        with subtests.test(key=why):
            outcome = await hub.run(case.name, ready.actor, key, **ready.given)
            assert [(e.code, e.field) for e in outcome.errors] == [("INVALID_INPUT", "idempotencyKey")]


async def refuse(hub: Live, case: Case, ready: Ready, refused: Refused) -> None:
    """Give the command: the code, the field, no write anywhere, no call where none is needed, a line in the audit."""
    forget(hub)
    outcome = await hub.run(case.name, ready.actor, f"refused-{hub.number()}", **ready.given)
    calls = asked(hub)
    assert outcome.status is CommandStatus.REJECTED
    assert [(e.code, e.field) for e in outcome.errors] == [(refused.code, refused.field)]
    assert written(calls) == []
    assert refused.asks or calls == []
    (line,) = await hub.rows("SELECT action, outcome, code FROM audit ORDER BY id DESC LIMIT 1")
    assert tuple(line) == (case.name, "REJECTED", refused.code)


async def warm(hub: Live, case: Case) -> None:
    """Have the systems signed in to, which is no call of the command's."""
    if case.system is not None:
        await hub.desk.adapters[case.system].ping()

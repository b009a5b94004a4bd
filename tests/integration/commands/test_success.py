"""A command that is right is carried out by its owner, and everybody sees it."""

from __future__ import annotations

import pytest

from hub.domain.commands import CommandStatus
from hub.domain.ownership import attributes_of
from tests.integration.commands.case import Case
from tests.integration.commands.running import entity_audit, settled
from tests.integration.commands.table import CASES
from tests.support.live import Live

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("table of commands")]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_the_owner_has_it_and_the_hub_shows_it(hub: Live, case: Case) -> None:
    """Seen in the vendor's own API, in the record cache, in the directory and in the audit trail."""
    ready = await case.ready(hub)
    before = ready.state()
    outcome = await settled(hub, case, ready, f"success-{hub.number()}")
    assert (outcome.status, outcome.errors) == (CommandStatus.APPLIED, ())
    assert ready.state() == ready.wanted(before)
    assert outcome.entity is not None
    shown = await hub.entity(outcome.entity)
    assert {name: shown.kept.get(name) for name in ready.kept} == ready.kept
    if ready.shows and case.system is not None:
        (key,) = [key for key in shown.records if key.system == case.system]
        names = attributes_of(hub.desk.adapters[case.system].domain, key.kind) & ready.shows.keys()
        (loaded,) = await hub.cache.load([key], names)
        assert loaded.record is not None
        assert {name: loaded.record.attributes[name] for name in names} == ready.shows
    if ready.also is not None:
        await ready.also(outcome)
    assert (await entity_audit(hub, case.name, outcome.entity))[0] == "APPLIED"

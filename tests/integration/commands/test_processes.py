"""Skills wait for Workday's own business process: what the hub says meanwhile, and when the process is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from hub.domain.commands import CommandStatus, Outcome
from hub.domain.records import RecordKey
from sources.sandbox.firm.generate import generate
from sources.sandbox.firm.model import Size
from sources.sandbox.workday.settings import Settings
from tests.integration.commands import skills
from tests.integration.commands.case import Ready
from tests.integration.commands.running import codes
from tests.support.live import NOW, Live, Sandboxes
from tests.support.sandboxes import start_sandbox

pytestmark = pytest.mark.xdist_group("table of commands")

PROCESSES = "/ccx/api/businessProcess/v1/northlight"
NAME = skills.ADD.name


@pytest.fixture(scope="module")
def with_approvals(sandboxes: Sandboxes) -> Iterator[Sandboxes]:
    """The same firm, with a Workday in which somebody approves every change of skills."""
    firm = generate(Size.SMALL, today=NOW.date())
    with start_sandbox("workday", firm, settings=Settings(event_delay_s=None)) as workday:
        systems = dict(sandboxes.estate.systems)
        systems["workday"] = systems["workday"].model_copy(update={"url": workday.base_url})
        estate = sandboxes.estate.model_copy(update={"systems": systems})
        yield replace(sandboxes, estate=estate, by_system={**sandboxes.by_system, "workday": workday})


@pytest.fixture
async def hub(with_approvals: Sandboxes) -> AsyncIterator[Live]:
    """A hub in front of that Workday."""
    made = Live(with_approvals)
    await made.start()
    yield made
    await made.close()


async def started(hub: Live, key: str) -> tuple[Ready, RecordKey]:
    """Ask for a skill: accepted, and nowhere to be seen."""
    ready = await skills.ADD.ready(hub)
    assert ready.record is not None
    before = ready.state()
    outcome = await hub.run(NAME, ready.actor, key, **ready.given)
    assert (outcome.status, outcome.errors, outcome.entity) == (CommandStatus.ACCEPTED, (), ready.given["resourceId"])
    assert ready.state() == before
    return ready, ready.record


def decide(hub: Live, person: RecordKey, decision: str) -> None:
    """Have the one who approves in Workday decide on the person's newest process."""
    (event, *_) = hub.vendor("workday", f"{PROCESSES}/events?worker={person.external_id}")["data"]
    (step,) = hub.vendor("workday", f"{PROCESSES}/events/{event['id']}/inProgressSteps")["data"]
    hub.vendor("workday", f"{PROCESSES}/eventSteps/{step['id']}/{decision}", "POST", {"comment": "so it is"})


async def asked_again(hub: Live, ready: Ready, key: str) -> Outcome:
    """Look after the process once, and ask again."""
    await hub.verify()
    return await hub.run(NAME, ready.actor, key, **ready.given)


async def test_a_process_that_is_denied_is_a_refusal(hub: Live) -> None:
    """ACCEPTED as long as nobody has decided, then REJECTED for good; the skill is nowhere."""
    key = f"denied-{hub.number()}"
    ready, person = await started(hub, key)
    before = ready.state()
    waiting = await asked_again(hub, ready, key)
    assert (waiting.status, waiting.errors, waiting.replayed) == (CommandStatus.ACCEPTED, (), True)
    decide(hub, person, "deny")
    for _ in range(2):
        outcome = await asked_again(hub, ready, key)
        assert (outcome.status, codes(outcome), outcome.replayed) == (CommandStatus.REJECTED, ["PROCESS_REFUSED"], True)
    assert ready.state() == before
    (skill,) = ready.given["add"]
    assert skill not in await skills.shown(hub, ready.given["resourceId"])


async def test_a_process_that_is_approved_is_applied(hub: Live) -> None:
    """The directory shows the skill as soon as the command says APPLIED."""
    key = f"approved-{hub.number()}"
    ready, person = await started(hub, key)
    before = ready.state()
    decide(hub, person, "approve")
    outcome = await asked_again(hub, ready, key)
    assert (outcome.status, outcome.errors) == (CommandStatus.APPLIED, ())
    assert ready.state() == ready.wanted(before)
    (skill,) = ready.given["add"]
    assert skill in await skills.shown(hub, ready.given["resourceId"])


async def test_a_second_change_of_a_skill_waits_for_the_first(hub: Live) -> None:
    """Workday takes one process per skill at a time; the refusal says so, and starts none."""
    key = f"first-{hub.number()}"
    ready, person = await started(hub, key)
    outcome = await hub.run(NAME, ready.actor, f"{key}-again", **ready.given)
    assert (outcome.status, codes(outcome)) == (CommandStatus.REJECTED, ["PENDING_EVENT"])
    decide(hub, person, "approve")
    assert (await asked_again(hub, ready, key)).status is CommandStatus.APPLIED

"""Commands when anything happens in any order: repeats of a key, faults, deaths of processes, looks of the verifier."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn, cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.commands import NEXT_STATES, Actor, CommandState, CommandStatus, Outcome, Repeat, repeat_of
from hub.domain.kinds import Kind
from hub.errors import SourceThrottled
from hub.ports import SourceWrite, WriteReceipt
from hub.usecases.write_through import hash_of
from tests.support.commands import PMO, TIME_CLERK, Firm, Replica
from tests.support.fake_writer import FakeWriter

LEASE_S = 0.25
THROTTLED = SourceThrottled("psa", "asks for fewer calls")
FAULTS: Mapping[str, str | Exception | None] = {
    "works": None,
    "loses the reply": "lost-reply",
    "loses the request": "lost-request",
    "is down": "down",
    "throttles": THROTTLED,
}
FINAL = (CommandStatus.APPLIED, CommandStatus.REJECTED)
ANSWERS: Mapping[Repeat, tuple[CommandStatus | None, str | None]] = {
    Repeat.REUSED: (CommandStatus.REJECTED, "IDEMPOTENCY_KEY_REUSED"),
    Repeat.IN_PROGRESS: (CommandStatus.ACCEPTED, "IN_PROGRESS"),
    Repeat.UNKNOWN: (CommandStatus.ACCEPTED, "WRITE_OUTCOME_UNKNOWN"),
}
"""What a repeat is told, where that does not depend on the stored result."""


# -- what may happen --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ask:
    """Somebody asks one replica, or both at once; or with the same key for something else."""

    replicas: tuple[int, ...]
    other: bool = False


@dataclass(frozen=True)
class Fault:
    """From now on the system behaves like this."""

    name: str


@dataclass(frozen=True)
class Look:
    """A replica's verifier looks at everything that is open."""

    replica: int


@dataclass(frozen=True)
class Death:
    """A replica is asked, and its process dies at its write: before that left, or after it was answered."""

    after: bool


CREATES, CHANGES = "submitTimeEntry", "updateProject"
ONE, TWO, BOTH = (0,), (1,), (0, 1)
EVENTS = st.one_of(
    st.builds(Ask, st.sampled_from((ONE, TWO, BOTH)), st.sampled_from((False, False, False, True))),
    st.builds(Fault, st.sampled_from(sorted(FAULTS))),
    st.builds(Look, st.integers(0, 1)),
    st.builds(Death, st.booleans()),
)


# -- processes that die -----------------------------------------------------------------------------


class Dead:
    """The database as a process sees it that is no more."""

    def begin(self) -> NoReturn:
        """Nothing is written any more."""
        raise ConnectionError

    connect = begin


class Died(BaseException):
    """The end of the process."""


class Mortal(FakeWriter):
    """The same system, seen by a replica that dies at its next write."""

    def __init__(self, psa: FakeWriter, *, after: bool) -> None:
        super().__init__(psa.system, psa.domain)
        self.psa, self.after = psa, after
        self.objects = psa.objects
        self.replica: Replica | None = None

    async def write(self, change: SourceWrite) -> WriteReceipt:
        """Carry it out or not, and die without a word."""
        assert self.replica is not None
        try:
            if self.after:
                await self.psa.write(change)
        finally:
            self.replica.ledger._engine = self.replica.desk.locks._engine = cast("AsyncEngine", Dead())
        raise Died


# -- one schedule -----------------------------------------------------------------------------------


@dataclass
class Story:
    """One key, what it is asked for with it, and what was seen."""

    firm: Firm
    replicas: tuple[Replica, Replica]
    mutation: str
    actor: Actor
    key: str
    given: dict[str, Any]
    other: dict[str, Any]
    final: tuple[Any, ...] | None = None

    async def happens(self, event: Ask | Fault | Look | Death) -> None:
        """Let one thing happen."""
        match event:
            case Fault(name):
                self.firm.psa.fault = FAULTS[name]
            case Look(replica):
                await self.replicas[replica].verify()
            case Death(after):
                await self.dies(after=after)
            case Ask(replicas, other):
                await self.is_asked(replicas, self.other if other and await self.known() else self.given)

    async def run(self, replica: Replica, wanted: dict[str, Any]) -> Outcome:
        """Ask, and hold the answer against the ones before: what is final stays."""
        outcome = await replica.run(self.mutation, self.actor, self.key, **wanted)
        if outcome.replayed and outcome.status in FINAL:
            seen = (outcome.status, outcome.errors, outcome.entity)
            assert self.final in (None, seen)
            self.final = seen
        return outcome

    async def known(self) -> bool:
        """Whether the key has been used."""
        return await self.repeat(self.given) is not None

    async def is_asked(self, numbers: tuple[int, ...], wanted: dict[str, Any]) -> None:
        """One replica is asked, or both at once."""
        if len(numbers) == 1:
            await self.asks(self.replicas[numbers[0]], wanted)
        else:
            await asyncio.gather(*(self.run(self.replicas[n], wanted) for n in numbers))

    async def asks(self, replica: Replica, wanted: dict[str, Any]) -> None:
        """Ask while nobody else does: the answer is what the decision table says of the state before."""
        before = await self.repeat(wanted)
        outcome = await self.run(replica, wanted)
        # A lease may end while the question is on its way.
        assert answered(outcome) & {answer_of(before), answer_of(await self.repeat(wanted))}

    async def repeat(self, wanted: dict[str, Any]) -> Repeat | None:
        """What the decision table says to a request with the key now; None before the first."""
        rows = await self.firm.rows(
            "SELECT state, request_hash, lease_until >= clock_timestamp() AS alive FROM command WHERE key = :key",
            key=self.key,
        )
        if not rows:
            return None
        same = rows[0].request_hash == hash_of(wanted, self.actor)
        return repeat_of(CommandState(rows[0].state), same_request=same, alive=rows[0].alive)

    async def dies(self, *, after: bool) -> None:
        """Ask a replica that dies, and let its lease end."""
        mortal = Mortal(self.firm.psa, after=after)
        replica = Replica(self.firm.url, {**self.firm.adapters, "psa": mortal}, lease_s=LEASE_S)
        mortal.replica = replica
        try:
            await replica.run(self.mutation, self.actor, self.key, **self.given)
        except (Died, ConnectionError):
            await asyncio.sleep(LEASE_S)
        finally:
            await replica.close()

    async def ends(self) -> Outcome:
        """Everything works again: the command comes to its end."""
        self.firm.psa.fault = None
        async with asyncio.timeout(20):
            while True:
                outcome = await self.run(self.replicas[0], self.given)
                if outcome.status in FINAL and await self.repeat(self.given) is Repeat.STORED:
                    return outcome
                await self.replicas[1].verify()
                await asyncio.sleep(0.02)


def answer_of(repeat: Repeat | None) -> str:
    """The decision in a word."""
    return "RUN" if repeat is None else repeat.name


def answered(outcome: Outcome) -> set[str]:
    """The decisions that an answer can stand for; one that has just been carried out looks like no repeat."""
    code = outcome.errors[0].code if outcome.errors else None
    found = {repeat.name for repeat, (status, told) in ANSWERS.items() if (outcome.status, code) == (status, told)}
    if outcome.replayed:
        return {"STORED"}
    return found | ({"RUN"} if code not in ("IDEMPOTENCY_KEY_REUSED", "IN_PROGRESS") else set())


@pytest.fixture
async def firm(migrated_database: str) -> AsyncIterator[Firm]:
    """A hub with a small firm behind it."""
    made = Firm(migrated_database, lease_s=LEASE_S)
    await made.start()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def second(firm: Firm) -> AsyncIterator[Replica]:
    """The same hub in another process."""
    made = firm.another(lease_s=LEASE_S)
    await made.start()
    yield made
    await made.close()


async def begin(firm: Firm, second: Replica, mutation: str) -> Story:
    """Begin with a key that nobody has used, and a project that nobody else changes."""
    number = len(firm.ids)
    values = {**firm.psa.objects[Kind.PROJECT, "1"], "code": f"P-{number}"}
    project = await firm.put(f"project {number}", "psa", Kind.PROJECT, f"{1000 + number}", values)
    replicas, key = (firm, second), f"key {number}"
    if mutation == CREATES:
        given, other = firm.time(note=key), firm.time(note="something else")
        return Story(firm, replicas, mutation, TIME_CLERK, key, given, other)
    given = {"id": project, "name": f"name {number}"}
    return Story(firm, replicas, mutation, PMO, key, given, {**given, "name": "another name"})


LOST_TWICE = [Fault("loses the request"), Ask(ONE), Look(1), Look(0)]
DIED = [Death(after=True), Ask(TWO), Look(1)]


@settings(
    max_examples=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(mutation=CREATES, events=LOST_TWICE)
@example(mutation=CHANGES, events=DIED)
@example(mutation=CREATES, events=[Death(after=False), Ask(BOTH), Fault("loses the reply"), Look(0), Ask(ONE, True)])
@given(mutation=st.sampled_from((CREATES, CHANGES)), events=st.lists(EVENTS, min_size=2, max_size=8))
async def test_whatever_happens_a_key_makes_one_write_and_keeps_its_result(
    firm: Firm, second: Replica, mutation: str, events: list[Ask | Fault | Look | Death]
) -> None:
    """At most one effect, states that move on only as they may, one result for ever, and answers by the table."""
    story = await begin(firm, second, mutation)
    for event in events:
        await story.happens(event)
    outcome = await story.ends()
    await one_effect(story, outcome)
    await states_in_order(story)
    again = await story.run(second, story.given)
    assert (again.status, again.errors, again.entity) == (outcome.status, outcome.errors, outcome.entity)
    assert again.replayed


async def one_effect(story: Story, outcome: Outcome) -> None:
    """Carried out once if applied, else never; and never sent again after it was."""
    (row,) = await story.firm.rows("SELECT token FROM command WHERE key = :key", key=story.key)
    psa = story.firm.psa
    effects = [change for change in psa.written if change.token == row.token]
    assert len(effects) == (outcome.status is CommandStatus.APPLIED)
    if story.mutation == CREATES:
        made = [v for (kind, _), v in psa.objects.items() if kind is Kind.TIME_ENTRY and v.get("note") == story.key]
        assert len(made) == len(effects)


async def states_in_order(story: Story) -> None:
    """The history of the command goes along the table of states."""
    rows = await story.firm.rows(
        "SELECT h.state, h.detail FROM command_history h JOIN command c ON c.id = h.command_id"
        " WHERE c.key = :key ORDER BY h.id",
        key=story.key,
    )
    states = [CommandState(row.state) for row in rows if "resumed" not in row.detail]
    assert states[0] is CommandState.RECEIVED
    for state, then in pairwise(states):
        assert then in NEXT_STATES[state], states
    assert Counter(states)[states[-1]] == 1

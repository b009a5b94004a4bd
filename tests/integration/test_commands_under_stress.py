"""Commands when everything happens at once: repeats in any order, many callers on few records, faults throughout."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.domain.commands import CommandStatus
from hub.domain.kinds import Kind
from tests.support.commands import PMO, Firm, Replica

FAULTS = (None, None, "lost-reply", "lost-request", "down")
CLIENTS, EACH, RECORDS = 20, 10, 10


@pytest.fixture
async def firm(migrated_database: str) -> AsyncIterator[Firm]:
    """A hub with a small firm behind it."""
    made = Firm(migrated_database)
    await made.start()
    await made.open()
    yield made
    await made.close()


async def settle(firm: Firm) -> None:
    """Verify until nothing is open any more."""
    firm.psa.fault = None
    async with asyncio.timeout(60):
        while {"SENT", "UNKNOWN", "ACCEPTED"} & set(await firm.states()):
            await firm.verify()


@pytest.mark.parametrize("seed", range(8))
async def test_any_interleaving_of_repeats_of_one_key_yields_one_write(firm: Firm, seed: int) -> None:
    """Requests and looks of two replicas, with faults that come and go: at the end the key has one result."""
    chance, other = random.Random(seed), firm.another()
    given = firm.assignment()
    try:
        for _ in range(6):
            firm.psa.fault = chance.choice(FAULTS)
            firm.psa.delay_s = chance.choice((0.0, 0.02))
            replicas = chance.choices((firm, other), k=chance.randint(1, 3))
            steps = [replica.run("assignResource", PMO, "one key", **given) for replica in replicas]
            looks = [chance.choice((firm, other)).verify() for _ in range(chance.randint(0, 2))]
            await asyncio.gather(*steps, *looks)
        await settle(firm)
        final = await firm.run("assignResource", PMO, "one key", **given)
    finally:
        await other.close()
    lost = final.status is CommandStatus.REJECTED
    assert len(firm.psa.written) == (0 if lost else 1)
    assert len([v for (kind, _), v in firm.psa.objects.items() if kind is Kind.ASSIGNMENT and "token" in v]) == (
        0 if lost else 1
    )


async def test_two_hundred_commands_of_twenty_clients_on_ten_records(firm: Firm) -> None:
    """Every command ends, none is written twice, and what the PSA says last is what an applied command said."""
    other = firm.another()
    values = dict(firm.psa.objects[Kind.PROJECT, "1"])
    projects = [
        await firm.put(f"p{n}", "psa", Kind.PROJECT, f"{100 + n}", {**values, "code": f"P-{n}"}) for n in range(RECORDS)
    ]
    chance = random.Random(7)

    async def client(number: int, replica: Replica) -> None:
        for n in range(EACH):
            given: dict[str, Any] = {"id": chance.choice(projects), "name": f"{number}-{n}"}
            for _ in range(2):
                firm.psa.fault = chance.choice(FAULTS)
                await replica.run("updateProject", PMO, f"{number}-{n}", **given)

    try:
        await asyncio.gather(*(client(n, firm if n % 2 else other) for n in range(CLIENTS)))
        await settle(firm)
        for number in range(CLIENTS):
            for n in range(EACH):
                project = await firm.rows("SELECT entity_id FROM command WHERE key = :key", key=f"{number}-{n}")
                await firm.run("updateProject", PMO, f"{number}-{n}", id=project[0].entity_id, name=f"{number}-{n}")
    finally:
        await other.close()
    assert set(await firm.states()) <= {"APPLIED", "REJECTED"}
    assert len(await firm.states()) == CLIENTS * EACH
    assert max(Counter(w.token for w in firm.psa.written).values()) == 1
    applied = {row.key for row in await firm.rows("SELECT key FROM command WHERE state = 'APPLIED'")}
    written = {w.values["name"] for w in firm.psa.written}
    assert applied <= written
    last = {w.external_id: w.values["name"] for w in firm.psa.written}
    for number, project_id in enumerate(projects):
        name = firm.psa.objects[Kind.PROJECT, f"{100 + number}"]["name"]
        assert name == last[f"{100 + number}"]
        assert name in applied
        (entity,) = await firm.directory.entities([project_id])
        assert entity is not None
        assert entity.kept["name"] == name

"""Two hundred commands of twenty clients on ten records in Kantata's sandbox, while faults come and go over HTTP."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from hub.domain.commands import Actor, CommandStatus, Outcome
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind
from hub.usecases.verify import Verifier
from sources.sandbox.firm.generate import generate
from sources.sandbox.firm.model import Firm, Size
from sources.sandbox.vendors import build
from tests.support.commands import PMO, Replica
from tests.support.live import CLERK, NOW, Live, Sandboxes, start_sandboxes
from tests.support.postgres import DatabaseServer
from tests.support.sandboxes import RunningSandbox, demo_credentials, start_app, start_sandbox
from tests.support.witness import Witness, Written

pytestmark = pytest.mark.xdist_group("commands under stress on sandboxes")

SEED = 20
CLIENTS, EACH, PROJECTS, BOOKINGS = 20, 10, 6, 4
TIMEOUT_S, LATE_S, SETTLE_S = 2.5, 3.0, 1.0
"""What the hub waits for an answer, when the latest write is carried out, and from when the hub rules it out."""
FAULTS: Sequence[Mapping[str, Any]] = (
    *(
        {"fault": fault, "method": method}
        for fault in ("lost-reply", "reset-before", "error")
        for method in ("PUT", "POST")
    ),
    {"fault": "half-body", "method": "PUT"},
    {"fault": "half-body", "method": "POST"},
    {"fault": "throttle", "retry_after_s": 0.1},
    {"fault": "throttle", "method": "POST"},
    {"fault": "error"},
    {"fault": "lost-reply"},
    {"fault": "down", "count": 3},
    {"fault": "slow", "delay_s": 0.2},
)
LATE: Sequence[Mapping[str, Any]] = tuple(
    {"fault": "slow", "delay_s": LATE_S, "method": method, "match": path}
    for method, path in (
        ("PUT", "workspaces/"),
        ("PUT", "workspace_allocations/"),
        ("POST", "time_entries"),
        ("POST", "timesheet_submissions"),
    )
)
"""Writes that are carried out when nobody waits for them any more."""
FIELDS: Mapping[str, tuple[str, str, Callable[[Any], Any]]] = {
    "name": ("title", "name", str),
    "endDate": ("due_date", "end_date", date.isoformat),
    "plannedHours": ("minutes", "planned_hours", lambda hours: int(hours * 60)),
    "booking": ("hard", "booking", lambda booking: booking == "HARD"),
}
"""Where a field of an input is at the vendor and in the directory, and how the vendor says it."""
NOTE = "entered as "
NOT_SENT = frozenset({"SOURCE_UNAVAILABLE", "RATE_LIMITED", "RECORD_BUSY"})


@dataclass(frozen=True, slots=True)
class Order:
    """One command that a client wants carried out."""

    mutation: str
    actor: Actor
    key: str
    given: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """What the ledger says of a command in the end; `creates` is the canonical id of what it makes."""

    id: str
    key: str
    mutation: str
    state: str
    token: str
    creates: str | None
    entity_id: CanonicalId


@dataclass
class Stage:
    """Two replicas of the hub before one Kantata, and what the witness saw it carry out."""

    sandboxes: Sandboxes
    witness: Witness
    hubs: tuple[Live, Live]
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))

    @property
    def kantata(self) -> RunningSandbox:
        """Give the sandbox."""
        return self.sandboxes.by_system["kantata"]

    async def ledger(self) -> list[Row]:
        """Give all commands."""
        rows = await self.hubs[0].rows(
            "SELECT id, key, mutation, state, token, sent->>'canonical_id' AS creates, entity_id FROM command"
        )
        return [Row(**row._mapping) for row in rows]

    @property
    def written(self) -> list[Written]:
        """Give what Kantata has carried out of the commands, in that order."""
        return [written for written in self.witness.written if any(marks(written))]


def marks(written: Written) -> Iterator[str]:
    """Give the tokens and canonical ids that a write carries."""
    return written.says("service_model_ref")


# -- setting ----------------------------------------------------------------------------------------


@pytest.fixture
def witnessed(
    database_server: DatabaseServer, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Sandboxes, Witness]]:
    """Give sandboxes with a loaded directory, and the witness of Kantata's."""
    witness = Witness()

    def start(system: str, firm: Firm) -> RunningSandbox:
        if system != "kantata":
            return start_sandbox(system, firm)
        return start_app(witness.around(build(system, firm, demo_credentials()[0])))

    url = database_server.create(migrated_template)
    firm = generate(Size.SMALL, today=NOW.date())
    with start_sandboxes(firm, url, tmp_path_factory.mktemp("estate"), start) as made:
        systems = dict(made.estate.systems)
        limits = systems["kantata"].limits.model_copy(update={"timeout_s": TIMEOUT_S})
        systems["kantata"] = systems["kantata"].model_copy(update={"limits": limits})
        yield replace(made, estate=made.estate.model_copy(update={"systems": systems})), witness
    database_server.drop(url)


@pytest.fixture
async def stage(witnessed: tuple[Sandboxes, Witness]) -> AsyncIterator[Stage]:
    """Give two replicas whose verifiers work."""
    sandboxes, witness = witnessed
    hubs = Live(sandboxes), Live(sandboxes)
    verifiers = [Verifier(hub.desk, settle_s=SETTLE_S, every_s=0.1) for hub in hubs]
    for hub, verifier in zip(hubs, verifiers, strict=True):
        await hub.start()
        await verifier.start()
    yield Stage(sandboxes, witness, hubs)
    for hub, verifier in zip(hubs, verifiers, strict=True):
        await verifier.stop()
        await hub.close()


async def orders(stage: Stage) -> list[list[Order]]:
    """Give each client's commands: changes of six projects and four bookings, and time on the projects."""
    chance, hub = stage.chance, stage.hubs[0]
    projects = await ids(hub, "kind = 'project' AND status = 'IN_DELIVERY'", PROJECTS)
    bookings = await ids(
        hub,
        "kind = 'assignment' AND kept->>'booking' = 'HARD' AND EXISTS (SELECT 1 FROM entity p WHERE p.id = e.project_id"
        " AND p.status = 'IN_DELIVERY') AND EXISTS (SELECT 1 FROM entity w WHERE w.id = e.resource_id"
        " AND w.status = 'ACTIVE' AND w.end_date IS NULL)",
        BOOKINGS,
    )
    times = await worked(hub)

    def order(client: int, n: int) -> Order:
        number, key = client * EACH + n, f"{client}-{n}"
        mutation = chance.choices(("updateProject", "updateAssignment", "submitTimeEntry"), (5, 3, 2))[0]
        if mutation == "updateProject":
            fields = {"name": f"Project as of {key}", "endDate": date(2040, 1, 1) + timedelta(days=number)}
            chosen = chance.choice((["name"], ["endDate"], ["name", "endDate"]))
            return Order(mutation, PMO, key, {"id": chance.choice(projects), **{f: fields[f] for f in chosen}})
        if mutation == "updateAssignment":
            hours = Decimal(10) + number * Decimal("0.25")
            given = {"id": chance.choice(bookings), "plannedHours": hours, "allowOverbooking": True}
            return Order(mutation, PMO, key, given | chance.choice(({}, {"booking": "SOFT"}, {"booking": "HARD"})))
        return Order(mutation, CLERK, key, {**chance.choice(times), "note": f"{NOTE}{key}"})

    return [[order(client, n) for n in range(EACH)] for client in range(CLIENTS)]


async def ids(hub: Replica, where: str, most: int) -> list[str]:
    """Give the ids of the first entities that fit."""
    rows = await hub.rows(f"SELECT e.id FROM entity e WHERE deleted_at IS NULL AND {where} ORDER BY id LIMIT {most}")
    assert rows
    return [row.id for row in rows]


async def worked(hub: Live) -> list[dict[str, Any]]:
    """Give inputs of a quarter of an hour: somebody booked on a project in delivery, on days of two weeks."""
    rows = await hub.rows(
        "SELECT a.project_id, a.resource_id, min(t.id) AS task_id FROM entity a"
        " JOIN entity t ON t.kind = 'task' AND t.project_id = a.project_id AND t.deleted_at IS NULL"
        " JOIN entity p ON p.id = a.project_id AND p.status = 'IN_DELIVERY'"
        " JOIN entity w ON w.id = a.resource_id AND w.status = 'ACTIVE' AND w.end_date IS NULL"
        " WHERE a.kind = 'assignment' AND a.deleted_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 5"
    )
    assert rows
    return [
        {
            "projectId": row.project_id,
            "taskId": row.task_id,
            "resourceId": row.resource_id,
            "workDate": NOW.date() - timedelta(days=days),
            "hours": Decimal("0.25"),
            "billable": True,
        }
        for row in rows
        for days in range(1, 15)
    ]


# -- clients and faults -----------------------------------------------------------------------------


async def carried_out(stage: Stage, order: Order) -> Outcome:
    """Ask until the command is finished, of either replica, now and then of both at once."""

    async def ask(hub: Replica) -> Outcome:
        return await hub.run(order.mutation, order.actor, order.key, **order.given)

    while True:
        asked = stage.hubs if stage.chance.random() < 0.2 else [stage.chance.choice(stage.hubs)]
        for outcome in await asyncio.gather(*map(ask, asked)):
            codes = {error.code for error in outcome.errors}
            if outcome.status is CommandStatus.APPLIED or (
                outcome.status is CommandStatus.REJECTED and not codes & NOT_SENT
            ):
                return outcome
        await asyncio.sleep(stage.chance.uniform(0.3, 0.9))


@asynccontextmanager
async def faults(stage: Stage) -> AsyncIterator[None]:
    """Have the vendor misbehave now and then inside the block."""

    async def misbehave() -> None:
        late = list(LATE)
        while True:
            fault = late.pop() if late and stage.chance.random() < 0.2 else stage.chance.choice(FAULTS)
            stage.kantata.set_fault(**{"count": stage.chance.randint(1, 2), **fault})
            await asyncio.sleep(stage.chance.uniform(0.1, 0.3))

    task = asyncio.create_task(misbehave())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        stage.kantata.clear_faults()


async def everything(stage: Stage, wanted: Sequence[Sequence[Order]]) -> dict[tuple[str, str], Outcome]:
    """Let all clients work side by side, each on one command after the other; what each was told in the end."""

    async def client(own: Sequence[Order]) -> list[tuple[tuple[str, str], Outcome]]:
        return [((order.mutation, order.key), await carried_out(stage, order)) for order in own]

    async with asyncio.timeout(90):
        async with faults(stage):
            told = [asyncio.create_task(client(own)) for own in wanted]
            await asyncio.wait(told, timeout=15)
        return {name: outcome for task in told for name, outcome in await task}


# -- the test ---------------------------------------------------------------------------------------


async def test_two_hundred_commands_on_ten_records_end_with_the_vendor_as_the_ledger_says(stage: Stage) -> None:
    """Every command is final and told so, none was carried out twice, and the vendor has what the ledger says."""
    wanted = await orders(stage)
    told = await everything(stage, wanted)
    ledger = await stage.ledger()
    assert {(row.mutation, row.key): row.state for row in ledger} == {k: str(o.status) for k, o in told.items()}
    assert len(ledger) == CLIENTS * EACH
    assert await stage.hubs[0].rows("SELECT * FROM record_lock") == []
    carried_out_once(stage, ledger)
    await records_agree(stage, ledger, {order.key: order for own in wanted for order in own})
    await time_agrees(stage, ledger)


def carried_out_once(stage: Stage, ledger: Sequence[Row]) -> None:
    """Each applied command was carried out once in every step, and of no other one anything was."""
    steps = Counter((mark, written.path.split("/")[3]) for written in stage.written for mark in marks(written))
    assert {step: times for step, times in steps.items() if times > 1} == {}
    tokens = {row.token: row for row in ledger} | {row.creates: row for row in ledger if row.creates is not None}
    made = {tokens[mark].id for mark, _ in steps}
    assert made == {row.id for row in ledger if row.state == "APPLIED"}


async def records_agree(stage: Stage, ledger: Sequence[Row], wanted: Mapping[str, Order]) -> None:
    """Every field of every record is at the vendor, and in each replica's directory, as its last writer wanted it."""
    by_token = {row.token: row for row in ledger}
    last: dict[tuple[CanonicalId, str], Any] = {}
    for written in stage.written:
        for row in (by_token[mark] for mark in marks(written) if written.method == "PUT"):
            for name in FIELDS.keys() & wanted[row.key].given.keys():
                last[row.entity_id, name] = wanted[row.key].given[name]
    assert {name for _, name in last} == FIELDS.keys()
    for (entity_id, name), value in last.items():
        column, kept, written_as = FIELDS[name]
        for hub in stage.hubs:
            (entity,) = await hub.directory.entities([entity_id])
            assert entity is not None
            assert entity.kept[kept] == value
            key = entity.keys[Domain.PSA]
            collection = "workspaces" if key.kind is Kind.PROJECT else "workspace_allocations"
            assert hub.kantata(collection, key.external_id)[column] == written_as(value)


async def time_agrees(stage: Stage, ledger: Sequence[Row]) -> None:
    """Each applied entry is at the vendor once, and submitted; there is none of another command."""
    hub, notes = stage.hubs[0], list[str]()
    for project in await workspaces(hub):
        page = hub.vendor("kantata", f"/api/v1/time_entries?workspace_id={project}&per_page=200")
        assert page["meta"]["page_count"] == 1
        entries = [e for e in page["time_entries"].values() if (e["notes"] or "").startswith(NOTE)]
        assert all(entry["active_submission_id"] for entry in entries)
        notes += [entry["notes"] for entry in entries]
    assert sorted(notes) == sorted(f"{NOTE}{row.key}" for row in ledger if row.creates and row.state == "APPLIED")


async def workspaces(hub: Live) -> list[str]:
    """Give the vendor's ids of the projects in delivery."""
    rows = await hub.rows(
        "SELECT r.external_id FROM record r JOIN entity p ON p.id = r.entity_id"
        " WHERE r.system = 'kantata' AND p.kind = 'project' AND p.status = 'IN_DELIVERY'"
    )
    return [row.external_id for row in rows]

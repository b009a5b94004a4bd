"""The hub's command side in front of the four vendor sandboxes, over real HTTP, and what tests ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hub.demo.supervisor import ESTATE, VENDORS
from hub.demo.tenants import Tenants
from hub.domain.callers import Caller
from hub.domain.capacity import WEEK, Employment, monday_of
from hub.domain.commands import Actor, CommandStatus, Outcome
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import Role
from hub.domain.records import Key, Record, RecordKey, Value
from hub.estate import Estate, read_estate
from hub.feeds.reference import REFERENCE, load_reference
from hub.feeds.schedule import LOAD_ORDER
from hub.ports import Entity
from hub.store.people import entity_of
from hub.usecases.capacity import CALENDAR, capacity_of
from hub.wiring.systems import connect_all
from sources.sandbox.firm.model import Firm
from tests.support.commands import Replica, caller
from tests.support.sandboxes import RunningSandbox, demo_credentials, start_sandbox
from tests.support.versions import VERSIONS

ACCEPTED = CommandStatus.ACCEPTED
NOW = datetime.now(UTC)
WEEKS_AHEAD = 4
"""How far ahead tests book people, where it does not matter."""
NEARLY_WHOLE = Decimal(32)
"""A week of a full-time person with one holiday in it."""
CLERK = Actor(caller(Role.SERVICE, allow=["submitTimeEntry"]))


@dataclass
class Sandboxes:
    """Four sandboxes, the estate that names them, and a database whose directory was loaded from them."""

    by_system: Mapping[str, RunningSandbox]
    estate: Estate
    url: str
    estate_file: Path
    keys: int = 0
    memo: dict[str, Any] = field(default_factory=dict)
    """What one test found out for all of them."""

    def clear(self) -> None:
        """No faults any more."""
        for sandbox in self.by_system.values():
            sandbox.clear_faults()


def environment() -> dict[str, str]:
    """The secrets that the estate names."""
    credentials, secrets = demo_credentials()
    return Tenants(credentials, secrets, Path(), date.min).environment()


class Live(Replica):
    """A replica of the hub in front of the sandboxes."""

    def __init__(self, sandboxes: Sandboxes, **settings: Any) -> None:
        self.sandboxes = sandboxes
        connections = connect_all(sandboxes.estate, lambda _system, _limits: None, VERSIONS)
        self.connections = connections
        adapters = {key: c.adapter for key, c in connections.items()}
        domains = {key: c.adapter.domain for key, c in connections.items()} | {REFERENCE: Domain.HUB}
        roles = sandboxes.estate.reference.roles()
        super().__init__(sandboxes.url, adapters, roles=roles, today=NOW.date(), domains=domains, **settings)

    async def close(self) -> None:
        """End."""
        await super().close()
        for connection in self.connections.values():
            await connection.adapter.aclose()

    async def load(self) -> None:
        """Read everything into the directory, as the feeds' first loads do."""
        await load_reference(self.engine, self.writer, self.sandboxes.estate.reference)
        for kind in LOAD_ORDER:
            for adapter in self.desk.adapters.values():
                if kind in adapter.kinds:
                    async for page in adapter.changes(kind, None):
                        await self.writer.apply(page.records)

    async def find(self, kind: Kind, where: str = "true", **parameters: Any) -> Entity:
        """One entity of a kind that fits."""
        rows = await self.rows(
            f"SELECT e.id FROM entity e WHERE kind = :kind AND deleted_at IS NULL AND {where} ORDER BY id LIMIT 1",
            kind=kind,
            **parameters,
        )
        assert rows, f"the firm has no {kind} where {where}"
        (entity,) = await self.directory.entities([CanonicalId(rows[0].id)])
        assert entity is not None
        return entity

    async def entity(self, entity_id: CanonicalId) -> Entity:
        """An entity that is there."""
        (found,) = await self.directory.entities([entity_id])
        assert found is not None
        return found

    async def discovered(self, kind: Kind, external_id: object, system: str = "kantata") -> Entity:
        """The entity of a record that a vendor's user has just made, as a change feed finds it."""
        key = RecordKey(system, kind, str(external_id))
        record = await self.desk.read(key)
        assert record is not None
        await self.desk.take([record])
        found = await entity_of(self.engine, key)
        assert found is not None
        return await self.entity(found)

    def number(self) -> int:
        """A number that no other command of these sandboxes has."""
        self.sandboxes.keys += 1
        return self.sandboxes.keys

    async def do(self, mutation: str, actor: Actor, **given: Any) -> Outcome:
        """Give a command under a key of its own."""
        self.sandboxes.keys += 1
        return await self.run(mutation, actor, f"key-{self.sandboxes.keys}", **given)

    async def settled(self, mutation: str, actor: Actor, **given: Any) -> Outcome:
        """Give a command, let it be verified until it is finished, and give the replayed result."""
        self.sandboxes.keys += 1
        key = f"key-{self.sandboxes.keys}"
        outcome = await self.run(mutation, actor, key, **given)
        for _ in range(40):
            if outcome.status is not ACCEPTED:
                return outcome
            await self.verify()
            await asyncio.sleep(0.1)
            outcome = await self.run(mutation, actor, key, **given)
        return outcome

    def vendor(self, system: str, path: str, method: str = "GET", body: Any = None) -> Any:
        """What the vendor's own API says to one of its users."""
        sandbox = self.sandboxes.by_system[system]
        headers = {"Authorization": sandbox.authorization()}
        url = f"{sandbox.base_url}{path}"
        answer = sandbox._client.request(method, url, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def kantata(self, collection: str, external_id: str, query: str = "") -> Any:
        """A row of Kantata's."""
        return self.vendor("kantata", f"/api/v1/{collection}?only={external_id}{query}")[collection][external_id]

    async def open_project(self) -> Entity:
        """A project in delivery that both PSA and ERP have."""
        return await self.find(Kind.PROJECT, "status = 'IN_DELIVERY'")

    async def gone_person(self) -> Entity:
        """Somebody who has left, and whom the PSA still knows."""
        return await self.find(
            Kind.RESOURCE,
            "status = 'TERMINATED' AND EXISTS (SELECT 1 FROM record r WHERE r.entity_id = e.id"
            " AND r.system = 'kantata')",
        )

    async def newcomer(self) -> Entity:
        """Somebody whom the HCM has just hired, and whom no other system knows yet."""
        name = f"newcomer-{self.number()}"
        key, now = RecordKey("workday", Kind.RESOURCE, name), datetime.now(UTC)
        values: dict[str, Value] = {"name": name, "email": f"{name}@northlight.example", "status": "ACTIVE"}
        await self.writer.apply([Record(key, values, "1", now, now, (Key("employee_number", name),), name)])
        found = await entity_of(self.engine, key)
        assert found is not None
        self.directory.heard(found)
        return await self.entity(found)

    async def project_without(self, system: str) -> Entity:
        """A project of which a system has no record."""
        return await self.find(
            Kind.PROJECT,
            "NOT EXISTS (SELECT 1 FROM record r WHERE r.entity_id = e.id AND r.system = :system)",
            system=system,
        )

    async def idle_person(self, weeks: int = WEEKS_AHEAD) -> Entity:
        """Somebody active whom the PSA knows, not away in the week so far ahead, with the fewest bookings to come."""
        rows = await self.rows(
            "SELECT e.id FROM entity e WHERE kind = 'resource' AND status = 'ACTIVE' AND record_kind = 'resource'"
            " AND end_date IS NULL"
            " AND EXISTS (SELECT 1 FROM record r WHERE r.entity_id = e.id AND r.system = 'kantata')"
            " ORDER BY (SELECT count(*) FROM entity a WHERE a.kind = 'assignment' AND a.resource_id = e.id"
            " AND a.end_date >= :today), e.id",
            today=NOW.date(),
        )
        people = [p for p in await self.directory.entities([CanonicalId(row.id) for row in rows]) if p is not None]
        await self.desk.cache.load([person.keys[Domain.HCM] for person in people], CALENDAR)
        monday = monday_of(NOW.date()) + timedelta(weeks=weeks)
        for person in people:
            capacity = await capacity_of(self.desk, person, Employment())
            if capacity.hours(monday, monday + WEEK) >= NEARLY_WHOLE:
                return person
        raise AssertionError("everybody is away in that week")


@contextmanager
def start_sandboxes(
    firm: Firm, url: str, folder: Path, start: Callable[[str, Firm], RunningSandbox] = start_sandbox
) -> Iterator[Sandboxes]:
    """Start the four sandboxes on a firm, and load the empty directory at `url` from them."""
    with ExitStack() as stack:
        running = {system: stack.enter_context(start(system, firm)) for system in VENDORS}
        text = ESTATE.read_text(encoding="utf-8")
        for system, port in VENDORS.items():
            text = text.replace(f"http://127.0.0.1:{port}", running[system].base_url)
        (folder / "estate.toml").write_text(text)
        (folder / "reference.toml").write_text(ESTATE.with_name("reference.toml").read_text(encoding="utf-8"))
        made = Sandboxes(running, read_estate(folder / "estate.toml", environment()), url, folder / "estate.toml")
        asyncio.run(_load(made))
        yield made


async def _load(sandboxes: Sandboxes) -> None:
    hub = Live(sandboxes)
    await hub.load()
    await hub.close()


def booking(project: Entity, person: Entity, weeks: int = WEEKS_AHEAD, **other: Any) -> dict[str, Any]:
    """Twenty hours in one week that lies that many weeks ahead."""
    monday = NOW.date() - timedelta(days=NOW.date().weekday()) + timedelta(weeks=weeks)
    return {
        "projectId": project.id,
        "resourceId": person.id,
        "role": "Consultant",
        "startDate": monday,
        "endDate": monday + timedelta(days=4),
        "plannedHours": Decimal(20),
        "booking": "HARD",
        "allowOverbooking": False,
        **other,
    }


async def approver_for(hub: Live, *not_these: object) -> Actor:
    """A delivery manager who is an active resource and none of these."""
    person = await hub.find(
        Kind.RESOURCE,
        "status = 'ACTIVE' AND record_kind = 'resource' AND NOT id = ANY(CAST(:ids AS text[]))",
        ids=[str(i) for i in not_these],
    )
    email = person.kept["email"]
    assert isinstance(email, str)
    return Actor(Caller(email, frozenset({Role.DELIVERY_MANAGER}), email=email, issuer="test"))


async def time_input(hub: Live) -> dict[str, Any]:
    """Time of somebody booked on a project in delivery."""
    assignment = await hub.find(
        Kind.ASSIGNMENT,
        "resource_id IS NOT NULL AND EXISTS (SELECT 1 FROM entity p WHERE p.id = e.project_id AND p.status ="
        " 'IN_DELIVERY') AND EXISTS (SELECT 1 FROM entity t WHERE t.project_id = e.project_id AND t.kind = 'task')"
        " AND EXISTS (SELECT 1 FROM entity w WHERE w.id = e.resource_id AND w.status = 'ACTIVE')",
    )
    project = assignment.kept["project"]
    task = await hub.find(Kind.TASK, "project_id = :project", project=project)
    return {
        "projectId": project,
        "taskId": task.id,
        "resourceId": assignment.kept["resource"],
        "workDate": NOW.date() - timedelta(days=1),
        "hours": Decimal("1.5"),
        "billable": True,
        "note": "built",
    }

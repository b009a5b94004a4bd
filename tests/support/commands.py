"""A small firm in memory with a real ledger and directory: what tests of commands are set in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from cache.record_cache import RecordCache
from hub.domain.callers import Caller
from hub.domain.commands import Actor, Outcome
from hub.domain.directory import kept_by
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind
from hub.domain.money import Money
from hub.domain.ownership import Role
from hub.domain.records import Key, Record, RecordKey, Ref, Value
from hub.domain.roles import RoleMap
from hub.ports import SourceWriter
from hub.store.announcements import Announcements
from hub.store.database import open_engine
from hub.store.directory_reader import PostgresDirectory
from hub.store.directory_writer import PostgresDirectoryWriter
from hub.store.ledger import Ledger
from hub.store.locks import RecordLocks
from hub.store.people import entity_of
from hub.store.replicas import Replicas
from hub.usecases.desk import Desk
from hub.usecases.mutations import MUTATIONS
from hub.usecases.verify import Verifier
from hub.usecases.write_through import WriteThrough
from tests.support.fake_writer import FakeWriter

TODAY = date(2026, 6, 17)
SYSTEMS = {"psa": Domain.PSA, "erp": Domain.ERP, "hcm": Domain.HCM, "crm": Domain.CRM}
EMAIL = {"ada": "ada@firm.example", "bob": "bob@firm.example"}


def caller(*roles: Role, email: str | None = None, allow: Iterable[str] = (), subject: str = "") -> Caller:
    """A caller with these roles."""
    name = subject or email or "-".join(roles)
    return Caller(name, frozenset(roles), email=email, allow=frozenset(allow), issuer="test")


PMO = Actor(caller(Role.PMO))
MANAGER = Actor(caller(Role.DELIVERY_MANAGER, email=EMAIL["ada"]))
OTHER_MANAGER = Actor(caller(Role.DELIVERY_MANAGER, email=EMAIL["bob"]))
FINANCE = Actor(caller(Role.FINANCE_OPS))
SUPPORT = Actor(caller(Role.INTEGRATION_SUPPORT))
TIME_CLERK = Actor(caller(Role.SERVICE, allow=["submitTimeEntry", "approveTimeEntry"]))


class Replica:
    """One process of the hub over the shared systems: its own memory, the same database."""

    def __init__(
        self,
        url: str,
        adapters: Mapping[str, SourceWriter],
        *,
        lease_s: float = 15.0,
        settle_s: float = 0.0,
        roles: RoleMap | None = None,
        today: date = TODAY,
        domains: Mapping[str, Domain] | None = None,
    ) -> None:
        self.engine = open_engine(url, pool_size=4)
        self.cache = RecordCache(adapters)
        self.replicas = Replicas(self.engine)
        self.announcements = Announcements(self.engine, self.cache, self.replicas)
        self.directory = PostgresDirectory(self.engine, self.replicas)
        self.writer = PostgresDirectoryWriter(
            self.engine, domains=domains or SYSTEMS, roles=roles or RoleMap(), today=lambda: today
        )
        self.ledger = Ledger(self.engine, lease_s=lease_s)
        self.desk = Desk(
            self.engine,
            adapters,
            self.directory,
            self.writer,
            self.cache,
            self.announcements,
            self.ledger,
            RecordLocks(self.engine, lease_s=lease_s),
            lambda: today,
        )
        self.commands = WriteThrough(self.desk, MUTATIONS)
        self.verifier = Verifier(self.desk, settle_s=settle_s, orphans_after_s=0.0)

    async def start(self) -> None:
        """Hear what other replicas announce."""
        self.replicas.start()
        await self.replicas.listening.wait()

    async def close(self) -> None:
        """End, with everything under way."""
        await self.commands.aclose()
        await self.verifier.stop()
        await self.replicas.aclose()
        await self.cache.aclose()
        await self.engine.dispose()

    async def run(self, mutation: str, actor: Actor, key: str = "k1", **given: Any) -> Outcome:
        """Give a command."""
        wanted = {"idempotencyKey": key, **given}
        return await self.commands.run(mutation, wanted, actor, "00000000-0000-0000-0000-000000000001")

    async def verify(self) -> None:
        """Let the verifier look at everything now, due or not."""
        async with self.engine.begin() as connection:
            await connection.execute(text("UPDATE command SET check_at = now() - interval '1 s'"))
        await self.verifier.sweep()

    async def rows(self, statement: str, **parameters: Any) -> list[Any]:
        """Rows of a query."""
        async with self.engine.connect() as connection:
            return list((await connection.execute(text(statement), parameters)).all())

    async def states(self) -> list[str]:
        """The states of all commands, oldest first."""
        return [row.state for row in await self.rows("SELECT state FROM command ORDER BY received_at")]


class Firm(Replica):
    """The first replica, which also fills the directory: one project, its people, plans, time and contract."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.adapters = {system: FakeWriter(system, domain) for system, domain in SYSTEMS.items()}
        super().__init__(url, self.adapters, **settings)
        self.url = url
        self.psa, self.erp, self.hcm, self.crm = (self.adapters[name] for name in ("psa", "erp", "hcm", "crm"))
        self.ids: dict[str, CanonicalId] = {}

    def another(self, **settings: Any) -> Replica:
        """A second replica of the same hub."""
        return Replica(self.url, self.adapters, **settings)

    async def put(
        self,
        name: str,
        system: str,
        kind: Kind,
        external_id: str,
        values: Mapping[str, Value],
        keys: Sequence[Key] = (),
    ) -> CanonicalId:
        """Make an object in its system, and let the feed find it; `name` finds its canonical id."""
        adapter = self.adapters[system]
        adapter.objects[kind, external_id] = dict(values)
        kept = {n: v for n, v in values.items() if n in kept_by(adapter.domain, kind)}
        key = RecordKey(system, kind, external_id)
        now = datetime.now(UTC)
        await self.writer.apply([Record(key, kept, "1", now, now, tuple(keys), name)])
        found = await entity_of(self.engine, key)
        if found is not None:
            self.ids[name] = found
        return found or CanonicalId("")

    async def person(self, name: str, number: str, **values: Value) -> CanonicalId:
        """A person whom HCM and PSA know."""
        keys = (Key("email", EMAIL.get(name, f"{name}@firm.example")), Key("employee_number", number))
        known: dict[str, Value] = {
            "name": name,
            "email": EMAIL.get(name, f"{name}@firm.example"),
            "status": "ACTIVE",
            "hire_date": date(2020, 1, 1),
            "fte": Decimal(1),
            "skills": ("Python",),
            **values,
        }
        found = await self.put(name, "hcm", Kind.RESOURCE, f"hcm-{number}", known, keys)
        await self.put(name, "psa", Kind.RESOURCE, number, {}, keys)
        return found

    async def open(self) -> None:
        """Fill everything."""
        await self.person("ada", "11")
        await self.person("bob", "12")
        await self.put("customer", "crm", Kind.CUSTOMER, "acc-1", {"name": "Acme"})
        contract: dict[str, Value] = {"number": "C-1", "status": "ACTIVE", "value": Money(100_000_00, "EUR")}
        await self.put("contract", "crm", Kind.CONTRACT, "con-1", contract)
        line: dict[str, Value] = {
            "contract": Ref(Kind.CONTRACT, "con-1"),
            "name": "Line",
            "model": "TIME_AND_MATERIALS",
        }
        line_id = await self.put("line", "crm", Kind.CONTRACT_LINE, "line-1", line)
        await self.put(
            "line", "erp", Kind.CONTRACT_LINE, "5:1", {"revenue_method": "POINT"}, (Key("canonical", line_id),)
        )
        project: dict[str, Value] = {
            "code": "P-1",
            "name": "Apollo",
            "delivery_status": "ACTIVE",
            "archived": False,
            "start_date": date(2026, 6, 1),
            "end_date": date(2026, 12, 31),
            "manager": Ref(Kind.RESOURCE, "11"),
            "contract": Ref(Kind.CONTRACT, "con-1", "id:CRM"),
        }
        project_id = await self.put("project", "psa", Kind.PROJECT, "1", project)
        await self.put(
            "project", "erp", Kind.PROJECT, "job-1", {"financial_status": "OPEN"}, (Key("canonical", project_id),)
        )
        task: dict[str, Value] = {
            "project": Ref(Kind.PROJECT, "1"),
            "name": "Build",
            "planned_hours": Decimal(400),
            "done": False,
        }
        await self.put("task", "psa", Kind.TASK, "21", task)
        milestone: dict[str, Value] = {"project": Ref(Kind.PROJECT, "1"), "name": "Go-live", "status": "PLANNED"}
        await self.put("milestone", "psa", Kind.MILESTONE, "22", milestone)
        await self.booking("booking", "31", "12", date(2026, 6, 1), date(2026, 6, 5), "20")
        entry: dict[str, Value] = {
            "project": Ref(Kind.PROJECT, "1"),
            "task": Ref(Kind.TASK, "21"),
            "resource": Ref(Kind.RESOURCE, "12"),
            "work_date": date(2026, 6, 15),
            "hours": Decimal(8),
            "status": "SUBMITTED",
        }
        await self.put("entry", "psa", Kind.TIME_ENTRY, "41", entry)

    async def booking(self, name: str, number: str, person: str, start: date, end: date, hours: str) -> None:
        """A hard booking on the project."""
        values: dict[str, Value] = {
            "project": Ref(Kind.PROJECT, "1"),
            "resource": Ref(Kind.RESOURCE, person),
            "role": "Consultant",
            "start_date": start,
            "end_date": end,
            "planned_hours": Decimal(hours),
            "booking": "HARD",
        }
        await self.put(name, "psa", Kind.ASSIGNMENT, number, values)

    def assignment(self, **other: Any) -> dict[str, Any]:
        """The input of a booking of bob for the second week of June."""
        return {
            "projectId": self.ids["project"],
            "resourceId": self.ids["bob"],
            "role": "Consultant",
            "startDate": date(2026, 6, 8),
            "endDate": date(2026, 6, 12),
            "plannedHours": Decimal(40),
            "booking": "HARD",
            "allowOverbooking": False,
            **other,
        }

    def time(self, **other: Any) -> dict[str, Any]:
        """The input of eight hours of bob's."""
        return {
            "projectId": self.ids["project"],
            "taskId": self.ids["task"],
            "resourceId": self.ids["bob"],
            "workDate": date(2026, 6, 16),
            "hours": Decimal(8),
            "billable": True,
            **other,
        }

"""The application on the fakes, and a small firm in it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
from joserfc.jwk import ECKey

from hub.app.application import create_app
from hub.app.auth import Grant, Verifier, local_issuer, sign
from hub.app.execution import Execute
from hub.app.services import Readiness, Services
from hub.domain.commands import Actor
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.money import Money
from hub.domain.ownership import Role
from hub.domain.records import (
    BY_CANONICAL,
    DatedRate,
    InvoiceLineValue,
    OpenItem,
    Ref,
    RevenueRow,
    SoldRole,
    Value,
)
from hub.domain.roles import RoleMap
from hub.usecases.scoped_directory import Sights
from resolvers.reads import Reads
from tests.support.fakes import CARDS, NOW, FakeFirm, FakeMonitor, FakeWriter

KEY = ECKey.generate_key("P-256")
KEY.ensure_kid()


def usd(amount: str) -> Money:
    """Return dollars."""
    return Money.of(amount, "USD")


def token(role: Role = Role.PMO, **grants: Any) -> str:
    """Return a good token of a role; `grants` are further members of Grant."""
    return sign(KEY, Grant("tester", (role,), **grants), now=NOW, lifetime_s=3600)


@dataclass
class Graph:
    """The application on a fake firm; `post` asks it."""

    firm: FakeFirm = field(default_factory=FakeFirm)
    ready: bool = True
    execute: Execute | None = None
    services: Mapping[str, Any] = field(default_factory=dict)
    people: dict[str, CanonicalId] = field(default_factory=dict)
    cost_rates_seen: list[tuple[str, CanonicalId]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Build the application."""
        self.writer = FakeWriter(self.firm.directory)
        reads = Reads(self.firm.directory, self.writer, self.firm.records, CARDS, FakeMonitor(), RoleMap())
        verifier = Verifier(local_issuer(KEY), now=lambda: NOW)
        given = {"sights": Sights(self.firm.directory, self._person), "audit": self, **self.services}
        self.app = create_app(Services(reads, verifier, self._readiness, now=lambda: NOW, **given), self.execute)

    async def _person(self, email: str) -> CanonicalId | None:
        return self.people.get(email)

    async def cost_rate_read(self, actor: Actor, correlation_id: str, resources: Sequence[CanonicalId]) -> None:
        """Note who saw whose cost rate."""
        self.cost_rates_seen += [(actor.caller.subject, resource) for resource in resources]

    async def _readiness(self) -> Readiness:
        return Readiness(self.ready, {"waiting": [] if self.ready else ["psa-1"]})

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """Give an HTTP client of the application."""
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
            yield client

    async def post(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        role: Role = Role.PMO,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Ask, and return the body of the answer."""
        async with self.client() as client:
            response = await client.post(
                "/graphql",
                json={"query": query, "variables": variables},
                headers={"Authorization": f"Bearer {token(role)}", **(headers or {})},
            )
        body: dict[str, Any] = response.json()
        return body

    async def data(self, query: str, variables: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Ask, and return the data of an answer without errors."""
        body = await self.post(query, variables, **more)
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data


@dataclass
class SmallFirm:
    """The ids of the small firm's entities."""

    graph: Graph
    entity: CanonicalId
    practice: CanonicalId
    customer: CanonicalId
    opportunity: CanonicalId
    contract: CanonicalId
    line: CanonicalId
    manager: CanonicalId
    subcontractor: CanonicalId
    project: CanonicalId
    milestone: CanonicalId
    invoice: CanonicalId
    assignment: CanonicalId
    time_entry: CanonicalId


def small_firm(execute: Execute | None = None, **services: Any) -> SmallFirm:
    """Make one customer with one deal, its contract, and the project that delivers it."""
    graph = Graph(execute=execute, services=services)
    add = graph.firm.add
    own: dict[str, Value] = {"code": "US01", "name": "Firm Inc", "country": "US", "currency": "USD"}
    entity = add(Kind.LEGAL_ENTITY, own, {"erp-1": own})
    practice = add(Kind.PRACTICE, {"code": "DATA", "name": "Data"})
    acme: dict[str, Value] = {"name": "Acme", "region": "EMEA"}
    items = (OpenItem(date(2026, 2, 1), usd("100.50"), disputed=False),)
    customer = add(
        Kind.CUSTOMER,
        acme,
        {"crm-1": {**acme, "industry": "Steel"}, "erp-1": {"credit_hold": False, "open_items": items}},
    )
    sold = (SoldRole("Architect", Decimal(400), usd("200"), date(2026, 1, 5), None),)
    deal: dict[str, Value] = {"name": "Big deal", "status": "WON", "probability": Decimal("0.3")}
    opportunity = add(
        Kind.OPPORTUNITY,
        {**deal, "customer": customer},
        {"crm-1": {**deal, "sold_roles": sold, "region": "EMEA", "amount": usd("80000")}},
    )
    terms: dict[str, Value] = {
        "number": "C-1",
        "status": "SIGNED",
        "signed_on": date(2026, 1, 2),
        "value": usd("80000"),
    }
    contract = add(
        Kind.CONTRACT,
        {**terms, "customer": customer, "opportunity": opportunity, "legal_entity": entity},
        {"crm-1": terms},
    )
    part: dict[str, Value] = {"name": "Build", "model": "TIME_AND_MATERIALS"}
    line = add(
        Kind.CONTRACT_LINE,
        {**part, "contract": contract},
        {"crm-1": {**part, "price": usd("80000")}, "erp-1": {"revenue_method": "as billed"}},
    )
    ann: dict[str, Value] = {"name": "Ann", "status": "ACTIVE", "skills": ("python", "sql")}
    manager = add(
        Kind.RESOURCE,
        {**ann, "role": "Architect", "practice": practice, "legal_entity": entity},
        {"hcm-1": {**ann, "grade": "G7", "cost_rate": DatedRate(usd("90"), None), "hire_date": date(2020, 1, 1)}},
    )
    sub = add(Kind.SUBCONTRACTOR, {"name": "Zed", "role": "Tester"}, {"erp-1": {"name": "Zed"}})
    plan: dict[str, Value] = {
        "code": "P-1",
        "name": "Acme build",
        "start_date": date(2026, 1, 5),
        "end_date": date(2026, 6, 30),
    }
    links: dict[str, Value] = {"customer": customer, "contract": contract, "manager": manager, "practice": practice}
    rows = (RevenueRow("2026-01", None, usd("10"), usd("12")), RevenueRow("2026-02", None, usd("20"), None))
    project = add(
        Kind.PROJECT,
        {**plan, **links, "legal_entity": entity, "stage": "IN_DELIVERY", "models": ("TIME_AND_MATERIALS",)},
        {"psa-1": {**plan, "percent_complete": Decimal("0.5")}, "erp-1": {"revenue": rows}},
    )
    go_live: dict[str, Value] = {"name": "Go live", "due_date": date(2026, 3, 1)}
    milestone = add(
        Kind.MILESTONE,
        {**go_live, "project": project},
        {"psa-1": {**go_live, "status": "APPROVED", "approved_at": NOW, "amount": usd("5000")}},
    )
    bill: dict[str, Value] = {"number": "INV-1", "status": "OPEN", "issued_on": date(2026, 3, 2)}
    lines = (InvoiceLineValue("Go live", usd("5000"), "2026-03", Ref(Kind.MILESTONE, milestone, BY_CANONICAL)),)
    invoice = add(
        Kind.INVOICE,
        {**bill, "customer": customer, "project": project},
        {"erp-1": {**bill, "total": usd("5950"), "open_amount": usd("5950"), "lines": lines}},
    )
    rows_of = graph.firm.directory.rows
    rows_of[milestone].kept["invoice"] = invoice  # type: ignore[index]  # the fake keeps plain dictionaries
    work: dict[str, Value] = {
        "role": "Architect",
        "start_date": date(2026, 1, 5),
        "end_date": date(2026, 2, 1),
        "booking": "HARD",
    }
    assignment = add(
        Kind.ASSIGNMENT,
        {**work, "project": project, "resource": manager},
        {"psa-1": {**work, "planned_hours": Decimal("80.5")}},
    )
    worked: dict[str, Value] = {"work_date": date(2026, 1, 6), "status": "APPROVED"}
    entry = add(
        Kind.TIME_ENTRY,
        {**worked, "date": date(2026, 1, 6), "project": project, "resource": manager, "posted_period": "2026-01"},
        {"psa-1": {**worked, "hours": Decimal(8), "role": "Architect"}, "erp-1": {"posted_period": "2026-01"}},
    )
    return SmallFirm(
        graph, entity, practice, customer, opportunity, contract, line, manager, sub, project, milestone, invoice,
        assignment, entry,
    )  # fmt: skip

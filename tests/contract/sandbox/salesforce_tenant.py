"""A small Salesforce org for the tests of its sandbox: a handful of rows, a clock that the test moves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import RSAKey
from starlette.applications import Starlette

from sources.sandbox.core import VendorApp
from sources.sandbox.credentials import SalesforceCredentials
from sources.sandbox.firm.model import (
    Amount,
    ChangeOrder,
    Contract,
    ContractLine,
    Customer,
    Firm,
    LegalEntity,
    Model,
    Opportunity,
    Person,
    Size,
    SoldPackage,
    SoldRole,
)
from sources.sandbox.firm.vendor_ids import salesforce_id
from sources.sandbox.salesforce import create_app

V66 = "/services/data/v66.0"
TOKEN = "/services/oauth2/token"
CLIENT_ID, CLIENT_SECRET, USERNAME = "consumer-key", "consumer-secret", "hub@firm.example"
START = datetime(2026, 6, 15, 12, 0, 0, tzinfo=UTC)
ACME, BOLT, CRANE = (salesforce_id("Account", n) for n in (1, 2, 3))
DEAL, LOST, OPEN = (salesforce_id("Opportunity", n) for n in (1, 2, 3))
SIGNED, DRAFT = (salesforce_id("Contract", n) for n in (1, 2))
LINE = salesforce_id("Contract_Line__c", 1)
SPECS = Path(__file__).parents[4] / "shared" / "vendors" / "specs" / "salesforce"


@cache
def signing_key() -> RSAKey:
    """The key pair whose public half the org knows."""
    return RSAKey.generate_key(2048)


class MovableClock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        """Move forward by a timedelta's arguments."""
        self.now += timedelta(**span)


@dataclass(frozen=True, slots=True)
class Org:
    """A running org, a client with a session, and the clock."""

    http: httpx.AsyncClient
    clock: MovableClock
    app: VendorApp

    async def query(self, soql: str, *, every: bool = False) -> dict[str, Any]:
        """The body of a query that succeeds."""
        reply = await self.http.get(f"{V66}/{'queryAll' if every else 'query'}", params={"q": soql})
        assert reply.status_code == 200, reply.text
        body: dict[str, Any] = reply.json()
        return body

    async def column(self, soql: str, name: str = "Id", *, every: bool = False) -> list[Any]:
        """One column of a query that succeeds."""
        return [each[name] for each in (await self.query(soql, every=every))["records"]]

    async def refusal(self, soql: str) -> tuple[str, str]:
        """Code and last line of the message of a query that is refused with 400."""
        reply = await self.http.get(f"{V66}/query", params={"q": soql})
        assert reply.status_code == 400, reply.text
        error = reply.json()[0]
        assert set(error) == {"message", "errorCode"}
        return error["errorCode"], error["message"].splitlines()[-1]


@asynccontextmanager
async def running(firm: Firm | None = None, **settings: Any) -> AsyncIterator[Org]:
    """An org with these settings and a client that has a session."""
    clock = MovableClock()
    public = signing_key().as_pem(private=False).decode()
    credentials = SalesforceCredentials(CLIENT_ID, CLIENT_SECRET, USERNAME, public)
    app = create_app(firm or small_firm(), credentials, clock=clock, **settings)
    transport = httpx.ASGITransport(app=Starlette(routes=app.routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://firm.my.example") as http:
        http.headers["Authorization"] = app.authorization()
        yield Org(http, clock, app)


def standard_fields(object_name: str) -> dict[str, Any]:
    """The published fields of a standard object; FileNotFoundError where they are not at hand."""
    with (SPECS / "standard-objects.json").open() as file:
        fields: dict[str, Any] = json.load(file)[object_name]["fields"]
    return fields


def small_firm() -> Firm:
    """Three customers, three deals, two contracts with a line and a change order, two people."""
    return Firm(
        seed=7,
        size=Size.SMALL,
        today=START.date(),
        legal_entities=[LegalEntity(1, "US01", "Firm Inc", "US", "USD")],
        people=[_person(1, None), _person(2, 1)],
        customers=[
            _customer(1, "Acme Corp", "AMER", None),
            _customer(2, "bolt ltd", "EMEA", 1),
            _customer(3, "Crane KK", "APAC", None),
        ],
        opportunities=[
            _deal(1, 1, "Closed Won", 100_000, 1),
            _deal(2, 2, "Closed Lost", 5_000, 0),
            _deal(3, 3, "Negotiation/Review", 70_000, Decimal("0.9")),
        ],
        contracts=[_contract(1, "Activated"), _contract(2, "Draft")],
        contract_lines=[_line(1), _line(2)],
        change_orders=[
            ChangeOrder(1, None, 1, "Approved", "More", _usd(10), Decimal(8), date(2026, 3, 1), _changed(1))
        ],
    )


def _usd(value: float) -> Amount:
    return Amount(Decimal(value), "USD")


def _changed(days: int) -> datetime:
    return START - timedelta(days=10 * days, microseconds=1)


def _person(n: int, manager: int | None) -> Person:
    return Person(
        n=n,
        employee_number=f"1000{n}",
        first_name=f"First{n}",
        last_name=f"Last{n}",
        email=f"p{n}@firm.example",
        hired=date(2020, 1, 1),
        terminated=None,
        on_leave=False,
        title="Manager",
        job_profile="EM",
        role="Engagement Manager",
        grade="M1",
        location="NYC",
        country="US",
        company="US01",
        practice="CLOUD",
        manager=manager,
        skills=(),
        fte=Decimal(1),
        cost_rates=(),
        time_off=(),
        contingent=False,
        modified=_changed(n),
    )


def _customer(n: int, name: str, region: str, parent: int | None) -> Customer:
    return Customer(
        n=n,
        canonical=f"cus_{n}" if n < 3 else None,
        name=name,
        psa_name=name,
        erp_name=name,
        industry="Energy",
        region=region,
        country="US",
        currency="USD",
        tax_registration=f"TAX-{n}",
        parent=parent,
        company="US01",
        credit_hold=False,
        in_erp=True,
        modified=_changed(n),
    )


def _deal(n: int, customer: int, stage: str, amount: int, probability: Decimal | int) -> Opportunity:
    roles = tuple(
        SoldRole(10 * n + i, role, Decimal(40 * i), _usd(150), date(2026, 7, 1), date(2026, 9, 30))
        for i, role in enumerate(("Consultant", "Developer"), 1)
    )
    packages = (SoldPackage(1, "PKG-A", "Assessment", Decimal(2), _usd(20_000)),) if n == 1 else ()
    return Opportunity(
        n=n,
        canonical=f"opp_{n}" if n == 1 else None,
        name=f"Deal {n}",
        customer=customer,
        stage=stage,
        closed=stage.startswith("Closed"),
        won=stage == "Closed Won",
        probability=Decimal(probability),
        amount=_usd(amount),
        expected_close=date(2026, 6, 10 + n),
        start=date(2026, 7, 1) if n == 1 else None,
        region="AMER",
        company="US01",
        practice="CLOUD",
        sold_roles=roles if n == 1 else (),
        sold_packages=packages,
        modified=_changed(n),
    )


def _contract(n: int, status: str) -> Contract:
    return Contract(
        n=n,
        canonical=f"con_{n}",
        number=f"0000010{n}",
        customer=n,
        opportunity=n,
        company="US01",
        crm_status=status,
        cancelled=False,
        signed_on=date(2026, 1, 5) if n == 1 else None,
        start=date(2026, 1, 1),
        end=date(2026, 12, 31),
        value=_usd(90_000),
        template="MSA",
        template_version="3.1",
        early_start_until=None,
        in_erp=True,
        modified=_changed(n),
    )


def _line(n: int) -> ContractLine:
    return ContractLine(
        n=n,
        canonical=f"lin_{n}",
        contract=1,
        name=f"Line {n}",
        model=Model.FIXED_FEE_MILESTONE,
        price=_usd(45_000),
        cap=None,
        start=date(2026, 1, 1),
        end=date(2026, 12, 31),
        billing_terms="Net 30",
        revenue_method=None,
        bill_rate=_usd(150),
        modified=_changed(n),
    )

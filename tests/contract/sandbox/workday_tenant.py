"""A small hand-made firm on a Workday tenant, and an authorized client of it with a clock to move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import RSAKey
from starlette.applications import Starlette

from sources.sandbox.core import VendorApp
from sources.sandbox.credentials import WorkdayCredentials
from sources.sandbox.firm.model import Amount, CostRate, Firm, Person, Size, TimeOff
from sources.sandbox.firm.vendor_ids import workday_wid
from sources.sandbox.workday import Settings, create_app

TODAY = date(2026, 6, 15)
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 5, 9, 30, 15, 250_000, tzinfo=UTC)
TOKEN = "/ccx/oauth2/plumbline/token"
DATA = "/ccx/api/wql/v1/plumbline/data"
STAFFING = "/ccx/api/staffing/v6/plumbline"
COMMON = "/ccx/api/v1/plumbline"
PROCESS = "/ccx/api/businessProcess/v1/plumbline"
FORM = {"client_id": "api-client", "client_secret": "s3cret"}
REFRESH = {"grant_type": "refresh_token", "refresh_token": "r3fresh"}
BOSS, DEV, GONE, SOON, AWAY, TEMP = (workday_wid("worker", n) for n in range(1, 7))
SPECS = Path(__file__).parents[4] / "shared" / "vendors" / "specs" / "workday"
KEY = RSAKey.generate_key(2048)


def person(n: int, **changes: Any) -> Person:
    """A plain employee, with what is particular about this one."""
    plain = Person(
        n=n,
        employee_number=f"1000{n}",
        first_name=f"First{n}",
        last_name=f"Last{n}",
        email=f"p{n}@firm.example",
        hired=date(2024, 1, 1),
        terminated=None,
        on_leave=False,
        title="Consultant",
        job_profile="Consultant II",
        role="Consultant",
        grade="C2",
        location="London",
        country="GB",
        company="UK01",
        practice="DATA",
        manager=1,
        skills=("Python", "SQL"),
        fte=Decimal("1.0"),
        cost_rates=(
            CostRate(date(2024, 1, 1), Amount(Decimal("60.00"), "GBP")),
            CostRate(date(2026, 1, 1), Amount(Decimal("65.50"), "GBP")),
        ),
        time_off=(),
        contingent=False,
        modified=LONG_AGO,
    )
    return replace(plain, **changes)


def make_firm(extra: int = 0) -> Firm:
    """Six particular people, then as many plain ones as asked for."""
    firm = Firm(seed=7, size=Size.SMALL, today=TODAY, holidays={"GB": [date(2026, 12, 25)]})
    firm.people = [
        person(1, manager=None, practice="CLOUD", location="New York", country="US", title="Partner"),
        person(2, fte=Decimal("0.8"), time_off=(TimeOff(date(2026, 7, 1), Decimal("7.5"), "Vacation"),)),
        person(3, terminated=date(2026, 3, 31)),
        person(4, hired=date(2026, 9, 1), cost_rates=(CostRate(date(2026, 9, 1), Amount(Decimal(70), "GBP")),)),
        person(5, on_leave=True, last_name="O'Hara"),
        person(6, contingent=True, skills=()),
        *(person(n) for n in range(7, 7 + extra)),
    ]
    return firm


class Ticker:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Tenant:
    """A running tenant and an authorized client of it."""

    app: VendorApp
    http: httpx.AsyncClient
    clock: Ticker

    async def query(self, wql: str, **params: Any) -> httpx.Response:
        """POST a query."""
        return await self.http.post(DATA, json={"query": wql}, params=params)

    async def rows(self, wql: str, **params: Any) -> list[dict[str, Any]]:
        """The rows of a query that must be understood."""
        response = await self.query(wql, **params)
        assert response.status_code == 200, response.text
        data: list[dict[str, Any]] = response.json()["data"]
        return data

    async def skills_of(self, wid: str) -> set[str]:
        """The names of a worker's skills."""
        response = await self.http.get(f"{STAFFING}/workers/{wid}/explicitSkills")
        return {skill["skillItem"]["descriptor"] for skill in response.json()["data"]}


@asynccontextmanager
async def running(settings: Settings | None = None, extra: int = 0, firm: Firm | None = None) -> AsyncIterator[Tenant]:
    """A tenant with these settings, of the hand-made firm unless another is given."""
    clock = Ticker()
    credentials = WorkdayCredentials(
        tenant="plumbline",
        client_id="api-client",
        client_secret="s3cret",
        refresh_token="r3fresh",
        username="isu_hub",
        public_key_pem=KEY.as_pem(private=False).decode(),
    )
    app = create_app(firm or make_firm(extra), credentials, clock=clock, settings=settings)
    transport = httpx.ASGITransport(Starlette(routes=app.routes))
    headers = {"Authorization": app.authorization()}
    async with httpx.AsyncClient(transport=transport, base_url="http://workday.test", headers=headers) as http:
        yield Tenant(app, http, clock)

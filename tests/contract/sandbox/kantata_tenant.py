"""A Kantata tenant of the small firm, and a client of it, for the sandbox's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
from starlette.applications import Starlette

from sources.sandbox.core import VendorApp
from sources.sandbox.credentials import KantataCredentials
from sources.sandbox.firm.generate import generate
from sources.sandbox.firm.model import Firm, Project, Size
from sources.sandbox.kantata import create_app

TODAY = date(2026, 11, 23)


@dataclass
class Ticking:
    """A clock that moves a second with every look, so that every write gets a stamp of its own."""

    at: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The next instant."""
        self.at += timedelta(seconds=1)
        return self.at


def small_firm() -> Firm:
    """The small firm, with one project in a currency that has no subunit."""
    firm = generate(Size.SMALL, today=TODAY)
    yen = open_project(firm).n
    firm.projects = [replace(p, currency="JPY") if p.n == yen else p for p in firm.projects]
    return firm


def open_project(firm: Firm) -> Project:
    """The first project that is visible by default and has a customer and a contract."""
    return next(p for p in firm.projects if p.in_psa and not p.archived and p.contract and p.customer and p.manager)


def project_of(firm: Firm, n: int) -> Project:
    """The project with that number."""
    return next(p for p in firm.projects if p.n == n)


def tenant(firm: Firm) -> VendorApp:
    """A fresh tenant of the firm."""
    return create_app(firm, KantataCredentials("good-token"), clock=Ticking())


@dataclass(frozen=True)
class Api:
    """A client that presents the administrator's token."""

    http: httpx.AsyncClient

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        """A successful read's envelope."""
        return self._read(await self.http.get(path, params=params))

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        """A successful create's envelope."""
        return self._read(await self.http.post(path, json=body))

    async def put(self, path: str, **body: Any) -> dict[str, Any]:
        """A successful update's envelope."""
        return self._read(await self.http.put(path, json=body))

    async def delete(self, path: str) -> None:
        """A successful delete."""
        answer = await self.http.delete(path)
        assert answer.status_code == 204, answer.text
        assert answer.content == b""

    async def refusal(self, method: str, path: str, **body: Any) -> tuple[int, list[dict[str, Any]]]:
        """The status and the error entries of a refused write."""
        answer = await self.http.request(method, path, json=body)
        assert answer.status_code >= 400, answer.text
        errors: list[dict[str, Any]] = answer.json()["errors"]
        return answer.status_code, errors

    @staticmethod
    def _read(answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def client(vendor: VendorApp) -> AsyncIterator[Api]:
    """A client of the tenant; the path is taken below the API's prefix."""
    transport = httpx.ASGITransport(Starlette(routes=vendor.routes))
    headers = {"Authorization": vendor.authorization()}
    async with httpx.AsyncClient(transport=transport, base_url="http://kantata/api/v1/", headers=headers) as http:
        yield Api(http)


def ids(envelope: dict[str, Any]) -> list[str]:
    """The ids of the results, in order."""
    return [result["id"] for result in envelope["results"]]


def only_row(envelope: dict[str, Any]) -> dict[str, Any]:
    """The one record of an envelope."""
    (result,) = envelope["results"]
    row: dict[str, Any] = envelope[result["key"]][result["id"]]
    return row

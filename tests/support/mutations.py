"""The application in front of the small firm of commands, with rights and row scope as they are wired."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import httpx
from joserfc.jwk import ECKey

from hub.app.application import create_app
from hub.app.auth import Grant, Issuer, Verifier, local_issuer, sign
from hub.app.services import Readiness, Services
from hub.domain.ownership import Role
from hub.domain.roles import RoleMap
from hub.usecases.mutations import MUTATIONS
from hub.usecases.write_through import WriteThrough
from hub.wiring.commands import sights_of
from resolvers.reads import Reads
from tests.support.commands import Firm
from tests.support.fakes import NOW, FakeMonitor

KEY = ECKey.generate_key("P-256")
KEY.ensure_kid()
PAYLOAD = "status replayed correlationId errors { code class message field owner allowed }"

INPUTS = {
    **dict.fromkeys(("approveTimeEntry", "rejectTimeEntry"), "ReviewTimeEntryInput"),
    **dict.fromkeys(("completeMilestone", "approveMilestone"), "MilestoneInput"),
}
"""The inputs that several mutations share."""


@dataclass
class Graph:
    """The application in front of a firm whose systems take writes; `issuers` are trusted besides the local one."""

    firm: Firm
    issuers: tuple[Issuer, ...] = ()

    def __post_init__(self) -> None:
        """Build the application."""
        firm = self.firm
        sights = sights_of(firm.engine, firm.directory)
        self.commands = WriteThrough(replace(firm.desk, rows=sights), MUTATIONS)
        reads = Reads(firm.directory, firm.writer, firm.cache, firm.adapters, FakeMonitor(), RoleMap())
        verifier = Verifier(local_issuer(KEY), *self.issuers, now=lambda: NOW)
        self.app = create_app(
            Services(reads, verifier, self._ready, now=lambda: NOW, commands=self.commands, sights=sights)
        )

    async def _ready(self) -> Readiness:
        return Readiness(ready=True)

    async def ask(
        self,
        query: str,
        variables: dict[str, Any],
        *roles: Role,
        role: Role = Role.PMO,
        on_behalf_of: str | None = None,
        token: str | None = None,
        **grants: Any,
    ) -> dict[str, Any]:
        """Ask, and return the body; `grants` are further members of Grant, `token` is instead of all that."""
        token = token or sign(KEY, Grant("tester", roles or (role,), **grants), now=NOW, lifetime_s=3600)
        headers = {"Authorization": f"Bearer {token}"}
        if on_behalf_of is not None:
            headers["X-Hub-On-Behalf-Of"] = on_behalf_of
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://hub") as client:
            answer = await client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        body: dict[str, Any] = answer.json()
        return body

    async def command(
        self, mutation: str, shown: str, given: dict[str, Any], *roles: Role, **more: Any
    ) -> dict[str, Any]:
        """Give a command, and return its payload."""
        kind = INPUTS.get(mutation, mutation[0].upper() + mutation[1:] + "Input")
        query = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {PAYLOAD} {shown} }} }}"
        body = await self.ask(query, {"input": {"idempotencyKey": "k", **given}}, *roles, **more)
        assert "errors" not in body, body
        payload: dict[str, Any] = body["data"][mutation]
        return payload

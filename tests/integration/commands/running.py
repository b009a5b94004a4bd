"""Giving the commands of the table, and what the sandboxes were asked meanwhile."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hub.domain.commands import CommandStatus, Outcome
from hub.domain.ids import CanonicalId
from tests.integration.commands.case import Case, Ready
from tests.support.live import Live
from tests.support.sandboxes import RunningSandbox

QUERIES = re.compile(r"/(suiteql|query|queryAll|data)$|/composite/sobjects/\w+$")
"""Paths of calls that read although they are no GETs."""
LOOKS = 60


@dataclass(frozen=True, slots=True)
class Step:
    """One writing call of a command: the `skip`-th of the calls of that method whose path has `match` in it."""

    method: str
    match: str
    skip: int

    def __str__(self) -> str:
        """What a failure is told with."""
        return f"{self.method} {self.match}" + (f" ({self.skip + 1})" if self.skip else "")


async def run(hub: Live, case: Case, ready: Ready, key: str) -> Outcome:
    """Give the command under a key."""
    return await hub.run(case.name, ready.actor, key, **ready.given)


async def settled(hub: Live, case: Case, ready: Ready, key: str) -> Outcome:
    """Ask again with the key until the command is finished; what was not sent is simply asked for again."""
    outcome = await run(hub, case, ready, key)
    for _ in range(LOOKS):
        if not (outcome.status is CommandStatus.ACCEPTED or is_fault(outcome)):
            return outcome
        await hub.verify()
        await asyncio.sleep(0.02)
        outcome = await run(hub, case, ready, key)
    return outcome


FAULTS = frozenset({"SOURCE_UNAVAILABLE", "RATE_LIMITED"})
"""What is said of a system that does not do its work; the key stays usable."""


def is_fault(outcome: Outcome) -> bool:
    """Whether nothing was sent because of the system's fault."""
    return outcome.status is CommandStatus.REJECTED and codes(outcome)[0] in FAULTS


def codes(outcome: Outcome) -> list[str]:
    """The codes of the refusals."""
    return [error.code for error in outcome.errors]


def forget(hub: Live) -> None:
    """Start all request logs anew."""
    for sandbox in hub.sandboxes.by_system.values():
        sandbox.forget_requests()


def asked(hub: Live) -> list[str]:
    """All calls that any system received since, with those that may change something there marked by a star."""
    sandboxes = hub.sandboxes.by_system.values()
    return [f"{'*' * _changes(r)}{r['method']} {r['path']}" for sandbox in sandboxes for r in sandbox.requests()]


def written(calls: list[str]) -> list[str]:
    """Of these calls those that may change something."""
    return [call for call in calls if call.startswith("*")]


def writes(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    """One system's writing calls, in their order."""
    return [r for r in sandbox.requests() if _changes(r)]


def _changes(request: dict[str, Any]) -> bool:
    return request["method"] != "GET" and not QUERIES.search(request["path"])


async def steps(hub: Live, case: Case) -> tuple[Step, ...]:
    """The writing calls of an undisturbed command, found out once by giving one."""
    known = hub.sandboxes.memo.setdefault("steps", {})
    if str(case) not in known:
        assert case.system is not None
        ready = await case.ready(hub)
        forget(hub)
        outcome = await settled(hub, case, ready, f"steps-{hub.number()}")
        assert (outcome.status, outcome.errors) == (CommandStatus.APPLIED, ())
        known[str(case)] = tuple(_steps(writes(hub.sandboxes.by_system[case.system])))
    found: tuple[Step, ...] = known[str(case)]
    return found


def _steps(calls: list[dict[str, Any]]) -> Iterable[Step]:
    for position, call in enumerate(calls):
        match = [part for part in call["path"].split("/") if part and not re.search(r"\d", part)][-1]
        before = sum(c["method"] == call["method"] and match in c["path"] for c in calls[:position])
        yield Step(call["method"], match, before)


async def entity_audit(hub: Live, action: str, entity: CanonicalId | None) -> list[str]:
    """The outcomes that the audit trail has of an action on an entity, newest first."""
    rows = await hub.rows(
        "SELECT outcome FROM audit WHERE action = :action AND entity_id = :entity ORDER BY id DESC",
        action=action,
        entity=entity,
    )
    return [row.outcome for row in rows]

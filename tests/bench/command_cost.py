"""What a command costs in the process: ledger, locks, directory and cache in front of an owner that answers at once.

No HTTP, no parsing, no vendor. Time is the wall's, with PostgreSQL on this machine and told not to wait for its
disk; CPU is this process's alone. Every connection taken from the pool costs a ping, every transaction its begin
and its commit: those round trips come on top of the statements.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from sqlalchemy import event

from hub.domain.commands import CommandStatus
from hub.store.database import migrate, open_engine
from tests.support.commands import PMO, TIME_CLERK, Firm
from tests.support.postgres import database_server, remove_embedded_server

ROUNDS = 3
COMMANDS = 40
FIRST_DAY = date(2027, 1, 4)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one command, each the median of some rounds."""

    wall_ms: float
    cpu_ms: float
    connections: float
    statements: float


Give = Callable[[int], Awaitable[None]]
"""Gives the command of that number and makes sure of its result."""


def measure() -> list[tuple[str, Cost]]:
    """The table's rows."""
    run_id = uuid.uuid4().hex
    try:
        with database_server(run_id, "bench") as server:
            return asyncio.run(_measure(server.create()))
    finally:
        remove_embedded_server(run_id)


async def _measure(url: str) -> list[tuple[str, Cost]]:
    await _migrate(url)
    firm = Firm(url)
    try:
        await firm.start()
        await firm.open()
        return [(name, await _cost(firm, give)) for name, give in _commands(firm).items()]
    finally:
        await firm.close()


async def _migrate(url: str) -> None:
    engine = open_engine(url)
    await migrate(engine)
    await engine.dispose()


def _commands(firm: Firm) -> Mapping[str, Give]:
    project = firm.ids["project"]

    async def update(n: int) -> None:
        await _given(firm, CommandStatus.APPLIED, "updateProject", f"u{n}", id=project, name=f"Apollo {n}")

    async def time_entry(n: int) -> None:
        await _given(firm, CommandStatus.APPLIED, "submitTimeEntry", f"t{n}", **firm.time(hours=Decimal(1)))

    async def book(n: int) -> None:
        start = FIRST_DAY + timedelta(weeks=n)
        given = firm.assignment(startDate=start, endDate=start + timedelta(days=4), plannedHours=Decimal(1))
        await _given(firm, CommandStatus.APPLIED, "assignResource", f"a{n}", **given)

    async def wrong_input(n: int) -> None:
        await _given(firm, CommandStatus.REJECTED, "updateProject", f"w{n}", id=project, name=" ")

    async def against_a_rule(n: int) -> None:
        given = firm.time(workDate=date(2019, 1, 1))
        await _given(firm, CommandStatus.REJECTED, "submitTimeEntry", f"r{n}", **given)

    async def repeat(_: int) -> None:
        await _given(firm, CommandStatus.APPLIED, "updateProject", "u0", id=project, name="Apollo 0")

    return {
        "updateProject": update,
        "submitTimeEntry": time_entry,
        "assignResource": book,
        "refused: wrong input": wrong_input,
        "refused: against a rule": against_a_rule,
        "replayed": repeat,
    }


async def _given(firm: Firm, expected: CommandStatus, mutation: str, key: str, **given: Any) -> None:
    """Give a command. Raises RuntimeError when it ends otherwise than it should."""
    actor = TIME_CLERK if mutation == "submitTimeEntry" else PMO
    outcome = await firm.run(mutation, actor, key, **given)
    if outcome.status is not expected:
        raise RuntimeError(f"{mutation} ended {outcome.status}: {outcome.errors}")


async def _cost(firm: Firm, give: Give) -> Cost:
    await give(0)
    rounds = [await _round(firm, give, n * COMMANDS + 1) for n in range(ROUNDS)]
    wall, cpu, connections, statements = (median(values) for values in zip(*rounds, strict=True))
    return Cost(wall, cpu, connections, statements)


async def _round(firm: Firm, give: Give, first: int) -> tuple[float, float, float, float]:
    with _counted(firm) as counts:
        began, busy = time.perf_counter(), time.process_time()
        for n in range(first, first + COMMANDS):
            await give(n)
        wall, cpu = time.perf_counter() - began, time.process_time() - busy
    return (
        wall / COMMANDS * 1e3,
        cpu / COMMANDS * 1e3,
        counts["connections"] / COMMANDS,
        counts["statements"] / COMMANDS,
    )


@contextmanager
def _counted(firm: Firm) -> Iterator[Counter[str]]:
    """Count what is asked of the database inside the block."""
    engine, counts = firm.engine.sync_engine, Counter[str]()

    def statement(*_: Any) -> None:
        counts["statements"] += 1

    def connection(*_: Any) -> None:
        counts["connections"] += 1

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "checkout", connection)
    try:
        yield counts
    finally:
        event.remove(engine, "before_cursor_execute", statement)
        event.remove(engine, "checkout", connection)

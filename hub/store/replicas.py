"""This process among the hub's others: hears what they announce, and knows when they have heard what it announced.

Every process holds one connection that listens, and a row that says so, renewed over that very connection. Who
has written and wants everybody to know asks for a receipt: each process gives it when it has dealt with all that
was announced before (PostgreSQL delivers in the order of commits), and the row of one that is gone runs out.

A process that cannot renew its row counts as gone for the others, so from then on it may not vouch for anything
in its memory: `catch_up`, called before each request, forgets everything for as long as that lasts.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.store.statements import text

log = logging.getLogger(__name__)

LEASE_S = 5.0
"""How long a process that does not renew its row still counts."""
RENEW_S = 1.0
MARGIN_S = 0.5
"""How much earlier than for the others a process ends for itself: clocks run differently fast."""
RELISTEN_S = 1.0
LOOK_AGAIN_S = 0.5
"""How often one that waits for receipts looks which processes are gone."""
_ASK = "receipt"

AtOnce = Callable[[str], None]
InTurn = Callable[[str], Awaitable[None]]


@dataclass(slots=True)
class _Receipts:
    """Who still has to answer."""

    missing: set[str]
    all_in: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, eq=False)
class _Line:
    """The connection that listens, used by one at a time, and what has been heard but not been dealt with."""

    connection: asyncpg.Connection[asyncpg.Record]
    heard: asyncio.Queue[tuple[str, str]] = field(default_factory=asyncio.Queue)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    free: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def execute(self, statement: str, *values: object) -> None:
        """Run a statement."""
        async with self.free:
            await self.connection.execute(statement, *values, timeout=LEASE_S)


class Replicas:
    """One for the life of the process; `start` begins to listen, `aclose` signs off."""

    def __init__(
        self, engine: AsyncEngine, *, lease_s: float = LEASE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = secrets.token_hex(6)
        self.listening = asyncio.Event()
        self._engine = engine
        self._lease_s = lease_s
        self._clock = clock
        self._good_until = -1.0
        self._at_once: dict[str, list[AtOnce]] = defaultdict(list)
        self._in_turn: dict[str, list[InTurn]] = defaultdict(list)
        self._doubts: list[Callable[[], None]] = []
        self._numbers = count(1)
        self._asked: dict[str, _Receipts] = {}
        self._task: asyncio.Task[None] | None = None

    def hear(self, channel: str, handler: AtOnce) -> None:
        """Call the handler the moment something is announced on the channel; to be said before `start`."""
        self._at_once[channel].append(handler)

    def hear_in_turn(self, channel: str, handler: InTurn) -> None:
        """Await the handler with each announcement on the channel, in their order; to be said before `start`."""
        self._in_turn[channel].append(handler)

    def on_doubt(self, forget: Callable[[], None]) -> None:
        """Call this when something may have been missed: what is in memory may be old."""
        self._doubts.append(forget)

    def start(self) -> None:
        """Listen in the background until `aclose`."""
        self._task = asyncio.create_task(self._for_ever(), name="replica")

    async def aclose(self) -> None:
        """Stop listening, and tell the others not to wait for this process."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        try:
            async with self._engine.begin() as connection:
                await connection.execute(text("DELETE FROM replica WHERE name = :name"), {"name": self.name})
        except (OSError, DBAPIError):
            log.info("could not sign off; the others wait until the row has run out")

    @property
    def vouches(self) -> bool:
        """Whether the others wait for this process, so that what it has in memory is current."""
        return self._clock() < self._good_until

    def catch_up(self) -> None:
        """Before anything is read from memory: forget it unless this process hears of every change."""
        if not self.vouches:
            self._doubt()

    async def all_have_heard(self) -> bool:
        """Wait until every process has dealt with what was announced before; False when one lives but does not."""
        others = await self._others()
        if not others:
            return True
        with self._asking(others) as (number, receipts):
            await self._notify(_ASK, f"{self.name} {number}")
            give_up = self._clock() + self._lease_s + MARGIN_S
            while not receipts.all_in.is_set():
                if self._clock() >= give_up:
                    log.warning("%d other processes have not heard of a change in time", len(receipts.missing))
                    return False
                try:
                    await asyncio.wait_for(receipts.all_in.wait(), LOOK_AGAIN_S)
                except TimeoutError:
                    receipts.missing &= await self._others()
                    if not receipts.missing:
                        break
            return True

    @contextmanager
    def _asking(self, others: set[str]) -> Iterator[tuple[str, _Receipts]]:
        number, receipts = str(next(self._numbers)), _Receipts(others)
        self._asked[number] = receipts
        try:
            yield number, receipts
        finally:
            del self._asked[number]

    async def _others(self) -> set[str]:
        async with self._engine.connect() as connection:
            rows = await connection.execute(text(_OTHERS), {"name": self.name})
            return {row.name for row in rows}

    async def _notify(self, channel: str, payload: str) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(text(_NOTIFY), {"channel": channel, "payload": payload})

    # -- listening -------------------------------------------------------------------------------

    async def _for_ever(self) -> None:
        """Listen; when the connection is lost, what is said meanwhile is unknown, so all in memory is doubtful."""
        while True:
            try:
                await self._listen()
            except Exception:
                # Whatever it was, going on without having heard would be worse than listening anew.
                log.warning("lost the connection that hears of changes; listening again", exc_info=True)
            finally:
                self._good_until = -1.0
                self.listening.clear()
                self._doubt()
            await asyncio.sleep(RELISTEN_S)

    async def _listen(self) -> None:
        url = self._engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        line = _Line(await asyncpg.connect(url))
        line.connection.add_termination_listener(lambda _: line.lost.set())

        def heard(_: object, __: int, channel: str, payload: object) -> None:
            self._heard(line, channel, str(payload))

        try:
            for channel in {*self._at_once, *self._in_turn, _ASK, _channel_of(self.name)}:
                await line.connection.add_listener(channel, heard)
            await line.execute(_FORGET_THE_GONE)
            await self._renew(line)
            self._doubt()
            self.listening.set()
            async with asyncio.TaskGroup() as together:
                together.create_task(_until_lost(line))
                together.create_task(self._renew_for_ever(line))
                together.create_task(self._deal_with(line))
        finally:
            await line.connection.close(timeout=2)

    def _heard(self, line: _Line, channel: str, payload: str) -> None:
        """What need not wait is dealt with here; a question for a receipt waits for what was said before it."""
        if channel == _channel_of(self.name):
            self._received(payload)
            return
        for handler in self._at_once.get(channel, ()):
            handler(payload)
        if channel == _ASK or channel in self._in_turn:
            line.heard.put_nowait((channel, payload))

    async def _deal_with(self, line: _Line) -> None:
        while True:
            channel, payload = await line.heard.get()
            if channel == _ASK:
                await self._give_receipt(line, payload)
            for handler in self._in_turn.get(channel, ()):
                await handler(payload)

    async def _give_receipt(self, line: _Line, question: str) -> None:
        asker, number = question.split()
        if asker != self.name:
            await line.execute("SELECT pg_notify($1, $2)", _channel_of(asker), f"{number} {self.name}")

    def _received(self, receipt: str) -> None:
        number, other = receipt.split()
        receipts = self._asked.get(number)
        if receipts is not None:
            receipts.missing.discard(other)
            if not receipts.missing:
                receipts.all_in.set()

    async def _renew_for_ever(self, line: _Line) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            await self._renew(line)

    async def _renew(self, line: _Line) -> None:
        """Move the row's end on: for the others it lies the lease after this call began, or later."""
        began = self._clock()
        await line.execute(_RENEW, self.name, self._lease_s)
        self._good_until = began + self._lease_s - MARGIN_S

    def _doubt(self) -> None:
        for forget in self._doubts:
            forget()


async def _until_lost(line: _Line) -> None:
    await line.lost.wait()
    raise ConnectionError("the server has closed the connection")


def _channel_of(name: str) -> str:
    return f"replica_{name}"


_NOTIFY = "SELECT pg_notify(:channel, :payload)"
_OTHERS = "SELECT name FROM replica WHERE name <> :name AND until > clock_timestamp()"
_FORGET_THE_GONE = "DELETE FROM replica WHERE until < clock_timestamp() - interval '1 minute'"
_RENEW = """
INSERT INTO replica (name, until) VALUES ($1, clock_timestamp() + make_interval(secs => $2::float8))
ON CONFLICT (name) DO UPDATE SET until = excluded.until"""

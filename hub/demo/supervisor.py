"""Runs the demo's processes: four sandboxes, then the hub; ends every one of them, the hub first."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from hub.demo.tenants import Tenants, tenants_in
from hub.domain.ownership import Role
from hub.errors import ConfigError

VENDORS: Mapping[str, int] = {"salesforce": 9101, "kantata": 9111, "netsuite": 9121, "workday": 9131}
"""The sandboxes of the demo and their ports."""
HUB_PORT = 8000
ESTATE = Path(__file__).with_name("estate.toml")
ROLES = [role for role in Role if role is not Role.SERVICE]
STOP_S = 15.0
"""How long a process may take to end before it is killed."""
POLL_S = 0.2


@dataclass(slots=True)
class Demo:
    """One run of the demo; `size` is small, medium or large."""

    size: str
    data_dir: Path
    tenants: Tenants = field(init=False)
    _processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.tenants = tenants_in(self.data_dir / f"demo-{self.size}")

    async def run(self) -> int:
        """Run until Ctrl-C or until the hub ends by itself; the exit status."""
        problems = [f"port {port} is in use; {name} needs it" for name, port in _ports().items() if _in_use(port)]
        if problems:
            raise ConfigError(problems)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        try:
            for vendor in VENDORS:
                await self._start(vendor, self._sandbox_command(vendor))
            print(f"Starting four sandboxes ({self.size}) and the hub; a first start loads its directory.", flush=True)
            await self._unless_stopped(
                _answering([f"http://127.0.0.1:{p}/_sandbox/requests" for p in VENDORS.values()])
            )
            if self._stop.is_set():
                return 0
            await self._start("hub", [sys.executable, "-m", "hub.cli", "serve"])
            return await self._watch()
        finally:
            await self._end_all()

    def _sandbox_command(self, vendor: str) -> list[str]:
        return [
            *(sys.executable, "-m", "sources.sandbox", vendor),
            *("--size", self.size, "--today", self.tenants.today.isoformat()),
            *("--credentials", str(self.tenants.sandbox_file)),
        ]

    async def _start(self, name: str, command: Sequence[str]) -> None:
        """Start a process in a session of its own: Ctrl-C reaches the supervisor only, which ends them in order."""
        self._processes[name] = await asyncio.create_subprocess_exec(
            *command, env=self._environment(), start_new_session=True, stdin=asyncio.subprocess.DEVNULL
        )

    def _environment(self) -> dict[str, str]:
        """The hub's settings; what the caller has set of them stays."""
        return {
            **os.environ,
            **self.tenants.environment(),
            "HUB_ESTATE": str(ESTATE),
            "HUB_DEMO": "true",
            "HUB_DATA_DIR": str(self.data_dir),
            "HUB_DATABASE_NAME": f"demo_{self.size}",
            # The sandboxes answer or never will; a real Kantata may still act minutes after a lost answer.
            "HUB_VERIFY_SETTLE_SECONDS": "5",
        }

    async def _unless_stopped(self, work: Coroutine[None, None, None]) -> None:
        """Wait for some work, or for the wish to stop."""
        tasks = {asyncio.ensure_future(work), asyncio.ensure_future(self._stop.wait())}
        _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()

    async def _watch(self) -> int:
        """Say what is going on until somebody stops it or the hub ends."""
        ended = asyncio.create_task(self._processes["hub"].wait())
        stopped = asyncio.create_task(self._stop.wait())
        ready = asyncio.create_task(self._say_when_ready())
        sandboxes = [asyncio.create_task(self._say_when_gone(vendor)) for vendor in VENDORS]
        try:
            await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (stopped, ready, *sandboxes):
                task.cancel()
        if not ended.done():
            ended.cancel()
            return 0
        print(f"The hub has ended with status {ended.result()}; its log is above.", file=sys.stderr)
        return ended.result() or 1

    async def _say_when_ready(self) -> None:
        """Print addresses and tokens when queries work."""
        await _answering([f"http://127.0.0.1:{HUB_PORT}/readyz"])
        print(self._welcome(await self._tokens()), flush=True)

    async def _tokens(self) -> Mapping[str, str]:
        """A token per role; the delivery manager is one who has projects, because the role sees no others."""
        from hub.app.tokens import local_token

        tokens: dict[str, str] = {role: local_token(self.data_dir, [role]) for role in ROLES}
        manager = await _busiest_manager(tokens[Role.PMO])
        if manager is not None:
            tokens[Role.DELIVERY_MANAGER] = local_token(self.data_dir, [Role.DELIVERY_MANAGER], subject=manager)
        return tokens

    def _welcome(self, tokens: Mapping[str, str]) -> str:

        lines = [
            "",
            "The graph is ready.",
            f"  GraphiQL and /graphql   http://127.0.0.1:{HUB_PORT}/graphql",
            *(f"  {vendor + ' sandbox':23s} http://127.0.0.1:{port}" for vendor, port in VENDORS.items()),
            "",
            "A token per role (for the authorization header, after `Bearer `):",
            *(f"  {role:20s} {token}" for role, token in tokens.items()),
            "",
            "Ctrl-C ends everything.",
        ]
        return "\n".join(lines)

    async def _say_when_gone(self, vendor: str) -> None:
        status = await self._processes[vendor].wait()
        command = " ".join(self._sandbox_command(vendor))
        print(f"The {vendor} sandbox has ended ({status}). To start it again:\n  {command}", flush=True)

    async def _end_all(self) -> None:
        """End the hub first, so that it can finish what it is doing, then the sandboxes."""
        await self._end([p for name, p in self._processes.items() if name == "hub"])
        await self._end([p for name, p in self._processes.items() if name != "hub"])

    async def _end(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        done = asyncio.gather(*(process.wait() for process in processes))
        try:
            await asyncio.wait_for(asyncio.shield(done), STOP_S)
        except TimeoutError:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await done


def _ports() -> dict[str, int]:
    return {"the hub": HUB_PORT, **{f"the {vendor} sandbox": port for vendor, port in VENDORS.items()}}


def _in_use(port: int) -> bool:
    """Whether somebody already listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


async def _answering(addresses: Sequence[str]) -> None:
    """Wait until every address answers with 200."""
    async with httpx.AsyncClient() as client:
        for address in addresses:
            while not await _is_ok(client, address):  # noqa: ASYNC110 - other processes set no event here
                await asyncio.sleep(POLL_S)


async def _busiest_manager(token: str) -> str | None:
    """The work e-mail of the active person who manages the most projects."""
    query = "{ projects(first: 200) { nodes { manager { email status } } } }"
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
        try:
            answer = await client.post(f"http://127.0.0.1:{HUB_PORT}/graphql", json={"query": query})
            nodes = answer.json()["data"]["projects"]["nodes"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None
    managers = [node["manager"] for node in nodes if node["manager"] is not None]
    emails = Counter(m["email"] for m in managers if m["email"] is not None and m["status"] == "ACTIVE")
    return max(emails, key=lambda email: (emails[email], email), default=None)


async def _is_ok(client: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(address)).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False

"""The whole hub for tests: four sandboxes, PostgreSQL, and hubs in front of them, each over real HTTP.

Use: `with start_firm() as firm, start_hub(firm, url, folder) as hub: hub.ask("{ projects { totalCount } }")`.
A hub runs in a thread with an event loop of its own, put together as `hub serve` does it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn
from sqlalchemy import text

from hub.app.application import create_app
from hub.app.tokens import local_token
from hub.demo.supervisor import ESTATE, VENDORS
from hub.demo.tenants import Tenants
from hub.domain.ownership import Role
from hub.feeds.control import FeedReport, run_feeds_now
from hub.serve import _services
from hub.settings import read_settings
from hub.store.announcements import clear_everywhere
from hub.store.switches import FEEDS_PAUSED, turn
from hub.wiring.hub import Hub, open_hub, read_configuration
from sources.sandbox.firm.generate import generate as generate_firm
from sources.sandbox.firm.model import Firm, Size
from tests.support.ports import free_port
from tests.support.postgres import conninfo
from tests.support.sandboxes import RunningSandbox, demo_credentials, start_sandbox

SYSTEMS = tuple(VENDORS)
"""The systems of the estate, by key; each has its vendor's name."""
TIMEOUT_S = 3.0
"""How long the estate of tests gives a system to answer one call."""
START_TIMEOUT_S = 60.0

T = TypeVar("T")


@cache
def firm_of_today() -> Firm:
    """The small firm as of today, as the demo makes it: the hub reads the calendar of this machine."""
    return generate_firm(Size.SMALL, today=datetime.now(UTC).date())


@dataclass(frozen=True, slots=True)
class FirmSandboxes:
    """Four sandboxes on one firm."""

    firm: Firm
    by_system: Mapping[str, RunningSandbox]

    def __getitem__(self, system: str) -> RunningSandbox:
        """Give a system's sandbox."""
        return self.by_system[system]

    def clear_faults(self) -> None:
        """Have all of them behave again."""
        for sandbox in self.by_system.values():
            sandbox.clear_faults()

    def forget_requests(self) -> None:
        """Start the request logs anew."""
        for sandbox in self.by_system.values():
            sandbox.forget_requests()

    def calls(self, cause: str) -> dict[str, int]:
        """Give the number of calls of a kind of cause, by system."""
        return {system: len(sandbox.requests(cause)) for system, sandbox in self.by_system.items()}

    def change(self, system: str, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Call a vendor's API as its own users would; an answer that is no success fails the test."""
        sandbox = self[system]
        headers = {"Authorization": sandbox.authorization(), **arguments.pop("headers", {})}
        response = httpx.request(method, f"{sandbox.base_url}{path}", headers=headers, trust_env=False, **arguments)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response

    def environment(self) -> dict[str, str]:
        """Give the variables that the estate names."""
        credentials, secrets = demo_credentials()
        return Tenants(credentials, secrets, Path(), date.min).environment()

    def secrets(self) -> set[str]:
        """Give every text that nobody outside may see: keys line by line."""
        hidden = {line for value in self.environment().values() for line in value.splitlines()}
        return {line for line in hidden if len(line) > 12 and not line.startswith("-----")}

    def write_estate(self, folder: Path, *, timeout_s: float = TIMEOUT_S) -> Path:
        """Write the demo's estate with these sandboxes' addresses into the folder."""
        written = ESTATE.read_text(encoding="utf-8")
        for system, port in VENDORS.items():
            limits = f"[systems.{system}.limits]\ntimeout_s = {timeout_s}\n"
            written = written.replace(f"http://127.0.0.1:{port}", self[system].base_url)
            written = written.replace(f"[systems.{system}.auth]", f"{limits}\n[systems.{system}.auth]")
        (folder / "reference.toml").write_text(ESTATE.with_name("reference.toml").read_text(encoding="utf-8"))
        estate = folder / "estate.toml"
        estate.write_text(written)
        return estate


@contextmanager
def start_firm(firm: Firm | None = None) -> Iterator[FirmSandboxes]:
    """Start the four sandboxes, on today's small firm unless another is given."""
    of = firm or firm_of_today()
    with ExitStack() as stack:
        yield FirmSandboxes(of, {system: stack.enter_context(start_sandbox(system, of)) for system in SYSTEMS})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the graph and how long it took."""

    response: httpx.Response
    seconds: float

    @property
    def body(self) -> dict[str, Any]:
        """The whole body."""
        body: dict[str, Any] = self.response.json()
        return body

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The errors."""
        return list(self.body.get("errors", []))

    @property
    def codes(self) -> list[str]:
        """The errors' codes."""
        return [error["extensions"]["code"] for error in self.errors]

    @property
    def data(self) -> dict[str, Any]:
        """The data of an answer without errors."""
        assert "errors" not in self.body, self.errors
        data: dict[str, Any] = self.body["data"]
        return data


@dataclass(slots=True)
class Client:
    """Asks one hub's graph, wherever it runs."""

    url: str
    data_dir: Path
    http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=60))

    def ask(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        role: Role = Role.PMO,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask and keep the time."""
        signed = {"Authorization": f"Bearer {local_token(self.data_dir, [role])}", **(headers or {})}
        began = time.monotonic()
        sent = {"query": query, "variables": dict(variables or {})}
        response = self.http.post(f"{self.url}/graphql", json=sent, headers=signed)
        return Answer(response, time.monotonic() - began)

    def fresh(self, query: str, variables: Mapping[str, Any] | None = None, **more: Any) -> Answer:
        """Ask for values that are read through to the systems now."""
        return self.ask(query, variables, headers={"Cache-Control": "max-age=0"}, **more)

    def ready(self) -> dict[str, Any]:
        """Give what /readyz says, with its status; status 0 while nobody answers."""
        try:
            response = self.http.get(f"{self.url}/readyz")
        except httpx.TransportError:
            return {"status": 0}
        return {"status": response.status_code, **response.json()}

    def wait_until_ready(self, seconds: float = START_TIMEOUT_S) -> float:
        """Wait for readiness; returns how long it took."""
        return until(lambda: self.ready()["status"] == httpx.codes.OK, seconds)


@dataclass(slots=True)
class RunningHub(Client):
    """A hub in a thread of this process."""

    hub: Hub | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _server: uvicorn.Server | None = None
    _failure: BaseException | None = None

    def do(self, work: Callable[[Hub], Awaitable[T]], seconds: float = 60) -> T:
        """Run something on the hub's own event loop."""

        async def run() -> T:
            assert self.hub is not None
            return await work(self.hub)

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(seconds)

    def clear_cache(self) -> None:
        """Do what `hub cache clear` does, and wait until this hub has heard."""

        async def clear(hub: Hub) -> None:
            await clear_everywhere(hub.engine)
            give_up = time.monotonic() + 5
            while len(hub.cache):
                assert time.monotonic() < give_up
                await asyncio.sleep(0.01)

        self.do(clear)

    def pause_feeds(self, *, on: bool = True) -> None:
        """Do what `hub feeds pause` (or resume) does."""
        self.do(lambda hub: turn(hub.engine, FEEDS_PAUSED, on=on))

    def run_feeds(self, *, full: bool = False) -> list[FeedReport]:
        """Do what `hub feeds run` does."""
        return self.do(lambda hub: run_feeds_now(hub.engine, full=full, wait_s=50))

    def entity(self, system: str, kind: str, external_id: str) -> str | None:
        """Give the canonical id of a live record."""
        statement = text(
            "SELECT entity_id FROM record WHERE system = :system AND kind = :kind AND external_id = :external_id"
            " AND deleted_at IS NULL"
        )

        async def find(hub: Hub) -> str | None:
            async with hub.engine.connect() as connection:
                given = {"system": system, "kind": kind, "external_id": external_id}
                found = (await connection.execute(statement, given)).first()
            return None if found is None else str(found.entity_id)

        return self.do(find)

    def serve(self, firm: FirmSandboxes, environ: Mapping[str, str], bound: socket.socket) -> None:
        """Serve until told to stop; the body of the thread."""
        try:
            asyncio.run(self._serve(firm, environ, bound))
        except BaseException as failure:  # noqa: BLE001 - told by whoever started the thread
            self._failure = failure

    async def _serve(self, firm: FirmSandboxes, environ: Mapping[str, str], bound: socket.socket) -> None:
        settings = read_settings(environ)
        estate = read_configuration(settings, {**environ, **firm.environment()})
        async with open_hub(settings, estate) as hub:
            self.hub, self._loop = hub, asyncio.get_running_loop()
            config = uvicorn.Config(create_app(_services(hub)), log_config=None, access_log=False, ws="none")
            self._server = uvicorn.Server(config)
            await self._server.serve(sockets=[bound])

    def started(self) -> bool:
        """Whether it listens. Raises what has kept it from starting."""
        if self._failure is not None:
            raise self._failure
        return self._server is not None and self._server.started

    def stop(self) -> None:
        """Have the server end."""
        if self._server is not None:
            self._server.should_exit = True


@contextmanager
def start_hub(
    firm: FirmSandboxes, database_url: str, folder: Path, *, estate: Path | None = None, **settings: Any
) -> Iterator[RunningHub]:
    """Start a hub on the database; `settings` as in the environment (feed_seconds, redis_url). It may not be ready."""
    environ = hub_environment(firm, database_url, folder, estate=estate, **settings)
    bound = socket.create_server(("127.0.0.1", 0))
    running = RunningHub(f"http://127.0.0.1:{bound.getsockname()[1]}", folder)
    for name in ("httpx", "stamina", "alembic", "procrastinate"):
        logging.getLogger(name).setLevel(logging.WARNING)
    thread = threading.Thread(target=running.serve, args=(firm, environ, bound), daemon=True, name="hub")
    thread.start()
    try:
        until(running.started, START_TIMEOUT_S)
        yield running
    finally:
        running.stop()
        thread.join(START_TIMEOUT_S)
        running.http.close()
        bound.close()
    running.started()


@dataclass(slots=True)
class HubProcess(Client):
    """A hub in a process of its own."""

    process: subprocess.Popen[bytes] | None = None
    log: Path = Path()

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)


@contextmanager
def start_hub_process(
    firm: FirmSandboxes, database_url: str, folder: Path, name: str, **settings: Any
) -> Iterator[HubProcess]:
    """Start `hub serve` on the database; it may not be ready, and may be killed inside."""
    port = free_port()
    hub = hub_environment(firm, database_url, folder, port=port, **settings)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    log = folder / f"{name}.log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "hub.cli", "serve"]
        process = subprocess.Popen(
            command, env={**environ, **firm.environment(), **hub}, stdout=file, stderr=subprocess.STDOUT
        )
    running = HubProcess(f"http://127.0.0.1:{port}", folder, process=process, log=log)
    try:
        yield running
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            running.kill()
            raise
        finally:
            running.http.close()


def hub_environment(
    firm: FirmSandboxes, database_url: str, folder: Path, *, estate: Path | None = None, **settings: Any
) -> dict[str, str]:
    """Give the HUB_* variables of a hub, the estate's secrets left out."""
    return {
        "HUB_ESTATE": str(estate or firm.write_estate(folder)),
        "HUB_DATABASE_URL": conninfo(database_url),
        "HUB_DATA_DIR": str(folder),
        **{f"HUB_{name.upper()}": str(value) for name, value in settings.items()},
    }


def until(holds: Callable[[], object], seconds: float, *, pause_s: float = 0.05) -> float:
    """Wait until something holds and return how long it took; AssertionError when it never does."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + seconds, f"not within {seconds} s"
        time.sleep(pause_s)
    return time.monotonic() - began


def path_of(response: httpx.Response) -> str:
    """Give the path in a Location header."""
    return re.sub(r"^https?://[^/]+", "", response.headers["location"])

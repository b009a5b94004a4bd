"""What an answer costs over HTTP: CPU of the server's processes, and upstream calls seen by the sandboxes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import psutil

from hub.demo.supervisor import HUB_PORT, VENDORS
from hub.domain.ownership import Role
from tests.bench.portfolio import portfolio_query

HUB = str(Path(sys.executable).with_name("hub"))
READY_S = 900.0
CONNECTIONS = 4
ROUNDS = 3


@dataclass(slots=True)
class Server:
    """A GraphQL endpoint under load."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def ask(self, connection: HTTPConnection, body: bytes) -> bytes:
        """One request's answer. Raises RuntimeError unless it is a good one."""
        sent = {"content-type": "application/json", "accept": "application/json", **self.headers}
        connection.request("POST", urlsplit(self.url).path or "/", body, sent)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200 or b'"errors"' in answer[:10]:
            raise RuntimeError(f"{self.url}: status {response.status}: {answer[:300]!r}")
        return answer

    def connect(self) -> HTTPConnection:
        """A connection of one's own."""
        parts = urlsplit(self.url)
        return HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def processes(self) -> list[psutil.Process]:
        """Its processes."""
        return _listening(urlsplit(self.url).port or 80)

    def cpu(self, first: int, *, varied: bool = False) -> float:
        """Milliseconds of the server's CPU per request, the median of some rounds; `varied`: no two are the same."""
        processes = self.processes()
        requests = max(40, 4_000 // first)
        self._load(first, 20, varied=varied)
        times = []
        for _ in range(ROUNDS):
            before = cpu_seconds(processes)
            self._load(first, requests, varied=varied)
            times.append((cpu_seconds(processes) - before) / requests * 1e3)
        return median(times)

    def _load(self, first: int, requests: int, *, varied: bool) -> None:
        def work(share: int, number: int) -> None:
            connection = self.connect()
            for n in range(share):
                more = {"nobodyAsksForThis": f"{time.monotonic_ns()}-{number}-{n}"} if varied else {}
                self.ask(connection, body(first, **more))
            connection.close()

        threads = [threading.Thread(target=work, args=(requests // CONNECTIONS, n)) for n in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def body(first: int, **more: Any) -> bytes:
    """The workload's request."""
    return json.dumps({"query": portfolio_query(), "variables": {"first": first, **more}}).encode()


def _listening(port: int) -> list[psutil.Process]:
    """The processes that listen on a port, and their children."""
    listening = (c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN)
    pids = {c.pid for c in listening if c.pid and getattr(c.laddr, "port", None) == port}
    found = [psutil.Process(pid) for pid in pids]
    return list({p.pid: p for one in found for p in (one, *one.children(recursive=True))}.values())


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """The CPU that they have used so far."""
    return sum(t.user + t.system for t in (p.cpu_times() for p in processes))


# -- a stack of one's own ---------------------------------------------------------------------------


@dataclass(slots=True)
class Stack:
    """Sandboxes and hub of the demo, feeds paused."""

    environ: Mapping[str, str]

    def hub(self, *arguments: str) -> str:
        """Run a command of the hub's command line."""
        done = subprocess.run([HUB, *arguments], env=dict(self.environ), check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout

    def server(self, role: Role = Role.PMO, *grants: str) -> Server:
        """The hub's endpoint with a good token; a service account with the mutations that it may give."""
        allowed = [word for grant in grants for word in ("--allow", grant)]
        token = self.hub("token", "--role", role, *allowed).split()[-1]
        return Server(f"http://127.0.0.1:{HUB_PORT}/graphql", {"authorization": f"Bearer {token}"})

    def upstream_calls(self, first: int) -> tuple[int, int]:
        """Calls that one request causes with the cache cleared, and then with everything in it."""
        server = self.server()
        self.hub("cache", "clear")
        return self._calls(server, first), self._calls(server, first)

    def _calls(self, server: Server, first: int) -> int:
        for port in VENDORS.values():
            control(port, "requests", "DELETE")
        server.ask(server.connect(), body(first))
        counts = (control(port, "requests?cause=query")["count"] for port in VENDORS.values())
        return sum(int(count) for count in counts)


def control(port: int, what: str, method: str = "GET") -> Any:
    """A call of a sandbox's control side."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/_sandbox/{what}", method=method)
    with urllib.request.urlopen(request, timeout=30) as response:
        read = response.read()
    return json.loads(read) if read else None


@contextmanager
def stack(*, running: bool, size: str) -> Iterator[Stack]:
    """The demo's stack: the running one, or one that is started for this and ended after it."""
    if running:
        found = Stack(dict(os.environ))
        found.hub("feeds", "pause")
        try:
            yield found
        finally:
            found.hub("feeds", "resume")
        return
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as directory:
        environ = {**os.environ, "HUB_DATA_DIR": directory}
        demo = subprocess.Popen([HUB, "demo", "--size", size], env=environ, stdout=subprocess.DEVNULL)
        try:
            _until_ready(demo)
            started = Stack(environ)
            started.hub("feeds", "pause")
            yield started
        finally:
            demo.terminate()
            demo.wait(60)


def _until_ready(demo: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + READY_S
    while time.monotonic() < give_up:
        if demo.poll() is not None:
            raise RuntimeError("the demo ended by itself; are its ports taken?")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{HUB_PORT}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(1)
    raise RuntimeError("the demo did not become ready")

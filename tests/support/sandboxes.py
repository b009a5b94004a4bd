"""Sandboxes for tests: wrapped, on a free port, over real sockets, in a thread of their own.

Use: `with start_sandbox("salesforce", small_firm()) as sandbox: ...`, then call `sandbox.base_url` with the
`Authorization` of `sandbox.authorization()`; works in synchronous and asynchronous tests alike.
"""

from __future__ import annotations

import functools
import socket
import threading
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, Self

import httpx

from sources.sandbox.control import Sandbox
from sources.sandbox.core import Clock, VendorApp, utc_now
from sources.sandbox.credentials import HubSecrets, SandboxCredentials, generate
from sources.sandbox.firm.generate import generate as generate_firm
from sources.sandbox.firm.model import Firm, Size
from sources.sandbox.server import SandboxServer
from sources.sandbox.vendors import build

TODAY = date(2026, 6, 17)
"""The day of the firm in tests: in the middle of a month and of a week."""
START_TIMEOUT_S = 10.0


@functools.cache
def small_firm() -> Firm:
    """The small firm on TODAY, made once per test session; do not change it (an app copies what it mutates)."""
    return generate_firm(Size.SMALL, today=TODAY)


@functools.cache
def demo_credentials() -> tuple[SandboxCredentials, HubSecrets]:
    """Credentials for all tenants and the caller's private halves, made once per test session."""
    return generate()


class SettableClock:
    """A clock that stands still until it is moved, for sandboxes whose stamps a test looks at."""

    def __init__(self, now: datetime = datetime(2026, 6, 17, 12, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@dataclass(slots=True)
class RunningSandbox:
    """A sandbox that serves; `credentials` and `secrets` are all tenants' halves. Stop it, or use it in a `with`."""

    base_url: str
    credentials: SandboxCredentials
    secrets: HubSecrets
    app: VendorApp
    _server: SandboxServer
    _thread: threading.Thread
    _socket: socket.socket
    _client: httpx.Client

    def authorization(self) -> str:
        """A good `Authorization` value, from the control side."""
        return str(self.control("GET", "credentials").json()["authorization"])

    def set_fault(self, fault: str, **members: Any) -> None:
        """Have the sandbox misbehave; members as in the control side's PUT body."""
        self.control("PUT", "faults", json={"fault": fault, **members}).raise_for_status()

    def clear_faults(self) -> None:
        """Have the sandbox behave again."""
        self.control("DELETE", "faults")

    def requests(self, cause: str | None = None) -> list[dict[str, Any]]:
        """The vendor calls received so far, token calls left out; of one kind of cause when given."""
        params = {} if cause is None else {"cause": cause}
        return list(self.control("GET", "requests", params=params).json()["requests"])

    def forget_requests(self) -> None:
        """Start the request log anew."""
        self.control("DELETE", "requests")

    def control(self, method: str, what: str, **arguments: Any) -> httpx.Response:
        """One call of the control side."""
        return self._client.request(method, f"{self.base_url}/_sandbox/{what}", **arguments)

    def stop(self) -> None:
        """End the server and its thread; harmless when it has ended."""
        self._client.close()
        self._server.should_exit = True
        self._thread.join(START_TIMEOUT_S)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_sandbox(vendor: str, firm: Firm | None = None, *, clock: Clock = utc_now, **settings: Any) -> RunningSandbox:
    """Start a vendor's sandbox on a free port: on the small firm unless another is given; `settings` are its own."""
    credentials, _ = demo_credentials()
    return start_app(build(vendor, firm or small_firm(), credentials, clock=clock, **settings))


def start_app(app: VendorApp) -> RunningSandbox:
    """Start any vendor app, wrapped, on a free port."""
    bound = socket.create_server(("127.0.0.1", 0))
    port = bound.getsockname()[1]
    server = SandboxServer(Sandbox(app), host="127.0.0.1", port=port, name=app.vendor)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True, name=f"{app.vendor} sandbox")
    thread.start()
    until = time.monotonic() + START_TIMEOUT_S
    while not server.started:
        if time.monotonic() > until or not thread.is_alive():
            raise RuntimeError(f"the {app.vendor} sandbox did not start")
        time.sleep(0.005)
    credentials, secrets = demo_credentials()
    # Plain HTTP needs no certificates, and reading them costs more than the call.
    client = httpx.Client(trust_env=False, verify=False)
    return RunningSandbox(f"http://127.0.0.1:{port}", credentials, secrets, app, server, thread, bound, client)

"""What every sandbox shares: the vendor-app shape, and the ASGI app of a vendor with its control side.

The control side is `control`, the faults it can set are in `faults`, the server over real sockets is `server`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock of the machine, aware UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class VendorApp:
    """One vendor's API on its tenant: what the shared server needs to know of it.

    `routes` authenticate by themselves, in the vendor's way. Calls whose path starts with one of
    `token_paths` are token calls: not counted. `authorization` gives a good `Authorization` value for
    one call (GET /_sandbox/credentials); `expire_tokens` makes every issued token bad at once.
    `throttled(retry_after_s)` and `failed()` are the vendor's own answers to overload and to a fault.
    """

    vendor: str
    port: int
    routes: list[BaseRoute]
    token_paths: tuple[str, ...]
    authorization: Callable[[], str]
    expire_tokens: Callable[[], None]
    throttled: Callable[[float | None], Response]
    failed: Callable[[], Response]


def wrap(app: VendorApp) -> ASGIApp:
    """The vendor's API together with its control side under `/_sandbox/`, as one ASGI app."""
    from sources.sandbox.control import Sandbox  # noqa: PLC0415 - the control side is built on this module's types

    return Sandbox(app)


async def serve(app: VendorApp, host: str = "127.0.0.1", port: int | None = None) -> None:
    """Serve a wrapped vendor app on its port until SIGINT or SIGTERM; prints one line when it is ready."""
    from sources.sandbox.server import SandboxServer  # noqa: PLC0415 - as above

    await SandboxServer(wrap(app), host=host, port=app.port if port is None else port, name=app.vendor).run_until_told()

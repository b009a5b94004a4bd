"""What every sandbox shares: the vendor-app shape, the control side, faults, and the server.

Interface only for now; the behaviour is filled in beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response
from starlette.routing import BaseRoute

Clock = Callable[[], datetime]


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

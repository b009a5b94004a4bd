"""What went wrong, in the words of hub.errors: the one place that reads httpx's exceptions and plain HTTP statuses.

Messages carry statuses and kinds of fault only, never addresses, bodies, headers or tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias

import httpx

from hub.errors import (
    HubError,
    SourceMisconfigured,
    SourceRejected,
    SourceThrottled,
    SourceUnavailable,
)

NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
"""httpx's exceptions after which the system has certainly not seen the request."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer read to its end. `data` is its JSON with decimals for all fractions; None where it has no JSON."""

    system: str
    operation: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    data: Any

    @property
    def retry_after_s(self) -> float | None:
        """Seconds that the system asks to wait, from Retry-After in either of its forms; None when it did not say."""
        text = self.headers.get("retry-after", "").strip()
        if not text:
            return None
        try:
            return max(0.0, float(text))
        except ValueError:
            pass
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


Classify: TypeAlias = Callable[[Response], HubError | None]
"""A vendor's error table: the error behind an answer with an unexpected status, None where the general table serves."""


def unreachable(exc: httpx.RequestError, system: str, operation: str) -> SourceUnavailable:
    """The error for a request that got no whole answer; `sent` says whether the system may have seen it."""
    sent = not isinstance(exc, NEVER_SENT)
    return SourceUnavailable(system, _FAULTS.get(type(exc), "the connection failed"), operation=operation, sent=sent)


_FAULTS: dict[type[httpx.RequestError], str] = {
    httpx.ConnectError: "no connection",
    httpx.ConnectTimeout: "no connection in time",
    httpx.PoolTimeout: "no free connection in time",
    httpx.ReadTimeout: "no answer in time",
    httpx.WriteTimeout: "could not send in time",
    httpx.ReadError: "the connection broke before the answer was complete",
    httpx.WriteError: "the connection broke while sending",
    httpx.RemoteProtocolError: "the connection ended before the answer was complete",
    httpx.DecodingError: "the answer could not be decompressed",
}


def refused(response: Response) -> HubError:
    """The error for a status that the caller did not expect, by the general table; vendors refine it."""
    system, operation, status = response.system, response.operation, response.status
    if status == 429:
        return SourceThrottled(
            system, "asks for fewer calls", operation=operation, retry_after_s=response.retry_after_s
        )
    if status in (401, 403):
        return SourceMisconfigured(system, f"refused our credentials or rights with {status}", operation=operation)
    if status in (408, 425) or status >= 500:
        return SourceUnavailable(system, f"answered {status}", operation=operation)
    if 300 <= status < 400:
        return SourceMisconfigured(system, f"answered {status}: the address has moved", operation=operation)
    return SourceRejected(system, f"refused the request with {status}", operation=operation, reason=str(status))

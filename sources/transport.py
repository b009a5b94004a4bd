"""The one way to a system of record: deadlines, budgets, retries, breaking, errors, metrics, health.

A vendor's adapter knows endpoints and shapes; everything that any HTTP call to any vendor needs is here.

What is retried: errors that hub.errors calls retriable, at most `Limits.attempts` times, while the
deadline (hub.context) allows, with jitter, and after the wait that the system asked for. A call that is
not idempotent is repeated only when the system certainly did nothing with it (never sent, or refused for
its rate); when its answer is lost it raises WriteOutcomeUnknown.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import stamina
from prometheus_client import Counter, Histogram

from hub.context import CAUSE, note_call, remaining
from hub.errors import (
    HubError,
    SourceError,
    SourceMisconfigured,
    SourceShapeBroken,
    SourceThrottled,
    SourceUnavailable,
    WriteOutcomeUnknown,
)
from hub.ports import SourceStatus
from sources.breaker import Breaker, BreakerOpen, BreakerState
from sources.budget import Budget, BudgetSpent, LocalBudget
from sources.faults import Classify, Response, refused, unreachable

PROBE_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 3.0
BLAME_S = 1.0
"""A call given less time than this says nothing about the system when it is not answered; a refused connection does."""
LONGEST_WAIT_S = 30.0
"""The longest pause before a repeat; a system that asks for more gets its caller an error instead."""

CALLS = Counter("hub_upstream_calls_total", "Calls to systems of record by outcome", ["system", "outcome"])
SECONDS = Histogram("hub_upstream_call_seconds", "Time of one call to a system of record", ["system"])


@dataclass(frozen=True, slots=True)
class Limits:
    """What calls to one system may use: at once, per minute, seconds per attempt, attempts per call."""

    concurrent: int = 10
    calls_per_minute: int | None = None
    timeout_s: float = 10.0
    attempts: int = 3


@dataclass(frozen=True, slots=True)
class Health:
    """What the last calls showed; DEGRADED with `last_contact` None before the first."""

    status: SourceStatus = SourceStatus.DEGRADED
    last_contact: datetime | None = None
    reason: str = "not called yet"


@dataclass(frozen=True, slots=True)
class _Call:
    """One call as its adapter asked for it; `send` are the keyword arguments of httpx's request."""

    method: str
    url: str
    send: Mapping[str, Any]
    expect: tuple[int, ...]
    idempotent: bool
    operation: str


ClientFactory = Callable[..., httpx.AsyncClient]
"""Makes the HTTP client from httpx.AsyncClient's keyword arguments; tests give one with a MockTransport."""


@dataclass(slots=True)
class Transport:
    """The connections of one system.

    `base_url` is the origin and any prefix that all paths share; `auth` one of sources.auth; `classify` the
    vendor's error table; `budget` is shared by all replicas where wiring provides one. `health` is readable
    at any time.
    """

    system: str
    base_url: str
    auth: httpx.Auth | None = None
    limits: Limits = field(default_factory=Limits)
    classify: Classify | None = None
    budget: Budget | None = None
    breaker: Breaker = field(default_factory=Breaker)
    client_factory: ClientFactory = httpx.AsyncClient
    health: Health = field(default_factory=Health, init=False)
    _client: httpx.AsyncClient | None = field(default=None, init=False)
    _budget: Budget = field(init=False)
    _probes: set[asyncio.Task[Response]] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self._budget = self.budget or LocalBudget(self.limits.concurrent, self.limits.calls_per_minute)

    async def call(  # noqa: PLR0913 - the one place where everything that varies between calls comes together
        self,
        method: str,
        path_or_url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        expect: tuple[int, ...] = (200,),
        idempotent: bool = True,
        operation: str = "",
    ) -> Response:
        """Send one request and return its answer when its status is one of `expect`.

        A path is taken below `base_url`; a whole URL (a vendor's next page) must be on the same origin.
        `operation` names the call in errors and never holds values. Raises SourceError, or what the
        vendor's table says (VersionConflict for a failed precondition).
        """
        send = {"params": params, "json": json, "content": content, "headers": dict(headers or {})}
        call = _Call(method, self._url(path_or_url, operation), send, expect, idempotent, operation)
        repeat = self._repeat(idempotent=idempotent)
        async for attempt in stamina.retry_context(
            on=repeat, attempts=self.limits.attempts, timeout=None, wait_initial=0.2, wait_max=5.0, wait_jitter=0.3
        ):
            with attempt:
                return await self._attempt(call)
        raise AssertionError("stamina always returns or raises")

    async def aclose(self) -> None:
        """Close the connections; a later call opens new ones."""
        probes = list(self._probes)
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _url(self, path_or_url: str, operation: str) -> str:
        """The path as httpx takes it; refuses to carry our credentials to another origin."""
        if "://" not in path_or_url:
            return path_or_url
        base, url = httpx.URL(self.base_url), httpx.URL(path_or_url)
        if (base.scheme, base.host, base.port) != (url.scheme, url.host, url.port):
            raise SourceShapeBroken(self.system, "a link leads to another host", operation=operation)
        return path_or_url

    def _repeat(self, *, idempotent: bool) -> Callable[[Exception], bool | float]:
        """The retry decision: False, True for the usual back-off, or the seconds that the system asked for."""

        def decide(exc: Exception) -> bool | float:
            if isinstance(exc, SourceThrottled):
                wait = exc.retry_after_s
                if wait is None:
                    return remaining(LONGEST_WAIT_S) > 0
                return wait if wait < remaining(LONGEST_WAIT_S) else False
            if not isinstance(exc, SourceUnavailable) or self.breaker.state is not BreakerState.CLOSED:
                return False
            return (idempotent or not exc.sent) and remaining(LONGEST_WAIT_S) > 0

        return decide

    async def _attempt(self, call: _Call) -> Response:
        """One try: budget, breaker, request, verdict; keeps health, breaker and metrics."""
        wait_s = self._time_left(call)
        try:
            self.breaker.check()
            async with self._budget.slot(wait_s):
                # Before the breaker admits: what it admits must end in a verdict.
                given_s = self._time_left(call)
                probe = self.breaker.admit()
                if probe and call.idempotent:
                    return await self._probe(call, given_s)
                return await self._watched_exchange(call, given_s, probe=probe)
        except BreakerOpen as exc:
            raise SourceUnavailable(
                self.system, "is not called while it is down", operation=call.operation, sent=False
            ) from exc
        except BudgetSpent as exc:
            raise SourceThrottled(
                self.system, "no call is allowed in time", operation=call.operation, retry_after_s=exc.retry_after_s
            ) from exc
        except SourceThrottled as exc:
            if exc.retry_after_s:
                await self._budget.pause(min(exc.retry_after_s, LONGEST_WAIT_S))
            raise
        except SourceUnavailable as exc:
            if call.idempotent or not exc.sent:
                raise
            raise WriteOutcomeUnknown(self.system, "the answer was lost", operation=call.operation) from exc

    async def _probe(self, call: _Call, given_s: float) -> Response:
        """Send the one call that finds out whether the system is back; it goes on when its caller gives up.

        A fetch of several calls is given up as soon as one of them is refused, as the others are while one
        probes: with it the probe would end without an outcome, and the system would stay down for the hub.
        """
        task = asyncio.create_task(self._watched_exchange(call, given_s, probe=True))
        self._probes.add(task)
        task.add_done_callback(self._probed)
        return await asyncio.shield(task)

    def _probed(self, task: asyncio.Task[Response]) -> None:
        """Let go of a probe that has ended; whoever still waits for it learns how."""
        self._probes.discard(task)
        if not task.cancelled():
            task.exception()

    async def _watched_exchange(self, call: _Call, given_s: float, *, probe: bool) -> Response:
        with self._watched(probe=probe, given_s=given_s):
            return await self._exchange(call, probe=probe)

    def _time_left(self, call: _Call) -> float:
        left = remaining(self.limits.timeout_s)
        if left <= 0:
            raise SourceUnavailable(self.system, "no time was left to call it", operation=call.operation, sent=False)
        return left

    async def _exchange(self, call: _Call, *, probe: bool) -> Response:
        """Send, read the whole answer, judge it."""
        limit = min(self._time_left(call), PROBE_TIMEOUT_S) if probe else self._time_left(call)
        timeout = httpx.Timeout(limit, connect=min(limit, CONNECT_TIMEOUT_S))
        client = self._open()
        note_call(self.system)
        send = {**call.send, "headers": {**call.send["headers"], "X-Request-Cause": CAUSE.get()}}
        try:
            # httpx bounds each phase; a drip-feeding server needs a bound on the whole.
            async with asyncio.timeout(limit + 0.1):
                raw = await client.request(call.method, call.url, timeout=timeout, **send)
        except httpx.RequestError as exc:
            raise unreachable(exc, self.system, call.operation) from exc
        except TimeoutError as exc:
            raise SourceUnavailable(self.system, "no whole answer in time", operation=call.operation) from exc
        return self._judged(call, raw)

    def _judged(self, call: _Call, raw: httpx.Response) -> Response:
        """The answer, or the error that it stands for."""
        content = raw.content
        response = Response(self.system, call.operation, raw.status_code, raw.headers, content, None)
        is_html = "html" in raw.headers.get("content-type", "") or content[:64].lstrip().lower().startswith(b"<")
        if raw.status_code in call.expect:
            if is_html:
                raise SourceUnavailable(self.system, "answered a page instead of data", operation=call.operation)
            return replace(response, data=self._decoded(call, content))
        if not is_html:
            response = replace(response, data=_decoded_or_none(content))
        raise (self.classify(response) if self.classify else None) or refused(response)

    def _decoded(self, call: _Call, content: bytes) -> Any:
        if not content.strip():
            return None
        try:
            return decode(content)
        except ValueError as exc:
            if not call.idempotent:
                raise WriteOutcomeUnknown(self.system, "the answer cannot be read", operation=call.operation) from exc
            raise SourceShapeBroken(self.system, "the answer is not JSON", operation=call.operation) from exc

    @contextmanager
    def _watched(self, *, probe: bool, given_s: float) -> Iterator[None]:
        """Draw the conclusions from one admitted call: breaker, health, metrics."""
        started = time.perf_counter()
        try:
            yield
        except SourceUnavailable as exc:
            if given_s >= BLAME_S or isinstance(exc.__cause__, httpx.ConnectError):
                self.breaker.failed()
            else:
                self.breaker.abandoned(probe=probe)
            self._note(exc, SourceStatus.DEGRADED if self.breaker.state is BreakerState.CLOSED else SourceStatus.DOWN)
            raise
        except HubError as exc:
            self.breaker.succeeded()
            self._note(exc, _STATUS_AFTER.get(type(exc), SourceStatus.UP))
            raise
        except BaseException:
            self.breaker.abandoned(probe=probe)
            CALLS.labels(self.system, "abandoned").inc()
            raise
        else:
            self.breaker.succeeded()
            self._note(None, SourceStatus.UP)
        finally:
            SECONDS.labels(self.system).observe(time.perf_counter() - started)

    def _note(self, error: HubError | None, status: SourceStatus) -> None:
        CALLS.labels(self.system, error.code.lower() if error else "ok").inc()
        contact = self.health.last_contact if isinstance(error, SourceUnavailable) else datetime.now(UTC)
        self.health = Health(status, contact, str(error) if isinstance(error, SourceError) else "")

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            # The environment is not trusted: a .netrc entry would replace our Authorization header.
            self._client = self.client_factory(
                base_url=self.base_url,
                auth=self.auth,
                trust_env=False,
                limits=httpx.Limits(max_connections=self.limits.concurrent, keepalive_expiry=30.0),
                headers={"User-Agent": "plumbline-hub", "Accept": "application/json"},
            )
        return self._client


_STATUS_AFTER: dict[type[HubError], SourceStatus] = {
    SourceThrottled: SourceStatus.DEGRADED,
    SourceShapeBroken: SourceStatus.DEGRADED,
    SourceMisconfigured: SourceStatus.DOWN,
}


def decode(content: bytes) -> Any:
    """JSON with every fraction as an exact Decimal; raises ValueError for anything that is not strict JSON."""
    return json.loads(content, parse_float=Decimal, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _decoded_or_none(content: bytes) -> Any:
    try:
        return decode(content)
    except ValueError:
        return None

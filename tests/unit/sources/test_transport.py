"""The transport over a pretended network: what is repeated, what is raised, what is remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import stamina
from prometheus_client import REGISTRY

from hub.context import caused_by, within
from hub.errors import (
    HubError,
    SourceMisconfigured,
    SourceRejected,
    SourceShapeBroken,
    SourceThrottled,
    SourceUnavailable,
    VersionConflict,
    WriteOutcomeUnknown,
)
from hub.ports import SourceStatus
from sources.breaker import Breaker, BreakerState
from sources.faults import Response
from sources.transport import Limits, Transport, decode

Answer = httpx.Response | Exception


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Retry without the waits between."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


class Network:
    """Gives the answers in their order, the last one for ever; keeps the requests."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def transport(network: Callable[[httpx.Request], Any], **arguments: Any) -> Transport:
    """Make a transport on a pretended network."""
    return Transport(
        "erp",
        "https://erp.example/base",
        client_factory=lambda **given: httpx.AsyncClient(transport=httpx.MockTransport(network), **given),
        **arguments,
    )


def ok(**body: Any) -> httpx.Response:
    """Make a good answer."""
    return httpx.Response(200, json=body)


async def test_an_answer_has_exact_numbers_and_the_request_its_cause() -> None:
    """Fractions are decimals; paths are below the base address; the cause is a header."""
    network = Network(httpx.Response(200, content=b'{"amount": 0.10, "count": 3}'))
    with caused_by("query:42"):
        answer = await transport(network).call("GET", "/things", params={"page": 1}, operation="things")
    assert answer.data == {"amount": Decimal("0.10"), "count": 3}
    assert str(network.requests[0].url) == "https://erp.example/base/things?page=1"
    assert network.requests[0].headers["X-Request-Cause"] == "query:42"


@pytest.mark.parametrize("text", [b"NaN", b'{"a": Infinity}', b'{"a": 1', b"<html>"])
def test_only_strict_json_is_json(text: bytes) -> None:
    """What Python would accept beyond JSON is refused."""
    with pytest.raises(ValueError, match=r".+"):
        decode(text)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(400), SourceRejected),
        (httpx.Response(401), SourceMisconfigured),
        (httpx.Response(403), SourceMisconfigured),
        (httpx.Response(404), SourceRejected),
        (httpx.Response(302, headers={"Location": "https://elsewhere.example"}), SourceMisconfigured),
        (httpx.Response(429), SourceThrottled),
        (httpx.Response(500), SourceUnavailable),
        (httpx.Response(200, html="<html></html>"), SourceUnavailable),
        (httpx.Response(200, content=b'{"a":'), SourceShapeBroken),
        (httpx.ConnectError("refused"), SourceUnavailable),
        (httpx.RemoteProtocolError("gone"), SourceUnavailable),
    ],
)
async def test_every_failure_has_its_error(answer: Answer, error: type[HubError]) -> None:
    """The general table of statuses and faults."""
    with pytest.raises(error):
        await transport(Network(answer)).call("GET", "/x")


@pytest.mark.parametrize(
    "answer",
    [httpx.ReadTimeout("late"), httpx.RemoteProtocolError("gone"), httpx.WriteError("reset"), httpx.Response(502)],
)
async def test_a_write_whose_answer_is_lost_is_not_repeated(answer: Answer) -> None:
    """The outcome is unknown, and one request was sent."""
    network = Network(answer, ok())
    with pytest.raises(WriteOutcomeUnknown):
        await transport(network).call("POST", "/x", json={}, idempotent=False)
    assert len(network.requests) == 1


async def test_a_write_whose_answer_cannot_be_read_has_happened() -> None:
    """A good status with a broken body: done, but nobody knows what."""
    network = Network(httpx.Response(201, content=b'{"id": "1'))
    with pytest.raises(WriteOutcomeUnknown):
        await transport(network).call("POST", "/x", json={}, idempotent=False, expect=(201,))


@pytest.mark.parametrize("answer", [httpx.ConnectError("refused"), httpx.ConnectTimeout("late"), httpx.Response(429)])
async def test_a_write_that_certainly_did_nothing_is_repeated(answer: Answer) -> None:
    """Never sent, or refused for its rate: repeating it cannot do it twice."""
    network = Network(answer, ok(done=True))
    result = await transport(network).call("POST", "/x", json={}, idempotent=False)
    assert result.data == {"done": True}
    assert len(network.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 409])
async def test_what_cannot_succeed_is_not_repeated(status: int) -> None:
    """A refusal is final."""
    network = Network(httpx.Response(status), ok())
    with pytest.raises(HubError):
        await transport(network).call("GET", "/x")
    assert len(network.requests) == 1


async def test_the_vendors_own_table_comes_first() -> None:
    """An adapter may know better what a status means, from the decoded body of the error."""

    def classify(response: Response) -> HubError | None:
        return VersionConflict("changed") if response.data == {"code": "STALE"} else None

    network = Network(httpx.Response(409, json={"code": "STALE"}))
    with pytest.raises(VersionConflict):
        await transport(network, classify=classify).call("PATCH", "/x")


async def test_credentials_are_not_carried_to_another_host() -> None:
    """A next-page link to elsewhere is drift, whatever it says."""
    network = Network(ok())
    with pytest.raises(SourceShapeBroken, match="another host"):
        await transport(network).call("GET", "https://evil.example/base/next")
    assert network.requests == []
    await transport(network).call("GET", "https://erp.example/base/next")


def test_a_wait_may_be_given_as_a_date() -> None:
    """Retry-After has two forms, and nonsense is no wait."""

    def wait(text: str) -> float | None:
        return Response("erp", "", 429, {"retry-after": text}, b"", None).retry_after_s

    assert wait("7") == 7
    soon = wait(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert soon is not None
    assert 55 <= soon <= 60
    assert wait(format_datetime(datetime.now(UTC) - timedelta(seconds=60))) == 0
    assert wait("soon") is None


async def test_a_wait_beyond_the_deadline_is_not_waited() -> None:
    """Who has two seconds does not wait ten."""
    network = Network(httpx.Response(429, headers={"Retry-After": "10"}), ok())
    with within(2), pytest.raises(SourceThrottled) as failure:
        await transport(network).call("GET", "/x")
    assert failure.value.retry_after_s == 10
    assert len(network.requests) == 1


async def test_after_the_deadline_nothing_is_sent() -> None:
    """A caller without time gets the error of a request that never left."""
    network = Network(ok())
    with within(0), pytest.raises(SourceUnavailable) as failure:
        await transport(network).call("GET", "/x")
    assert failure.value.sent is False
    assert network.requests == []


async def test_a_drip_of_bytes_does_not_outlive_the_timeout() -> None:
    """The bound is on the whole exchange, not on each read."""

    class Dripping(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            while True:
                await asyncio.sleep(0.02)
                yield b" "

    dripping = transport(lambda _: httpx.Response(200, stream=Dripping()), limits=Limits(timeout_s=0.2, attempts=1))
    with pytest.raises(SourceUnavailable, match="in time"):
        await dripping.call("GET", "/x")


async def test_an_open_breaker_is_not_waited_for() -> None:
    """Once open, calls fail at once, unsent; a failure that opens it is not retried."""
    network = Network(httpx.Response(503))
    subject = transport(network, breaker=Breaker(threshold=2))
    with pytest.raises(SourceUnavailable):
        await subject.call("GET", "/x")
    assert len(network.requests) == 2
    assert subject.health.status is SourceStatus.DOWN
    with pytest.raises(SourceUnavailable) as failure:
        await subject.call("POST", "/x", idempotent=False)
    assert failure.value.sent is False
    assert len(network.requests) == 2


async def test_refusals_do_not_open_the_breaker() -> None:
    """A system that refuses is there."""
    subject = transport(Network(httpx.Response(400)), breaker=Breaker(threshold=1))
    for _ in range(3):
        with pytest.raises(SourceRejected):
            await subject.call("GET", "/x")
    assert subject.breaker.state is BreakerState.CLOSED
    assert subject.health.status is SourceStatus.UP


async def test_a_cancelled_call_says_nothing_about_the_system() -> None:
    """A reader that walks away opens no breaker and leaves no slot taken."""

    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(1)
        return ok()

    subject = transport(slow, breaker=Breaker(threshold=1), limits=Limits(concurrent=1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await subject.call("GET", "/x")
    assert subject.breaker.state is BreakerState.CLOSED
    with within(0.05), pytest.raises(SourceUnavailable, match="in time"):
        await subject.call("GET", "/x")


async def test_a_probe_goes_on_when_its_caller_gives_up() -> None:
    """A fetch of two calls gives up when the second is refused because the first one probes; both then find it back."""
    network, answered = Network(httpx.Response(503), ok()), asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        answer = network(request)
        if answer.status_code == 200:
            await answered.wait()
        return answer

    subject = transport(slow, breaker=Breaker(threshold=1, reopen_s=0.0))
    with pytest.raises(SourceUnavailable):
        await subject.call("GET", "/x")

    async def fetch() -> None:
        async with asyncio.TaskGroup() as both:
            both.create_task(subject.call("GET", "/x"))
            both.create_task(subject.call("GET", "/y"))

    for _ in range(2):
        with pytest.raises(ExceptionGroup):
            await fetch()
    answered.set()
    await asyncio.gather(*subject._probes)
    assert (await subject.call("GET", "/y")).status == 200
    assert [request.url.path for request in network.requests] == ["/base/x", "/base/x", "/base/y"]
    await subject.aclose()


async def test_health_remembers_the_last_contact() -> None:
    """A system that stops answering keeps the instant at which it last did."""
    subject = transport(Network(ok(), httpx.ConnectError("refused")), limits=Limits(attempts=1))
    assert subject.health.last_contact is None
    await subject.call("GET", "/x")
    health = subject.health
    assert health.status is SourceStatus.UP
    with pytest.raises(SourceUnavailable):
        await subject.call("GET", "/x")
    assert subject.health.status is SourceStatus.DEGRADED
    assert subject.health.last_contact == health.last_contact
    await subject.aclose()


async def test_calls_are_counted_by_outcome() -> None:
    """Metrics tell systems and outcomes apart, and nothing else."""

    def counted(outcome: str) -> float:
        labels = {"system": "erp", "outcome": outcome}
        return REGISTRY.get_sample_value("hub_upstream_calls_total", labels) or 0.0

    before = counted("ok"), counted("source_rejected")
    subject = transport(Network(ok(), httpx.Response(400)))
    await subject.call("GET", "/x")
    with pytest.raises(SourceRejected):
        await subject.call("GET", "/x")
    assert (counted("ok"), counted("source_rejected")) == (before[0] + 1, before[1] + 1)

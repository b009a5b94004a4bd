"""What is done for a request: explained to those who may know, bounded in time, and ended when nobody waits."""

import asyncio
from typing import Any

import orjson
import pytest

from hub.app.execution import OperationRequest, ReferencePath, ResponseBody
from hub.app.services import Limits
from hub.context import counting_calls, note_call
from hub.domain.ownership import Role
from schema.build import graphql_schema
from tests.support.graph import Graph, SmallFirm, small_firm, token

QUERY = "{ projects { nodes { percentComplete customer { industry } } } }"
EXPLAIN = {"X-Hub-Explain": "1"}


class Slow:
    """An execution that takes its time and notes how it ends."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.ended: str | None = None

    async def execute(self, operation: OperationRequest) -> ResponseBody:
        """Wait for ever."""
        self.began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        return {"data": None}


class Exchange:
    """One request on bare ASGI, by a client that can leave."""

    def __init__(self, graph: Graph, query: str) -> None:
        self._graph = graph
        self._body = orjson.dumps({"query": query})
        self._received = False
        self.gone = asyncio.Event()
        self.sent: list[dict[str, Any]] = []

    async def run(self) -> None:
        """Have the request answered."""
        headers = [(b"content-type", b"application/json"), (b"authorization", f"Bearer {token()}".encode())]
        scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
        await self._graph.app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if not self._received:
            self._received = True
            return {"type": "http.request", "body": self._body}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)


@pytest.fixture
def firm() -> SmallFirm:
    """Give a small firm and its graph."""
    return small_firm()


# -- time -------------------------------------------------------------------------------------------


async def test_work_ends_when_the_client_leaves() -> None:
    """A query is cancelled, and nothing is answered to nobody."""
    slow = Slow()
    exchange = Exchange(small_firm(slow.execute).graph, QUERY)
    running = asyncio.create_task(exchange.run())
    await slow.began.wait()
    await asyncio.sleep(0.05)
    exchange.gone.set()
    await asyncio.wait_for(running, 5)
    assert slow.ended == "cancelled"
    assert exchange.sent == []


async def test_a_command_that_has_begun_is_finished() -> None:
    """Nobody could tell how far a cancelled one came."""
    done = asyncio.Event()

    async def execute(operation: OperationRequest) -> ResponseBody:
        await asyncio.sleep(0.1)
        done.set()
        return {"data": None}

    exchange = Exchange(small_firm(execute).graph, "mutation { __typename }")
    exchange.gone.set()
    await exchange.run()
    assert done.is_set()


async def test_a_query_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not keep to the deadline itself is cut off a little later."""
    monkeypatch.setattr("hub.app.endpoint.GRACE_S", 0.05)
    slow = Slow()
    exchange = Exchange(small_firm(slow.execute, limits=Limits(seconds=0.05)).graph, QUERY)
    await asyncio.wait_for(exchange.run(), 5)
    assert (slow.ended, exchange.sent[0]["status"]) == ("cancelled", 504)
    assert orjson.loads(exchange.sent[1]["body"])["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"


async def test_somebody_elses_cancellation_goes_through() -> None:
    """A server that stops is not mistaken for a client that leaves."""
    slow = Slow()
    running = asyncio.create_task(Exchange(small_firm(slow.execute).graph, QUERY).run())
    await slow.began.wait()
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_body_that_breaks_off_is_nobodys_request(firm: SmallFirm) -> None:
    """The client has gone in the middle of it."""
    exchange = Exchange(firm.graph, QUERY)
    exchange.gone.set()

    async def half() -> dict[str, Any]:
        if exchange._received:
            return {"type": "http.disconnect"}
        exchange._received = True
        return {"type": "http.request", "body": b"{", "more_body": True}

    exchange._receive = half  # type: ignore[method-assign]
    await exchange.run()
    assert exchange.sent == []


# -- explanations -----------------------------------------------------------------------------------


async def test_an_answer_is_explained_to_those_who_may_know(firm: SmallFirm) -> None:
    """The planned path's steps, the cost, and what was in memory, by system."""
    body = await firm.graph.post(QUERY, role=Role.INTEGRATION_SUPPORT, headers=EXPLAIN)
    assert body["data"]["projects"]["nodes"]
    plan = body["extensions"]["plan"]
    assert (plan["path"], plan["found"], plan["cost"]) == ("planned", "loaded", 40)
    assert plan["cacheMisses"] == {"psa-1": 1, "crm-1": 1}
    assert [step["step"] for step in plan["steps"]]
    assert plan["ms"] >= max(step["ms"] for step in plan["steps"])
    firm.graph.firm.records.in_memory = True
    again = await firm.graph.post(QUERY, role=Role.INTEGRATION_SUPPORT, headers=EXPLAIN)
    assert (again["data"], again["extensions"]["plan"]["cacheMisses"]) == (body["data"], {})


async def test_nobody_else_is_told(firm: SmallFirm) -> None:
    """Neither another role, nor whoever does not ask; in the demo everyone may."""
    assert "extensions" not in await firm.graph.post(QUERY, role=Role.PMO, headers=EXPLAIN)
    assert "extensions" not in await firm.graph.post(QUERY, role=Role.INTEGRATION_SUPPORT)
    demo = small_firm(demo_tokens={}).graph
    assert "plan" in (await demo.post(QUERY, role=Role.PMO, headers=EXPLAIN))["extensions"]


async def test_the_reference_path_is_explained_by_its_counts() -> None:
    """It has no steps; calls and cache hits are counted around it."""
    reference = ReferencePath(graphql_schema())

    async def execute(operation: OperationRequest) -> ResponseBody:
        note_call("psa-1")
        return await reference.execute(operation)

    graph = small_firm(execute).graph
    plan = (await graph.post(QUERY, role=Role.INTEGRATION_SUPPORT, headers=EXPLAIN))["extensions"]["plan"]
    assert (plan["path"], plan["steps"], plan["upstreamCalls"]) == ("reference", [], {"psa-1": 1})
    assert plan["cacheMisses"] == {"psa-1": 1, "crm-1": 1}


async def test_calls_are_counted_where_they_were_caused() -> None:
    """In tasks of the block too, and nowhere else."""
    note_call("a")
    with counting_calls() as calls:
        await asyncio.gather(*(asyncio.to_thread(note_call, "a") for _ in range(2)))
        note_call("b")
    note_call("b")
    assert calls == {"a": 2, "b": 1}

"""The control side and every fault, over real sockets, on a vendor small enough to see through."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sources.sandbox.control import KEPT_REQUESTS, RequestLog, Sandbox
from sources.sandbox.core import VendorApp
from sources.sandbox.credentials import BadCredentials, from_json, generate, to_json
from sources.sandbox.faults import ConnectionDropped
from tests.support.ports import free_port
from tests.support.sandboxes import RunningSandbox, start_app


class Bakery:
    """A vendor with one resource, one token call and countable writes."""

    def __init__(self) -> None:
        self.orders: list[str] = []
        self.generation = 0

    def app(self) -> VendorApp:
        """Give the vendor in the shape that the server takes."""
        return VendorApp(
            vendor="bakery",
            port=0,
            routes=[
                Route("/token", self._token, methods=["POST"]),
                Route("/orders", self._list, methods=["GET"]),
                Route("/orders", self._add, methods=["POST"]),
            ],
            token_paths=("/token",),
            authorization=lambda: f"Bearer {self.generation}",
            expire_tokens=self._expire,
            throttled=self._throttled,
            failed=lambda: JSONResponse({"reason": "oven"}, status_code=500),
        )

    def _expire(self) -> None:
        self.generation += 1

    @staticmethod
    def _throttled(retry_after_s: float | None) -> Response:
        headers = {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:.0f}"}
        return JSONResponse({"reason": "queue"}, status_code=429, headers=headers)

    async def _token(self, request: Request) -> Response:
        return JSONResponse({"token": self.generation})

    async def _list(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.generation}":
            return JSONResponse({"reason": "token"}, status_code=401)
        return JSONResponse({"orders": [{"name": name, "price": 3} for name in self.orders]})

    async def _add(self, request: Request) -> Response:
        self.orders.append((await request.json())["name"])
        return JSONResponse({"orders": len(self.orders)}, status_code=201)


@pytest.fixture
def bakery() -> Bakery:
    """Give the vendor's own side, to see what was carried out."""
    return Bakery()


@pytest.fixture
def sandbox(bakery: Bakery) -> Iterator[RunningSandbox]:
    """Give the vendor, served."""
    with start_app(bakery.app()) as running:
        yield running


@pytest.fixture
def client(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    """Give a caller with a good token."""
    headers = {"Authorization": sandbox.authorization()}
    with httpx.Client(base_url=sandbox.base_url, headers=headers, trust_env=False, verify=False, timeout=5) as caller:
        yield caller


def order(client: httpx.Client) -> httpx.Response:
    """Make a write."""
    return client.post("/orders", json={"name": "rye"})


def test_requests_are_counted_without_token_calls(sandbox: RunningSandbox, client: httpx.Client) -> None:
    """The log holds method, path, query, status and cause of vendor calls only."""
    client.post("/token")
    client.get("/orders", params={"day": "1"}, headers={"X-Request-Cause": "query:4f"})
    order(client)
    assert sandbox.control("GET", "requests").json() == {
        "count": 2,
        "requests": [
            {"method": "GET", "path": "/orders", "query": "day=1", "status": 200, "cause": "query:4f"},
            {"method": "POST", "path": "/orders", "query": "", "status": 201, "cause": None},
        ],
    }


def test_requests_of_one_kind_of_cause(sandbox: RunningSandbox, client: httpx.Client) -> None:
    """`?cause=query` leaves out feeds, and kinds that only begin alike."""
    for cause in ("query:1", "feed:2", "query:3", "queryish:4"):
        client.get("/orders", headers={"X-Request-Cause": cause})
    answer = sandbox.control("GET", "requests", params={"cause": "query"}).json()
    assert answer["count"] == 2
    assert [entry["cause"] for entry in answer["requests"]] == ["query:1", "query:3"]


def test_deleting_requests_starts_anew(sandbox: RunningSandbox, client: httpx.Client) -> None:
    """After DELETE nothing is remembered."""
    client.get("/orders")
    sandbox.forget_requests()
    assert sandbox.control("GET", "requests").json() == {"count": 0, "requests": []}


def test_the_log_is_bounded_and_its_count_exact() -> None:
    """Only the last calls are kept, all are counted."""
    log = RequestLog()
    scope = {"method": "GET", "path": "/", "query_string": b"", "headers": [(b"x-request-cause", b"feed:1")]}
    for _ in range(KEPT_REQUESTS + 5):
        log.add(scope, 200)
    shown = log.shown("feed")
    assert shown["count"] == KEPT_REQUESTS + 5
    assert len(shown["requests"]) == KEPT_REQUESTS


def test_credentials_are_good_for_a_call(sandbox: RunningSandbox) -> None:
    """The control side hands out an Authorization that the vendor takes."""
    with httpx.Client(trust_env=False) as anyone:
        answer = anyone.get(f"{sandbox.base_url}/orders", headers={"Authorization": sandbox.authorization()})
    assert answer.status_code == 200


def test_down_closes_every_connection_but_the_control_sides(sandbox: RunningSandbox, client: httpx.Client) -> None:
    """A vendor that is down answers neither calls nor token calls; DELETE brings it back."""
    sandbox.set_fault("down")
    for path in ("/orders", "/token"):
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(path, json={"name": "rye"})
    assert sandbox.requests()[-1]["status"] is None
    sandbox.clear_faults()
    assert client.get("/orders").json() == {"orders": []}


def test_slow_answers_after_the_delay(sandbox: RunningSandbox, client: httpx.Client) -> None:
    """A slow vendor outlasts a short patience and still answers a long one."""
    sandbox.set_fault("slow", delay_s=0.3)
    with pytest.raises(httpx.ReadTimeout):
        client.get("/orders", timeout=0.05)
    assert client.get("/orders").status_code == 200


@pytest.mark.parametrize("retry_after_s", [None, 7])
def test_throttle_is_the_vendors_own_answer(
    sandbox: RunningSandbox, client: httpx.Client, retry_after_s: float | None
) -> None:
    """Overload looks as the vendor makes it look, with Retry-After only when asked for."""
    sandbox.set_fault("throttle", retry_after_s=retry_after_s)
    answer = client.get("/orders")
    assert (answer.status_code, answer.json()) == (429, {"reason": "queue"})
    assert answer.headers.get("retry-after") == (None if retry_after_s is None else "7")


def test_error_is_the_vendors_own_answer_and_nothing_is_carried_out(
    sandbox: RunningSandbox, client: httpx.Client, bakery: Bakery
) -> None:
    """A fault of the vendor's own changes nothing."""
    sandbox.set_fault("error")
    assert order(client).status_code == 500
    assert bakery.orders == []


def test_a_lost_reply_is_carried_out(sandbox: RunningSandbox, client: httpx.Client, bakery: Bakery) -> None:
    """The write happened, the answer never came."""
    sandbox.set_fault("lost-reply", method="POST", count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        order(client)
    assert bakery.orders == ["rye"]
    assert order(client).json() == {"orders": 2}


def test_a_reset_before_is_not_carried_out(sandbox: RunningSandbox, client: httpx.Client, bakery: Bakery) -> None:
    """The connection is reset, and nothing happened."""
    sandbox.set_fault("reset-before", count=1)
    with pytest.raises(httpx.ReadError):
        order(client)
    assert bakery.orders == []


def test_half_a_body_comes_with_the_whole_length(sandbox: RunningSandbox, client: httpx.Client) -> None:
    """The head announces more than is sent before the connection closes."""
    sandbox.set_fault("half-body", count=1)
    got = bytearray()

    def read(answer: httpx.Response) -> None:
        for part in answer.iter_raw():
            got.extend(part)

    with client.stream("GET", "/orders") as answer:
        with pytest.raises(httpx.RemoteProtocolError):
            read(answer)
        announced = int(answer.headers["content-length"])
    assert 0 < len(got) < announced


def test_a_malformed_body_is_complete_and_unreadable(sandbox: RunningSandbox, client: httpx.Client) -> None:
    """The answer is 200 and whole on the wire, its JSON is cut off."""
    sandbox.set_fault("malformed")
    answer = client.get("/orders")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("status", [503, 200])
def test_a_maintenance_page_is_html(sandbox: RunningSandbox, client: httpx.Client, status: int) -> None:
    """A gateway's page, with a bad or with a good status."""
    sandbox.set_fault("html", status=status)
    answer = client.get("/orders")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ("remove", {"name": "rye"}),
        ("null", {"name": "rye", "price": None}),
        ("string", {"name": "rye", "price": "3"}),
        ("object", {"name": "rye", "price": {"value": 3}}),
    ],
)
def test_a_drift_changes_one_field(
    sandbox: RunningSandbox, client: httpx.Client, change: str, row: dict[str, Any]
) -> None:
    """Only the named field differs, wherever it stands."""
    order(client)
    sandbox.set_fault("drift", field="price", change=change)
    assert client.get("/orders").json() == {"orders": [row]}


def test_expired_tokens_are_refused_once_and_new_ones_accepted(sandbox: RunningSandbox, client: httpx.Client) -> None:
    """Without a count every token is bad at once, and the next one is good."""
    sandbox.set_fault("expire-tokens")
    assert client.get("/orders").status_code == 401
    client.headers["Authorization"] = sandbox.authorization()
    assert client.get("/orders").status_code == 200


def test_counted_expiry_happens_before_each_call(sandbox: RunningSandbox, client: httpx.Client) -> None:
    """With a count a token that was good when fetched is bad when used, that many times."""
    sandbox.set_fault("expire-tokens", count=2)
    statuses = []
    for _ in range(3):
        client.headers["Authorization"] = sandbox.authorization()
        statuses.append(client.get("/orders").status_code)
    assert statuses == [401, 401, 200]


def test_a_fault_hits_only_its_method_and_path(sandbox: RunningSandbox, client: httpx.Client) -> None:
    """Method and part of the path must both fit; token calls are hit only when named."""
    sandbox.set_fault("error", method="post", match="order")
    assert client.get("/orders").status_code == 200
    assert client.post("/token").status_code == 200
    assert order(client).status_code == 500
    sandbox.clear_faults()
    sandbox.set_fault("error", match="/token")
    assert client.post("/token").status_code == 500


def test_a_counted_fault_ends_by_itself(sandbox: RunningSandbox, client: httpx.Client) -> None:
    """Two calls fail, the third does not."""
    sandbox.set_fault("error", count=2)
    assert [client.get("/orders").status_code for _ in range(3)] == [500, 500, 200]


def test_a_fault_waits_until_others_have_passed(sandbox: RunningSandbox, client: httpx.Client) -> None:
    """The second of equal calls fails, and calls that it does not hit are not counted."""
    sandbox.set_fault("error", method="POST", skip=1, count=1)
    assert client.get("/orders").status_code == 200
    assert [order(client).status_code for _ in range(3)] == [201, 500, 201]


def test_several_faults_are_active_together(sandbox: RunningSandbox, client: httpx.Client) -> None:
    """Slowness adds to the first other fault; the next of those has its turn after it."""
    sandbox.set_fault("slow", delay_s=0.05)
    sandbox.set_fault("error", count=1)
    sandbox.set_fault("throttle", count=1)
    assert [client.get("/orders").status_code for _ in range(3)] == [500, 429, 200]
    assert [fault["fault"] for fault in sandbox.control("GET", "faults").json()["faults"]] == ["slow"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("[]", "JSON object"),
        ("{", "not JSON"),
        ("{}", "fault"),
        ('{"fault": "flood"}', "fault: must be one of"),
        ('{"fault": "error", "counts": 1}', "unknown member: counts"),
        ('{"fault": "error", "kind": "down"}', "unknown member: kind"),
        ('{"fault": "error", "count": 0}', "count"),
        ('{"fault": "error", "count": true}', "count"),
        ('{"fault": "error", "skip": -1}', "skip"),
        ('{"fault": "slow", "delay_s": "1"}', "delay_s"),
        ('{"fault": "slow", "delay_s": -1}', "delay_s"),
        ('{"fault": "throttle", "retry_after_s": []}', "retry_after_s"),
        ('{"fault": "error", "method": 1}', "method"),
        ('{"fault": "error", "match": ""}', "match"),
        ('{"fault": "html", "status": 99}', "status"),
        ('{"fault": "drift"}', "field"),
        ('{"fault": "drift", "field": "a", "change": "melt"}', "change"),
    ],
)
def test_a_wrong_fault_is_refused_with_the_reason(sandbox: RunningSandbox, body: str, reason: str) -> None:
    """A 400 says which member is wrong, and nothing is set."""
    answer = sandbox.control("PUT", "faults", content=body)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]
    assert sandbox.control("GET", "faults").json() == {"faults": []}


def test_unknown_control_paths_are_no_vendor_calls(sandbox: RunningSandbox) -> None:
    """A mistyped control path is a 404 and is not counted."""
    assert sandbox.control("GET", "request").status_code == 404
    assert sandbox.requests() == []


async def test_without_sockets_a_dropped_connection_is_an_exception(bakery: Bakery) -> None:
    """Tests through ASGI see an error of their own where a connection would have closed."""
    app = Sandbox(bakery.app())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as caller:
        await caller.put("/_sandbox/faults", json={"fault": "down"})
        with pytest.raises(ConnectionDropped):
            await caller.get("/orders")


def test_credentials_survive_a_file() -> None:
    """What the sandbox reads is what was made."""
    credentials, secrets = generate()
    assert from_json(to_json(credentials)) == credentials
    assert "PRIVATE" not in to_json(credentials)
    assert "PRIVATE" not in repr(secrets)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda data: data.pop("kantata"), "kantata"),
        (lambda data: data["workday"].pop("tenant"), "tenant"),
        (lambda data: data["netsuite"].update(extra="1"), "extra"),
        (lambda data: data["salesforce"].update(username=1), "username"),
    ],
)
def test_wrong_credentials_are_refused_by_name(spoil: Callable[[dict[str, Any]], object], named: str) -> None:
    """The error names the member and shows no value."""
    credentials, _ = generate()
    data = json.loads(to_json(credentials))
    spoil(data)
    with pytest.raises(BadCredentials, match=named) as caught:
        from_json(json.dumps(data))
    assert credentials.salesforce.client_secret not in str(caught.value)


@pytest.mark.parametrize("signal_name", ["SIGTERM", "SIGINT"])
def test_a_sandbox_process_says_when_it_is_ready_and_ends_cleanly(tmp_path: Path, signal_name: str) -> None:
    """One line on standard output, then service, then exit 0 on a signal with a connection still open."""
    file = tmp_path / "credentials.json"
    file.write_text(to_json(generate()[0]))
    port = free_port()
    command = [sys.executable, "-m", "sources.sandbox", "workday", "--size", "small", "--today", "2026-06-17"]
    command += ["--port", str(port), "--credentials", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        killer = threading.Timer(30, process.kill)
        killer.start()
        try:
            line = process.stdout.readline()
            assert line == f"workday sandbox ready on http://127.0.0.1:{port}\n", process.stderr.read()
            with socket.create_connection(("127.0.0.1", port)) as idle, httpx.Client(trust_env=False) as client:
                assert client.get(f"http://127.0.0.1:{port}/_sandbox/credentials").status_code == 200
                process.send_signal(getattr(signal, signal_name))
                rest, errors = process.communicate(timeout=10)
                assert idle.fileno() > 0
        finally:
            killer.cancel()
    assert (process.returncode, rest, errors) == (0, "", "")


def test_a_missing_credentials_file_is_a_plain_error(tmp_path: Path) -> None:
    """Exit 2 with the file's name, without a traceback."""
    command = [sys.executable, "-m", "sources.sandbox", "kantata", "--credentials", str(tmp_path / "none.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "none.json" in done.stderr
    assert "Traceback" not in done.stderr

"""What the vendors themselves need for the calls of one command: the same calls once more, without the hub.

The sandboxes say which calls a command has made. Those without a body are sent again as they were; the sandboxes keep
no bodies, so the others are sent again from a table of bodies in the vendor's words. A call is timed from its sending
to the last byte of its answer, over a kept connection of the plainest client, with the sandbox's own authorization.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

from hub.demo.supervisor import VENDORS
from tests.bench.over_http import control

CAUSES = ("command", "query")
"""Kinds of cause of the calls that a mutation makes."""
COUNTED = {"x-request-cause": "command:bench"}
Bodies = Mapping[str, Callable[[str], Any]]
"""The body of a call, by `METHOD collection`, from the id of what Kantata's write before it has made."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a sandbox has received."""

    system: str
    method: str
    path: str
    query: str

    @property
    def name(self) -> str:
        """The key into Bodies: the method and the collection, `PUT workspaces`."""
        collection = next(part for part in reversed(self.path.split("/")) if not part.isdecimal())
        return f"{self.method} {collection}"


def forget_calls() -> None:
    """Start the sandboxes' logs anew."""
    for port in VENDORS.values():
        control(port, "requests", "DELETE")


def calls_made() -> list[Call]:
    """The calls since then, of each sandbox in their order: those of commands, then those of reading the payload."""
    return [
        Call(system, each["method"], each["path"], each["query"])
        for system, port in VENDORS.items()
        for cause in CAUSES
        for each in control(port, f"requests?cause={cause}")["requests"]
    ]


def calls_counted() -> int:
    """How many there were since then."""
    return sum(int(control(port, f"requests?cause={cause}")["count"]) for port in VENDORS.values() for cause in CAUSES)


@dataclass(slots=True)
class Vendors:
    """A client of the sandboxes for one thread."""

    _connections: dict[str, HTTPConnection] = field(default_factory=dict)
    _authorization: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for system, port in VENDORS.items():
            self._connections[system] = HTTPConnection("127.0.0.1", port, timeout=60)
            self._authorization[system] = control(port, "credentials")["authorization"]

    def again(self, calls: Iterable[Call], bodies: Bodies, other_words: Mapping[str, str]) -> float:
        """Make the calls one after another; the seconds that they took together.

        `other_words` are to be replaced in queries. Raises RuntimeError for a call that `bodies` does not know.
        """
        seconds, made = 0.0, ""
        for call in calls:
            body = None
            if call.method != "GET":
                if call.name not in bodies:
                    raise RuntimeError(f"the benchmark does not know what to send with {call.name}")
                body = bodies[call.name](made)
            query = call.query
            for word, other in other_words.items():
                query = query.replace(word, other)
            took, answer = self.ask(call.system, call.method, f"{call.path}?{query}" if query else call.path, body)
            seconds += took
            if body is not None and "results" in answer:
                made = str(answer["results"][0]["id"])
        return seconds

    def ask(self, system: str, method: str, path: str, body: Any = None) -> tuple[float, Any]:
        """One call: the seconds that it took, and its answer. Raises RuntimeError when it is refused."""
        sent = None if body is None else json.dumps(body).encode()
        headers = {"authorization": self._authorization[system], "content-type": "application/json", **COUNTED}
        began = time.perf_counter()
        self._connections[system].request(method, path, sent, headers)
        response = self._connections[system].getresponse()
        read = response.read()
        took = time.perf_counter() - began
        if not 200 <= response.status < 300:
            raise RuntimeError(f"{method} {path}: status {response.status}: {read[:300]!r}")
        return took, json.loads(read) if read else None

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections.values():
            connection.close()


def rows(answer: Any) -> Sequence[Mapping[str, Any]]:
    """The records of a page of Kantata's, in its order."""
    return [answer[each["key"]][each["id"]] for each in answer["results"]]

"""How many commands the hub carries out in a second: so many clients, each with its next as soon as one is answered.

Refused and repeated commands are counted with the calls that they cost the vendors. Behind the commands stand the
sandboxes, each one process of Python on this machine: a row of its own says how often the calls of one `updateProject`
can be made in a second without the hub.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

from tests.bench.command_overhead import ROUNDS, Spread, spread
from tests.bench.orders import APPLIED, REJECTED, Firm, Order, against_a_rule, give, new_key, wrong_input
from tests.bench.over_http import Server, cpu_seconds
from tests.bench.vendor_calls import Vendors, calls_counted, calls_made, forget_calls

SECONDS = 1.5
"""How long one round lasts."""
CLIENTS = (1, 8, 32)
QUEUE = 8
"""How many clients want the same record."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Commands per second, the latency of one, the vendors' calls and the hub's milliseconds of CPU for one.

    `records`: on how many records the clients work, each keeping to one.
    """

    name: str
    clients: int
    records: int
    per_second: float
    latency: Spread
    calls: float
    cpu: float


Deed = Callable[[], object]
Client = Callable[[int], Deed]
"""Makes what the client of that number does over and over."""


def rates(server: Server, firm: Firm) -> list[Rate]:
    """The table's rows. Raises RuntimeError when a command ends otherwise than it should."""
    wrong, forbidden, once, key = wrong_input(firm), against_a_rule(firm), firm.renaming(0), new_key()
    give(server, server.connect(), once, key)

    def apart(clients: int) -> int:
        return min(clients, len(firm.projects))

    return [
        *(_rate("updateProject", server, (n, apart(n)), _asking(server, firm.renaming)) for n in CLIENTS),
        _rate("updateProject: its calls alone", server, (QUEUE, apart(QUEUE)), _calling(server, firm)),
        _rate("updateProject", server, (QUEUE, 1), _asking(server, lambda _: firm.renaming(0))),
        _rate("refused: wrong input", server, (QUEUE, 1), _asking(server, lambda _: wrong, REJECTED)),
        _rate("refused: against a rule", server, (QUEUE, 1), _asking(server, lambda _: forbidden, REJECTED)),
        _rate("repeated with its key", server, (QUEUE, 1), _asking(server, lambda _: once, key=key)),
    ]


def _asking(
    server: Server, order_of: Callable[[int], Order], expected: str = APPLIED, *, key: str | None = None
) -> Client:
    """A client of the hub; with a key each command but the first is a repetition."""

    def client(number: int) -> Deed:
        connection = server.connect()

        def ask() -> None:
            payload = give(server, connection, order_of(number), key or new_key(), expected)
            if payload["replayed"] != (key is not None):
                raise RuntimeError("a command was answered from the ledger, or a repeated one was not")

        return ask

    return client


def _calling(server: Server, firm: Firm) -> Client:
    """A client of the vendors that makes the calls of an update over and over."""

    def client(number: int) -> Deed:
        forget_calls()
        order, vendors = firm.renaming(number), Vendors()
        give(server, server.connect(), order, new_key())
        calls = calls_made()
        return lambda: vendors.again(calls, order.bodies, {})

    return client


def _rate(name: str, server: Server, of: tuple[int, int], client: Client) -> Rate:
    """A row; `of` are how many clients and records."""
    clients, records = of
    processes, rounds = server.processes(), []
    with ThreadPoolExecutor(clients) as threads:
        for _ in range(ROUNDS):
            # Made anew: a connection that waits for a slow round to end may have been closed by then.
            deeds = [client(number) for number in range(clients)]
            forget_calls()
            busy, began = cpu_seconds(processes), time.perf_counter()
            latencies = [each for took in threads.map(_over_and_over, deeds) for each in took]
            wall, cpu = time.perf_counter() - began, cpu_seconds(processes) - busy
            rounds.append((latencies, wall, calls_counted(), cpu))
    return Rate(
        name,
        clients,
        records,
        median(len(latencies) / wall for latencies, wall, _, __ in rounds),
        spread([latencies for latencies, *_ in rounds]),
        median(calls / len(latencies) for latencies, _, calls, __ in rounds),
        median(cpu / len(latencies) for latencies, *_, cpu in rounds) * 1e3,
    )


def _over_and_over(deed: Deed) -> list[float]:
    """The seconds that each repetition took."""
    latencies, end = [], time.perf_counter() + SECONDS
    while (began := time.perf_counter()) < end:
        deed()
        latencies.append(time.perf_counter() - began)
    return latencies

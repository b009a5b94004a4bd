"""What the hub adds to the vendor's own latency: one client, one command at a time.

A command's latency is the caller's: HTTP, sign-in, rights, ledger, locks, the vendor's calls, reading back, directory,
payload. Right after each command its calls are made once more without the hub (tests.bench.vendor_calls), one after
another, and their sum is what the vendor needed; calls that the hub makes at once count singly, which is in its
favour. Both alternate, so that noise meets them alike. A sandbox answers in a millisecond or two and a vendor in some
hundreds, so it is what the hub adds that holds elsewhere, and not the ratio to the calls.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from statistics import median

import psutil

from hub.domain.ownership import Role
from tests.bench.orders import Firm, Order, Orders, give, new_key
from tests.bench.over_http import Server, Stack, cpu_seconds
from tests.bench.vendor_calls import Vendors, calls_made, forget_calls

ROUNDS = 3
COMMANDS = 12


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds: the median of the rounds' medians, and what 19 of 20 stay below, of all rounds together."""

    middle: float
    p95: float


@dataclass(frozen=True, slots=True)
class Overhead:
    """One kind of command: `added` is what each took beyond its own calls, `cpu` the hub's milliseconds."""

    name: str
    calls: float
    vendor: Spread
    command: Spread
    added: Spread
    cpu: float


def spread(rounds: Sequence[Sequence[float]]) -> Spread:
    """The spread of samples in seconds, round by round."""
    ordered = sorted(sample for samples in rounds for sample in samples)
    return Spread(median(median(samples) for samples in rounds) * 1e3, ordered[int(len(ordered) * 0.95)] * 1e3)


def overheads(stack: Stack, firm: Firm) -> list[Overhead]:
    """One of each sort: an update, a create, and a create that needs another one first."""
    server, clerk, vendors = stack.server(), stack.server(Role.SERVICE, "submitTimeEntry"), Vendors()
    try:
        return [
            _overhead("updateProject, its name", server, vendors, firm.renamings()),
            _overhead("submitTimeEntry", clerk, vendors, firm.time_entries()),
            _overhead("assignResource, somebody new there", server, vendors, firm.bookings(vendors)),
        ]
    finally:
        vendors.close()


@dataclass(slots=True)
class _Samples:
    """One round of one kind of command, in seconds."""

    vendor: list[float] = field(default_factory=list)
    command: list[float] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def added(self) -> list[float]:
        """What each command took beyond its calls."""
        return [whole - calls for whole, calls in zip(self.command, self.vendor, strict=True)]


def _overhead(name: str, server: Server, vendors: Vendors, orders: Orders) -> Overhead:
    processes, connection = server.processes(), server.connect()
    _one(server, connection, vendors, next(orders), processes, _Samples())
    rounds = []
    for _ in range(ROUNDS):
        samples = _Samples()
        for _ in range(COMMANDS):
            _one(server, connection, vendors, next(orders), processes, samples)
        rounds.append(samples)
    connection.close()
    return Overhead(
        name,
        median(median(r.calls) for r in rounds),
        spread([r.vendor for r in rounds]),
        spread([r.command for r in rounds]),
        spread([r.added() for r in rounds]),
        median(sum(r.cpu) / len(r.cpu) for r in rounds) * 1e3,
    )


def _one(
    server: Server,
    connection: HTTPConnection,
    vendors: Vendors,
    order: Order,
    processes: list[psutil.Process],
    samples: _Samples,
) -> None:
    """One command, and its calls once more."""
    forget_calls()
    busy, began = cpu_seconds(processes), time.perf_counter()
    payload = give(server, connection, order, new_key())
    samples.command.append(time.perf_counter() - began)
    samples.cpu.append(cpu_seconds(processes) - busy)
    calls = calls_made()
    samples.calls.append(len(calls))
    # A create looks for what it may have made before, and must find as little as the hub did.
    made = next(value["id"] for value in payload.values() if isinstance(value, dict))
    samples.vendor.append(vendors.again(calls, order.bodies, {made: secrets.token_hex(16)}))

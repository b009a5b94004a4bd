"""The tables of commands: what the hub adds to the vendor's latency, how many it carries out, what its own part costs.

Each table's module says what its figures include. CPU is that of the hub's process; PostgreSQL, the sandboxes and the
benchmark's clients run on the same machine and take their share of it. All figures are medians of three rounds.
The demo's estate lets the hub make ten calls to a system at once and sets no rate, and the sandboxes impose none by
themselves: no vendor's limit is measured. The commands write into the sandboxes' firm, and nowhere else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence

from hub.demo.supervisor import ESTATE
from tests.bench import command_cost
from tests.bench.command_overhead import Overhead, Spread, overheads
from tests.bench.command_rates import Rate, rates
from tests.bench.orders import Firm
from tests.bench.over_http import Stack


def in_process() -> None:
    """Print what ledger, locks and directory cost."""
    print(f"\n{'In the process, an owner that answers at once':40}{'ms':>12}{'CPU ms':>12}{'transactions':>14}", end="")
    print(f"{'statements':>12}")
    for name, cost in command_cost.measure():
        times = f"{cost.wall_ms:>12.2f}{cost.cpu_ms:>12.2f}"
        print(f"{name:45}{times}{cost.connections:>14.0f}{cost.statements:>12.0f}")


def over_http(stack: Stack) -> None:
    """Print overhead and throughput. Raises RuntimeError when a command ends otherwise than it should."""
    _require_no_rate()
    server = stack.server()
    firm = Firm.of(server)
    _print_overheads(overheads(stack, firm))
    _print_rates(rates(server, firm))


def _require_no_rate() -> None:
    """Raise RuntimeError when the demo's estate limits calls by the minute: that would be what is measured."""
    systems = tomllib.loads(ESTATE.read_text(encoding="utf-8"))["systems"]
    limited = [name for name, system in systems.items() if "calls_per_minute" in system.get("limits", {})]
    if limited:
        raise RuntimeError(f"the demo's estate limits the rate of {', '.join(limited)}")


def _print_overheads(found: Sequence[Overhead]) -> None:
    print("\nCommands over HTTP, one at a time: ms of the whole command, and of its calls made without the hub")
    print(
        f"{'median (p95)':34}{'calls':>6}{'calls alone':>18}{'command':>18}{'hub adds':>18}{'ratio':>8}{'hub CPU':>9}"
    )
    for row in found:
        times = "".join(_spread(each) for each in (row.vendor, row.command, row.added))
        ratio = row.command.middle / row.vendor.middle
        print(f"{row.name:34}{row.calls:>6.0f}{times}{ratio:>8.2f}{row.cpu:>9.1f}")


def _print_rates(found: Sequence[Rate]) -> None:
    print("\nCommands over HTTP, throughput")
    print(f"{'':34}{'clients':>8}{'records':>8}{'a second':>10}{'ms (p95)':>18}{'calls each':>12}{'hub CPU ms':>12}")
    for row in found:
        speed = f"{row.per_second:>10.1f}{_spread(row.latency)}"
        print(f"{row.name:34}{row.clients:>8}{row.records:>8}{speed}{row.calls:>12.2f}{row.cpu:>12.2f}")


def _spread(spread: Spread) -> str:
    return f"{spread.middle:>9.1f} ({spread.p95:>6.1f})"

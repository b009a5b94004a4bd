"""Print the benchmark's tables: both paths, the floor, upstream calls, the peers where there are any, and commands.

Machines differ and are shared, so what counts are the ratios of one run. CPU is that of the answering
processes, medians of three rounds, change feeds paused.

    python tests/bench/run.py                 starts a stack of its own
    python tests/bench/run.py --running       uses the demo that runs on the usual ports
    python tests/bench/run.py --in-process    without HTTP and sandboxes
    python tests/bench/run.py --commands      commands only
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench import commands, in_process
from tests.bench.floor import Floor
from tests.bench.over_http import Stack, body, stack
from tests.bench.peers import peers, why_not
from tests.bench.portfolio import SIZES

Row = tuple[str, Sequence[float]]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--in-process", action="store_true", help="measure without HTTP and sandboxes")
    parser.add_argument("--running", action="store_true", help="use the demo that is running already")
    parser.add_argument("--commands", action="store_true", help="measure commands only")
    parser.add_argument("--size", default="medium", choices=["small", "medium", "large"], help="of the demo's firm")
    options = parser.parse_args()
    if not options.commands:
        _print("In the process, generated firm: ms of CPU per portfolio answer", in_process.measure())
    commands.in_process()
    if not options.in_process:
        with stack(running=options.running, size=options.size) as started:
            if not options.commands:
                _over_http(started)
            commands.over_http(started)
    return 0


def _over_http(started: Stack) -> None:
    server = started.server()
    calls = [started.upstream_calls(size) for size in SIZES]
    _calls(calls)
    answer = server.ask(server.connect(), body(max(SIZES)))
    rows: list[Row] = [
        ("floor, no HTTP", _floor(answer)),
        ("hub, the same request again", [server.cpu(size) for size in SIZES]),
        ("hub, no two requests the same", [server.cpu(size, varied=True) for size in SIZES]),
    ]
    missing = why_not()
    if missing is None:
        with peers(answer) as found:
            rows += [(name, [peer.cpu(size) for size in SIZES]) for name, peer in found.items()]
    _print("Over HTTP, demo firm: ms of the server's CPU per portfolio request", rows)
    if missing is not None:
        print(f"No comparison with other servers: {missing}.")


def _floor(answer: bytes) -> list[float]:
    floor = Floor(orjson.loads(answer)["data"])
    return [in_process.cpu_of(floor.answer, size) for size in SIZES]


def _calls(calls: Sequence[tuple[int, int]]) -> None:
    print("\nUpstream calls of one request")
    print(f"{'':40}" + "".join(f"{size:>12}" for size in SIZES))
    for name, column in (("cold: nothing cached", 0), ("warm", 1)):
        print(f"{name:40}" + "".join(f"{call[column]:>12}" for call in calls))


def _print(title: str, rows: Sequence[Row]) -> None:
    """A table: milliseconds, in brackets the ratio to the first row, and the growth from 50 to 200."""
    print(f"\n{title}")
    print(f"{'projects':40}" + "".join(f"{size:>18}" for size in SIZES) + f"{'200 / 50':>12}")
    floor = rows[0][1]
    for name, times in rows:
        cells = "".join(f"{ms:>10.3f} ({ms / least:>5.2f})" for ms, least in zip(times, floor, strict=True))
        print(f"{name:40}{cells}{times[2] / times[1]:>12.2f}")


if __name__ == "__main__":
    sys.exit(main())

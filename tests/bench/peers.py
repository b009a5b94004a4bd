"""Other servers on the hub's own answer, where this machine has them: two gateways and a compiling server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.over_http import Server
from tests.bench.portfolio import PEERS

NAMES = {
    "Apollo Gateway": "http://127.0.0.1:4001/",
    "Hive Gateway": "http://127.0.0.1:4002/graphql",
    "mercurius with JIT": "http://127.0.0.1:4003/graphql",
}


def why_not() -> str | None:
    """Why there can be no comparison here; None when there can."""
    if not (PEERS / "up.sh").exists():
        return "the peers' folder is not beside the repository"
    return None if shutil.which("npm") else "npm is not installed"


@contextmanager
def peers(answer: bytes) -> Iterator[dict[str, Server]]:
    """The peers, running on that answer of the hub; ended afterwards."""
    kept = Path(tempfile.gettempdir()) / "hub-bench-peers"
    kept.mkdir(exist_ok=True)
    given = kept / "answer.json"
    given.write_bytes(answer)
    subprocess.run(["bash", str(PEERS / "up.sh"), str(given), str(kept)], check=True, timeout=600)
    try:
        yield {name: Server(url) for name, url in NAMES.items()}
    finally:
        os.killpg(int((kept / "group").read_text()), signal.SIGTERM)

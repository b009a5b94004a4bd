"""The demo as a person runs it: one command, commands from another shell, Ctrl-C, and the same again."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from hub.demo.supervisor import HUB_PORT, ROLES, VENDORS, _in_use
from tests.support.stack import until

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(300)]

HUB = f"http://127.0.0.1:{HUB_PORT}"
START_S = 100.0
STOP_S = 20.0
"""Long enough for a busy machine: how fast the demo really starts is measured, not tested."""
FIRST_LOAD_CALLS = 40
"""Fewer than a first load of the small firm takes: a second start goes on where the first one ended."""
PORTS = (HUB_PORT, *VENDORS.values())


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Give a folder whose path is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="plumbline-demo-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def environment(data_dir: Path) -> dict[str, str]:
    """The environment of another shell in the same place."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return {**kept, "HUB_DATA_DIR": str(data_dir)}


@contextmanager
def demo(data_dir: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run the demo and hand out its process and its output; whatever is left in the end is killed."""
    output = data_dir / "output.txt"
    with output.open("wb") as file:
        command = [sys.executable, "-m", "hub.cli", "demo", "--size", "small"]
        process = subprocess.Popen(command, env=environment(data_dir), stdout=file, stderr=subprocess.STDOUT)
    try:
        yield process, output
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        finally:
            for left in running(data_dir):
                left.kill()


def hub(data_dir: Path, *arguments: str) -> str:
    """Run a command in another shell and return what it prints."""
    command = [sys.executable, "-m", "hub.cli", *arguments]
    done = subprocess.run(command, env=environment(data_dir), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"hub {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


def running(data_dir: Path) -> list[psutil.Process]:
    """The processes that the demo in this folder has started, the database's included."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = str(data_dir) in " ".join([*process.cmdline(), process.environ().get("HUB_DATA_DIR", "")])
            if ours and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def ready() -> bool:
    """Whether queries work."""
    try:
        return httpx.get(f"{HUB}/readyz", trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def total(token: str) -> int:
    """Ask the graph."""
    headers = {"Authorization": f"Bearer {token}"}
    sent = {"query": "{ projects { totalCount } }"}
    response = httpx.post(f"{HUB}/graphql", json=sent, headers=headers, trust_env=False)
    count: int = response.json()["data"]["projects"]["totalCount"]
    return count


def upstream_calls() -> int:
    """How many calls the sandboxes have received so far."""
    logs = (httpx.get(f"http://127.0.0.1:{port}/_sandbox/requests", trust_env=False) for port in VENDORS.values())
    return sum(log.json()["count"] for log in logs)


def test_the_demo_runs_is_steered_and_ends_without_a_trace(data_dir: Path) -> None:
    """Twice: what the first run made is there for the second."""
    taken = [port for port in PORTS if _in_use(port)]
    if taken:
        pytest.skip(f"ports {taken} are in use by somebody else; the demo's ports are fixed")
    with demo(data_dir) as (process, output):
        until(ready, START_S)
        until(lambda: "Ctrl-C ends everything" in output.read_text(), 5)
        tokens = dict(re.findall(r"^  (\S+) +(ey\S+)$", output.read_text(), re.MULTILINE))
        assert set(tokens) == {str(role) for role in ROLES}
        for token in tokens.values():
            total(token)
        assert total(tokens["pmo"]) == total(hub(data_dir, "token", "--role", "pmo").split()[-1]) > 0
        _the_page_is_local()
        _is_steered_from_another_shell(data_dir)
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_S) == 0
        until(lambda: not running(data_dir), 5)
    with demo(data_dir) as (process, _):
        until(ready, START_S)
        assert upstream_calls() < FIRST_LOAD_CALLS
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S) == 0
        until(lambda: not running(data_dir), 5)


def _the_page_is_local() -> None:
    """GraphiQL comes with everything it needs, and may ask nobody else."""
    page = httpx.get(f"{HUB}/graphql", headers={"Accept": "text/html"}, trust_env=False)
    assert page.status_code == httpx.codes.OK
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert assets
    for asset in assets:
        assert asset.startswith("/static/"), asset
        assert httpx.get(f"{HUB}{asset}", trust_env=False).status_code == httpx.codes.OK


def _is_steered_from_another_shell(data_dir: Path) -> None:
    assert "type Project implements" in hub(data_dir, "schema", "print")
    hub(data_dir, "cache", "clear")
    hub(data_dir, "feeds", "pause")
    until(lambda: _stands_still(1.5), 15)
    status = hub(data_dir, "feeds", "status")
    assert all(system in status for system in VENDORS)
    assert not [line for line in hub(data_dir, "feeds", "run").splitlines() if not line.endswith("ok")]
    hub(data_dir, "feeds", "resume")


def _stands_still(seconds: float) -> bool:
    before = upstream_calls()
    time.sleep(seconds)
    return upstream_calls() == before

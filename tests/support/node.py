"""Node scripts of tests/node, with their locked packages; tests that need them are skipped where there is no Node.

Such tests are of the group "node", so that one process installs the packages.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "node"
OLDEST_MAJOR = 20
INSTALL_S = 100


def run_script(name: str, *arguments: str) -> Any:
    """Run a script and return the JSON that it prints; skip the test where it cannot run."""
    node = _node()
    _install()
    done = subprocess.run([node, name, *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node on this machine")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = said.strip().removeprefix("v").partition(".")[0]
    if not major.isdigit() or int(major) < OLDEST_MAJOR:
        pytest.skip(f"Node is {said.strip()}, and {OLDEST_MAJOR} or newer is needed")
    return node


def _install() -> None:
    """Install the packages once per lock file."""
    lock, stamp = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".installed-from"
    if stamp.is_file() and stamp.read_bytes() == lock.read_bytes():
        return
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm on this machine")
    command = [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode != 0:
        pytest.skip(f"npm could not install the packages of tests/node: {done.stderr.strip()[-200:]}")
    stamp.write_bytes(lock.read_bytes())

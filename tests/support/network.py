"""Keeps tests on this machine: an address elsewhere is an error, whatever code asks for it."""

import ipaddress
import os
import sys
from urllib.parse import urlsplit

# The servers that the environment names for tests may be elsewhere.
NAMED_SERVERS = {
    urlsplit(os.environ.get(name, "")).hostname for name in ("HUB_TEST_DATABASE_URL", "HUB_TEST_REDIS_URL")
}
LOCAL_NAMES = frozenset({"", "localhost", "testserver", None, *NAMED_SERVERS})


class OutsideAddressError(RuntimeError):
    """A test tried to reach another machine."""


def forbid_outside_addresses() -> None:
    """Refuse connections and look-ups that leave this machine, for the rest of the process."""
    sys.addaudithook(_refuse_outside)


def _refuse_outside(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else ""  # a path is a Unix socket
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not _is_local(host):
        message = f"a test may not reach {host!r}"
        raise OutsideAddressError(message)


def _is_local(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False

"""Ports of this machine for servers that a test starts."""

import socket


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on now; use it at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port

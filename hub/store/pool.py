"""Connections that end while nobody uses them: the pool notices before somebody does.

A server that restarts, or an administrator who ends a backend, closes the socket, which the driver knows without
asking. What vanishes without a word (a network, a host) shows only to one who asks; that is three round trips, so it
is done after a pause and not before every use.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

ASK_AFTER_S = 1.0
"""How long a connection may have been idle and still be trusted unasked."""
_IDLE_SINCE = "idle_since"


def keep_alive(engine: Engine, *, ask_after_s: float = ASK_AFTER_S) -> None:
    """Give out living connections only; a dead one makes the pool connect anew, for all that are as old."""

    def given_back(_: Any, record: Any) -> None:
        record.info[_IDLE_SINCE] = time.monotonic()

    def given_out(connection: Any, record: Any, _: Any) -> None:
        since = record.info.get(_IDLE_SINCE)
        if since is None:
            return  # It has just been made.
        if connection.driver_connection.is_closed():
            raise InvalidatePoolError
        if time.monotonic() - since >= ask_after_s:
            _ask(engine, connection)

    event.listen(engine, "checkin", given_back)
    event.listen(engine, "checkout", given_out)


def _ask(engine: Engine, connection: Any) -> None:
    """Raise InvalidatePoolError unless the server answers on the connection."""
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error as error:
        if engine.dialect.is_disconnect(error, connection, None):
            raise InvalidatePoolError from error
        raise

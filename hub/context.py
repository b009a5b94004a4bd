"""What travels with a piece of work through every layer: its cause, its deadline, its wish for freshness."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

CAUSE: ContextVar[str] = ContextVar("cause", default="query:none")
"""Why upstream calls happen: `query:<correlation id>`, `feed:…`, `command:…`, `flow:…`; sent as X-Request-Cause."""

DEADLINE: ContextVar[float | None] = ContextVar("deadline", default=None)
"""The instant (time.monotonic seconds) after which nobody waits for the result any more; None: no limit."""

_CALLS: ContextVar[Counter[str] | None] = ContextVar("calls", default=None)


@contextmanager
def caused_by(cause: str) -> Iterator[None]:
    """Name the cause of all upstream calls made inside the block."""
    token = CAUSE.set(cause)
    try:
        yield
    finally:
        CAUSE.reset(token)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Bound the work inside the block: an earlier deadline that is already set stays."""
    wanted = time.monotonic() + seconds
    current = DEADLINE.get()
    token = DEADLINE.set(wanted if current is None else min(wanted, current))
    try:
        yield
    finally:
        DEADLINE.reset(token)


def remaining(limit_s: float) -> float:
    """Seconds a call may still take: at most `limit_s`, less when the deadline comes first; never negative."""
    deadline = DEADLINE.get()
    return limit_s if deadline is None else max(0.0, min(limit_s, deadline - time.monotonic()))


@contextmanager
def counting_calls() -> Iterator[Counter[str]]:
    """Count the calls to systems that the block causes, by system; what others fetch anyway is theirs."""
    calls: Counter[str] = Counter()
    token = _CALLS.set(calls)
    try:
        yield calls
    finally:
        _CALLS.reset(token)


def note_call(system: str) -> None:
    """Note that a call to the system goes out."""
    calls = _CALLS.get()
    if calls is not None:
        calls[system] += 1

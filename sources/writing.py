"""What writes to any system have in common: which error means that nothing was done, and refusals before any call.

Of all errors of a write only WriteOutcomeUnknown leaves its fate open. So whatever is read before the write
proper runs inside `before_writing`, and the write itself expects every SUCCESS: an answer of a status that
nobody foresaw is no refusal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from hub.domain.kinds import Kind
from hub.errors import SourceRejected, SourceUnavailable
from hub.ports import SourceWrite

SUCCESS = tuple(range(200, 300))
INVALID_VALUE = "INVALID_VALUE"
"""The reason of a refusal by the adapter itself: a value that the system could not take."""
UNSUPPORTED_ACTION = "UNSUPPORTED_ACTION"
"""The reason of a refusal by the adapter itself: the system does not carry out that action."""


@contextmanager
def before_writing() -> Iterator[None]:
    """Inside the block nothing is written yet: a read that fails says that the write was not sent."""
    try:
        yield
    except SourceUnavailable as exc:
        exc.sent = False
        raise


def require_action(system: str, actions: Mapping[Kind, frozenset[str]], change: SourceWrite) -> None:
    """Raise SourceRejected for an action that the system does not carry out."""
    if change.action not in actions.get(change.kind, frozenset()):
        message = f"does not {change.action} a {change.kind} for the hub"
        raise SourceRejected(system, message, operation=change.action, reason=UNSUPPORTED_ACTION)

"""Ending a query that nobody waits for any more: the client has gone, or it has taken too long."""

from __future__ import annotations

import asyncio
from types import TracebackType

from starlette.types import Receive

from hub.app.exchange import ClientGone

PATIENCE_S = 0.02
"""How long a query may take before anybody looks whether the client is still there: most are done sooner."""


class TooLate(Exception):
    """The query was not done in time."""


class Watch:
    """Cancels the block inside after so many seconds, or when the client goes; then it raises TooLate or ClientGone.

    What other requests wait for as well goes on for them (see cache.record_cache).
    """

    __slots__ = ("_before", "_receive", "_seconds", "_task", "_timer", "_watcher", "_why")

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive = receive
        self._seconds = seconds
        self._task: asyncio.Task[object] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._why: type[Exception] | None = None

    def __enter__(self) -> None:
        """Begin; nothing is started for a block that is done at once."""
        self._task = asyncio.current_task()
        self._before = 0 if self._task is None else self._task.cancelling()
        self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._begin)

    def _begin(self) -> None:
        self._watcher = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
            self._why = ClientGone
        except TimeoutError:
            self._why = TooLate
        if self._task is not None:
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; turn our own cancellation into its reason, and let anybody else's pass."""
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if self._why is None or self._task is None:
            return
        ours = self._task.uncancel() <= self._before
        if ours and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise self._why from None

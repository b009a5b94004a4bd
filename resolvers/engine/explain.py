"""What a request did, step by step, for those who ask for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Steps:
    """The steps of a request in the order in which they ended; nothing is kept unless `wanted`."""

    wanted: bool = False
    taken: list[dict[str, Any]] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    @contextmanager
    def step(self, name: str, count: int, **more: Any) -> Iterator[None]:
        """Time one step: what it does, and of how many."""
        started = time.perf_counter()
        try:
            yield
        finally:
            if self.wanted:
                self.taken.append({"step": name, "count": count, **more, **self._times(started)})

    def _times(self, started: float) -> dict[str, float]:
        now = time.perf_counter()
        return {"startMs": round((started - self.began) * 1e3, 3), "ms": round((now - started) * 1e3, 3)}

"""What a request did, for those who may know: its steps, cache hits, and calls to the systems of record."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.domain.callers import Caller
from hub.domain.records import RecordKey
from hub.domain.visibility import FieldGroup, rights_of
from hub.ports import CachedRecord, RecordReader
from resolvers.reads import Reads

HEADER = b"x-hub-explain"


def may_explain(caller: Caller, *, demo: bool) -> bool:
    """Whether the caller may see how its answer came about."""
    return demo or rights_of(caller.roles, caller.allow).reads(FieldGroup.EXPLAIN)


@dataclass(slots=True)
class Explanation:
    """How one answer came about; the execution path tells its name, where it found things, and its steps."""

    path: str = "reference"
    found: str = "loaded"
    steps: Sequence[Mapping[str, Any]] = ()
    hits: Counter[str] = field(default_factory=Counter)
    misses: Counter[str] = field(default_factory=Counter)
    _began: float = field(default_factory=time.perf_counter)

    def counting(self, reads: Reads) -> Reads:
        """The same sources, counted."""
        return replace(reads, records=_CountedRecords(reads.records, self))

    def told(self, cost: int, calls: Mapping[str, int]) -> dict[str, Any]:
        """The explanation for `extensions.plan`."""
        return {
            "path": self.path,
            "found": self.found,
            "ms": round((time.perf_counter() - self._began) * 1e3, 3),
            "cost": cost,
            "cacheHits": dict(self.hits),
            "cacheMisses": dict(self.misses),
            "upstreamCalls": dict(calls),
            "steps": list(self.steps),
        }


class _CountedRecords:
    """A record reader that counts, by system, what was in memory and what was not."""

    def __init__(self, inner: RecordReader, explanation: Explanation) -> None:
        self._inner = inner
        self._explanation = explanation

    @property
    def version(self) -> int:
        """See RecordReader."""
        return self._inner.version

    @version.setter
    def version(self, value: int) -> None:
        self._inner.version = value

    def now(self) -> float:
        """See RecordReader."""
        return self._inner.now()

    def fresh_until(self, key: RecordKey, attributes: frozenset[str]) -> float:
        """See RecordReader."""
        return self._inner.fresh_until(key, attributes)

    def peek(self, key: RecordKey, attributes: frozenset[str]) -> CachedRecord | None:
        """See RecordReader."""
        found = self._inner.peek(key, attributes)
        if found is not None:
            self._explanation.hits[key.system] += 1
        return found

    async def load(
        self, keys: Sequence[RecordKey], attributes: frozenset[str], *, max_age_s: float | None = None
    ) -> list[CachedRecord]:
        """See RecordReader."""
        for key in dict.fromkeys(keys):
            here = max_age_s is None and self._inner.peek(key, attributes) is not None
            (self._explanation.hits if here else self._explanation.misses)[key.system] += 1
        return await self._inner.load(keys, attributes, max_age_s=max_age_s)

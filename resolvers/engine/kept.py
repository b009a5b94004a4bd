"""Whole answers, kept as long as nothing that they were made from has changed or grown old.

An answer is made from directory entries and fresh records. While the directory's generation and the
cache's version stand still and the first of those records is still fresh, making it again would give
the same bytes. Anything else (a change anywhere, an expiry, a request for fresher values, an answer
with errors) goes the ordinary way.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from hub.domain.records import RecordKey
from hub.ports import CachedRecord
from resolvers.engine.sight import Memory
from resolvers.reads import Reads

BYTES_KEPT = 64 * 1024 * 1024
LARGEST_KEPT = 8 * 1024 * 1024
MOST_KEPT = 5_000
"""How many answers are kept, and how many questions are remembered as asked once."""


class Watching(Memory):
    """Memory that notes which records were taken from it."""

    def __init__(self, reads: Reads) -> None:
        super().__init__(reads)
        self._peek = reads.records.peek
        self.taken: dict[tuple[RecordKey, frozenset[str]], None] = {}
        self.peek_record = self._noted

    def _noted(self, key: RecordKey, attributes: frozenset[str]) -> CachedRecord | None:
        self.taken[key, attributes] = None
        return self._peek(key, attributes)


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer, the state of things that it was made in, and until when its records are fresh."""

    stamp: tuple[int, int]
    until: float
    data: bytes


class Answers:
    """Kept answers by what was asked; those not used for longest go first."""

    def __init__(self, reads: Reads, limit: int = BYTES_KEPT) -> None:
        self._reads = reads
        self._limit = limit
        self._size = 0
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._asked: tuple[tuple[int, int], set[int]] = ((-1, -1), set())

    def stamp(self) -> tuple[int, int]:
        """The state of what answers are made from."""
        return (self._reads.directory.generation, self._reads.records.version)

    def get(self, asked: Hashable) -> bytes | None:
        """The answer, if making it again would give the same."""
        kept = self._kept.get(asked)
        if kept is None:
            return None
        if kept.stamp != self.stamp() or self._reads.records.now() > kept.until:
            self._drop(asked)
            return None
        self._kept.move_to_end(asked)
        return kept.data

    def asked_again(self, asked: Hashable) -> bool:
        """Whether this was asked before in the present state of things: only then is keeping worth the trouble."""
        stamp = self.stamp()
        if self._asked[0] != stamp:
            self._asked = (stamp, set())
        seen = self._asked[1]
        if id(asked) in seen:
            return True
        if len(seen) >= MOST_KEPT:
            seen.clear()
        seen.add(id(asked))
        return False

    def put(self, asked: Hashable, data: bytes, stamp: tuple[int, int], seen: Watching) -> None:
        """Keep an answer that was made, without waiting, from these records."""
        if len(data) > LARGEST_KEPT:
            return
        fresh_until = self._reads.records.fresh_until
        until = min((fresh_until(*taken) for taken in seen.taken), default=float("inf"))
        self._drop(asked)
        self._kept[asked] = _Kept(stamp, until, data)
        self._size += len(data)
        while self._size > self._limit or len(self._kept) > MOST_KEPT:
            self._drop(next(iter(self._kept)))

    def _drop(self, asked: Hashable) -> None:
        kept = self._kept.pop(asked, None)
        if kept is not None:
            self._size -= len(kept.data)

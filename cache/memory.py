"""The first tier: entries of this process, bounded in number, newest kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hub.domain.records import Record, RecordKey
from hub.ports import CachedRecord

EXISTENCE = ""
"""The entry of `at` for the record itself, whatever was asked of it."""


@dataclass(slots=True)
class Entry:
    """What is known of one record, never changed in place: a newer answer makes a new entry.

    `at` has the instant (epoch seconds) at which each attribute was fetched, and under EXISTENCE the one at
    which the record itself was: some have no attributes. For an object that the vendor does not have,
    `record` is None and `missing_at` says when it was asked. `fresh_until` keeps,
    per set of attributes asked for, until when they may be served without a second thought.
    """

    record: Record | None
    at: Mapping[str, float]
    missing_at: float | None = None
    fresh_until: dict[frozenset[str], float] = field(default_factory=dict)
    served: CachedRecord = field(init=False)

    def __post_init__(self) -> None:
        """Build the answer once: most entries are served many times."""
        self.served = CachedRecord(self.record, unavailable=None if self.record is not None else "MISSING")

    def oldest(self, attributes: frozenset[str]) -> float | None:
        """When the oldest of these attributes was fetched; None when one of them is not here."""
        if self.record is None:
            return self.missing_at
        try:
            return min(self.at[name] for name in attributes or {EXISTENCE})
        except KeyError:
            return None


class MemoryTier:
    """Entries by record key; the oldest written go first when there are more than `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[RecordKey, Entry] = OrderedDict()

    def __len__(self) -> int:
        """The number of entries."""
        return len(self._entries)

    def get(self, key: RecordKey) -> Entry | None:
        """The entry, however old."""
        return self._entries.get(key)

    def put(self, key: RecordKey, entry: Entry) -> None:
        """Keep an entry as the newest."""
        self._entries[key] = entry
        self._entries.move_to_end(key)
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def drop(self, keys: Iterable[RecordKey]) -> None:
        """Forget entries."""
        for key in keys:
            self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


def merged(old: Entry | None, record: Record, now: float) -> Entry:
    """The entry after a fetch: attributes of an unchanged object add up, a changed object starts anew."""
    at = {EXISTENCE: now, **dict.fromkeys(record.attributes, now)}
    if old is None or old.record is None or old.record.stamp != record.stamp:
        return Entry(record, at)
    together = {**old.record.attributes, **record.attributes}
    whole = Record(
        record.key,
        together,
        record.stamp,
        record.source_timestamp or old.record.source_timestamp,
        record.fetched_at,
        record.keys or old.record.keys,
        record.label or old.record.label,
    )
    return Entry(whole, {**old.at, **at})

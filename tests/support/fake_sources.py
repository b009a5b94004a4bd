"""A system of record without a wire: records in memory, which a test changes as the system's users would."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hub.domain.kinds import Domain, Kind
from hub.domain.records import Key, Record, RecordKey, Value
from hub.errors import SourceError
from hub.ports import ChangePage, Deletes, KindSpec

T0 = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(slots=True)
class FakeSource:
    """See hub.ports.SourceAdapter. `error` fails every call, `broken` the feeds of one kind; `calls` logs all.

    `page_delay_s` is what each page takes. Objects are listed by their stamp, then by id.
    """

    system: str
    domain: Domain
    kinds: Mapping[Kind, KindSpec]
    page_rows: int = 3
    page_delay_s: float = 0.0
    error: SourceError | None = None
    broken: dict[Kind, SourceError] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    objects: dict[RecordKey, Record] = field(default_factory=dict)
    vendor: str = "fake"

    def put(
        self,
        kind: Kind,
        external_id: str,
        attributes: Mapping[str, Value],
        *keys: Key,
        second: float = 0,
        label: str = "",
    ) -> RecordKey:
        """Create or change an object, stamped that many seconds after T0."""
        at = T0 + timedelta(seconds=second)
        key = RecordKey(self.system, kind, external_id)
        self.objects[key] = Record(key, attributes, at.isoformat(), at, datetime.now(UTC), keys, label)
        return key

    def remove(self, key: RecordKey, *, tombstone_second: float | None = None) -> None:
        """Delete an object: without a trace, or with a tombstone."""
        self.objects.pop(key)
        if tombstone_second is not None:
            at = T0 + timedelta(seconds=tombstone_second)
            self.objects[key] = Record(key, {}, at.isoformat(), at, datetime.now(UTC), deleted=True)

    async def fetch(self, kind: Kind, ids: Sequence[str], attributes: frozenset[str]) -> list[Record | None]:
        """See SourceAdapter.fetch."""
        self._called(f"fetch {kind}")
        found = [self.objects.get(RecordKey(self.system, kind, vendor_id)) for vendor_id in ids]
        return [None if record is None or record.deleted else record for record in found]

    async def changes(self, kind: Kind, since: datetime | None) -> AsyncIterator[ChangePage]:
        """See SourceAdapter.changes."""
        rows = sorted(
            (r for r in self.objects.values() if r.key.kind is kind and (since is None or _stamp(r) >= since)),
            key=lambda r: (_stamp(r), r.key.external_id),
        )
        for start in range(0, max(len(rows), 1), self.page_rows):
            self._called(f"changes {kind}")
            if kind in self.broken:
                raise self.broken[kind]
            await asyncio.sleep(self.page_delay_s)
            page = rows[start : start + self.page_rows]
            yield ChangePage(page, _stamp(page[-1]) if page else None)

    async def ping(self) -> None:
        """See SourceAdapter.ping."""
        self._called("ping")

    async def aclose(self) -> None:
        """See SourceAdapter.aclose."""

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if self.error is not None:
            raise self.error


def spec(deletes: Deletes = Deletes.TOMBSTONES) -> KindSpec:
    """What a fake system can do for a kind."""
    return KindSpec("thing", frozenset(), 100, deletes, overlap_s=10)


def _stamp(record: Record) -> datetime:
    assert record.source_timestamp is not None
    return record.source_timestamp

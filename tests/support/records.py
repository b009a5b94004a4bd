"""A source adapter made of memory: counts what is asked of it and fails on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime

from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import attributes_of
from hub.domain.records import Record, RecordKey, Value
from hub.ports import ChangePage, Deletes, KindSpec


class MemoryAdapter:
    """See hub.ports.SourceAdapter; `objects` is (kind, id) → attributes, changed by the test as it likes."""

    vendor = "memory"

    def __init__(self, system: str, domain: Domain) -> None:
        self.system = system
        self.domain = domain
        self.objects: dict[tuple[Kind, str], dict[str, Value]] = {}
        self.fetches: list[tuple[Kind, tuple[str, ...], frozenset[str]]] = []
        self.failure: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.kinds: Mapping[Kind, KindSpec] = {
            kind: KindSpec(kind, attributes_of(domain, kind), 100, Deletes.PROBE)
            for kind in Kind
            if attributes_of(domain, kind)
        }

    async def fetch(self, kind: Kind, ids: Sequence[str], attributes: frozenset[str]) -> list[Record | None]:
        """Answer from memory, once the gate (if any) is open."""
        self.fetches.append((kind, tuple(ids), attributes))
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return [self._record(kind, i, attributes) for i in ids]

    def _record(self, kind: Kind, external_id: str, attributes: frozenset[str]) -> Record | None:
        values = self.objects.get((kind, external_id))
        if values is None:
            return None
        asked = {name: values.get(name) for name in attributes}
        stamp = str(values.get("stamp", "1"))
        now = datetime.now(UTC)
        return Record(RecordKey(self.system, kind, external_id), asked, stamp, now, now)

    async def changes(self, kind: Kind, since: datetime | None) -> AsyncIterator[ChangePage]:
        """Everything, in one page."""
        records = [
            r for k, i in list(self.objects) if k is kind and (r := self._record(k, i, self.kinds[k].attributes))
        ]
        yield ChangePage(records, since or datetime.now(UTC))

    async def ping(self) -> None:
        """Fail as fetch would."""
        if self.failure is not None:
            raise self.failure

    async def aclose(self) -> None:
        """Nothing to close."""

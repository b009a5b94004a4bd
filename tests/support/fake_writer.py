"""A system of record in memory that takes writes, and loses replies and requests as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import attributes_of
from hub.domain.records import Record, RecordKey, Value
from hub.errors import SourceUnavailable, VersionConflict, WriteOutcomeUnknown
from hub.ports import ProcessState, SourceWrite, WriteReceipt
from sources.versions import VERSION
from tests.support.records import MemoryAdapter
from tests.support.versions import VERSIONS

STATUS_AFTER = {"complete": "COMPLETED", "approve": "APPROVED", "reject": "REJECTED"}


class FakeWriter(MemoryAdapter):
    """See hub.ports.SourceWriter.

    `fault` meets the next writes: `lost-reply` (carried out, not answered), `lost-request` (neither),
    `down` (not sent), or an error to raise; `delay_s` is what each write takes. `written` logs what was
    carried out, `asked` every call of `write`. `pending` makes every write start a process, whose state is
    `process`. `also` are other objects that every write changes in the same way. `before_write` is called just
    before a write is carried out, as the vendor's own users would act.
    """

    actions: Mapping[Kind, frozenset[str]] = {}

    def __init__(self, system: str, domain: Domain) -> None:
        super().__init__(system, domain)
        self.fault: str | Exception | None = None
        self.verify_fault: Exception | None = None
        self.delay_s = 0.0
        self.asked: list[SourceWrite] = []
        self.was_asked = asyncio.Event()
        self.written: list[SourceWrite] = []
        self.pending = False
        self.also: tuple[str, ...] = ()
        self.process = ProcessState.PENDING
        self.before_write: Any = None
        self._changes = 1

    async def fetch(self, kind: Kind, ids: Sequence[str], attributes: frozenset[str]) -> list[Record | None]:
        """Records with their version."""
        found = await super().fetch(kind, ids, attributes)
        return [None if record is None else self._versioned(record) for record in found]

    def _versioned(self, record: Record) -> Record:
        if VERSION not in record.attributes:
            return record
        version = self.version(record.key.kind, record.key.external_id)
        return replace(record, attributes={**record.attributes, VERSION: version})

    def version(self, kind: Kind, external_id: str) -> str:
        """The version of an object now."""
        values = self.objects[kind, external_id]
        owned = {n: values.get(n) for n in attributes_of(self.domain, kind)}
        return VERSIONS.of(RecordKey(self.system, kind, external_id), owned)

    async def write(self, change: SourceWrite) -> WriteReceipt:
        """Carry the change out, or fail as told."""
        self.asked.append(change)
        self.was_asked.set()
        await asyncio.sleep(self.delay_s)
        fault = self.fault
        if isinstance(fault, Exception):
            raise fault
        if fault == "down":
            raise SourceUnavailable(self.system, "does not answer", sent=False)
        if fault == "lost-request":
            raise WriteOutcomeUnknown(self.system, "no answer")
        receipt = self._carry_out(change)
        if fault == "lost-reply":
            raise WriteOutcomeUnknown(self.system, "no answer")
        return receipt

    def _carry_out(self, change: SourceWrite) -> WriteReceipt:
        if self.before_write is not None:
            self.before_write()
        done = self._made(change)
        if done is not None:
            return done
        if change.version is not None and change.version != self.version(change.kind, change.external_id or ""):
            raise VersionConflict("changed")
        self._changes += 1
        external_id = change.external_id or f"new-{self._changes}"
        values = self.objects.setdefault((change.kind, external_id), {})
        for touched in (external_id, *self.also):
            if (change.kind, touched) in self.objects:
                self.objects[change.kind, touched] |= self._values(change)
        values["stamp"] = f"changed-{self._changes}"
        values["token"] = str(change.canonical_id or change.token)
        self.written.append(change)
        return WriteReceipt(external_id, "process-1" if self.pending else None, self.also)

    def _values(self, change: SourceWrite) -> dict[str, Value]:
        if change.action in STATUS_AFTER:
            return {"status": STATUS_AFTER[change.action]}
        if change.action == "update_skills":
            return {}
        extra: dict[str, Value] = {"status": "SUBMITTED"} if change.kind is Kind.TIME_ENTRY else {}
        return {**change.values, **extra}

    def _made(self, change: SourceWrite) -> WriteReceipt | None:
        mark = str(change.canonical_id or change.token)
        made = (i for (kind, i), v in self.objects.items() if kind is change.kind and v.get("token") == mark)
        found = next(made, None)
        return None if found is None else WriteReceipt(found, also=self.also)

    async def verify(self, change: SourceWrite) -> WriteReceipt | None:
        """Look for the write's mark."""
        if self.verify_fault is not None:
            raise self.verify_fault
        return self._made(change)

    async def process_state(self, handle: str) -> ProcessState:
        """As the test says."""
        return self.process

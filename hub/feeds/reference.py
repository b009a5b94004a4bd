"""The hub's own reference data as records of a system of their own."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.kinds import Kind
from hub.domain.records import Key, Record, RecordKey, Ref
from hub.estate import PracticeConfig, Reference
from hub.ports import DirectoryWriter
from hub.store.missing import known_ids
from hub.store.watermarks import Feed

REFERENCE = "reference"
"""The system key of the hub's own records; its domain is Domain.HUB."""


async def load_reference(engine: AsyncEngine, writer: DirectoryWriter, reference: Reference) -> None:
    """Apply the practices to the directory; those that the file no longer has are deleted."""
    now = datetime.now(UTC)
    known = await known_ids(engine, Feed(REFERENCE, Kind.PRACTICE), before=now)
    removed = known - {practice.code for practice in reference.practices}
    await writer.apply(
        [
            *(_record(practice, now) for practice in reference.practices),
            *(Record(_key(code), {}, now.isoformat(), None, now, deleted=True) for code in sorted(removed)),
        ]
    )


def _record(practice: PracticeConfig, now: datetime) -> Record:
    parent = None if practice.parent is None else Ref(Kind.PRACTICE, practice.parent, "code")
    attributes = {"code": practice.code, "name": practice.name, "parent": parent}
    return Record(
        _key(practice.code), attributes, now.isoformat(), None, now, (Key("code", practice.code),), practice.name
    )


def _key(code: str) -> RecordKey:
    return RecordKey(REFERENCE, Kind.PRACTICE, code)

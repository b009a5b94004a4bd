"""The commands of one hub process: what carries them out, and what looks after those that are not finished."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from cache.record_cache import RecordCache
from hub.domain.ids import CanonicalId
from hub.domain.pseudonyms import Pseudonyms
from hub.ports import DirectoryReader, DirectoryWriter, SourceWriter
from hub.store.announcements import Announcements
from hub.store.ledger import Ledger
from hub.store.locks import RecordLocks
from hub.store.people import resource_of_email
from hub.usecases.desk import Desk
from hub.usecases.mutations import MUTATIONS
from hub.usecases.scoped_directory import Sights
from hub.usecases.verify import Verifier
from hub.usecases.write_through import WriteThrough


def sights_of(engine: AsyncEngine, directory: DirectoryReader) -> Sights:
    """What each caller sees of the directory."""

    async def person(email: str) -> CanonicalId | None:
        return await resource_of_email(engine, email)

    return Sights(directory, person)


@asynccontextmanager
async def run_commands(
    engine: AsyncEngine,
    adapters: Mapping[str, SourceWriter],
    directory: DirectoryReader,
    writer: DirectoryWriter,
    cache: RecordCache,
    announcements: Announcements,
    *,
    settle_s: float | None = None,
    pseudonyms: Pseudonyms | None = None,
) -> AsyncIterator[WriteThrough]:
    """Take commands while inside; those under way are finished before the block ends."""
    sights = sights_of(engine, directory)
    desk = Desk(
        engine,
        adapters,
        directory,
        writer,
        cache,
        announcements,
        Ledger(engine),
        RecordLocks(engine),
        lambda: datetime.now(UTC).date(),
        sights,
    )
    commands = WriteThrough(desk, MUTATIONS, pseudonyms=pseudonyms)
    verifier = Verifier(desk, settle_s=settle_s)
    await verifier.start()
    try:
        yield commands
    finally:
        await verifier.stop()
        await commands.aclose()

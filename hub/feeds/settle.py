"""Asks owners for records about which a feed has brought conflicting changes (domain.md 6.2).

Two changes under one stamp say nothing about which came last. The owner, asked for the very record after both, does:
what it answers is taken over, and the conflict is over. While it cannot be asked, the conflict stays open.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from hub.domain.directory import kept_by
from hub.domain.inbound import Way
from hub.domain.records import Record, RecordKey
from hub.errors import SourceError
from hub.feeds.hub import Hub
from hub.ports import Deletes
from hub.store.inbound_notes import Doubted, doubted
from hub.store.missing import note_missing
from hub.store.watermarks import Feed

log = logging.getLogger(__name__)

SETTLE_RECORDS = 1_000
"""Records asked for by id after one run of a feed; the next run goes on."""


async def settle(hub: Hub, feed: Feed) -> None:
    """Ask for the feed's records that are in conflict; a system that does not answer is asked again next time."""
    doubts = await doubted(hub.engine, feed, limit=SETTLE_RECORDS)
    if not doubts:
        return
    adapter = hub.adapters[feed.system]
    try:
        answers = await adapter.fetch(
            feed.kind, [doubt.key.external_id for doubt in doubts], kept_by(adapter.domain, feed.kind)
        )
    except SourceError as error:
        log.warning("asking %s for %d records in conflict failed: %s", feed.system, len(doubts), error)
        return
    found = [record for record in answers if record is not None]
    absent = [doubt for doubt, record in zip(doubts, answers, strict=True) if record is None]
    gone = _gone(absent)
    await hub.take(found + gone, Way.BY_ID)
    await hub.share(found + gone, [doubt.key for doubt in doubts])
    if adapter.kinds[feed.kind].deletes is Deletes.PROBE:
        await note_missing(hub.engine, _keys(absent))


def _gone(absent: Sequence[Doubted]) -> list[Record]:
    """Of the records that are not there, those that a tombstone of the system's own says are deleted."""
    now = datetime.now(UTC)
    keys = _keys([doubt for doubt in absent if doubt.deleted])
    return [Record(key, {}, f"gone {now.isoformat()}", None, now, deleted=True) for key in keys]


def _keys(doubts: Sequence[Doubted]) -> list[RecordKey]:
    return [doubt.key for doubt in doubts]

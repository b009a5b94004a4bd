"""Finds what feeds cannot tell: changes that one missed, and deletions that the system never mentions.

A full pass reads everything. What the hub knows and the pass did not see is only suspected: the system is
asked for the very ids. Its "not there" is noted, and after a minute asked again; then it is a deletion
(domain.md 6.4). A system that fails meanwhile deletes nothing.
"""

from __future__ import annotations

import logging
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from hub.context import caused_by
from hub.domain.directory import kept_by
from hub.domain.inbound import Way
from hub.domain.records import Record, RecordKey
from hub.errors import SourceError
from hub.feeds.hub import Hub
from hub.feeds.pull import pages
from hub.feeds.settle import settle
from hub.ports import Deletes
from hub.store.missing import known_ids, marked, note_found, note_missing
from hub.store.watermarks import Feed

log = logging.getLogger(__name__)

PROBE_RECORDS = 1_000
"""Records asked for by id in one run of the probe."""


class Sweeper:
    """Full passes and probes."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def full_pass(self, feed: Feed, *, forced: bool) -> None:
        """Read everything of one kind; apply what differs, and ask by id for what was not seen."""
        with caused_by(f"feed:{uuid.uuid4()}"):
            try:
                await self._pass(feed, forced=forced)
            except SourceError as error:
                # The feed itself records and retries failures of its system; the pass waits for its next day.
                log.warning("full pass over %s of %s failed: %s", feed.kind, feed.system, error)

    async def probe(self) -> None:
        """Ask again for the records whose first "not there" is a minute old."""
        asked = [f for f in self._hub.feeds if self._tells_nothing(f)]
        by_feed: dict[Feed, list[str]] = defaultdict(list)
        for key in await marked(self._hub.engine, asked, limit=PROBE_RECORDS):
            by_feed[Feed(key.system, key.kind)].append(key.external_id)
        for feed, ids in by_feed.items():
            if not await self._hub.may_go_on(forced=False):
                return
            with caused_by(f"feed:{uuid.uuid4()}"):
                try:
                    await self._delete(await self._missing(feed, ids))
                except SourceError as error:
                    log.warning("asking %s whether it still has %d records failed: %s", feed.system, len(ids), error)

    async def _pass(self, feed: Feed, *, forced: bool) -> None:
        hub = self._hub
        began = await hub.watermarks.now()
        seen: set[str] = set()
        async with pages(hub.adapters[feed.system], feed, None) as found:
            while await hub.may_go_on(forced=forced):
                page = await anext(found, None)
                if page is None:
                    break
                await hub.take(page.records, Way.FEED)
                seen.update(record.key.external_id for record in page.records)
            else:
                return
        await hub.watermarks.passed(feed)
        await settle(hub, feed)
        if self._tells_nothing(feed):
            unseen = sorted(await known_ids(hub.engine, feed, before=began) - seen)
            await note_missing(hub.engine, await self._missing(feed, unseen))

    def _tells_nothing(self, feed: Feed) -> bool:
        return self._hub.adapters[feed.system].kinds[feed.kind].deletes is Deletes.PROBE

    async def _missing(self, feed: Feed, ids: Sequence[str]) -> list[RecordKey]:
        """Those of the ids that the system does not have; what it has after all is applied and no longer suspected."""
        if not ids:
            return []
        adapter = self._hub.adapters[feed.system]
        answers = await adapter.fetch(feed.kind, ids, kept_by(adapter.domain, feed.kind))
        found = [record for record in answers if record is not None]
        await self._hub.take(found, Way.BY_ID)
        await note_found(self._hub.engine, [record.key for record in found])
        return [
            RecordKey(feed.system, feed.kind, vendor_id)
            for vendor_id, record in zip(ids, answers, strict=True)
            if record is None
        ]

    async def _delete(self, keys: Sequence[RecordKey]) -> None:
        """Twice not there: gone."""
        now = datetime.now(UTC)
        gone = [Record(key, {}, f"gone {now.isoformat()}", None, now, deleted=True) for key in keys]
        await self._hub.take(gone, Way.BY_ID)
        await self._hub.share(gone, keys)

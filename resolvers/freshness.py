"""Read-through of what the directory keeps: a caller who asks for fresh values gets fresh links and names too."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hub.domain.directory import kept_by
from hub.domain.kinds import Kind
from hub.domain.records import Record, RecordKey
from hub.ports import Entity
from resolvers.reads import Reads


async def refreshed(reads: Reads, entities: Sequence[Entity | None], max_age_s: float) -> list[Entity | None]:
    """The entities after their records, read at most `max_age_s` old, have been taken over into the directory.

    Slots stay as they are. A system that does not answer leaves its values as they were; an entity whose
    records changed is read again. Membership of lists is the feeds' business.
    """
    groups = _kept_records(reads, (e for e in entities if e is not None))
    loaded = await asyncio.gather(*(_load(reads, keys, kept, max_age_s) for (*_, kept), keys in groups.items()))
    records = [record for group in loaded for record in group]
    changed = await reads.writer.apply(records) if records else frozenset()
    if not changed:
        return list(entities)
    reads.directory.heard(" ".join(changed))
    again = [e.id for e in entities if e is not None and e.id in changed]
    news = dict(zip(again, await reads.directory.entities(again), strict=True))
    return [None if e is None else news.get(e.id, e) for e in entities]


def _kept_records(reads: Reads, entities: Iterable[Entity]) -> dict[tuple[str, Kind, frozenset[str]], list[RecordKey]]:
    """The records that the directory keeps something of, by system, kind and what is kept."""
    groups: dict[tuple[str, Kind, frozenset[str]], list[RecordKey]] = defaultdict(list)
    for key in dict.fromkeys(key for entity in entities for key in entity.records):
        card = reads.systems.get(key.system)
        kept = frozenset[str]() if card is None else kept_by(card.domain, key.kind)
        if kept:
            groups[key.system, key.kind, kept].append(key)
    return groups


async def _load(reads: Reads, keys: Sequence[RecordKey], kept: frozenset[str], max_age_s: float) -> list[Record]:
    """What answered, with nothing but the kept attributes: the directory must not come to hold more."""
    loaded = await reads.records.load(keys, kept, max_age_s=max_age_s)
    return [
        replace(found.record, attributes={n: v for n, v in found.record.attributes.items() if n in kept})
        for found in loaded
        if found.record is not None and found.unavailable is None
    ]

"""Batching for the reference path: what sibling fields ask for in one turn of the loop goes out as one read.

Loaders live for one request and are made inside its loop. Anything that is in memory is given at once,
without waiting for the turn to end, unless the caller asks for fresher values.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import TypeAlias, TypeVar, cast

from aiodataloader import DataLoader

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.records import RecordKey
from hub.errors import SourceUnavailable
from hub.ports import CachedRecord, Entity, EntityPage, PageQuery
from resolvers.freshness import refreshed
from resolvers.reads import Reads

T = TypeVar("T")
Now: TypeAlias = T | Awaitable[T]
"""A value, or the wait for it."""

Wanted: TypeAlias = tuple[RecordKey, frozenset[str]]
ChildPage: TypeAlias = tuple[PageQuery, CanonicalId]
MaxAge: TypeAlias = Callable[[], float | None]

_UNKNOWN_SYSTEM = CachedRecord(None, unavailable=SourceUnavailable.code)


def _apart(shared: Awaitable[T]) -> asyncio.Future[T]:
    """The wait for what others may wait for too: graphql-core cancels fields whose sibling failed, each for itself."""
    return asyncio.shield(shared)


class Loaders:
    """The three batched reads of one request: records, entities, and the children of entities.

    `max_age` gives the age in seconds that a record may have now, None for the cache's own policy.
    """

    def __init__(self, reads: Reads, max_age: MaxAge) -> None:
        self._reads = reads
        self._max_age = max_age

    # Made when they are needed first: the planned path, which answers most requests, needs none of them.

    @cached_property
    def _records(self) -> DataLoader[Wanted, CachedRecord]:
        return DataLoader(self._load_records)

    @cached_property
    def _entities(self) -> DataLoader[CanonicalId, Entity | None]:
        return DataLoader(self._load_entities)

    @cached_property
    def _pages(self) -> DataLoader[ChildPage, EntityPage]:
        return DataLoader(self._load_pages)

    def record(self, key: RecordKey, attributes: frozenset[str]) -> Now[CachedRecord]:
        """The record with at least these attributes, as far as its system gives it."""
        if self._max_age() is None:
            known = self._reads.records.peek(key, attributes)
            if known is not None:
                return known
        return _apart(self._records.load((key, attributes)))

    def entity(self, canonical_id: CanonicalId) -> Now[Entity | None]:
        """The entity, the survivor for a merged id; None when there is none."""
        if self._max_age() is None:
            known = self._reads.directory.peek_entity(canonical_id)
            if known is not None:
                return known
        return _apart(self._entities.load(canonical_id))

    async def entities(self, ids: Sequence[CanonicalId]) -> list[Entity | None]:
        """Entities by id, one slot per id."""
        return await _apart(self._entities.load_many(list(ids)))

    async def children(self, query: PageQuery, parent: CanonicalId) -> EntityPage:
        """The page of one parent's children."""
        return await _apart(self._pages.load((query, parent)))

    async def _load_records(self, wanted: list[Wanted]) -> list[CachedRecord]:
        """One read per system and kind, with the union of what is wanted of any of its records."""
        keys: dict[tuple[str, Kind], dict[RecordKey, None]] = defaultdict(dict)
        attributes: dict[tuple[str, Kind], frozenset[str]] = defaultdict(frozenset)
        for key, names in wanted:
            keys[key.system, key.kind][key] = None
            attributes[key.system, key.kind] |= names
        found: dict[RecordKey, CachedRecord] = {}
        await asyncio.gather(*(self._load_group(list(group), attributes[of], found) for of, group in keys.items()))
        return [found[key] for key, _ in wanted]

    async def _load_group(
        self, keys: list[RecordKey], attributes: frozenset[str], found: dict[RecordKey, CachedRecord]
    ) -> None:
        if keys[0].system not in self._reads.systems:
            found.update(dict.fromkeys(keys, _UNKNOWN_SYSTEM))
            return
        loaded = await self._reads.records.load(keys, attributes, max_age_s=self._max_age())
        found.update(zip(keys, loaded, strict=True))

    async def _load_entities(self, ids: list[CanonicalId]) -> list[Entity | None]:
        entities = await self._reads.directory.entities(ids)
        max_age_s = self._max_age()
        return entities if max_age_s is None else await refreshed(self._reads, entities, max_age_s)

    async def _load_pages(self, wanted: list[ChildPage]) -> list[EntityPage]:
        """One read per page query, for all its parents; one that is refused fails by itself."""
        parents: dict[PageQuery, list[CanonicalId]] = defaultdict(list)
        for query, parent in wanted:
            parents[query].append(parent)
        reads = (self._reads.directory.child_pages(q, p) for q, p in parents.items())
        found = dict(zip(parents, await asyncio.gather(*reads, return_exceptions=True), strict=True))
        # The library takes an exception in a value's place as that key's failure, though its types do not say so.
        return [
            cast("EntityPage", pages) if isinstance(pages := found[query], BaseException) else pages[parent]
            for query, parent in wanted
        ]

"""Loading what a plan needs and memory lacks: breadth-first through the directory, then one batch per kind of record.

The directory decides which entities the answer has, so it is walked first, sibling branches side by
side and each relation of a level in one read. Then every kind of record of every domain is read once
for the whole answer, all side by side: a slow system holds up nothing but itself. Values that refer to
further entities (an invoice's lines) send the walk on for another round.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.domain.ids import CanonicalId, kind_of
from hub.domain.kinds import Kind
from hub.domain.records import BY_CANONICAL, RecordKey, Ref
from hub.errors import SourceUnavailable
from hub.ports import CachedRecord, Entity, PageQuery
from resolvers.engine.binding import Bound, ByCode
from resolvers.engine.explain import Steps
from resolvers.engine.plan import FieldPlan, Selection
from resolvers.engine.sight import Loaded, RecordWish
from resolvers.filters import settled
from resolvers.freshness import refreshed
from resolvers.graph import (
    TYPE_OF_KIND,
    Attr,
    ByIds,
    Children,
    Derived,
    Health,
    Link,
    Lookup,
    Pages,
    PartLink,
    Provenance,
    Reverse,
)
from resolvers.request import Request
from resolvers.values import key_of, needed, owner, part

_UNKNOWN_SYSTEM = CachedRecord(None, unavailable=SourceUnavailable.code)


@dataclass(slots=True)
class Loading:
    """One request's loading; `run` gives what was loaded. It never raises for a source or a caller's fault."""

    bound: Bound
    request: Request
    steps: Steps
    loaded: Loaded = field(default_factory=Loaded)
    _seen: dict[int, set[CanonicalId]] = field(default_factory=lambda: defaultdict(set))
    _wished: dict[RecordWish, None] = field(default_factory=dict)
    _referring: dict[FieldPlan, dict[CanonicalId, Entity]] = field(default_factory=lambda: defaultdict(dict))

    async def run(self) -> Loaded:
        """Load all that the plan can reach."""
        await _together(self._root(asked) for asked in self.bound.plan.root.fields)
        while self._wished:
            await self._read_records()
            referring, self._referring = self._referring, defaultdict(dict)
            await _together(self._refer(asked, entities) for asked, entities in referring.items())
        return self.loaded

    # -- where the graph is entered --------------------------------------------------------------

    async def _root(self, asked: FieldPlan) -> None:
        if isinstance(self.bound.arguments[asked.number], Exception):
            return
        match asked.source:
            case Pages():
                await self._list(asked)
            case Lookup() | ByIds():
                await self._named(asked)
            case Health():
                self.loaded.systems = await _or_failure(self.request.reads.monitor.sources())
            case _:
                pass

    async def _list(self, asked: FieldPlan) -> None:
        query = self.bound.queries[asked.number]
        if not isinstance(query, PageQuery):
            return
        with self.steps.step(f"list {query.kind}", 1):
            page: Any = await _or_failure(self._settled_page(query))
        self.loaded.lists[query] = page
        if not isinstance(page, Exception):
            await self._enter_below(asked, page.ids)

    async def _settled_page(self, query: PageQuery) -> Any:
        directory = self.request.reads.directory
        return await directory.page(replace(query, conditions=await settled(query.conditions, directory)))

    async def _named(self, asked: FieldPlan) -> None:
        target: Any = self.bound.targets[asked.number]
        if isinstance(target, Exception) or target is None:
            return
        if isinstance(target, ByCode):
            found = await _or_failure(self.request.reads.directory.by_code(target.kind, target.code))
            self.loaded.codes[target.kind, target.code] = found
            target = found if isinstance(found, str) else None
        slots = target if isinstance(target, list) else [target]
        ids = [CanonicalId(slot) for slot in slots if isinstance(slot, str)]
        await _together(
            self._enter(selection, [i for i in ids if TYPE_OF_KIND[kind_of(i)] == name])
            for name, selection in asked.below.items()
        )
        # Ids of kinds that the selection has no type for are looked at nevertheless: a slot needs its null.
        await self._entities([i for i in ids if i not in self.loaded.entities])

    # -- through the directory -------------------------------------------------------------------

    async def _enter(self, selection: Selection, ids: Iterable[CanonicalId]) -> None:
        """Load entities that a selection set is asked of, and go on from them."""
        seen = self._seen[selection.number]
        new = [i for i in dict.fromkeys(ids) if i not in seen]
        if not new:
            return
        seen.update(new)
        await self._entities(new)
        entities = [e for i in new if isinstance(e := self.loaded.entities[i], Entity)]
        if selection.problem is None and entities:
            await _together(self._follow(asked, entities) for asked in selection.fields)

    async def _entities(self, ids: Sequence[CanonicalId]) -> None:
        missing = list(dict.fromkeys(i for i in ids if i not in self.loaded.entities))
        if not missing:
            return
        with self.steps.step("entities", len(missing)):
            found = await _or_failure(self._found(missing))
        if isinstance(found, Exception):
            found = [found] * len(missing)
        self.loaded.entities.update(zip(missing, found, strict=True))

    async def _found(self, ids: Sequence[CanonicalId]) -> list[Entity | None]:
        reads, max_age_s = self.request.reads, self.request.max_age_now()
        found = await reads.directory.entities(ids)
        return found if max_age_s is None else await refreshed(reads, found, max_age_s)

    async def _follow(self, asked: FieldPlan, entities: Sequence[Entity]) -> None:
        """Note which records a field needs, and go on to the entities behind it."""
        source = asked.source
        match source:
            case Attr() | Derived():
                self._wish_for(asked, source, entities)
            case Provenance():
                self._wish_for_all(entities)
            case Link():
                linked = [CanonicalId(str(t)) for e in entities if (t := e.kept.get(source.name)) is not None]
                await _together(self._enter(s, linked) for s in asked.below.values())
            case Children() | Reverse() | Pages():
                await self._descend(asked, [e.id for e in entities])
            case _:
                pass

    async def _descend(self, asked: FieldPlan, parents: Sequence[CanonicalId]) -> None:
        await self._enter_below(asked, await self._child_ids(asked, parents))

    async def _enter_below(self, asked: FieldPlan, ids: Sequence[CanonicalId]) -> None:
        """Go on to the entities of a list; a page of cursors alone still has to know which of them are there."""
        await self._entities(ids)
        await _together(self._enter(selection, ids) for selection in _entities_below(asked))

    async def _child_ids(self, asked: FieldPlan, parents: Sequence[CanonicalId]) -> list[CanonicalId]:
        query = self.bound.queries[asked.number]
        if not isinstance(query, PageQuery):
            return []
        known = self.loaded.children.setdefault(query, {})
        missing = list(dict.fromkeys(p for p in parents if p not in known))
        if missing:
            with self.steps.step(f"{asked.type_name}.{asked.name}", len(missing)):
                known.update(await self._pages(query, missing))
        pages = [known[parent] for parent in parents]
        return [i for page in pages if not isinstance(page, Exception) for i in page.ids]

    async def _pages(self, query: PageQuery, parents: Sequence[CanonicalId]) -> Mapping[CanonicalId, Any]:
        found: Any = await _or_failure(self.request.reads.directory.child_pages(query, parents))
        return dict.fromkeys(parents, found) if isinstance(found, Exception) else found

    # -- records ---------------------------------------------------------------------------------

    def _wish_for(self, asked: FieldPlan, source: Attr | Derived, entities: Sequence[Entity]) -> None:
        given = self.bound.arguments[asked.number]
        if isinstance(given, Exception):
            return
        names = needed(source, given)
        for entity in entities:
            for name in names:
                domain = owner(entity.record_kind, name)
                key = None if domain is None else entity.keys.get(domain)
                if domain is not None and key is not None:
                    self._wished[key, self.bound.need(entity.record_kind, domain)] = None
        if _has_references(asked):
            self._referring[asked].update((entity.id, entity) for entity in entities)

    def _wish_for_all(self, entities: Sequence[Entity]) -> None:
        systems = self.request.reads.systems
        for entity in entities:
            for key in entity.records:
                card = systems.get(key.system)
                if card is not None:
                    self._wished[key, self.bound.need(key.kind, card.domain)] = None

    async def _read_records(self) -> None:
        """Read what is wished for: one read per system and kind."""
        batches: dict[tuple[str, Kind, frozenset[str]], list[RecordKey]] = defaultdict(list)
        for key, attributes in self._wished:
            if (key, attributes) not in self.loaded.records:
                batches[key.system, key.kind, attributes].append(key)
        self._wished = {}
        await _together(self._batch(keys, attributes) for (*_, attributes), keys in batches.items())

    async def _batch(self, keys: Sequence[RecordKey], attributes: frozenset[str]) -> None:
        reads, first = self.request.reads, keys[0]
        if first.system not in reads.systems:
            self.loaded.records.update(((key, attributes), _UNKNOWN_SYSTEM) for key in keys)
            return
        with self.steps.step(f"{first.system} {first.kind}", len(keys), **self._told(keys, attributes)):
            found = await reads.records.load(keys, attributes, max_age_s=self.request.max_age_now())
        self.loaded.records.update(((key, attributes), one) for key, one in zip(keys, found, strict=True))

    def _told(self, keys: Sequence[RecordKey], attributes: frozenset[str]) -> dict[str, Any]:
        """What an explanation says of a batch of records beside its size."""
        if not self.steps.wanted:
            return {}
        peek = self.request.reads.records.peek
        return {"attributes": sorted(attributes), "inMemory": sum(peek(key, attributes) is not None for key in keys)}

    # -- references inside records' values -------------------------------------------------------

    async def _refer(self, asked: FieldPlan, entities: Mapping[CanonicalId, Entity]) -> None:
        """Go on to the entities that references in the field's values mean."""
        await _together(
            self._refer_by(link, asked, entities)
            for selection in asked.below.values()
            for link in selection.fields
            if isinstance(link.source, PartLink)
        )

    async def _refer_by(self, link: FieldPlan, asked: FieldPlan, entities: Mapping[CanonicalId, Entity]) -> None:
        canonical: list[CanonicalId] = []
        parents: list[CanonicalId] = []
        for entity in entities.values():
            for ref in self._references(link, asked, entity):
                if ref.by == BY_CANONICAL:
                    canonical.append(CanonicalId(ref.value))
                elif not parents or parents[-1] != entity.id:
                    parents.append(entity.id)
        ids = canonical + (await self._child_ids(link, parents) if parents else [])
        await _together(self._enter(selection, ids) for selection in link.below.values())

    def _references(self, link: FieldPlan, asked: FieldPlan, entity: Entity) -> list[Ref]:
        if not isinstance(asked.source, Attr) or not isinstance(link.source, PartLink):
            return []
        attribute, name = asked.source.attribute, link.source.name
        key, domain = key_of(entity, attribute), owner(entity.record_kind, attribute)
        if key is None or domain is None:
            return []
        record = self.loaded.records[key, self.bound.need(entity.record_kind, domain)].record
        members = (record.attributes.get(attribute) if record else None) or ()
        found = (part(member, name) for member in members) if isinstance(members, tuple) else ()
        return [ref for ref in found if isinstance(ref, Ref)]


def _has_references(asked: FieldPlan) -> bool:
    return any(isinstance(f.source, PartLink) for s in asked.below.values() for f in s.fields)


def _entities_below(asked: FieldPlan) -> list[Selection]:
    """The selection sets on the entities of a list, a connection or its edges."""
    found: list[Selection] = []
    for selection in asked.below.values():
        if selection.kind is not None:
            found.append(selection)
        else:
            found.extend(s for below in selection.fields for s in _entities_below(below))
    return found


async def _or_failure(work: Any) -> Any:
    """The result, or the exception in its place."""
    try:
        return await work
    except Exception as failure:  # noqa: BLE001 -- it is raised again, at each place that it concerns
        return failure


async def _together(work: Iterable[Any]) -> None:
    """Run side by side; a single piece runs here and now. One that breaks ends the others."""
    pieces = list(work)
    if len(pieces) == 1:
        await pieces[0]
    elif pieces:
        async with asyncio.TaskGroup() as group:
            for piece in pieces:
                group.create_task(piece)

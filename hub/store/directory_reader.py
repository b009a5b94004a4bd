"""The directory as resolvers read it: rows and page answers, kept in memory under generations.

Every directory write announces what it changed (hub.store.directory_writer.CHANNEL); every replica then
drops the rows concerned and moves the generation of their kinds, which makes the page answers of
those kinds unreachable. So a warm read touches no database, and a replica is never behind by more
than a notification's way (hub.store.replicas).
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.ids import CanonicalId, kind_of
from hub.domain.kinds import Domain, Kind
from hub.domain.records import RecordKey
from hub.ports import Entity, EntityPage, PageQuery
from hub.store.codec import decode
from hub.store.directory_writer import CHANNEL
from hub.store.pages import EMPTY_PAGE, PageSql, build_page
from hub.store.replicas import Replicas
from hub.store.statements import text

ENTITIES_IN_MEMORY = 60_000
PAGES_IN_MEMORY = 60_000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedMap(Generic[K, V]):
    """A mapping that forgets its oldest entries; the newest `limit` stay."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, or None."""
        return self._items.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep a value, forgetting the oldest when there are too many."""
        self._items[key] = value
        if len(self._items) > self._limit:
            self._items.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a key; nothing happens when it is not there."""
        self._items.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()


class PostgresDirectory:
    """See hub.ports.DirectoryReader."""

    def __init__(self, engine: AsyncEngine, replicas: Replicas | None = None) -> None:
        """Hears of changes from when `replicas` is started; without any only what it is told by `heard`."""
        self._engine = engine
        self._entities: BoundedMap[CanonicalId, Entity] = BoundedMap(ENTITIES_IN_MEMORY)
        self._pages: BoundedMap[tuple[int, PageQuery, CanonicalId | None], EntityPage] = BoundedMap(PAGES_IN_MEMORY)
        self._generations: dict[Kind, int] = defaultdict(int)
        self._generation = 0
        if replicas is not None:
            replicas.hear(CHANNEL, self.heard)
            replicas.on_doubt(self.forget)

    @property
    def generation(self) -> int:
        """Moves with every change that this replica has heard of."""
        return self._generation

    # -- staying current -------------------------------------------------------------------------

    def heard(self, payload: str) -> None:
        """Take in one announcement: ids, or `*` and kinds."""
        if payload.startswith("*"):
            self._entities.clear()
            self._moved(Kind(name) for name in payload.split()[1:])
            return
        ids = [CanonicalId(part) for part in payload.split()]
        for canonical_id in ids:
            self._entities.drop(canonical_id)
        self._moved(kind_of(i) for i in ids)

    def forget(self) -> None:
        """Drop all that is in memory."""
        self._entities.clear()
        self._moved(Kind)

    def _moved(self, kinds: Iterable[Kind]) -> None:
        self._generation += 1
        for kind in set(kinds):
            self._generations[kind] = self._generation

    # -- entities --------------------------------------------------------------------------------

    def peek_entity(self, canonical_id: CanonicalId) -> Entity | None:
        """The entity if it is in memory, else None."""
        return self._entities.get(canonical_id)

    async def entities(self, ids: Sequence[CanonicalId]) -> list[Entity | None]:
        """Entities by id, in the order given; one statement for those not in memory."""
        found = {i: e for i in ids if (e := self._entities.get(i)) is not None}
        missing = list(dict.fromkeys(i for i in ids if i not in found))
        if missing:
            before = self._generation
            loaded = await self._load(missing)
            found.update(loaded)
            if before == self._generation:
                for canonical_id, loaded_entity in loaded.items():
                    self._entities.put(canonical_id, loaded_entity)
        return [found.get(i) for i in ids]

    async def _load(self, ids: Sequence[CanonicalId]) -> dict[CanonicalId, Entity]:
        async with self._engine.connect() as connection:
            rows = (await connection.execute(text(_ENTITIES), {"ids": list(ids)})).all()
        return {CanonicalId(row.asked): _entity(row) for row in rows}

    async def by_code(self, kind: Kind, code: str) -> CanonicalId | None:
        """The live entity of that kind with that exact code; the oldest id where several have it."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(text(_BY_CODE), {"kind": kind, "code": code})).first()
        return None if row is None else CanonicalId(row.id)

    # -- pages -----------------------------------------------------------------------------------

    async def page(self, query: PageQuery) -> EntityPage:
        """One page of a list, from memory while nothing of that kind has changed."""
        key = (self._generation_of(query), query, None)
        known = self._pages.get(key)
        if known is None:
            known = (await self._read_pages(query, None))[None]
            self._remember(key, known)
        return known

    def peek_pages(self, query: PageQuery, parents: Sequence[CanonicalId | None]) -> list[EntityPage | None]:
        """Each parent's page if it is in memory, else None; in the order given. Never waits."""
        generation = self._generation_of(query)
        return [self._pages.get((generation, query, parent)) for parent in parents]

    async def child_pages(self, query: PageQuery, parents: Sequence[CanonicalId]) -> Mapping[CanonicalId, EntityPage]:
        """The same page for each parent; two statements at most for those not in memory."""
        generation = self._generation_of(query)
        found = {p: page for p in parents if (page := self._pages.get((generation, query, p))) is not None}
        missing = list(dict.fromkeys(p for p in parents if p not in found))
        if missing:
            read = await self._read_pages(query, missing)
            for parent in missing:
                found[parent] = read.get(parent, EMPTY_PAGE)
                self._remember((generation, query, parent), found[parent])
        return found

    def _generation_of(self, query: PageQuery) -> int:
        """What an answer is kept under: which rows are in scope may change with rows of other kinds."""
        return self._generations[query.kind] if query.scope is None else self._generation

    def _remember(self, key: tuple[int, PageQuery, CanonicalId | None], page: EntityPage) -> None:
        """Keep an answer unless the kind changed while it was read."""
        if key[0] == self._generation_of(key[1]):
            self._pages.put(key, page)

    async def _read_pages(self, query: PageQuery, parents: Sequence[CanonicalId] | None) -> dict[Any, EntityPage]:
        sql = PageSql(query, parents)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(text(sql.rows), sql.parameters)).all()
            counts = (await connection.execute(text(sql.counts), sql.parameters)).all()
        totals = {row.parent: row.total for row in counts}
        grouped: dict[Any, list[Any]] = {parent: [] for parent in parents} if parents else {None: []}
        for row in rows:
            grouped[row.parent].append(row)
        return {parent: build_page(query, parent, found, totals.get(parent, 0)) for parent, found in grouped.items()}


_ENTITIES = """
SELECT asked.id AS asked, e.id, e.kind, e.record_kind, e.kept,
  (SELECT jsonb_agg(jsonb_build_array(r.system, r.kind, r.external_id, r.domain, r.role)
     ORDER BY r.domain, r.role <> 'LEAD', r.system, r.kind, r.external_id)
   FROM record r WHERE r.entity_id = e.id AND r.deleted_at IS NULL) AS records
FROM unnest(CAST(:ids AS text[])) AS asked(id)
JOIN entity a ON a.id = asked.id JOIN entity e ON e.id = coalesce(a.merged_into, a.id)
WHERE e.deleted_at IS NULL"""
_BY_CODE = (
    "SELECT id FROM entity WHERE kind = :kind AND code = :code AND deleted_at IS NULL AND merged_into IS NULL"
    " ORDER BY id LIMIT 1"
)


def _entity(row: Any) -> Entity:
    records = [
        (RecordKey(system, Kind(kind), external_id), Domain(domain))
        for system, kind, external_id, domain, _ in row.records or []
    ]
    keys: dict[Domain, RecordKey] = {}
    for key, domain in records:
        keys.setdefault(domain, key)
    kept = decode(row.kept)
    if row.kind == Kind.RESOURCE:
        kept["kind"] = "SUBCONTRACTOR" if row.record_kind == Kind.SUBCONTRACTOR else "EMPLOYEE"
    return Entity(CanonicalId(row.id), Kind(row.kind), Kind(row.record_kind), keys, tuple(k for k, _ in records), kept)

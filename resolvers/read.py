"""The reference path: one field of the graph at a time, by the table, through the request's loaders.

`read` gives a value at once where everything is in memory, else a coroutine. A null that is not simply
"no value" is noted as a fault of the request; a wrong argument raises InvalidInput.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, cast

from hub.domain.ids import CanonicalId, kind_of
from hub.domain.records import BY_CANONICAL, RecordKey, Ref
from hub.ports import CachedRecord, Entity, PageQuery
from resolvers.arguments import canonical_id, exactly_one, id_slots, text
from resolvers.faults import FORBIDDEN_FIELD, Fault, Lack, Path
from resolvers.fields import GRAPH
from resolvers.filters import settled
from resolvers.graph import (
    Arguments,
    Attr,
    ByIds,
    Children,
    Derived,
    Health,
    Kept,
    Link,
    Lookup,
    Owned,
    Pages,
    Part,
    PartLink,
    Provenance,
    Reverse,
)
from resolvers.loaders import Now
from resolvers.pages import Connection, children_query, connection, first_id, page_query
from resolvers.request import Request
from resolvers.rights import COST_RATE, NEVER_NULL, STAND_INS, Place, may_see
from resolvers.values import VERSION, RecordState, field_value, key_of, needed, part, record_state

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Call:
    """One field to resolve: of which object, with which coerced arguments, where in the response.

    `path` gives the place, `selects` whether a field below is asked for; both are only called when needed.
    """

    request: Request
    type_name: str
    field_name: str
    parent: Any
    arguments: Arguments
    path: Callable[[], Path]
    selects: Callable[[str], bool]

    @property
    def place(self) -> Place:
        """The field, in the tables' words."""
        return self.type_name, self.field_name

    def lacks(self, lack: Lack) -> None:
        """Note that this field is null for a reason."""
        self.request.faults.append(Fault(lack, f"{self.type_name}.{self.field_name}", self.path()))


class Later(Generic[A]):
    """Work that begins when somebody waits for it.

    graphql-core drops what siblings of a failed field would have awaited; a coroutine that was made and
    never awaited is a warning, this is not.
    """

    def __init__(self, begin: Callable[[], Coroutine[Any, Any, A]]) -> None:
        self._begin = begin

    def __await__(self) -> Generator[Any, Any, A]:
        """Begin, and wait for the end."""
        return self._begin().__await__()


def read(call: Call) -> Now[Any]:
    """The value of a field, or the wait for it. Raises InvalidInput, at once or when awaited."""
    if not may_see(call.request.rights, call.place, call.parent):
        return _unseen(call)
    source = GRAPH[call.type_name][call.field_name]
    reader = _READERS[type(source)]
    if reader in _WAITING:
        return Later(lambda: reader(call, source))
    return reader(call, source)


def _unseen(call: Call) -> Now[Any]:
    """What is shown of a field that the caller may not see."""
    if call.place in STAND_INS:
        return _of_records(call, STAND_INS[call.place])
    call.lacks(Lack(FORBIDDEN_FIELD, None))
    return [] if call.place in NEVER_NULL else None


def _then(value: Now[A], use: Callable[[A], B]) -> Now[B]:
    """`use` of the value, now if it is here."""
    if not inspect.isawaitable(value):
        return use(value)

    async def later() -> B:
        return use(await value)

    return Later(later)


def _all(loading: Mapping[RecordKey, Now[CachedRecord]]) -> Now[Mapping[RecordKey, CachedRecord]]:
    """The records by key, now if all are here."""
    if not any(inspect.isawaitable(record) for record in loading.values()):
        return cast("Mapping[RecordKey, CachedRecord]", loading)

    async def later() -> Mapping[RecordKey, CachedRecord]:
        return {key: await record if inspect.isawaitable(record) else record for key, record in loading.items()}

    return Later(later)


# -- values of records ------------------------------------------------------------------------------


def _of_records(call: Call, source: Attr | Derived) -> Now[Any]:
    entity: Entity = call.parent
    wanted: dict[RecordKey, frozenset[str]] = {}
    for name in needed(source, call.arguments):
        key = key_of(entity, name)
        if key is not None:
            wanted[key] = wanted.get(key, frozenset()) | {name}
    loading = {key: call.request.loaders.record(key, names) for key, names in wanted.items()}
    return _then(_all(loading), lambda found: _noted(call, source, found))


def _noted(call: Call, source: Attr | Derived, found: Mapping[RecordKey, CachedRecord]) -> Any:
    value = field_value(source, call.parent, call.arguments, found.__getitem__, call.request)
    if isinstance(value, Lack):
        call.lacks(value)
        return None
    if call.place == COST_RATE and value is not None:
        call.request.cost_rates_read[call.parent.id] = None
    return value


def _provenance(call: Call, _: Provenance) -> Now[list[RecordState]]:
    """Each record with what is known of it; its version only when asked, because some systems compute it from more.

    Everything is asked for at once, not when awaited, so that records and their sibling fields are one batch.
    """
    attributes = frozenset({VERSION}) if call.selects("version") else frozenset[str]()
    systems = call.request.reads.systems
    loading = {
        key: call.request.loaders.record(key, attributes) for key in call.parent.records if key.system in systems
    }
    return _then(_all(loading), lambda found: [record_state(k, systems[k.system], one) for k, one in found.items()])


# -- the directory's own values and links -----------------------------------------------------------


def _kept(call: Call, source: Kept) -> Any:
    return call.parent.kept.get(source.name)


def _link(call: Call, source: Link) -> Now[Entity | None]:
    target = call.parent.kept.get(source.name)
    return None if target is None else call.request.loaders.entity(CanonicalId(target))


async def _reverse(call: Call, source: Reverse) -> Entity | None:
    target = first_id(await call.request.loaders.children(children_query(source), call.parent.id))
    return None if target is None else (await call.request.loaders.entities([target]))[0]


async def _children(call: Call, source: Children) -> list[Entity]:
    page = await call.request.loaders.children(children_query(source), call.parent.id)
    return [e for e in await call.request.loaders.entities(page.ids) if e is not None]


async def _pages(call: Call, source: Pages) -> Connection:
    loaders, directory = call.request.loaders, call.request.reads.directory
    query = page_query(source, call.arguments)
    query = replace(query, conditions=await settled(query.conditions, directory))
    page = await (directory.page(query) if source.via is None else loaders.children(query, call.parent.id))
    return connection(page, await loaders.entities(page.ids))


# -- where the graph is entered ---------------------------------------------------------------------


async def _lookup(call: Call, source: Lookup) -> Entity | None:
    arguments = call.arguments
    by = exactly_one(arguments, ("id", "code")) if source.by_code else "id"
    if by == "id":
        wanted: CanonicalId | None = canonical_id("id", arguments["id"])
    else:
        wanted = await call.request.reads.directory.by_code(source.kind, text("code", arguments["code"]))
    if wanted is None or kind_of(wanted) is not source.kind:
        return None
    return await _entity(call.request, wanted)


async def _by_ids(call: Call, source: ByIds) -> Any:
    """One entity, or a slot for each id; in a list a malformed id is an error in its own slot."""
    if not source.many:
        return await _entity(call.request, canonical_id("id", call.arguments["id"]))
    slots = id_slots(source, call.arguments)
    ids = [slot for slot in slots if isinstance(slot, str)]
    found = dict(zip(ids, await call.request.loaders.entities(ids), strict=True))
    return [found[slot] if isinstance(slot, str) else slot for slot in slots]


async def _entity(request: Request, canonical: CanonicalId) -> Entity | None:
    return (await request.loaders.entities([canonical]))[0]


async def _health(call: Call, _: Health) -> Any:
    return await call.request.reads.monitor.sources()


# -- plain values -----------------------------------------------------------------------------------


def _part(call: Call, source: Part) -> Any:
    value = part(call.parent, source.name)
    return value if value is None or source.of is None else source.of(value)


async def _part_link(call: Call, source: PartLink) -> Entity | None:
    """The entity that a reference inside an owned value means."""
    owned: Owned = call.parent
    ref = part(owned, source.name)
    if not isinstance(ref, Ref):
        return None
    if ref.by == BY_CANONICAL:
        return await _entity(call.request, CanonicalId(ref.value))
    neighbours = PageQuery(source.kind, via=source.via)
    page = await call.request.loaders.children(neighbours, owned.entity.id)
    candidates = await call.request.loaders.entities(page.ids)
    return next((e for e in candidates if e is not None and _is_known_as(e, ref.value)), None)


def _is_known_as(entity: Entity, external_id: str) -> bool:
    return any(key.external_id == external_id for key in entity.records)


_READERS: dict[type, Callable[[Call, Any], Now[Any]]] = {
    Attr: _of_records,
    Derived: _of_records,
    Provenance: _provenance,
    Kept: _kept,
    Link: _link,
    Reverse: _reverse,
    Children: _children,
    Pages: _pages,
    Lookup: _lookup,
    ByIds: _by_ids,
    Health: _health,
    Part: _part,
    PartLink: _part_link,
}
_WAITING = frozenset(reader for reader in _READERS.values() if inspect.iscoroutinefunction(reader))

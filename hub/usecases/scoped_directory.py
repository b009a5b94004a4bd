"""The directory as one caller sees it: what is out of scope is not there (domain.md 9.1).

`Sights` gives each caller a directory reader. Whoever sees everything gets the directory itself. For
others every page, count and entity passes through a ScopedDirectory, so that both executors and the
commands agree: pages carry the scope into SQL, entities are looked at one by one, and an entity whose
money is out of scope comes with those groups withheld.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hub.domain.callers import Caller
from hub.domain.commands import Actor
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.ownership import Role
from hub.domain.row_scope import (
    CONTRACTS,
    EVERYTHING,
    PROJECT_PARTS,
    WIDE,
    Own,
    Reach,
    RowScope,
    own_reach_of,
    reach_of,
)
from hub.domain.visibility import GROUP_OF_KIND, FieldGroup, Rights, common_rights, rights_of
from hub.ports import Condition, DirectoryReader, Entity, EntityPage, Op, PageQuery

PersonOf = Callable[[str], Awaitable[CanonicalId | None]]
"""The one active resource with a work e-mail."""


async def nobody(_: str) -> CanonicalId | None:
    """A PersonOf that knows nobody."""
    return None


MONEY = frozenset({FieldGroup.COMMERCIAL, FieldGroup.REVENUE})
NO_PAGE = EntityPage((), (), has_next=False, has_previous=False, total=0)
CALLERS = 2_000
"""How many callers' views are kept."""


@dataclass(frozen=True, slots=True)
class View:
    """What a caller sees of the directory.

    `rows` are there; outside `full` the groups in `withheld` are not shown; kinds in `hidden` are not there at
    all; with `nameless` people may not be ordered by name.
    """

    rows: RowScope = EVERYTHING
    full: RowScope = EVERYTHING
    withheld: frozenset[FieldGroup] = frozenset()
    hidden: frozenset[Kind] = frozenset()
    nameless: bool = False


NOTHING = View(hidden=frozenset(Kind))


def field_rights(actor: Actor) -> Rights:
    """What the actor may see of fields."""
    caller = actor.caller
    return rights_of(caller.roles, caller.allow, for_somebody=user_behind(actor) is not None)


def input_rights(actor: Actor) -> Rights:
    """What the actor may filter and order by."""
    caller = actor.caller
    return common_rights(caller.roles, caller.allow, for_somebody=user_behind(actor) is not None)


def user_behind(actor: Actor) -> Caller | None:
    """The user for whom a service account acts; nobody else can act for another."""
    return actor.on_behalf_of if Role.SERVICE in actor.caller.roles else None


class ScopedDirectory:
    """See DirectoryReader. It holds for one generation of the directory: made anew when that has moved."""

    def __init__(self, directory: DirectoryReader, view: View) -> None:
        self._directory = directory
        self._view = view
        self._scope = None if view.rows.unlimited else view.rows
        self._paid: dict[CanonicalId, bool] = {}
        self._veiled: dict[CanonicalId, tuple[Entity, Entity]] = {}

    @property
    def generation(self) -> int:
        """See DirectoryReader."""
        return self._directory.generation

    def heard(self, payload: str) -> None:
        """See DirectoryReader."""
        self._directory.heard(payload)

    # -- pages -----------------------------------------------------------------------------------

    async def page(self, query: PageQuery) -> EntityPage:
        """See DirectoryReader."""
        return NO_PAGE if query.kind in self._view.hidden else await self._directory.page(self._limited(query))

    async def child_pages(self, query: PageQuery, parents: Sequence[CanonicalId]) -> Mapping[CanonicalId, EntityPage]:
        """See DirectoryReader."""
        if query.kind in self._view.hidden:
            return dict.fromkeys(parents, NO_PAGE)
        return await self._directory.child_pages(self._limited(query), parents)

    def peek_pages(self, query: PageQuery, parents: Sequence[CanonicalId | None]) -> Sequence[EntityPage | None]:
        """See DirectoryReader."""
        if query.kind in self._view.hidden:
            return [NO_PAGE for _ in parents]
        return self._directory.peek_pages(self._limited(query), parents)

    def _limited(self, query: PageQuery) -> PageQuery:
        """The query within scope. Neither order nor cursor tells a name that is not shown."""
        scoped = query if self._scope is None else replace(query, scope=self._scope)
        if self._view.nameless and query.kind is Kind.RESOURCE and query.order_by == "name":
            return replace(scoped, order_by="id")
        return scoped

    # -- entities --------------------------------------------------------------------------------

    def peek_entity(self, canonical_id: CanonicalId) -> Entity | None:
        """See DirectoryReader; None also where that cannot be told without waiting."""
        entity = self._directory.peek_entity(canonical_id)
        if entity is None or not self._is_there(entity, self._view.rows, self._directory.peek_entity):
            return None
        if self._by_money(entity) and entity.id not in self._paid:
            return None
        return self._shown(entity, self._directory.peek_entity)

    async def entities(self, ids: Sequence[CanonicalId]) -> list[Entity | None]:
        """See DirectoryReader."""
        found = await self._directory.entities(ids)
        around = await self._surroundings(e for e in found if e is not None)
        there = [e if e is not None and self._is_there(e, self._view.rows, around.get) else None for e in found]
        await self._look_at_money([e for e in there if e is not None], around)
        return [None if e is None else self._shown(e, around.get) for e in there]

    async def by_code(self, kind: Kind, code: str) -> CanonicalId | None:
        """See DirectoryReader: of several entities with a code, one that is in scope."""
        page = await self.page(PageQuery(kind, (Condition("code", Op.IN, (code,)),), order_by="id", first=1))
        return next(iter(page.ids), None)

    async def _surroundings(self, entities: Iterable[Entity]) -> dict[CanonicalId, Entity]:
        """What tells the scope of these: their projects, contracts, and the lines that lead to contracts."""
        if self._scope is None and self._view.full.unlimited:
            return {}
        around: dict[CanonicalId, Entity] = {}
        wanted = {link for e in entities if (link := _leads_to(e)) is not None}
        while wanted:
            asked = sorted(wanted)
            found = dict(zip(asked, await self._directory.entities(asked), strict=True))
            news = {i: e for i, e in found.items() if e is not None}
            around |= news
            wanted = {link for e in news.values() if (link := _leads_to(e)) is not None and link not in around}
        return around

    def _is_there(self, entity: Entity, scope: RowScope, find: Callable[[CanonicalId], Entity | None]) -> bool:
        """Whether the entity is in that scope; what leads nowhere is not."""
        if entity.kind in self._view.hidden:
            return False
        if scope.unlimited:
            return True
        match entity.kind:
            case Kind.PROJECT:
                return scope.has_project(entity.id, entity.kept)
            case Kind.RESOURCE:
                return scope.has_person(entity.id, entity.kept)
            case kind if kind in PROJECT_PARTS:
                project = _linked(entity, "project", find)
                return project is not None and scope.has_project(project.id, project.kept)
            case kind if kind in CONTRACTS:
                contract = _contract_of(entity, find)
                return contract is not None and scope.has_contract(contract.kept)
            case _:
                return True

    def _shown(self, entity: Entity, find: Callable[[CanonicalId], Entity | None]) -> Entity:
        """The entity, with what is not to be seen of it withheld; the same object for the same entity."""
        withheld = self._withheld(entity, find)
        if not withheld:
            return entity
        known = self._veiled.get(entity.id)
        if known is None or known[0] is not entity:
            known = self._veiled[entity.id] = (entity, replace(entity, withheld=withheld))
        return known[1]

    def _withheld(self, entity: Entity, find: Callable[[CanonicalId], Entity | None]) -> frozenset[FieldGroup]:
        if self._view.full.unlimited:
            return frozenset()
        if entity.kind in WIDE:
            return frozenset() if self._paid.get(entity.id, False) else self._view.withheld | MONEY
        inside = not self._view.withheld or self._is_there(entity, self._view.full, find)
        return frozenset() if inside else self._view.withheld

    # -- money beyond rows -----------------------------------------------------------------------

    def _by_money(self, entity: Entity) -> bool:
        return entity.kind in WIDE and not self._view.full.unlimited

    async def _look_at_money(self, entities: Sequence[Entity], around: Mapping[CanonicalId, Entity]) -> None:
        """Find out of which of these the money is in scope."""
        open_ones = [e for e in entities if self._by_money(e) and e.id not in self._paid]
        if not open_ones:
            return
        contracts = {e.id: await self._contract_behind(e, around) for e in open_ones}
        paid = await self._paid_contracts([c for c in contracts.values() if c is not None])
        for entity in open_ones:
            contract = contracts[entity.id]
            self._paid[entity.id] = contract is not None and contract.id in paid

    async def _contract_behind(self, entity: Entity, around: Mapping[CanonicalId, Entity]) -> Entity | None:
        if entity.kind is Kind.CUSTOMER:
            return None
        if entity.kind is not Kind.OPPORTUNITY:
            return _contract_of(entity, around.get)
        pages = await self._directory.child_pages(PageQuery(Kind.CONTRACT, first=1, via="opportunity"), [entity.id])
        ids = pages[entity.id].ids
        return (await self._directory.entities(ids))[0] if ids else None

    async def _paid_contracts(self, contracts: Sequence[Entity]) -> set[CanonicalId]:
        full = self._view.full
        inside = list({c.id: c for c in contracts if full.has_contract(c.kept)})
        if full.decides_contracts or not inside:
            return set(inside)
        pages = await self._directory.child_pages(PageQuery(Kind.PROJECT, first=1, via="contract", scope=full), inside)
        return {contract for contract in inside if pages[contract].total}


def _linked(entity: Entity, name: str, find: Callable[[CanonicalId], Entity | None]) -> Entity | None:
    link = entity.kept.get(name)
    return find(CanonicalId(link)) if isinstance(link, str) else None


def _contract_of(entity: Entity, find: Callable[[CanonicalId], Entity | None]) -> Entity | None:
    if entity.kind is Kind.CONTRACT:
        return entity
    line = _linked(entity, "line", find) if entity.kind is Kind.CHANGE_ORDER else entity
    return None if line is None else _linked(line, "contract", find)


def _leads_to(entity: Entity) -> CanonicalId | None:
    """The entity whose scope this one has, if it has none of its own."""
    name = (
        "project"
        if entity.kind in PROJECT_PARTS
        else {Kind.CONTRACT_LINE: "contract", Kind.CHANGE_ORDER: "line"}.get(entity.kind)
    )
    link = None if name is None else entity.kept.get(name)
    return CanonicalId(link) if isinstance(link, str) else None


class Sights:
    """What each caller sees of one directory."""

    def __init__(self, directory: DirectoryReader, person_of: PersonOf) -> None:
        self._directory = directory
        self._person_of = person_of
        self._known: OrderedDict[Actor, tuple[int, DirectoryReader]] = OrderedDict()

    def known(self, actor: Actor) -> DirectoryReader | None:
        """The actor's directory, if that can be told without waiting."""
        found = self._known.get(actor)
        if found is None or found[0] not in (self._directory.generation, _ALWAYS):
            return None
        self._known.move_to_end(actor)
        return found[1]

    async def directory_for(self, actor: Actor) -> DirectoryReader:
        """The directory as the actor sees it now."""
        known = self.known(actor)
        if known is not None:
            return known
        generation = self._directory.generation
        view = await self._view(actor)
        seen = self._directory if view == View() else ScopedDirectory(self._directory, view)
        always = seen is self._directory
        self._known[actor] = (_ALWAYS if always else generation, seen)
        while len(self._known) > CALLERS:
            self._known.popitem(last=False)
        return seen

    async def visible(self, actor: Actor, entity: Entity) -> bool:
        """Whether the actor sees the entity."""
        directory = await self.directory_for(actor)
        return (await directory.entities([entity.id]))[0] is not None

    async def within_reach(self, actor: Actor, entity: Entity, writers: frozenset[Role]) -> bool:
        """Whether a command that these roles may give reaches the entity.

        A grant to change is none to read, so groups of fields do not matter; but a contract and its parts are reached
        only where their money is in scope.
        """
        rows = await self.rows_of(actor, writers)
        if rows is None:
            return False
        (found,) = await ScopedDirectory(self._directory, View(rows, rows)).entities([entity.id])
        return found is not None and (entity.kind not in CONTRACTS or not found.withheld & MONEY)

    async def rows_of(self, actor: Actor, by: frozenset[Role]) -> RowScope | None:
        """The rows of an actor as far as these roles reach; None: none at all."""
        reach = reach_of(actor.caller, user_behind(actor), by=by)
        return None if reach is None else await self._scope(reach)

    # -- from token to view ----------------------------------------------------------------------

    async def _view(self, actor: Actor) -> View:
        reach = reach_of(actor.caller, user_behind(actor))
        if reach is None:
            return NOTHING
        rights, common = field_rights(actor), input_rights(actor)
        rows = await self._scope(reach)
        full, only_own = rows, rights.readable - common.readable
        if only_own and Role.DELIVERY_MANAGER in actor.caller.roles:
            own = own_reach_of(actor.caller)
            full = rows if own is None else await self._scope(own)
        hidden = frozenset(kind for kind, group in GROUP_OF_KIND.items() if not rights.reads(group))
        return View(rows, full, only_own, hidden, nameless=not common.reads(FieldGroup.NAMES))

    async def _scope(self, reach: Reach) -> RowScope:
        if reach.unlimited:
            return EVERYTHING
        projects, people = (None, None) if reach.own is Own.NO_LIMIT else await self._own(reach)
        return RowScope(
            repr((sorted(reach.practices or ()), sorted(reach.legal_entities or ()), reach.own, reach.email)),
            None if reach.practices is None else await self._practices(reach.practices),
            None if reach.legal_entities is None else await self._coded(Kind.LEGAL_ENTITY, reach.legal_entities),
            projects,
            people,
        )

    async def _listed(self, kind: Kind) -> list[Entity]:
        page = await self._directory.page(PageQuery(kind))
        return [e for e in await self._directory.entities(page.ids) if e is not None]

    async def _coded(self, kind: Kind, codes: frozenset[str]) -> frozenset[CanonicalId]:
        return frozenset(e.id for e in await self._listed(kind) if e.kept.get("code") in codes)

    async def _practices(self, codes: frozenset[str]) -> frozenset[CanonicalId]:
        """The practices with these codes, and all below them."""
        entities = await self._listed(Kind.PRACTICE)
        inside = {e.id for e in entities if e.kept.get("code") in codes}
        grown = True
        while grown:
            below = {e.id for e in entities if e.kept.get("parent") in inside} - inside
            inside |= below
            grown = bool(below)
        return frozenset(inside)

    async def _own(self, reach: Reach) -> tuple[frozenset[CanonicalId], frozenset[CanonicalId]]:
        """One's own projects and people."""
        person = None if reach.email is None else await self._person_of(reach.email)
        if person is None:
            return frozenset(), frozenset()
        managed = (await self._directory.page(PageQuery(Kind.PROJECT, (Condition("manager", Op.IN, (person,)),)))).ids
        team = await self._bookings("project", managed)
        mine = await self._bookings("resource", [person]) if reach.own is Own.TAKES_PART else []
        booked_on = {CanonicalId(str(p)) for a in mine if (p := a.kept.get("project")) is not None}
        people = {CanonicalId(str(r)) for a in team if (r := a.kept.get("resource")) is not None}
        return frozenset(managed) | booked_on, frozenset(people) | {person}

    async def _bookings(self, via: str, parents: Sequence[CanonicalId]) -> list[Entity]:
        if not parents:
            return []
        pages = await self._directory.child_pages(PageQuery(Kind.ASSIGNMENT, via=via), list(parents))
        ids = [i for page in pages.values() for i in page.ids]
        return [e for e in await self._directory.entities(ids) if e is not None]


_ALWAYS = -1
"""In place of a generation: whatever changes, the caller sees everything."""

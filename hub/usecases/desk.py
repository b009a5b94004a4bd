"""What commands work with, and what a mutation is: the ground on which hub.usecases stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NoReturn, Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain import commands
from hub.domain.commands import Actor, Refused, refuse, roles_of
from hub.domain.directory import kept_by
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind, entity_kind
from hub.domain.ownership import Role, attributes_of, owner_of, rule_of
from hub.domain.records import Record, RecordKey, Ref, Value
from hub.domain.row_scope import EVERYTHING, RowScope
from hub.ports import DirectoryReader, DirectoryWriter, Entity, RecordReader, SourceWriter
from hub.store.audit import Done
from hub.store.ledger import Command, Ledger, Sending
from hub.store.locks import RecordLocks
from hub.store.people import resource_of_email
from hub.usecases.conflicts import EXPECTED_VERSION, VERSION, stale

IDEMPOTENCY_KEY = "idempotencyKey"


class CommandCache(RecordReader, Protocol):
    """What commands ask of the record cache."""

    async def put(self, records: Iterable[Record]) -> None:
        """Take over what has just been read."""
        ...

    async def write(self, records: Collection[Record]) -> None:
        """Take over what was read after a write, for this process; nobody else may have an older one from here."""
        ...

    async def share(self, records: Collection[Record]) -> None:
        """Let the other processes find what was taken over after a write, now that they know of it."""
        ...


class Announcer(Protocol):
    """What commands ask of hub.store.announcements."""

    async def publish(self, keys: Sequence[RecordKey]) -> None:
        """Tell the other replicas which records have changed."""
        ...

    async def written(self, keys: Sequence[RecordKey]) -> bool:
        """Wait until no replica can come up with what these records said before; False when one does not say so."""
        ...

    async def all_have_heard(self) -> bool:
        """Wait until every replica has dealt with what was announced; False when one lives but does not."""
        ...


class NotYetEverywhere(Exception):
    """The owner has confirmed, but some replica may still answer as before."""


class RowRights(Protocol):
    """Whose rows are whose: what somebody does not reach does not exist for them (domain.md 9.1, row scope)."""

    async def within_reach(self, actor: Actor, entity: Entity, writers: frozenset[Role]) -> bool:
        """Whether a command that these roles may give reaches the entity."""
        ...

    async def rows_of(self, actor: Actor, by: frozenset[Role]) -> RowScope | None:
        """The rows of an actor as far as these roles reach; None: none at all."""
        ...


class EveryRow:
    """RowRights without row scope."""

    async def within_reach(self, _: Actor, __: Entity, ___: frozenset[Role]) -> bool:
        """See RowRights."""
        return True

    async def rows_of(self, _: Actor, __: frozenset[Role]) -> RowScope | None:
        """See RowRights."""
        return EVERYTHING


@dataclass(frozen=True, slots=True)
class Desk:
    """What every command of this process works with; `adapters` by system of the estate."""

    engine: AsyncEngine
    adapters: Mapping[str, SourceWriter]
    directory: DirectoryReader
    writer: DirectoryWriter
    cache: CommandCache
    announcer: Announcer
    ledger: Ledger
    locks: RecordLocks
    today: Callable[[], date]
    rows: RowRights = field(default_factory=EveryRow)

    async def take(self, records: Sequence[Record]) -> None:
        """Put what was just read into cache and directory, in this replica at once; of it only what is kept is kept."""
        await self.cache.put(records)
        await self.announcer.publish([record.key for record in records])
        await self._index(records)

    async def take_written(self, records: Sequence[Record]) -> None:
        """Put what was read after a write into cache and directory, in every replica before this returns.

        Raises NotYetEverywhere when some replica has not said that it knows; doing it again asks it again.
        """
        keys = [record.key for record in records]
        await self.cache.write(records)
        await self._index(records)
        if not await self.announcer.written(keys):
            raise NotYetEverywhere
        await self.cache.share(records)

    async def everywhere(self) -> None:
        """Wait until what was written is known in every replica. Raises NotYetEverywhere."""
        if not await self.announcer.all_have_heard():
            raise NotYetEverywhere

    async def _index(self, records: Sequence[Record]) -> None:
        changed = await self.writer.apply([self._kept(record) for record in records])
        if changed:
            self.directory.heard(" ".join(sorted(changed)))

    def _kept(self, record: Record) -> Record:
        kept = kept_by(self.adapters[record.key.system].domain, record.key.kind)
        return replace(record, attributes={n: v for n, v in record.attributes.items() if n in kept})

    async def read(self, key: RecordKey) -> Record | None:
        """The record as its system has it now: the watched attributes and the version. Raises SourceError."""
        return (await self.read_together(key))[0]

    async def read_together(self, key: RecordKey, *also: str) -> list[Record | None]:
        """The same of a record and of others of its kind and system, in one go and in that order."""
        adapter = self.adapters[key.system]
        wanted = watched(adapter.domain, key.kind) | {VERSION}
        return await adapter.fetch(key.kind, [key.external_id, *also], wanted)


def watched(domain: Domain, kind: Kind) -> frozenset[str]:
    """What is read before and after a write; of a person only what commands change: the rest is nobody's business."""
    return frozenset({"skills"}) if kind is Kind.RESOURCE else attributes_of(domain, kind)


@dataclass(frozen=True, slots=True)
class HubOnly:
    """A command that only the hub itself had to carry out, and has."""

    entity: CanonicalId
    after: Mapping[str, Value]


Given = Mapping[str, Any]
"""An input by the names of the graph, in exact Python types, without what the caller left out or gave as null."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mutation of the graph, as far as it differs from the others.

    `writers` are the roles of the ownership table; `targets` the fields of the input that name entities;
    `links` those whose linked entity (target field, kept link) is locked too. `check` refuses what is
    malformed without looking anything up, `prepare` applies the rules under the locks and says what to send.
    `shows` is the target that the payload shows even of a refused command, None where the command makes it.
    """

    name: str
    writers: frozenset[Role]
    targets: Mapping[str, Kind]
    prepare: Callable[[Work], Awaitable[Sending | HubOnly]]
    check: Callable[[Given], None] = lambda _: None
    shows: str | None = "id"
    approval: bool = False
    links: tuple[tuple[str, str], ...] = ()
    locked: frozenset[str] | None = None


ANY_KIND = Kind.SUBCONTRACTOR
"""In `Mutation.targets`: an entity of any kind; no entity is of this one, subcontractors being resources."""


def writers_of(kind: Kind, *attributes: str) -> frozenset[Role]:
    """Who may write all of these attributes through the hub, by the ownership table."""
    return frozenset[Role].intersection(*(rule_of(kind, name).writers for name in attributes))


@dataclass(slots=True)
class Work:
    """One command being prepared, under its locks; `targets` by field of the input."""

    desk: Desk
    given: Given
    actor: Actor
    command: Command
    targets: Mapping[str, Entity]
    locks: tuple[str, ...]
    before: dict[RecordKey, Mapping[str, Value]] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """The name of the write."""
        return self.command.scope.token

    def key(self, entity: Entity, attributes: Iterable[str], *, field: str = "id") -> RecordKey:
        """The entity's record in the system that owns these attributes: of several systems the one it is linked to."""
        for name in attributes:
            try:
                owner = owner_of(entity.record_kind, name)
            except KeyError:
                holder = owner_of(entity.record_kind, "name")
                refuse(
                    commands.NOT_SYSTEM_OF_RECORD,
                    f"The {holder} is the system of record of this {entity.kind}, and keeps no {name} for the hub.",
                    field=field,
                    owner=holder,
                )
            key = entity.keys.get(owner)
            if key is None:
                missing(entity, owner, field)
            return key
        raise ValueError("a change names at least one attribute")

    def ref(self, entity: Entity, system: str, *, field: str) -> Ref:
        """The entity in the words of that system."""
        same = (key for key in entity.records if key.system == system and entity_kind(key.kind) is entity.kind)
        found = next(same, None)
        if found is None:
            missing(entity, self.desk.adapters[system].domain, field)
        return Ref(found.kind, found.external_id)

    async def current(self, key: RecordKey) -> Mapping[str, Value]:
        """The record's watched attributes as its system has them now; refuses when the caller knew another version."""
        record = await self.desk.read(key)
        if record is None:
            refuse(commands.NOT_FOUND, f"{key.system} no longer has this {key.kind}.", field="id")
        await self.desk.take([record])
        expected, version = self.given.get(EXPECTED_VERSION), record.attributes.get(VERSION)
        if expected is not None and expected != version:
            raise Refused(stale(record, self.given, self.actor))
        values = {name: value for name, value in record.attributes.items() if name != VERSION}
        self.before[key] = values
        return values

    async def linked(self, entity: Entity, link: str) -> Entity | None:
        """The entity that a kept link means; None where there is none."""
        target = entity.kept.get(link)
        if not isinstance(target, str):
            return None
        return (await self.desk.directory.entities([CanonicalId(target)]))[0]

    async def roles(self, project: Entity) -> frozenset[Role]:
        """The roles that the command is judged by: a delivery manager is one on own projects only.

        Whoever is nothing else reaches no other project.
        """
        roles = roles_of(self.actor)
        if roles > {Role.DELIVERY_MANAGER} and not await self.leads(project):
            return roles - {Role.DELIVERY_MANAGER}
        return roles

    async def leads(self, project: Entity) -> bool:
        """Whether the deciding person is the project's manager."""
        person = await self.approver()
        return person is not None and project.kept.get("manager") == person

    async def approver(self) -> CanonicalId | None:
        """The resource that the deciding person is, matched by work e-mail (domain.md 9.1)."""
        return await self.resource_of(self.actor.person.email)

    async def resource_behind(self, done: Done) -> CanonicalId | None:
        """The resource that somebody is whom the hub's own records name by e-mail or subject."""
        person = self.actor.person
        return await (
            self.approver() if done.person in (person.email, person.subject) else self.resource_of(done.person)
        )

    async def resource_of(self, email: str | None) -> CanonicalId | None:
        """The active resource with that work e-mail, if there is exactly one."""
        return None if not email else await resource_of_email(self.desk.engine, email)


def missing(entity: Entity, owner: Domain, field: str) -> NoReturn:
    """Refuse because the owner has no record of the entity."""
    refuse(
        commands.XREF_MISSING,
        f"The {owner} has no record of this {entity.kind} that the hub knows of.",
        cls=commands.DATA_QUALITY,
        field=field,
        owner=owner,
    )

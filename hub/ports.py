"""The seams: what the hub's inner parts ask of systems, of the record cache and of the directory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from hub.domain.commands import Actor
from hub.domain.ids import CanonicalId
from hub.domain.inbound import Way
from hub.domain.kinds import Domain, Kind
from hub.domain.records import Record, RecordKey, Value
from hub.domain.row_scope import RowScope
from hub.domain.visibility import FieldGroup


class Deletes(StrEnum):
    """How a system tells that an object is gone (domain.md 6.4)."""

    TOMBSTONES = "tombstones"
    """The change feed names deleted objects explicitly."""
    PROBE = "probe"
    """Nothing tells; an explicit by-id "not there", twice and at least a minute apart, is the proof."""


@dataclass(frozen=True, slots=True)
class KindSpec:
    """What an adapter can do for one kind of record.

    `vendor_kind` is the vendor's own object type; `attributes` what it supplies (all owned by its
    domain); `batch` how many ids one upstream call reads at most; `overlap_s` how far before the
    watermark a feed reads again so that late-arriving rows are not lost; `after` the kinds whose first
    load should come before this one.
    """

    vendor_kind: str
    attributes: frozenset[str]
    batch: int
    deletes: Deletes
    overlap_s: float = 120.0
    after: tuple[Kind, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangePage:
    """A page of a change feed, oldest change first; `watermark` is what a feed may start from next time.

    `watermark` is None while the page proves nothing yet about the order of changes; then only the
    page after which it is set may be taken as progress.
    """

    records: Sequence[Record]
    watermark: datetime | None


class SystemCard(Protocol):
    """What the graph tells of a system; every adapter is one."""

    @property
    def system(self) -> str:
        """The system's key in the estate."""
        ...

    @property
    def domain(self) -> Domain:
        """The domain whose attributes this system supplies."""
        ...

    @property
    def vendor(self) -> str:
        """The vendor's name, e.g. `netsuite`."""
        ...

    @property
    def kinds(self) -> Mapping[Kind, KindSpec]:
        """The kinds of record that this system supplies."""
        ...


class SourceAdapter(SystemCard, Protocol):
    """One vendor's system: reads by id, and reads what changed. Stateless besides its transport."""

    async def fetch(self, kind: Kind, ids: Sequence[str], attributes: frozenset[str]) -> list[Record | None]:
        """Fetch records by vendor id: one slot per id, in the order given; None where the vendor has none.

        Only the named attributes are read (and the pseudo-attribute `version`). Splits over as many
        upstream calls as `batch` needs. Raises SourceError.
        """
        ...

    def changes(self, kind: Kind, since: datetime | None) -> AsyncIterator[ChangePage]:
        """Everything that changed at or after `since` (None: everything there is), oldest first, in pages.

        Records carry the kept attributes (hub.domain.directory.kept_by), `keys` and `label`; explicit
        tombstones have `deleted` set. Raises SourceError; pages given before stay valid.
        """
        ...

    async def ping(self) -> None:
        """One cheap authenticated call; raises SourceError when the system does not answer well."""
        ...

    async def aclose(self) -> None:
        """Close the transport."""
        ...


@dataclass(frozen=True, slots=True)
class CachedRecord:
    """A record as the cache has it now; `stale` when it is past its freshness because its source did not answer.

    `record` is None when the vendor has no such object, or when nothing is known; then `unavailable`
    holds the code of the reason (MISSING, SOURCE_UNAVAILABLE, SCHEMA_DRIFT, AUTH_FAILED, RATE_LIMITED).
    """

    record: Record | None
    stale: bool = False
    unavailable: str | None = None


class RecordReader(Protocol):
    """The record cache as resolvers see it."""

    version: int
    """Moves whenever anything in this process's memory changes or goes: what `peek` gives may be another then."""

    def now(self) -> float:
        """The present, on the clock of `fresh_until`."""
        ...

    def fresh_until(self, key: RecordKey, attributes: frozenset[str]) -> float:
        """Until when `peek` gives what it gives now, if nothing changes; in the past when it gives nothing."""
        ...

    def peek(self, key: RecordKey, attributes: frozenset[str]) -> CachedRecord | None:
        """The fresh record with all those attributes if it is in this process's memory, else None. Never waits."""
        ...

    async def load(
        self, keys: Sequence[RecordKey], attributes: frozenset[str], *, max_age_s: float | None = None
    ) -> list[CachedRecord]:
        """Records by key, one per key in the order given; never raises for a source's fault.

        `max_age_s` asks for records fresher than the kind's policy; 0 reads through.
        """
        ...


@dataclass(frozen=True, slots=True)
class Entity:
    """A directory row: identity, the records behind it, and the kept values.

    `keys` has the primary record per domain; `records` all active ones, in a stable order. `kept` has the
    kept attributes by name with links already as canonical ids; what has no value, or links to nothing here, is absent;
    plus what the hub derives: `stage` and `legal_entity`, `customer` of a project; `role` of a resource;
    `invoice` of a milestone. `record_kind` tells a subcontractor from an employee. `withheld` are field groups that
    this caller otherwise reads, but not of this entity (hub.domain.row_scope).
    """

    id: CanonicalId
    kind: Kind
    record_kind: Kind
    keys: Mapping[Domain, RecordKey]
    records: tuple[RecordKey, ...]
    kept: Mapping[str, Value]
    withheld: frozenset[FieldGroup] = frozenset()


class Op(StrEnum):
    """Comparison operators of a directory condition."""

    IN = "in"
    LESS = "less"
    GREATER_OR_EQUAL = "greater_or_equal"
    SUBTREE = "subtree"
    """The value is a practice in the subtree of one of the given practices."""
    CONTAINS = "contains"
    """The casefolded text is part of the name, the code or the number."""
    OVERLAPS = "overlaps"
    """Any of the given values is among the attribute's values (skills; the models of a contract's lines)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a kept attribute; a list's conditions are all-of, a condition's values any-of.

    LESS and GREATER_OR_EQUAL compare with the first value; a None behind it lets entities without the
    attribute match too (an open end).
    """

    attribute: str
    op: Op
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page of which entities: filters, order (ties by id), keyset cursors.

    `via` and `parents`: children whose link attribute `via` names a parent, paged per parent. Exactly
    one of first and last is set; None for both means all. `scope` limits rows to what the caller sees.
    """

    kind: Kind
    conditions: tuple[Condition, ...] = ()
    order_by: str = "name"
    descending: bool = False
    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None
    via: str | None = None
    scope: RowScope | None = None


@dataclass(frozen=True, slots=True)
class EntityPage:
    """A page of ids in order, each with its cursor, and where the page stands in the whole."""

    ids: tuple[CanonicalId, ...]
    cursors: tuple[str, ...]
    has_next: bool
    has_previous: bool
    total: int


class DirectoryReader(Protocol):
    """The directory as resolvers see it; answers are kept in memory under a generation that every write bumps."""

    @property
    def generation(self) -> int:
        """A number that changes whenever any answer below may change."""
        ...

    def peek_entity(self, canonical_id: CanonicalId) -> Entity | None:
        """The entity if it is in memory and current, else None. Never waits."""
        ...

    async def entities(self, ids: Sequence[CanonicalId]) -> list[Entity | None]:
        """Entities by id, in the order given: a merged id answers with the survivor, a deleted one with None."""
        ...

    def peek_pages(self, query: PageQuery, parents: Sequence[CanonicalId | None]) -> Sequence[EntityPage | None]:
        """Each parent's page (for no parent: the list's) if it is in memory and current, else None. Never waits."""
        ...

    async def by_code(self, kind: Kind, code: str) -> CanonicalId | None:
        """The live entity of that kind with that exact code."""
        ...

    async def page(self, query: PageQuery) -> EntityPage:
        """One page of a list. Raises InvalidInput for a cursor that is malformed or of another query."""
        ...

    async def child_pages(self, query: PageQuery, parents: Sequence[CanonicalId]) -> Mapping[CanonicalId, EntityPage]:
        """The same page for each parent, in one go; every parent has an entry."""
        ...

    def heard(self, payload: str) -> None:
        """Take in at once what was announced as changed: ids separated by spaces.

        Whoever has just written and reads on in the same request calls this, because the announcement
        itself may come a moment later.
        """
        ...


class DirectoryWriter(Protocol):
    """The directory as read-through and commands write it."""

    async def apply(self, records: Sequence[Record]) -> frozenset[CanonicalId]:
        """Take over records that were read by id, with their kept attributes; returns the entities that changed.

        Matches or creates entities (domain.md 2.1), resolves links (parking those whose target is not
        here yet), derives what the hub keeps, and honours tombstones. What the owner says of a record that was
        asked for by id is its present state: it is taken over unless it bears an older stamp than what is known,
        or was read before that (hub.domain.inbound). One transaction.
        """
        ...


@dataclass(frozen=True, slots=True)
class Received:
    """What came of a batch: the entities that changed, and the records that are believed, as they came, in order.

    Not believed is what is older than what is known, and what is in quarantine; of the rest only what its sender owns.
    """

    changed: frozenset[CanonicalId]
    believed: Sequence[Record]


class InboundWriter(DirectoryWriter, Protocol):
    """The directory as feeds write it."""

    async def receive(self, records: Sequence[Record], way: Way) -> Received:
        """As `apply`, for records that came that way: decided upon by domain.md 6.2, with a trace of what is not taken.

        Conflicting and future messages are put in quarantine (hub.store.inbound_notes) and raise an exception.
        """
        ...


class SourceStatus(StrEnum):
    """How a system is doing."""

    UP = "UP"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """One system as its transport and its change feeds show it.

    `lag_seconds` is the age of the newest applied change while newer ones are known to wait, else 0; an idle
    system has lag 0 and a last contact.
    """

    system: str
    vendor: str
    domain: Domain
    status: SourceStatus
    last_contact: datetime | None
    lag_seconds: int
    open_exceptions: int


class SourceMonitor(Protocol):
    """How the systems are doing, as resolvers see it."""

    async def sources(self) -> list[SourceHealth]:
        """Every system of the estate, by key."""
        ...


@dataclass(frozen=True, slots=True)
class SourceWrite:
    """One change for the system that owns it, in canonical names and exact types.

    `action` is `update`, `create`, or what the domain calls the step: `complete`, `approve`, `reject`.
    `values` are the attributes to set; a link is a Ref by this system's own id. `external_id` is None for
    a create. `token` names the write: the adapter leaves it at the vendor where it can (an external
    reference, an external id), so that a write whose answer was lost can be found again. `canonical_id`
    is what a created object will be known as. `version` is the pseudo-attribute `version` that the record
    must still have, None when the caller does not care.
    """

    action: str
    kind: Kind
    external_id: str | None
    values: Mapping[str, Value]
    token: str
    canonical_id: CanonicalId | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class WriteReceipt:
    """The owner's confirmation: which object, and the handle of its process while that is not finished.

    `also` are the other objects of the kind that the write has changed with it. `whole` is False where `verify`
    finds a change that shows, but of which a step is missing: writing it again makes that step.
    """

    external_id: str
    pending: str | None = None
    also: tuple[str, ...] = ()
    whole: bool = True


class ProcessState(StrEnum):
    """How a vendor's own process, started by a write, stands."""

    PENDING = "pending"
    DONE = "done"
    REFUSED = "refused"


class SourceWriter(SourceAdapter, Protocol):
    """An adapter that can also write."""

    @property
    def actions(self) -> Mapping[Kind, frozenset[str]]:
        """The actions that this system carries out, by kind."""
        ...

    async def write(self, change: SourceWrite) -> WriteReceipt:
        """Carry out one change with the vendor's own concurrency control, or read-compare-write.

        Raises VersionConflict when the record has changed since `change.version`; SourceRejected with the
        vendor's reason when it refuses; SourceUnavailable with `sent` False when nothing was sent;
        WriteOutcomeUnknown when the answer was lost. Never repeats a write by itself.
        """
        ...

    async def verify(self, change: SourceWrite) -> WriteReceipt | None:
        """Read back whether a change was carried out: its receipt, or None when it certainly was not.

        Raises SourceError while that cannot be told.
        """
        ...

    async def process_state(self, handle: str) -> ProcessState:
        """How the process of a receipt's `pending` handle stands."""
        ...


class AuditTrail(Protocol):
    """Where it is noted who saw what only few may see."""

    async def cost_rate_read(self, actor: Actor, correlation_id: str, resources: Sequence[CanonicalId]) -> None:
        """Note that somebody is about to see what these people cost (domain.md 9.1). Raises when it is not noted."""
        ...

"""Where a plan's code takes entities, pages and records from: this process's memory, or what a request has loaded.

Both are asked in the same words and never wait. What is not there raises NotHere: the request then loads
everything that the plan needs (resolvers.engine.loading) and runs the same code on that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, cast

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.records import RecordKey
from hub.ports import CachedRecord, Entity, EntityPage, PageQuery
from resolvers.filters import LEGAL_ENTITY_CODE
from resolvers.reads import Reads

RecordWish: TypeAlias = tuple[RecordKey, frozenset[str]]


class NotHere(Exception):
    """Something is not in memory."""


class Sight(Protocol):
    """What can be seen without waiting."""

    @property
    def peek_entity(self) -> Callable[[CanonicalId], Entity | None]:
        """Gives an entity, or None without a word when it is not to be seen; `gone` says what that means."""
        ...

    @property
    def peek_record(self) -> Callable[[RecordKey, frozenset[str]], CachedRecord | None]:
        """Gives a record, None when it is not here."""
        ...

    def gone(self) -> None:
        """Called where `peek_entity` gave nothing. Raises NotHere unless that means that there is no such entity."""
        ...

    def entity(self, canonical_id: CanonicalId) -> Entity | None:
        """The entity; None when there is none. Raises NotHere."""
        ...

    def record(self, key: RecordKey, attributes: frozenset[str]) -> CachedRecord:
        """What is known of a record. Raises NotHere."""
        ...

    def page(self, query: PageQuery) -> EntityPage:
        """A page of a list. Raises NotHere, or what the directory raised for it."""
        ...

    def pages(self, query: PageQuery, parents: Sequence[CanonicalId]) -> Sequence[EntityPage]:
        """The page of each parent, in order. Raises NotHere, or what the directory raised for it."""
        ...

    def by_code(self, kind: Kind, code: str) -> CanonicalId | None:
        """The entity with that code; None when there is none. Raises NotHere."""
        ...

    def health(self) -> Any:
        """The state of the systems. Raises NotHere."""
        ...


class Memory:
    """What this process has in memory, current and fresh."""

    def __init__(self, reads: Reads) -> None:
        self._directory = reads.directory
        self.peek_entity: Callable[[CanonicalId], Entity | None] = reads.directory.peek_entity
        self.peek_record: Callable[[RecordKey, frozenset[str]], CachedRecord | None] = reads.records.peek

    def gone(self) -> None:
        """See Sight: an entity that there is no more is not in memory either."""
        raise NotHere

    def entity(self, canonical_id: CanonicalId) -> Entity | None:
        """See Sight."""
        found = self.peek_entity(canonical_id)
        if found is None:
            raise NotHere
        return found

    def record(self, key: RecordKey, attributes: frozenset[str]) -> CachedRecord:
        """See Sight."""
        found = self.peek_record(key, attributes)
        if found is None:
            raise NotHere
        return found

    def page(self, query: PageQuery) -> EntityPage:
        """See Sight."""
        if any(condition.attribute == LEGAL_ENTITY_CODE for condition in query.conditions):
            raise NotHere
        found = self._directory.peek_pages(query, [None])[0]
        if found is None:
            raise NotHere
        return found

    def pages(self, query: PageQuery, parents: Sequence[CanonicalId]) -> Sequence[EntityPage]:
        """See Sight."""
        found = self._directory.peek_pages(query, parents)
        if None in found:
            raise NotHere
        return cast("Sequence[EntityPage]", found)

    def by_code(self, kind: Kind, code: str) -> CanonicalId | None:
        """See Sight: codes are asked of the database."""
        raise NotHere

    def health(self) -> Any:
        """See Sight: the systems' state is asked for each time."""
        raise NotHere


@dataclass(slots=True)
class Loaded:
    """What one request has loaded; a failure stands in the place of what failed and is raised there."""

    entities: dict[CanonicalId, Entity | Exception | None] = field(default_factory=dict)
    records: dict[RecordWish, CachedRecord] = field(default_factory=dict)
    lists: dict[PageQuery, EntityPage | Exception] = field(default_factory=dict)
    children: dict[PageQuery, dict[CanonicalId, EntityPage | Exception]] = field(default_factory=dict)
    codes: dict[tuple[Kind, str], CanonicalId | Exception | None] = field(default_factory=dict)
    systems: Any = None

    def gone(self) -> None:
        """See Sight: what has been looked for and not found is no more."""

    def entity(self, canonical_id: CanonicalId) -> Entity | None:
        """See Sight."""
        return cast("Entity | None", _or_raise(self.entities[canonical_id]))

    @property
    def peek_entity(self) -> Callable[[CanonicalId], Entity | None]:
        """See Sight."""
        return self.entity

    def record(self, key: RecordKey, attributes: frozenset[str]) -> CachedRecord:
        """See Sight."""
        return self.records[key, attributes]

    @property
    def peek_record(self) -> Callable[[RecordKey, frozenset[str]], CachedRecord | None]:
        """See Sight."""
        return self.record

    def page(self, query: PageQuery) -> EntityPage:
        """See Sight."""
        return cast("EntityPage", _or_raise(self.lists[query]))

    def pages(self, query: PageQuery, parents: Sequence[CanonicalId]) -> Sequence[EntityPage]:
        """See Sight."""
        known = self.children[query]
        return [_or_raise(known[parent]) for parent in parents]

    def by_code(self, kind: Kind, code: str) -> CanonicalId | None:
        """See Sight."""
        found = self.codes[kind, code]
        if isinstance(found, Exception):
            raise found
        return found

    def health(self) -> Any:
        """See Sight."""
        return _or_raise(self.systems)


def _or_raise(found: Any) -> Any:
    if isinstance(found, Exception):
        raise found
    return found

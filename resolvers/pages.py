"""Connections: the directory's page as the graph shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.domain.ids import CanonicalId
from hub.ports import Entity, EntityPage, PageQuery
from resolvers.arguments import window
from resolvers.graph import Arguments, Children, Pages, Reverse


@dataclass(frozen=True, slots=True)
class Edge:
    """An entity and its place in the list."""

    cursor: str
    node: Entity


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Where the page stands in the list."""

    has_next: bool
    has_previous: bool
    start: str | None
    end: str | None


@dataclass(frozen=True, slots=True)
class Connection:
    """A page of entities; `total` counts the whole list."""

    edges: tuple[Edge, ...]
    info: PageInfo
    total: int

    @property
    def nodes(self) -> tuple[Entity, ...]:
        """The entities alone."""
        return tuple(edge.node for edge in self.edges)


def connection(page: EntityPage, entities: Sequence[Entity | None]) -> Connection:
    """The page with its entities; one that has gone since the page was read is left out."""
    edges = tuple(Edge(c, e) for c, e in zip(page.cursors, entities, strict=True) if e is not None)
    start, end = (page.cursors[0], page.cursors[-1]) if page.cursors else (None, None)
    return Connection(edges, PageInfo(page.has_next, page.has_previous, start, end), page.total)


def page_query(source: Pages, arguments: Arguments) -> PageQuery:
    """The directory's query for a connection; filters.settled comes after it. May raise InvalidInput."""
    part = window(arguments, source.default_first)
    order_by, descending = source.order(arguments) if source.order else (source.order_by, False)
    return PageQuery(
        source.kind,
        source.conditions(arguments) if source.conditions else (),
        order_by,
        descending,
        part.first,
        part.after,
        part.last,
        part.before,
        source.via,
    )


def children_query(source: Children | Reverse) -> PageQuery:
    """The directory's query for all children, or for the one entity that points back (the first of several)."""
    if isinstance(source, Children):
        return PageQuery(source.kind, order_by=source.order_by, via=source.via)
    return PageQuery(source.kind, first=1, via=source.via)


def first_id(page: EntityPage) -> CanonicalId | None:
    """The first id of a page."""
    return page.ids[0] if page.ids else None

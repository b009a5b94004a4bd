"""`@owner`: which domain is the system of record of a field, worked out from the tables of fields and of ownership."""

from __future__ import annotations

import strawberry
from strawberry.schema_directive import Location

from hub.domain.kinds import Domain as DomainName
from hub.domain.kinds import Kind
from hub.domain.ownership import owner_of
from resolvers.fields import GRAPH
from resolvers.graph import (
    KIND_OF_TYPE,
    Attr,
    Children,
    Derived,
    FieldSource,
    Kept,
    Link,
    Pages,
    Reverse,
)
from resolvers.values import needed
from schema.enums import Domain


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="owner",
    repeatable=True,
    description="The domain whose systems are the system of record of the field: only they can change its value."
    " Several stand where the value's parts, or its kinds of entity, have different ones.",
)
class Owner:
    """The directive `@owner`."""

    domain: Domain = strawberry.directive_field(name="domain")


def owner_directives(type_name: str, field_name: str) -> list[object]:
    """The directives of one field, in the order of the domains."""
    found = owners(type_name, field_name)
    return [Owner(domain=Domain[name]) for name in DomainName if name in found]


def with_owners(description: str | None, type_name: str, field_name: str) -> str | None:
    """The description with the owning domains: introspection shows no directives, so a playground reads them here."""
    found = owners(type_name, field_name)
    if description is None or not found:
        return description
    return f"{description} System of record: {', '.join(name for name in DomainName if name in found)}."


def owners(type_name: str, field_name: str) -> frozenset[DomainName]:
    """The domains that own a field of the graph; empty for ids, provenance and what only the page is about."""
    source = GRAPH.get(type_name, {}).get(field_name)
    kind = KIND_OF_TYPE.get(type_name)
    return frozenset() if source is None or kind is None else _owners(source, kind)


def _owners(source: FieldSource, kind: Kind) -> frozenset[DomainName]:
    match source:
        case Attr() | Derived():
            return _of_attributes(kind, needed(source, {}))
        case Link():
            return frozenset(source.owners) or _of_attributes(kind, (source.name,))
        case Children():
            return frozenset(source.owners) or _of_attributes(source.kind, (source.via,))
        case Reverse():
            return _of_attributes(source.kind, (source.via,))
        case Pages() if source.via is not None:
            return _of_attributes(source.kind, (source.via,))
        case Kept():
            return frozenset({DomainName.HUB})
        case _:
            return frozenset()


def _of_attributes(kind: Kind, attributes: tuple[str, ...]) -> frozenset[DomainName]:
    kinds = (Kind.RESOURCE, Kind.SUBCONTRACTOR) if kind is Kind.RESOURCE else (kind,)
    found: set[DomainName] = set()
    for of in kinds:
        for attribute in attributes:
            try:
                found.add(owner_of(of, attribute))
            except KeyError:
                continue  # a subcontractor has fewer attributes than an employee
    return frozenset(found)

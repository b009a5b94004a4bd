"""What all entities have in common: identity, and where their values come from; and money."""

from __future__ import annotations

import strawberry

from schema.declare import interface, told, value
from schema.enums import Domain, SourceStatus
from schema.scalars import Currency, DateTime, Decimal


@value
class Money:
    """An exact amount in one currency."""

    amount: Decimal = told("The amount, with as many decimal places as the currency has.")
    currency: Currency = told("The currency's code.")


@value
class SourceRecord:
    """One record of one system behind an entity: where its values come from, and how old they are."""

    domain: Domain = told("The domain of the system: which of the entity's fields it gives, see `@owner`.")
    system: str = told("The system's key in this firm's estate, such as `netsuite-us`.")
    vendor: str = told("The system's vendor, such as `netsuite`.")
    kind: str = told("The vendor's own object type, such as `job`.")
    external_id: str = told("The record's id in that system.")
    version: str | None = told("The record's version, opaque; a mutation takes it as `expectedVersion`.")
    source_timestamp: DateTime | None = told("When the record last changed in its system.")
    fetched_at: DateTime | None = told("When the hub last read it.")
    stale: bool = told("Whether older values are shown because the system did not answer.")
    unavailable: str | None = told(
        "Why there is nothing current from this record, as a code: `SOURCE_UNAVAILABLE`, `RATE_LIMITED`,"
        " `AUTH_FAILED`, `SCHEMA_DRIFT`, or `MISSING` when its system no longer has it."
    )


@value
class SourceHealth:
    """How one system of record is doing."""

    system: str = told("The system's key in this firm's estate.")
    vendor: str = told("The system's vendor.")
    domain: Domain = told("The system's domain.")
    status: SourceStatus = told("Whether it answers.")
    last_contact: DateTime | None = told("When it last answered.")
    lag_seconds: int | None = told("How far the hub is behind changes that it knows of; 0 for an idle system.")
    open_exceptions: int = told("Failed steps with this system that wait for a person.")


@interface
class Node:
    """Anything with a canonical id of the hub."""

    id: strawberry.ID = told("The canonical id: opaque, never changes, never used again.")


@interface
class Entity(Node):
    """Something that systems of record know: records of several systems, joined under one id."""

    records: list[SourceRecord] = told("The records behind the entity, each with its age and state.")

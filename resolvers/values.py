"""The rules of a field's value, given the records: what both executors agree on.

An attribute is its owner's record's, else what the directory keeps of it, else nothing with a reason:
- no system of the owning domain knows the entity, or the vendor has no such object: null, no error;
- the record cannot be had: the last good value where the directory keeps one, else a Lack;
- a stale record serves as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from hub.domain.directory import KEPT, kept_by
from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import owner_of
from hub.domain.records import RecordKey, SoldPackage, Value
from hub.ports import CachedRecord, Entity, SystemCard
from resolvers.faults import Lack
from resolvers.graph import Arguments, Attr, Derived, Owned, Values, Veiled

MISSING = "MISSING"
VERSION = "version"
"""The pseudo-attribute that a record has when it was asked for."""

Found = Callable[[RecordKey], CachedRecord]
"""What was loaded under a key, with at least the attributes that were needed."""


@cache
def owner(record_kind: Kind, attribute: str) -> Domain | None:
    """The domain that owns the attribute of that kind of record; None where the kind has no such attribute.

    `cost_rate@2026-03-01` is the cost rate on a day.
    """
    try:
        return owner_of(record_kind, attribute.partition("@")[0])
    except KeyError:
        return None


@cache
def stands_in(record_kind: Kind, attribute: str) -> bool:
    """Whether the directory's last good value may serve for the attribute.

    Of an invoice's lines the directory keeps the links only.
    """
    return attribute in KEPT[record_kind] and (record_kind, attribute) != (Kind.INVOICE, "lines")


def key_of(entity: Entity, attribute: str) -> RecordKey | None:
    """The record that gives the attribute; None when there is none."""
    domain = owner(entity.record_kind, attribute)
    return None if domain is None else entity.keys.get(domain)


def needed(source: Attr | Derived, arguments: Arguments) -> tuple[str, ...]:
    """The record attributes behind a field."""
    if isinstance(source, Attr):
        return (source.attribute,)
    return source.needs(arguments) if callable(source.needs) else source.needs


def attribute_value(entity: Entity, attribute: str, found: Found) -> Value | Lack:
    """The value of one attribute now, or why there is none."""
    key = key_of(entity, attribute)
    loaded = None if key is None else found(key)
    if loaded is not None and loaded.record is not None:
        value = loaded.record.attributes.get(attribute)
        if value is not None:
            return value
        if attribute in loaded.record.attributes and not stands_in(entity.record_kind, attribute):
            return None
    if stands_in(entity.record_kind, attribute):
        return _kept(entity, attribute, loaded)
    if key is None or loaded is None or loaded.unavailable in (None, MISSING):
        return None
    return Lack(loaded.unavailable, key.system)


def _kept(entity: Entity, attribute: str, loaded: CachedRecord | None) -> Value:
    """The last good value, unless the record says that there is none now; a name is never none."""
    cleared = loaded is not None and loaded.record is not None and attribute in loaded.record.attributes
    if cleared and attribute not in {"name", "code", "number", "status"}:
        return None
    return entity.kept.get(attribute)


def field_value(source: Attr | Derived, entity: Entity, arguments: Arguments, found: Found, around: Any) -> Any | Lack:
    """The graph's value of a record's field, or why there is none; may raise InvalidInput."""
    value = _field_value(source, entity, arguments, found, around)
    return _veiled(entity, value) if entity.withheld and isinstance(value, list | tuple) else value


def _veiled(entity: Entity, members: Sequence[Any]) -> list[Any]:
    """Plain objects inside an entity know what is withheld of it."""
    plain = (Mapping, SoldPackage)
    return [Veiled(entity.withheld, member) if isinstance(member, plain) else member for member in members]


def _field_value(source: Attr | Derived, entity: Entity, arguments: Arguments, found: Found, around: Any) -> Any | Lack:
    if isinstance(source, Attr):
        value = attribute_value(entity, source.attribute, found)
        return value if value is None or isinstance(value, Lack) else _shown(source, entity, value)
    attributes: dict[str, Value] = {}
    for name in needed(source, arguments):
        part = attribute_value(entity, name, found)
        if isinstance(part, Lack):
            if not source.partial:
                return part
            part = None
        attributes[name] = part
    return source.fn(Values(attributes, entity.kept, entity.id), arguments, around)


def _shown(source: Attr, entity: Entity, value: Any) -> Any:
    if source.owned:
        return [Owned(entity, member) for member in value]
    return value if source.of is None else source.of(value)


def part(value: Any, name: str) -> Any:
    """A member of a plain value object, whether it is owned, veiled, a mapping or a dataclass."""
    plain = value.value if isinstance(value, Owned | Veiled) else value
    return plain[name] if isinstance(plain, Mapping) else getattr(plain, name)


@dataclass(frozen=True, slots=True)
class RecordState:
    """One record behind an entity as it is now: the graph's SourceRecord."""

    domain: Domain
    system: str
    vendor: str
    kind: str
    external_id: str
    version: str | None
    source_timestamp: datetime | None
    fetched_at: datetime | None
    stale: bool
    unavailable: str | None


def record_state(key: RecordKey, card: SystemCard, loaded: CachedRecord) -> RecordState:
    """What is known of a record; stale also when the directory's last good values stand in for it."""
    record = loaded.record
    version = None if record is None else record.attributes.get(VERSION)
    stands = loaded.unavailable not in (None, MISSING) and bool(kept_by(card.domain, key.kind))
    return RecordState(
        domain=card.domain,
        system=key.system,
        vendor=card.vendor,
        kind=card.kinds[key.kind].vendor_kind if key.kind in card.kinds else str(key.kind),
        external_id=key.external_id,
        version=version if isinstance(version, str) else None,
        source_timestamp=None if record is None else record.source_timestamp,
        fetched_at=None if record is None else record.fetched_at,
        stale=loaded.stale or stands,
        unavailable=loaded.unavailable,
    )

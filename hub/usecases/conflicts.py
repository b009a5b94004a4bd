"""The refusal of an old version: what is to be known to go on, in the graph's words and within the caller's rights."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from hub.domain import commands
from hub.domain.commands import Actor, Refusal
from hub.domain.kinds import Kind, entity_kind
from hub.domain.names import field_name, type_name
from hub.domain.records import Record, Value
from hub.domain.visibility import Access, Rights
from hub.usecases.scoped_directory import input_rights

VERSION, EXPECTED_VERSION = "version", "expectedVersion"


def stale(record: Record, wanted: Iterable[str], actor: Actor) -> Refusal:
    """The present version, and what the record says of what was to be changed.

    `wanted` are the input's fields or the attributes. What the caller may not read is not told, nor is what has no
    short text: links among them, which the payload shows as entities.
    """
    rights = input_rights(actor)
    fields = {field_name(name) for name in wanted}
    told = {field_name(name): _text(value) for name, value in record.attributes.items() if field_name(name) in fields}
    shown = [f"{n} is {t}" for n, t in sorted(told.items()) if t is not None and _reads(rights, record.key.kind, n)]
    return Refusal(
        commands.VERSION_CONFLICT,
        commands.BUSINESS_RULE,
        f"The record has changed since that version: now {', '.join(shown) or 'see the payload'}.",
        EXPECTED_VERSION,
        allowed=(str(record.attributes.get(VERSION)),),
    )


def _reads(rights: Rights, kind: Kind, field: str) -> bool:
    return rights.access(type_name(entity_kind(kind)), field) is Access.READ


def _text(value: Value) -> str | None:
    """A simple value as the graph writes it; None for any other."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return str(value)
        case Decimal():
            return format(value, "f")
        case date() if not isinstance(value, datetime):
            return value.isoformat()
        case None:
            return "not set"
        case _:
            return None

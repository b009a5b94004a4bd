"""Canonical ids: a type prefix, an underscore and a ULID; opaque, immutable, never reused (domain.md 2.1)."""

from __future__ import annotations

import re
import secrets
import time
from typing import NewType

from hub.domain.kinds import PREFIX, Kind, entity_kind

CanonicalId = NewType("CanonicalId", str)

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_KIND_BY_PREFIX = {prefix: kind for kind, prefix in PREFIX.items()}
_SHAPE = re.compile(r"([a-z]{3})_[0-7][0-9A-HJKMNP-TV-Z]{25}")


class MalformedId(ValueError):
    """The text is not a canonical id."""


def new_id(kind: Kind, *, now_ms: int | None = None) -> CanonicalId:
    """A fresh id of that kind of record; ids made later sort later within a prefix."""
    stamp = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    value = (stamp << 80) | secrets.randbits(80)
    ulid = "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))
    return CanonicalId(f"{PREFIX[kind]}_{ulid}")


def parse_id(text: str) -> CanonicalId:
    """The id in the text; raises MalformedId when it has no known prefix or no ULID behind it."""
    match = _SHAPE.fullmatch(text)
    if match is None or match[1] not in _KIND_BY_PREFIX:
        raise MalformedId("not an id of this graph: expected a prefix such as prj_ and 26 characters")
    return CanonicalId(text)


def kind_of(canonical_id: CanonicalId) -> Kind:
    """The kind of entity that the id's prefix names (both wrk_ and sub_ are resources)."""
    return entity_kind(_KIND_BY_PREFIX[canonical_id[:3]])


def record_kind_of(canonical_id: CanonicalId) -> Kind:
    """The kind of record that the id's prefix names: tells an employee's wrk_ from a subcontractor's sub_."""
    return _KIND_BY_PREFIX[canonical_id[:3]]

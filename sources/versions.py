"""The version of a record: a hash of the attributes that its domain owns and keeps in it (domain.md 6.2).

Vendors' own stamps are too coarse for compare-and-set, so callers get this instead: equal values, equal
version, whatever the vendor's formatting. The canonical form follows domain.md 6.1: keys sorted, no
spaces, numbers as strings, instants in UTC milliseconds, texts in NFC and trimmed.

A version is shown to callers who may not read all that it is made of. So it is made with a secret of the
installation: without it nobody can try values until the version fits. The record is part of it too, for
equal versions of two records would tell that their hidden values are equal.
"""

from __future__ import annotations

import hmac
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hub.domain.kinds import Domain, Kind
from hub.domain.money import Money
from hub.domain.ownership import versioned_of
from hub.domain.records import RecordKey, Value

VERSION = "version"
"""The pseudo-attribute under which a record carries its version."""
DIGITS = 32
LEAST_KEY_BYTES = 16


def widened(domain: Domain, kind: Kind, attributes: frozenset[str]) -> frozenset[str]:
    """What must be read for these attributes: everything that a version is made of when it is among them."""
    return (attributes - {VERSION}) | versioned_of(domain, kind) if VERSION in attributes else attributes


class Versions:
    """Makes the versions of one installation: replicas and restarts with its secret agree, nobody else can."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < LEAST_KEY_BYTES:
            raise ValueError(f"the secret of versions has at least {LEAST_KEY_BYTES} bytes")
        self._secret = secret

    def of(self, record: RecordKey, attributes: Mapping[str, Value]) -> str:
        """The version of a record with these attributes: 32 lower-case hex digits."""
        return self._keyed(VERSION, record, attributes)

    def stamp(self, record: RecordKey, attributes: Mapping[str, Value]) -> str:
        """What stands for the stamp of a record whose vendor gives none."""
        return self._keyed("stamp", record, attributes)

    def chosen(
        self, domain: Domain, record: RecordKey, values: Mapping[str, Value], attributes: frozenset[str]
    ) -> dict[str, Value]:
        """The attributes that were asked for, out of the values read; the version is added when it was asked for."""
        chosen = {name: value for name, value in values.items() if name in attributes}
        if VERSION in attributes:
            owned = versioned_of(domain, record.kind)
            chosen[VERSION] = self.of(record, {name: value for name, value in values.items() if name in owned})
        return chosen

    def _keyed(self, use: str, record: RecordKey, attributes: Mapping[str, Value]) -> str:
        said = [use, record.system, record.kind, record.external_id, _plain(dict(attributes))]
        text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hmac.digest(self._secret, text.encode(), "sha256").hex()[:DIGITS]


def instant_text(instant: datetime) -> str:
    """An instant as canonical text: UTC RFC 3339 with milliseconds and Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    """The value in canonical JSON terms; members without a value are dropped."""
    scalar = _scalar(value)
    if scalar is not None or value is None:
        return scalar
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    if is_dataclass(value):
        return _plain({f.name: getattr(value, f.name) for f in fields(value)})
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    raise TypeError(f"a record cannot hold a {type(value).__name__}")


def _scalar(value: Any) -> Any:
    """The canonical form of a simple value; None when it is not one."""
    match value:
        case bool():
            return value
        case str():
            return unicodedata.normalize("NFC", str(value)).strip()
        case int():
            return str(value)
        case Decimal():
            return format(value.normalize() if value else Decimal(0), "f")
        case datetime():
            return instant_text(value)
        case date():
            return value.isoformat()
        case Money():
            return {"amountMinor": str(value.minor), "currency": value.currency}
        case _:
            return None

"""Identity of messages: canonical JSON, transaction hashes, the keys sent to the ERP (domain.md 6.1, 6.2).

Canonical JSON is RFC 8785 over a body in which every number has become a string, absent members are
dropped, strings are NFC and trimmed. Floats are refused: they are what RFC 8785 would round.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hub.domain.money import Money

SCHEMA_VERSION = "1"
"""`v` of a transaction hash: raised when the business fields of an object type change."""


def canonical(value: Any) -> Any:
    """The value with its numbers, dates and strings in canonical form; raises TypeError for anything inexact."""
    match value:
        case None | bool():
            return value
        case str() | int() | Decimal() | date() | Money():
            return _scalar(value)
        case Mapping():
            return {canonical(name): canonical(part) for name, part in value.items() if part is not None}
        case set() | frozenset():
            return sorted((canonical(part) for part in value), key=canonical_json)
        case list() | tuple():
            return [canonical(part) for part in value]
        case _:
            raise TypeError(f"{type(value).__name__} has no canonical form")


def _scalar(value: str | int | Decimal | date | Money) -> str | dict[str, str]:
    match value:
        case str():
            return unicodedata.normalize("NFC", value).strip()
        case datetime():
            return instant_text(value)
        case date():
            return value.isoformat()
        case Money():
            return {"amountMinor": str(value.minor), "currency": value.currency}
        case _:
            return str(value)


def instant_text(value: datetime) -> str:
    """UTC, milliseconds, Z. Raises ValueError for a naive instant."""
    if value.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def canonical_json(value: Any) -> str:
    """RFC 8785 text of the canonical value: members sorted by UTF-16 code units, no spaces."""
    return json.dumps(_sorted(canonical(value)), ensure_ascii=False, separators=(",", ":"))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value, key=lambda n: n.encode("utf-16-be"))}
    return [_sorted(part) for part in value] if isinstance(value, list) else value


def digest(value: Any) -> str:
    """Lower-case hex SHA-256 of the canonical JSON in UTF-8."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def transaction_hash(
    domain: str, system: str, object_type: str, external_id: str, operation: str, body: Mapping[str, Any]
) -> str:
    """What a message says, whoever sends it and whenever: equal hashes mean the same business content."""
    return digest(
        {
            "v": SCHEMA_VERSION,
            "sourceSystem": domain,
            "sourceInstance": system,
            "objectType": object_type,
            "externalId": external_id,
            "operation": operation,
            "body": body,
        }
    )


def target_key(business_key: Sequence[str], version: str, operation: str, part: int | None = None) -> str:
    """The key under which a target system knows one operation, so that a repeat cannot post twice.

    `business_key` is (domain, system, object type, external id); `version` the source's own version or the
    text of its timestamp; `part` numbers the pieces of an entry that was split.
    """
    members = [*business_key, version, operation]
    return digest(members if part is None else [*members, str(part)])

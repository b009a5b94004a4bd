"""Names of cache entries: every key carries the shape version, so that a new release never reads old shapes."""

from __future__ import annotations

from hub.domain.records import RecordKey

SHAPE_VERSION = 3
"""Raise whenever the stored form of a record changes, or what its values mean."""
_PREFIX = f"hub:r{SHAPE_VERSION}"
INVALIDATIONS = f"{_PREFIX}:invalid"
"""Channel on which replicas tell each other what to drop; `*` means everything."""


def entry_key(key: RecordKey) -> str:
    """Where a record is kept in the shared tier. The caller's rights are not part of it: rights decide per field."""
    return f"{_PREFIX}:{key.system}:{key.kind}:{key.external_id}"


def flight_key(key: RecordKey) -> str:
    """The short lock under which one replica fetches a record while the others wait for its answer."""
    return f"{_PREFIX}:flight:{key.system}:{key.kind}:{key.external_id}"


def entry_pattern() -> str:
    """Matches all entries of this shape version."""
    return f"{_PREFIX}:*"

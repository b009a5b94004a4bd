"""Names in place of names: always the same for a person in one installation, and telling nothing (domain.md 9.1)."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from hub.domain.ids import CanonicalId

KEY_BYTES = 32
_DIGITS = 10


class Pseudonyms:
    """Makes pseudonyms with the installation's key; without one they last as long as the process."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(KEY_BYTES)

    def of(self, canonical_id: CanonicalId) -> str:
        """The pseudonym of a resource."""
        digest = hmac.digest(self._key, canonical_id.encode(), hashlib.sha256)
        return f"Resource {digest.hex()[:_DIGITS].upper()}"

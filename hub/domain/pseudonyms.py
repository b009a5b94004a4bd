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
        return f"Resource {self._digits(canonical_id)}"

    def of_person(self, name: str) -> str:
        """The pseudonym of whoever signs in under a work e-mail or a subject, in whatever letter case."""
        return f"Person {self._digits(f'person:{name.casefold()}')}"

    def _digits(self, of: str) -> str:
        return hmac.digest(self._key, of.encode(), hashlib.sha256).hex()[:_DIGITS].upper()

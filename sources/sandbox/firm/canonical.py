"""Canonical ids that the firm's systems already carry, and the seeded randomness that every part draws from."""

from __future__ import annotations

import hashlib
from datetime import date
from random import Random

from sources.sandbox.firm.days import instant

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def canonical_id(prefix: str, seed: int, n: int, born: date) -> str:
    """A ULID-shaped canonical id, such as `prj_01J8ZQ4T7M3N5P6R8S9V0W1X2Y`, that depends on its arguments only."""
    randomness = hashlib.sha256(f"{seed}:{prefix}:{n}".encode()).digest()[:10]
    bits = (int(instant(born).timestamp() * 1000) << 80) | int.from_bytes(randomness, "big")
    digits = "".join(_CROCKFORD[(bits >> shift) & 31] for shift in range(125, -1, -5))
    return f"{prefix}_{digits}"


def rng(seed: int, part: str) -> Random:
    """The random numbers of one part of the firm: a part's own, so that a new part shifts no other."""
    return Random(f"{seed}:{part}")

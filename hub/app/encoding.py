"""How a body travels: compressed for those who ask for it, and not at all to those who have it already."""

from __future__ import annotations

import hashlib
import zlib
from functools import lru_cache

SMALLEST_COMPRESSED = 1_024
"""Bytes below which compressing costs more than it saves."""
_LEVEL = 1
"""The fastest: a repetitive JSON body shrinks to a tenth with it, and hardly further with more work."""
_GZIP = 31
"""zlib's number for the gzip format with the largest window."""


@lru_cache(maxsize=64)
def takes_gzip(accept_encoding: str | None) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    weights: dict[str, float] = {}
    for part in (accept_encoding or "").lower().split(","):
        name, _, parameter = part.partition(";")
        try:
            weights[name.strip()] = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def compressed(body: bytes) -> bytes:
    """The body in the gzip format; the same body always gives the same bytes."""
    return zlib.compress(body, _LEVEL, _GZIP)


def etag(body: bytes, form: str, *, gzip: bool) -> str:
    """A strong validator: equal only for the same bytes in the same form and encoding."""
    digest = hashlib.blake2b(body, digest_size=18, key=form.encode()).hexdigest()
    return f'"{digest}-gzip"' if gzip else f'"{digest}"'


def has_already(if_none_match: str | None, tag: str) -> bool:
    """Whether an If-None-Match header names the tag."""
    named = {part.strip().removeprefix("W/") for part in (if_none_match or "").split(",")}
    return "*" in named or tag in named

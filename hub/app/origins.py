"""Which web pages may ask: cross-origin resource sharing, and no request that a foreign page can make unasked.

A browser sends a *simple* request to any address without asking first. It cannot carry a bearer token,
so it is nobody's request here; one that carries what a browser adds by itself, a cookie or a remembered
password, is refused before anything else is looked at.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from hub.app.exchange import Incoming, Reply
from hub.app.messages import Refused

ALLOWED_HEADERS = (
    "Authorization, Cache-Control, Content-Type, If-None-Match, Apollo-Require-Preflight, X-Correlation-Id,"
    " X-Hub-Explain, X-Hub-On-Behalf-Of"
)
TOLD_HEADERS = "ETag, X-Correlation-Id"
PREFLIGHT_S = 600
_SIMPLE_TYPES = frozenset({"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"})
_NOT_SIMPLE = (b"apollo-require-preflight", b"x-apollo-operation-name", b"x-hub-explain", b"x-correlation-id")


def refuse_forgery(incoming: Incoming) -> None:
    """Raise Refused (403) for a request that a foreign page may have made with its visitor's credentials."""
    authorization = (incoming.header(b"authorization") or "").lower()
    if authorization.startswith("bearer "):
        return
    if (authorization or incoming.has(b"cookie")) and is_simple(incoming):
        raise Refused(
            403,
            "a web page could have sent this request unasked: send a bearer token, or Apollo-Require-Preflight: true",
            "CSRF_PREVENTED",
        )


def is_simple(incoming: Incoming) -> bool:
    """Whether a browser sends such a request to a foreign address without asking there first."""
    content_type = (incoming.header(b"content-type") or "text/plain").partition(";")[0].strip().lower()
    return content_type in _SIMPLE_TYPES and not any(incoming.has(name) for name in _NOT_SIMPLE)


class Origins:
    """The web origins whose pages may ask; none by default."""

    def __init__(self, allowed: AbstractSet[str]) -> None:
        self._allowed = allowed
        self.vary: tuple[str, ...] = ("Origin",) if allowed else ()

    def headers(self, incoming: Incoming) -> list[tuple[bytes, bytes]]:
        """The headers that let the asking page read the answer."""
        if not self._allowed:
            return []
        origin = incoming.header(b"origin")
        if origin not in self._allowed or origin is None:
            return []
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", TOLD_HEADERS.encode()),
        ]

    def preflight(self, incoming: Incoming) -> Reply | None:
        """The answer to a browser that asks whether it may; None for anything else, and for strangers."""
        asked = incoming.method == "OPTIONS" and incoming.has(b"access-control-request-method")
        if not asked or incoming.header(b"origin") not in self._allowed:
            return None
        permitted = {
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Max-Age": str(PREFLIGHT_S),
            "Vary": "Origin",
        }
        return Reply(204, headers=permitted)

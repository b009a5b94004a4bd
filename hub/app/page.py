"""The playground: GraphiQL from the hub's own assets, under a content security policy that lets nothing else in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from hub.app.services import Example, Services

STATIC = Path(__file__).parent / "static"
_PLACE = 'id="hub-config">{}'
_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline';"
    " font-src 'self' data:; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}


def playground(services: Services, examples: Sequence[Example]) -> Response:
    """The page with this hub's configuration; says what to do where the assets were never built."""
    index = STATIC / "index.html"
    if not index.is_file():
        return PlainTextResponse("The playground has not been built: run `make setup`.", 503)
    tokens = services.demo_tokens
    config = {
        "endpoint": "/graphql",
        "demoTokens": None if tokens is None else [{"role": r, "token": t} for r, t in tokens.items()],
        "examples": [{"name": e.name, "query": e.query, "variables": dict(e.variables)} for e in examples],
    }
    text = orjson.dumps(config).decode().replace("<", "\\u003c")
    page = index.read_text(encoding="utf-8").replace(_PLACE, _PLACE.removesuffix("{}") + text, 1)
    return HTMLResponse(page, headers=_HEADERS)

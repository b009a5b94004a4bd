"""Runs one vendor's sandbox in this process: `python -m sources.sandbox salesforce --credentials FILE.json`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import date
from pathlib import Path

from sources.sandbox.core import serve, utc_now
from sources.sandbox.credentials import BadCredentials, from_json
from sources.sandbox.firm.generate import generate
from sources.sandbox.firm.model import Size
from sources.sandbox.vendors import PORTS, build


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; 2 when the arguments or the credentials are wrong."""
    parser = argparse.ArgumentParser(prog="python -m sources.sandbox", description=__doc__)
    parser.add_argument("vendor", choices=sorted(PORTS))
    parser.add_argument("--size", type=Size, choices=list(Size), default=Size.MEDIUM)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--today", type=date.fromisoformat, default=None, help="YYYY-MM-DD, default today (UTC)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=None, help="default: the vendor's own")
    parser.add_argument("--credentials", type=Path, required=True, help="the sandbox half, as JSON")
    options = parser.parse_args(arguments)
    try:
        credentials = from_json(options.credentials.read_text())
    except (OSError, BadCredentials) as exc:
        print(f"{options.credentials}: {exc}", file=sys.stderr)  # noqa: T201
        return 2
    firm = generate(options.size, seed=options.seed, today=options.today or utc_now().date())
    app = build(options.vendor, firm, credentials)
    asyncio.run(serve(app, options.host, options.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The vendors that have a sandbox: their ports, and how to build one by name without importing the others."""

from __future__ import annotations

import importlib
from typing import Any

from sources.sandbox.core import Clock, VendorApp, utc_now
from sources.sandbox.credentials import SandboxCredentials
from sources.sandbox.firm.model import Firm

PORTS = {"salesforce": 9101, "kantata": 9111, "netsuite": 9121, "workday": 9131}


def build(
    vendor: str, firm: Firm, credentials: SandboxCredentials, *, clock: Clock = utc_now, **settings: Any
) -> VendorApp:
    """The vendor's app on a firm; `settings` are its own (page sizes, token lifetime). KeyError for an unknown one."""
    if vendor not in PORTS:
        raise KeyError(vendor)
    module = importlib.import_module(f"sources.sandbox.{vendor}")
    app: VendorApp = module.create_app(firm, getattr(credentials, vendor), clock=clock, **settings)
    return app

"""Secrets of the installation: made at their first use, the same in every replica, never shown."""

from __future__ import annotations

import secrets

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.store.statements import text

PSEUDONYMS = "pseudonyms"
"""The key of hub.domain.pseudonyms."""
VERSIONS = "versions"
"""The key of sources.versions."""
BYTES = 32


async def installation_secret(engine: AsyncEngine, name: str) -> bytes:
    """The secret of that name; whichever replica asks first makes it."""
    made = {"name": name, "value": secrets.token_bytes(BYTES)}
    async with engine.begin() as connection:
        await connection.execute(text(_MAKE), made)
        return bytes((await connection.execute(text(_READ), {"name": name})).scalar_one())


_MAKE = "INSERT INTO secret (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING"
_READ = "SELECT value FROM secret WHERE name = :name"

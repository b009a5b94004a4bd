"""Switches that people set for all replicas at once; a switch that was never set is off."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.store.statements import text

FEEDS_PAUSED = "feeds-paused"
"""While it is on, change feeds, probes and health calls ask no system anything."""


async def is_on(engine: AsyncEngine, name: str) -> bool:
    """Whether a switch is on."""
    async with engine.connect() as connection:
        found = (await connection.execute(text('SELECT "on" FROM switch WHERE name = :name'), {"name": name})).first()
    return found is not None and bool(found[0])


async def turn(engine: AsyncEngine, name: str, *, on: bool) -> None:
    """Set a switch."""
    statement = (
        'INSERT INTO switch (name, "on") VALUES (:name, :on) ON CONFLICT (name) DO UPDATE SET "on" = excluded."on"'
    )
    async with engine.begin() as connection:
        await connection.execute(text(statement), {"name": name, "on": on})

"""One engine, one way to migrate: how the hub opens its PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from hub.store.pool import keep_alive

MIGRATIONS = Path(__file__).with_name("migrations")
CREATE_LOCK = 7_210_416
"""Key of the advisory lock under which a database is made."""


def open_engine(url: str, *, pool_size: int = 8) -> AsyncEngine:
    """An engine on `postgresql+asyncpg://…`; the caller disposes it. JSON goes through orjson."""
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=4,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )
    keep_alive(engine.sync_engine)
    return engine


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema to the newest version; safe when several processes start at once (an advisory lock)."""
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    attributes: dict[str, Any] = config.attributes
    attributes["connection"] = connection
    command.upgrade(config, "head")


async def ensure_database(server_url: str, name: str) -> None:
    """Make the database on that server if it is not there; safe when several processes ask at once."""
    engine = create_async_engine(server_url, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": CREATE_LOCK})
            found = await connection.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
            if found.first() is None:
                await connection.execute(text(f'CREATE DATABASE "{name}"'))
            await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": CREATE_LOCK})
    finally:
        await engine.dispose()

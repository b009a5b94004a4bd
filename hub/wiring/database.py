"""Which database a hub process uses: the configured one, or one on the embedded server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.settings import Settings
from hub.store import embedded
from hub.store.database import ensure_database, open_engine


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """An engine on the configured PostgreSQL, or on the embedded one, which the last process to leave stops."""
    async with AsyncExitStack() as stack:
        if settings.database_url is not None:
            url = settings.database_url.get_secret_value().replace("postgres://", "postgresql://", 1)
            url = url.replace("postgresql://", "postgresql+asyncpg://", 1)
        else:
            server = await asyncio.to_thread(embedded.start, settings.data_dir / "pg")
            stack.push_async_callback(asyncio.to_thread, server.close)
            await ensure_database(server.url(), settings.database_name)
            url = server.url(settings.database_name)
        engine = open_engine(url)
        stack.push_async_callback(engine.dispose)
        yield engine

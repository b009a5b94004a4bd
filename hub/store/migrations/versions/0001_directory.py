"""The directory, cross references, watermarks, exceptions, and the job queue's own schema."""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection

from hub.store.tables import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything; the queue's schema is the pinned library's own."""
    connection = op.get_bind()
    metadata.create_all(connection)
    _run_script(connection, SchemaManager.get_schema())


def _run_script(connection: Connection, script: str) -> None:
    """Run many statements at once: prepared statements cannot, the driver's own `execute` can."""
    adapted = connection.connection.dbapi_connection
    adapted.run_async(lambda driver: driver.execute(script))  # type: ignore[union-attr]

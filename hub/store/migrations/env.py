"""Alembic's entry: runs on the connection that hub.store.database hands over, one process at a time."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from hub.store.tables import metadata

MIGRATION_LOCK = 7_210_417
"""Key of the advisory lock that lets one process migrate while the others wait."""


def run() -> None:
    """Run the wanted migrations inside the caller's transaction."""
    connection: Connection = context.config.attributes["connection"]
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()


run()

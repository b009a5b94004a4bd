"""The hub's processes that listen: whom a writer waits for (hub.store.replicas)."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table; what it holds is worth nothing after a crash of the server."""
    op.execute('CREATE UNLOGGED TABLE replica (name text COLLATE "C" PRIMARY KEY, until timestamptz NOT NULL)')

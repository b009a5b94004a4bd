"""Secrets that the installation makes for itself and all replicas share."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table."""
    op.execute(
        'CREATE TABLE secret (name text COLLATE "C" PRIMARY KEY, value bytea NOT NULL,'
        " made_at timestamptz NOT NULL DEFAULT now())"
    )

"""Commands: which other records a write has touched, so that they are read back with the one it names."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; what was written before touched nothing else that anybody waits for."""
    op.execute("ALTER TABLE command ADD COLUMN also text[] NOT NULL DEFAULT '{}'")

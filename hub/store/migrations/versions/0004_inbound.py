"""Messages from systems of record: what was decided about them, and what waits for its owner's word (domain.md 6.2)."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Connection

revision = "0004"
down_revision = "0003"

_TABLES = """
ALTER TABLE record
  ADD COLUMN IF NOT EXISTS source_version bigint,
  ADD COLUMN IF NOT EXISTS read_at timestamptz;

CREATE TABLE inbound_decision (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  decision text NOT NULL,
  domain text NOT NULL,
  system text NOT NULL,
  kind text NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  hash text NOT NULL,
  source_timestamp timestamptz,
  correlation_id text NOT NULL,
  repeats integer NOT NULL DEFAULT 0,
  last_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX inbound_decision_once ON inbound_decision
  (system, kind, external_id, hash, decision, coalesce(source_timestamp, '-infinity'));

CREATE TABLE quarantine (
  system text NOT NULL,
  kind text NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  code text NOT NULL,
  deleted boolean NOT NULL,
  read_at timestamptz NOT NULL,
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (system, kind, external_id, code)
);
"""

_APPEND_ONLY = """
CREATE FUNCTION count_up_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF to_jsonb(NEW) - 'repeats' - 'last_at' = to_jsonb(OLD) - 'repeats' - 'last_at' AND NEW.repeats > OLD.repeats THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER inbound_decision_counts_up BEFORE UPDATE ON inbound_decision
  FOR EACH ROW EXECUTE FUNCTION count_up_only();
CREATE TRIGGER inbound_decision_append_only BEFORE DELETE OR TRUNCATE ON inbound_decision
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    """Create the tables; a decision can be neither changed nor deleted through the hub, only seen to repeat itself."""
    _run_script(op.get_bind(), _TABLES + _APPEND_ONLY)


def _run_script(connection: Connection, script: str) -> None:
    """Run many statements at once: prepared statements cannot, the driver's own `execute` can."""
    adapted = connection.connection.dbapi_connection
    adapted.run_async(lambda driver: driver.execute(script))  # type: ignore[union-attr]

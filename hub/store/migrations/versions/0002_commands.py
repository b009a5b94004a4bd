"""Commands: the idempotency ledger and its history, locks per record, the audit trail, the stages' history."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Connection

revision = "0002"
down_revision = "0001"

_TABLES = """
CREATE TABLE command (
  id text COLLATE "C" PRIMARY KEY,
  issuer text NOT NULL,
  subject text NOT NULL,
  mutation text NOT NULL,
  key text NOT NULL,
  request_hash text NOT NULL,
  token text NOT NULL,
  state text NOT NULL,
  correlation_id text NOT NULL,
  on_behalf_of text,
  person text,
  runner text NOT NULL,
  lease_until timestamptz NOT NULL,
  sent jsonb,
  system text,
  pending text,
  external_id text,
  entity_id text COLLATE "C",
  errors jsonb NOT NULL DEFAULT '[]',
  received_at timestamptz NOT NULL DEFAULT now(),
  sent_at timestamptz,
  finished_at timestamptz,
  checks integer NOT NULL DEFAULT 0,
  resumed boolean NOT NULL DEFAULT false,
  check_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (issuer, subject, mutation, key)
);
CREATE INDEX command_open ON command (check_at) WHERE state IN ('SENT', 'UNKNOWN', 'ACCEPTED');

CREATE TABLE command_history (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  command_id text COLLATE "C" NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  state text NOT NULL,
  runner text NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX command_history_by_command ON command_history (command_id);

CREATE TABLE record_lock (
  name text COLLATE "C" PRIMARY KEY,
  holder text NOT NULL,
  until timestamptz NOT NULL
);

CREATE TABLE audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  issuer text NOT NULL,
  actor text NOT NULL,
  roles text[] NOT NULL,
  on_behalf_of text,
  correlation_id text NOT NULL,
  action text NOT NULL,
  entity_id text COLLATE "C",
  before jsonb,
  after jsonb,
  outcome text NOT NULL,
  code text
);
CREATE INDEX audit_by_entity ON audit (entity_id, id) WHERE entity_id IS NOT NULL;

CREATE TABLE project_stage (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  entity_id text COLLATE "C" NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  from_stage text NOT NULL,
  stage text NOT NULL,
  actor text NOT NULL,
  on_behalf_of text,
  correlation_id text NOT NULL,
  reason text
);
CREATE INDEX project_stage_by_entity ON project_stage (entity_id, id);
"""

_APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
"""
_KEPT_FOR_GOOD = ("command_history", "audit", "project_stage")


def upgrade() -> None:
    """Create the tables; what is kept for the auditors can be neither changed nor deleted through the hub."""
    triggers = "".join(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();"
        for table in _KEPT_FOR_GOOD
    )
    _run_script(op.get_bind(), _TABLES + _APPEND_ONLY + triggers)


def _run_script(connection: Connection, script: str) -> None:
    """Run many statements at once: prepared statements cannot, the driver's own `execute` can."""
    adapted = connection.connection.dbapi_connection
    adapted.run_async(lambda driver: driver.execute(script))  # type: ignore[union-attr]

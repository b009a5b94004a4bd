"""The hub's own tables on PostgreSQL; rows of `entity` are the directory, rows of `record` the cross references."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

# Sort keys and codes compare byte by byte, so that order does not depend on the server's locale.
KEY_TEXT = Text(collation="C")

LINKS = (
    "customer",
    "parent",
    "opportunity",
    "contract",
    "contract_line",
    "line",
    "project",
    "task",
    "resource",
    "manager",
    "practice",
    "legal_entity",
    "invoice",
)
"""Link attributes; each has a column `<name>_id` holding the target's canonical id."""

entity = Table(
    "entity",
    metadata,
    Column("id", KEY_TEXT, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("record_kind", Text, nullable=False),
    Column("kept", JSONB, nullable=False),
    Column("name_key", KEY_TEXT),
    Column("code_key", KEY_TEXT),
    Column("value_key", KEY_TEXT),
    Column("code", KEY_TEXT),
    Column("search", Text),
    Column("status", Text),
    Column("role", Text),
    Column("start_date", Date),
    Column("end_date", Date),
    Column("date", Date),
    Column("probability", Numeric),
    Column("skills", ARRAY(Text)),
    Column("models", ARRAY(Text)),
    *(Column(f"{name}_id", KEY_TEXT) for name in LINKS),
    Column("merged_into", KEY_TEXT),
    Column("deleted_at", DateTime(timezone=True)),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
)
_LIVE = text("deleted_at IS NULL AND merged_into IS NULL")
for _name, _columns in {
    "entity_by_name": ("kind", "name_key", "id"),
    "entity_by_code": ("kind", "code_key", "id"),
    "entity_by_start": ("kind", "start_date", "id"),
    "entity_by_date": ("kind", "date", "id"),
}.items():
    Index(_name, *(entity.c[c] for c in _columns), postgresql_where=_LIVE)
for _link in LINKS:
    Index(
        f"entity_by_{_link}",
        entity.c[f"{_link}_id"],
        entity.c.kind,
        postgresql_where=text(f"{_link}_id IS NOT NULL AND deleted_at IS NULL AND merged_into IS NULL"),
    )

record = Table(
    "record",
    metadata,
    Column("system", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("external_id", KEY_TEXT, primary_key=True),
    Column("domain", Text, nullable=False),
    Column("entity_kind", Text, nullable=False),
    Column("entity_id", KEY_TEXT),
    Column("stamp", Text, nullable=False),
    Column("source_timestamp", DateTime(timezone=True)),
    Column("source_version", BigInteger),
    Column("read_at", DateTime(timezone=True)),
    Column("kept", JSONB, nullable=False),
    Column("label", Text, nullable=False, server_default=""),
    Column("role", Text, nullable=False, server_default="LEAD"),
    Column("valid_from", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("missing_since", DateTime(timezone=True)),
    Column("deleted_at", DateTime(timezone=True)),
)
Index("record_by_entity", record.c.entity_id, postgresql_where=text("entity_id IS NOT NULL"))
Index("record_by_external_id", record.c.entity_kind, record.c.external_id)
Index(
    "record_missing",
    record.c.missing_since,
    postgresql_where=text("missing_since IS NOT NULL AND deleted_at IS NULL"),
)

match_key = Table(
    "match_key",
    metadata,
    Column("entity_kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", KEY_TEXT, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("external_id", KEY_TEXT, primary_key=True),
)

pending_link = Table(
    "pending_link",
    metadata,
    Column("target_kind", Text, primary_key=True),
    Column("by", Text, primary_key=True),
    Column("value", KEY_TEXT, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("entity_id", KEY_TEXT, primary_key=True),
    Column("since", DateTime(timezone=True), nullable=False, server_default=text("now()")),
)

watermark = Table(
    "watermark",
    metadata,
    Column("system", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("reached", DateTime(timezone=True)),
    Column("first_load_done_at", DateTime(timezone=True)),
    Column("full_pass_at", DateTime(timezone=True)),
    Column("ran_at", DateTime(timezone=True)),
    Column("ran_records", Integer, nullable=False, server_default="0"),
    Column("behind", Boolean, nullable=False, server_default="false"),
    Column("failed_at", DateTime(timezone=True)),
    Column("failure", Text),
    Column("failures", Integer, nullable=False, server_default="0"),
)

due = Table(
    "due",
    metadata,
    Column("job", KEY_TEXT, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
)

switch = Table(
    "switch",
    metadata,
    Column("name", Text, primary_key=True),
    Column("on", Boolean, nullable=False),
)

sync_exception = Table(
    "sync_exception",
    metadata,
    Column("id", KEY_TEXT, primary_key=True),
    Column("class", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("systems", ARRAY(Text), nullable=False),
    Column("subject_id", KEY_TEXT),
    Column("subject_key", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("first_seen", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("last_seen", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("status", Text, nullable=False, server_default="OPEN"),
)
Index(
    "sync_exception_open",
    sync_exception.c.code,
    sync_exception.c.subject_key,
    unique=True,
    postgresql_where=text("status IN ('OPEN', 'ASSIGNED')"),
)

"""What commands ask about people: whose work e-mail it is, and how they are booked."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.records import RecordKey, Value
from hub.store.codec import decode
from hub.store.statements import text


async def resource_of_email(engine: AsyncEngine, email: str) -> CanonicalId | None:
    """The one active resource with that work e-mail; None when there is none or more than one (domain.md 9.1)."""
    async with engine.connect() as connection:
        rows = (await connection.execute(text(_BY_EMAIL), {"email": email.casefold()})).all()
    return CanonicalId(rows[0].id) if len(rows) == 1 else None


async def bookings_of(engine: AsyncEngine, resource: CanonicalId) -> dict[CanonicalId, dict[str, Value]]:
    """The kept values of all of a person's bookings, straight from the database: no replica's memory is asked."""
    async with engine.connect() as connection:
        rows = (await connection.execute(text(_BOOKINGS), {"resource": resource})).all()
    return {CanonicalId(row.id): decode(row.kept) for row in rows}


async def entity_of(engine: AsyncEngine, key: RecordKey) -> CanonicalId | None:
    """The entity that a record belongs to; None for an unlinked, a deleted or an unknown one."""
    async with engine.connect() as connection:
        row = (await connection.execute(text(_ENTITY_OF), key._asdict())).first()
    return None if row is None else CanonicalId(row.entity_id)


async def is_posted(engine: AsyncEngine, project: CanonicalId) -> bool:
    """Whether time, an invoice or revenue of the project was ever posted, as far as the directory tells."""
    given = {"project": project, "invoice": Kind.INVOICE, "time_entry": Kind.TIME_ENTRY}
    async with engine.connect() as connection:
        return bool((await connection.execute(text(_POSTED), given)).scalar_one())


async def busiest_manager(engine: AsyncEngine) -> str | None:
    """The work e-mail of the active person who manages the most projects: whom the demo shows as delivery manager."""
    async with engine.connect() as connection:
        row = (await connection.execute(text(_BUSIEST))).first()
    return None if row is None else str(row.email)


_BUSIEST = """
SELECT r.kept ->> 'email' AS email FROM entity p JOIN entity r ON r.id = p.manager_id
WHERE p.kind = 'project' AND p.deleted_at IS NULL AND p.merged_into IS NULL
  AND r.kept ->> 'email' IS NOT NULL AND r.kept ->> 'status' = 'ACTIVE' AND r.deleted_at IS NULL
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"""
_BY_EMAIL = """
SELECT DISTINCT e.id FROM match_key m
JOIN record r ON r.system = m.system AND r.kind = m.kind AND r.external_id = m.external_id AND r.deleted_at IS NULL
JOIN entity e ON e.id = r.entity_id
WHERE m.entity_kind = 'resource' AND m.name = 'email' AND m.value = :email
  AND lower(e.kept ->> 'email') = :email AND coalesce(e.kept ->> 'status', 'ACTIVE') = 'ACTIVE'
  AND e.deleted_at IS NULL AND e.merged_into IS NULL"""
_BOOKINGS = """
SELECT id, kept FROM entity
WHERE kind = 'assignment' AND resource_id = :resource AND deleted_at IS NULL AND merged_into IS NULL"""
_ENTITY_OF = """
SELECT entity_id FROM record
WHERE system = :system AND kind = :kind AND external_id = :external_id
  AND entity_id IS NOT NULL AND deleted_at IS NULL"""
_POSTED = """
SELECT EXISTS (SELECT 1 FROM entity WHERE project_id = :project AND deleted_at IS NULL AND merged_into IS NULL
  AND (kind = :invoice OR kind = :time_entry AND status IN ('APPROVED', 'POSTED', 'BILLED')))"""

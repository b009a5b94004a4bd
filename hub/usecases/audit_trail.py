"""The audit trail as one reader may see it: rows by row scope, what they say by the table of field groups."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.audit import READERS, AuditPage, as_shown, require_reader
from hub.domain.commands import Actor
from hub.domain.ids import CanonicalId
from hub.domain.pseudonyms import Pseudonyms
from hub.store import audit
from hub.usecases.desk import RowRights
from hub.usecases.scoped_directory import input_rights

NOTHING = AuditPage((), has_next=False, total=0)


async def read_trail(
    engine: AsyncEngine,
    rights: RowRights,
    pseudonyms: Pseudonyms,
    actor: Actor,
    *,
    first: int,
    before_id: int | None,
    entity_id: CanonicalId | None,
) -> AuditPage:
    """A page, newest first. Raises NotPermitted for those who are no readers."""
    require_reader(actor.caller.roles)
    rows = await rights.rows_of(actor, READERS)
    if rows is None:
        return NOTHING
    reader = audit.Reader(rows, actor.caller.issuer, audit.name_of(actor.caller))
    found = await audit.read(engine, reader, first=first + 1, before_id=before_id, entity_id=entity_id)
    fields = input_rights(actor)
    shown = tuple(as_shown(row, fields, pseudonyms) for row in found[:first])
    return AuditPage(shown, len(found) > first, await audit.count(engine, reader, entity_id))

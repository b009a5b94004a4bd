"""linkRecord: a person tells the hub which entity a record belongs to, for names never match (domain.md 2.1)."""

from __future__ import annotations

from hub.domain import commands
from hub.domain.commands import refuse
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind, entity_kind
from hub.domain.ownership import SUPPORT
from hub.ports import Entity, SourceWriter
from hub.store.linking import KnownRecord, known_records, link
from hub.store.people import entity_of
from hub.usecases.desk import ANY_KIND, Given, HubOnly, Mutation, Work
from hub.usecases.projects import check_text

MAX_ID = 255


def _check(given: Given) -> None:
    for field in ("system", "kind", "externalId"):
        check_text(field, given[field], MAX_ID)


async def _prepare(work: Work) -> HubOnly:
    """No system is asked: whether the record exists is what the feeds have found."""
    entity, given = work.targets["entityId"], work.given
    adapter = work.desk.adapters.get(given["system"])
    if adapter is None:
        refuse(commands.NOT_FOUND, "The estate has no such system.", field="system", allowed=sorted(work.desk.adapters))
    kinds = _kinds(adapter, given["kind"])
    found = await known_records(work.desk.engine, given["system"], kinds, given["externalId"])
    if not found:
        refuse(commands.NOT_FOUND, "The hub knows of no such record.", field="externalId")
    fitting = [known for known in found if entity_kind(known.record.key.kind) is entity.kind]
    if not fitting:
        refuse(commands.WRONG_KIND, f"A {found[0].record.key.kind} is no record of a {entity.kind}.", field="kind")
    await _link(work, entity, fitting[0])
    key = fitting[0].record.key
    return HubOnly(entity.id, {"system": key.system, "kind": str(key.kind), "external_id": key.external_id})


def _kinds(adapter: SourceWriter, named: str) -> list[Kind]:
    """The kinds that a name means: the vendor's object type, which several kinds may share, or the hub's own."""
    kinds = [kind for kind, spec in adapter.kinds.items() if named in (spec.vendor_kind, str(kind))]
    if not kinds:
        allowed = sorted({spec.vendor_kind for spec in adapter.kinds.values()})
        refuse(commands.NOT_FOUND, "The system supplies no such kind of record.", field="kind", allowed=allowed)
    return kinds


async def _link(work: Work, entity: Entity, known: KnownRecord) -> None:
    key = known.record.key
    if known.entity_id == entity.id:
        return
    if known.entity_id is not None:
        refuse(commands.RECORD_TAKEN, "The record belongs to another entity.", field="externalId")
    if any((own.system, own.kind) == (key.system, key.kind) for own in entity.records):
        message = f"It has a {key.kind} of {key.system} already; an entity has one of each kind and system."
        refuse(commands.ENTITY_HAS_RECORD, message, field="entityId")
    changed = await link(work.desk.engine, work.desk.writer, known.record, entity.id)
    work.desk.directory.heard(" ".join(sorted({*changed, entity.id})))
    joined: CanonicalId | None = await entity_of(work.desk.engine, key)
    if joined != entity.id:
        refuse(commands.RECORD_TAKEN, "The record has just been given to another entity.", field="externalId")


MUTATIONS = (Mutation("linkRecord", SUPPORT, {"entityId": ANY_KIND}, _prepare, _check, "entityId"),)

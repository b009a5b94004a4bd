"""From records to the entity: what the directory keeps, by owner and never by arrival order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from hub.domain.directory import KEPT
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind, entity_kind
from hub.domain.ownership import owner_of
from hub.domain.records import Key, RecordKey, Ref, Value

CREATORS: Mapping[Kind, frozenset[Domain]] = {
    Kind.CUSTOMER: frozenset({Domain.CRM}),
    Kind.OPPORTUNITY: frozenset({Domain.CRM}),
    Kind.CONTRACT: frozenset({Domain.CRM}),
    Kind.CONTRACT_LINE: frozenset({Domain.CRM}),
    Kind.CHANGE_ORDER: frozenset({Domain.CRM}),
    Kind.PROJECT: frozenset({Domain.PSA, Domain.ERP}),
    Kind.TASK: frozenset({Domain.PSA}),
    Kind.MILESTONE: frozenset({Domain.PSA}),
    Kind.ASSIGNMENT: frozenset({Domain.PSA}),
    Kind.TIME_ENTRY: frozenset({Domain.PSA}),
    Kind.EXPENSE: frozenset({Domain.PSA}),
    Kind.RESOURCE: frozenset({Domain.HCM}),
    Kind.SUBCONTRACTOR: frozenset({Domain.ERP}),
    Kind.LEGAL_ENTITY: frozenset({Domain.ERP}),
    Kind.INVOICE: frozenset({Domain.ERP}),
    Kind.PRACTICE: frozenset({Domain.HUB}),
}
"""Whose record makes a new entity; a record of any other domain waits until it matches one.

A project appears as soon as one of PSA and ERP has it: half a project must be seen (GATE_PENDING)."""


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as the store knows it: its kept attributes, references still in the vendor's words."""

    key: RecordKey
    domain: Domain
    kept: Mapping[str, Value]
    label: str
    role: str = "LEAD"


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A link whose target is not here yet: the entity must be merged again when it arrives."""

    system: str
    ref: Ref


@dataclass(frozen=True, slots=True)
class Merged:
    """What an entity keeps, and which links wait."""

    record_kind: Kind
    kept: Mapping[str, Value]
    waiting: tuple[Unresolved, ...]


Resolver = Callable[[str, Ref], CanonicalId | None]
"""(system, reference) → the entity it means, None while there is none."""


def primary_records(records: Iterable[StoredRecord]) -> dict[Domain, StoredRecord]:
    """The record that speaks for each domain: the LEAD one, the first by key among equals."""
    primary: dict[Domain, StoredRecord] = {}
    for candidate in sorted(records, key=lambda r: (r.role != "LEAD", r.key)):
        primary.setdefault(candidate.domain, candidate)
    return primary


def merge(kind: Kind, records: Sequence[StoredRecord], resolve: Resolver) -> Merged:
    """Merge an entity's records by the ownership table; a missing record leaves its attributes out.

    `name` and `code` fall back to a record's label, so that an entity which only a system without those
    attributes knows is still shown. Raises ValueError without any record.
    """
    if not records:
        raise ValueError("an entity has at least one record")
    primary = primary_records(records)
    subcontractor = any(r.key.kind is Kind.SUBCONTRACTOR for r in records)
    record_kind = Kind.SUBCONTRACTOR if subcontractor else kind
    kept: dict[str, Value] = {}
    waiting: list[Unresolved] = []
    for name in sorted(KEPT[record_kind]):
        source = primary.get(owner_of(record_kind, name))
        if source is None or name not in source.kept:
            continue
        value = source.kept[name]
        if isinstance(value, Ref):
            target = resolve(source.key.system, value)
            if target is None:
                waiting.append(Unresolved(source.key.system, value))
            value = target
        elif isinstance(value, tuple):
            parts = (item for item in value if isinstance(item, Ref))
            waiting += [Unresolved(source.key.system, ref) for ref in parts if resolve(source.key.system, ref) is None]
        kept[name] = value
    label = next((r.label for _, r in sorted(primary.items()) if r.label), "")
    for needed in {"name", "code", "number"} & KEPT[record_kind]:
        if kept.get(needed) is None:
            kept[needed] = label or records[0].key.external_id
    return Merged(record_kind, kept, tuple(waiting))


def time_status(status: Value, posted_period: Value) -> str | None:
    """The PSA's status of a time entry; an approved one that the ERP holds an actual for is POSTED."""
    if not isinstance(status, str):
        return None
    return "POSTED" if status == "APPROVED" and posted_period else status


def own_values(kind: Kind, kept: Mapping[str, Value]) -> Mapping[str, Value]:
    """What an entity keeps of its own records, where the hub shows something else or more.

    A project's customer and legal entity are its contract's when it has one (domain.md 9.1), so its own
    are set aside; an approved time entry that the ERP has posted is POSTED; an invoice's lines are kept
    for their links only, which live on the milestones.
    """
    match kind:
        case Kind.PROJECT:
            aside = {"customer": "own_customer", "legal_entity": "own_legal_entity"}
            return {aside.get(name, name): value for name, value in kept.items()}
        case Kind.TIME_ENTRY:
            return {**kept, "status": time_status(kept.get("status"), kept.get("posted_period"))}
        case Kind.INVOICE:
            return {name: value for name, value in kept.items() if name != "lines"}
        case _:
            return kept


def invoice_milestones(record: StoredRecord, resolve: Resolver) -> tuple[CanonicalId, ...]:
    """The milestones that an invoice's lines bill, in line order, unresolved ones left out."""
    lines = record.kept.get("lines")
    refs = [item for item in lines if isinstance(item, Ref)] if isinstance(lines, tuple) else []
    found = [resolve(record.key.system, ref) for ref in refs]
    return tuple(dict.fromkeys(milestone for milestone in found if milestone is not None))


def may_create(kind: Kind, domain: Domain) -> bool:
    """Whether a record of that kind from that domain makes a new entity when it matches none."""
    return domain in CREATORS.get(kind, frozenset())


def matching_keys(keys: Iterable[Key]) -> tuple[Key, ...]:
    """Identity hints in the order in which they decide: canonical id, other systems' ids, business keys."""

    def rank(key: Key) -> int:
        return 0 if key.name == "canonical" else 1 if key.name.startswith("id:") else 2

    return tuple(sorted((k for k in keys if k.value), key=rank))


def target_kind(ref: Ref) -> Kind:
    """The kind of entity that a reference means."""
    return entity_kind(ref.kind)


class MergeRefused(ValueError):
    """Two entities may not become one."""


@dataclass(frozen=True, slots=True)
class Postings:
    """Where an entity's posted financials are: legal entities and currencies."""

    legal_entities: frozenset[str]
    currencies: frozenset[str]


def refuse_merge(survivor: Kind, loser: Kind, kept: Postings, lost: Postings) -> None:
    """Raise MergeRefused unless the two may be merged (domain.md 2.1): one kind, no postings that cannot be added."""
    if survivor is not loser:
        raise MergeRefused(f"a {loser} cannot become a {survivor}")
    for mine, theirs, what in (
        (kept.legal_entities, lost.legal_entities, "legal entities"),
        (kept.currencies, lost.currencies, "currencies"),
    ):
        if mine and theirs and mine != theirs:
            raise MergeRefused(f"both have posted financials, in different {what}")

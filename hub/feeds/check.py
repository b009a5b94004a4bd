"""Looks for what does not fit together in the directory, and shows it as data quality exceptions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.domain.identity import digest
from hub.domain.kinds import Domain, Kind, entity_kind
from hub.domain.merge import may_create
from hub.domain.records import BY_ID
from hub.ports import SystemCard
from hub.store.doubts import Candidate, DanglingLink, dangling_links, match_candidates
from hub.store.exceptions import ExceptionClass, Severity, Trouble, raise_exception, resolve_all_but

FLOW = "directory"
MATCH_CANDIDATE = "MATCH_CANDIDATE"
XREF_MISSING = "XREF_MISSING"
PARKED_S = 86_400.0
"""How long a link may wait for its target before somebody should look (domain.md 6.2)."""
MOST_LINKS = 1_000
"""Missing targets that are shown at once, those waited for longest: a person mends a cause, not thousands of cases."""
_OF_PEOPLE = frozenset({"email", "employee_number"})
"""References whose value names a person: an exception shows a digest of it."""


async def check_directory(engine: AsyncEngine, systems: Mapping[str, SystemCard]) -> None:
    """Raise an exception for each doubt there is now, and resolve those of doubts that are gone.

    A link whose target no system of the estate could ever show is no doubt: a firm may run without one of them.
    """
    await _show(engine, MATCH_CANDIDATE, [_same_name(c) for c in await match_candidates(engine)])
    missing = await dangling_links(engine, older_than_s=PARKED_S, limit=MOST_LINKS)
    await _show(engine, XREF_MISSING, [_no_target(link) for link in missing if may_come(link, systems.values())])


def may_come(link: DanglingLink, systems: Collection[SystemCard]) -> bool:
    """Whether some system of the estate shows records that could be the link's target."""
    if link.target_kind is Kind.PRACTICE:
        return True  # practices are the hub's own reference data
    shown = [(card, kind) for card in systems for kind in card.kinds if entity_kind(kind) is link.target_kind]
    made = any(may_create(kind, card.domain) for card, kind in shown)
    if link.system:
        return made and any(card.system == link.system for card, _ in shown)
    domain = link.by.removeprefix(f"{BY_ID}:")
    return made and (domain not in set(Domain) or any(card.domain == domain for card, _ in shown))


async def _show(engine: AsyncEngine, code: str, troubles: Sequence[Trouble]) -> None:
    await raise_exception(engine, *{t.subject_key: t for t in troubles}.values())
    await resolve_all_but(engine, code, FLOW, [t.subject_key for t in troubles])


def _same_name(candidate: Candidate) -> Trouble:
    record = candidate.record
    return Trouble(
        code=MATCH_CANDIDATE,
        cls=ExceptionClass.DATA_QUALITY,
        flow=FLOW,
        systems=(record.system,),
        subject_key="/".join(record),
        message=f"the {record.kind} is linked to nothing but has the same name as {', '.join(candidate.entities)}",
        subject_id=candidate.entities[0],
        severity=Severity.WARNING,
    )


def _no_target(link: DanglingLink) -> Trouble:
    value = digest(link.value)[:16] if link.by in _OF_PEOPLE else link.value
    return Trouble(
        code=XREF_MISSING,
        cls=ExceptionClass.DATA_QUALITY,
        flow=FLOW,
        systems=(link.system,) if link.system else (),
        subject_key=f"{link.system or link.by}/{link.target_kind}/{value}",
        message=f"{link.waiting} entities have referred to this {link.target_kind} for more than a day, and it is"
        " linked to nothing or no system has shown it",
        subject_id=link.entity,
    )

"""Looks for what does not fit together in the directory, and shows it as data quality exceptions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.store.doubts import Candidate, DanglingLink, dangling_links, match_candidates
from hub.store.exceptions import ExceptionClass, Severity, Trouble, raise_exception, resolve_all_but

FLOW = "directory"
MATCH_CANDIDATE = "MATCH_CANDIDATE"
XREF_MISSING = "XREF_MISSING"
PARKED_S = 86_400.0
"""How long a link may wait for its target before somebody should look (domain.md 6.2)."""


async def check_directory(engine: AsyncEngine) -> None:
    """Raise an exception for each doubt there is now, and resolve those of doubts that are gone."""
    await _show(engine, MATCH_CANDIDATE, [_same_name(c) for c in await match_candidates(engine)])
    await _show(engine, XREF_MISSING, [_no_target(d) for d in await dangling_links(engine, older_than_s=PARKED_S)])


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
    return Trouble(
        code=XREF_MISSING,
        cls=ExceptionClass.DATA_QUALITY,
        flow=FLOW,
        systems=(link.system,) if link.system else (),
        subject_key=f"{link.entity}/{link.target_kind}",
        message=f"refers by {link.by} to a {link.target_kind} that no system has shown for more than a day",
        subject_id=link.entity,
    )

"""The row of the table for skills."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain
from hub.domain.records import RecordKey
from hub.ports import Entity
from tests.integration.commands.case import Case, Ready, Refused, given
from tests.support.commands import PMO
from tests.support.live import Live

WORKERS = "/ccx/api/staffing/v6/northlight/workers"
WORKS = """
SELECT e.id FROM entity e WHERE e.kind = 'resource' AND e.status = 'ACTIVE' AND e.record_kind = 'resource'
  AND e.end_date IS NULL AND e.deleted_at IS NULL
  AND EXISTS (SELECT 1 FROM record r WHERE r.entity_id = e.id AND r.system = 'workday' AND length(r.external_id) = 32)
ORDER BY e.id"""
TOO_MANY = [f"Skill {n}" for n in range(51)]
PATIENCE_S = 5.0


def skills(hub: Live, person: RecordKey) -> list[str]:
    """What Workday says a person can do."""
    answer = hub.vendor("workday", f"{WORKERS}/{person.external_id}/explicitSkills?limit=100")
    return sorted(skill["skillItem"]["descriptor"] for skill in answer["data"])


async def shown(hub: Live, person: CanonicalId) -> list[str]:
    """What the directory says a person can do."""
    kept = (await hub.entity(person)).kept["skills"]
    assert isinstance(kept, tuple)
    return sorted(str(skill) for skill in kept)


def learn(hub: Live, person: RecordKey, skill: str) -> None:
    """Have somebody add a skill in Workday, and wait for the process to end."""
    hub.vendor("workday", f"{WORKERS}/{person.external_id}/explicitSkills", "POST", {"skillItem": {"skillName": skill}})
    until = time.monotonic() + PATIENCE_S
    while skill not in skills(hub, person):
        assert time.monotonic() < until
        time.sleep(0.02)


async def somebody(hub: Live) -> Entity:
    """One active employee after the other."""
    people = await hub.rows(WORKS)
    return await hub.entity(CanonicalId(people[hub.number() % len(people)].id))


async def _add(hub: Live) -> Ready:
    new = f"Falconry {hub.number()}"
    return await _update(hub, {"add": [new]}, lambda before: sorted([*before, new]))


async def _remove(hub: Live) -> Ready:
    old = f"Handwork {hub.number()}"
    ready = await _update(hub, {"remove": [old]}, lambda before: [skill for skill in before if skill != old])
    assert ready.record is not None
    learn(hub, ready.record, old)
    return ready


async def _exchange(hub: Live) -> Ready:
    """Two processes: a skill is added, another one is taken away."""
    old, new = f"Handwork {hub.number()}", f"Falconry {hub.number()}"

    def wanted(before: list[str]) -> list[str]:
        return sorted({*before, new} - {old})

    ready = await _update(hub, {"add": [new], "remove": [old]}, wanted)
    assert ready.record is not None
    learn(hub, ready.record, old)
    return ready


async def _update(hub: Live, changes: dict[str, list[str]], wanted: Callable[[list[str]], list[str]]) -> Ready:
    """One process of Workday's."""
    person = await somebody(hub)
    key = person.keys[Domain.HCM]

    async def also(_: Any) -> None:
        assert await shown(hub, person.id) == skills(hub, key)

    return Ready(
        PMO,
        {"resourceId": person.id, **changes},
        lambda: skills(hub, key),
        wanted,
        other={"add": [f"Archery {hub.number()}"]},
        also=also,
        record=key,
        meddle=lambda: learn(hub, key, f"Juggling {hub.number()}"),
    )


async def _of_a_subcontractor(hub: Live, ready: Ready) -> Ready:
    """Their master is the ERP's, and it keeps no skills."""
    (row,) = await hub.rows("SELECT id FROM entity WHERE record_kind = 'subcontractor' ORDER BY id LIMIT 1")
    return ready.but(resourceId=row.id)


ADD = Case(
    "updateSkills",
    "workday",
    _add,
    (
        Refused("INVALID_INPUT", "nothing to change", given(add=[]), "add"),
        Refused("INVALID_INPUT", "too many", given(add=TOO_MANY), "add"),
        Refused("INVALID_INPUT", "too many to remove", given(remove=TOO_MANY), "remove"),
        Refused("INVALID_INPUT", "an empty skill", given(add=[" "]), "add"),
        Refused("INVALID_INPUT", "a skill too long", given(add=["s" * 201]), "add"),
        Refused("INVALID_INPUT", "U+0000 in a skill", given(remove=["a\x00b"]), "remove"),
        Refused("INVALID_INPUT", "added and removed", given(add=["Falconry"], remove=["falconry "]), "remove"),
        Refused("NOT_SYSTEM_OF_RECORD", "of a subcontractor", _of_a_subcontractor, "resourceId"),
    ),
    # Each skill is a process of its own: what somebody else adds meanwhile stays, so nothing can be overwritten.
    disturbed=False,
)

REMOVE = Case("updateSkills", "workday", _remove, disturbed=False, variant="removing")
EXCHANGE = Case("updateSkills", "workday", _exchange, disturbed=False, variant="both ways")

CASES = (ADD, REMOVE, EXCHANGE)

"""What a person can do: skills, which the HCM takes over by a business process of its own (domain.md section 1)."""

from __future__ import annotations

from collections.abc import Sequence

from hub.domain.kinds import Kind
from hub.domain.records import Value
from hub.errors import InvalidInput
from hub.ports import SourceWrite
from hub.store.ledger import Sending
from hub.usecases.desk import Given, Mutation, Work, writers_of
from hub.usecases.projects import check_text

MOST_SKILLS = 50


def _check(given: Given) -> None:
    add, remove = given.get("add") or [], given.get("remove") or []
    if not add and not remove:
        raise InvalidInput("add", "name at least one skill to add or to remove")
    _check_skills("add", add)
    _check_skills("remove", remove)
    both = {s.strip().casefold() for s in add} & {s.strip().casefold() for s in remove}
    if both:
        raise InvalidInput("remove", "names a skill that is to be added")


def _check_skills(field: str, skills: Sequence[str]) -> None:
    if len(skills) > MOST_SKILLS:
        raise InvalidInput(field, f"names at most {MOST_SKILLS} skills")
    for skill in skills:
        check_text(field, skill, 200)
        if "\x00" in skill:
            raise InvalidInput(field, "must not contain the character U+0000")


async def _prepare(work: Work) -> Sending:
    person = work.targets["resourceId"]
    key = work.key(person, ["skills"], field="resourceId")
    before = await work.current(key)
    values: dict[str, Value] = {
        name: tuple(dict.fromkeys(skill.strip() for skill in work.given.get(name) or [])) for name in ("add", "remove")
    }
    write = SourceWrite(
        "update_skills", key.kind, key.external_id, values, work.token, version=work.given.get("expectedVersion")
    )
    return Sending(key.system, write, work.locks, person.id, before, frozenset({"skills"}))


MUTATIONS = (
    Mutation(
        "updateSkills",
        writers_of(Kind.RESOURCE, "skills"),
        {"resourceId": Kind.RESOURCE},
        _prepare,
        _check,
        "resourceId",
    ),
)

"""What a service account may do for a user of whom the request names no roles (domain.md 9.1).

Effective rights are those of both. The hub has no register of users' roles, so the user's are what the directory
proves: whoever leads a project is its delivery manager, whoever leads or manages a person may change what that person
can do, and everybody may have their own time submitted. Nothing else, and nothing for somebody unknown.
"""

from __future__ import annotations

from hub.domain import commands
from hub.domain.commands import Actor, refuse
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.ownership import Role
from hub.domain.row_scope import PROJECT_PARTS
from hub.ports import Entity
from hub.store.people import bookings_of, resource_of_email
from hub.usecases.desk import Desk, Mutation, Work


def _by_proof(actor: Actor) -> bool:
    """Whether the command is judged by what the directory proves of its user."""
    return actor.on_behalf_of is not None and not actor.on_behalf_of.roles


async def require_known_user(desk: Desk, actor: Actor, mutation: Mutation) -> None:
    """Refuse a user who is not one active resource of the firm, by the work e-mail."""
    if not _by_proof(actor):
        return
    email = actor.person.email
    if email is None or await resource_of_email(desk.engine, email) is None:
        code = commands.APPROVER_UNKNOWN if mutation.approval else commands.NOT_PERMITTED
        refuse(code, "The work e-mail of the user on whose behalf this is asked belongs to no active resource.")


async def require_rights_of_user(work: Work, mutation: Mutation) -> None:
    """Refuse what the directory does not prove to be the user's to do."""
    if not _by_proof(work.actor):
        return
    person = await work.approver()
    if person is None or not await _may(work, mutation, person):
        refuse(
            commands.NOT_PERMITTED, "The user on whose behalf this is asked leads neither the project nor the person."
        )


async def _may(work: Work, mutation: Mutation, person: CanonicalId) -> bool:
    worker = work.targets.get("resourceId")
    if Role.SERVICE in mutation.writers and worker is not None and worker.id == person:
        return True
    projects = [t for t in work.targets.values() if t.kind is Kind.PROJECT or t.kind in PROJECT_PARTS]
    if projects:
        return all([await _leads(work, one, person) for one in projects])
    return worker is not None and await _leads_person(work, worker, person)


async def _leads(work: Work, thing: Entity, person: CanonicalId) -> bool:
    """Whether the person manages the project, or the one that the thing is a part of."""
    project = thing if thing.kind is Kind.PROJECT else await work.linked(thing, "project")
    return project is not None and project.kept.get("manager") == person


async def _leads_person(work: Work, worker: Entity, person: CanonicalId) -> bool:
    """Whether the person is the worker's manager, or leads a project that the worker is booked on."""
    if worker.kept.get("manager") == person:
        return True
    booked = {
        str(kept["project"])
        for kept in (await bookings_of(work.desk.engine, worker.id)).values()
        if kept.get("project")
    }
    projects = await work.desk.directory.entities([CanonicalId(one) for one in sorted(booked)])
    return any(one is not None and one.kept.get("manager") == person for one in projects)

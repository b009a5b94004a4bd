"""What every mutation refuses, made from the mutation itself: roles, service accounts, ids, characters."""

from __future__ import annotations

from collections.abc import Iterator

from hub.domain.commands import Actor
from hub.domain.ids import new_id
from hub.domain.kinds import Kind
from hub.domain.ownership import Role
from hub.usecases.desk import ANY_KIND, Mutation
from tests.integration.commands.case import Ready, Refused, given, given_by
from tests.support.commands import caller

EMAIL = "somebody@northlight.example"


def refusals(mutation: Mutation, ready: Ready) -> Iterator[Refused]:
    """The refusals that follow from what the mutation is, for a command that is right."""
    yield from _by_role(mutation)
    yield from _by_service_account(mutation)
    for name, kind in mutation.targets.items():
        yield from _by_id(name, kind)
    for name, value in ready.given.items():
        if isinstance(value, str):
            yield Refused("INVALID_INPUT", f"U+0000 in {name}", given(**{name: f"{value}\x00"}), name)


def _by_role(mutation: Mutation) -> Iterator[Refused]:
    for role in sorted(set(Role) - mutation.writers - {Role.SERVICE}):
        yield Refused("NOT_PERMITTED", f"given by {role}", given_by(Actor(caller(role, email=EMAIL))))
    yield Refused("NOT_PERMITTED", "given by nobody", given_by(Actor(caller())))


def _by_service_account(mutation: Mutation) -> Iterator[Refused]:
    writer = caller(*mutation.writers - {Role.SERVICE}, email=EMAIL)
    granted = caller(Role.SERVICE, allow=[mutation.name])
    others = caller(Role.SERVICE, allow=["read:hours", f"{mutation.name}s"])
    yield Refused("NOT_PERMITTED", "no grant", given_by(Actor(others, writer)))
    reader = caller(Role.EXECUTIVE, email=EMAIL)
    yield Refused("NOT_PERMITTED", "for a user who may not", given_by(Actor(granted, reader)))
    yield Refused("NOT_PERMITTED", "a person for another", given_by(Actor(writer, writer)))
    if mutation.approval:
        yield Refused("ON_BEHALF_OF_REQUIRED", "for nobody", given_by(Actor(granted)))


def _by_id(name: str, kind: Kind) -> Iterator[Refused]:
    yield Refused("INVALID_INPUT", f"{name} is no id", given(**{name: "prj_17' OR 1=1"}), name)
    if kind is ANY_KIND:
        yield Refused("NOT_FOUND", f"{name} is nothing", given(**{name: new_id(Kind.PROJECT)}), name)
        return
    other = Kind.PRACTICE if kind is not Kind.PRACTICE else Kind.PROJECT
    yield Refused("NOT_FOUND", f"{name} is of another type", given(**{name: new_id(other)}), name)
    yield Refused("NOT_FOUND", f"{name} is nothing", given(**{name: new_id(kind)}), name)

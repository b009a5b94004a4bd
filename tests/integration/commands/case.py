"""A row of the table of mutations: one command that is right, how its owner shows it, and what makes it wrong.

How to add a row, for a mutation of `hub.usecases.mutations.MUTATIONS`:

1. Write a `Case` in a module of this folder named after the subject (`projects`, `bookings`, …), list it in that
   module's `CASES`, and the module in `table.py`. Take the name out of `TO_COME` there.
2. `ready` makes a command that is right **each time it is called**, on whatever earlier commands have left behind:
   ask the directory and the vendor, count with `hub.number()`, and let no two commands want the same value.
   Records that a vendor's user could make are made through the vendor's own API, then `hub.discovered`.
3. `Ready.state` reads everything that the command touches through the vendor's own API, and everything that a second
   write would double. `Ready.wanted` says what it is once the command is carried out exactly once.
4. `refusals` has a `Refused` for each rule that the command may break. What holds for every mutation (roles, service
   accounts, ids, keys, characters) is made from the mutation itself in `test_refusals.py`, and needs no row here.

Everything else (replay, reuse of a key, versions, an owner that is down, replies lost at every step) follows from
these, in the test modules of this folder; the steps are found by looking at what an undisturbed command sends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hub.domain.commands import Actor, Outcome
from hub.domain.records import RecordKey, Value
from tests.support.live import Live


@dataclass(frozen=True, slots=True)
class Ready:
    """A command that its owner would carry out.

    `state` is what the vendor's own API says of all that the command touches, `wanted` what it says once the
    command is carried out, made from what it said before. `other` is what another request under the same key says
    differently. `shows` has attributes that the payload's entity has afterwards in the record cache, `kept` what the
    directory keeps of it; `also` looks at whatever else there is to see. `record` is what a version is of, and
    `meddle` has one of the vendor's own users change it, not in what the command changes.
    """

    actor: Actor
    given: Mapping[str, Any]
    state: Callable[[], Any]
    wanted: Callable[[Any], Any]
    other: Mapping[str, Any]
    shows: Mapping[str, Value] = field(default_factory=dict)
    kept: Mapping[str, Value] = field(default_factory=dict)
    also: Callable[[Outcome], Awaitable[None]] | None = None
    record: RecordKey | None = None
    meddle: Callable[[], object] | None = None

    def but(self, **given: Any) -> Ready:
        """The same command with another input; a field that is None is left out."""
        merged = {**self.given, **given}
        return replace(self, given={name: value for name, value in merged.items() if value is not None})

    def by(self, actor: Actor) -> Ready:
        """The same command by somebody else."""
        return replace(self, actor=actor)


Spoils = Callable[[Live, Ready], Awaitable[Ready]]


@dataclass(frozen=True, slots=True)
class Refused:
    """One reason to refuse the command: what makes it wrong, and the code and field of the refusal.

    `asks`: the present state of something must be read from its system first; no other refusal asks any system.
    """

    code: str
    why: str
    spoil: Spoils
    field: str | None = None
    asks: bool = False

    def __str__(self) -> str:
        """What the test is called."""
        return f"{self.code}: {self.why}"


@dataclass(frozen=True, slots=True)
class Case:
    """One mutation; `system` is the owner's key in the estate, None where only the hub is concerned.

    `variant` names what is special about a second row of the same mutation.
    `versioned`: the input has an `expectedVersion`. `disturbed`: a record that was there before is changed, so that
    somebody else may change it meanwhile; both need `Ready.record` and `Ready.meddle`.
    """

    name: str
    system: str | None
    ready: Callable[[Live], Awaitable[Ready]]
    refusals: tuple[Refused, ...] = ()
    versioned: bool = True
    disturbed: bool = True
    variant: str = ""

    def __str__(self) -> str:
        """What tests of this row are called."""
        return f"{self.name} {self.variant}".rstrip()


def given(**changes: Any) -> Spoils:
    """Spoil a command by another input; a field that is None is left out."""

    async def spoil(_: Live, ready: Ready) -> Ready:
        return ready.but(**changes)

    return spoil


def given_by(actor: Actor, **changes: Any) -> Spoils:
    """Spoil a command by having somebody else give it."""

    async def spoil(_: Live, ready: Ready) -> Ready:
        return ready.by(actor).but(**changes)

    return spoil

"""What becomes of a message from a system of record: the inbound half of the decision table (domain.md 6.2).

| the message | verdict | taken over |
|---|---|---|
| is the first of its record | FIRST_SEEN, TOMBSTONE | yes |
| says what is known | DUPLICATE | no; a newer stamp is remembered, so that what came before it stays old |
| is newer | UPDATE, TOMBSTONE | yes |
| is older | STALE; REVIVE_REFUSED when it would undo a deletion | no |
| is as old and says something else | CONFLICT | no |
| is from the future | CLOCK_AHEAD | no |

Order is the source's: by its version where it counts them, else by its stamp. Where it gives neither, what was read
later is newer. Arrival never counts.

Stamps are coarse (one second, at some vendors) and some changes move none, so two messages with one stamp may both be
true, one after the other. Neither is preferred; the owner is asked by id instead, and its answer, read after both, is
the record (`Way.BY_ID`). A by-id answer is what the owner says at that moment to one who asked: it is never put aside.
If its stamp is from the future, only the stamp is not believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from hub.domain.identity import canonical, transaction_hash
from hub.domain.kinds import Domain
from hub.domain.money import Money
from hub.domain.records import BY_ID, RecordKey, Ref, Value

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far ahead of the hub's clock a source's stamp may be."""


class Way(StrEnum):
    """How a record was obtained."""

    FEED = "feed"
    """It came with a list of changes."""
    BY_ID = "by_id"
    """Its owner was asked for this very record."""


class Verdict(StrEnum):
    """What a message is, compared with what is known."""

    FIRST_SEEN = "FIRST_SEEN"
    UPDATE = "UPDATE"
    TOMBSTONE = "TOMBSTONE"
    DUPLICATE = "DUPLICATE"
    STALE = "STALE"
    REVIVE_REFUSED = "REVIVE_REFUSED"
    CONFLICT = "CONFLICT"
    CLOCK_AHEAD = "CLOCK_AHEAD"


DOUBTS = frozenset({Verdict.CONFLICT, Verdict.CLOCK_AHEAD})
"""Verdicts that leave the record in quarantine until something settles it."""
_NONE: frozenset[Verdict] = frozenset()


@dataclass(frozen=True, slots=True)
class Message:
    """What one message says of a record: the attributes that it carries, and when it was so.

    `version` is a number that the source itself counts up, None where it has none; `read_at` the hub's clock.
    """

    content: Mapping[str, Value]
    timestamp: datetime | None
    read_at: datetime
    deleted: bool = False
    version: int | None = None
    way: Way = Way.FEED


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a record; `doubted_at` is when the last message was read that is still in quarantine."""

    content: Mapping[str, Value]
    timestamp: datetime | None
    read_at: datetime | None
    deleted: bool = False
    version: int | None = None
    doubted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and what follows from it.

    `applies`: what the message says is known from now on. `moves`: only its stamp is. `settles`: the doubts about
    the record that are over.
    """

    verdict: Verdict
    applies: bool = False
    moves: bool = False
    settles: frozenset[Verdict] = _NONE


def decide(known: Known | None, message: Message, now: datetime) -> Decision:
    """Judge a message by what is known of its record, None for nothing. `now` is the hub's clock."""
    ahead = message.timestamp is not None and message.timestamp > now + CLOCK_TOLERANCE
    if known is not None and _says_the_same(known, message):
        return _duplicate(known, message, ahead=ahead)
    if ahead and message.way is Way.FEED:
        return Decision(Verdict.CLOCK_AHEAD)
    if known is not None and (refusal := _refusal(known, message)) is not None:
        return Decision(refusal)
    if ahead:
        return Decision(Verdict.CLOCK_AHEAD, applies=True, settles=frozenset({Verdict.CONFLICT}))
    if message.deleted:
        return Decision(Verdict.TOMBSTONE, applies=True, settles=DOUBTS)
    return Decision(Verdict.FIRST_SEEN if known is None else Verdict.UPDATE, applies=True, settles=DOUBTS)


def after(known: Known | None, message: Message, decision: Decision, now: datetime) -> Known | None:
    """What is known when the decision has been carried out."""
    if decision.applies:
        before = {} if known is None else known.content
        taken = known or Known({}, None, None)
        known = replace(
            taken,
            content=before if message.deleted else {**before, **message.content},
            deleted=message.deleted,
        )
    if known is not None and (decision.applies or decision.moves):
        known = replace(
            known,
            read_at=message.read_at,
            timestamp=believed(message.timestamp, now) or known.timestamp,
            version=known.version if message.version is None else message.version,
        )
    if known is None or decision.verdict not in DOUBTS:
        return known if known is None or not decision.settles else replace(known, doubted_at=None)
    return replace(known, doubted_at=message.read_at)


def believed(timestamp: datetime | None, now: datetime) -> datetime | None:
    """The stamp as far as it can be true: one from beyond the tolerance would make every later change an older one."""
    return now if timestamp is not None and timestamp > now + CLOCK_TOLERANCE else timestamp


def message_hash(domain: Domain, key: RecordKey, content: Mapping[str, Value], *, deleted: bool) -> str:
    """The transaction hash of what a message says (domain.md 6.1); stamps, labels and versions are no part of it."""
    body = {} if deleted else {name: _plain(value) for name, value in content.items()}
    operation = "DELETE" if deleted else "UPSERT"
    return transaction_hash(domain, key.system, key.kind, key.external_id, operation, body)


class _Order(IntEnum):
    OLDER = -1
    EQUAL = 0
    NEWER = 1


def _order(known: Known, message: Message) -> _Order | None:
    """Which came first at the source; None where it does not tell."""
    if known.version is not None and message.version is not None:
        return _compared(message.version - known.version)
    if known.timestamp is not None and message.timestamp is not None:
        return _compared((message.timestamp - known.timestamp).total_seconds())
    return None


def _compared(difference: float) -> _Order:
    return _Order((difference > 0) - (difference < 0))


def _refusal(known: Known, message: Message) -> Verdict | None:
    """Why a message that says something else is not taken over; None when it is."""
    order = _order(known, message)
    if order is _Order.EQUAL and message.way is Way.FEED:
        return Verdict.CONFLICT
    if order is _Order.NEWER or (order is not _Order.OLDER and _read_later(known.read_at, message)):
        return None
    return Verdict.REVIVE_REFUSED if known.deleted and not message.deleted else Verdict.STALE


def _duplicate(known: Known, message: Message, *, ahead: bool) -> Decision:
    """The same again. A newer stamp, or the owner's own word after the doubt arose, confirms what is known."""
    if ahead:
        return Decision(Verdict.DUPLICATE)
    order = _order(known, message)
    newer = order is _Order.NEWER
    asked = message.way is Way.BY_ID and order is not _Order.OLDER and _read_later(known.doubted_at, message)
    return Decision(Verdict.DUPLICATE, moves=newer, settles=DOUBTS if newer or asked else _NONE)


def _read_later(than: datetime | None, message: Message) -> bool:
    return than is None or message.read_at >= than


def _says_the_same(known: Known, message: Message) -> bool:
    """Whether the hashes are equal, over the attributes that the message carries: it may carry only some."""
    if known.deleted or message.deleted:
        return known.deleted and message.deleted
    if message.content is known.content:
        return True
    return all(_equal(known.content.get(name), value) for name, value in message.content.items())


def _equal(one: Value, other: Value) -> bool:
    """Whether two values make the same hash."""
    return one == other or canonical(_plain(one)) == canonical(_plain(other))


def _plain(value: Any) -> Any:
    """A value in the terms of canonical JSON; a reference is the source's own external id."""
    match value:
        case Ref():
            return value.value if value.by == BY_ID else {"by": value.by, "value": value.value}
        case Money():
            return value
        case tuple() if value and all(isinstance(item, str) for item in value):
            # Several texts are a set (skills): their order means nothing.
            return frozenset(value)
        case tuple():
            return [_plain(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value

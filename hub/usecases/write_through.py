"""Write-through: a command on its way to its owner, and what happens when anything fails on that way.

    authorize → ownership → ledger → locks → validate → owner's adapter → ledger → cache and directory → answer

The graph changes only when the owner confirms. What may go wrong while the owner is asked, and what follows:

| the adapter says | the ledger says | the caller reads |
|---|---|---|
| done | APPLIED, after the record is read back | APPLIED |
| done, but its process goes on, it cannot be read back, or a replica does not know yet | ACCEPTED | ACCEPTED |
| refused: SourceRejected, VersionConflict | REJECTED | REJECTED with the reason |
| not done: unavailable and not sent, throttled, not signed in | RECEIVED again | REJECTED with the system's fault |
| no answer: WriteOutcomeUnknown, or anything unforeseen | UNKNOWN | ACCEPTED with WRITE_OUTCOME_UNKNOWN |

ACCEPTED and UNKNOWN commands are hub.usecases.verify's. A command that has been SENT is verified before
anything is written again. A refusal by a rule is stored like any result, so that its key answers the same for
ever; a fault that certainly left nothing behind is not: the same key may be tried again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from prometheus_client import Counter

from hub.context import caused_by
from hub.domain import commands
from hub.domain.audit import AuditPage
from hub.domain.commands import Actor, CommandState, CommandStatus, Outcome, Refusal, Refused, Repeat, refuse, repeat_of
from hub.domain.identity import digest
from hub.domain.ids import CanonicalId, MalformedId, kind_of, parse_id
from hub.domain.kinds import Kind
from hub.domain.names import field_name
from hub.domain.pseudonyms import Pseudonyms
from hub.domain.records import BY_CANONICAL, Key, RecordKey, Value
from hub.errors import (
    InvalidInput,
    SourceError,
    SourceMisconfigured,
    SourceRejected,
    SourceThrottled,
    SourceUnavailable,
    VersionConflict,
)
from hub.ports import Entity, WriteReceipt
from hub.store import audit
from hub.store.exceptions import ExceptionClass, Severity, Trouble, raise_exception
from hub.store.ledger import Command, Ledger, LostLease, Notice, Scope, Sending
from hub.store.locks import LockNotFree
from hub.store.people import entity_of
from hub.usecases.audit_trail import read_trail
from hub.usecases.conflicts import EXPECTED_VERSION, VERSION, stale
from hub.usecases.desk import (
    ANY_KIND,
    IDEMPOTENCY_KEY,
    Desk,
    Given,
    HubOnly,
    Mutation,
    NotYetEverywhere,
    Work,
)
from hub.usecases.on_behalf import require_known_user, require_rights_of_user
from hub.usecases.requests import said, tidy

log = logging.getLogger(__name__)

FLOW = "commands"
"""The flow that exceptions of commands belong to."""
FIRST_CHECK_S = 1.0
"""When an unanswered or unfinished write is looked at for the first time."""
UNDECIDED_WAIT_S = 10.0
"""How long a command waits until it is known what became of an earlier one on the same record."""
UNDECIDED_POLL_S = 0.25
SUPPRESSED = Counter("hub_commands_suppressed_total", "Commands that asked for what was so already")
MAX_KEY = 255


class WriteThrough:
    """Runs commands. One for the life of the process; `aclose` waits for those under way."""

    def __init__(self, desk: Desk, mutations: Mapping[str, Mutation], *, pseudonyms: Pseudonyms | None = None) -> None:
        """`mutations` by name: hub.usecases.mutations.MUTATIONS; `pseudonyms` for the audit trail's readers."""
        self._pseudonyms = pseudonyms or Pseudonyms()
        self._desk = desk
        self._mutations = mutations
        self._running: set[asyncio.Task[Outcome]] = set()

    async def run(self, name: str, given: Given, actor: Actor, correlation_id: str) -> Outcome:
        """Carry a command out, or answer what became of it; refusals are data.

        `given` is the input by the graph's names, without what the caller left out or gave as null. A caller
        that goes away does not stop a command: it runs to its end, and its key tells the result.
        """
        mutation, given = self._mutations[name], tidy(given)
        try:
            _check_key(given)
            commands.authorize(actor, mutation.name, mutation.writers, approval=mutation.approval)
            _check(mutation, given)
        except Refused as refused:
            return await self._turned_away(mutation, given, actor, correlation_id, refused.refusal)
        scope = Scope(actor.caller.issuer, actor.caller.subject, mutation.name, given[IDEMPOTENCY_KEY])
        request_hash = hash_of(given, actor)
        claim = await self._desk.ledger.claim(scope, request_hash, actor, correlation_id)
        if not claim.mine:
            outcome = _repeated(claim.command, request_hash)
            if KEY_REUSED in outcome.errors:
                return await self._turned_away(mutation, given, actor, outcome.correlation_id, KEY_REUSED)
            return outcome
        task = asyncio.create_task(self._execute(mutation, given, claim.command), name=f"command-{claim.command.id}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def audit(
        self, actor: Actor, *, first: int, before_id: int | None, entity_id: CanonicalId | None
    ) -> AuditPage:
        """A page of the audit trail, newest first, as the reader may see it. Raises NotPermitted."""
        desk = self._desk
        return await read_trail(
            desk.engine, desk.rows, self._pseudonyms, actor, first=first, before_id=before_id, entity_id=entity_id
        )

    async def aclose(self) -> None:
        """Wait for the commands under way: each call to a system ends by its own timeout."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _turned_away(
        self, mutation: Mutation, given: Given, actor: Actor, correlation_id: str, refusal: Refusal
    ) -> Outcome:
        """Refused before the ledger: what the caller may not do, or got wrong, does not use up a key."""
        entry = audit.AuditEntry(
            actor, correlation_id, mutation.name, CommandState.REJECTED, _named(mutation, given), code=refusal.code
        )
        await audit.record(self._desk.engine, entry)
        return Outcome(CommandStatus.REJECTED, correlation_id, (refusal,))

    async def _execute(self, mutation: Mutation, given: Given, command: Command) -> Outcome:
        with caused_by(f"command:{command.correlation_id}"):
            async with alive(self._desk.ledger, command):
                try:
                    return await self._settled(mutation, given, command)
                except LostLease:
                    # This process was away for so long that another one has taken the command over.
                    return _repeated(await self._desk.ledger.get(command.id), command.request_hash)

    async def _settled(self, mutation: Mutation, given: Given, command: Command) -> Outcome:
        """Run the command up to sending; nothing that goes wrong here has touched any system."""
        desk = self._desk
        shown: CanonicalId | None = None
        try:
            await require_known_user(desk, command.actor, mutation)
            targets = await self._targets(mutation, given, command.actor)
            if mutation.shows is not None:
                shown = targets[mutation.shows].id
                await desk.ledger.regards(command, shown)
            locks = _locks(mutation, targets)
            async with self._alone(command, locks):
                desk.directory.heard(" ".join(e.id for e in targets.values()))
                targets = await self._targets(mutation, given, command.actor)
                work = Work(desk, given, command.actor, command, targets, locks)
                await require_rights_of_user(work, mutation)
                return await self._carried_out(command, await mutation.prepare(work))
        except Refused as refused:
            command = replace(command, entity_id=shown or _named(mutation, given))
            await desk.ledger.rejected(command, refused.refusal)
            return Outcome(CommandStatus.REJECTED, command.correlation_id, (refused.refusal,), entity=shown)
        except SourceError as error:
            return await self._not_sent(command, _fault(error), shown)
        except NotYetEverywhere:
            # Done in the hub's own store; whoever asks with the same key again finds it so.
            await desk.ledger.released(command)
            return Outcome(CommandStatus.ACCEPTED, command.correlation_id, (STILL_RUNNING,), entity=shown)
        except LockNotFree:
            busy = Refusal("RECORD_BUSY", commands.PLATFORM, "Other commands on the same record are not finished yet.")
            return await self._not_sent(command, busy, shown)

    async def _carried_out(self, command: Command, step: Sending | HubOnly) -> Outcome:
        """Do what a prepared command comes to: in the hub, at its owner, or nothing where it is so already."""
        desk = self._desk
        if isinstance(step, Sending) and not _is_so_already(step):
            await desk.ledger.sending(command, step)
            return await self._send(replace(command, sending=step), step)
        if isinstance(step, Sending):
            SUPPRESSED.inc()
            unchanged = {name: step.before[name] for name in step.write.values}
            step = HubOnly(CanonicalId(step.shows or ""), unchanged)
        await desk.everywhere()
        await desk.ledger.applied(command, step.entity, None, step.after)
        return Outcome(CommandStatus.APPLIED, command.correlation_id, entity=step.entity)

    @asynccontextmanager
    async def _alone(self, command: Command, names: tuple[str, ...]) -> AsyncIterator[None]:
        """Hold the locks, once it is known what became of the commands that have held them before.

        A write without an answer may still arrive, and would then undo what comes after it. Raises LockNotFree
        after a while.
        """
        give_up = time.monotonic() + UNDECIDED_WAIT_S
        while True:
            async with self._desk.locks.hold(names, command.runner):
                if not names or not await self._desk.ledger.undecided(names, besides=command):
                    yield
                    return
            if time.monotonic() >= give_up:
                raise LockNotFree(" ".join(names))
            await asyncio.sleep(UNDECIDED_POLL_S)

    async def _targets(self, mutation: Mutation, given: Given, actor: Actor) -> dict[str, Entity]:
        """The entities that the input names; one that is missing, out of scope or of another kind is NOT_FOUND."""
        names = [name for name in mutation.targets if given.get(name) is not None]
        found = await self._desk.directory.entities([CanonicalId(given[name]) for name in names])
        targets = dict[str, Entity]()
        for name, entity in zip(names, found, strict=True):
            if entity is None or not await self._desk.rows.within_reach(actor, entity, mutation.writers):
                refuse(commands.NOT_FOUND, "There is nothing with this id.", field=name)
            targets[name] = entity
        return targets

    async def _not_sent(self, command: Command, refusal: Refusal, shown: CanonicalId | None) -> Outcome:
        """Nothing was sent: the key stays usable, so the caller may simply ask again."""
        await self._desk.ledger.released(command)
        entry = audit.AuditEntry(
            command.actor, command.correlation_id, command.scope.mutation, "NOT_SENT", shown, code=refusal.code
        )
        await audit.record(self._desk.engine, entry)
        return Outcome(CommandStatus.REJECTED, command.correlation_id, (refusal,), entity=shown)

    async def _send(self, command: Command, sending: Sending) -> Outcome:
        """Give the write to its owner: the one place where that happens."""
        ledger, correlation_id = self._desk.ledger, command.correlation_id
        try:
            receipt = await self._desk.adapters[sending.system].write(sending.write)
        except VersionConflict:
            refusal = await self._conflict(command, sending)
        except SourceRejected as error:
            refusal = refusal_of(error, sending)
        except (SourceThrottled, SourceMisconfigured) as error:
            return await self._not_sent(command, _fault(error), sending.shows)
        except SourceUnavailable as error:
            if not error.sent:
                return await self._not_sent(command, _fault(error), sending.shows)
            return await self._unanswered(command, sending)
        except SourceError:
            return await self._unanswered(command, sending)
        except BaseException:
            # A fault of the hub itself, or its end: whether the write got through is as open as after a lost answer.
            await ledger.unknown(command, check_in_s=FIRST_CHECK_S)
            raise
        else:
            return await self._confirmed(command, sending, receipt)
        await ledger.rejected(command, refusal)
        return Outcome(CommandStatus.REJECTED, correlation_id, (refusal,), entity=sending.shows)

    async def _confirmed(self, command: Command, sending: Sending, receipt: WriteReceipt) -> Outcome:
        desk = self._desk
        if receipt.pending is not None:
            await desk.ledger.accepted(command, receipt, check_in_s=FIRST_CHECK_S)
            return Outcome(CommandStatus.ACCEPTED, command.correlation_id, entity=sending.shows)
        try:
            entity = await finish(desk, command, sending, receipt)
        except (SourceError, NotYetEverywhere):
            log.info("command %s is confirmed but cannot be shown everywhere yet", command.id, exc_info=True)
            await desk.ledger.accepted(command, receipt, check_in_s=FIRST_CHECK_S)
            return Outcome(CommandStatus.ACCEPTED, command.correlation_id, entity=sending.shows)
        return Outcome(CommandStatus.APPLIED, command.correlation_id, entity=entity)

    async def _unanswered(self, command: Command, sending: Sending) -> Outcome:
        await self._desk.ledger.unknown(command, check_in_s=FIRST_CHECK_S)
        log.warning("the answer to command %s of %s was lost", command.id, sending.system)
        return Outcome(CommandStatus.ACCEPTED, command.correlation_id, (OUTCOME_UNKNOWN,), entity=sending.shows)

    async def _conflict(self, command: Command, sending: Sending) -> Refusal:
        """The owner's own concurrency control refused: show what the record says now, if it can be read."""
        key = RecordKey(sending.system, sending.write.kind, sending.write.external_id or "")
        try:
            record = await self._desk.read(key)
        except SourceError:
            record = None
        if record is None:
            return Refusal(
                commands.VERSION_CONFLICT,
                commands.BUSINESS_RULE,
                "The record has changed since that version.",
                EXPECTED_VERSION,
            )
        await self._desk.take([record])
        return stale(record, sending.write.values, command.actor)


async def finish(
    desk: Desk, command: Command, sending: Sending, receipt: WriteReceipt, *, at_once: bool = True
) -> CanonicalId:
    """Read a confirmed write back, with all that it changed, show it in cache and directory, and close the command.

    May be done again.

    Returns the entity that the payload shows. Raises SourceError when the record cannot be read back yet, and
    NotYetEverywhere when a replica does not show it yet.
    `at_once` says that the locks were held since the read before the write: only then does a foreign change show.
    """
    key = RecordKey(sending.system, sending.write.kind, receipt.external_id)
    record, *others = await desk.read_together(key, *receipt.also)
    if record is None:
        raise SourceUnavailable(sending.system, "does not show the record yet", operation="read back")
    if sending.write.canonical_id is not None:
        record = replace(record, keys=(Key(BY_CANONICAL, sending.write.canonical_id), *record.keys))
    await desk.take_written([record, *(other for other in others if other is not None)])
    entity = sending.shows or await entity_of(desk.engine, key)
    if entity is None:
        raise SourceUnavailable(sending.system, "gave a record that fits no entity yet", operation="read back")
    after = {name: value for name, value in record.attributes.items() if name != VERSION}
    foreign = _foreign(sending, after) if at_once else ()
    await raise_exception(desk.engine, *(_trouble(command, sending, entity, n) for n in (*sending.notices, *foreign)))
    changed = [
        found for key in (o.key for o in others if o is not None) if (found := await entity_of(desk.engine, key))
    ]
    await desk.ledger.applied(command, entity, receipt, after, also=changed)
    return entity


def _foreign(sending: Sending, after: Mapping[str, Value]) -> tuple[Notice, ...]:
    """What somebody else changed at the system of record between the hub's two reads (domain.md 6.2, versions)."""
    written = sending.write.values
    foreign = commands.unexpected_changes(dict(sending.before), dict(after), sending.moves | written.keys())
    if sending.write.action == UPDATE:
        foreign |= {name for name in written.keys() & after.keys() if after[name] != written[name]}
    if not foreign:
        return ()
    message = f"While the hub wrote, somebody else changed {', '.join(sorted(foreign))} at the system of record."
    return (Notice(commands.CONCURRENT_CHANGE, commands.DATA_QUALITY, message),)


def _trouble(command: Command, sending: Sending, entity: CanonicalId, notice: Notice) -> Trouble:
    return Trouble(
        notice.code,
        ExceptionClass(notice.cls),
        FLOW,
        (sending.system,),
        entity,
        notice.message,
        entity,
        Severity.WARNING,
        command.correlation_id,
    )


@asynccontextmanager
async def alive(ledger: Ledger, command: Command) -> AsyncIterator[None]:
    """Renew the command's lease and its locks inside the block."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(ledger.lease_s / 3)
            try:
                await ledger.renew(command)
            except Exception:
                log.exception("the lease of command %s could not be renewed", command.id)

    task = asyncio.create_task(renew(), name=f"lease-{command.id}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


OUTCOME_UNKNOWN = Refusal(
    commands.WRITE_OUTCOME_UNKNOWN,
    commands.PLATFORM,
    "The system did not answer; the hub finds out whether the change was made. Ask again with the same key.",
)
STILL_RUNNING = Refusal(
    commands.IN_PROGRESS,
    commands.PLATFORM,
    "The command with this key is still running. Ask again with the same key.",
)
KEY_REUSED = Refusal(
    commands.IDEMPOTENCY_KEY_REUSED,
    commands.BUSINESS_RULE,
    "This key was used for another request.",
    IDEMPOTENCY_KEY,
)


def _repeated(command: Command, request_hash: str) -> Outcome:
    """The answer to a request whose key is known."""
    repeat = repeat_of(command.state, same_request=command.request_hash == request_hash, alive=command.alive)
    match repeat:
        case Repeat.REUSED:
            return Outcome(CommandStatus.REJECTED, command.correlation_id, (KEY_REUSED,))
        case Repeat.IN_PROGRESS | Repeat.RUN:
            # RUN: its process has just gone; the next request with the key takes it over.
            return Outcome(CommandStatus.ACCEPTED, command.correlation_id, (STILL_RUNNING,), entity=command.entity_id)
        case Repeat.UNKNOWN:
            return Outcome(CommandStatus.ACCEPTED, command.correlation_id, (OUTCOME_UNKNOWN,), entity=command.entity_id)
        case Repeat.STORED:
            status = CommandStatus(command.state)
            return Outcome(status, command.correlation_id, command.errors, replayed=True, entity=command.entity_id)


def hash_of(given: Given, actor: Actor) -> str:
    """What a request says, without its key; for another user it is another request."""
    body, user = said(given), actor.on_behalf_of
    return digest([body] if user is None else [body, user.issuer, audit.name_of(user)])


def _named(mutation: Mutation, given: Given) -> CanonicalId | None:
    """What a command is about by its own words: for the trail, also when there is no such thing."""
    for field in mutation.targets:
        try:
            return parse_id(given.get(field) or "")
        except MalformedId:
            continue
    return None


def _check_key(given: Given) -> None:
    key = given.get(IDEMPOTENCY_KEY)
    if not isinstance(key, str) or not key.strip() or len(key) > MAX_KEY or "\x00" in key:
        refuse(
            commands.INVALID_INPUT,
            f"A key has 1 to {MAX_KEY} characters.",
            cls=commands.DATA_QUALITY,
            field=IDEMPOTENCY_KEY,
        )


def _check(mutation: Mutation, given: Given) -> None:
    """Refuse what is malformed, without looking anything up."""
    try:
        for name, value in given.items():
            _check_text(name, value)
        for name, kind in mutation.targets.items():
            _check_id(name, given.get(name), kind)
        mutation.check(given)
    except InvalidInput as problem:
        refuse(commands.INVALID_INPUT, str(problem), cls=commands.DATA_QUALITY, field=problem.argument)


def _check_text(name: str, value: object) -> None:
    if isinstance(value, str) and "\x00" in value:
        raise InvalidInput(name, "must not contain the character U+0000")


def _check_id(name: str, value: str | None, kind: Kind) -> None:
    if value is None:
        return
    try:
        found = kind_of(parse_id(value))
    except MalformedId as problem:
        raise InvalidInput(name, str(problem)) from None
    if kind is not ANY_KIND and found is not kind:
        refuse(commands.NOT_FOUND, f"There is no {kind} with this id.", field=name)


def _is_so_already(sending: Sending) -> bool:
    """Whether the record says what the command is to make it say: then nothing is written (domain.md 6.2)."""
    write, before = sending.write, sending.before
    if write.action != UPDATE or sending.stage is not None or sending.notices or sending.shows is None:
        return False
    return all(name in before and before[name] == value for name, value in write.values.items())


def _locks(mutation: Mutation, targets: Mapping[str, Entity]) -> tuple[str, ...]:
    chosen = targets if mutation.locked is None else {n: e for n, e in targets.items() if n in mutation.locked}
    own: list[str] = [entity.id for entity in chosen.values()]
    linked = [targets[name].kept.get(link) for name, link in mutation.links if name in targets]
    return tuple(sorted({*own, *(str(i) for i in linked if i is not None)}))


UPDATE = "update"
INVALID_VALUE = "INVALID_VALUE"
"""The reason of an adapter's own refusal of a value, before anything was sent."""
_REASONS: Mapping[str, tuple[str, str, str | None]] = {
    commands.SUBMISSION_SHARED: (
        commands.BUSINESS_RULE,
        "The entry is part of a submission with others, which the PSA reviews as a whole.",
        "wholeSubmission",
    ),
    "PARTLY_APPLIED": (commands.DATA_QUALITY, "A part of the change was made, and the rest was refused.", None),
    "UNKNOWN_ROLE": (commands.DATA_QUALITY, "The PSA has no such role.", "role"),
    "HOURS_INVALID": (commands.DATA_QUALITY, "The PSA takes no more than 24 hours of one person a day.", None),
    "NOT_ON_PROJECT": (commands.BUSINESS_RULE, "The person takes no part in the project in the PSA.", None),
    "PERSON_DISABLED": (commands.BUSINESS_RULE, "The person's account in the PSA is disabled.", None),
    "OTHER_ROLE": (commands.BUSINESS_RULE, "The person has another role on the project, and only one there.", "role"),
    "PENDING_EVENT": (commands.BUSINESS_RULE, "Another change of the same skill is still being processed.", None),
}
"""What callers are told of reasons that adapters give: class, message, field."""


def refusal_of(error: SourceRejected, sending: Sending) -> Refusal:
    """An owner's refusal; a reason that callers can act on is its code, any other is told in the message."""
    reason = error.reason.partition(":")[0]
    at_fault = None if error.attribute is None else _field(error.attribute)
    if reason == INVALID_VALUE:
        named = [_field(name) for name in sending.write.values]
        field = at_fault or (named[0] if len(named) == 1 else None)
        return Refusal(commands.INVALID_INPUT, commands.DATA_QUALITY, str(error), field)
    known = _REASONS.get(reason)
    if known is None:
        told = f"{error} [{error.reason or 'no reason given'}]"
        return Refusal(error.code, commands.DATA_QUALITY, told, at_fault, allowed=error.allowed or None)
    cls, message, field = known
    told = f"{message} ({error.system}: {error.reason})"
    return Refusal(reason, cls, told, field or at_fault, allowed=error.allowed or None)


_OTHERWISE_NAMED = {
    **{link: f"{link}Id" for link in ("manager", "project", "resource", "task")},
    "delivery_status": "stage",
    "archived": "stage",
}
"""Attributes that the inputs call otherwise than the graph."""


def _field(attribute: str) -> str:
    """The input's name of an attribute."""
    return _OTHERWISE_NAMED.get(attribute) or field_name(attribute)


def _fault(error: SourceError) -> Refusal:
    cls = commands.AUTHENTICATION if isinstance(error, SourceMisconfigured) else commands.PLATFORM
    return Refusal(error.code, cls, f"{error.system} could not be asked; nothing was changed. The key stays usable.")

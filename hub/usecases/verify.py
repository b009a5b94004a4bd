"""Finding out what became of writes whose answer was lost, and following the owners' own processes to their end.

The job is the ledger's row: whoever finds it due takes it with a lease, so of several replicas one looks, a
killed one's work is taken over, and a restart loses nothing. Why not a job of the queue beside it: between
"the answer is lost" and "the job is queued" a process can die, so the ledger would have to be searched anyway.

| what is found | what follows |
|---|---|
| the change was made | read back, APPLIED (or ACCEPTED while the owner's own process runs) |
| it certainly was not, long enough after it was sent | written once more, if nobody has changed the same since |
| a part of it shows | the rest is written, as often as it takes |
| the same again | REJECTED with WRITE_LOST: the caller decides |
| somebody has | REJECTED with WRITE_OVERTAKEN: whether it was made before that nobody can tell |
| it cannot be told | asked again, less and less often; after a while a person sees it too |

"Long enough" is `settle_s`: a request that nobody answered may still be carried out (Kantata says: for up to
three minutes). Writing once more makes only the steps that are missing: every adapter looks for the write's own
mark first, or sets what is set already. An exception is raised when a caller's command ends in one of the two last
ways.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping

from hub.context import caused_by
from hub.domain import commands
from hub.domain.commands import CommandState, Refusal, may_be_own
from hub.domain.records import RecordKey
from hub.errors import (
    SourceError,
    SourceMisconfigured,
    SourceRejected,
    SourceThrottled,
    SourceUnavailable,
    VersionConflict,
)
from hub.ports import ProcessState, WriteReceipt
from hub.store.exceptions import ExceptionClass, Severity, Trouble, raise_exception, resolve_exception
from hub.store.ledger import Command, LostLease, Sending
from hub.store.locks import LockNotFree
from hub.usecases.conflicts import EXPECTED_VERSION
from hub.usecases.desk import Desk, NotYetEverywhere
from hub.usecases.write_through import FLOW, alive, finish, refusal_of

log = logging.getLogger(__name__)

EVERY_S = 0.5
"""How often each replica looks for commands that are due."""
AT_ONCE = 8
SETTLE_S: Mapping[str, float] = {"kantata": 190.0}
"""Seconds after which "not there" is believed, by vendor; see `OTHERS_SETTLE_S`."""
OTHERS_SETTLE_S = 30.0
ORPHANS_AFTER_S = 2.0
"""How long after the end of its lease a sent command's process counts as gone."""
LONGEST_WAIT_S = 15.0
TELL_AFTER = 6
"""Unsuccessful looks after which a person is told."""

LOST = Refusal(
    commands.WRITE_LOST,
    commands.PLATFORM,
    "The change did not reach its system of record. Ask again, with a new key, if it is still wanted.",
)
OVERTAKEN = Refusal(
    commands.WRITE_OVERTAKEN,
    commands.DATA_QUALITY,
    "Somebody else has changed the same at its system of record since. Whether the change had got there before cannot"
    " be told; it does not hold now.",
)
REFUSED_LATER = Refusal(
    commands.PROCESS_REFUSED, commands.BUSINESS_RULE, "The system of record's own approval process refused the change."
)


class Verifier:
    """Works between `start` and `stop`; `settle_s` replaces every vendor's time until "not there" is believed."""

    def __init__(
        self,
        desk: Desk,
        *,
        settle_s: float | None = None,
        every_s: float = EVERY_S,
        orphans_after_s: float = ORPHANS_AFTER_S,
    ) -> None:
        self._desk = desk
        self._settle_s = settle_s
        self._every_s = every_s
        self._orphans_after_s = orphans_after_s
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look, now and then for ever."""
        self._task = asyncio.create_task(self._forever(), name="command-verifier")

    async def stop(self) -> None:
        """Stop; what is under way is taken up again when its lease has run out."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sweep(self) -> int:
        """Look at every command that is due, once; how many there were."""
        due = await self._desk.ledger.due(limit=AT_ONCE, orphans_after_s=self._orphans_after_s)
        await asyncio.gather(*(self._look(command) for command in due))
        return len(due)

    async def _forever(self) -> None:
        while True:
            try:
                found = await self.sweep()
            except Exception:
                log.exception("looking after unfinished commands failed; trying again")
                found = 0
            if found < AT_ONCE:
                await asyncio.sleep(self._every_s)

    async def _look(self, command: Command) -> None:
        """One look at one command; what goes wrong only postpones the next one."""
        sending = command.sending
        if sending is None:
            raise ValueError(f"command {command.id} has no write")
        try:
            with caused_by(f"command:{command.correlation_id}"):
                async with alive(self._desk.ledger, command):
                    if command.state is CommandState.ACCEPTED:
                        await self._follow(command, sending)
                    else:
                        await self._settle(command, sending)
        except LostLease:
            log.warning("command %s was taken over by another replica", command.id)
        except (SourceError, LockNotFree, NotYetEverywhere) as error:
            log.info("command %s cannot be verified yet: %s", command.id, error)
            await self._again(command, sending)
        except Exception:
            log.exception("verifying command %s failed; trying again", command.id)
            await self._again(command, sending)

    # -- the owner has it ------------------------------------------------------------------------

    async def _follow(self, command: Command, sending: Sending) -> None:
        """The owner's process goes on, has ended, or only the reading back is outstanding."""
        receipt = command.receipt
        if receipt is None:
            raise ValueError(f"command {command.id} has no receipt")
        state = ProcessState.DONE
        if receipt.pending is not None:
            state = await self._desk.adapters[sending.system].process_state(receipt.pending)
        match state:
            case ProcessState.PENDING:
                await self._desk.ledger.check_again(command, in_s=_wait_s(command.checks))
            case ProcessState.REFUSED:
                await self._show_as_it_is(sending)
                await self._desk.ledger.rejected(command, REFUSED_LATER)
            case ProcessState.DONE:
                await self._finish(command, sending, receipt)

    async def _finish(self, command: Command, sending: Sending, receipt: WriteReceipt) -> None:
        async with self._desk.locks.hold(sending.locks, command.runner):
            await finish(self._desk, command, sending, receipt, at_once=False)
        await resolve_exception(self._desk.engine, commands.WRITE_OUTCOME_UNKNOWN, command.id)

    # -- nobody knows ----------------------------------------------------------------------------

    async def _settle(self, command: Command, sending: Sending) -> None:
        receipt = await self._desk.adapters[sending.system].verify(sending.write)
        if receipt is not None and receipt.whole:
            await self._made(command, sending, receipt)
            return
        left_s = self._settles_after(sending.system) - command.sent_age_s
        if left_s > 0:
            await self._desk.ledger.check_again(command, in_s=min(left_s, _wait_s(command.checks)))
            return
        async with self._desk.locks.hold(sending.locks, command.runner):
            if receipt is not None:
                # A part shows already, so there is no going back: the rest is written, as often as it takes.
                await self._resume(command, sending)
            elif not await self._is_free(sending):
                await self._given_up(command, sending, OVERTAKEN)
            elif command.resumed:
                await self._given_up(command, sending, LOST)
            else:
                await self._resume(command, sending)

    async def _made(self, command: Command, sending: Sending, receipt: WriteReceipt) -> None:
        if receipt.pending is None:
            await self._finish(command, sending, receipt)
        else:
            await self._desk.ledger.accepted(command, receipt, check_in_s=_wait_s(0))

    async def _is_free(self, sending: Sending) -> bool:
        """Whether what was to be changed is still as the command found it, or already as it wanted it."""
        write = sending.write
        if write.external_id is None:
            return True
        record = await self._desk.read(RecordKey(sending.system, write.kind, write.external_id))
        if record is None:
            return False
        touched = (sending.moves | write.values.keys()) & sending.before.keys() & record.attributes.keys()
        return all(may_be_own(n, sending.before[n], record.attributes[n], write.values) for n in touched)

    async def _resume(self, command: Command, sending: Sending) -> None:
        """Make the missing steps; called under the locks. An attempt that has not left does not count."""
        await self._desk.ledger.resuming(command)
        try:
            receipt = await self._desk.adapters[sending.system].write(sending.write)
        except VersionConflict:
            refusal = Refusal(
                commands.VERSION_CONFLICT, commands.BUSINESS_RULE, "The record has changed meanwhile.", EXPECTED_VERSION
            )
            await self._desk.ledger.rejected(command, refusal)
        except SourceRejected as error:
            await self._desk.ledger.rejected(command, refusal_of(error, sending))
        except (SourceThrottled, SourceMisconfigured, SourceUnavailable) as error:
            left = isinstance(error, SourceUnavailable) and error.sent
            log.info("command %s cannot be written again yet: %s", command.id, error)
            await self._again(command, sending, sent=left, resumable=not left)
        except SourceError:
            await self._again(command, sending, sent=True)
        else:
            if receipt.pending is None:
                await finish(self._desk, command, sending, receipt, at_once=False)
            else:
                await self._desk.ledger.accepted(command, receipt, check_in_s=_wait_s(0))

    async def _given_up(self, command: Command, sending: Sending, refusal: Refusal) -> None:
        await self._show_as_it_is(sending)
        await self._desk.ledger.rejected(command, refusal)
        await resolve_exception(self._desk.engine, commands.WRITE_OUTCOME_UNKNOWN, command.id)
        await self._tell(command, sending, refusal.code, refusal.message)

    async def _show_as_it_is(self, sending: Sending) -> None:
        """What the record says now goes to cache and directory: a reader may hold what never came about."""
        if sending.write.external_id is not None:
            key = RecordKey(sending.system, sending.write.kind, sending.write.external_id)
            record = await self._desk.read(key)
            if record is not None:
                await self._desk.take([record])

    async def _again(self, command: Command, sending: Sending, *, sent: bool = False, resumable: bool = False) -> None:
        await self._desk.ledger.check_again(command, in_s=_wait_s(command.checks), sent=sent, resumable=resumable)
        if command.checks == TELL_AFTER:
            await self._tell(
                command, sending, commands.WRITE_OUTCOME_UNKNOWN, "What became of a change cannot be found out yet."
            )

    async def _tell(self, command: Command, sending: Sending, code: str, message: str) -> None:
        trouble = Trouble(
            code,
            ExceptionClass.PLATFORM_AVAILABILITY,
            FLOW,
            (sending.system,),
            command.id,
            message,
            command.entity_id,
            Severity.BLOCKING,
            command.correlation_id,
        )
        await raise_exception(self._desk.engine, trouble)

    def _settles_after(self, system: str) -> float:
        if self._settle_s is not None:
            return self._settle_s
        return SETTLE_S.get(self._desk.adapters[system].vendor, OTHERS_SETTLE_S)


def _wait_s(checks: int) -> float:
    """The pause after that many looks, less up to a quarter by chance."""
    return min(LONGEST_WAIT_S, 0.5 * 1.5 ** min(checks, 20)) * random.uniform(0.75, 1.0)  # noqa: S311 - spreads load

"""The ledger of commands: what was asked, how far it came, what became of it (domain.md 6.2).

One row per client key, which a unique constraint guards over all replicas; every change of a row is one
conditional statement (state machine: hub.domain.commands.NEXT_STATES), and leaves a row in the append-only
history. Whoever runs a command holds a lease that it renews; a lease that has run out says that the process
is gone. The row holds all that is needed to find out, in another process, what became of a write.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.domain.callers import Caller
from hub.domain.commands import NEXT_STATES, Actor, CommandState, Refusal
from hub.domain.identity import digest
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind
from hub.domain.lifecycle import ProjectStage
from hub.domain.ownership import Role
from hub.domain.records import Value
from hub.ports import SourceWrite, WriteReceipt
from hub.store.audit import AuditEntry, add, name_of
from hub.store.codec import decode, encode
from hub.store.locks import LEASE_S
from hub.store.statements import text


@dataclass(frozen=True, slots=True)
class Scope:
    """Within what a client's key must be unique: issuer and subject of the token, and the mutation."""

    issuer: str
    subject: str
    mutation: str
    key: str

    @property
    def token(self) -> str:
        """The name that the write carries to its owner: the same for every attempt of this command."""
        return digest([self.issuer, self.subject, self.mutation, self.key])


@dataclass(frozen=True, slots=True)
class StageMove:
    """A manual step of a project's lifecycle."""

    start: ProjectStage
    to: ProjectStage
    reason: str | None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should see once the write is confirmed."""

    code: str
    cls: str
    message: str


@dataclass(frozen=True, slots=True)
class Sending:
    """A write on its way, with what must be known to finish it wherever that happens.

    `locks` are the canonical ids that it excludes others from; `shows` is the entity that the payload gives,
    None for what the write creates; `before` has the watched attributes as read just before, `moves` those
    that may change with the write.
    """

    system: str
    write: SourceWrite
    locks: tuple[str, ...]
    shows: CanonicalId | None
    before: Mapping[str, Value] = field(default_factory=dict)
    moves: frozenset[str] = frozenset()
    stage: StageMove | None = None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the ledger; `alive` tells whether the process that runs it still renews its lease."""

    id: str
    scope: Scope
    actor: Actor
    request_hash: str
    state: CommandState
    alive: bool
    correlation_id: str
    runner: str
    sending: Sending | None
    receipt: WriteReceipt | None
    entity_id: CanonicalId | None
    errors: tuple[Refusal, ...]
    checks: int
    resumed: bool
    sent_age_s: float


@dataclass(frozen=True, slots=True)
class Claim:
    """What the ledger says to a request: the command of its key, and whether this request may run it."""

    command: Command
    mine: bool


class LostLease(Exception):
    """Somebody else has taken the command over, so this process may not go on with it."""


class Ledger:
    """The table `command`; times are the database's."""

    def __init__(self, engine: AsyncEngine, *, lease_s: float = LEASE_S) -> None:
        self._engine = engine
        self.lease_s = lease_s

    async def claim(self, scope: Scope, request_hash: str, actor: Actor, correlation_id: str) -> Claim:
        """Enter a command, or find the one that has its key; of several requests at once exactly one may run it.

        A command that was received by a process that is gone, and never sent, is taken over.
        """
        runner = secrets.token_hex(8)
        own_id = f"cmd_{secrets.token_hex(13)}"
        given = {
            "id": own_id,
            "issuer": scope.issuer,
            "subject": scope.subject,
            "mutation": scope.mutation,
            "key": scope.key,
            "hash": request_hash,
            "token": scope.token,
            "correlation_id": correlation_id,
            "user": None if actor.on_behalf_of is None else name_of(actor.on_behalf_of),
            "person": orjson.dumps(_caller_json(actor)).decode(),
            "runner": runner,
            "lease": self.lease_s,
        }
        async with self._engine.begin() as connection:
            if (await connection.execute(text(_ENTER), given)).first() is not None:
                await _note(connection, own_id, CommandState.RECEIVED, runner)
                return Claim(await _read(connection, own_id), mine=True)
            taken = (await connection.execute(text(_TAKE_OVER), given)).first()
            if taken is not None:
                await _note(connection, taken.id, CommandState.RECEIVED, runner, {"taken_over": True})
                return Claim(await _read(connection, taken.id), mine=True)
            found = (await connection.execute(text(_FIND), given)).one()
            return Claim(await _read(connection, found.id), mine=False)

    async def get(self, command_id: str) -> Command:
        """The command as it is now."""
        async with self._engine.connect() as connection:
            return await _read(connection, command_id)

    async def renew(self, command: Command) -> None:
        """The process that runs the command is alive: its lease and its locks hold on."""
        given = {"id": command.id, "runner": command.runner, "lease": self.lease_s}
        async with self._engine.begin() as connection:
            await connection.execute(text(_RENEW), given)
            await connection.execute(text(_RENEW_LOCKS), given)

    async def sending(self, command: Command, sending: Sending) -> None:
        """The write is about to leave. Raises LostLease when the command or a lock is no longer this process's own."""
        sent = orjson.dumps(_sending_json(sending)).decode()
        changes = {"sent": sent, "system": sending.system, "sent_at": True, "locks": list(sending.locks)}
        await self._move(command, CommandState.SENT, changes)

    async def released(self, command: Command) -> None:
        """The write certainly left nothing behind, and may be tried again under the same key."""
        await self._move(command, CommandState.RECEIVED, {})

    async def unknown(self, command: Command, *, check_in_s: float) -> None:
        """The answer is lost; until now the write may have been on its way, for it can take several calls."""
        await self._move(command, CommandState.UNKNOWN, {"check_in": check_in_s, "sent_at": True})

    async def accepted(self, command: Command, receipt: WriteReceipt, *, check_in_s: float) -> None:
        """The owner has it; its own process, or the reading back, is outstanding."""
        given = {"pending": receipt.pending, "external_id": receipt.external_id, "also": list(receipt.also)}
        await self._move(command, CommandState.ACCEPTED, {**given, "check_in": check_in_s})

    async def applied(
        self,
        command: Command,
        entity_id: CanonicalId,
        receipt: WriteReceipt | None,
        after: Mapping[str, Value],
        *,
        also: Sequence[CanonicalId] = (),
    ) -> None:
        """Finished: the owner has confirmed, and the hub shows it. Stage history and audit are part of it.

        `also` are the entities that were changed together with the one that the command named.
        """
        given = {"entity_id": entity_id, "external_id": None if receipt is None else receipt.external_id}
        changes = {**given, "finished": True}
        await self._move(command, CommandState.APPLIED, changes, entity_id=entity_id, after=after, also=also)

    async def rejected(self, command: Command, *refusals: Refusal) -> None:
        """Finished: nothing was changed."""
        errors = orjson.dumps([_refusal_json(r) for r in refusals]).decode()
        shows = None if command.sending is None else command.sending.shows
        await self._move(
            command,
            CommandState.REJECTED,
            {"errors": errors, "finished": True},
            entity_id=shows or command.entity_id,
            code=refusals[0].code,
        )

    async def regards(self, command: Command, entity_id: CanonicalId) -> None:
        """Remember which entity the command concerns, so that even a refusal's payload can show it."""
        async with self._engine.begin() as connection:
            await connection.execute(text(_REGARDS), {"id": command.id, "entity_id": entity_id})

    async def due(self, *, limit: int, orphans_after_s: float) -> list[Command]:
        """Unfinished commands whose turn it is to be verified, which this process now holds; see `check_again`.

        A sent command whose process is gone becomes UNKNOWN here. Each is given to one replica at a time.
        """
        runner = secrets.token_hex(8)
        given = {"runner": runner, "lease": self.lease_s, "limit": limit, "orphaned": orphans_after_s}
        async with self._engine.begin() as connection:
            rows = (await connection.execute(text(_DUE), given)).all()
            for row in rows:
                if row.was == CommandState.SENT:
                    await _note(connection, row.id, CommandState.UNKNOWN, runner, {"process": "gone"})
            return [await _read(connection, row.id) for row in rows]

    async def resuming(self, command: Command) -> None:
        """The write is about to be given to its owner once more (how often: hub.usecases.verify)."""
        async with self._engine.begin() as connection:
            given = {"id": command.id, "runner": command.runner}
            if (await connection.execute(text(_RESUMING), given)).first() is None:
                raise LostLease(command.id)
            await _note(connection, command.id, CommandState.UNKNOWN, command.runner, {"resumed": True})

    async def check_again(self, command: Command, *, in_s: float, sent: bool = False, resumable: bool = False) -> None:
        """Nothing could be told yet; the next look is due in that many seconds.

        `sent`: the write was on its way until now. `resumable`: what `resuming` announced has not left.
        """
        async with self._engine.begin() as connection:
            given = {"id": command.id, "runner": command.runner, "seconds": in_s, "sent": sent, "again": resumable}
            await connection.execute(text(_CHECK_AGAIN), given)

    async def undecided(self, names: Collection[str], *, besides: Command) -> bool:
        """Whether it is open what became of another command that excludes others from any of these."""
        given = {"names": list(names), "id": besides.id}
        async with self._engine.connect() as connection:
            return bool((await connection.execute(text(_UNDECIDED), given)).scalar_one())

    async def _move(
        self,
        command: Command,
        to: CommandState,
        changes: Mapping[str, Any],
        *,
        entity_id: CanonicalId | None = None,
        after: Mapping[str, Value] | None = None,
        code: str | None = None,
        also: Sequence[CanonicalId] = (),
    ) -> None:
        """One step of the state machine with all that belongs to it, in one transaction."""
        before = [str(state) for state, following in NEXT_STATES.items() if to in following]
        given = {**_NO_CHANGES, **changes, "id": command.id, "runner": command.runner, "to": to, "from": before}
        given["lease_now"] = to not in (CommandState.SENT, CommandState.REJECTED, CommandState.APPLIED)
        async with self._engine.begin() as connection:
            moved = (await connection.execute(text(_MOVE), given)).first()
            if moved is None:
                raise LostLease(command.id)
            detail = {"code": code} if code else {}
            await _note(connection, command.id, to, command.runner, detail)
            if to in (CommandState.APPLIED, CommandState.REJECTED, CommandState.ACCEPTED):
                entry = _audited(command, to, entity_id, after, code)
                # What the others said before is not known here, only that the command changed them too.
                others = (replace(entry, entity_id=other, before=None) for other in also if other != entity_id)
                await add(connection, entry, *others)
            if to is CommandState.APPLIED and entity_id and command.sending and command.sending.stage:
                await _note_stage(connection, command, entity_id, command.sending.stage)


async def returns_to(engine: AsyncEngine, project: CanonicalId) -> ProjectStage | None:
    """The stage that a held project left, when it was put on hold through the hub."""
    async with engine.connect() as connection:
        row = (await connection.execute(text(_HELD_FROM), {"project": project})).first()
    return None if row is None or row.stage != ProjectStage.ON_HOLD else ProjectStage(row.from_stage)


# -- rows -----------------------------------------------------------------------------------------


async def _read(connection: AsyncConnection, command_id: str) -> Command:
    row = (await connection.execute(text(_ROW), {"id": command_id})).one()
    return Command(
        id=row.id,
        scope=Scope(row.issuer, row.subject, row.mutation, row.key),
        actor=_actor(orjson.loads(row.person)),
        request_hash=row.request_hash,
        state=CommandState(row.state),
        alive=row.alive,
        correlation_id=row.correlation_id,
        runner=row.runner,
        sending=None if row.sent is None else _sending(row.sent),
        receipt=None if row.external_id is None else WriteReceipt(row.external_id, row.pending, tuple(row.also)),
        entity_id=None if row.entity_id is None else CanonicalId(row.entity_id),
        errors=tuple(_refusal(e) for e in row.errors),
        checks=row.checks,
        resumed=row.resumed,
        sent_age_s=float(row.sent_age_s or 0),
    )


async def _note(
    connection: AsyncConnection,
    command_id: str,
    state: CommandState,
    runner: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    given = {"id": command_id, "state": state, "runner": runner, "detail": orjson.dumps(detail or {}).decode()}
    await connection.execute(text(_NOTE), given)


async def _note_stage(connection: AsyncConnection, command: Command, project: CanonicalId, move: StageMove) -> None:
    user = command.actor.on_behalf_of
    given = {
        "entity": project,
        "from": move.start,
        "stage": move.to,
        "actor": name_of(command.actor.caller),
        "user": None if user is None else name_of(user),
        "correlation_id": command.correlation_id,
        "reason": move.reason,
    }
    await connection.execute(text(_NOTE_STAGE), given)


def _audited(
    command: Command,
    to: CommandState,
    entity_id: CanonicalId | None,
    after: Mapping[str, Value] | None,
    code: str | None,
) -> AuditEntry:
    sending = command.sending
    values = {} if sending is None else sending.write.values
    written = frozenset[str]() if sending is None else values.keys() | sending.moves
    before = None if sending is None else {n: v for n, v in sending.before.items() if n in written}
    # What somebody else has set since the command wrote is not the caller's doing.
    shown = None if after is None else {n: values.get(n, v) for n, v in after.items() if n in written} or dict(after)
    return AuditEntry(
        command.actor, command.correlation_id, command.scope.mutation, str(to), entity_id, before, shown, code
    )


def _caller_json(actor: Actor) -> list[dict[str, Any]]:
    return [
        {
            "subject": c.subject,
            "issuer": c.issuer,
            "email": c.email,
            "roles": sorted(c.roles),
            "practices": sorted(c.practices),
            "legal_entities": sorted(c.legal_entities),
            "allow": sorted(c.allow),
        }
        for c in (actor.caller, actor.on_behalf_of)
        if c is not None
    ]


def _actor(stored: Sequence[Mapping[str, Any]]) -> Actor:
    callers = [
        Caller(
            c["subject"],
            frozenset(Role(r) for r in c["roles"]),
            frozenset(c["practices"]),
            frozenset(c["legal_entities"]),
            c["email"],
            frozenset(c.get("allow", ())),
            issuer=c["issuer"],
        )
        for c in stored
    ]
    return Actor(callers[0], callers[1] if len(callers) > 1 else None)


def _sending_json(sending: Sending) -> dict[str, Any]:
    write, stage = sending.write, sending.stage
    return {
        "system": sending.system,
        "action": write.action,
        "kind": write.kind,
        "external_id": write.external_id,
        "values": encode(write.values),
        "token": write.token,
        "canonical_id": write.canonical_id,
        "version": write.version,
        "locks": sending.locks,
        "shows": sending.shows,
        "before": encode(sending.before),
        "moves": sorted(sending.moves),
        "stage": None if stage is None else [stage.start, stage.to, stage.reason],
        "notices": [[n.code, n.cls, n.message] for n in sending.notices],
    }


def _sending(stored: Mapping[str, Any]) -> Sending:
    write = SourceWrite(
        stored["action"],
        Kind(stored["kind"]),
        stored["external_id"],
        decode(stored["values"]),
        stored["token"],
        stored["canonical_id"],
        stored["version"],
    )
    stage = stored["stage"]
    return Sending(
        stored["system"],
        write,
        tuple(stored["locks"]),
        stored["shows"],
        decode(stored["before"]),
        frozenset(stored["moves"]),
        None if stage is None else StageMove(ProjectStage(stage[0]), ProjectStage(stage[1]), stage[2]),
        tuple(Notice(*notice) for notice in stored["notices"]),
    )


def _refusal_json(refusal: Refusal) -> dict[str, Any]:
    return {
        "code": refusal.code,
        "class": refusal.cls,
        "message": refusal.message,
        "field": refusal.field,
        "owner": refusal.owner,
        "allowed": refusal.allowed,
    }


def _refusal(stored: Mapping[str, Any]) -> Refusal:
    owner, allowed = stored["owner"], stored["allowed"]
    return Refusal(
        stored["code"],
        stored["class"],
        stored["message"],
        stored["field"],
        None if owner is None else Domain(owner),
        None if allowed is None else tuple(allowed),
    )


_NO_CHANGES: Mapping[str, Any] = {
    "sent": None,
    "system": None,
    "pending": None,
    "external_id": None,
    "also": None,
    "entity_id": None,
    "errors": None,
    "sent_at": False,
    "finished": False,
    "lease_now": False,
    "check_in": None,
    "locks": [],
}
_SOON = "clock_timestamp() + make_interval(secs => CAST(:lease AS float8))"
_ENTER = f"""
INSERT INTO command (id, issuer, subject, mutation, key, request_hash, token, state, correlation_id, on_behalf_of,
  person, runner, lease_until)
VALUES (:id, :issuer, :subject, :mutation, :key, :hash, :token, 'RECEIVED', :correlation_id, :user, :person, :runner,
  {_SOON})
ON CONFLICT (issuer, subject, mutation, key) DO NOTHING RETURNING id"""
_TAKE_OVER = f"""
UPDATE command SET runner = :runner, lease_until = {_SOON}, correlation_id = :correlation_id
WHERE issuer = :issuer AND subject = :subject AND mutation = :mutation AND key = :key
  AND request_hash = :hash AND state = 'RECEIVED' AND lease_until < clock_timestamp() RETURNING id"""
_FIND = """
SELECT id FROM command WHERE issuer = :issuer AND subject = :subject AND mutation = :mutation AND key = :key"""
_ROW = """
SELECT *, lease_until >= clock_timestamp() AS alive,
  extract(epoch FROM clock_timestamp() - sent_at)::float8 AS sent_age_s FROM command WHERE id = :id"""
_RENEW = f"UPDATE command SET lease_until = {_SOON} WHERE id = :id AND runner = :runner"
_RENEW_LOCKS = f"UPDATE record_lock SET until = {_SOON} WHERE holder = :runner"
_REGARDS = "UPDATE command SET entity_id = :entity_id WHERE id = :id"
_MOVE = """
UPDATE command SET state = :to,
  sent = coalesce(CAST(:sent AS jsonb), sent), system = coalesce(:system, system),
  pending = CASE WHEN :to = 'ACCEPTED' THEN :pending ELSE pending END,
  external_id = coalesce(:external_id, external_id), also = coalesce(CAST(:also AS text[]), also),
  entity_id = coalesce(:entity_id, entity_id),
  errors = coalesce(CAST(:errors AS jsonb), errors),
  sent_at = CASE WHEN :sent_at THEN clock_timestamp() ELSE sent_at END,
  finished_at = CASE WHEN :finished THEN clock_timestamp() ELSE finished_at END,
  lease_until = CASE WHEN :lease_now THEN clock_timestamp() - interval '1 ms' ELSE lease_until END,
  check_at = CASE WHEN CAST(:check_in AS float8) IS NULL THEN check_at
    ELSE clock_timestamp() + make_interval(secs => CAST(:check_in AS float8)) END
WHERE id = :id AND runner = :runner AND state = ANY(CAST(:from AS text[]))
  AND NOT EXISTS (SELECT 1 FROM unnest(CAST(:locks AS text[])) AS l(name) WHERE NOT EXISTS (SELECT 1 FROM record_lock
    WHERE record_lock.name = l.name AND holder = :runner AND until > clock_timestamp())) RETURNING id"""
_DUE = f"""
WITH picked AS (
  SELECT id, state FROM command
  WHERE check_at <= clock_timestamp() AND lease_until < clock_timestamp() AND (state IN ('UNKNOWN', 'ACCEPTED')
    OR state = 'SENT' AND lease_until < clock_timestamp() - make_interval(secs => CAST(:orphaned AS float8)))
  ORDER BY check_at LIMIT :limit FOR UPDATE SKIP LOCKED)
UPDATE command SET runner = :runner, lease_until = {_SOON}, checks = checks + 1,
  state = CASE WHEN command.state = 'SENT' THEN 'UNKNOWN' ELSE command.state END,
  sent_at = CASE WHEN command.state = 'SENT' THEN greatest(command.sent_at, command.lease_until)
    ELSE command.sent_at END
FROM picked WHERE command.id = picked.id RETURNING command.id, picked.state AS was"""
_CHECK_AGAIN = """
UPDATE command SET check_at = clock_timestamp() + make_interval(secs => CAST(:seconds AS float8)),
  lease_until = clock_timestamp() - interval '1 ms',
  sent_at = CASE WHEN :sent THEN clock_timestamp() ELSE sent_at END, resumed = resumed AND NOT :again
WHERE id = :id AND runner = :runner"""
_UNDECIDED = """
SELECT EXISTS (SELECT 1 FROM command WHERE state IN ('SENT', 'UNKNOWN') AND id <> :id
  AND jsonb_exists_any(sent -> 'locks', CAST(:names AS text[])))"""
_RESUMING = """
UPDATE command SET resumed = true, sent_at = clock_timestamp()
WHERE id = :id AND runner = :runner AND state = 'UNKNOWN' RETURNING id"""
_NOTE = """
INSERT INTO command_history (command_id, state, runner, detail) VALUES (:id, :state, :runner, CAST(:detail AS jsonb))"""
_NOTE_STAGE = """
INSERT INTO project_stage (entity_id, from_stage, stage, actor, on_behalf_of, correlation_id, reason)
VALUES (:entity, :from, :stage, :actor, :user, :correlation_id, :reason)"""
_HELD_FROM = "SELECT from_stage, stage FROM project_stage WHERE entity_id = :project ORDER BY id DESC LIMIT 1"

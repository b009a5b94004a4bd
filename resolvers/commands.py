"""Mutations and the audit trail: from coerced arguments to a command, and from its outcome to a payload.

They run on the reference path. What a payload shows is read with fresh loaders, so that an earlier part of the
same request cannot lend it what it read before the command.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.domain.audit import AuditRow, value_text
from hub.domain.commands import Actor, CommandStatus, Refusal
from hub.errors import InvalidInput
from hub.ports import Entity
from resolvers.arguments import canonical_id, window
from resolvers.fields import instant
from resolvers.graph import Arguments
from resolvers.pages import PageInfo
from resolvers.request import Commands, Request

AUDIT_PAGE = 50


@dataclass(frozen=True, slots=True)
class Payload:
    """What every mutation answers; `entity` is what the payload shows under its own name."""

    status: CommandStatus
    errors: tuple[Refusal, ...]
    correlation_id: str
    replayed: bool
    entity: Entity | None


async def run_command(request: Request, name: str, arguments: Arguments) -> Payload:
    """Carry out one mutation and read what it shows: what the caller reaches now, be it the first answer or a replay.

    A service account with the grant of a mutation sees the things that it is about (hub.domain.visibility).
    """
    given = {field: value for field, value in arguments["input"].items() if value is not None}
    outcome = await commands_of(request).run(name, given, actor_of(request), request.correlation_id)
    request.renew_loaders()
    shown = None
    if outcome.entity is not None:
        (shown,) = await request.loaders.entities([outcome.entity])
    return Payload(outcome.status, outcome.errors, outcome.correlation_id, outcome.replayed, shown)


def commands_of(request: Request) -> Commands:
    """The process's commands. Raises LookupError where the hub only reads."""
    if request.commands is None:
        raise LookupError("this hub was put together without commands")
    return request.commands


def actor_of(request: Request) -> Actor:
    """Who asks, and for whom."""
    return Actor(request.caller, request.on_behalf_of)


# -- the audit trail --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuditEdge:
    """A row and its place in the trail."""

    cursor: str
    node: AuditRow


@dataclass(frozen=True, slots=True)
class AuditConnection:
    """A page of the trail."""

    edges: tuple[AuditEdge, ...]
    info: PageInfo
    total: int

    @property
    def nodes(self) -> tuple[AuditRow, ...]:
        """The rows alone."""
        return tuple(edge.node for edge in self.edges)


@dataclass(frozen=True, slots=True)
class AuditedValue:
    """One attribute before and after, as text."""

    attribute: str
    before: str | None
    after: str | None


async def read_audit(request: Request, arguments: Arguments) -> AuditConnection:
    """Newest first. Raises NotPermitted, and InvalidInput for a malformed argument."""
    part = window(arguments, AUDIT_PAGE)
    first = AUDIT_PAGE if part.first is None else part.first
    after, entity = part.after, arguments.get("entityId")
    page = await commands_of(request).audit(
        actor_of(request),
        first=first,
        before_id=None if after is None else _row_id(after),
        entity_id=None if entity is None else canonical_id("entityId", entity),
    )
    edges = tuple(AuditEdge(_cursor(row.id), row) for row in page.rows)
    start, end = (edges[0].cursor, edges[-1].cursor) if edges else (None, None)
    return AuditConnection(edges, PageInfo(page.has_next, after is not None, start, end), page.total)


def _cursor(row_id: int) -> str:
    return base64.urlsafe_b64encode(f"audit:{row_id}".encode()).decode().rstrip("=")


def _row_id(cursor: str) -> int:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        word, _, number = text.partition(":")
        if word == "audit" and number.isdecimal() and len(number) < 19:
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise InvalidInput("after", "is not a cursor of this list")


def _values(row: AuditRow) -> list[AuditedValue]:
    before, after = row.before or {}, row.after or {}
    return [
        AuditedValue(name, value_text(before.get(name)), value_text(after.get(name)))
        for name in sorted(before.keys() | after.keys())
    ]


MEMBERS: Mapping[str, Mapping[str, Callable[[Any], Any]]] = {
    "CommandError": {
        "code": lambda e: e.code,
        "class": lambda e: e.cls,
        "message": lambda e: e.message,
        "field": lambda e: e.field,
        "owner": lambda e: None if e.owner is None else str(e.owner),
        "allowed": lambda e: None if e.allowed is None else list(e.allowed),
    },
    "AuditConnection": {
        "edges": lambda c: c.edges,
        "nodes": lambda c: c.nodes,
        "pageInfo": lambda c: c.info,
        "totalCount": lambda c: c.total,
    },
    "AuditEdge": {"cursor": lambda e: e.cursor, "node": lambda e: e.node},
    "AuditEntry": {
        "at": lambda r: instant(r.at),
        "actor": lambda r: r.actor,
        "roles": lambda r: r.roles,
        "onBehalfOf": lambda r: r.on_behalf_of,
        "correlationId": lambda r: r.correlation_id,
        "action": lambda r: r.action,
        "entityId": lambda r: r.entity_id,
        "outcome": lambda r: r.outcome,
        "code": lambda r: r.code,
        "values": _values,
    },
    "AuditedValue": {
        "attribute": lambda v: v.attribute,
        "before": lambda v: v.before,
        "after": lambda v: v.after,
    },
}
"""Fields of plain objects, by type."""
PAYLOAD_MEMBERS: Mapping[str, Callable[[Payload], Any]] = {
    "status": lambda p: str(p.status),
    "errors": lambda p: p.errors,
    "correlationId": lambda p: p.correlation_id,
    "replayed": lambda p: p.replayed,
}
"""Fields that every payload has; any other is the entity that it shows."""

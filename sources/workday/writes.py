"""Writing to Workday: skills of a worker, each of which starts a business process of its own.

A change is a list of skills to add and to remove; what is already so is left alone. Every other skill is one
POST or DELETE of `explicitSkills` (staffing v6), and the receipt's handle names the events that these have
started (businessProcess v1). Workday has neither compare-and-set nor idempotency, but it refuses a second
process on the same skill while one is pending, and the skill itself shows when that has ended: so a repeat
doubles nothing, and a change that stopped half-way is finished by writing it again.

Whether a lost call has started its process shows in the skills, or else in the worker's pending events. What
an event is about stands only in its display text, so that text is evidence for a match and never against
one: while anything else is pending on the worker, `verify` does not answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hub.domain.kinds import Kind
from hub.domain.records import Record, Value
from hub.errors import SourceRejected, SourceUnavailable, VersionConflict
from hub.ports import ProcessState, SourceWrite, WriteReceipt
from sources.paging import List, ListMoves, Part, read_list, together
from sources.shapes import Row
from sources.steps import Steps, stepwise
from sources.transport import Transport
from sources.versions import VERSION
from sources.writing import INVALID_VALUE, SUCCESS, require_action

ACTIONS: Mapping[Kind, frozenset[str]] = {Kind.RESOURCE: frozenset({"update_skills"})}
EVENT_STATES: Mapping[str, ProcessState] = {
    "In Progress": ProcessState.PENDING,
    "Successfully Completed": ProcessState.DONE,
    "Denied": ProcessState.REFUSED,
    "Canceled": ProcessState.REFUSED,
    "Rescinded": ProcessState.REFUSED,
    "Terminated": ProcessState.REFUSED,
}
"""Where an event with this status stands; keyed on display text for want of anything else that is documented."""
PAGE_ROWS = 100
"""The most rows that a REST collection gives at once."""

NOT_FOUND = "NOT_FOUND"
PENDING_EVENT = "PENDING_EVENT"
"""The reason of a refusal because of another process that is pending on the same skill."""
CONFLICT_CODE = "A178"

Fetch = Callable[[Kind, Sequence[str], frozenset[str]], Awaitable[list[Record | None]]]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The skills to add and to remove: names by their casefolded form."""

    add: Mapping[str, str]
    remove: Mapping[str, str]

    def late(self, held: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """What is still to be added and removed, given the skills that the worker has."""
        return (
            [name for key, name in self.add.items() if key not in held],
            [name for key, name in self.remove.items() if key in held],
        )


class WorkdayWrites:
    """The write side of one Workday tenant; see hub.ports.SourceWriter.

    The one action is `update_skills` of a resource; its values `add` and `remove` are tuples of skill names,
    of which letter case does not matter.
    """

    def __init__(
        self, system: str, transport: Transport, *, tenant: str, fetch: Fetch, event_states: Mapping[str, ProcessState]
    ) -> None:
        self.system = system
        self._transport = transport
        self._fetch = fetch
        self._event_states = event_states
        self._workers = f"/ccx/api/staffing/v6/{quote(tenant, safe='')}/workers"
        self._events = f"/ccx/api/businessProcess/v1/{quote(tenant, safe='')}/events"

    async def write(self, change: SourceWrite) -> WriteReceipt:
        """See SourceWriter.write. The handle is None when every skill is already as wanted."""
        require_action(self.system, ACTIONS, change)
        wanted, wid = self._wanted(change), self._wid(change)
        with stepwise(self.system) as steps:
            held, version = await asyncio.gather(self._skills(wid), self._version(change, wid))
            if version != change.version:
                raise VersionConflict("the resource has changed since that version was read")
            add, remove = wanted.late(held)
            if len(add) + len(remove) > 1:
                await self._refuse_conflicts(wid, [*add, *remove])
            events = [await self._add(wid, name, steps) for name in add]
            events += [await self._remove(wid, name, held[name.casefold()], steps) for name in remove]
            return WriteReceipt(wid, _handle(event for event in events if event is not None))

    async def verify(self, change: SourceWrite) -> WriteReceipt | None:
        """See SourceWriter.verify. None also stands for a change of which a step is missing: write it again.

        Raises SourceUnavailable while a process is pending on the worker that may be the change's.
        """
        require_action(self.system, ACTIONS, change)
        wanted, wid = self._wanted(change), self._wid(change)
        # Events before skills: a process that ends in between then shows in the skills.
        pending = await self._pending(wid)
        add, remove = wanted.late(await self._skills(wid))
        late = [*add, *remove]
        if not late:
            return WriteReceipt(wid)
        if not pending:
            return None
        events = {name: [event for event, text in pending.items() if _names(text, name)] for name in late}
        if not all(events.values()):
            raise SourceUnavailable(self.system, "a pending process may be the one in question", operation="GET events")
        return WriteReceipt(wid, _handle(event for found in events.values() for event in found))

    async def process_state(self, handle: str) -> ProcessState:
        """See SourceWriter.process_state: refused as soon as one of the events is, done when all are."""
        operation = "GET event"
        paths = [f"{self._events}/{quote(event, safe='')}" for event in handle.split(",")]
        answers = await together([self._transport.call("GET", path, operation=operation) for path in paths])
        states = {self._state(Row(self.system, operation, _object(answer.data))) for answer in answers}
        for state in (ProcessState.REFUSED, ProcessState.PENDING):
            if state in states:
                return state
        return ProcessState.DONE

    # What a change says.

    def _wid(self, change: SourceWrite) -> str:
        if change.external_id is None or not re.fullmatch(r"[0-9a-f]{32}", change.external_id):
            raise self._refusal("has no such worker", NOT_FOUND)
        return change.external_id

    def _wanted(self, change: SourceWrite) -> _Wanted:
        for name in change.values:
            if name not in ("add", "remove"):
                raise self._refusal(f"{name} cannot be written")
        wanted = _Wanted(self._names(change, "add"), self._names(change, "remove"))
        if wanted.add.keys() & wanted.remove.keys():
            raise self._refusal("add and remove name the same skill")
        return wanted

    def _names(self, change: SourceWrite, what: str) -> dict[str, str]:
        value = change.values.get(what, ())
        if not isinstance(value, tuple):
            raise self._refusal(f"{what} must be a list of skills")
        names = [name.strip() for name in value if isinstance(name, str)]
        if len(names) != len(value) or not all(names):
            raise self._refusal(f"{what} must name skills")
        return {name.casefold(): name for name in names}

    def _refusal(self, message: str, reason: str = INVALID_VALUE) -> SourceRejected:
        return SourceRejected(self.system, message, operation="update_skills", reason=reason)

    # The worker as it is now.

    async def _version(self, change: SourceWrite, wid: str) -> Value:
        if change.version is None:
            return None
        (record,) = await self._fetch(Kind.RESOURCE, [wid], frozenset({VERSION}))
        if record is None:
            raise self._refusal("has no such worker", NOT_FOUND)
        return record.attributes[VERSION]

    async def _skills(self, wid: str) -> dict[str, str]:
        """Ids of the worker's skills by casefolded name."""
        found = {}
        for row in await self._all(f"{self._workers}/{wid}/explicitSkills", {}, "GET explicitSkills"):
            item = row.data.get("skillItem")
            if not isinstance(item, dict):
                raise row.broken("skillItem", "an instance")
            name = Row(row.system, row.operation, item).text("descriptor")
            found[row.required("skillItem.descriptor", name).casefold()] = row.required("id", row.text("id"))
        return found

    async def _pending(self, wid: str) -> dict[str, str]:
        """Display texts of the worker's pending events, by id."""
        return {
            row.required("id", row.text("id")): row.text("descriptor") or ""
            for row in await self._all(self._events, {"worker": wid}, "GET events")
            if self._state(row) is ProcessState.PENDING
        }

    async def _refuse_conflicts(self, wid: str, names: Iterable[str]) -> None:
        """Refuse before the first of several processes what would be refused after it."""
        pending = await self._pending(wid)
        if any(_names(text, name) for text in pending.values() for name in names):
            raise self._refusal("another process is pending on one of the skills", PENDING_EVENT)

    def _state(self, event: Row) -> ProcessState:
        status = event.data.get("status")
        text = status.get("descriptor") if isinstance(status, dict) else None
        if not isinstance(text, str) or text not in self._event_states:
            raise event.broken("status", "a known status of an event")
        return self._event_states[text]

    async def _all(self, path: str, params: Mapping[str, str], operation: str) -> list[Row]:
        async def read(offset: int, limit: int) -> Part[Row]:
            answer = await self._transport.call(
                "GET", path, params={**params, "limit": limit, "offset": offset}, operation=operation
            )
            return _part(_object(answer.data), self.system, operation)

        try:
            return await read_list(List(read, lambda row: row.text("id"), PAGE_ROWS))
        except ListMoves as exc:
            raise SourceUnavailable(self.system, "a list kept changing while it was read", operation=operation) from exc

    # Starting processes.

    async def _add(self, wid: str, name: str, steps: Steps) -> str | None:
        path = f"{self._workers}/{wid}/explicitSkills"
        try:
            return await self._start("POST", path, {"skillItem": {"skillName": name}}, steps)
        except SourceRejected as exc:
            if exc.reason != PENDING_EVENT and name.casefold() in await self._skills(wid):
                return None  # Somebody else has added it since.
            raise

    async def _remove(self, wid: str, name: str, skill: str, steps: Steps) -> str | None:
        path = f"{self._workers}/{wid}/explicitSkills/{quote(skill, safe='')}"
        try:
            return await self._start("DELETE", path, None, steps)
        except SourceRejected as exc:
            if exc.reason != PENDING_EVENT and name.casefold() not in await self._skills(wid):
                return None  # Somebody else has removed it since.
            raise

    async def _start(self, method: str, path: str, body: Any, steps: Steps) -> str | None:
        """Start a process; its event, None when that has ended already."""
        operation = f"{method} explicitSkills"
        answer = await self._transport.call(
            method, path, json=body, expect=SUCCESS, idempotent=False, operation=operation
        )
        steps.step()
        process = Row(self.system, operation, _object(_object(answer.data).get("businessProcessParameters")))
        if self._event_states.get(process.text("overallStatus") or "") is ProcessState.DONE:
            return None
        event = Row(self.system, operation, _object(process.data.get("overallBusinessProcess")))
        return event.required("overallBusinessProcess.id", event.text("id"))


def _handle(events: Iterable[str]) -> str | None:
    """The handle of several events; None for none."""
    return ",".join(dict.fromkeys(events)) or None


def _names(text: str, name: str) -> bool:
    """Whether a display text holds the name as words of their own."""
    return re.search(rf"(?<![\w+#]){re.escape(name)}(?![\w+#])", text, re.IGNORECASE) is not None


def _object(data: Any) -> Mapping[str, Any]:
    """A JSON object; anything else has no members."""
    return data if isinstance(data, dict) else {}


def _part(data: Mapping[str, Any], system: str, operation: str) -> Part[Row]:
    rows, total = data.get("data"), data.get("total")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Row(system, operation, {}).broken("data", "a list of rows")
    return Part([Row(system, operation, row) for row in rows], total if isinstance(total, int) else None)

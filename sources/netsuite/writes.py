"""Writing to NetSuite: how the revenue of a sales order's line is recognized, and nothing else so far.

The vendor has no compare-and-set and no idempotency for synchronous writes. So a write reads and compares
first (the hub lets one command at a record at a time), and sets one value: doing it twice is doing it once,
and reading the line tells what became of it. A list's value is written by its internal id, which is found
by its name in the account's own list.
"""

# ruff: noqa: S608 - names come from this code and the estate's mapping (checked), every value is bound

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from hub.domain.kinds import Kind
from hub.domain.records import Record
from hub.errors import SourceRejected, VersionConflict, WriteOutcomeUnknown
from hub.ports import SourceWrite, WriteReceipt
from sources.netsuite.translate import Names
from sources.netsuite.wire import SuiteQL
from sources.transport import Transport
from sources.versions import VERSION
from sources.writing import INVALID_VALUE, SUCCESS, before_writing, require_action

ACTIONS: Mapping[Kind, frozenset[str]] = {Kind.CONTRACT_LINE: frozenset({"update"})}
RECORDS = "/services/rest/record/v1"
METHOD = "revenue_method"
OPERATION = "set revenue method"
NO_SUCH_LINE = "NONEXISTENT_ID"
"""The vendor's own code for a record that is not there; also given when the look at the line finds none."""
_LINE_ID = re.compile(r"([0-9]{1,18}):([0-9]{1,9})")

Fetch = Callable[[Kind, Sequence[str], frozenset[str]], Awaitable[list[Record | None]]]


@dataclass(frozen=True, slots=True)
class RevenueMethods:
    """Sets revenue methods; `fetch` is the adapter's own, so that versions are the same as everywhere."""

    transport: Transport
    suiteql: SuiteQL
    names: Names
    fetch: Fetch

    async def update(self, change: SourceWrite) -> WriteReceipt:
        """See SourceWriter.write. Two reads and a write, which is left out where the line already has the method."""
        wanted = self._wanted(change)
        order, line = self._address(change)
        with before_writing():
            record = await self._line(change)
            choice = await self._choice(wanted)
        if change.version not in (None, record.attributes[VERSION]):
            raise VersionConflict("the line has changed in NetSuite")
        receipt = WriteReceipt(record.key.external_id)
        if record.attributes[METHOD] == wanted:
            return receipt
        await self._patch(order, line, choice)
        return receipt

    async def verify(self, change: SourceWrite) -> WriteReceipt | None:
        """See SourceWriter.verify. A line with another method than the one wanted counts as not written.

        That it had it for a moment, before somebody else gave it a third one, cannot be told; then the
        version is stale, and a repeat that names it meets VersionConflict.
        """
        wanted = self._wanted(change)
        self._address(change)
        record = await self._line(change)
        return WriteReceipt(record.key.external_id) if record.attributes[METHOD] == wanted else None

    async def _patch(self, order: str, line: int, choice: str) -> None:
        """Change one value of one line: lines are merged by number, and an unknown property is refused."""
        values = {"line": line, self.names[f"contract_line.{METHOD}"]: {"id": choice}}
        answer = await self.transport.call(
            "PATCH",
            f"{RECORDS}/salesOrder/{order}",
            json={"item": {"items": [values]}},
            headers={"X-NetSuite-PropertyNameValidation": "Error"},
            expect=SUCCESS,
            idempotent=False,
            operation=OPERATION,
        )
        if answer.status not in (200, 204):
            raise WriteOutcomeUnknown(self.transport.system, "the answer is no end of a write", operation=OPERATION)

    async def _line(self, change: SourceWrite) -> Record:
        """The line as it is, with its version; raises SourceRejected when there is none."""
        (record,) = await self.fetch(Kind.CONTRACT_LINE, [change.external_id or ""], frozenset({METHOD, VERSION}))
        if record is None:
            raise self._refused("the contract line is no line of a sales order", NO_SUCH_LINE)
        return record

    async def _choice(self, wanted: str) -> str:
        """The internal id of a method in the account's list; raises SourceRejected with the list's names."""
        entry = "contract_line.revenue_methods"
        name, table = self.names[entry], self.names.table(entry)
        sql = f"SELECT id, {name} AS name FROM {table} WHERE isinactive = 'F' ORDER BY id"
        rows = await self.suiteql.all_rows(sql, [], "read revenue methods")
        choices = {row.required("name", row.text("name")): row.required("id", row.text("id")) for row in rows}
        if wanted not in choices:
            raise self._refused(f"{METHOD} is none of {', '.join(sorted(choices))}")
        return choices[wanted]

    def _wanted(self, change: SourceWrite) -> str:
        require_action(self.transport.system, ACTIONS, change)
        wanted = change.values.get(METHOD)
        if set(change.values) != {METHOD} or not isinstance(wanted, str) or not wanted:
            raise self._refused(f"{METHOD} and nothing else can be set, by its name")
        return wanted

    def _address(self, change: SourceWrite) -> tuple[str, int]:
        """The sales order's id and the line's number."""
        match = _LINE_ID.fullmatch(change.external_id or "")
        if match is None:
            raise self._refused("external_id is not <sales order>:<line>")
        return match[1], int(match[2])

    def _refused(self, message: str, reason: str = INVALID_VALUE) -> SourceRejected:
        return SourceRejected(self.transport.system, message, operation=OPERATION, reason=reason)

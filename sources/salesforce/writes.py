"""Writing to Salesforce: change orders are proposed, and nothing else is the hub's to write here.

A proposal is an upsert by the canonical id that the new row carries, so that one whose answer was lost can
be found again and can never become two. An upsert of a row that is there would put it back to Proposed,
though, whatever the CRM's people have decided since; hence it is looked for first, among deleted rows too.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import quote

import orjson

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.money import Money
from hub.domain.records import BY_ID, Ref, Value
from hub.errors import SourceMisconfigured, SourceRejected, WriteOutcomeUnknown
from hub.ports import SourceWrite, WriteReceipt
from sources.faults import Response
from sources.salesforce.translate import CHANGE_ORDER_STATUS, Fields
from sources.salesforce.wire import any_of, long_id, select
from sources.shapes import Row
from sources.transport import Transport
from sources.writing import INVALID_VALUE, SUCCESS, before_writing, require_action

ACTIONS: Mapping[Kind, frozenset[str]] = {Kind.CHANGE_ORDER: frozenset({"create"})}
PROPOSED = "PROPOSED"
CROSS_REFERENCE = "INVALID_CROSS_REFERENCE_KEY"
"""The vendor's own code for a reference to nothing; also given when the look at the line finds none."""
MIXED_CURRENCY = "MIXED_CURRENCY"
OPERATION = "create change order"
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_HUNDREDTH = Decimal("0.01")
_STATUS = {ours: theirs for theirs, ours in CHANGE_ORDER_STATUS.items()}

Query = Callable[[str, str, str], AsyncIterator[list[Row]]]
"""Runs SOQL: the text, the resource (query, queryAll) and the operation's name; pages of rows."""


@dataclass(frozen=True, slots=True)
class ChangeOrders:
    """Proposes change orders. `root` is the versioned path of the API, `query` the adapter's way to run SOQL."""

    transport: Transport
    fields: Fields
    root: str
    query: Query

    async def create(self, change: SourceWrite) -> WriteReceipt:
        """See SourceWriter.write. Three calls, of which the last one writes; what was carried out is not repeated."""
        require_action(self.transport.system, ACTIONS, change)
        canonical_id, line, body = self._canonical_id(change), self._line(change), self._body(change)
        with before_writing():
            found = await self._found(canonical_id)
            if found is not None:
                return WriteReceipt(found)
            currency = await self._currency_of(line)
        self._check_currency(change.values.get("price_delta"), currency)
        if self.fields.currency:
            body["CurrencyIsoCode"] = currency
        return self._receipt(await self._upsert(canonical_id, body))

    async def verify(self, change: SourceWrite) -> WriteReceipt | None:
        """See SourceWriter.verify. The row with the canonical id is the proof, changed or deleted since or not."""
        require_action(self.transport.system, ACTIONS, change)
        found = await self._found(self._canonical_id(change))
        return None if found is None else WriteReceipt(found)

    async def _upsert(self, canonical_id: CanonicalId, body: Mapping[str, Any]) -> Response:
        entry = "change_order.canonical_id"
        key = f"{self.fields.object(entry)}/{self.fields[entry]}/{quote(canonical_id, safe='')}"
        try:
            return await self.transport.call(
                "PATCH",
                f"{self.root}/sobjects/{key}",
                content=orjson.dumps(body),
                headers={"Content-Type": "application/json"},
                expect=SUCCESS,
                idempotent=False,
                operation=OPERATION,
            )
        except SourceRejected as exc:
            if exc.reason != "NOT_FOUND":
                raise
            # The object was queried a moment ago, so what is not there is the field in its role as a key.
            message = f"has no external id field as the mapping gives it for {entry}"
            raise SourceMisconfigured(self.transport.system, message, operation=OPERATION) from exc

    def _receipt(self, answer: Response) -> WriteReceipt:
        """The new row's id; an answer that does not say it leaves the outcome to be read back."""
        row_id = answer.data.get("id") if isinstance(answer.data, dict) else None
        if not isinstance(row_id, str) or not _ID.fullmatch(row_id):
            raise WriteOutcomeUnknown(self.transport.system, "the answer names no row", operation=OPERATION)
        return WriteReceipt(long_id(row_id))

    async def _found(self, canonical_id: CanonicalId) -> str | None:
        """The id of the row that carries the canonical id: a live one before a deleted one."""
        entry = "change_order.canonical_id"
        source, where = self.fields.object(entry), any_of(self.fields[entry], [canonical_id])
        soql = select(("Id", "IsDeleted"), source, where)
        rows = [row async for page in self.query(soql, "queryAll", "find change order") for row in page]
        rows.sort(key=lambda row: row.required("IsDeleted", row.flag("IsDeleted")))
        return long_id(rows[0].required("Id", rows[0].text("Id"))) if rows else None

    async def _currency_of(self, line: str) -> str:
        """The currency of a contract line; raises SourceRejected when there is no such line."""
        source = self.fields.object("contract_line.contract")
        soql = select(("Id", *self.fields.currency), source, any_of("Id", [line]))
        async for page in self.query(soql, "query", "read contract line"):
            for row in page:
                return row.required("CurrencyIsoCode", self.fields.currency_of(row))
        raise self._refused("line", "no contract line of the CRM", CROSS_REFERENCE)

    def _check_currency(self, price: Value, currency: str) -> None:
        if isinstance(price, Money) and price.currency != currency:
            raise self._refused("price_delta", f"not in {currency}, the currency of its line", MIXED_CURRENCY)

    def _canonical_id(self, change: SourceWrite) -> CanonicalId:
        if not change.canonical_id:
            raise self._refused("canonical_id", "missing")
        return change.canonical_id

    def _line(self, change: SourceWrite) -> str:
        line = change.values.get("line")
        if not isinstance(line, Ref) or (line.kind, line.by) != (Kind.CONTRACT_LINE, BY_ID):
            raise self._refused("line", "no contract line by its id in the CRM")
        if not _ID.fullmatch(line.value):
            raise self._refused("line", "no id of the CRM")
        return long_id(line.value)

    def _body(self, change: SourceWrite) -> dict[str, Any]:
        """The row to write: the tenant's field names, exact numbers; what has no value is left to the vendor."""
        values = {"status": PROPOSED, **change.values}
        body = {self._field(name): self._shown(name, value) for name, value in values.items()}
        return {field: value for field, value in body.items() if value is not None}

    def _field(self, name: str) -> str:
        if name not in _SHOWN:
            raise self._refused(name, "no value of a change order")
        return self.fields[f"change_order.{name}"]

    def _shown(self, name: str, value: Value) -> Any:
        try:
            return None if value is None else _SHOWN[name](value)
        except _Unfit as exc:
            raise self._refused(name, str(exc)) from exc

    def _refused(self, name: str, why: str, reason: str = INVALID_VALUE) -> SourceRejected:
        """The refusal of a value, by the name that the graph gives it; the value itself is not shown."""
        return SourceRejected(self.transport.system, f"{name} is {why}", operation=OPERATION, reason=reason)


class _Unfit(Exception):
    """A value that the field cannot take; the message completes `<name> is …`."""


def _shown_line(value: Value) -> str:
    if not isinstance(value, Ref):
        raise _Unfit("no reference")
    return long_id(value.value)


def _shown_status(value: Value) -> str:
    if value != PROPOSED:
        raise _Unfit(f"not {PROPOSED}, which every change order is when the hub creates it")
    return _STATUS[PROPOSED]


def _shown_text(value: Value) -> str:
    if not isinstance(value, str):
        raise _Unfit("no text")
    return value


def _shown_money(value: Value) -> orjson.Fragment:
    if not isinstance(value, Money):
        raise _Unfit("no amount of money")
    return orjson.Fragment(str(value))


def _shown_hours(value: Value) -> orjson.Fragment:
    if not isinstance(value, Decimal) or not value.is_finite():
        raise _Unfit("no number of hours")
    if value != value.quantize(_HUNDREDTH, rounding=ROUND_HALF_UP):
        raise _Unfit("finer than a hundredth of an hour")
    return orjson.Fragment(format(value, "f"))


def _shown_day(value: Value) -> str:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise _Unfit("no calendar date")
    return value.isoformat()


_SHOWN: Mapping[str, Callable[[Value], Any]] = {
    "line": _shown_line,
    "status": _shown_status,
    "reason": _shown_text,
    "price_delta": _shown_money,
    "hours_delta": _shown_hours,
    "effective_date": _shown_day,
}
"""How each value of a change order is written; a fragment is a JSON number with exactly these digits."""

"""Writing records: create, update, upsert by external id, delete."""

from __future__ import annotations

from typing import Any

from sources.sandbox.netsuite.books import Books, Row
from sources.sandbox.netsuite.calls import Call
from sources.sandbox.netsuite.record_reads import EXTERNAL_ID_PREFIX, RecordReads
from sources.sandbox.netsuite.record_types import RecordType
from sources.sandbox.netsuite.record_values import RECORD_ROOT, Taken
from sources.sandbox.netsuite.replies import Reply, error, invalid_content, invalid_parameter, invalid_request
from sources.sandbox.netsuite.tables import TABLES
from sources.sandbox.netsuite.trade_writes import TradeWrites, open_period, require_open

_NAME_VALIDATION = "x-netsuite-propertynamevalidation"
_ENTITY_TABLES = frozenset({"customer", "job", "vendor", "employee"})
_ALWAYS_ALLOWED = frozenset({"links", "id", "refName"})


class RecordWrites:
    """The changing side of `/record/v1/{type}`; every write moves `lastmodifieddate`."""

    def __init__(self, books: Books, reads: RecordReads) -> None:
        self._books = books
        self._reads = reads
        self._taken = Taken(books)
        self._trade = TradeWrites(books, self._taken)

    def create(self, call: Call, record: RecordType) -> Reply:
        """POST on the collection: 204 with the new record's Location."""
        call.allow_parameters()
        self._require_writable(record)
        body = call.json_object()
        warnings = _check_names(call, record, body)
        row_id = self._atomically(lambda: self._insert(record, body))
        return self._done(call, record, row_id, warnings)

    def update(self, call: Call, record: RecordType, key: str) -> Reply:
        """PATCH: the fields given; sublists merge by line, or are replaced when `replace` names them."""
        call.allow_parameters("replace", "replaceSelectedFields")
        self._require_writable(record)
        row = self._reads.require(record, key)
        body = call.json_object()
        replaced = _replaced(call, record)
        if call.switch("replaceSelectedFields"):
            cleared = {name: None for name in replaced if name in record.fields and name not in body}
            body = {**body, **cleared}
        warnings = _check_names(call, record, body)
        self._atomically(lambda: self._change(record, row, body, replaced))
        return self._done(call, record, row["id"], warnings)

    def upsert(self, call: Call, record: RecordType, key: str) -> Reply:
        """PUT by external id: creates or updates."""
        call.allow_parameters("replace")
        self._require_writable(record)
        if not key.startswith(EXTERNAL_ID_PREFIX):
            raise invalid_request("PUT takes an external id: use eid:.", where={"errorUrl": call.path})
        body = call.json_object()
        warnings = _check_names(call, record, body)
        external_id = key.removeprefix(EXTERNAL_ID_PREFIX).strip("'")
        row = self._reads.find(record, key)
        if row is None:
            row_id = self._atomically(lambda: self._insert(record, {**body, "externalId": external_id}))
        else:
            row_id = row["id"]
            replaced = _replaced(call, record)
            self._atomically(lambda: self._change(record, row, body, replaced))
        return self._done(call, record, row_id, warnings)

    def delete(self, call: Call, record: RecordType, key: str) -> Reply:
        """DELETE: 204; the row appears in `deletedrecord`."""
        call.allow_parameters()
        self._require_writable(record)
        row = self._reads.require(record, key)
        self._atomically(lambda: self._remove(record, row))
        return Reply(204)

    def _require_writable(self, record: RecordType) -> None:
        if not record.writable:
            detail = f"Permission Violation: the role may not change records of type {record.name}."
            raise error(403, "INSUFFICIENT_PERMISSION", detail)

    def _done(self, call: Call, record: RecordType, row_id: int, warnings: list[str]) -> Reply:
        headers = {"Location": call.url(f"{RECORD_ROOT}/{record.name}/{row_id}")}
        if warnings:
            headers["Warning"] = ", ".join(
                f"199 NetSuite \"Unknown property '{name}' was ignored.\"" for name in warnings
            )
        return Reply(204, headers=headers)

    def _atomically(self, change: Any) -> int:
        """All of a write or nothing: a refusal half-way must leave no line behind."""
        connection = self._books.connection
        connection.execute("SAVEPOINT record_write")
        try:
            row_id: int = change()
        except BaseException:
            connection.execute("ROLLBACK TO record_write")
            connection.execute("RELEASE record_write")
            raise
        connection.execute("RELEASE record_write")
        return row_id

    def _columns(self, record: RecordType, body: dict[str, Any]) -> Row:
        values: Row = {}
        for name, value in body.items():
            item = record.fields.get(name)
            if item is None or name in _ALWAYS_ALLOWED:
                continue
            if item.read_only:
                raise invalid_content(f"The field {name} is read-only.", name)
            values[item.column] = self._taken.column(item, value, name)
        return values

    def _insert(self, record: RecordType, body: dict[str, Any]) -> int:
        missing = [name for name in record.required if body.get(name) in (None, "", {})]
        if missing:
            raise invalid_content(f"Please enter value(s) for: {', '.join(missing)}", missing[0])
        values = self._columns(record, body)
        self._require_unique(record, values.get("externalid"), None)
        row_id, now = self._books.new_id(), self._books.now()
        row: Row = {**record.defaults, **values, "id": row_id, "lastmodifieddate": now}
        for created in ("datecreated", "createddate"):
            if created in TABLES[record.table].columns:
                row[created] = now
        if record.kind is not None:
            self._books.insert(record.table, self._trade.complete_header(record, row))
            self._write_sublists(record, row_id, body, set())
            return row_id
        self._books.insert(record.table, _named(self._inherited(record, self._posted_time(record, row))))
        return row_id

    def _inherited(self, record: RecordType, row: Row) -> Row:
        """A job takes its customer's subsidiary, an entity its subsidiary's currency, where none is given."""
        if record.table in _ENTITY_TABLES and row.get("subsidiary") is None and row.get("parent") is not None:
            parent = self._books.row("customer", "id", row["parent"])
            row["subsidiary"] = parent["subsidiary"] if parent is not None else None
        if record.table in _ENTITY_TABLES and row.get("currency") is None and row.get("subsidiary") is not None:
            subsidiary = self._books.row("subsidiary", "id", row["subsidiary"])
            row["currency"] = subsidiary["currency"] if subsidiary is not None else None
        return row

    def _posted_time(self, record: RecordType, row: Row) -> Row:
        if record.name != "timeBill":
            return row
        if row.get("postingperiod") is None:
            row["postingperiod"] = open_period(self._books, row["trandate"])
        require_open(self._books, row["postingperiod"])
        return row

    def _change(self, record: RecordType, row: Row, body: dict[str, Any], replaced: set[str]) -> int:
        values = self._columns(record, body)
        if "externalid" in values:
            self._require_unique(record, values["externalid"], row["id"])
        cleared = [name for name in record.required if name in body and body[name] in (None, "", {})]
        if cleared:
            raise invalid_content(f"Please enter value(s) for: {', '.join(cleared)}", cleared[0])
        if "postingperiod" in values:
            require_open(self._books, values["postingperiod"])
        self._books.update(record.table, "id", row["id"], {**values, "lastmodifieddate": self._books.now()})
        if record.kind is not None:
            self._write_sublists(record, row["id"], body, replaced)
        return int(row["id"])

    def _write_sublists(self, record: RecordType, row_id: int, body: dict[str, Any], replaced: set[str]) -> None:
        header = self._books.row("transaction", "id", row_id)
        assert header is not None  # noqa: S101 -- it was just written
        if record.sublist is not None and body.get("item") is not None:
            self._trade.write_lines(record.sublist, header, body["item"], replace="item" in replaced)
        if record.kind == "CustPymt" and body.get("apply") is not None:
            self._trade.apply_payment(header, body["apply"])
        self._trade.settle(record, row_id)

    def _require_unique(self, record: RecordType, external_id: str | None, own: int | None) -> None:
        if external_id is None:
            return
        family = "entity" if record.table in _ENTITY_TABLES else record.table
        other = self._books.row(family, "externalid", external_id)
        if other is not None and other["id"] != own:
            raise invalid_content("This entity already exists (DUP_ENTITY): duplicate externalId.", "externalId")

    def _remove(self, record: RecordType, row: Row) -> int:
        name = self._books.shown(record.table, row["id"])
        if record.kind is not None:
            self._unlink(record, row["id"])
            self._books.delete("transactionline", "transaction", row["id"])
        self._books.delete(record.table, "id", row["id"])
        self._books.insert(
            "deletedrecord",
            {
                "recordid": row["id"],
                "recordtypeid": record.name.lower(),
                "type": record.name.lower(),
                "name": name,
                "deleteddate": self._books.now(),
            },
        )
        return int(row["id"])

    def _unlink(self, record: RecordType, row_id: int) -> None:
        """A deleted payment gives the invoices back what it had paid."""
        if record.kind == "CustPymt":
            for link in self._books.rows("SELECT * FROM nexttransactionlink WHERE nextdoc = ?", (row_id,)):
                invoice = self._books.row("transaction", "id", link["previousdoc"])
                if invoice is not None:
                    self._trade.change_paid(invoice, -link["foreignamount"])
        self._books.delete("nexttransactionlink", "nextdoc", row_id)
        self._books.delete("nexttransactionlink", "previousdoc", row_id)


def _named(row: Row) -> Row:
    """The names that NetSuite fills in by itself on a new entity or list record."""
    name = (
        row.get("companyname")
        or row.get("name")
        or " ".join(part for part in (row.get("firstname"), row.get("lastname")) if part)
    )
    if "entityid" in row or "companyname" in row or "firstname" in row:
        row.setdefault("entityid", name or str(row["id"]))
        row.setdefault("altname", name)
    return row


def _replaced(call: Call, record: RecordType) -> set[str]:
    names = {name.strip() for name in call.query.get("replace", "").split(",") if name.strip()}
    known = set(record.fields) | ({record.sublist.name} if record.sublist is not None else set())
    unknown = sorted(names - known)
    if unknown:
        raise invalid_parameter(f"Unknown field or sublist: {unknown[0]}.", where={"errorQueryParam": "replace"})
    return names


def _check_names(call: Call, record: RecordType, body: dict[str, Any]) -> list[str]:
    """Unknown property names: refused, reported or ignored, as the request's header says (Warning by default)."""
    mode = call.headers.get(_NAME_VALIDATION, "Warning").lower()
    if mode not in {"error", "warning", "ignore"}:
        raise invalid_request(
            "The value must be Error, Warning or Ignore.", where={"errorHeader": "X-NetSuite-PropertyNameValidation"}
        )
    unknown = _unknown_names(record, body)
    if unknown and mode == "error":
        raise invalid_content(f"Unknown property name: {unknown[0].rpartition('.')[2]}.", unknown[0])
    return unknown if mode == "warning" else []


def _unknown_names(record: RecordType, body: dict[str, Any]) -> list[str]:
    unknown = []
    for name, value in body.items():
        if record.sublist is not None and name == record.sublist.name:
            unknown += _unknown_line_names(record, value)
        elif name not in record.fields and name not in _ALWAYS_ALLOWED and (record.kind, name) != ("CustPymt", "apply"):
            unknown.append(name)
    return unknown


def _unknown_line_names(record: RecordType, value: Any) -> list[str]:
    assert record.sublist is not None  # noqa: S101 -- the caller looked
    items = value.get("items") if isinstance(value, dict) else None
    return [
        f"{record.sublist.name}.items[{position}].{name}"
        for position, item in enumerate(items if isinstance(items, list) else [])
        if isinstance(item, dict)
        for name in item
        if name not in record.sublist.fields and name not in _ALWAYS_ALLOWED
    ]

"""What a write does to a transaction beyond its own fields: lines, totals, periods, payments applied."""

from __future__ import annotations

from typing import Any

from sources.sandbox.netsuite.books import Books, Row
from sources.sandbox.netsuite.record_types import RecordType, Sublist
from sources.sandbox.netsuite.record_values import Taken
from sources.sandbox.netsuite.replies import invalid_content, invalid_field_value
from sources.sandbox.netsuite.tenant import exchange_rate, whole_minor_units

_SIGNED = ("foreignamount", "quantity")


class TradeWrites:
    """Keeps a transaction's lines, totals and status in step with what was written."""

    def __init__(self, books: Books, taken: Taken) -> None:
        self._books = books
        self._taken = taken

    def complete_header(self, record: RecordType, header: Row) -> Row:
        """A new transaction's row: subsidiary, currency, period and numbers that the body did not give."""
        entity = self._entity(header["entity"])
        today = f"{self._books.now()[:10]} 00:00:00"
        header.setdefault("trandate", today)
        header.setdefault("subsidiary", entity.get("subsidiary"))
        header.setdefault("currency", entity.get("currency"))
        header.setdefault("exchangerate", self._rate(header))
        header.setdefault("tranid", f"{(record.kind or '').upper()}{header['id']}")
        header.setdefault("approvalstatus", "2")
        if header["posting"] == "T":
            header.setdefault("postingperiod", open_period(self._books, header["trandate"]))
            require_open(self._books, header["postingperiod"])
        fixed = {"voided": "F", "custbody_disputed": "F", "transactionnumber": header["tranid"]}
        return {**fixed, "type": record.kind, "recordtype": record.name.lower(), "foreigntotal": 0.0, **header}

    def _entity(self, entity_id: int) -> Row:
        for table in ("customer", "vendor"):
            row = self._books.row(table, "id", entity_id)
            if row is not None:
                return row
        return {}

    def _rate(self, header: Row) -> float:
        subsidiary = self._books.row("subsidiary", "id", header["subsidiary"])
        currency = self._books.row("currency", "id", header["currency"])
        base = self._books.row("currency", "id", subsidiary["currency"]) if subsidiary else None
        return exchange_rate(currency["symbol"], base["symbol"]) if currency and base else 1.0

    def write_lines(self, sublist: Sublist, header: Row, body: object, *, replace: bool) -> None:
        """Merge a sublist body into the lines by line number, or put it in their place."""
        items = _items(sublist.name, body)
        existing = {} if replace else {line["id"]: line for line in self._lines(header["id"])}
        changes = [self._line_change(sublist, item, existing, n) for n, item in enumerate(items)]
        if replace:
            self._books.connection.execute(
                "DELETE FROM transactionline WHERE \"transaction\" = ? AND mainline = 'F' AND taxline = 'F'",
                (header["id"],),
            )
        for number, values in changes:
            self._store_line(header, number, values, existing.get(number) if number is not None else None)

    def _line_change(
        self, sublist: Sublist, item: dict[str, Any], existing: dict[int, Row], position: int
    ) -> tuple[int | None, Row]:
        where = f"{sublist.name}.items[{position}]"
        number = item.get("line")
        if number is not None and (not isinstance(number, int) or number not in existing):
            raise invalid_field_value(number, "line", f"{where}.line")
        values: Row = {}
        for name, value in item.items():
            known = sublist.fields.get(name)
            if known is not None and name != "line":
                values[known.column] = self._taken.column(known, value, f"{where}.{name}")
        if number is None and values.get("item") is None:
            raise invalid_content("Please enter a value for item.", f"{where}.item")
        for column in _SIGNED:
            if values.get(column) is not None:
                values[column] *= sublist.sign
        return number, _with_amount(values, existing.get(number, {}) if number is not None else {})

    def _store_line(self, header: Row, number: int | None, values: Row, existing: Row | None) -> None:
        now = self._books.now()
        rate = header["exchangerate"] or 1.0
        if values.get("foreignamount") is not None:
            values["netamount"] = round(values["foreignamount"] * rate, 2)
        if existing is not None:
            self._books.update(
                "transactionline", "uniquekey", existing["uniquekey"], {**values, "linelastmodifieddate": now}
            )
            return
        next_number = number or max((line["id"] for line in self._lines(header["id"], every=True)), default=0) + 1
        self._books.insert(
            "transactionline",
            {
                "uniquekey": self._books.new_id(),
                "transaction": header["id"],
                "id": next_number,
                "linesequencenumber": next_number,
                "mainline": "F",
                "taxline": "F",
                "entity": header["entity"],
                "subsidiary": header["subsidiary"],
                "itemtype": "Service",
                "isclosed": "F",
                "foreignamount": 0.0,
                "netamount": 0.0,
                "linecreateddate": now,
                "linelastmodifieddate": now,
                **values,
            },
        )

    def _lines(self, transaction: int, *, every: bool = False) -> list[Row]:
        only = "" if every else " AND mainline = 'F' AND taxline = 'F'"
        return self._books.rows(
            f'SELECT * FROM transactionline WHERE "transaction" = ?{only} ORDER BY id', (transaction,)
        )

    def settle(self, record: RecordType, transaction: int) -> None:
        """Recompute totals, what is unpaid, the status and the main line after a write."""
        header = self._books.row("transaction", "id", transaction)
        assert header is not None  # noqa: S101 -- it was just written
        if record.kind == "CustPymt":
            main = header["foreigntotal"] or 0.0
        else:
            lines = [line for line in self._lines(transaction, every=True) if line["mainline"] == "F"]
            main = whole_minor_units(-sum(line["foreignamount"] or 0.0 for line in lines))
        changes: Row = {"foreigntotal": -main if record.kind == "PurchOrd" else main}
        if record.kind in {"CustInvc", "CustCred"} and header["voided"] == "F":
            paid = header["foreignamountpaid"] or 0.0
            unpaid = whole_minor_units(abs(main) - paid)
            changes |= {"foreignamountpaid": paid, "foreignamountunpaid": unpaid, "status": "A"}
            changes["closedate"] = None
            if unpaid <= 0 and main:
                changes |= {"status": "B", "closedate": header["closedate"] or f"{self._books.now()[:10]} 00:00:00"}
        self._books.update("transaction", "id", transaction, changes)
        self._write_main_line({**header, **changes}, main)

    def _write_main_line(self, header: Row, main: float) -> None:
        values = {
            "foreignamount": main,
            "netamount": round(main * (header["exchangerate"] or 1.0), 2),
            "foreignamountunpaid": header["foreignamountunpaid"],
        }
        first = [line for line in self._lines(header["id"], every=True) if line["mainline"] == "T"]
        if not first:
            self._store_line(header, None, {"id": 0, "linesequencenumber": 0, "mainline": "T", "itemtype": None}, None)
            first = [line for line in self._lines(header["id"], every=True) if line["mainline"] == "T"]
        if any(first[0][name] != value for name, value in values.items()):
            stamp = {"linelastmodifieddate": self._books.now()}
            self._books.update("transactionline", "uniquekey", first[0]["uniquekey"], {**values, **stamp})

    def apply_payment(self, payment: Row, body: object) -> None:
        """Apply a payment to the invoices that its `apply` sublist names."""
        for position, item in enumerate(_items("apply", body)):
            path = f"apply.items[{position}]"
            doc = item.get("doc")
            doc_id = doc.get("id") if isinstance(doc, dict) else doc
            invoice = self._books.row("transaction", "id", str(doc_id))
            if invoice is None or invoice["type"] != "CustInvc" or invoice["entity"] != payment["entity"]:
                raise invalid_field_value(doc_id, "doc", f"{path}.doc")
            amount = item.get("amount", invoice["foreignamountunpaid"])
            if (
                isinstance(amount, bool)
                or not isinstance(amount, (int, float))
                or not 0 < amount <= invoice["foreignamountunpaid"]
            ):
                raise invalid_field_value(amount, "amount", f"{path}.amount")
            self._apply(payment, invoice, float(amount))

    def _apply(self, payment: Row, invoice: Row, amount: float) -> None:
        now = self._books.now()
        self._books.insert(
            "nexttransactionlink",
            {
                "previousdoc": invoice["id"],
                "nextdoc": payment["id"],
                "previoustype": "CustInvc",
                "nexttype": "CustPymt",
                "linktype": "Payment",
                "previousdate": invoice["trandate"],
                "nextdate": payment["trandate"],
                "foreignamount": amount,
                "lastmodifieddate": now,
            },
        )
        self.change_paid(invoice, amount)

    def change_paid(self, invoice: Row, amount: float) -> None:
        """Move what has been paid of an invoice or credit memo by an amount."""
        paid = whole_minor_units(invoice["foreignamountpaid"] + amount)
        unpaid = whole_minor_units(invoice["foreignamountunpaid"] - amount)
        now = self._books.now()
        changes: Row = {"foreignamountpaid": paid, "foreignamountunpaid": unpaid, "lastmodifieddate": now}
        changes |= (
            {"status": "B", "closedate": f"{now[:10]} 00:00:00"} if unpaid <= 0 else {"status": "A", "closedate": None}
        )
        self._books.update("transaction", "id", invoice["id"], changes)
        self._write_main_line({**invoice, **changes}, invoice["foreigntotal"])


def _items(name: str, body: object) -> list[dict[str, Any]]:
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise invalid_content("A sublist needs a list of items.", f"{name}.items")
    return items


def _with_amount(values: Row, existing: Row) -> Row:
    """Quantity times rate, when either was written and the amount was not."""
    if "foreignamount" in values or not {"quantity", "rate"} & set(values):
        return values
    quantity, rate = (values.get(name, existing.get(name)) for name in ("quantity", "rate"))
    if quantity is None or rate is None:
        return values
    return {**values, "foreignamount": whole_minor_units(quantity * rate)}


def open_period(books: Books, day: str) -> int | None:
    """The month that a day posts to: its own, or the earliest open one after it."""
    sql = "SELECT id FROM accountingperiod WHERE isposting = 'T' AND closed = 'F' AND enddate >= ? ORDER BY startdate"
    found = books.rows(sql, (day,))
    return found[0]["id"] if found else None


def require_open(books: Books, period: int | None) -> None:
    """Refuse to post into a closed period."""
    row = books.row("accountingperiod", "id", period) if period is not None else None
    if row is None or row["closed"] == "T" or row["isposting"] == "F":
        raise invalid_content("The posting period is closed or does not exist.", "postingPeriod")

"""Reading records: one by id or external id, a page of a collection, lines of a sublist."""

from __future__ import annotations

from typing import Any

from sources.sandbox.netsuite.books import Books, Row, quoted
from sources.sandbox.netsuite.calls import Call, page_reply, page_window
from sources.sandbox.netsuite.record_filter import compile_filter
from sources.sandbox.netsuite.record_types import RecordType, Sublist
from sources.sandbox.netsuite.record_values import Shown
from sources.sandbox.netsuite.replies import (
    COLLECTION_TYPE,
    Reply,
    invalid_parameter,
    invalid_request,
    nonexistent_record,
)

EXTERNAL_ID_PREFIX = "eid:"


class RecordReads:
    """The GET side of `/record/v1/{type}`."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def find(self, record: RecordType, key: str) -> Row | None:
        """The row behind an id or an `eid:` path segment."""
        column, value = "id", key
        if key.startswith(EXTERNAL_ID_PREFIX):
            column, value = "externalid", key.removeprefix(EXTERNAL_ID_PREFIX).strip("'")
        elif not key.isdigit():
            raise invalid_request(f"Invalid record id: {key}.", where={"errorUrl": key})
        if column == "externalid" and not record.has_external_id:
            return None
        row = self._books.row(record.table, column, value)
        return row if row is not None and record.kind in {None, row.get("type")} else None

    def require(self, record: RecordType, key: str) -> Row:
        """As `find`; raises the vendor's 404."""
        row = self.find(record, key)
        if row is None:
            raise nonexistent_record()
        return row

    def one(self, call: Call, record: RecordType, key: str) -> Reply:
        """A record's full body, or the fields asked for."""
        call.allow_parameters("expandSubResources", "expand", "fields", "simpleEnumFormat")
        row = self.require(record, key)
        shown = Shown(self._books, call.base, simple_enums=call.switch("simpleEnumFormat"))
        wanted, expanded = _wanted(call, record), _expanded(call, record)
        body: dict[str, Any] = {"links": shown.link(record.name, row["id"])}
        for name, item in record.fields.items():
            if wanted is None or name in wanted or name == "id":
                value = shown.value(item, row, sign=record.total_sign)
                if value is not None:
                    body[name] = value
        for name in _sublist_names(record):
            if wanted is None or name in wanted:
                links = shown.link(record.name, row["id"], name)
                lines = self._lines(record, row, name, shown) if name in expanded else None
                body[name] = {"links": links} if lines is None else _collection(links, lines)
        return Reply(200, body)

    def page(self, call: Call, record: RecordType) -> Reply:
        """Ids and links of a page of the collection, by ascending id."""
        call.allow_parameters("limit", "offset", "q")
        window = page_window(call)
        condition, arguments = "1", list[object]()
        if call.query.get("q"):
            condition, arguments = compile_filter(call.query["q"], record)
        if record.kind is not None:
            condition, arguments = f"type = ? AND {condition}", [record.kind, *arguments]
        source = f"FROM {quoted(record.table)} WHERE {condition}"
        total = self._books.rows(f"SELECT COUNT(*) AS n {source}", arguments)[0]["n"]
        rows = self._books.rows(
            f"SELECT id {source} ORDER BY id LIMIT ? OFFSET ?", [*arguments, window.limit, window.offset]
        )
        shown = Shown(self._books, call.base)
        items = [{"links": shown.link(record.name, row["id"]), "id": str(row["id"])} for row in rows]
        return page_reply(call, window, items, total)

    def sublist(self, call: Call, record: RecordType, key: str, name: str, line: str | None) -> Reply:
        """A sublist's lines as links, or one line in full."""
        row = self.require(record, key)
        shown = Shown(self._books, call.base)
        if name not in _sublist_names(record):
            raise nonexistent_record()
        lines = self._lines(record, row, name, shown)
        if line is not None:
            found = next((item for item in lines if str(item["line"]) == line), None)
            if found is None:
                raise nonexistent_record()
            return Reply(200, {"links": shown.link(record.name, row["id"], name, line), **found})
        items = [{"links": shown.link(record.name, row["id"], name, item["line"])} for item in lines]
        return Reply(200, _collection(shown.link(record.name, row["id"], name), items), COLLECTION_TYPE)

    def _lines(self, record: RecordType, row: Row, name: str, shown: Shown) -> list[dict[str, Any]]:
        if name == "apply":
            return self._applied(row, shown)
        assert record.sublist is not None  # noqa: S101 -- _sublist_names offered the name
        found = self._books.rows(
            "SELECT * FROM transactionline WHERE \"transaction\" = ? AND mainline = 'F' AND taxline = 'F' ORDER BY id",
            (row["id"],),
        )
        return [_line(record.sublist, line, shown) for line in found]

    def _applied(self, row: Row, shown: Shown) -> list[dict[str, Any]]:
        links = self._books.rows(
            "SELECT * FROM nexttransactionlink WHERE nextdoc = ? ORDER BY previousdoc", (row["id"],)
        )
        return [
            {
                "line": number,
                "apply": True,
                "amount": link["foreignamount"],
                "doc": {
                    "id": str(link["previousdoc"]),
                    "refName": self._books.shown("transaction", link["previousdoc"]),
                    "links": shown.link("invoice", link["previousdoc"]),
                },
            }
            for number, link in enumerate(links, start=1)
        ]


def _sublist_names(record: RecordType) -> tuple[str, ...]:
    if record.kind == "CustPymt":
        return ("apply",)
    return () if record.sublist is None else (record.sublist.name,)


def _expanded(call: Call, record: RecordType) -> set[str]:
    """The sublists to show in full."""
    offered = set(_sublist_names(record))
    named = {name.strip() for name in call.query.get("expand", "").split(",") if name.strip()}
    if named - offered:
        raise invalid_parameter("Only sublists of the record can be expanded.", where={"errorQueryParam": "expand"})
    return offered if call.switch("expandSubResources") else named


def _wanted(call: Call, record: RecordType) -> set[str] | None:
    text = call.query.get("fields")
    if text is None:
        return None
    wanted = {name.strip() for name in text.split(",")}
    unknown = sorted(wanted - set(record.fields) - set(_sublist_names(record)))
    if unknown:
        raise invalid_parameter(f"Unknown field: {unknown[0]}.", where={"errorQueryParam": "fields"})
    return wanted


def _line(sublist: Sublist, line: Row, shown: Shown) -> dict[str, Any]:
    values = {name: shown.value(item, line, sign=sublist.sign) for name, item in sublist.fields.items()}
    return {name: value for name, value in values.items() if value is not None}


def _collection(links: list[dict[str, str]], items: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "links": links,
        "count": len(items),
        "hasMore": False,
        "items": items,
        "offset": 0,
        "totalResults": len(items),
    }

"""`POST /query/v1/suiteql`: one page of one query's result."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from sources.sandbox.netsuite.books import Books
from sources.sandbox.netsuite.calls import Call, Window, page_reply, page_window
from sources.sandbox.netsuite.date_formats import company_date
from sources.sandbox.netsuite.replies import (
    Refusal,
    Reply,
    error,
    invalid_parameter,
    invalid_request,
    method_not_allowed,
)
from sources.sandbox.netsuite.sqlite_functions import number_text
from sources.sandbox.netsuite.suiteql import Compiled, compile_suiteql
from sources.sandbox.netsuite.suiteql_dialect import QueryRefused
from sources.sandbox.netsuite.tables import Kind

MAX_RESULT = 100_000
_KEPT = 200


def _printed(value: Any) -> str:
    return value if isinstance(value, str) else number_text(value)


_PRINTERS: dict[Kind, Callable[[Any], str]] = {
    Kind.ID: str,
    Kind.NUMBER: _printed,
    Kind.TEXT: _printed,
    Kind.DATE: company_date,
}


class SuiteQL:
    """Runs queries on the books; keeps compiled texts, and row counts until the next write."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._compiled: OrderedDict[str, Compiled] = OrderedDict()
        self._counts: OrderedDict[tuple[str, tuple[Any, ...]], tuple[int, int]] = OrderedDict()

    def answer(self, call: Call) -> Reply:
        """The page asked for. Raises Refusal."""
        if call.method != "POST":
            raise method_not_allowed(call.method)
        call.allow_parameters("limit", "offset")
        if "transient" not in call.preferences():
            raise invalid_request("The header Prefer is missing or is not transient.", where={"errorHeader": "Prefer"})
        window = page_window(call)
        text, parameters = _question(call)
        try:
            return self._page(call, self._compile(text, len(parameters)), parameters, window)
        except (QueryRefused, sqlite3.Error) as exc:
            raise _refused(str(exc)) from exc

    def _compile(self, text: str, given: int) -> Compiled:
        found = self._compiled.get(text)
        if found is None:
            found = self._compiled[text] = compile_suiteql(text)
            _trim(self._compiled)
        if given != found.parameters:
            raise QueryRefused(f"{found.parameters} parameters are expected, {given} are given")
        return found

    def _page(self, call: Call, query: Compiled, parameters: tuple[Any, ...], window: Window) -> Reply:
        if window.offset + 1 > MAX_RESULT:
            raise invalid_parameter(
                f"A query returns at most {MAX_RESULT} results; narrow it down.", where={"errorQueryParam": "offset"}
            )
        limit = min(window.limit, MAX_RESULT - window.offset)
        sql = f"{query.body}{query.order} LIMIT {limit} OFFSET {window.offset}"
        cursor = self._books.connection.execute(sql, parameters)
        columns = [(o.name, _PRINTERS[o.kind]) for o in query.outputs]
        items: list[dict[str, Any]] = []
        for row in cursor:
            item: dict[str, Any] = {"links": []}
            for (name, printed), value in zip(columns, row, strict=True):
                if value is not None:
                    item[name] = printed(value)
            items.append(item)
        return page_reply(call, window, items, self._total(query, parameters))

    def _total(self, query: Compiled, parameters: tuple[Any, ...]) -> int:
        key = (query.body, parameters)
        kept = self._counts.get(key)
        if kept is not None and kept[0] == self._books.changes:
            return kept[1]
        found: int = self._books.connection.execute(f"SELECT COUNT(*) FROM ({query.body})", parameters).fetchone()[0]
        self._counts[key] = (self._books.changes, found)
        _trim(self._counts)
        return found


def _trim(kept: OrderedDict[Any, Any]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)


def _question(call: Call) -> tuple[str, tuple[Any, ...]]:
    body = call.json_object()
    unknown = sorted(set(body) - {"q", "params"})
    if unknown:
        raise invalid_request(f"Unknown property in the request body: {unknown[0]}.", where={"errorPath": unknown[0]})
    text, parameters = body.get("q"), body.get("params", [])
    if not isinstance(text, str) or not text.strip():
        raise invalid_request("The property q is missing.", where={"errorPath": "q"})
    if not isinstance(parameters, list) or not all(isinstance(p, (str, int, float)) for p in parameters):
        raise invalid_request("The property params must be a list of strings.", where={"errorPath": "params"})
    return text, tuple(str(p) for p in parameters)


def _refused(reason: str) -> Refusal:
    cause = reason.removesuffix(".")
    detail = f"Invalid search query. Detailed unprocessed description follows. Search error occurred: {cause}."
    return error(400, "INVALID_PARAMETER", detail, where={"errorQueryParam": "q"})

"""`/query`, `/queryAll` and the cursors that hold the rest of a long result."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sources.sandbox.salesforce.calls import Call, Reply, Router
from sources.sandbox.salesforce.errors import ApiError, query_too_complicated
from sources.sandbox.salesforce.soql.execution import QueryResult, run_query
from sources.sandbox.salesforce.soql.failures import QueryText
from sources.sandbox.salesforce.soql.parser import parse_query
from sources.sandbox.salesforce.soql.scope import Context
from sources.sandbox.salesforce.tenant import Tenant

MIN_BATCH_ROWS = 200
MAX_BATCH_ROWS = 2_000
MAX_KEPT_CURSORS = 500
"""The vendor keeps any number; the oldest give way here, so that a sandbox of many days stays small."""
_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d+)", re.IGNORECASE)
_LOCATOR = re.compile(r"(0r8\w+)-(\d+)\Z")


@dataclass(frozen=True, slots=True)
class _Cursor:
    result: QueryResult
    opened: datetime


class QueryApi:
    """Runs queries and pages through their results."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._cursors: dict[str, _Cursor] = {}

    def add_to(self, router: Router) -> None:
        """Add the query resources."""
        router.add("query", get=self._query)
        router.add("queryAll", get=self._query_all)
        router.add("query/{locator}", get=self._more)
        router.add("queryAll/{locator}", get=self._more)

    def _query(self, call: Call, _names: Mapping[str, str]) -> Reply:
        return self._run(call, include_deleted=False)

    def _query_all(self, call: Call, _names: Mapping[str, str]) -> Reply:
        return self._run(call, include_deleted=True)

    def _run(self, call: Call, *, include_deleted: bool) -> Reply:
        text = call.query.get("q")
        if text is None:
            raise ApiError(400, "MALFORMED_QUERY", "A query string has to be specified")
        today, oldest = self._tenant.now().date(), self._tenant.oldest_in_recycle_bin()
        context = Context(QueryText(text), self._tenant.database, today, include_deleted, oldest)
        try:
            result = run_query(context, parse_query(text), call.base_url)
        except RecursionError as exc:
            raise query_too_complicated() from exc
        return self._page(call, result, None, 0)

    def _more(self, call: Call, names: Mapping[str, str]) -> Reply:
        found = _LOCATOR.match(names["locator"])
        cursor = self._cursors.get(found[1]) if found is not None else None
        expired = cursor is not None and self._tenant.now() - cursor.opened > self._tenant.settings.cursor_life
        if found is None or cursor is None or expired or int(found[2]) >= len(cursor.result.rows):
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(call, cursor.result, found[1], int(found[2]))

    def _page(self, call: Call, result: QueryResult, locator: str | None, first: int) -> Reply:
        after = first + self._batch_rows(call)
        body: dict[str, Any] = {"totalSize": result.total, "done": after >= len(result.rows)}
        if not body["done"]:
            body["nextRecordsUrl"] = f"{call.base_url}/query/{locator or self._open(result)}-{after}"
        body["records"] = [result.render(each) for each in result.rows[first:after]]
        return Reply(body=body)

    def _open(self, result: QueryResult) -> str:
        locator = f"0r8{secrets.token_hex(8)}"
        self._cursors[locator] = _Cursor(result, self._tenant.now())
        while len(self._cursors) > MAX_KEPT_CURSORS:
            del self._cursors[next(iter(self._cursors))]
        return locator

    def _batch_rows(self, call: Call) -> int:
        asked = _BATCH_SIZE.search(call.headers.get("sforce-query-options", ""))
        if asked is None:
            return self._tenant.settings.page_rows
        return min(max(int(asked[1]), MIN_BATCH_ROWS), MAX_BATCH_ROWS)

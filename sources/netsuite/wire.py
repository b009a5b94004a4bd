"""NetSuite on the wire: SuiteQL calls, the account's local time, and the error table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.errors import HubError, SourceMisconfigured, SourceRejected, SourceShapeBroken, SourceThrottled
from sources.faults import Response
from sources.shapes import Row, rows
from sources.transport import Transport

SUITEQL = "/services/rest/query/v1/suiteql"
PAGE_ROWS = 1000
IDS = 1000
REREADS = 3
"""How often a list that grew or shrank between its pages is read anew."""
_PATH = re.compile(r"(?:[\w\[\]]{1,80}\.){0,5}(\w{1,80})", re.ASCII)
STAMP_FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS'


def stamp(column: str) -> str:
    """The SQL text of an instant, in the account's zone and to the second."""
    return f"TO_CHAR({column}, '{STAMP_FORMAT}')"


def day(column: str) -> str:
    """The SQL text of a calendar date."""
    return f"TO_CHAR({column}, 'YYYY-MM-DD')"


def period(alias: str) -> str:
    """The SQL text of an accounting period, YYYY-MM; the vendor's own names follow the account's language."""
    return f"TO_CHAR({alias}.startdate, 'YYYY-MM')"


def at(comparison: str) -> str:
    """The SQL of a comparison with a bound instant (see `AccountTime.text`)."""
    return f"{comparison} TO_DATE(?, 'YYYY-MM-DD HH24:MI:SS')"


def marks(values: Sequence[str]) -> str:
    """As many placeholders as values."""
    return ", ".join("?" * len(values))


@dataclass(frozen=True, slots=True)
class AccountTime:
    """The zone in which the account writes its stamps.

    In the hour that a clock change repeats, a stamp is read as the earlier instant: a feed then reads
    something twice rather than never.
    """

    zone: ZoneInfo

    def text(self, instant: datetime) -> str:
        """An instant as the account writes it."""
        return instant.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def instant(self, row: Row, field: str) -> datetime:
        """The UTC instant of a stamp column."""
        text = row.required(field, row.text(field))
        try:
            local = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 - the zone follows
        except ValueError:
            raise row.broken(field, "a stamp") from None
        return local.replace(tzinfo=self.zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class SuiteQL:
    """Runs queries; every value is bound, names come from the code and the estate's mapping."""

    transport: Transport

    async def first_page(self, sql: str, params: Sequence[str], operation: str) -> list[Row]:
        """The first 1,000 rows."""
        page, _, _ = await self._page(sql, params, 0, operation)
        return page

    async def all_rows(self, sql: str, params: Sequence[str], operation: str) -> list[Row]:
        """All rows of a query with a total order; read anew when its size changes between two pages."""
        for _ in range(REREADS):
            found, total, more = await self._page(sql, params, 0, operation)
            offset = 0
            while more:
                offset += PAGE_ROWS
                page, now, more = await self._page(sql, params, offset, operation)
                if now != total:
                    break
                found += page
            else:
                return found
        raise SourceShapeBroken(self.transport.system, "the answer changes with every page", operation=operation)

    async def _page(
        self, sql: str, params: Sequence[str], offset: int, operation: str
    ) -> tuple[list[Row], int | None, bool]:
        """Rows, the size of the whole answer, and whether there are more."""
        answer = await self.transport.call(
            "POST",
            SUITEQL,
            params={"limit": PAGE_ROWS, "offset": offset},
            json={"q": sql, "params": list(params)},
            headers={"Prefer": "transient"},
            operation=operation,
        )
        body = Row(self.transport.system, operation, _object(answer, operation))
        items = [
            Row(item.system, operation, {key.lower(): value for key, value in item.data.items()})
            for item in rows(body.data.get("items"), body.system, operation)
        ]
        more = body.required("hasMore", body.flag("hasMore"))
        if more and not items:
            raise body.broken("hasMore", "true of an empty page")
        return items, body.integer("totalResults"), more


def _object(answer: Response, operation: str) -> Mapping[str, Any]:
    if not isinstance(answer.data, dict):
        raise SourceShapeBroken(answer.system, "the answer is not a query result", operation=operation)
    return answer.data


def error_table(mapped: Mapping[str, str]) -> Callable[[Response], HubError | None]:
    """The vendor's error table; `mapped` gives the mapping's entry by column, to name it when it is at fault."""

    def classify(response: Response) -> HubError | None:
        system, operation = response.system, response.operation
        code, detail = _first_error(response)
        if response.status == 429 or code in ("CONCURRENCY_LIMIT_EXCEEDED", "SSS_REQUEST_LIMIT_EXCEEDED"):
            wait = response.retry_after_s
            return SourceThrottled(system, "its call limit is reached", operation=operation, retry_after_s=wait)
        entry = next((mapped[word] for word in re.findall(r"\w+", detail.lower()) if word in mapped), None)
        # The refusal of a written value names its field too; that the account lacks it, the text must say then.
        is_value = code == "INVALID_CONTENT" and "unknown" not in detail.lower()
        if response.status == 400 and entry is not None and not is_value:
            return SourceMisconfigured(system, f"has no field as the mapping gives it for {entry}", operation=operation)
        if code and 400 <= response.status < 500 and response.status not in (401, 403):
            message = f"refused the request: {code}{_at_fault(response, mapped)}"
            return SourceRejected(system, message, operation=operation, reason=code)
        return None

    return classify


def _at_fault(response: Response, mapped: Mapping[str, str]) -> str:
    """The field at the end of the first error's path, by the mapping's entry where it has one."""
    match = _PATH.fullmatch(str(_first(response).get("o:errorPath", "")))
    return f" at {mapped.get(match[1].lower(), match[1])}" if match else ""


def _first(response: Response) -> Mapping[str, Any]:
    body = response.data if isinstance(response.data, dict) else {}
    details = body.get("o:errorDetails")
    return details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}


def _first_error(response: Response) -> tuple[str, str]:
    """Code and detail of the first error in a body; empty texts when there is none."""
    first = _first(response)
    code = str(first.get("o:errorCode", ""))
    return (code if re.fullmatch(r"[A-Z_]{1,80}", code) else ""), str(first.get("detail", ""))

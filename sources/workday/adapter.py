"""The Workday adapter: WQL queries, reads by id, the change feed, and the error table."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from hub.domain.directory import kept_by
from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import attributes_of
from hub.domain.records import Record, RecordKey, Value
from hub.errors import HubError, SourceMisconfigured, SourceRejected, SourceShapeBroken, SourceUnavailable
from hub.ports import ChangePage, Deletes, KindSpec, ProcessState, SourceWrite, WriteReceipt
from sources.faults import Response
from sources.paging import List, ListMoves, Part, ahead, read_changes, read_list, together
from sources.shapes import Row
from sources.transport import Transport
from sources.versions import Versions, instant_text, widened
from sources.workday.lists import SOURCES, WID, Lists
from sources.workday.translate import (
    DEFAULT_MAPPING,
    FIELDS,
    RATE_ENTRIES,
    STATUSES,
    Worker,
    cost_rate,
    keys_of,
    label_of,
)
from sources.workday.writes import ACTIONS, CONFLICT_CODE, EVENT_STATES, NOT_FOUND, PENDING_EVENT, WorkdayWrites

PAGE_ROWS = 100
"""Rows a page unless the tenant allows more (a setting); also how many workers one query names."""
DATED = "cost_rate@"
WQL = "WQL"
NEEDED = ("resource.stamp", "resource.employee_number", "resource.name", "resource.status", "resource.skills")
"""Mapping entries that cannot be left out: order and keys of the feed, and what the graph makes non-null."""

_ALIAS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class RefusedQuery(SourceRejected):
    """The tenant does not understand the query; `words` are the names in its message, for finding the alias."""

    def __init__(self, system: str, operation: str, words: frozenset[str]) -> None:
        super().__init__(system, "refused the query with 400", operation=operation, reason="400")
        self.words = words


_CODE = re.compile(r"[A-Za-z0-9_-]{1,20}")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,60}")


def classify(response: Response) -> HubError | None:
    """Workday's error table: a 400 of WQL names the token that it does not know, one of REST its findings."""
    body = response.data if isinstance(response.data, dict) else {}
    if response.status == 404 and "error" in body:
        return SourceRejected(response.system, "has no such object", operation=response.operation, reason=NOT_FOUND)
    if response.status != 400:
        return None
    if response.operation != WQL:
        return _refused(response, body.get("errors"))
    error = body.get("error")
    words = frozenset(_ALIAS.findall(error)) if isinstance(error, str) else frozenset[str]()
    return RefusedQuery(response.system, response.operation, words)


def _refused(response: Response, errors: Any) -> SourceRejected:
    """A refusal with the findings' stable codes, else their fields, as its reason; no text of theirs leaves."""
    findings = [finding for finding in (errors if isinstance(errors, list) else []) if isinstance(finding, dict)]
    codes = [code for finding in findings if _CODE.fullmatch(code := str(finding.get("code") or ""))]
    fields = [name for finding in findings if _FIELD.fullmatch(name := str(finding.get("field") or ""))]
    pending = CONFLICT_CODE in codes
    reason = PENDING_EVENT if pending else ",".join(codes or [f"validation:{name}" for name in fields]) or "400"
    message = "has a pending process that conflicts" if pending else "refused the request with 400"
    return SourceRejected(
        response.system,
        message + (f" because of {', '.join(fields)}" if fields else ""),
        operation=response.operation,
        reason=reason,
    )


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Wording:
    """What display texts mean in the tenant's language: no code stands beside them."""

    statuses: Mapping[str, str] = field(default_factory=lambda: STATUSES)
    event_states: Mapping[str, ProcessState] = field(default_factory=lambda: EVENT_STATES)


class WorkdayAdapter:
    """One Workday tenant.

    `transport`: base_url is the services host, auth one of sources.auth, `classify` is this module's.
    `tenant` is the tenant's name in paths; `versions` are the installation's; `mapping` overrides single
    entries of DEFAULT_MAPPING; `wording` is for a tenant whose language or status list differs; `page_rows`
    is the page size that the tenant allows; `clock` gives the instant of fetching and today's date.
    """

    domain = Domain.HCM
    vendor = "workday"
    actions = ACTIONS

    def __init__(
        self,
        system: str,
        transport: Transport,
        *,
        tenant: str,
        versions: Versions,
        mapping: Mapping[str, str] | None = None,
        page_rows: int = PAGE_ROWS,
        wording: Wording | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.system = system
        self._transport = transport
        self._versions = versions
        self._path = f"/ccx/api/wql/v1/{quote(tenant, safe='')}/data"
        self._mapping = {**DEFAULT_MAPPING, **(mapping or {})}
        for entry, alias in self._mapping.items():
            if not _ALIAS.fullmatch(alias) and (alias or entry in NEEDED):
                raise SourceMisconfigured(system, f"mapping entry {entry} is not a WQL alias")
        self._wording = wording or Wording()
        self._page_rows = page_rows
        self._clock = clock
        self._lists = Lists(system, self._mapping, whole=self._whole, page_rows=page_rows, today=self._today)
        states = self._wording.event_states
        self._writes = WorkdayWrites(system, transport, tenant=tenant, fetch=self.fetch, event_states=states)
        self.kinds: Mapping[Kind, KindSpec] = {
            Kind.RESOURCE: KindSpec(
                vendor_kind="worker",
                attributes=attributes_of(Domain.HCM, Kind.RESOURCE),
                batch=page_rows,
                deletes=Deletes.PROBE,
            )
        }

    async def fetch(self, kind: Kind, ids: Sequence[str], attributes: frozenset[str]) -> list[Record | None]:
        """See SourceAdapter.fetch. `cost_rate@YYYY-MM-DD` is the rate in force on that day."""
        dated = frozenset(name for name in attributes if name.startswith(DATED))
        wanted = widened(self.domain, kind, attributes - dated)
        known = [wid for wid in dict.fromkeys(ids) if WID.fullmatch(wid)]
        if kind is not Kind.RESOURCE or not known:
            return [None] * len(ids)
        workers, *rates = await together(
            [
                self._workers(known, self._entries(wanted)),
                *(self._workers(known, RATE_ENTRIES, on=_day_of(name)) for name in sorted(dated)),
            ]
        )
        listed = await self._lists.read(workers, wanted & SOURCES.keys())
        records = {}
        for wid, worker in workers.items():
            values = _values(wid, worker, wanted, listed)
            for name, on_day in zip(sorted(dated), rates, strict=True):
                values[name] = cost_rate(on_day[wid]) if wid in on_day else None
            chosen = self._versions.chosen(self.domain, RecordKey(self.system, kind, wid), values, attributes)
            records[wid] = self._record(wid, worker, chosen)
        return [records.get(wid) for wid in ids]

    def changes(self, kind: Kind, since: datetime | None) -> AsyncIterator[ChangePage]:
        """See SourceAdapter.changes."""
        return ahead(self._pages(kind, since))

    async def write(self, change: SourceWrite) -> WriteReceipt:
        """See SourceWriter.write, and WorkdayWrites for the values."""
        return await self._writes.write(change)

    async def verify(self, change: SourceWrite) -> WriteReceipt | None:
        """See SourceWriter.verify. None also stands for a change of which a step is missing: write it again."""
        return await self._writes.verify(change)

    async def process_state(self, handle: str) -> ProcessState:
        """See SourceWriter.process_state."""
        return await self._writes.process_state(handle)

    async def ping(self) -> None:
        """See SourceAdapter.ping."""
        await self._page("SELECT workdayID FROM allWorkers", 0, 1)

    async def aclose(self) -> None:
        """See SourceAdapter.aclose."""
        await self._transport.aclose()

    # Reading workers.

    def _entries(self, attributes: Iterable[str]) -> tuple[str, ...]:
        """The mapping entries whose columns these attributes need."""
        return tuple(
            entry for name in attributes for entry in ((SOURCES[name].by,) if name in SOURCES else FIELDS[name].entries)
        )

    def _select(self, entries: Iterable[str]) -> str:
        columns = dict.fromkeys(self._mapping[entry] for entry in (*entries, "resource.stamp"))
        return "SELECT " + ", ".join(["workdayID", *(alias for alias in columns if alias)])

    async def _workers(
        self, wids: Sequence[str], entries: Iterable[str], *, on: date | None = None
    ) -> dict[str, Worker]:
        """Workers by WID, as of today or of a day."""
        head = f"{self._select(entries)} FROM allWorkers"
        if on is not None:
            head += f" (effectiveAsOfDate = '{on.isoformat()}')"
        packs = [wids[start : start + self._page_rows] for start in range(0, len(wids), self._page_rows)]
        pages = await together(
            [self._page(f"{head} WHERE workdayID in ({', '.join(pack)})", 0, self._page_rows) for pack in packs]
        )
        return {_wid(row): self._worker(row) for page in pages for row in page.rows}

    def _worker(self, row: Row) -> Worker:
        return Worker(row, self._mapping, self._wording.statuses, self._today())

    def _today(self) -> date:
        return self._clock().date()

    # Feeds.

    async def _pages(self, kind: Kind, since: datetime | None) -> AsyncGenerator[ChangePage, None]:
        wanted = kept_by(self.domain, kind)
        extra = ("resource.employee_number", "resource.email", "resource.name", "resource.worker_type")
        select = self._select((*self._entries(wanted), *extra))
        async for rows in read_changes(lambda after: self._changed(select, after), self._stamp, since):
            workers = {_wid(row): self._worker(row) for row in rows}
            listed = await self._lists.read(workers, wanted & SOURCES.keys())
            records = [
                self._record(wid, worker, _values(wid, worker, wanted, listed), feed=True)
                for wid, worker in workers.items()
            ]
            yield ChangePage(records, self._stamp(rows[-1]))

    def _changed(self, select: str, after: datetime | None) -> List[Row]:
        stamp = self._mapping["resource.stamp"]
        where = "" if after is None else f" WHERE {stamp} >= '{instant_text(after)}'"
        query = f"{select} FROM allWorkers{where} ORDER BY {stamp}, workdayID"
        return self._list(query, lambda row: (_wid(row), row.text(stamp)))

    def _stamp(self, row: Row) -> datetime:
        column = self._mapping["resource.stamp"]
        return row.required(column, row.instant(column))

    def _record(self, wid: str, worker: Worker, values: Mapping[str, Value], *, feed: bool = False) -> Record:
        column = self._mapping["resource.stamp"]
        return Record(
            key=RecordKey(self.system, Kind.RESOURCE, wid),
            attributes=values,
            stamp=worker.row.required(column, worker.row.text(column)),
            source_timestamp=worker.row.instant(column),
            fetched_at=self._clock(),
            keys=keys_of(worker) if feed else (),
            label=label_of(worker) if feed else "",
        )

    # WQL over HTTP.

    def _list(self, query: str, identity: Callable[[Row], object]) -> List[Row]:
        async def read(offset: int, limit: int) -> Part[Row]:
            return await self._page(query, offset, limit)

        return List(read, identity, self._page_rows)

    async def _whole(self, query: str, identity: Callable[[Row], object]) -> list[Row]:
        try:
            return await read_list(self._list(query, identity))
        except ListMoves as exc:
            raise SourceUnavailable(self.system, "a list kept changing while it was read", operation="WQL") from exc

    async def _page(self, query: str, offset: int, limit: int) -> Part[Row]:
        """One page of a query's rows. POST, because long id lists do not fit an address; it reads all the same."""
        try:
            response = await self._transport.call(
                "POST",
                self._path,
                params={"limit": limit, "offset": offset},
                json={"query": query},
                operation=WQL,
            )
        except RefusedQuery as refusal:
            raise self._explained(refusal, query) from refusal
        return _part(response.data, self.system)

    def _explained(self, refusal: RefusedQuery, query: str) -> SourceRejected | SourceMisconfigured:
        """A refused alias is a mistake in the mapping, and the error names its entry."""
        refused = refusal.words.intersection(_ALIAS.findall(query))
        entries = sorted(entry for entry, alias in self._mapping.items() if alias in refused)
        if not entries:
            return refusal
        return SourceMisconfigured(
            self.system, f"the tenant does not know the alias of mapping entry {', '.join(entries)}", operation="WQL"
        )


def _values(
    wid: str, worker: Worker, attributes: Iterable[str], listed: Mapping[str, Mapping[str, Value]]
) -> dict[str, Value]:
    """Attributes of a worker, from the row and from the lists beside it."""
    return {name: listed[name][wid] if name in listed else FIELDS[name].read(worker) for name in attributes}


def _part(data: Any, system: str) -> Part[Row]:
    """The rows of an answer; `total` may be missing."""
    rows = data.get("data") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SourceShapeBroken(system, "the answer has no list of rows", operation="WQL")
    total = data.get("total")
    return Part([Row(system, "WQL", row) for row in rows], total if isinstance(total, int) else None)


def _wid(row: Row) -> str:
    wid = row.required("workdayID", row.text("workdayID"))
    if not WID.fullmatch(wid):
        raise row.broken("workdayID", "a Workday id")
    return wid


def _day_of(attribute: str) -> date:
    """The day in `cost_rate@YYYY-MM-DD`."""
    return date.fromisoformat(attribute.removeprefix(DATED))

"""The NetSuite adapter: everything that is read is read by SuiteQL; writes go to the record API."""

# ruff: noqa: S608 - names come from this code and the estate's mapping (checked), every value is bound

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.domain.directory import kept_by
from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import attributes_of
from hub.domain.records import Record, RecordKey, Value
from hub.ports import ChangePage, Deletes, KindSpec, ProcessState, SourceWrite, WriteReceipt
from sources.batching import batches
from sources.netsuite.details import STAMP, Details
from sources.netsuite.translate import DEFAULT_MAPPING, Names, Table, tables
from sources.netsuite.wire import IDS, PAGE_ROWS, AccountTime, SuiteQL, at, error_table, marks, stamp
from sources.netsuite.writes import ACTIONS, RevenueMethods
from sources.paging import together
from sources.shapes import Row
from sources.transport import Transport
from sources.versions import Versions, widened

OVERLAP_S = 120.0
CLOSED = frozenset({"Closed"})
AFTER = {
    Kind.CUSTOMER: (Kind.LEGAL_ENTITY,),
    Kind.PROJECT: (Kind.LEGAL_ENTITY, Kind.CUSTOMER),
    Kind.SUBCONTRACTOR: (Kind.LEGAL_ENTITY,),
    Kind.INVOICE: (Kind.CUSTOMER, Kind.PROJECT),
}
_Rows = Sequence[Row]
_DetailsById = Mapping[str, Mapping[str, Value]]


def _now() -> datetime:
    return datetime.now(UTC)


class NetSuiteAdapter:
    """One NetSuite account as ERP.

    `transport` has the account's SuiteTalk address and one of sources.auth; its error table is set here.
    `mapping` overrides entries of DEFAULT_MAPPING. `time_zone` is the account's (Set Up Company),
    `closed_statuses` the names of the project statuses that close a project's books. `versions` are the
    installation's. `clock` gives now as aware UTC.
    """

    domain = Domain.ERP
    vendor = "netsuite"
    actions = ACTIONS

    def __init__(
        self,
        system: str,
        transport: Transport,
        *,
        versions: Versions,
        mapping: Mapping[str, str] | None = None,
        clock: Callable[[], datetime] = _now,
        time_zone: str = "UTC",
        closed_statuses: frozenset[str] = CLOSED,
    ) -> None:
        names = Names(system, {**DEFAULT_MAPPING, **(mapping or {})})
        self.system = system
        self._transport = transport
        self._versions = versions
        self._clock = clock
        self._time = AccountTime(ZoneInfo(time_zone))
        self._suiteql = SuiteQL(transport)
        self._details = Details(self._suiteql, names)
        self._revenue_methods = RevenueMethods(transport, self._suiteql, names, self.fetch)
        self._tables = tables(names, closed_statuses)
        self.kinds: Mapping[Kind, KindSpec] = {
            kind: KindSpec(
                vendor_kind=table.vendor_kind,
                attributes=attributes_of(self.domain, kind),
                batch=IDS,
                deletes=Deletes.TOMBSTONES if table.record_types else Deletes.PROBE,
                overlap_s=OVERLAP_S,
                after=AFTER.get(kind, ()),
            )
            for kind, table in self._tables.items()
        }
        transport.classify = error_table(names.entries())

    async def fetch(self, kind: Kind, ids: Sequence[str], attributes: frozenset[str]) -> list[Record | None]:
        """See SourceAdapter.fetch. One query per 1,000 ids, and one for what comes from rows of its own."""
        table, wanted = self._tables[kind], widened(self.domain, kind, attributes)
        parents = [i.partition(":")[0] for i in ids]
        parts = batches([i for i in parents if i.isascii() and i.isdigit()], IDS)
        reads: list[Coroutine[Any, Any, Any]] = []
        for part in parts:
            reads += [self._rows_by_id(table, part, wanted), self._details.read(kind, part, wanted)]
        answers = await together(reads)
        found: dict[str, Record] = {}
        for rows, details in zip(answers[::2], answers[1::2], strict=True):
            for row in rows:
                record = self._record(kind, row, self._values(kind, row, wanted, details), attributes, details)
                found[record.key.external_id] = record
        return [found.get(i) for i in ids]

    async def changes(self, kind: Kind, since: datetime | None) -> AsyncIterator[ChangePage]:
        """See SourceAdapter.changes. Tombstones and invoices with younger lines first, then all by stamp and id."""
        table = self._tables[kind]
        if since is not None:
            async for page in self._deleted(kind, table, since):
                yield ChangePage(page, None)
            if kind is Kind.INVOICE:
                async for page in self._with_younger_lines(since):
                    yield ChangePage(page, None)
        async for rows in self._by_stamp(kind, table, since):
            yield ChangePage(await self._changed(kind, rows), self._time.instant(rows[-1], "stamp"))

    async def write(self, change: SourceWrite) -> WriteReceipt:
        """See SourceWriter.write, and sources.netsuite.writes for the values."""
        return await self._revenue_methods.update(change)

    async def verify(self, change: SourceWrite) -> WriteReceipt | None:
        """See SourceWriter.verify."""
        return await self._revenue_methods.verify(change)

    async def process_state(self, handle: str) -> ProcessState:
        """See SourceWriter.process_state. Every write is finished when it is answered."""
        return ProcessState.DONE

    async def ping(self) -> None:
        """See SourceAdapter.ping."""
        await self._suiteql.first_page("SELECT COUNT(*) AS n FROM subsidiary", [], "ping")

    async def aclose(self) -> None:
        """See SourceAdapter.aclose."""
        await self._transport.aclose()

    async def _rows_by_id(self, table: Table, ids: Sequence[str], wanted: frozenset[str]) -> list[Row]:
        key = "tl.transaction" if table.key == "tl.uniquekey" else table.key
        sql = table.sql(table.names(wanted), f"{key} IN ({marks(ids)})", table.key)
        return await self._suiteql.all_rows(sql, ids, f"read {table.vendor_kind}")

    async def _by_stamp(self, kind: Kind, table: Table, since: datetime | None) -> AsyncIterator[_Rows]:
        """Pages in the order of (stamp, id), each query starting behind the last row of the one before."""
        names = table.names(kept_by(self.domain, kind), identity=True)
        behind = f"({at(f'{table.modified} >')} OR ({at(f'{table.modified} =')} AND {table.key} > ?))"
        order = f"{table.modified}, {table.key}"
        after = None if since is None else (self._time.text(since), "0")
        while True:
            sql = table.sql(names, behind if after else "", order)
            params = [after[0], after[0], after[1]] if after else []
            rows = await self._suiteql.first_page(sql, params, f"changes of {kind}")
            if rows:
                yield rows
            if len(rows) < PAGE_ROWS:
                return
            last = rows[-1]
            after = (last.required("stamp", last.text("stamp")).replace("T", " "), last.required("id", last.text("id")))

    async def _changed(self, kind: Kind, rows: _Rows) -> list[Record]:
        """Rows of a feed with their kept attributes, keys and labels."""
        table, kept = self._tables[kind], kept_by(self.domain, kind)
        details = await self._details.read(kind, [row.required("id", row.text("id")) for row in rows], kept)
        return [
            self._record(
                kind,
                row,
                self._values(kind, row, kept, details),
                kept,
                details,
                keys=table.keys(row),
                label=table.label(row),
            )
            for row in rows
        ]

    async def _with_younger_lines(self, since: datetime) -> AsyncIterator[list[Record]]:
        """Invoices of which a line has changed since, and not the header: the vendor may move either stamp alone."""
        table = self._tables[Kind.INVOICE]
        sql = (
            "SELECT DISTINCT t.id AS id FROM transactionline tl JOIN transaction t ON t.id = tl.transaction"
            f" WHERE {table.where} AND {at('tl.linelastmodifieddate >=')}"
            " AND tl.linelastmodifieddate > t.lastmodifieddate ORDER BY t.id"
        )
        found = await self._suiteql.all_rows(sql, [self._time.text(since)], "changed invoice lines")
        names = table.names(kept_by(self.domain, Kind.INVOICE), identity=True)
        for part in batches([row.required("id", row.text("id")) for row in found], IDS):
            rows = await self._suiteql.first_page(
                table.sql(names, f"t.id IN ({marks(part)})", "t.id"), part, "read invoice"
            )
            yield await self._changed(Kind.INVOICE, rows)

    async def _deleted(self, kind: Kind, table: Table, since: datetime) -> AsyncIterator[list[Record]]:
        """Tombstones since an instant, in pages."""
        if not table.record_types:
            return
        sql = (
            f"SELECT dr.recordid AS id, {stamp('dr.deleteddate')} AS stamp FROM deletedrecord dr"
            f" WHERE {at('dr.deleteddate >=')} AND LOWER(dr.recordtypeid) IN ({marks(table.record_types)})"
            " ORDER BY dr.deleteddate, dr.recordid"
        )
        params = [self._time.text(since), *table.record_types]
        rows = await self._suiteql.all_rows(sql, params, f"deletions of {kind}")
        for start in range(0, len(rows), PAGE_ROWS):
            yield [
                self._record(kind, row, {}, frozenset(), {}, deleted=True) for row in rows[start : start + PAGE_ROWS]
            ]

    def _values(self, kind: Kind, row: Row, wanted: frozenset[str], details: _DetailsById) -> dict[str, Value]:
        """What was read for a row: its own columns and its details."""
        own = self._tables[kind].values(row, wanted)
        return {**own, **details.get(row.required("id", row.text("id")), {})}

    def _record(
        self,
        kind: Kind,
        row: Row,
        values: Mapping[str, Value],
        attributes: frozenset[str],
        details: _DetailsById,
        **about: Any,
    ) -> Record:
        """The record of a row; its stamp is the younger of its own and of its lines'."""
        instant = self._time.instant(row, "stamp")
        text = max(str(row.text("stamp")), str(values.get(STAMP) or ""))
        if text != row.text("stamp"):
            instant = self._time.instant(Row(row.system, row.operation, {"stamp": text}), "stamp")
        is_tombstone = about.get("deleted", False)
        external_id = row.required("id", row.text("id")) if is_tombstone else self._tables[kind].external_id(row)
        key = RecordKey(self.system, kind, external_id)
        return Record(
            key=key,
            attributes=self._versions.chosen(self.domain, key, values, attributes),
            stamp=text,
            source_timestamp=instant,
            fetched_at=self._clock(),
            **about,
        )

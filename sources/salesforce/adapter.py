"""The Salesforce adapter: batch reads by sObject Collections, feeds and children by SOQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hub.domain.directory import kept_by
from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import attributes_of
from hub.domain.records import Record, RecordKey, Value
from hub.errors import SourceShapeBroken
from hub.ports import ChangePage, Deletes, KindSpec, ProcessState, SourceWrite, WriteReceipt
from sources.batching import batches
from sources.paging import together
from sources.salesforce import wire
from sources.salesforce.translate import (
    DEFAULT_MAPPING,
    STAMP,
    Fields,
    ObjectShape,
    shapes,
    sold_package,
    sold_package_fields,
    sold_role,
    sold_role_fields,
)
from sources.salesforce.writes import ACTIONS, ChangeOrders
from sources.shapes import Row, rows
from sources.transport import Transport
from sources.versions import Versions, widened

API_VERSION = "v66.0"
COLLECTION_IDS = 2000
CHILD_PARENTS = 400
"""Parents of one query for children: about 11 KB of URL, where the vendor stops at 16 KB with the headers."""
FEED_ROWS = 1000
OVERLAP_S = 120.0
ROLES, PACKAGES = "sold_roles", "sold_packages"
AFTER = {
    Kind.OPPORTUNITY: (Kind.CUSTOMER,),
    Kind.CONTRACT: (Kind.CUSTOMER, Kind.OPPORTUNITY),
    Kind.CONTRACT_LINE: (Kind.CONTRACT,),
    Kind.CHANGE_ORDER: (Kind.CONTRACT_LINE,),
}


def _now() -> datetime:
    return datetime.now(UTC)


class SalesforceAdapter:
    """One Salesforce org as CRM.

    `transport` has the org's address and one of sources.auth (`follow_address=True`); its error table is
    set here. `mapping` overrides entries of DEFAULT_MAPPING. `org_currency` names the only currency of an
    org without multi-currency. `versions` are the installation's. `clock` gives now as aware UTC; contract
    statuses are as of its date.
    """

    domain = Domain.CRM
    vendor = "salesforce"
    actions = ACTIONS

    def __init__(
        self,
        system: str,
        transport: Transport,
        *,
        versions: Versions,
        mapping: Mapping[str, str] | None = None,
        clock: Callable[[], datetime] = _now,
        api_version: str = API_VERSION,
        org_currency: str | None = None,
    ) -> None:
        names = {**DEFAULT_MAPPING, **(mapping or {})}
        self.system = system
        self._transport = transport
        self._versions = versions
        self._clock = clock
        self._root = f"/services/data/{api_version}"
        self._fields = Fields(system, names, org_currency)
        self._shapes = shapes(self._fields, lambda: clock().date())
        self._change_orders = ChangeOrders(transport, self._fields, self._root, self._query)
        self.kinds: Mapping[Kind, KindSpec] = {
            kind: KindSpec(
                vendor_kind=shape.name,
                attributes=attributes_of(self.domain, kind),
                batch=COLLECTION_IDS,
                deletes=Deletes.TOMBSTONES,
                overlap_s=OVERLAP_S,
                after=AFTER.get(kind, ()),
            )
            for kind, shape in self._shapes.items()
        }
        transport.classify = wire.error_table({name.lower(): entry for entry, name in names.items()})

    async def fetch(self, kind: Kind, ids: Sequence[str], attributes: frozenset[str]) -> list[Record | None]:
        """See SourceAdapter.fetch. One call per 2,000 ids; two queries per 400 for an opportunity's children."""
        if not ids:
            return []
        shape, wanted = self._shapes[kind], widened(self.domain, kind, attributes)
        keys = [wire.long_id(i) for i in ids]
        reads: list[Coroutine[Any, Any, Any]] = [
            self._collections(shape, keys, shape.fields(wanted)),
            self._sold_roles(keys if ROLES in wanted else []),
            self._sold_packages(keys if PACKAGES in wanted else []),
        ]
        found, roles, packages = await together(reads)
        records: list[Record | None] = []
        for key in keys:
            row = found.get(key)
            if row is None:
                records.append(None)
                continue
            values = shape.values(row, wanted)
            if ROLES in wanted:
                values[ROLES] = tuple(roles.get(key, ()))
            if PACKAGES in wanted:
                values[PACKAGES] = tuple(packages.get(key, ()))
            chosen = self._versions.chosen(self.domain, RecordKey(self.system, kind, key), values, attributes)
            records.append(self._record(kind, row, chosen))
        return records

    async def changes(self, kind: Kind, since: datetime | None) -> AsyncIterator[ChangePage]:
        """See SourceAdapter.changes. By SystemModstamp and id; deleted rows come in the same order as tombstones."""
        shape, kept = self._shapes[kind], kept_by(self.domain, kind)
        fields = shape.fields(kept) | set(shape.identity) | {"IsDeleted"}
        resource, where = "query", ""
        if since is not None:
            resource, where = "queryAll", f"{STAMP} >= {wire.instant_literal(since)}"
        soql = wire.select(fields, shape.name, where, f"{STAMP} ASC, Id ASC")
        async for page in self._query(soql, resource, f"changes of {kind}", FEED_ROWS):
            records = [self._changed(kind, shape, row, kept) for row in page]
            stamps = [record.source_timestamp for record in records if record.source_timestamp]
            yield ChangePage(records, max(stamps, default=None))

    async def write(self, change: SourceWrite) -> WriteReceipt:
        """See SourceWriter.write, and sources.salesforce.writes for the values."""
        return await self._change_orders.create(change)

    async def verify(self, change: SourceWrite) -> WriteReceipt | None:
        """See SourceWriter.verify."""
        return await self._change_orders.verify(change)

    async def process_state(self, handle: str) -> ProcessState:
        """See SourceWriter.process_state. Every write is finished when it is answered."""
        return ProcessState.DONE

    async def ping(self) -> None:
        """See SourceAdapter.ping."""
        await self._transport.call("GET", f"{self._root}/limits", operation="ping")

    async def aclose(self) -> None:
        """See SourceAdapter.aclose."""
        await self._transport.aclose()

    def _changed(self, kind: Kind, shape: ObjectShape, row: Row, kept: frozenset[str]) -> Record:
        """A row of a feed: a tombstone when it is deleted, else its kept attributes with keys and label."""
        if row.required("IsDeleted", row.flag("IsDeleted")):
            return self._record(kind, row, {}, deleted=True)
        values = shape.values(row, kept)
        return self._record(kind, row, values, keys=shape.keys(row), label=shape.label(row))

    def _record(self, kind: Kind, row: Row, values: Mapping[str, Value], **about: Any) -> Record:
        return Record(
            key=RecordKey(self.system, kind, wire.long_id(row.required("Id", row.text("Id")))),
            attributes=values,
            stamp=row.required(STAMP, row.text(STAMP)),
            source_timestamp=row.instant(STAMP),
            fetched_at=self._clock(),
            **about,
        )

    async def _collections(self, shape: ObjectShape, ids: Sequence[str], fields: set[str]) -> dict[str, Row]:
        """Rows by id; an id that is missing, deleted or not readable has none."""
        operation = f"read {shape.name}"

        async def read(part: list[str]) -> list[Row | None]:
            answer = await self._transport.call(
                "POST",
                f"{self._root}/composite/sobjects/{shape.name}",
                json={"ids": part, "fields": sorted(fields)},
                operation=operation,
            )
            return self._aligned(answer.data, part, fields, operation)

        parts = await together([read(part) for part in batches(ids, COLLECTION_IDS)])
        return {wire.long_id(row.data["Id"]): row for part in parts for row in part if row is not None}

    def _aligned(self, data: Any, ids: list[str], fields: set[str], operation: str) -> list[Row | None]:
        """One slot per id as the vendor gave them; an answer that is not aligned cannot be trusted."""
        if not isinstance(data, list) or len(data) != len(ids):
            raise SourceShapeBroken(self.system, "the answer has not one slot per id", operation=operation)
        present = iter(rows([item for item in data if item is not None], self.system, operation))
        slots = [None if item is None else next(present) for item in data]
        for wanted, row in zip(ids, slots, strict=True):
            if row is None:
                continue
            _complete(row, fields)
            if wire.long_id(row.required("Id", row.text("Id"))) != wanted:
                raise row.broken("Id", "the one asked for")
        return slots

    async def _sold_roles(self, ids: Sequence[str]) -> dict[str, list[Any]]:
        """Sold roles by opportunity, in the vendor's order."""
        link = self._fields["sold_role.opportunity"]
        source = self._fields.object("sold_role.opportunity")
        by_parent = await self._children(source, link, sold_role_fields(self._fields), ids)
        return {parent: [sold_role(self._fields, row) for row in group] for parent, group in by_parent.items()}

    async def _sold_packages(self, ids: Sequence[str]) -> dict[str, list[Any]]:
        """Sold packages by opportunity, in the vendor's order."""
        by_parent = await self._children("OpportunityLineItem", "OpportunityId", sold_package_fields(self._fields), ids)
        return {parent: [sold_package(self._fields, row) for row in group] for parent, group in by_parent.items()}

    async def _children(self, source: str, link: str, fields: set[str], ids: Sequence[str]) -> dict[str, list[Row]]:
        """Rows of a child object by parent id."""

        async def read(part: list[str]) -> list[Row]:
            soql = wire.select(fields, source, wire.any_of(link, part), f"{link}, Id")
            return [row async for page in self._query(soql, "query", f"read {source}") for row in page]

        by_parent: dict[str, list[Row]] = defaultdict(list)
        for part in await together([read(part) for part in batches(ids, CHILD_PARENTS)]):
            for row in part:
                _complete(row, {name for name in fields if "." not in name})
                by_parent[wire.long_id(row.required(link, row.text(link)))].append(row)
        return by_parent

    async def _query(
        self, soql: str, resource: str, operation: str, page_rows: int | None = None
    ) -> AsyncIterator[list[Row]]:
        """Pages of a SOQL query, following the server's cursor until it says that it is done."""
        headers = {"Sforce-Query-Options": f"batchSize={page_rows}"} if page_rows else {}
        answer = await self._transport.call(
            "GET", f"{self._root}/{resource}", params={"q": soql}, headers=headers, operation=operation
        )
        while True:
            data = answer.data
            if not isinstance(data, dict) or not isinstance(data.get("done"), bool):
                raise SourceShapeBroken(self.system, "the answer is not a query result", operation=operation)
            page = rows(data.get("records"), self.system, operation)
            if page:
                yield page
            if data["done"]:
                return
            following = data.get("nextRecordsUrl")
            if not isinstance(following, str):
                raise SourceShapeBroken(self.system, "an unfinished answer has no next page", operation=operation)
            answer = await self._transport.call("GET", following, headers=headers, operation=operation)


def _complete(row: Row, fields: set[str]) -> None:
    """Every selected field is in the answer, a null one too; one that is not has been taken from the tenant."""
    for field in fields:
        if field not in row.data:
            raise row.broken(field, "in the answer")

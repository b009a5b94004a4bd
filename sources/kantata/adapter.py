"""The Kantata adapter: where each kind lives, reads by id, change feeds, and the error table."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from hub.domain.directory import kept_by
from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import attributes_of
from hub.domain.records import Record, RecordKey
from hub.errors import HubError, SourceRejected, SourceShapeBroken, SourceUnavailable
from hub.ports import ChangePage, Deletes, KindSpec, ProcessState, SourceWrite, WriteReceipt
from sources.faults import Response
from sources.kantata.translate import (
    DEFAULT_MAPPING,
    Billing,
    Look,
    Reading,
    billing_by_story,
    booked,
    keys_of,
    label_of,
    reading,
)
from sources.kantata.wire import (
    LINE_BYTES,
    PAGE_ROWS,
    Envelope,
    Query,
    envelope,
    identifier,
    identifiers,
    line,
    packs,
    stamp_text,
    unmapped,
)
from sources.kantata.writes import ACTIONS, KantataWrites, Reads
from sources.paging import List, ListMoves, Part, ahead, read_changes, read_list, together
from sources.shapes import Row
from sources.transport import Transport
from sources.versions import Versions, widened

T = TypeVar("T")
Found = tuple[Row, Envelope]

DEFINITIONS_AGE_S = 3600.0
"""How long custom field definitions and role names are believed."""
MISSING_AGE_S = 60.0
"""How long a definition is believed to be missing."""
BEFORE = timedelta(seconds=1)
"""Stamps have whole seconds and the bound of `updated_after` may be exclusive: ask from this much earlier."""
PAGE_RECORDS = 1000
BATCH = LINE_BYTES // 10

_COLUMN = re.compile(r"[a-z_]{1,60}")


@dataclass(frozen=True, slots=True)
class Approval:
    """The submissions through which rows are approved, and the association and ids that lead back to the rows."""

    path: str
    include: str
    ids: str


@dataclass(frozen=True, slots=True)
class Home:
    """Where a kind lives: its path, the filters that show everything, and what tells its changes.

    A kind that is not `stamped` is read completely each time. `only_type` is the kind's story type.
    `views` are filters of which no single one shows every row.
    """

    path: str
    deletes: Deletes = Deletes.PROBE
    filters: Query = field(default_factory=dict)
    order: str = "updated_at:asc"
    stamped: bool = True
    only_type: str | None = None
    approval: Approval | None = None
    after: tuple[Kind, ...] = ()
    views: tuple[Query, ...] = ({},)


_STORIES = {
    "all_on_account": "true",
    "show_archived": "true",
    "show_from_archived_workspaces": "true",
}
_PEOPLE_AND_PROJECTS = (Kind.RESOURCE, Kind.PROJECT)

HOMES: Mapping[Kind, Home] = {
    Kind.CUSTOMER: Home("workspace_groups", order="name:asc", stamped=False),
    Kind.RESOURCE: Home(
        "users",
        order="alphabetical:asc",
        stamped=False,
        # Members who take part in no project yet, and guests of the delivery teams from other accounts.
        views=({"on_my_account": "true"}, {"consultants_only": "true"}),
    ),
    Kind.PROJECT: Home("workspaces", filters={"include_archived": "true"}, after=(Kind.CUSTOMER, Kind.RESOURCE)),
    Kind.TASK: Home("stories", Deletes.TOMBSTONES, _STORIES, only_type="task", after=(Kind.PROJECT,)),
    Kind.MILESTONE: Home("stories", Deletes.TOMBSTONES, _STORIES, only_type="milestone", after=(Kind.PROJECT,)),
    Kind.ASSIGNMENT: Home("workspace_allocations", after=_PEOPLE_AND_PROJECTS),
    Kind.TIME_ENTRY: Home(
        "time_entries",
        filters={"from_archived_workspaces": "true", "on_my_account": "false"},
        approval=Approval("timesheet_submissions", "time_entries", "time_entry_ids"),
        after=(*_PEOPLE_AND_PROJECTS, Kind.TASK),
    ),
    Kind.EXPENSE: Home(
        "expenses",
        filters={"from_archived_workspaces": "true"},
        approval=Approval("expense_report_submissions", "expenses", "expense_ids"),
        after=_PEOPLE_AND_PROJECTS,
    ),
}
"""Deleted stories leave a tombstone in the feed; a read by id does not show them, so it proves them gone."""


def classify(response: Response) -> HubError | None:
    """Kantata's error table: the reason of a refusal is the vendor's error types and fields; no message leaves."""
    if response.status not in (400, 404, 422):
        return None
    errors = response.data.get("errors") if isinstance(response.data, dict) else None
    named = [error for error in (errors if isinstance(errors, list) else []) if isinstance(error, dict)]
    reasons = [
        f"{error.get('type')}:{error['field']}" if error.get("field") else str(error.get("type")) for error in named
    ]
    fields = sorted({name for error in named if _COLUMN.fullmatch(name := str(error.get("field")))} - {"None"})
    return SourceRejected(
        response.system,
        f"refused the request with {response.status}" + (f" because of {', '.join(fields)}" if fields else ""),
        operation=response.operation,
        reason=",".join(reasons) or str(response.status),
    )


def _now() -> datetime:
    return datetime.now(UTC)


class KantataAdapter:
    """One Kantata account.

    `transport`: base_url ends in `/api/v1/`, auth is a static bearer token, `classify` is this module's.
    `mapping` overrides single entries of DEFAULT_MAPPING (attribute → name of the custom field). `versions`
    are the installation's. `clock` gives the instant of fetching.
    """

    domain = Domain.PSA
    vendor = "kantata"
    actions = ACTIONS

    def __init__(
        self,
        system: str,
        transport: Transport,
        *,
        versions: Versions,
        mapping: Mapping[str, str] | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.system = system
        self._transport = transport
        self._versions = versions
        self._mapping = {**DEFAULT_MAPPING, **(mapping or {})}
        self._clock = clock
        self._definitions = _Remembered(self._read_definitions)
        self._roles = _Remembered(self._read_roles)
        self._writes = KantataWrites(
            system,
            transport,
            Reads(
                fetch=self.fetch,
                by_id=self._by_id,
                listed=self._listed,
                submission=self._submission,
                role_id=self._role_id,
                role_name=self._role_name,
                field_id=self._field_id,
            ),
        )
        self.kinds: Mapping[Kind, KindSpec] = {
            kind: KindSpec(
                vendor_kind=home.path,
                attributes=attributes_of(Domain.PSA, kind),
                batch=BATCH,
                deletes=home.deletes,
                after=home.after,
            )
            for kind, home in HOMES.items()
        }

    async def fetch(self, kind: Kind, ids: Sequence[str], attributes: frozenset[str]) -> list[Record | None]:
        """See SourceAdapter.fetch. A milestone's stamp is its story's: its billing row has one of its own."""
        plan = reading(kind, widened(self.domain, kind, attributes))
        # The vendor drops what is not a number from `only`, and an empty `only` selects everything.
        known = [vendor_id for vendor_id in dict.fromkeys(ids) if vendor_id.isascii() and vendor_id.isdecimal()]
        if not known:
            return [None] * len(ids)
        found, look = await self._read(kind, known, plan, plan.include)
        records = {}
        for row, page in found:
            record = self._record(kind, row, page, plan, look, attributes)
            records[record.key.external_id] = record
        return [records.get(vendor_id) for vendor_id in ids]

    def changes(self, kind: Kind, since: datetime | None) -> AsyncIterator[ChangePage]:
        """See SourceAdapter.changes. Users and groups come completely each time, and without a watermark."""
        return ahead(self._pages(kind, since) if HOMES[kind].stamped else self._everything(kind))

    async def write(self, change: SourceWrite) -> WriteReceipt:
        """See SourceWriter.write, and KantataWrites for the values that each action takes."""
        return await self._writes.write(change)

    async def verify(self, change: SourceWrite) -> WriteReceipt | None:
        """See SourceWriter.verify. None also stands for a change of which a step is missing: write it again."""
        return await self._writes.verify(change)

    async def process_state(self, handle: str) -> ProcessState:
        """See SourceWriter.process_state. What Kantata confirms is done: it has no processes."""
        return ProcessState.DONE

    async def ping(self) -> None:
        """See SourceAdapter.ping."""
        await self._get("users/me", {})

    async def aclose(self) -> None:
        """See SourceAdapter.aclose."""
        await self._transport.aclose()

    # Reading.

    async def _get(self, path: str, query: Query) -> Envelope:
        operation = f"GET {path}"
        response = await self._transport.call("GET", line(path, query) if query else path, operation=operation)
        return envelope(response.data, self.system, operation)

    async def _read(
        self, kind: Kind, ids: Sequence[str], plan: Reading, include: Collection[str]
    ) -> tuple[list[Found], _Extra]:
        """The rows with these ids, and what other calls must add to them; all calls at once."""
        rows, extra = await asyncio.gather(self._by_id(kind, ids, include), self._extra(plan, ids))
        return rows, await self._with_roles(extra, plan, rows)

    async def _by_id(self, kind: Kind, ids: Sequence[str], include: Collection[str]) -> list[Found]:
        home = HOMES[kind]
        found: dict[object, Found] = {}
        for view in home.views:
            missing = [vendor_id for vendor_id in ids if vendor_id not in found]
            query = {**home.filters, **view, **_including(include)}
            calls = [self._get(home.path, {**query, "only": ",".join(pack)}) for pack in packs(missing)]
            for page in await together(calls):
                if page.count > len(page.rows):
                    raise SourceShapeBroken(self.system, "not all rows came with only=", operation=page.operation)
                found |= {_identity((row, page)): (row, page) for row in page.rows}
        return [(row, page) for row, page in found.values() if _is_of(home, row)]

    async def _listed(self, kind: Kind, query: Query) -> Envelope:
        """The first rows of a kind that a query finds."""
        return await self._get(HOMES[kind].path, {**HOMES[kind].filters, **query})

    async def _submission(self, vendor_id: str) -> Found:
        """A timesheet submission with the entries it holds."""
        page = await self._get("timesheet_submissions", {"only": vendor_id, "include": "time_entries"})
        if len(page.rows) != 1:
            raise SourceShapeBroken(self.system, "an entry's submission is not there", operation=page.operation)
        return page.rows[0], page

    async def _extra(self, plan: Reading, ids: Sequence[str]) -> _Extra:
        custom, billing = await asyncio.gather(
            self._custom(plan.custom), self._billing(ids) if plan.billing else _nothing()
        )
        return _Extra(custom, billing)

    async def _custom(self, entries: Collection[str]) -> dict[str, frozenset[str]]:
        """Custom field ids by mapping entry; raises SourceMisconfigured for a name that the tenant lacks."""
        if not entries:
            return {}
        fields_by_name = await self._definitions.get(DEFINITIONS_AGE_S)
        if any(self._mapping[entry] not in fields_by_name for entry in entries):
            fields_by_name = await self._definitions.get(MISSING_AGE_S)
        for entry in entries:
            if self._mapping[entry] not in fields_by_name:
                raise unmapped(self.system, entry, self._mapping[entry])
        return {entry: frozenset(fields_by_name[self._mapping[entry]]) for entry in entries}

    async def _field_id(self, entry: str, subject_type: str) -> str:
        """The id of a mapped custom field of one type of subject: fields of several may bear the same name."""
        await self._custom([entry])
        fields = (await self._definitions.get(DEFINITIONS_AGE_S))[self._mapping[entry]]
        found = [vendor_id for vendor_id, subject in fields.items() if subject in (subject_type, None)]
        if not found:
            raise unmapped(self.system, entry, self._mapping[entry])
        return min(found, key=int)

    async def _billing(self, story_ids: Sequence[str]) -> dict[str, Billing]:
        # A pack of one page's size mostly needs one call: stories seldom have several billing milestones.
        lists = [
            self._list("billing_milestones", {"story_ids": ",".join(pack), "include": "invoices"})
            for pack in packs(story_ids, most=PAGE_ROWS)
        ]
        parts = await together([self._whole(part) for part in lists])
        return billing_by_story(item for part in parts for item in part)

    async def _with_roles(self, extra: _Extra, plan: Reading, found: Sequence[Found]) -> _Extra:
        """Names of the roles booked; a role that is not known yet is looked up again."""
        if not plan.roles:
            return extra
        wanted = {role for row, page in found if (role := identifier(booked(row, page), "role_id")) is not None}
        names = await self._roles.get(DEFINITIONS_AGE_S) if wanted else {}
        if wanted - names.keys():
            names = await self._roles.get(MISSING_AGE_S)
        return _Extra(extra.custom, extra.billing, names)

    async def _role_id(self, name: str) -> str | None:
        """The id of the role of that name, whatever its letter case; one that is not known yet is looked up again."""
        wanted = name.strip().casefold()
        for age_s in (DEFINITIONS_AGE_S, MISSING_AGE_S):
            for vendor_id, role in (await self._roles.get(age_s)).items():
                if role.casefold() == wanted:
                    return vendor_id
        return None

    async def _role_name(self, role_id: str) -> str | None:
        """The name of the role with that id; one that is not known yet is looked up again."""
        for age_s in (DEFINITIONS_AGE_S, MISSING_AGE_S):
            roles = await self._roles.get(age_s)
            if role_id in roles:
                return roles[role_id]
        return None

    async def _read_definitions(self) -> dict[str, dict[str, str | None]]:
        """Custom fields by name: of each the id, and the type of subject that has it where the vendor says so."""
        fields: dict[str, dict[str, str | None]] = {}
        for row, _ in await self._whole(self._list("custom_fields", {"order": "name:asc"})):
            name, vendor_id = row.required("name", row.text("name")), row.required("id", identifier(row, "id"))
            fields.setdefault(name, {})[vendor_id] = row.text("subject_type")
        return fields

    async def _read_roles(self) -> dict[str, str]:
        found = await self._whole(self._list("roles", {}))
        return {row.required("id", identifier(row, "id")): row.required("name", row.text("name")) for row, _ in found}

    # Lists.

    def _list(self, path: str, query: Query, identity: Callable[[Found], object] | None = None) -> List[Found]:
        async def read(offset: int, limit: int) -> Part[Found]:
            page = await self._get(path, {**query, "limit": str(limit), "offset": str(offset)})
            return Part([(row, page) for row in page.rows], page.count)

        return List(read, identity or _identity, PAGE_ROWS)

    async def _whole(self, source: List[Found]) -> list[Found]:
        try:
            return await read_list(source)
        except ListMoves as exc:
            raise SourceUnavailable(self.system, "a list kept changing while it was read") from exc

    def _changed(self, path: str, query: Query) -> Callable[[datetime | None], List[Found]]:
        def after(instant: datetime | None) -> List[Found]:
            bound = {} if instant is None else {"updated_after": stamp_text(instant - BEFORE)}
            return self._list(path, {**query, "order": "updated_at:asc", **bound}, _version)

        return after

    # Feeds.

    async def _pages(self, kind: Kind, since: datetime | None) -> AsyncGenerator[ChangePage, None]:
        home, wanted = HOMES[kind], kept_by(self.domain, kind)
        plan = reading(kind, wanted)
        include = {*plan.include, "external_references"}
        query = {**home.filters, **_including(include)}
        if home.only_type:
            query |= {"story_type": home.only_type, "show_deleted": "true"}
        if home.approval and since is not None:
            async for page in self._approvals(kind, home.approval, since):
                yield page
        async for found in read_changes(self._changed(home.path, query), _stamp, since):
            extra = await self._extra(plan, [row.required("id", identifier(row, "id")) for row, _ in found])
            extra = await self._with_roles(extra, plan, found)
            rows = [(row, page) for row, page in found if _is_of(home, row)]
            yield ChangePage(self._records(kind, rows, plan, extra), _stamp(found[-1]))

    async def _approvals(self, kind: Kind, approval: Approval, since: datetime) -> AsyncGenerator[ChangePage, None]:
        """Rows whose submission changed: nobody promises that an approval moves the stamps of its rows.

        Those whose stamps did move come with the feed itself.
        """
        plan = reading(kind, kept_by(self.domain, kind))
        query = self._changed(approval.path, {"include": approval.include})
        async for found in read_changes(query, _stamp, since):
            ids = list(dict.fromkeys(row_id for row, _ in found for row_id in identifiers(row, approval.ids)))
            for start in range(0, len(ids), PAGE_RECORDS):
                some = ids[start : start + PAGE_RECORDS]
                rows, extra = await self._read(kind, some, plan, {*plan.include, "external_references"})
                unmoved = [row for row in rows if _stamp(row) < since - BEFORE]
                if unmoved:
                    yield ChangePage(self._records(kind, unmoved, plan, extra), None)

    async def _everything(self, kind: Kind) -> AsyncGenerator[ChangePage, None]:
        """The whole list; without stamps there is no watermark to start from."""
        home = HOMES[kind]
        plan = reading(kind, kept_by(self.domain, kind))
        query = {**home.filters, "order": home.order, "include": "external_references"}
        lists = await together([self._whole(self._list(home.path, {**query, **view})) for view in home.views])
        seen = {_identity(item): item for items in lists for item in items}
        found = [item for item in seen.values() if kind is not Kind.CUSTOMER or _is_company(item[0])]
        for start in range(0, len(found), PAGE_RECORDS):
            rows = found[start : start + PAGE_RECORDS]
            yield ChangePage(self._records(kind, rows, plan, _Extra()), None)

    def _records(self, kind: Kind, found: Sequence[Found], plan: Reading, extra: _Extra) -> list[Record]:
        wanted = kept_by(self.domain, kind)
        return [self._record(kind, row, page, plan, extra, wanted, feed=True) for row, page in found]

    def _record(
        self,
        kind: Kind,
        row: Row,
        page: Envelope,
        plan: Reading,
        extra: _Extra,
        attributes: frozenset[str],
        *,
        feed: bool = False,
    ) -> Record:
        look = Look(page, extra.custom, extra.billing, extra.roles)
        key = RecordKey(self.system, kind, row.required("id", identifier(row, "id")))
        stamp, changed_at = self._stamps(key, row)
        return Record(
            key=key,
            attributes=self._versions.chosen(self.domain, key, plan.values(row, look), attributes),
            stamp=stamp,
            source_timestamp=changed_at,
            fetched_at=self._clock(),
            keys=keys_of(kind, row, page, self.system) if feed else (),
            label=label_of(kind, row) if feed else "",
            deleted=HOMES[kind].deletes is Deletes.TOMBSTONES and row.text("deleted_at") is not None,
        )

    def _stamps(self, key: RecordKey, row: Row) -> tuple[str, datetime | None]:
        """Stamp and instant of the last change; made of what identifies the row where the vendor gives no stamp."""
        if HOMES[key.kind].stamped:
            return row.required("updated_at", row.text("updated_at")), row.instant("updated_at")
        identity = {name: row.text(name) for name in ("name", "full_name", "email_address")}
        return self._versions.stamp(key, identity), None


@dataclass(frozen=True, slots=True)
class _Extra:
    """What rows need from other calls: custom field ids, billing by story, role names."""

    custom: Mapping[str, frozenset[str]] = field(default_factory=dict)
    billing: Mapping[str, Billing] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)


class _Remembered(Generic[T]):
    """A small list of the tenant's that hardly changes, read when somebody needs it younger than it is."""

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._value: tuple[T, float] | None = None

    async def get(self, max_age_s: float) -> T:
        """The list, at most that old; whoever asks meanwhile waits for the same answer."""
        async with self._lock:
            if self._value is None or time.monotonic() - self._value[1] > max_age_s:
                self._value = (await self._read(), time.monotonic())
            return self._value[0]


async def _nothing() -> dict[str, Billing]:
    return {}


def _including(include: Collection[str]) -> Query:
    return {"include": ",".join(sorted(include))} if include else {}


def _is_of(home: Home, row: Row) -> bool:
    """Whether a row is of the kind: stories of all types share one path."""
    return home.only_type is None or row.required("story_type", row.text("story_type")) == home.only_type


def _is_company(row: Row) -> bool:
    """Whether a group stands for a customer: groups are also used as labels."""
    return bool(row.required("company", row.flag("company")))


def _identity(found: Found) -> object:
    return found[0].data.get("id")


def _version(found: Found) -> object:
    data = found[0].data
    return data.get("id"), data.get("updated_at")


def _stamp(found: Found) -> datetime:
    row = found[0]
    return row.required("updated_at", row.instant("updated_at"))

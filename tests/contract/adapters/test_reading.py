"""What every adapter gives: whole feeds, aligned batches, owned attributes, narrow requests, a named cause."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.context import caused_by
from hub.domain.directory import kept_by
from hub.domain.kinds import Kind
from hub.domain.ownership import attributes_of
from hub.domain.records import Record, Value
from hub.ports import ChangePage
from sources.versions import Versions
from tests.contract.adapters.systems import (
    SYSTEMS,
    Connection,
    System,
    connect,
    netsuite_by_signature,
    salesforce_by_assertion,
)
from tests.support.sandboxes import RunningSandbox, start_sandbox
from tests.support.versions import ELSEWHERE, VERSIONS


async def all_pages(connection: Connection, kind: Kind, since: datetime | None = None) -> list[ChangePage]:
    """The pages of a feed."""
    return [page async for page in connection.adapter.changes(kind, since)]


async def feed(connection: Connection, kind: Kind, since: datetime | None = None) -> list[Record]:
    """The records of a feed."""
    return [record for page in await all_pages(connection, kind, since) for record in page.records]


async def test_a_feed_and_a_batch_read_tell_the_same(connection: Connection) -> None:
    """What the first load says of a record is what reading it by id says, for every kind and every record."""
    for kind in connection.adapter.kinds:
        kept = kept_by(connection.adapter.domain, kind)
        by_id = {record.key.external_id: record for record in await feed(connection, kind)}
        assert by_id, f"the sandbox has no {kind}"
        fetched = await connection.adapter.fetch(kind, list(by_id), kept)
        for told, read in zip(by_id.values(), fetched, strict=True):
            assert read is not None
            assert read.key == told.key
            assert dict(read.attributes) == dict(told.attributes)
            assert read.source_timestamp == told.source_timestamp


async def test_every_attribute_that_is_supplied_is_owned_and_present(connection: Connection) -> None:
    """Each kind supplies exactly its domain's attributes; one without a value is there as None."""
    domain = connection.adapter.domain
    for kind, spec in connection.adapter.kinds.items():
        assert spec.attributes == attributes_of(domain, kind)
        some = [record.key.external_id for record in (await feed(connection, kind))[:5]]
        for record in await connection.adapter.fetch(kind, some, spec.attributes | {"version"}):
            assert record is not None
            assert set(record.attributes) == spec.attributes | {"version"}


async def test_a_version_is_the_same_for_the_same_values(connection: Connection, system: System) -> None:
    """Two reads of an unchanged record give one version; two records give two."""
    ids = [record.key.external_id for record in (await feed(connection, system.a_kind))[:2]]
    first = await connection.adapter.fetch(system.a_kind, ids, frozenset({"version"}))
    second = await connection.adapter.fetch(system.a_kind, ids, frozenset({"version", system.narrow}))
    versions = [record.attributes["version"] for record in first if record]
    assert versions == [record.attributes["version"] for record in second if record]
    assert len(set(versions)) == 2


async def test_a_version_is_the_installations_own(
    connection: Connection, system: System, sandbox: RunningSandbox
) -> None:
    """Another process with the same secret gives the same versions; another installation gives none of them."""
    ids = [record.key.external_id for record in (await feed(connection, system.a_kind))[:3]]
    given: dict[Versions, list[Value]] = {}
    for versions in (VERSIONS, ELSEWHERE):
        other = connect(system, sandbox, versions=versions)
        records = await other.adapter.fetch(system.a_kind, ids, frozenset({"version"}))
        given[versions] = [record.attributes["version"] for record in records if record]
        await other.adapter.aclose()
    here = await connection.adapter.fetch(system.a_kind, ids, frozenset({"version"}))
    assert given[VERSIONS] == [record.attributes["version"] for record in here if record]
    assert not set(given[VERSIONS]) & set(given[ELSEWHERE])


async def test_only_what_was_asked_for_is_read(connection: Connection, system: System) -> None:
    """A request for one attribute names no column of the others, and gives that attribute alone."""
    ids = [record.key.external_id for record in (await feed(connection, system.a_kind))[:3]]
    connection.recorder.sent.clear()
    records = await connection.adapter.fetch(system.a_kind, ids, frozenset({system.narrow}))
    assert [set(record.attributes) for record in records if record] == [{system.narrow}] * 3
    sent = "\n".join(connection.recorder.sent)
    assert sent
    assert [word for word in system.unread if word in sent] == []


async def test_missing_ids_leave_their_slots_empty(connection: Connection, system: System) -> None:
    """Ids that do not exist, or could not, are None in their places; the others are unharmed."""
    known = [record.key.external_id for record in (await feed(connection, system.a_kind))[:2]]
    absent = system.ids(1)[0]
    asked = [absent, known[1], "x') OR ('1'='1", known[0], known[1]]
    records = await connection.adapter.fetch(system.a_kind, asked, frozenset({system.narrow}))
    assert [record and record.key.external_id for record in records] == [None, known[1], None, known[0], known[1]]
    assert await connection.adapter.fetch(system.a_kind, [], frozenset({system.narrow})) == []


async def test_more_ids_than_one_call_takes_are_split(
    connection: Connection, system: System, sandbox: RunningSandbox
) -> None:
    """A batch over the vendor's limit takes few calls, and every id keeps its slot."""
    known = [record.key.external_id for record in await feed(connection, system.a_kind)]
    size = max(connection.adapter.kinds[system.a_kind].batch, system.more_than_a_call_takes)
    asked = [*system.ids(size), *known]
    sandbox.forget_requests()
    records = await connection.adapter.fetch(system.a_kind, asked, frozenset({system.narrow}))
    assert [record.key.external_id for record in records if record] == known
    assert records[:size] == [None] * size
    assert 2 <= len(sandbox.requests()) <= 12


async def test_a_feed_goes_past_its_first_page_in_order(connection: Connection) -> None:
    """Long lists come in pages, oldest change first, no record twice, watermarks never falling."""
    for kind in connection.adapter.kinds:
        pages = await all_pages(connection, kind)
        records = [record for page in pages for record in page.records]
        assert len({record.key for record in records}) == len(records)
        marks = [page.watermark for page in pages if page.watermark]
        assert marks == sorted(marks)
        for page in pages:
            assert len(page.records) <= 1100
        if marks:
            stamps = [record.source_timestamp for record in records if record.source_timestamp]
            assert stamps == sorted(stamps)
            assert marks[-1] <= max(stamps)


async def test_a_feed_resumes_at_its_watermark_without_losing_equal_stamps(connection: Connection) -> None:
    """Starting again at any stamp gives every record with that stamp or a later one."""
    for kind in connection.adapter.kinds:
        pages = await all_pages(connection, kind)
        records = [record for page in pages for record in page.records]
        if pages[-1].watermark is None:
            continue
        stamps = sorted(record.source_timestamp for record in records if record.source_timestamp)
        since = stamps[len(stamps) * 2 // 3]
        again = {record.key for record in await feed(connection, kind, since)}
        expected = {r.key for r in records if r.source_timestamp is not None and r.source_timestamp >= since}
        assert expected <= again


async def test_the_cause_travels_with_every_call(
    connection: Connection, system: System, sandbox: RunningSandbox
) -> None:
    """The sandbox sees the cause under which the hub works."""
    with caused_by("feed:0b5e"):
        await feed(connection, system.a_kind)
    causes = {request["cause"] for request in sandbox.requests()}
    assert causes == {"feed:0b5e"}


async def test_keys_and_labels_come_with_a_feed(connection: Connection) -> None:
    """Every record of a feed has a label or is told by its keys; keys never hold an empty value."""
    for kind in connection.adapter.kinds:
        for record in await feed(connection, kind):
            assert record.label or record.keys
            assert all(key.name and key.value for key in record.keys)
            assert record.key.kind is kind
            assert record.fetched_at.tzinfo is UTC


async def test_a_ping_is_one_call(connection: Connection, sandbox: RunningSandbox) -> None:
    """A ping proves address and credentials with one call."""
    await connection.adapter.ping()
    assert len(sandbox.requests()) == 1


@pytest.mark.parametrize(
    ("name", "way"), [("salesforce", salesforce_by_assertion), ("netsuite", netsuite_by_signature)]
)
async def test_the_other_way_to_sign_in_serves_as_well(name: str, way: object) -> None:
    """Salesforce takes a signed assertion, NetSuite a signature on every call."""
    assert callable(way)
    with start_sandbox(name) as running:
        adapter = way(running, {})
        await adapter.ping()
        await adapter.aclose()


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, system in SYSTEMS.items() for kind in system.delete])
async def test_a_deleted_record_is_told_and_no_longer_read(name: str, kind: Kind) -> None:
    """A deletion shows as a tombstone in the feed, and the id reads as missing."""
    system = SYSTEMS[name]
    with start_sandbox(name) as running:
        connection = connect(system, running)
        records = await feed(connection, kind)
        since = datetime.now(UTC).replace(microsecond=0)
        gone = records[0].key
        answer = await connection.transport.call(
            "DELETE", system.delete[kind].format(gone.external_id).removeprefix("/api/v1"), expect=(200, 204)
        )
        assert answer.status in (200, 204)
        tombstones = [record.key for record in await feed(connection, kind, since) if record.deleted]
        assert tombstones == [gone]
        kept = kept_by(connection.adapter.domain, kind)
        assert await connection.adapter.fetch(kind, [gone.external_id], kept) == [None]
        await connection.adapter.aclose()

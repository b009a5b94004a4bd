"""Messages from systems of record on a real PostgreSQL: what is not taken over, its trace, and how it is settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from sqlalchemy.exc import DBAPIError

from hub.context import caused_by
from hub.domain.inbound import Way
from hub.domain.kinds import Domain, Kind
from hub.domain.records import Key, Record, RecordKey, by_id_in
from hub.errors import SourceUnavailable
from hub.store.inbound_notes import RECORDS
from hub.store.watermarks import Feed
from tests.integration.test_feeds import CUSTOMERS, EXPENSES, World, customer, expense, world
from tests.support.fake_sources import T0, FakeSource

__all__ = ["world"]

CONFLICT = ("CONFLICTING_CHANGE", "crm/customer/c1")
CLOCK = ("CLOCK_AHEAD", "crm/customer/c1")
FOREIGN = ("OWNERSHIP_VIOLATION", "crm/customer/credit_hold")
KEY = RecordKey("crm", Kind.CUSTOMER, "c1")
C1 = {"name": "Acme", "region": None, "parent": None}


def said(name: str | None, second: float, *, external_id: str = "c1", read: float = 0) -> Record:
    """A message of the CRM's about a customer; no name means that it is deleted. Seconds count from T0."""
    at = T0 + timedelta(seconds=second)
    key = RecordKey("crm", Kind.CUSTOMER, external_id)
    attributes = {} if name is None else {**C1, "name": name}
    return Record(key, attributes, at.isoformat(), at, T0 + timedelta(days=1, seconds=read), deleted=name is None)


async def trace(world: World) -> list[tuple[str, str, int]]:
    """The decisions that were noted: decision, external id, repetitions."""
    rows = await world.rows("SELECT decision, external_id, repeats FROM inbound_decision ORDER BY id")
    return [tuple(row) for row in rows]


async def names(world: World) -> set[str]:
    """The names of the live customers."""
    return await world.live(Kind.CUSTOMER)


async def test_of_two_changes_under_one_stamp_neither_wins_until_the_owner_is_asked(world: World) -> None:
    """The record is in quarantine, a person can see it, and the answer by id ends it."""
    await world.writer.receive([said("Acme", 5)], Way.FEED)
    with caused_by("feed:1b671a64-40d5-491e-99b0-da01ff1f3341"):
        received = await world.writer.receive([said("Apex", 5)], Way.FEED)
    assert (received.changed, received.believed) == (frozenset(), [])
    assert await names(world) == {"Acme"}
    assert await world.exceptions() == {CONFLICT: 1}
    (found,) = await world.rows("SELECT class, subject_id, systems, correlation_id FROM sync_exception")
    assert (found.systems, found.correlation_id) == (["crm"], "1b671a64-40d5-491e-99b0-da01ff1f3341")
    assert found[0] == "DATA_QUALITY"
    assert found.subject_id.startswith("cus_")
    await world.writer.apply([said("Apex", 5, read=1)])
    assert await names(world) == {"Apex"}
    assert await world.exceptions() == {}
    assert await world.exceptions("RESOLVED") == {CONFLICT: 1}
    assert await trace(world) == [("CONFLICT", "c1", 0)]


async def test_a_newer_change_ends_a_conflict_too(world: World) -> None:
    """Even one that says what is known."""
    await world.writer.receive([said("Acme", 5), said("Apex", 5)], Way.FEED)
    assert await world.exceptions() == {CONFLICT: 1}
    await world.writer.receive([said("Acme", 6)], Way.FEED)
    assert (await world.exceptions(), await names(world)) == ({}, {"Acme"})
    assert await world.rows("SELECT 1 FROM quarantine") == []


async def test_a_caller_reads_their_own_write_within_the_second(world: World) -> None:
    """What is read by id is never put aside for its stamp."""
    await world.writer.receive([said("Acme", 5)], Way.FEED)
    assert len(await world.writer.apply([said("Apex", 5, read=1)])) == 1
    assert (await names(world), await world.exceptions()) == ({"Apex"}, {})
    assert await world.writer.apply([said("Acme", 5, read=0)]) == frozenset()
    assert await names(world) == {"Apex"}


@pytest.mark.parametrize("together", [True, False])
async def test_every_order_of_arrival_ends_the_same(world: World, *, together: bool) -> None:
    """In one batch or one by one: A, B, A again, and the same with a deletion at the end."""
    for wanted, history in (("Acme", ("Acme", "Apex", "Acme")), (None, ("Acme", "Apex", None))):
        for number, order in enumerate(permutations(enumerate(history))):
            external_id = f"{wanted}-{number}"
            messages = [said(name, second, external_id=external_id) for second, name in order]
            batches: Sequence[Sequence[Record]] = [messages] if together else [[m] for m in messages]
            for batch in batches:
                await world.writer.receive(batch, Way.FEED)
            rows = await world.rows(
                "SELECT e.kept->>'name' AS name FROM record r JOIN entity e ON e.id = r.entity_id"
                " WHERE r.external_id = :id AND r.deleted_at IS NULL AND e.deleted_at IS NULL",
                id=external_id,
            )
            assert [row.name for row in rows] == ([] if wanted is None else [wanted]), order
    assert await world.exceptions() == {}


async def test_the_feed_asks_the_owner_about_a_conflict(world: World) -> None:
    """Two changes within one second: the second one is in directory and cache after the run that brought it."""
    customer(world.crm, 1, name="Acme", second=5)
    await world.pull(CUSTOMERS)
    customer(world.crm, 1, name="Apex", second=5)
    world.crm.calls.clear()
    world.notes.put_keys.clear()
    await world.pull(CUSTOMERS)
    assert world.crm.calls == ["changes customer", "fetch customer"]
    assert (await names(world), world.notes.put_keys) == ({"Apex"}, [KEY])
    assert KEY in world.notes.published
    assert await world.exceptions() == {}
    assert await world.exceptions("RESOLVED") == {CONFLICT: 1}
    world.crm.calls.clear()
    await world.pull(CUSTOMERS)
    assert world.crm.calls == ["changes customer"]
    assert await trace(world) == [("CONFLICT", "c1", 0)]


async def test_a_conflict_stays_open_while_the_owner_cannot_be_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The feed goes on, nothing of it reaches the cache, and a later run settles it."""
    customer(world.crm, 1, name="Acme", second=5)
    await world.pull(CUSTOMERS)
    customer(world.crm, 1, name="Apex", second=5)
    world.notes.put_keys.clear()

    async def refuse(*_: object) -> list[Record | None]:
        raise SourceUnavailable("crm", "reads by id fail")

    with monkeypatch.context() as patch:
        patch.setattr(FakeSource, "fetch", refuse)
        await world.pull(CUSTOMERS)
        await world.pull(CUSTOMERS)
    assert (await names(world), world.notes.put_keys) == ({"Acme"}, [])
    assert (await world.hub.watermarks.get(CUSTOMERS)).failure is None
    assert await world.exceptions() == {CONFLICT: 2}
    assert await trace(world) == [("CONFLICT", "c1", 1)]
    await world.pull(CUSTOMERS)
    assert (await names(world), await world.exceptions()) == ({"Apex"}, {})


async def test_a_deletion_within_the_second_of_a_change_is_settled_by_asking(world: World) -> None:
    """The tombstone and the owner's "not there" together are the proof."""
    key = customer(world.crm, 1, second=5)
    await world.pull(CUSTOMERS)
    world.crm.remove(key, tombstone_second=5)
    await world.pull(CUSTOMERS)
    assert (await names(world), await world.exceptions()) == (set(), {})


async def test_a_record_in_conflict_that_is_not_there_is_only_suspected(world: World) -> None:
    """Its system tells of no deletions; the second answer, a minute later, is the proof."""
    key = expense(world.psa, 1, second=5)
    await world.pull(EXPENSES)
    expense(world.psa, 1, second=5, status="APPROVED")
    changed = world.psa.objects[key]
    await world.writer.receive([changed], Way.FEED)
    world.psa.remove(key)
    await world.pull(EXPENSES)
    assert await world.live(Kind.EXPENSE) == {"x1"}
    assert (await world.rows("SELECT missing_since FROM record"))[0][0] is not None
    await world.rows("UPDATE record SET missing_since = missing_since - interval '61 seconds'")
    await world.sweeper.probe()
    assert (await world.live(Kind.EXPENSE), await world.exceptions()) == (set(), {})


async def test_a_full_pass_settles_what_changed_without_a_new_stamp(world: World) -> None:
    """Such as a status that the calendar moves."""
    customer(world.crm, 1, name="Acme", second=5)
    customer(world.crm, 2, name="Other", second=500)
    await world.pull(CUSTOMERS)
    customer(world.crm, 1, name="Apex", second=5)
    await world.pull(CUSTOMERS)
    assert await names(world) == {"Acme", "Other"}
    await world.sweeper.full_pass(CUSTOMERS, forced=False)
    assert (await names(world), await world.exceptions()) == ({"Apex", "Other"}, {})


async def test_a_change_from_the_future_is_taken_over_when_its_time_has_come(world: World) -> None:
    """Till then it is pulled again with every run, in neither directory nor cache, and traced once."""
    await world.pull(CUSTOMERS)
    ahead = (datetime.now(UTC) + timedelta(minutes=10) - T0).total_seconds()
    customer(world.crm, 1, name="Acme", second=ahead)
    for _ in range(3):
        await world.pull(CUSTOMERS)
    assert (await names(world), world.notes.put_keys) == (set(), [])
    assert await world.exceptions() == {CLOCK: 3}
    assert await trace(world) == [("CLOCK_AHEAD", "c1", 2)]
    assert "fetch customer" not in world.crm.calls
    world.writer._now = lambda: datetime.now(UTC) + timedelta(minutes=6)
    await world.pull(CUSTOMERS)
    assert (await names(world), world.notes.put_keys) == ({"Acme"}, [KEY])
    assert await world.exceptions() == {}


async def test_what_was_read_by_id_is_shown_although_its_owners_clock_is_ahead(world: World) -> None:
    """Only the stamp is not believed, so that the next change is newer; the exception ends with a good stamp."""
    await world.writer.receive([said("Acme", 5)], Way.FEED)
    ahead = (datetime.now(UTC) + timedelta(minutes=10) - T0).total_seconds()
    await world.writer.apply([said("Apex", ahead, read=1)])
    assert (await names(world), await world.exceptions()) == ({"Apex"}, {CLOCK: 1})
    mended = (datetime.now(UTC) + timedelta(seconds=1) - T0).total_seconds()
    await world.writer.receive([said("Agog", mended, read=2)], Way.FEED)
    assert (await names(world), await world.exceptions()) == ({"Agog"}, {})


async def test_what_is_older_is_noted_and_does_not_reach_the_cache(world: World) -> None:
    """A list that lags behind, read again and again, is one row with a count."""
    customer(world.crm, 1, name="Acme", second=20)
    await world.pull(CUSTOMERS)
    customer(world.crm, 1, name="Old", second=15)
    world.notes.put_keys.clear()
    for _ in range(3):
        await world.pull(CUSTOMERS)
    assert (await names(world), world.notes.put_keys) == ({"Acme"}, [])
    assert await trace(world) == [("STALE", "c1", 2)]
    assert await world.exceptions() == {}


async def test_nothing_older_revives_what_was_deleted_before_it_was_known(world: World) -> None:
    """The tombstone came first."""
    await world.writer.receive([said(None, 9)], Way.FEED)
    await world.writer.receive([said("Acme", 5)], Way.FEED)
    assert await names(world) == set()
    assert await trace(world) == [("REVIVE_REFUSED", "c1", 0)]
    await world.writer.receive([said("Acme", 10)], Way.FEED)
    assert await names(world) == {"Acme"}


async def test_an_attribute_of_another_owner_is_left_out_and_shown(world: World) -> None:
    """domain.md 1, write rule; one exception for the mapping, which ends when the mapping is mended."""
    stray = {**C1, "credit_hold": True, "version": "abc"}
    for number in (1, 2):
        world.crm.put(Kind.CUSTOMER, f"c{number}", stray, second=number)
    await world.pull(CUSTOMERS)
    await world.pull(CUSTOMERS)
    assert [row.kept for row in await world.rows("SELECT kept FROM record")] == [{"name": "Acme"}] * 2
    assert await world.exceptions() == {FOREIGN: 1}
    assert await trace(world) == [("OWNERSHIP_VIOLATION", "c1", 0), ("OWNERSHIP_VIOLATION", "c2", 0)]
    for number in (1, 2):
        world.crm.put(Kind.CUSTOMER, f"c{number}", {**C1, "version": "abc"}, second=number)
    await world.pull(CUSTOMERS)
    assert await world.exceptions() == {}
    assert len(await trace(world)) == 2


async def test_a_new_identity_hint_links_a_record_that_says_the_same_as_before(world: World) -> None:
    """Somebody entered the CRM's id at the PSA's company; its name and everything else stayed."""
    customer(world.crm, 1, name="Acme")
    world.psa.put(Kind.CUSTOMER, "9", {}, second=1)
    await world.pull(CUSTOMERS)
    await world.pull(Feed("psa", Kind.CUSTOMER))
    assert await world.rows("SELECT 1 FROM record WHERE system = 'psa' AND entity_id IS NOT NULL") == []
    world.psa.put(Kind.CUSTOMER, "9", {}, Key(by_id_in(Domain.CRM), "c1"), second=1)
    await world.pull(Feed("psa", Kind.CUSTOMER))
    linked = await world.rows("SELECT DISTINCT entity_id FROM record WHERE deleted_at IS NULL")
    assert len(linked) == 1
    assert linked[0].entity_id.startswith("cus_")


async def test_duplicates_are_counted_and_leave_nothing_else(world: World) -> None:
    """Polls read the same again all the time."""
    counter = RECORDS.labels("crm", "DUPLICATE")
    await world.writer.receive([said("Acme", 5)], Way.FEED)
    before = counter._value.get()
    rows = await world.rows("SELECT ctid, * FROM record")
    await world.writer.receive([said("Acme", 5, read=1)] * 3, Way.FEED)
    assert counter._value.get() == before + 3
    assert await world.rows("SELECT ctid, * FROM record") == rows
    assert await trace(world) == []


async def test_the_trace_holds_hashes_only_and_can_be_neither_changed_nor_deleted(world: World) -> None:
    """Its count of repetitions grows; that is all that ever changes."""
    await world.writer.receive([said("Acme", 5), said("Old", 4)], Way.FEED)
    (row,) = await world.rows("SELECT * FROM inbound_decision")
    assert "Old" not in str(row)
    assert len(row.hash) == 64
    for statement in (
        "UPDATE inbound_decision SET decision = 'UPDATE', repeats = repeats + 1",
        "UPDATE inbound_decision SET repeats = repeats - 1",
        "DELETE FROM inbound_decision",
        "TRUNCATE inbound_decision",
    ):
        with pytest.raises(DBAPIError, match="append-only"):
            await world.rows(statement)

"""The inbound decision table (domain.md 6.2): every row, and that arrival order never decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.identity import transaction_hash
from hub.domain.inbound import (
    CLOCK_TOLERANCE,
    DOUBTS,
    Decision,
    Known,
    Message,
    Verdict,
    Way,
    after,
    decide,
    message_hash,
)
from hub.domain.kinds import Domain, Kind
from hub.domain.money import Money
from hub.domain.records import BY_CANONICAL, InvoiceLineValue, RecordKey, Ref, Value

T0 = datetime(2026, 3, 1, tzinfo=UTC)
NOW = T0 + timedelta(days=1)
KEY = RecordKey("psa-eu", Kind.TIME_ENTRY, "TE-1001")
TAKEN = Decision(Verdict.UPDATE, applies=True, settles=DOUBTS)


def message(
    name: str | None = "Acme",
    second: float | None = 10,
    *,
    read: float = 100,
    way: Way = Way.FEED,
    deleted: bool = False,
    version: int | None = None,
) -> Message:
    """What a system says of one record; seconds count from T0."""
    stamp = None if second is None else T0 + timedelta(seconds=second)
    content: dict[str, Value] = {} if deleted else {"name": name}
    return Message(content, stamp, T0 + timedelta(seconds=read), deleted, version, way)


def known(said: Message) -> Known:
    """What is known after one message."""
    found = after(None, said, decide(None, said, NOW), NOW)
    assert found is not None
    return found


ACME = known(message("Acme", 10))
GONE = known(message(second=10, deleted=True))
COUNTED = known(message("Acme", 10, version=7))
AHEAD = (NOW + CLOCK_TOLERANCE - T0).total_seconds() + 1


@pytest.mark.parametrize(
    ("before", "said", "expected"),
    [
        (None, message(), Decision(Verdict.FIRST_SEEN, applies=True, settles=DOUBTS)),
        (None, message(deleted=True), Decision(Verdict.TOMBSTONE, applies=True, settles=DOUBTS)),
        (ACME, message("Acme", 10), Decision(Verdict.DUPLICATE)),
        (ACME, message("  Acme ", 10), Decision(Verdict.DUPLICATE)),
        (ACME, message("Acme", 9), Decision(Verdict.DUPLICATE)),
        (ACME, message("Acme", 11), Decision(Verdict.DUPLICATE, moves=True, settles=DOUBTS)),
        (GONE, message(second=10, deleted=True), Decision(Verdict.DUPLICATE)),
        (ACME, message("Apex", 11), TAKEN),
        (ACME, message("Apex", 9), Decision(Verdict.STALE)),
        (ACME, message("Apex", 9, way=Way.BY_ID), Decision(Verdict.STALE)),
        (ACME, message("Apex", 10), Decision(Verdict.CONFLICT)),
        (ACME, message("Apex", 10, way=Way.BY_ID, read=100), TAKEN),
        (ACME, message("Apex", 10, way=Way.BY_ID, read=99), Decision(Verdict.STALE)),
        (ACME, message("Apex", None, read=100), TAKEN),
        (ACME, message("Apex", None, read=99), Decision(Verdict.STALE)),
        (None, message(second=AHEAD), Decision(Verdict.CLOCK_AHEAD)),
        (None, message(second=AHEAD - 1), Decision(Verdict.FIRST_SEEN, applies=True, settles=DOUBTS)),
        (ACME, message("Apex", AHEAD), Decision(Verdict.CLOCK_AHEAD)),
        (ACME, message("Acme", AHEAD), Decision(Verdict.DUPLICATE)),
        (
            ACME,
            message("Apex", AHEAD, way=Way.BY_ID),
            Decision(Verdict.CLOCK_AHEAD, applies=True, settles=frozenset({Verdict.CONFLICT})),
        ),
        (ACME, message(second=11, deleted=True), Decision(Verdict.TOMBSTONE, applies=True, settles=DOUBTS)),
        (ACME, message(second=9, deleted=True), Decision(Verdict.STALE)),
        (ACME, message(second=10, deleted=True), Decision(Verdict.CONFLICT)),
        (GONE, message("Apex", 9), Decision(Verdict.REVIVE_REFUSED)),
        (GONE, message("Apex", 9, way=Way.BY_ID), Decision(Verdict.REVIVE_REFUSED)),
        (GONE, message("Apex", 11), TAKEN),
        (COUNTED, message("Apex", 9, version=8), TAKEN),
        (COUNTED, message("Apex", 11, version=6), Decision(Verdict.STALE)),
        (COUNTED, message("Apex", 11, version=7), Decision(Verdict.CONFLICT)),
        (COUNTED, message("Apex", 11), TAKEN),
    ],
)
def test_each_row_of_the_table(before: Known | None, said: Message, expected: Decision) -> None:
    """What is known, what is said, what becomes of it."""
    assert decide(before, said, NOW) == expected


def test_a_doubt_ends_with_a_newer_change_or_with_the_owners_word_and_with_nothing_else() -> None:
    """Hearing one of the two messages again proves nothing."""
    doubtful = replace(ACME, doubted_at=T0 + timedelta(seconds=200))
    assert decide(doubtful, message("Acme", 10, read=300), NOW).settles == frozenset()
    assert decide(doubtful, message("Acme", 10, read=199, way=Way.BY_ID), NOW).settles == frozenset()
    assert decide(doubtful, message("Acme", 10, read=200, way=Way.BY_ID), NOW).settles == DOUBTS
    assert decide(doubtful, message("Acme", 11, read=300), NOW).settles == DOUBTS
    assert decide(doubtful, message("Acme", AHEAD, read=300, way=Way.BY_ID), NOW).settles == frozenset()


def test_a_stamp_from_the_future_that_had_to_be_taken_over_makes_nothing_later_old() -> None:
    """What was read by id is shown; the next real change is newer."""
    said = message("Apex", AHEAD, way=Way.BY_ID)
    left = after(ACME, said, decide(ACME, said, NOW), NOW)
    assert left is not None
    assert (left.content, left.timestamp, left.doubted_at) == ({"name": "Apex"}, NOW, said.read_at)
    later = NOW + timedelta(seconds=1)
    assert decide(left, replace(message("Agog"), timestamp=later), later).applies


def test_a_partial_message_is_compared_on_what_it_carries() -> None:
    """An attribute that was not read is not an attribute without a value."""
    whole: dict[str, Value] = {"name": "Acme", "region": None, "hours": Decimal("7.50")}
    before = replace(ACME, content=whole)
    assert decide(before, message("Acme", 10), NOW).verdict is Verdict.DUPLICATE
    cleared = replace(message(None, 11), content={"name": None})
    decision = decide(before, cleared, NOW)
    left = after(before, cleared, decision, NOW)
    assert left is not None
    assert left.content == {"name": None, "region": None, "hours": Decimal("7.50")}


def test_the_order_of_a_set_and_the_form_of_a_text_are_no_change() -> None:
    """Equal hashes, equal content; the order of references is content."""
    before = replace(ACME, content={"skills": ("sql", "python"), "lines": (Ref(Kind.TASK, "1"), Ref(Kind.TASK, "2"))})
    assert decide(before, replace(message(), content={"skills": ("python", "sql ")}), NOW).verdict is Verdict.DUPLICATE
    turned = replace(message(), content={"lines": (Ref(Kind.TASK, "2"), Ref(Kind.TASK, "1"))})
    assert decide(before, turned, NOW).verdict is Verdict.CONFLICT


def test_the_hash_is_over_business_fields_in_the_sources_own_ids() -> None:
    """domain.md 6.1: references are external ids, absent members are dropped."""
    content: dict[str, Value] = {
        "hours": Decimal("7.50"),
        "project": Ref(Kind.PROJECT, "a0X17"),
        "work_date": date(2026, 3, 30),
        "role": None,
        "billable": True,
    }
    body = {"hours": "7.50", "project": "a0X17", "work_date": "2026-03-30", "billable": True}
    expected = transaction_hash("PSA", "psa-eu", "time_entry", "TE-1001", "UPSERT", body)
    assert message_hash(Domain.PSA, KEY, content, deleted=False) == expected
    assert message_hash(Domain.PSA, KEY, content, deleted=True) != expected


def test_lines_of_money_and_references_by_other_names_can_be_hashed() -> None:
    """Whatever a record can hold."""
    line = InvoiceLineValue("Phase 1", Money(100, "EUR"), "2026-03", Ref(Kind.MILESTONE, "mil_1", BY_CANONICAL))
    one = message_hash(Domain.ERP, KEY, {"lines": (line,)}, deleted=False)
    assert one != message_hash(Domain.ERP, KEY, {"lines": (replace(line, period="2026-04"),)}, deleted=False)
    assert message_hash(Domain.ERP, KEY, {"project": Ref(Kind.PROJECT, "1", BY_CANONICAL)}, deleted=False) != (
        message_hash(Domain.ERP, KEY, {"project": Ref(Kind.PROJECT, "1")}, deleted=False)
    )


def told(messages: Iterable[Message], before: Known | None = None) -> Known | None:
    """What is known after these messages."""
    for said in messages:
        before = after(before, said, decide(before, said, NOW), NOW)
    return before


def state(found: Known | None) -> tuple[object, ...]:
    """What readers see of it."""
    assert found is not None
    return (None if found.deleted else found.content["name"]), found.deleted, found.timestamp


NAMES = st.sampled_from(["Acme", "Apex", "Agog"])


@st.composite
def histories(draw: st.DrawFn) -> list[Message]:
    """Messages of one record with distinct stamps, oldest first; names repeat, tombstones occur anywhere."""
    seconds = sorted(draw(st.sets(st.integers(0, 50), min_size=1, max_size=6)))
    return [message(draw(NAMES), second, deleted=draw(st.booleans())) for second in seconds]


@given(histories(), st.data())
def test_any_order_and_repetition_of_distinct_stamps_ends_in_the_newest(
    history: list[Message], data: st.DataObject
) -> None:
    """Also where a later message says again what an early one said."""
    repeated = history + data.draw(st.lists(st.sampled_from(history), max_size=4))
    left = told(data.draw(st.permutations(repeated)))
    newest = history[-1]
    assert state(left) == (newest.content.get("name"), newest.deleted, newest.timestamp)
    assert left is not None
    assert left.doubted_at is None


@given(histories(), st.integers(51, 60), st.data())
def test_nothing_older_revives_a_tombstone(history: list[Message], second: int, data: st.DataObject) -> None:
    """In whichever way it was read, and however often it comes."""
    gone = message(second=second, deleted=True)
    late = data.draw(st.lists(st.sampled_from(history), max_size=8))
    ways = [replace(said, way=data.draw(st.sampled_from(Way))) for said in late]
    left = told([gone, *ways])
    assert left is not None
    assert left.deleted


@given(st.lists(st.tuples(NAMES, st.booleans()), min_size=2, max_size=6), NAMES, st.data())
def test_arrival_never_decides_between_equal_stamps(
    said: Sequence[tuple[str, bool]], answer: str, data: st.DataObject
) -> None:
    """Whatever came first stays in doubt, and the owner's answer ends it the same for every order of arrival."""
    messages = [message(name, 10, deleted=deleted) for name, deleted in said]
    arrived = data.draw(st.permutations(messages))
    left = told(arrived)
    assert left is not None
    assert state(left) == state(known(arrived[0]))
    contents = {None if m.deleted else m.content["name"] for m in messages}
    assert (left.doubted_at is not None) == (len(contents) > 1)
    asked = message(answer, 10, way=Way.BY_ID, read=101)
    settled = told([asked], left)
    assert settled is not None
    assert state(settled) == (answer, False, asked.timestamp)
    assert settled.doubted_at is None

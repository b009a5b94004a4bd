"""Salesforce's shapes: what is selected, how rows become records, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.kinds import Kind
from hub.domain.money import Money
from hub.domain.records import Key, Ref
from hub.errors import SourceMisconfigured, SourceShapeBroken, SourceThrottled, SourceUnavailable, VersionConflict
from sources.salesforce import DEFAULT_MAPPING, SalesforceAdapter
from sources.salesforce.wire import instant_literal, long_id, text_literal
from sources.transport import Limits, Transport
from tests.support.versions import VERSIONS

NOW = datetime(2026, 6, 17, 12, tzinfo=UTC)
STAMP = "2026-05-07T22:07:19.000+0000"
ACCOUNT = "001Qy0000000006IAA"


class Org:
    """Answers collection reads with one row, and keeps what was asked."""

    def __init__(self, row: dict[str, Any] | None = None, answer: httpx.Response | None = None) -> None:
        self.row = row
        self.answer = answer
        self.asked: list[Any] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content) if request.content else dict(request.url.params))
        if self.answer is not None:
            return self.answer
        row = None if self.row is None else {"Id": ACCOUNT, "SystemModstamp": STAMP, **self.row}
        return httpx.Response(200, json=[row])


def adapter(org: Callable[[httpx.Request], httpx.Response], **settings: Any) -> SalesforceAdapter:
    """Make the adapter on a pretended org."""
    transport = Transport(
        "crm",
        "https://org.example",
        limits=Limits(attempts=1),
        client_factory=lambda **given: httpx.AsyncClient(transport=httpx.MockTransport(org), **given),
    )
    return SalesforceAdapter("crm", transport, versions=VERSIONS, clock=lambda: NOW, **settings)


async def read(kind: Kind, row: dict[str, Any], *attributes: str, **settings: Any) -> dict[str, Any]:
    """Read attributes out of one row."""
    (record,) = await adapter(Org(row), **settings).fetch(kind, [ACCOUNT], frozenset(attributes))
    assert record is not None
    assert record.stamp == STAMP
    assert record.source_timestamp == datetime(2026, 5, 7, 22, 7, 19, tzinfo=UTC)
    return dict(record.attributes)


CONTRACT = {
    "Status": "Activated",
    "CustomerSignedDate": "2026-01-10",
    "StartDate": "2026-02-01",
    "EndDate": "2026-12-31",
    "Early_Start_Until__c": None,
    "Cancelled__c": False,
}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, "ACTIVE"),
        ({"StartDate": "2026-06-17"}, "ACTIVE"),
        ({"StartDate": "2026-06-18"}, "SIGNED"),
        ({"StartDate": None}, "SIGNED"),
        ({"EndDate": "2026-06-17"}, "ACTIVE"),
        ({"EndDate": "2026-06-16"}, "COMPLETED"),
        ({"CustomerSignedDate": None}, "DRAFT"),
        ({"Status": "In Approval"}, "DRAFT"),
        ({"Status": "Draft", "Early_Start_Until__c": "2026-06-17"}, "EARLY_START"),
        ({"Status": "Draft", "Early_Start_Until__c": "2026-06-16"}, "DRAFT"),
        ({"Early_Start_Until__c": "2027-01-01"}, "ACTIVE"),
        ({"Cancelled__c": True}, "CANCELLED"),
    ],
)
async def test_a_contracts_status_follows_signature_and_calendar(change: dict[str, Any], status: str) -> None:
    """Signed contracts go by their dates, unsigned ones by their early start."""
    assert await read(Kind.CONTRACT, CONTRACT | change, "status") == {"status": status}


async def test_an_unknown_status_is_drift() -> None:
    """A status that nobody mapped is not guessed."""
    with pytest.raises(SourceShapeBroken, match=r"Contract\.Status"):
        await read(Kind.CONTRACT, CONTRACT | {"Status": "Parked"}, "status")


@pytest.mark.parametrize(
    ("closed", "won", "status"), [(False, False, "OPEN"), (True, True, "WON"), (True, False, "LOST")]
)
async def test_an_opportunity_is_open_won_or_lost(closed: bool, won: bool, status: str) -> None:  # noqa: FBT001
    """The stage's own flags decide, not its name."""
    assert await read(Kind.OPPORTUNITY, {"IsClosed": closed, "IsWon": won}, "status") == {"status": status}


async def test_probability_is_a_fraction_and_impossible_ones_are_kept() -> None:
    """Percent become 0..1; a value beyond is for data quality to report."""
    assert await read(Kind.OPPORTUNITY, {"Probability": 35}, "probability") == {"probability": Decimal("0.35")}
    assert await read(Kind.OPPORTUNITY, {"Probability": 130}, "probability") == {"probability": Decimal("1.3")}
    assert await read(Kind.OPPORTUNITY, {"Probability": None}, "probability") == {"probability": None}


async def test_amounts_are_in_the_records_currency() -> None:
    """A yen amount has no minor unit; an org with one currency does not have the field."""
    assert await read(Kind.OPPORTUNITY, {"Amount": 1234.5, "CurrencyIsoCode": "JPY"}, "amount") == {
        "amount": Money(1235, "JPY")
    }
    assert await read(Kind.OPPORTUNITY, {"Amount": 10}, "amount", org_currency="EUR") == {"amount": Money(1000, "EUR")}


async def test_links_are_long_ids_and_codes() -> None:
    """Ids are case-safe; a legal entity is named by its code."""
    row = {"AccountId": ACCOUNT[:15], "Legal_Entity__c": "UK01"}
    assert await read(Kind.CONTRACT, row, "customer", "legal_entity") == {
        "customer": Ref(Kind.CUSTOMER, ACCOUNT),
        "legal_entity": Ref(Kind.LEGAL_ENTITY, "UK01", "code"),
    }
    assert long_id(ACCOUNT[:15]) == ACCOUNT


async def test_a_mapping_renames_fields() -> None:
    """An estate's own field is asked for and read in place of the default."""
    org = Org({"Geo__c": "EMEA"})
    subject = adapter(org, mapping={"customer.region": "Account.Geo__c"})
    (record,) = await subject.fetch(Kind.CUSTOMER, [ACCOUNT], frozenset({"region"}))
    assert record is not None
    assert record.attributes == {"region": "EMEA"}
    assert org.asked == [{"ids": [ACCOUNT], "fields": ["Geo__c", "Id", "SystemModstamp"]}]


@pytest.mark.parametrize(
    ("status", "code", "message", "error", "says"),
    [
        (
            400,
            "INVALID_FIELD",
            "No such column 'Region__c' on entity 'Account'",
            SourceMisconfigured,
            "customer.region",
        ),
        (400, "INVALID_FIELD", "No such column 'Name' on entity 'X'", SourceMisconfigured, "Name"),
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", SourceThrottled, "limit"),
        (400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", SourceUnavailable, "busy"),
        (412, "PRECONDITION_FAILED", "", VersionConflict, "changed"),
    ],
)
async def test_the_vendors_errors_are_told_apart(
    status: int, code: str, message: str, error: type[Exception], says: str
) -> None:
    """A missing field names its mapping; a limit is not a refusal; a lock may be tried again."""
    answer = httpx.Response(status, json=[{"errorCode": code, "message": message}])
    with pytest.raises(error, match=says):
        await adapter(Org(answer=answer)).fetch(Kind.CUSTOMER, [ACCOUNT], frozenset({"region"}))


@pytest.mark.parametrize("answer", [[], [{"Id": ACCOUNT}], [{"Id": "001Qy0000000007IAA", "SystemModstamp": STAMP}], {}])
async def test_an_answer_that_is_not_aligned_is_drift(answer: Any) -> None:
    """One slot per id, with the id asked for and every field: anything else cannot be trusted."""
    with pytest.raises(SourceShapeBroken):
        await adapter(Org(answer=httpx.Response(200, json=answer))).fetch(Kind.CUSTOMER, [ACCOUNT], frozenset())


async def test_a_feed_gives_keys_tombstones_and_its_watermark() -> None:
    """Rows carry canonical id and tax number; a deleted row is a tombstone; the last stamp is the watermark."""
    base = {"SystemModstamp": STAMP, "Name": "Acme", "ParentId": None, "Region__c": None, "IsDeleted": False}
    rows = [
        {**base, "Id": ACCOUNT, "Canonical_Id__c": "cus_01J8ZQ4T7M3N5P6R8S9V0W1X2Y", "Tax_Registration__c": "GB 12"},
        {**base, "Id": "001Qy0000000007IAA", "IsDeleted": True},
    ]
    org = Org(answer=httpx.Response(200, json={"totalSize": 2, "done": True, "records": rows}))
    pages = [page async for page in adapter(org).changes(Kind.CUSTOMER, NOW)]
    assert [page.watermark for page in pages] == [datetime(2026, 5, 7, 22, 7, 19, tzinfo=UTC)]
    first, second = pages[0].records
    assert first.keys == (Key("canonical", "cus_01J8ZQ4T7M3N5P6R8S9V0W1X2Y"), Key("tax_registration", "gb12"))
    assert first.label == "Acme"
    assert (second.deleted, second.attributes) == (True, {})
    assert "SystemModstamp >= 2026-06-17T12:00:00Z ORDER BY SystemModstamp ASC, Id ASC" in org.asked[0]["q"]


@given(st.text("ab'\\\"\n\r\t) ", max_size=20))
def test_a_literal_keeps_its_text_inside_the_quotes(text: str) -> None:
    """Whatever an id holds, the query around it stays the query."""
    literal = text_literal(text)
    inside = literal[1:-1]
    unescaped, index = [], 0
    escapes = {"n": "\n", "r": "\r", "t": "\t"}
    while index < len(inside):
        if inside[index] == "\\":
            index += 1
            unescaped.append(escapes.get(inside[index], inside[index]))
        else:
            assert inside[index] not in "'\n\r\t"
            unescaped.append(inside[index])
        index += 1
    assert "".join(unescaped) == text


def test_instants_are_written_as_soql_wants_them() -> None:
    """Unquoted, UTC, whole seconds, rounded down."""
    assert instant_literal(datetime(2026, 3, 1, 12, 0, 0, 999999, tzinfo=UTC)) == "2026-03-01T12:00:00Z"


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("customer.regoin", "Account.Geo__c"),
        ("customer.region", "Geo__c"),
        ("customer.region", "Contact.Geo__c"),
        ("customer.region", "Account.Geo__c FROM User"),
        ("contract_line.price", "Other__c.Price__c"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_at_the_start(entry: str, name: str) -> None:
    """A mistyped entry, a field without its object or on another one: each names the entry."""
    with pytest.raises(SourceMisconfigured, match=entry):
        adapter(Org(), mapping={entry: name})


def test_a_custom_object_may_have_another_name() -> None:
    """All fields of a kind move together."""
    lines = {entry: name for entry, name in DEFAULT_MAPPING.items() if entry.startswith("contract_line.")}
    renamed = {entry: name.replace("Contract_Line__c.", "Deal_Line__c.") for entry, name in lines.items()}
    assert adapter(Org(), mapping=renamed).kinds[Kind.CONTRACT_LINE].vendor_kind == "Deal_Line__c"

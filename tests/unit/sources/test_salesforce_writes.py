"""Salesforce's writes: what is sent exactly, what is refused before any call, how odd answers are judged."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.money import Money
from hub.domain.records import Ref, Value
from hub.errors import SourceMisconfigured, SourceRejected, SourceUnavailable, WriteOutcomeUnknown
from hub.ports import SourceWrite
from sources.salesforce import SalesforceAdapter
from sources.transport import Limits, Transport
from tests.support.versions import VERSIONS

LINE, ORDER = "a01Qy0000000006IAA", "a02Qy0000000001IAA"
CANONICAL = CanonicalId("cho_01J8ZQ4T7M3N5P6R8S9V0W1X2Y")
CREATED = httpx.Response(201, json={"id": ORDER, "success": True, "errors": [], "created": True})
CHANGE = SourceWrite(
    "create", Kind.CHANGE_ORDER, None, {"line": Ref(Kind.CONTRACT_LINE, LINE)}, "token", canonical_id=CANONICAL
)


class Org:
    """Knows one contract line and no change order; answers a write as it is told, and keeps what was sent."""

    def __init__(self, answer: httpx.Response = CREATED, line: dict[str, Any] | None = None) -> None:
        self.answer = answer
        self.line = line or {"Id": LINE, "CurrencyIsoCode": "JPY"}
        self.reads: list[str] = []
        self.written: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            self.written.append(request)
            return self.answer
        self.reads.append(request.url.params["q"])
        found = [] if "Change_Order__c" in self.reads[-1] else [self.line]
        return httpx.Response(200, json={"totalSize": len(found), "done": True, "records": found})


def adapter(org: Org, *, attempts: int = 1, **settings: Any) -> SalesforceAdapter:
    """Make the adapter on a pretended org."""
    transport = Transport(
        "crm",
        "https://org.example",
        limits=Limits(attempts=attempts),
        client_factory=lambda **given: httpx.AsyncClient(transport=httpx.MockTransport(org), **given),
    )
    return SalesforceAdapter("crm", transport, versions=VERSIONS, **settings)


def proposal(**values: Value) -> SourceWrite:
    """Make a proposal with these values."""
    return replace(CHANGE, values={**CHANGE.values, **values})


async def test_numbers_are_sent_with_exactly_their_digits() -> None:
    """No amount passes through a float, and a yen has no decimals."""
    org = Org()
    price, hours = Money(90071992547409931, "JPY"), Decimal("-0.10")
    receipt = await adapter(org).write(proposal(price_delta=price, hours_delta=hours, effective_date=date(2026, 7, 1)))
    assert receipt.external_id == ORDER
    (request,) = org.written
    assert (
        str(request.url)
        == f"https://org.example/services/data/v66.0/sobjects/Change_Order__c/Canonical_Id__c/{CANONICAL}"
    )
    sent = request.content.decode()
    assert '"Price_Delta__c":90071992547409931,' in sent
    assert '"Hours_Delta__c":-0.10,' in sent
    assert json.loads(sent)["CurrencyIsoCode"] == "JPY"
    assert json.loads(sent)["Status__c"] == "Proposed"


async def test_an_org_with_one_currency_is_sent_none() -> None:
    """The field does not exist there; an amount in another currency is refused all the same."""
    org = Org(line={"Id": LINE})
    crm = adapter(org, org_currency="EUR")
    await crm.write(proposal(price_delta=Money(1050, "EUR")))
    sent = json.loads(org.written[0].content)
    assert (sent["Price_Delta__c"], "CurrencyIsoCode" in sent) == (10.5, False)
    assert not any("CurrencyIsoCode" in soql for soql in org.reads)
    with pytest.raises(SourceRejected, match="EUR") as refusal:
        await crm.write(proposal(price_delta=Money(1050, "USD")))
    assert refusal.value.reason == "MIXED_CURRENCY"
    assert len(org.written) == 1


async def test_the_estates_mapping_names_what_is_written() -> None:
    """Fields and key come from the mapping, as for reading."""
    org = Org()
    mapping = {"change_order.reason": "Change_Order__c.Why__c", "change_order.canonical_id": "Change_Order__c.Hub__c"}
    await adapter(org, mapping=mapping).write(proposal(reason="more scope"))
    assert json.loads(org.written[0].content)["Why__c"] == "more scope"
    assert org.written[0].url.path.endswith(f"/Change_Order__c/Hub__c/{CANONICAL}")
    assert f"WHERE Hub__c IN ('{CANONICAL}')" in org.reads[0]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"line": None}, "line"),
        ({"line": Ref(Kind.CONTRACT_LINE, "cln_1", "canonical")}, "line"),
        ({"line": Ref(Kind.CONTRACT, LINE)}, "line"),
        ({"line": Ref(Kind.CONTRACT_LINE, "x') OR Id != null --")}, "line"),
        ({"status": "APPROVED"}, "status"),
        ({"reason": 7}, "reason"),
        ({"price_delta": Decimal(10)}, "price_delta"),
        ({"hours_delta": 8}, "hours_delta"),
        ({"hours_delta": Decimal("NaN")}, "hours_delta"),
        ({"hours_delta": Decimal("1.005")}, "hours_delta"),
        ({"effective_date": datetime(2026, 7, 1, tzinfo=UTC)}, "effective_date"),
        ({"probability": Decimal(1)}, "probability"),
    ],
)
async def test_a_value_that_cannot_be_is_refused_before_any_call(values: dict[str, Value], names: str) -> None:
    """By the graph's name of it, with one stable reason."""
    org = Org()
    with pytest.raises(SourceRejected, match=rf"\b{names} is\b") as refusal:
        await adapter(org).write(proposal(**values))
    assert refusal.value.reason == "INVALID_VALUE"
    assert org.reads == []
    assert org.written == []


async def test_a_proposal_without_a_name_of_its_own_is_refused() -> None:
    """Without a canonical id it could not be found again."""
    with pytest.raises(SourceRejected, match="canonical_id"):
        await adapter(Org()).write(replace(CHANGE, canonical_id=None))


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (400, [{"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "hush"}], SourceRejected, "VALIDATION"),
        (
            400,
            [{"errorCode": "STRING_TOO_LONG", "message": "hush", "fields": ["Reason__c", "<b>", 7]}],
            SourceRejected,
            r"STRING_TOO_LONG at change_order\.reason \(",
        ),
        (
            400,
            [{"errorCode": "REQUIRED_FIELD_MISSING", "message": "hush", "fields": ["Start_Date__c", "Odd__c"]}],
            SourceRejected,
            r"at Start_Date__c, Odd__c",
        ),
        (
            400,
            [{"errorCode": "INVALID_FIELD_FOR_INSERT_UPDATE", "message": "hush", "fields": ["Reason__c"]}],
            SourceMisconfigured,
            r"change_order\.reason",
        ),
        (404, [{"errorCode": "NOT_FOUND", "message": "hush"}], SourceMisconfigured, r"change_order\.canonical_id"),
        (
            300,
            ["/services/data/v66.0/sobjects/X/a", "/services/data/v66.0/sobjects/X/b"],
            SourceMisconfigured,
            "several",
        ),
        (403, [{"errorCode": "INSUFFICIENT_ACCESS", "message": "hush"}], SourceMisconfigured, "403"),
        (500, [{"errorCode": "UNKNOWN_EXCEPTION", "message": "hush"}], WriteOutcomeUnknown, "lost"),
        (200, {"success": True}, WriteOutcomeUnknown, "no row"),
        (202, None, WriteOutcomeUnknown, "no row"),
        (201, {"id": "not an id"}, WriteOutcomeUnknown, "no row"),
    ],
)
async def test_answers_to_a_write_are_told_apart(status: int, body: Any, error: type[Exception], says: str) -> None:
    """Refused, for a person, or open: with code and fields, without the vendor's text; and sent once."""
    org = Org(httpx.Response(status, json=body))
    with pytest.raises(error, match=says) as failure:
        await adapter(org, attempts=3).write(proposal(reason="x"))
    assert "hush" not in str(failure.value)
    assert len(org.written) == 1


async def test_a_locked_row_is_tried_again_and_was_not_written() -> None:
    """The vendor undoes a save that cannot get its lock, so nothing is open afterwards."""
    org = Org(httpx.Response(400, json=[{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "busy", "fields": []}]))
    with pytest.raises(SourceUnavailable) as failure:
        await adapter(org, attempts=2).write(CHANGE)
    assert failure.value.sent is False
    assert len(org.written) == 2


async def test_a_live_row_goes_before_a_deleted_one() -> None:
    """Both prove that the proposal was made; the one that can be read is the one to show."""
    bin_first = [{"Id": "a02Qy0000000002IAA", "IsDeleted": True}, {"Id": ORDER[:15], "IsDeleted": False}]

    class Both(Org):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            assert request.url.path.endswith("/queryAll")
            return httpx.Response(200, json={"totalSize": 2, "done": True, "records": bin_first})

    receipt = await adapter(Both()).verify(CHANGE)
    assert receipt is not None
    assert receipt.external_id == ORDER

"""Change orders proposed to Salesforce: seen by the vendor's own API, refused, lost, repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from hub.domain.ids import CanonicalId, new_id
from hub.domain.kinds import Kind
from hub.domain.money import Money
from hub.domain.records import Ref, Value
from hub.errors import SourceMisconfigured, SourceRejected, SourceThrottled, SourceUnavailable, WriteOutcomeUnknown
from hub.ports import ProcessState, SourceWrite, SourceWriter
from sources.salesforce import SalesforceAdapter
from sources.sandbox.firm.vendor_ids import salesforce_id
from tests.contract.adapters.systems import SYSTEMS, Connection, connect
from tests.support.sandboxes import RunningSandbox, small_firm, start_sandbox
from tests.support.versions import VERSIONS

API = "/services/data/v66.0"
LINE = salesforce_id("Contract_Line__c", small_firm().contract_lines[0].n)
CURRENCY = small_firm().contract_lines[0].price.currency
OTHER_CURRENCY = "GBP" if CURRENCY != "GBP" else "USD"


@pytest.fixture(scope="module")
def org() -> Iterator[RunningSandbox]:
    """Give one org for all tests; each of them writes rows of its own."""
    with start_sandbox("salesforce") as running:
        yield running


@pytest.fixture
async def connection(org: RunningSandbox) -> AsyncIterator[Connection]:
    """Give a signed-in adapter on the org, without faults."""
    org.clear_faults()
    made = connect(SYSTEMS["salesforce"], org)
    await made.adapter.ping()
    org.forget_requests()
    yield made
    await made.adapter.aclose()
    org.clear_faults()


@pytest.fixture
def crm(connection: Connection) -> SourceWriter:
    """Give the adapter as a writer."""
    assert isinstance(connection.adapter, SalesforceAdapter)
    return connection.adapter


def proposal(**values: Value) -> SourceWrite:
    """Make a whole proposal with a canonical id of its own."""
    given: dict[str, Value] = {
        "line": Ref(Kind.CONTRACT_LINE, LINE),
        "reason": "Second data source: “Lager” & more",
        "price_delta": Money.of("12500.50", CURRENCY),
        "hours_delta": Decimal("40.25"),
        "effective_date": date(2026, 7, 1),
    }
    canonical_id = new_id(Kind.CHANGE_ORDER)
    return SourceWrite("create", Kind.CHANGE_ORDER, None, {**given, **values}, "token", canonical_id)


def rows_of(org: RunningSandbox, canonical_id: CanonicalId | None) -> list[dict[str, Any]]:
    """Read the change orders of a canonical id as the vendor shows them."""
    fields = "Id, Name, Status__c, Contract_Line__c, Reason__c, Price_Delta__c, Hours_Delta__c, Effective_Date__c"
    soql = f"SELECT {fields}, CurrencyIsoCode FROM Change_Order__c WHERE Canonical_Id__c = '{canonical_id}'"
    answer = ask(org, "GET", "query", params={"q": soql})
    found: list[dict[str, Any]] = answer.json()["records"]
    return found


def ask(org: RunningSandbox, method: str, path: str, **arguments: Any) -> httpx.Response:
    """Call the vendor directly."""
    headers = {"Authorization": org.authorization()}
    answer = httpx.request(method, f"{org.base_url}{API}/{path}", headers=headers, trust_env=False, **arguments)
    answer.raise_for_status()
    return answer


def writes(org: RunningSandbox) -> int:
    """Count the calls that could have changed something."""
    return sum(entry["method"] != "GET" for entry in org.requests())


async def test_a_proposal_stands_in_the_crm(crm: SourceWriter, org: RunningSandbox) -> None:
    """Every value arrives exactly, in the line's currency; the hub's own read shows the same."""
    change = proposal()
    receipt = await crm.write(change)
    assert receipt.pending is None
    (row,) = rows_of(org, change.canonical_id)
    assert row["Id"] == receipt.external_id
    assert row["Status__c"] == "Proposed"
    assert row["Contract_Line__c"] == LINE
    assert row["Reason__c"] == "Second data source: “Lager” & more"
    assert (row["Price_Delta__c"], row["CurrencyIsoCode"]) == (12500.5, CURRENCY)
    assert (row["Hours_Delta__c"], row["Effective_Date__c"]) == (40.25, "2026-07-01")
    (record,) = await crm.fetch(Kind.CHANGE_ORDER, [receipt.external_id], frozenset({*change.values, "status"}))
    assert record is not None
    assert record.attributes == {**change.values, "status": "PROPOSED"}
    assert await crm.process_state(receipt.external_id) is ProcessState.DONE


async def test_only_the_line_is_needed(crm: SourceWriter, org: RunningSandbox) -> None:
    """What has no value stays empty; the currency is the line's nevertheless."""
    change = replace(proposal(), values={"line": Ref(Kind.CONTRACT_LINE, LINE[:15]), "reason": None})
    await crm.write(change)
    (row,) = rows_of(org, change.canonical_id)
    assert (row["Contract_Line__c"], row["CurrencyIsoCode"], row["Status__c"]) == (LINE, CURRENCY, "Proposed")
    assert row["Reason__c"] is None
    assert row["Price_Delta__c"] is None


async def test_only_proposals_are_offered(crm: SourceWriter, org: RunningSandbox) -> None:
    """Nothing else of the CRM is written, and asking for it costs no call."""
    assert crm.actions == {Kind.CHANGE_ORDER: frozenset({"create"})}
    for kind, action in ((Kind.OPPORTUNITY, "update"), (Kind.CONTRACT, "update"), (Kind.CHANGE_ORDER, "update")):
        with pytest.raises(SourceRejected) as refusal:
            await crm.write(replace(proposal(), kind=kind, action=action))
        assert refusal.value.reason == "UNSUPPORTED_ACTION"
    assert org.requests() == []


async def test_a_repeat_finds_the_first_and_touches_nothing(crm: SourceWriter, org: RunningSandbox) -> None:
    """What the CRM's people decided since stays decided."""
    change = proposal()
    first = await crm.write(change)
    ask(org, "PATCH", f"sobjects/Change_Order__c/{first.external_id}", json={"Status__c": "Approved"})
    org.forget_requests()
    assert await crm.write(change) == first
    assert await crm.verify(change) == first
    assert writes(org) == 0
    (row,) = rows_of(org, change.canonical_id)
    assert row["Status__c"] == "Approved"


async def test_one_that_was_deleted_was_carried_out_all_the_same(crm: SourceWriter, org: RunningSandbox) -> None:
    """A row in the recycle bin is proof; the proposal does not come back by a repeat."""
    change = proposal()
    first = await crm.write(change)
    ask(org, "DELETE", f"sobjects/Change_Order__c/{first.external_id}")
    assert await crm.verify(change) == first
    assert await crm.write(change) == first
    assert rows_of(org, change.canonical_id) == []


@pytest.mark.parametrize(
    ("values", "reason", "names"),
    [
        ({"reason": "x" * 40_000}, "STRING_TOO_LONG", r"change_order\.reason"),
        ({"price_delta": Money(10**20, CURRENCY)}, "NUMBER_OUTSIDE_VALID_RANGE", r"change_order\.price_delta"),
        ({"line": Ref(Kind.CONTRACT_LINE, "a01Qy0000zzzzzzAAA")}, "INVALID_CROSS_REFERENCE_KEY", "line"),
        ({"line": Ref(Kind.CONTRACT_LINE, salesforce_id("Account", 1))}, "INVALID_CROSS_REFERENCE_KEY", "line"),
        ({"price_delta": Money(100, OTHER_CURRENCY)}, "MIXED_CURRENCY", f"price_delta is not in {CURRENCY}"),
    ],
)
async def test_a_refusal_names_its_reason_and_field(
    crm: SourceWriter, org: RunningSandbox, values: dict[str, Value], reason: str, names: str
) -> None:
    """A stable code and the field; neither the value nor the vendor's text; and nothing is there."""
    change = proposal(**values)
    with pytest.raises(SourceRejected, match=names) as refusal:
        await crm.write(change)
    assert refusal.value.reason == reason
    assert "xxx" not in str(refusal.value)
    assert "data value" not in str(refusal.value)
    assert await crm.verify(change) is None
    assert rows_of(org, change.canonical_id) == []


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ("change_order.reason", "Change_Order__c.Why__c"),
        ("change_order.reason", "Change_Order__c.LastModifiedById"),
        ("change_order.canonical_id", "Change_Order__c.Hub_Id__c"),
    ],
)
async def test_a_tenant_that_lacks_a_mapped_field_is_for_a_person(
    connection: Connection, entry: str, field: str
) -> None:
    """A missing field and one that may not be written: each names the mapping's entry."""
    crm = SalesforceAdapter("crm", connection.transport, versions=VERSIONS, mapping={entry: field})
    with pytest.raises(SourceMisconfigured, match=entry.replace(".", r"\.")):
        await crm.write(proposal())


@pytest.mark.parametrize("fault", ["lost-reply", "half-body", "malformed"])
async def test_a_lost_answer_is_found_again(crm: SourceWriter, org: RunningSandbox, fault: str) -> None:
    """The outcome is open, nothing is sent twice, reading back tells; then a repeat changes nothing."""
    change = proposal()
    org.set_fault(fault, method="PATCH")
    with pytest.raises(WriteOutcomeUnknown):
        await crm.write(change)
    assert writes(org) == 1
    org.clear_faults()
    receipt = await crm.verify(change)
    assert receipt is not None
    assert await crm.write(change) == receipt
    assert writes(org) == 1
    assert [row["Id"] for row in rows_of(org, change.canonical_id)] == [receipt.external_id]


@pytest.mark.parametrize("fault", ["down", "reset-before", "error", "html"])
async def test_a_write_that_never_happened_is_known_to_be_none(
    crm: SourceWriter, org: RunningSandbox, fault: str
) -> None:
    """The hub cannot know at once; reading back says none, and the repeat is the first and only row."""
    change = proposal()
    org.set_fault(fault, method="PATCH")
    with pytest.raises(WriteOutcomeUnknown):
        await crm.write(change)
    assert writes(org) == 1
    org.clear_faults()
    assert await crm.verify(change) is None
    receipt = await crm.write(change)
    assert [row["Id"] for row in rows_of(org, change.canonical_id)] == [receipt.external_id]


@pytest.mark.parametrize("match", ["queryAll", "/query"])
@pytest.mark.parametrize("fault", ["lost-reply", "down", "error"])
async def test_a_failure_before_the_write_is_no_open_outcome(
    crm: SourceWriter, org: RunningSandbox, fault: str, match: str
) -> None:
    """As long as only reading was done nothing was sent; one failure of it is overcome."""
    change = proposal()
    org.set_fault(fault, match=match)
    with pytest.raises(SourceUnavailable) as failure:
        await crm.write(change)
    assert failure.value.sent is False
    assert writes(org) == 0
    org.clear_faults()
    org.set_fault(fault, match=match, count=1)
    await crm.write(change)
    assert len(rows_of(org, change.canonical_id)) == 1


async def test_verifying_says_so_when_it_cannot_tell(crm: SourceWriter, org: RunningSandbox) -> None:
    """A system that does not answer is neither a yes nor a no."""
    change = proposal()
    await crm.write(change)
    org.set_fault("error")
    with pytest.raises(SourceUnavailable):
        await crm.verify(change)


async def test_a_refusal_for_the_rate_may_be_repeated(crm: SourceWriter, org: RunningSandbox) -> None:
    """Throttled is not carried out: the transport tries again by itself, and says so when that does not help."""
    change = proposal()
    org.set_fault("throttle", method="PATCH", count=1)
    await crm.write(change)
    assert len(rows_of(org, change.canonical_id)) == 1
    org.set_fault("throttle", method="PATCH")
    with pytest.raises(SourceThrottled):
        await crm.write(proposal())


async def test_an_answer_that_names_no_row_leaves_the_outcome_open(crm: SourceWriter, org: RunningSandbox) -> None:
    """The id is what the caller needs; without it the row must be looked for."""
    change = proposal()
    org.set_fault("drift", method="PATCH", field="id", change="remove")
    with pytest.raises(WriteOutcomeUnknown):
        await crm.write(change)
    org.clear_faults()
    assert await crm.verify(change) is not None


async def test_an_expired_token_costs_nothing(crm: SourceWriter, org: RunningSandbox) -> None:
    """A write that was refused for its token is sent again with a new one, once."""
    change = proposal()
    org.set_fault("expire-tokens", method="PATCH", count=1)
    await crm.write(change)
    assert len(rows_of(org, change.canonical_id)) == 1


async def test_a_system_that_is_not_there_was_sent_nothing() -> None:
    """A refused connection leaves nothing to verify."""
    with start_sandbox("salesforce") as running:
        made = connect(SYSTEMS["salesforce"], running)
        await made.adapter.ping()
        await made.adapter.aclose()
    assert isinstance(made.adapter, SalesforceAdapter)
    with pytest.raises(SourceUnavailable) as failure:
        await made.adapter.write(proposal())
    assert failure.value.sent is False
    await made.adapter.aclose()

"""Revenue methods set in NetSuite: seen by the vendor's own API, refused, stale, lost, repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from hub.domain.kinds import Kind
from hub.errors import (
    SourceMisconfigured,
    SourceRejected,
    SourceThrottled,
    SourceUnavailable,
    VersionConflict,
    WriteOutcomeUnknown,
)
from hub.ports import ProcessState, SourceWrite, SourceWriter
from sources.netsuite import NetSuiteAdapter
from tests.contract.adapters.systems import SYSTEMS, Connection, connect, netsuite_by_signature
from tests.support.sandboxes import RunningSandbox, start_sandbox
from tests.support.versions import VERSIONS

RECORDS = "/services/rest/record/v1/salesOrder"
METHOD, VERSION = "revenue_method", "version"
BOTH = frozenset({METHOD, VERSION})


@pytest.fixture(scope="module")
def account() -> Iterator[RunningSandbox]:
    """Give one account for all tests; each sets the line to what it needs first."""
    with start_sandbox("netsuite") as running:
        yield running


@pytest.fixture
async def connection(account: RunningSandbox) -> AsyncIterator[Connection]:
    """Give a signed-in adapter on the account, without faults."""
    account.clear_faults()
    made = connect(SYSTEMS["netsuite"], account)
    await made.adapter.ping()
    account.forget_requests()
    yield made
    await made.adapter.aclose()
    account.clear_faults()


@pytest.fixture
def erp(connection: Connection) -> SourceWriter:
    """Give the adapter as a writer."""
    assert isinstance(connection.adapter, NetSuiteAdapter)
    return connection.adapter


@pytest.fixture
async def line(erp: SourceWriter, account: RunningSandbox) -> str:
    """Give the first line of an order with several lines, its method being RATABLE."""
    lines: dict[str, list[str]] = {}
    async for page in erp.changes(Kind.CONTRACT_LINE, None):
        for record in page.records:
            order, _, number = record.key.external_id.partition(":")
            lines.setdefault(order, []).append(number)
    order, numbers = next((order, numbers) for order, numbers in lines.items() if len(numbers) > 1)
    number = min(numbers, key=int)
    set_method(account, f"{order}:{number}", "RATABLE")
    account.forget_requests()
    return f"{order}:{number}"


def change(line: str, method: str = "PERCENT_COMPLETE", version: str | None = None) -> SourceWrite:
    """Make the change of a line's method."""
    return SourceWrite("update", Kind.CONTRACT_LINE, line, {METHOD: method}, "token", version=version)


def ask(account: RunningSandbox, method: str, path: str, **arguments: Any) -> httpx.Response:
    """Call the vendor directly."""
    headers = {"Authorization": account.authorization()}
    answer = httpx.request(method, f"{account.base_url}{path}", headers=headers, trust_env=False, **arguments)
    answer.raise_for_status()
    return answer


def set_method(account: RunningSandbox, line: str, method: str) -> None:
    """Change a line's method as somebody in NetSuite would."""
    order, _, number = line.partition(":")
    items = [{"line": int(number), "custcol_revenue_method": {"refName": method}}]
    ask(account, "PATCH", f"{RECORDS}/{order}", json={"item": {"items": items}})


def lines_of(account: RunningSandbox, line: str) -> list[dict[str, Any]]:
    """Read all lines of a line's order as the vendor shows them."""
    order = line.partition(":")[0]
    body = ask(account, "GET", f"{RECORDS}/{order}", params={"expandSubResources": "true"}).json()
    items: list[dict[str, Any]] = body["item"]["items"]
    return items


def method_of(account: RunningSandbox, line: str) -> str:
    """Read a line's method as the vendor shows it."""
    number = int(line.partition(":")[2])
    shown = next(item for item in lines_of(account, line) if item["line"] == number)
    return str(shown["custcol_revenue_method"]["refName"])


def writes(account: RunningSandbox) -> int:
    """Count the calls that could have changed something."""
    return sum(entry["method"] not in ("GET", "POST") for entry in account.requests())


async def version_of(erp: SourceWriter, line: str) -> str:
    """Read the version that a caller would have."""
    (record,) = await erp.fetch(Kind.CONTRACT_LINE, [line], BOTH)
    assert record is not None
    return str(record.attributes[VERSION])


async def test_a_method_is_set_on_its_line_only(erp: SourceWriter, account: RunningSandbox, line: str) -> None:
    """The line has it, everything else of the order is as before; the hub's own read shows the same."""
    before = lines_of(account, line)
    receipt = await erp.write(change(line, version=await version_of(erp, line)))
    assert (receipt.external_id, receipt.pending) == (line, None)
    assert method_of(account, line) == "PERCENT_COMPLETE"
    after = lines_of(account, line)
    number = int(line.partition(":")[2])
    assert len(after) == len(before)
    for was, now in zip(before, after, strict=True):
        expected = {k: v for k, v in was.items() if k != "custcol_revenue_method" or was["line"] != number}
        assert {k: v for k, v in now.items() if k in expected} == expected
    (record,) = await erp.fetch(Kind.CONTRACT_LINE, [line], BOTH)
    assert record is not None
    assert record.attributes[METHOD] == "PERCENT_COMPLETE"
    assert await erp.process_state(line) is ProcessState.DONE


async def test_the_other_way_to_sign_in_writes_too(account: RunningSandbox, line: str) -> None:
    """A signed call may write as well as a bearer's."""
    signed = netsuite_by_signature(account, {})
    assert isinstance(signed, NetSuiteAdapter)
    await signed.write(change(line))
    await signed.aclose()
    assert method_of(account, line) == "PERCENT_COMPLETE"


async def test_only_revenue_methods_are_offered(erp: SourceWriter, account: RunningSandbox) -> None:
    """Nothing else of the ERP is written, and asking for it costs no call."""
    assert erp.actions == {Kind.CONTRACT_LINE: frozenset({"update"})}
    for kind, action in ((Kind.CONTRACT_LINE, "create"), (Kind.PROJECT, "update"), (Kind.INVOICE, "create")):
        with pytest.raises(SourceRejected) as refusal:
            await erp.write(replace(change("1:1"), kind=kind, action=action))
        assert refusal.value.reason == "UNSUPPORTED_ACTION"
    assert account.requests() == []


async def test_an_unknown_method_is_refused_with_those_that_exist(
    erp: SourceWriter, account: RunningSandbox, line: str
) -> None:
    """The account's own list decides, before anything is written."""
    with pytest.raises(SourceRejected, match=r"COST_TO_COST, .*, TIME_AND_MATERIALS") as refusal:
        await erp.write(change(line, "WHEN_IT_SUITS_US"))
    assert refusal.value.reason == "INVALID_VALUE"
    assert "SUITS" not in str(refusal.value)
    assert writes(account) == 0
    assert method_of(account, line) == "RATABLE"


@pytest.mark.parametrize("number", ["99", "0"])
async def test_a_line_that_is_not_there_is_refused(
    erp: SourceWriter, account: RunningSandbox, line: str, number: str
) -> None:
    """The vendor would take an unknown number for a new line, or the header's; it never gets to see it."""
    with pytest.raises(SourceRejected) as refusal:
        await erp.write(change(f"{line.partition(':')[0]}:{number}"))
    assert refusal.value.reason == "NONEXISTENT_ID"
    assert writes(account) == 0


async def test_a_stale_version_is_a_conflict(erp: SourceWriter, account: RunningSandbox, line: str) -> None:
    """What somebody changed in between is not overwritten."""
    version = await version_of(erp, line)
    set_method(account, line, "COST_TO_COST")
    account.forget_requests()
    with pytest.raises(VersionConflict):
        await erp.write(change(line, version=version))
    assert writes(account) == 0
    assert method_of(account, line) == "COST_TO_COST"
    assert await erp.verify(change(line, version=version)) is None


async def test_what_is_so_already_is_not_written(erp: SourceWriter, account: RunningSandbox, line: str) -> None:
    """No write, no new stamp at the vendor, no echo on the feed."""
    receipt = await erp.write(change(line, "RATABLE"))
    assert receipt.external_id == line
    assert writes(account) == 0


@pytest.mark.parametrize(
    ("entry", "column"),
    [
        ("contract_line.revenue_method", "transactionline.custcol_project"),
        ("contract_line.revenue_method", "transactionline.custcol_gone"),
        ("contract_line.revenue_methods", "customlist_gone.name"),
    ],
)
async def test_an_account_that_lacks_a_mapped_field_is_for_a_person(
    connection: Connection, account: RunningSandbox, line: str, entry: str, column: str
) -> None:
    """A property that a sales order's line does not have, a missing column or list: each names the mapping's entry."""
    erp = NetSuiteAdapter("erp", connection.transport, versions=VERSIONS, mapping={entry: column})
    with pytest.raises(SourceMisconfigured, match=entry.replace(".", r"\.")):
        await erp.write(change(line))
    assert method_of(account, line) == "RATABLE"


async def test_a_lost_answer_is_found_again(erp: SourceWriter, account: RunningSandbox, line: str) -> None:
    """The outcome is open, nothing is sent twice, reading back tells; then a repeat writes nothing."""
    version = await version_of(erp, line)
    account.set_fault("lost-reply", method="PATCH")
    with pytest.raises(WriteOutcomeUnknown):
        await erp.write(change(line, version=version))
    assert writes(account) == 1
    account.clear_faults()
    receipt = await erp.verify(change(line, version=version))
    assert receipt is not None
    assert receipt.external_id == line
    assert await erp.write(change(line)) == receipt
    assert writes(account) == 1
    assert method_of(account, line) == "PERCENT_COMPLETE"


async def test_an_answer_of_nonsense_leaves_the_outcome_open(
    erp: SourceWriter, account: RunningSandbox, line: str
) -> None:
    """A status of success that nobody expected is no refusal."""
    account.set_fault("malformed", method="PATCH")
    with pytest.raises(WriteOutcomeUnknown):
        await erp.write(change(line))
    account.clear_faults()
    assert await erp.verify(change(line)) is not None


@pytest.mark.parametrize("fault", ["down", "reset-before", "error", "html"])
async def test_a_write_that_never_happened_is_known_to_be_none(
    erp: SourceWriter, account: RunningSandbox, line: str, fault: str
) -> None:
    """The hub cannot know at once; reading back says none, and the repeat with the old version is good."""
    version = await version_of(erp, line)
    account.set_fault(fault, method="PATCH")
    with pytest.raises(WriteOutcomeUnknown):
        await erp.write(change(line, version=version))
    assert writes(account) == 1
    account.clear_faults()
    assert await erp.verify(change(line, version=version)) is None
    await erp.write(change(line, version=version))
    assert method_of(account, line) == "PERCENT_COMPLETE"


@pytest.mark.parametrize("fault", ["lost-reply", "down", "error"])
async def test_a_failure_before_the_write_is_no_open_outcome(
    erp: SourceWriter, account: RunningSandbox, line: str, fault: str
) -> None:
    """As long as only reading was done nothing was sent; one failure of each read is overcome."""
    account.set_fault(fault, match="suiteql")
    with pytest.raises(SourceUnavailable) as failure:
        await erp.write(change(line))
    assert failure.value.sent is False
    with pytest.raises(SourceUnavailable):
        await erp.verify(change(line))
    account.clear_faults()
    account.set_fault(fault, match="suiteql", count=2)
    await erp.write(change(line))
    assert writes(account) == 1
    assert method_of(account, line) == "PERCENT_COMPLETE"


async def test_a_refusal_for_the_rate_may_be_repeated(erp: SourceWriter, account: RunningSandbox, line: str) -> None:
    """Throttled is not carried out: the transport tries again by itself, and says so when that does not help."""
    account.set_fault("throttle", method="PATCH", count=1)
    await erp.write(change(line))
    assert method_of(account, line) == "PERCENT_COMPLETE"
    account.set_fault("throttle", method="PATCH")
    with pytest.raises(SourceThrottled):
        await erp.write(change(line, "RATABLE"))


async def test_a_system_that_is_not_there_was_sent_nothing() -> None:
    """A refused connection leaves nothing to verify."""
    with start_sandbox("netsuite") as running:
        made = connect(SYSTEMS["netsuite"], running)
        await made.adapter.ping()
        await made.adapter.aclose()
    assert isinstance(made.adapter, NetSuiteAdapter)
    with pytest.raises(SourceUnavailable) as failure:
        await made.adapter.write(change("1:1"))
    assert failure.value.sent is False
    await made.adapter.aclose()

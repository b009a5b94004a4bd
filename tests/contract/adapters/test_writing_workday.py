"""Skills written to Workday: processes started, followed to their end, refused, lost at every step, repeated."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from hub.domain.kinds import Kind
from hub.errors import (
    SourceMisconfigured,
    SourceRejected,
    SourceShapeBroken,
    SourceThrottled,
    SourceUnavailable,
    VersionConflict,
    WriteOutcomeUnknown,
)
from hub.ports import ProcessState, SourceWrite, SourceWriter
from sources.sandbox.firm.vendor_ids import workday_wid
from sources.sandbox.workday import Settings
from sources.workday import WorkdayAdapter
from tests.contract.adapters.systems import SYSTEMS, Connection, connect
from tests.support.sandboxes import RunningSandbox, SettableClock, small_firm, start_sandbox

PEOPLE = [p for p in small_firm().people if p.terminated is None and len(p.skills) >= 2]
GONE = next(p for p in small_firm().people if p.terminated is not None)
LOSSES = ["lost-reply", "half-body", "malformed"]
_numbers = itertools.count()
Json = dict[str, Any]


@dataclass(frozen=True)
class Tenant:
    """The vendor's own API on a tenant whose processes take an hour of a clock that stands still."""

    sandbox: RunningSandbox
    clock: SettableClock

    def call(self, method: str, path: str, **arguments: Any) -> Json:
        """One successful call's body."""
        headers = {"Authorization": self.sandbox.authorization()}
        name = self.sandbox.credentials.workday.tenant
        service, _, rest = path.partition("/")
        version = {"staffing": "v6", "businessProcess": "v1"}[service]
        url = f"{self.sandbox.base_url}/ccx/api/{service}/{version}/{name}/{rest}"
        answer = httpx.request(method, url, headers=headers, trust_env=False, **arguments)
        assert answer.status_code < 300, answer.text
        found: Json = answer.json()
        return found

    def skills(self, wid: str) -> set[str]:
        """The names of a worker's skills."""
        rows = self.call("GET", f"staffing/workers/{wid}/explicitSkills", params={"limit": 100})["data"]
        return {row["skillItem"]["descriptor"] for row in rows}

    def events(self, wid: str) -> list[str]:
        """The ids of a worker's events, newest first."""
        rows = self.call("GET", "businessProcess/events", params={"worker": wid, "limit": 100})["data"]
        return [row["id"] for row in rows]

    def pass_time(self) -> None:
        """Let an hour pass: every process that waits for nobody ends."""
        self.clock.now += timedelta(hours=1)


@pytest.fixture(scope="module")
def tenant() -> Iterator[Tenant]:
    """Give one tenant for all tests; each of them takes a worker of its own."""
    clock = SettableClock()
    with start_sandbox(
        "workday", clock=clock, settings=Settings(event_delay_s=3600, token_lifetime_s=10**9)
    ) as running:
        yield Tenant(running, clock)


@pytest.fixture
async def connection(tenant: Tenant) -> AsyncIterator[Connection]:
    """Give a signed-in adapter on the tenant, without faults."""
    tenant.sandbox.clear_faults()
    made = connect(SYSTEMS["workday"], tenant.sandbox)
    await made.adapter.ping()
    tenant.sandbox.forget_requests()
    yield made
    await made.adapter.aclose()
    tenant.sandbox.clear_faults()


@pytest.fixture
def hcm(connection: Connection) -> SourceWriter:
    """Give the adapter as a writer."""
    return writer(connection)


@pytest.fixture
def worker(tenant: Tenant) -> str:
    """Give a worker on whom nothing is pending."""
    tenant.pass_time()
    return workday_wid("worker", PEOPLE[next(_numbers) % len(PEOPLE)].n)


def writer(connection: Connection) -> SourceWriter:
    """The adapter as what it is."""
    assert isinstance(connection.adapter, WorkdayAdapter)
    return connection.adapter


def skills(wid: str, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> SourceWrite:
    """A change of a worker's skills."""
    return SourceWrite("update_skills", Kind.RESOURCE, wid, {"add": add, "remove": remove}, "token")


def fresh(name: str = "Skill") -> str:
    """A skill that nobody has."""
    return f"{name} {next(_numbers)}"


def writes(tenant: Tenant) -> list[str]:
    """The methods of the calls that start processes."""
    return [c["method"] for c in tenant.sandbox.requests() if c["method"] != "GET" and "explicitSkills" in c["path"]]


async def test_skills_change_when_their_processes_end(hcm: SourceWriter, tenant: Tenant, worker: str) -> None:
    """Accepted first, applied later, and then as the hub reads them."""
    held = sorted(tenant.skills(worker))
    one, other = fresh(), fresh()
    change = skills(worker, add=(one, other), remove=(held[0],))
    receipt = await hcm.write(change)
    assert receipt.external_id == worker
    assert receipt.pending is not None
    assert len(receipt.pending.split(",")) == 3
    assert tenant.skills(worker) == set(held)
    assert await hcm.process_state(receipt.pending) is ProcessState.PENDING
    tenant.pass_time()
    assert await hcm.process_state(receipt.pending) is ProcessState.DONE
    assert tenant.skills(worker) == {*held[1:], one, other}
    (record,) = await hcm.fetch(Kind.RESOURCE, [worker], frozenset({"skills"}))
    assert record is not None
    assert record.attributes == {"skills": tuple(sorted([*held[1:], one, other]))}
    verified = await hcm.verify(change)
    assert verified is not None
    assert verified.pending is None


async def test_what_is_so_already_starts_nothing(hcm: SourceWriter, tenant: Tenant, worker: str) -> None:
    """Whatever the letter case; the receipt has no handle."""
    held = min(tenant.skills(worker))
    before = tenant.events(worker)
    receipt = await hcm.write(skills(worker, add=(held.upper(), f" {held} "), remove=(fresh(),)))
    assert (receipt.external_id, receipt.pending) == (worker, None)
    assert tenant.events(worker) == before


async def test_a_denied_process_is_refused() -> None:
    """Also when another of the same change has been approved."""
    with start_sandbox("workday", settings=Settings(event_delay_s=None)) as running:
        tenant = Tenant(running, SettableClock())
        made = connect(SYSTEMS["workday"], running)
        wid = workday_wid("worker", PEOPLE[0].n)
        receipt = await writer(made).write(skills(wid, add=("Falconry", "Weaving")))
        assert receipt.pending is not None
        events = receipt.pending.split(",")
        for event, decision in zip(events, ("approve", "deny"), strict=True):
            (step,) = tenant.call("GET", f"businessProcess/events/{event}/remainingSteps")["data"]
            assert await writer(made).process_state(receipt.pending) is ProcessState.PENDING
            tenant.call("POST", f"businessProcess/eventSteps/{step['id']}/{decision}", json={"comment": "Decided"})
        assert await writer(made).process_state(receipt.pending) is ProcessState.REFUSED
        assert await writer(made).process_state(events[0]) is ProcessState.DONE
        assert tenant.skills(wid) == {*PEOPLE[0].skills, "Falconry"}
        await made.adapter.aclose()


async def test_a_process_without_delay_is_done_at_once() -> None:
    """There is nothing to wait for, and no handle says so."""
    with start_sandbox("workday", settings=Settings(event_delay_s=0)) as running:
        made = connect(SYSTEMS["workday"], running)
        wid = workday_wid("worker", PEOPLE[0].n)
        change = skills(wid, add=("Falconry",))
        receipt = await writer(made).write(change)
        assert receipt.pending is None
        assert await writer(made).verify(change) == receipt
        await made.adapter.aclose()


# Refusals.


async def test_a_conflicting_process_is_a_refusal(hcm: SourceWriter, tenant: Tenant, worker: str) -> None:
    """One skill alone the vendor refuses; of several none is started."""
    name = fresh()
    await hcm.write(skills(worker, add=(name,)))
    before = tenant.events(worker)
    for add in ((name,), (fresh(), name)):
        with pytest.raises(SourceRejected) as refusal:
            await hcm.write(skills(worker, add=add))
        assert refusal.value.reason == "PENDING_EVENT"
    assert tenant.events(worker) == before


async def test_a_stale_version_is_refused_before_any_write(hcm: SourceWriter, tenant: Tenant, worker: str) -> None:
    """And a current one is not."""
    (record,) = await hcm.fetch(Kind.RESOURCE, [worker], frozenset({"version"}))
    assert record is not None
    change = replace(skills(worker, add=(fresh(),)), version=str(record.attributes["version"]))
    await hcm.write(change)
    tenant.pass_time()
    tenant.sandbox.forget_requests()
    with pytest.raises(VersionConflict):
        await hcm.write(replace(change, values={"add": (fresh(),)}))
    assert writes(tenant) == []


@pytest.mark.parametrize(
    ("wid", "reason"),
    [("f" * 32, "NOT_FOUND"), ("../x", "NOT_FOUND"), ("Employee_ID=1", "NOT_FOUND"), (None, "NOT_FOUND")],
)
async def test_an_unknown_worker_is_refused(hcm: SourceWriter, tenant: Tenant, wid: str | None, reason: str) -> None:
    """An id that is none never becomes part of a path."""
    with pytest.raises(SourceRejected) as refusal:
        await hcm.write(replace(skills("x", add=("Rust",)), external_id=wid))
    assert refusal.value.reason == reason
    assert writes(tenant) == []


async def test_a_terminated_worker_is_refused(hcm: SourceWriter) -> None:
    """By the vendor, whose words stay there."""
    with pytest.raises(SourceRejected) as refusal:
        await hcm.write(skills(workday_wid("worker", GONE.n), add=(fresh(),)))
    assert "terminated" not in str(refusal.value)


# Lost answers.


@pytest.mark.parametrize("fault", LOSSES)
async def test_a_lost_addition_is_found_while_it_is_pending_and_after(
    hcm: SourceWriter, tenant: Tenant, worker: str, fault: str
) -> None:
    """One event, whichever way one asks."""
    change = skills(worker, add=(fresh(),))
    before = len(tenant.events(worker))
    tenant.sandbox.set_fault(fault, method="POST", match="explicitSkills", count=1)
    with pytest.raises(WriteOutcomeUnknown):
        await hcm.write(change)
    found = await hcm.verify(change)
    assert found is not None
    assert found.pending == tenant.events(worker)[0]
    with pytest.raises(SourceRejected):
        await hcm.write(change)
    tenant.pass_time()
    assert await hcm.process_state(found.pending) is ProcessState.DONE
    after = await hcm.verify(change)
    assert after is not None
    assert after.pending is None
    assert len(tenant.events(worker)) == before + 1


async def test_a_change_that_stopped_half_way_is_finished(hcm: SourceWriter, tenant: Tenant, worker: str) -> None:
    """Nothing is answered while its first process is pending; then writing again makes only the rest."""
    held = min(tenant.skills(worker))
    change = skills(worker, add=(fresh(), fresh()), remove=(held,))
    before = len(tenant.events(worker))
    tenant.sandbox.set_fault("lost-reply", method="POST", match="explicitSkills", count=1)
    with pytest.raises(WriteOutcomeUnknown):
        await hcm.write(change)
    with pytest.raises(SourceUnavailable):
        await hcm.verify(change)
    tenant.pass_time()
    assert await hcm.verify(change) is None
    tenant.sandbox.forget_requests()
    await hcm.write(change)
    assert writes(tenant) == ["POST", "DELETE"]
    assert await hcm.verify(change) is not None
    assert len(tenant.events(worker)) == before + 3


async def test_a_change_whose_last_step_was_lost_is_found_whole(hcm: SourceWriter, tenant: Tenant, worker: str) -> None:
    """All its processes are pending."""
    change = skills(worker, add=(fresh(), fresh()), remove=(min(tenant.skills(worker)),))
    tenant.sandbox.set_fault("lost-reply", method="DELETE", match="explicitSkills", count=1)
    with pytest.raises(WriteOutcomeUnknown):
        await hcm.write(change)
    found = await hcm.verify(change)
    assert found is not None
    assert found.pending is not None
    assert set(found.pending.split(",")) == set(tenant.events(worker)[:3])


@pytest.mark.parametrize("fault", ["down", "reset-before", "error", "html"])
async def test_a_write_that_may_have_arrived_is_unknown_and_then_known_not_to_have(
    hcm: SourceWriter, tenant: Tenant, worker: str, fault: str
) -> None:
    """Sent once, never repeated, and read back as not there."""
    change = skills(worker, add=(fresh(),))
    before = tenant.events(worker)
    tenant.sandbox.set_fault(fault, method="POST", match="explicitSkills")
    with pytest.raises(WriteOutcomeUnknown):
        await hcm.write(change)
    tenant.sandbox.clear_faults()
    assert writes(tenant) == ["POST"]
    assert await hcm.verify(change) is None
    assert tenant.events(worker) == before


async def test_a_process_on_something_else_leaves_the_answer_open(
    hcm: SourceWriter, tenant: Tenant, worker: str
) -> None:
    """Display text is no evidence against a match, so one waits."""
    await hcm.write(skills(worker, add=(fresh("Other"),)))
    with pytest.raises(SourceUnavailable, match="may be the one"):
        await hcm.verify(skills(worker, add=(fresh("Mine"),)))


async def test_a_read_that_fails_before_the_write_means_that_nothing_was_sent(
    hcm: SourceWriter, tenant: Tenant, worker: str
) -> None:
    """Whatever became of the read."""
    tenant.sandbox.set_fault("down", method="GET")
    with pytest.raises(SourceUnavailable) as failure:
        await hcm.write(skills(worker, add=(fresh(),)))
    assert not failure.value.sent
    assert writes(tenant) == []
    with pytest.raises(SourceUnavailable):
        await hcm.verify(skills(worker, add=(fresh(),)))


async def test_a_throttled_first_step_was_not_carried_out(hcm: SourceWriter, tenant: Tenant, worker: str) -> None:
    """A later one leaves the fate open."""
    tenant.sandbox.set_fault("throttle", method="POST", match="explicitSkills")
    with pytest.raises(SourceThrottled):
        await hcm.write(skills(worker, add=(fresh(),)))
    tenant.sandbox.clear_faults()
    tenant.sandbox.set_fault("throttle", method="DELETE")
    with pytest.raises(WriteOutcomeUnknown):
        await hcm.write(skills(worker, add=(fresh(),), remove=(min(tenant.skills(worker)),)))


async def test_an_unknown_status_is_drift(hcm: SourceWriter, tenant: Tenant, worker: str) -> None:
    """Neither done nor refused is guessed."""
    receipt = await hcm.write(skills(worker, add=(fresh(),)))
    assert receipt.pending is not None
    tenant.sandbox.set_fault("drift", field="status", change="remove", match="businessProcess")
    with pytest.raises(SourceShapeBroken, match="status"):
        await hcm.process_state(receipt.pending)


async def test_a_missing_right_is_for_a_person() -> None:
    """The API client lacks the area of skills."""
    with start_sandbox("workday", settings=Settings(scopes=frozenset({"System"}))) as running:
        made = connect(SYSTEMS["workday"], running)
        with pytest.raises(SourceMisconfigured):
            await writer(made).write(skills(workday_wid("worker", PEOPLE[0].n), add=("Rust",)))
        await made.adapter.aclose()

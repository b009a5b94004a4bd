"""Workday's writes: what is refused before any call, matching of events, and errors without the vendor's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from hub.domain.kinds import Kind
from hub.domain.records import Value
from hub.errors import SourceRejected, SourceShapeBroken, SourceUnavailable, WriteOutcomeUnknown
from hub.ports import ProcessState, SourceWrite
from sources.transport import Limits, Transport
from sources.workday import Wording, WorkdayAdapter, classify
from sources.workday.writes import EVENT_STATES
from tests.support.versions import VERSIONS

WID = "ab" * 16
Json = dict[str, Any]


class Tenant:
    """A tenant with one worker: `skills` and `events` as they are listed; `answer` to what is written."""

    def __init__(self) -> None:
        self.skills: list[str] = []
        self.events: list[tuple[str, str]] = []
        self.requests: list[httpx.Request] = []
        self.answer: Callable[[httpx.Request], httpx.Response] = lambda _: started("e1")

    def adapter(self, **settings: Any) -> WorkdayAdapter:
        """An adapter that talks to this tenant."""

        def client(**arguments: Any) -> httpx.AsyncClient:
            return httpx.AsyncClient(base_url=arguments["base_url"], transport=httpx.MockTransport(self._serve))

        transport = Transport(
            "hcm", "http://workday.test", limits=Limits(attempts=1), classify=classify, client_factory=client
        )
        return WorkdayAdapter("hcm", transport, tenant="firm", versions=VERSIONS, **settings)

    def written(self) -> list[str]:
        """The methods of the writing calls."""
        return [request.method for request in self.requests if request.method != "GET"]

    def _serve(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.method != "GET":
            return self.answer(request)
        if request.url.path.endswith("/explicitSkills"):
            rows: list[Json] = [
                {"id": f"s{n}", "skillItem": {"id": f"i{n}", "descriptor": name}} for n, name in enumerate(self.skills)
            ]
        else:
            rows = [
                {"id": f"e{n}", "descriptor": text, "status": {"descriptor": status}}
                for n, (text, status) in enumerate(self.events)
            ]
            last = request.url.path.rpartition("/")[2]
            if last != "events":
                return httpx.Response(200, json=next(row for row in rows if row["id"] == last))
        return httpx.Response(200, json={"total": len(rows), "data": rows})


@pytest.fixture
def tenant() -> Tenant:
    """Give a tenant whose worker has no skill."""
    return Tenant()


def started(event: str, status: str = "In Progress") -> httpx.Response:
    """The answer to a write."""
    process = {"overallBusinessProcess": {"id": event}, "overallStatus": status}
    return httpx.Response(201, json={"id": "x", "businessProcessParameters": process})


def skills(**values: Value) -> SourceWrite:
    """A change of the worker's skills."""
    return SourceWrite("update_skills", Kind.RESOURCE, WID, values, "token")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"add": "Rust"}, "add"),
        ({"add": ("Rust", " ")}, "add"),
        ({"remove": None}, "remove"),
        ({"add": ("Rust",), "remove": ("rust",)}, "same skill"),
        ({"skills": ("Rust",)}, "skills"),
    ],
)
async def test_unfit_values_are_refused_before_any_call(tenant: Tenant, values: dict[str, Value], named: str) -> None:
    """By name, with the same reason for all."""
    for deed in (tenant.adapter().write, tenant.adapter().verify):
        with pytest.raises(SourceRejected, match=named) as refusal:
            await deed(skills(**values))
        assert refusal.value.reason == "INVALID_VALUE"
    assert tenant.requests == []


@pytest.mark.parametrize(
    ("text", "skill", "matches"),
    [
        ("Add Skill Rust: Ada", "rust", True),
        ("Add Skill Trust: Ada", "Rust", False),
        ("Add Skill C++: Ada", "C", False),
        ("Add Skill C++: Ada", "C++", True),
        ("Add Skill C: Ada", "C#", False),
        ("Manage Skills (Data Modelling)", "Data modelling", True),
        ("Title Change: Ada", "Rust", False),
    ],
)
async def test_an_event_is_matched_by_whole_words(tenant: Tenant, text: str, skill: str, *, matches: bool) -> None:
    """What is not matched leaves the answer open."""
    tenant.events = [("Old", "Successfully Completed"), (text, "In Progress")]
    if matches:
        found = await tenant.adapter().verify(skills(add=(skill,)))
        assert found is not None
        assert found.pending == "e1"
    else:
        with pytest.raises(SourceUnavailable):
            await tenant.adapter().verify(skills(add=(skill,)))


async def test_events_are_read_before_skills(tenant: Tenant) -> None:
    """A process that ends in between is seen in the skills."""
    await tenant.adapter().verify(skills(add=("Rust",)))
    assert [request.url.path.rpartition("/")[2] for request in tenant.requests] == ["events", "explicitSkills"]


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        (["In Progress", "Successfully Completed"], ProcessState.PENDING),
        (["Successfully Completed", "Successfully Completed"], ProcessState.DONE),
        (["In Progress", "Denied"], ProcessState.REFUSED),
        (["Successfully Completed", "Canceled"], ProcessState.REFUSED),
    ],
)
async def test_the_states_of_several_events(tenant: Tenant, statuses: list[str], state: ProcessState) -> None:
    """Done when all are."""
    tenant.events = [("Add Skill", status) for status in statuses]
    assert await tenant.adapter().process_state("e0,e1") is state


async def test_statuses_in_another_language(tenant: Tenant) -> None:
    """A setting; what it does not hold is drift."""
    tenant.events = [("Fähigkeit", "Erledigt"), ("Fähigkeit", "In Progress")]
    adapter = tenant.adapter(wording=Wording(event_states={"Erledigt": ProcessState.DONE}))
    assert await adapter.process_state("e0") is ProcessState.DONE
    with pytest.raises(SourceShapeBroken):
        await adapter.process_state("e1")
    assert EVENT_STATES["In Progress"] is ProcessState.PENDING


@pytest.mark.parametrize("body", [None, [], {}, {"businessProcessParameters": {"overallStatus": "In Progress"}}])
async def test_an_answer_without_the_event_leaves_the_fate_open(tenant: Tenant, body: Any) -> None:
    """The process was started; only its handle is not known."""
    tenant.answer = lambda _: httpx.Response(201, json=body)
    with pytest.raises(WriteOutcomeUnknown):
        await tenant.adapter().write(skills(add=("Rust",)))


async def test_what_others_did_in_between_is_no_refusal(tenant: Tenant) -> None:
    """The skill is as wanted, whoever made it so."""

    def others(request: httpx.Request) -> httpx.Response:
        tenant.skills = ["Rust"] if request.method == "POST" else []
        error = {"error": "already", "errors": [{"error": "already", "field": "skillItem"}]}
        return httpx.Response(400 if request.method == "POST" else 404, json=error)

    tenant.answer = others
    assert (await tenant.adapter().write(skills(add=("Rust",)))).pending is None
    assert (await tenant.adapter().write(skills(remove=("Rust",)))).pending is None
    assert tenant.written() == ["POST", "DELETE"]


async def test_a_refusal_after_a_started_process_says_so(tenant: Tenant) -> None:
    """One skill is under way, the other was refused."""
    answers = [started("e1"), httpx.Response(400, json={"error": "x", "errors": [{"error": "x", "code": "A181"}]})]
    tenant.answer = lambda _: answers.pop(0)
    with pytest.raises(SourceRejected) as refusal:
        await tenant.adapter().write(skills(add=("Rust", "Go")))
    assert refusal.value.reason == "PARTLY_APPLIED:A181"


@pytest.mark.parametrize(
    ("finding", "reason"),
    [
        ({"code": "A178", "error": "Secret words"}, "PENDING_EVENT"),
        ({"code": "A181", "field": "comment", "error": "Secret words"}, "A181"),
        ({"field": "skillItem.id", "error": "Secret words"}, "validation:skillItem.id"),
        ({"field": "Secret words, at length", "error": "Secret words"}, "400"),
        ({"error": "Secret words"}, "400"),
    ],
)
async def test_a_refusals_reason_is_stable(tenant: Tenant, finding: Json, reason: str) -> None:
    """The code, else the field; never the vendor's words."""
    tenant.answer = lambda _: httpx.Response(400, json={"error": "Secret words", "errors": [finding]})
    with pytest.raises(SourceRejected) as refusal:
        await tenant.adapter().write(skills(add=("Rust",)))
    assert refusal.value.reason == reason
    assert "Secret" not in str(refusal.value)


@pytest.mark.parametrize("errors", [None, "x", ["x"], []])
async def test_a_refusal_without_findings_has_a_reason(tenant: Tenant, errors: Any) -> None:
    """A proxy's answer too."""
    tenant.answer = lambda _: httpx.Response(400, json={"error": "no", "errors": errors})
    with pytest.raises(SourceRejected) as refusal:
        await tenant.adapter().write(skills(add=("Rust",)))
    assert refusal.value.reason == "400"


async def test_other_actions_are_refused(tenant: Tenant) -> None:
    """Only what `actions` lists."""
    other = SourceWrite("update", Kind.RESOURCE, WID, {}, "token")
    for deed in (tenant.adapter().write, tenant.adapter().verify):
        with pytest.raises(SourceRejected) as refusal:
            await deed(other)
        assert refusal.value.reason == "UNSUPPORTED_ACTION"

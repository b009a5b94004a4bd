"""Mutations and the audit trail through GraphQL: shapes, refusals as data, the caller's own write in the payload."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.domain.kinds import Kind
from hub.domain.ownership import Role
from tests.support.commands import EMAIL, Firm
from tests.support.mutations import Graph


@pytest.fixture
async def graph(migrated_database: str) -> AsyncIterator[Graph]:
    """A graph that takes commands."""
    firm = Firm(migrated_database)
    await firm.start()
    await firm.open()
    yield Graph(firm)
    await firm.close()


async def test_the_payload_shows_the_callers_own_write(graph: Graph) -> None:
    """Kept values, record values and version are the new ones; a replay says so."""
    shown = "project { id name endDate manager { name } records { system version } }"
    given = {"id": graph.firm.ids["project"], "name": "Gemini", "managerId": graph.firm.ids["bob"], "startDate": None}
    payload = await graph.command("updateProject", shown, given)
    assert (payload["status"], payload["errors"], payload["replayed"]) == ("APPLIED", [], False)
    project = payload["project"]
    assert (project["name"], project["manager"]["name"]) == ("Gemini", "bob")
    versions = {record["system"]: record["version"] for record in project["records"]}
    assert versions["psa"] == graph.firm.psa.version(Kind.PROJECT, "1")
    again = await graph.command("updateProject", shown, given)
    assert (again["replayed"], again["correlationId"]) == (True, payload["correlationId"])
    stale = {**given, "idempotencyKey": "k2", "name": "Mercury", "expectedVersion": "0" * 32}
    conflict = await graph.command("updateProject", shown, stale)
    assert (conflict["errors"][0]["code"], conflict["errors"][0]["allowed"]) == ("VERSION_CONFLICT", [versions["psa"]])
    assert conflict["project"]["name"] == "Gemini"


async def test_two_commands_in_one_document_each_show_their_own_result(graph: Graph) -> None:
    """The second payload is not what the first one read."""
    query = """mutation($a: UpdateProjectInput!, $b: UpdateProjectInput!) {
      a: updateProject(input: $a) { project { name } } b: updateProject(input: $b) { project { name } } }"""
    project = graph.firm.ids["project"]
    inputs = {n: {"idempotencyKey": n, "id": project, "name": f"Name {n}"} for n in "ab"}
    body = await graph.ask(query, inputs)
    assert body["data"] == {"a": {"project": {"name": "Name a"}}, "b": {"project": {"name": "Name b"}}}


async def test_a_booking_has_the_contracts_defaults(graph: Graph) -> None:
    """HARD, and no overbooking; the refusal is data."""
    given = {
        "projectId": graph.firm.ids["project"],
        "resourceId": graph.firm.ids["bob"],
        "role": "Consultant",
        "startDate": "2026-06-08",
        "endDate": "2026-06-12",
        "plannedHours": "41.00",
    }
    refused = await graph.command("assignResource", "assignment { id }", given)
    assert (refused["status"], refused["errors"][0]["code"], refused["assignment"]) == ("REJECTED", "OVERBOOKED", None)
    shown = "assignment { booking plannedHours resource { name } project { code } }"
    made = await graph.command("assignResource", shown, {**given, "idempotencyKey": "k2", "plannedHours": 40})
    assert made["assignment"] == {
        "booking": "HARD",
        "plannedHours": "40.00",
        "resource": {"name": "bob"},
        "project": {"code": "P-1"},
    }


async def test_a_service_account_acts_for_the_user_in_the_header(graph: Graph) -> None:
    """The project's lead may approve, the worker may not, and nobody else may use the header."""
    entry = {"id": graph.firm.ids["entry"]}
    service: dict[str, Any] = {"role": Role.SERVICE, "allow": ("approveTimeEntry",)}
    refused = await graph.command("approveTimeEntry", "timeEntry { id }", entry, **service)
    assert refused["errors"][0]["code"] == "ON_BEHALF_OF_REQUIRED"
    worker = await graph.command("approveTimeEntry", "timeEntry { id }", entry, **service, on_behalf_of=EMAIL["bob"])
    assert worker["errors"][0]["code"] == "NOT_PERMITTED"
    lead = {**entry, "idempotencyKey": "k2"}
    approved = await graph.command("approveTimeEntry", "timeEntry { id }", lead, **service, on_behalf_of=EMAIL["ada"])
    assert (approved["status"], approved["timeEntry"]) == ("APPLIED", {"id": entry["id"]})
    person = await graph.command(
        "approveTimeEntry", "timeEntry { id }", entry, role=Role.DELIVERY_MANAGER, on_behalf_of=EMAIL["ada"]
    )
    assert person["errors"][0]["code"] == "NOT_PERMITTED"


async def test_a_link_shows_an_entity_of_any_type(graph: Graph) -> None:
    """The interface's type is the entity's."""
    await graph.firm.put("stray", "erp", Kind.CUSTOMER, "77", {})
    given = {"entityId": graph.firm.ids["customer"], "system": "erp", "kind": "customer", "externalId": "77"}
    shown = "entity { __typename id records { system externalId } }"
    linked = await graph.command("linkRecord", shown, given, role=Role.INTEGRATION_SUPPORT)
    assert linked["entity"]["__typename"] == "Customer"
    assert {"system": "erp", "externalId": "77"} in linked["entity"]["records"]


async def test_a_malformed_scalar_is_an_error_of_the_request(graph: Graph) -> None:
    """It names the argument; the command is not entered anywhere."""
    query = "mutation($input: SubmitTimeEntryInput!) { submitTimeEntry(input: $input) { status } }"
    given = {
        "idempotencyKey": "k",
        "projectId": "p",
        "taskId": "t",
        "resourceId": "r",
        "workDate": "2026-06-31",
        "hours": "1",
    }
    body = await graph.ask(query, {"input": given})
    extensions = body["errors"][0]["extensions"]
    assert (extensions["code"], extensions["argument"]) == ("INVALID_INPUT", "input.workDate")
    assert await graph.firm.states() == []


AUDIT = """query($first: Int, $after: String, $entityId: ID) {
  audit(first: $first, after: $after, entityId: $entityId) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { actor roles onBehalfOf action entityId outcome code values { attribute before after } } } }"""


async def test_the_audit_trail_is_read_by_those_who_may(graph: Graph) -> None:
    """Newest first, in pages; others are refused."""
    project = graph.firm.ids["project"]
    await graph.command("updateProject", "project { id }", {"id": project, "name": "Gemini"})
    await graph.command("updateProject", "project { id }", {"id": project, "name": "X"}, role=Role.EXECUTIVE)
    body = await graph.ask(AUDIT, {"first": 1}, Role.FINANCE_OPS)
    page = body["data"]["audit"]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (2, True)
    assert (page["nodes"][0]["outcome"], page["nodes"][0]["code"]) == ("REJECTED", "NOT_PERMITTED")
    body = await graph.ask(AUDIT, {"first": 1, "after": page["pageInfo"]["endCursor"]}, Role.INTEGRATION_SUPPORT)
    actor = page["nodes"][0]["actor"]
    assert actor == "tester"
    shown = body["data"]["audit"]["nodes"][0].pop("actor")
    assert shown.startswith("Person ")
    assert body["data"]["audit"]["nodes"] == [
        {
            "roles": ["pmo"],
            "onBehalfOf": None,
            "action": "updateProject",
            "entityId": project,
            "outcome": "APPLIED",
            "code": None,
            "values": [{"attribute": "name", "before": "Apollo", "after": "Gemini"}],
        }
    ]
    everything = await graph.ask(AUDIT, {}, Role.INTEGRATION_SUPPORT)
    assert {node["actor"] for node in everything["data"]["audit"]["nodes"]} == {shown}
    refused = await graph.ask(AUDIT, {}, Role.PMO)
    assert refused["errors"][0]["extensions"]["code"] == "NOT_PERMITTED"
    wrong = await graph.ask(AUDIT, {"after": "nonsense"}, Role.FINANCE_OPS)
    assert wrong["errors"][0]["extensions"]["code"] == "INVALID_INPUT"


async def test_support_reads_neither_names_nor_notes_in_the_audit_trail(graph: Graph) -> None:
    """Whoever entered time for whom: the tool by its name, the user by a pseudonym, the note not at all."""
    firm = graph.firm
    given = {
        "projectId": firm.ids["project"],
        "taskId": firm.ids["task"],
        "resourceId": firm.ids["bob"],
        "workDate": "2026-06-16",
        "hours": "8",
        "note": "with Carla",
    }
    grant: dict[str, Any] = {"allow": ("submitTimeEntry",), "on_behalf_of": EMAIL["bob"]}
    done = await graph.command("submitTimeEntry", "timeEntry { id }", given, role=Role.SERVICE, **grant)
    assert done["status"] == "APPLIED", done
    rows = {}
    for role in (Role.INTEGRATION_SUPPORT, Role.FINANCE_OPS):
        body = await graph.ask(AUDIT, {"first": 1}, role)
        (rows[role],) = body["data"]["audit"]["nodes"]
    seen, known = rows[Role.INTEGRATION_SUPPORT], rows[Role.FINANCE_OPS]
    assert (known["actor"], known["onBehalfOf"]) == ("tester", EMAIL["bob"])
    assert (seen["actor"], seen["onBehalfOf"][:7]) == ("tester", "Person ")
    notes = [{v["attribute"]: v["after"] for v in row["values"]}["note"] for row in (known, seen)]
    assert notes == ["with Carla", None]
    assert "bob" not in str(seen)
    assert {v["attribute"] for v in seen["values"]} == {v["attribute"] for v in known["values"]}

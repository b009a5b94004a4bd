"""Commands on the whole hub, as `hub serve` puts it together: tokens, row scope, sandboxes, verification."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from hub.app.tokens import local_token
from hub.domain.ownership import Role
from tests.support.stack import RunningHub, start_firm, start_hub

BOOKED = """{ projects(filter: {stage: [IN_DELIVERY]}, first: 20) { nodes { id tasks { id }
  manager { id email } assignments(first: 5) { nodes { resource { id email status } } } } } }"""


def give(hub: RunningHub, mutation: str, shown: str, given: dict[str, Any], token: str, **headers: str) -> Any:
    """Give a command over HTTP, and return its payload."""
    name = "ReviewTimeEntryInput" if "approve" in mutation else mutation[0].upper() + mutation[1:] + "Input"
    answer = f"status replayed errors {{ code message }} {shown}"
    query = f"mutation($input: {name}!) {{ {mutation}(input: $input) {{ {answer} }} }}"
    sent = {"query": query, "variables": {"input": given}}
    signed = {"Authorization": f"Bearer {token}", **headers}
    return hub.http.post(f"{hub.url}/graphql", json=sent, headers=signed).json()["data"][mutation]


def test_time_goes_in_by_a_service_account_and_is_approved_for_the_lead(migrated_database: str, tmp_path: Path) -> None:
    """A grant of one mutation suffices; the worker's approval is refused; a lost reply ends as one entry."""
    with start_firm() as firm, start_hub(firm, migrated_database, tmp_path, verify_settle_seconds=1) as hub:
        hub.wait_until_ready()
        found = hub.ask(BOOKED).body["data"]["projects"]["nodes"]
        project, person = next(
            (p, a["resource"])
            for p in found
            for a in p["assignments"]["nodes"]
            if p["tasks"] and p["manager"] and a["resource"] and a["resource"]["status"] == "ACTIVE"
            if a["resource"]["id"] != p["manager"]["id"]
        )
        clerk = local_token(tmp_path, [Role.SERVICE], allow=["submitTimeEntry", "approveTimeEntry"])
        given = {
            "idempotencyKey": "one",
            "projectId": project["id"],
            "taskId": project["tasks"][0]["id"],
            "resourceId": person["id"],
            "workDate": time.strftime("%Y-%m-%d", time.gmtime()),
            "hours": "1.50",
        }
        firm["kantata"].set_fault("lost-reply", method="POST", match="timesheet_submissions", count=1)
        payload = give(hub, "submitTimeEntry", "timeEntry { id }", given, clerk)
        assert [e["code"] for e in payload["errors"]] == ["WRITE_OUTCOME_UNKNOWN"]
        until = time.monotonic() + 30
        while payload["status"] == "ACCEPTED" and time.monotonic() < until:
            time.sleep(0.2)
            payload = give(hub, "submitTimeEntry", "timeEntry { id }", given, clerk)
        assert (payload["status"], payload["replayed"]) == ("APPLIED", True), payload
        entry = {"idempotencyKey": "two", "id": payload["timeEntry"]["id"]}
        worker = give(hub, "approveTimeEntry", "", entry, clerk, **{"X-Hub-On-Behalf-Of": person["email"]})
        assert [e["code"] for e in worker["errors"]] == ["NOT_PERMITTED"]
        lead = {**entry, "idempotencyKey": "three"}
        approved = give(hub, "approveTimeEntry", "", lead, clerk, **{"X-Hub-On-Behalf-Of": project["manager"]["email"]})
        assert (approved["status"], approved["errors"]) == ("APPLIED", []), approved

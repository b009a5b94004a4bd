"""What changes in the systems of record: at once for who asks for it, with the feed for everybody."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from hub.wiring.hub import Hub
from sources.sandbox.firm.model import ContractLine
from sources.sandbox.firm.vendor_ids import kantata_id, netsuite_id, salesforce_id, workday_wid
from tests.support.stack import FirmSandboxes, RunningHub, path_of, until

pytestmark = pytest.mark.xdist_group("whole-hub")

SALESFORCE = "/services/data/v66.0/sobjects"
KANTATA = "/api/v1"
NETSUITE = "/services/rest/record/v1"
WORKDAY = "/ccx/api/v1/northlight"
STAFFING = "/ccx/api/staffing/v6/northlight"


@dataclass(frozen=True)
class Case:
    """A change of one record: whose, how it is made, and where the graph shows which value then."""

    system: str
    kind: str
    record: Callable[[FirmSandboxes], str]
    change: Callable[[FirmSandboxes, str], object]
    field: str
    shows: Any


def _account(firm: FirmSandboxes, key: str) -> object:
    return firm.change("salesforce", "PATCH", f"{SALESFORCE}/Account/{key}", json={"Name": "Renamed Holdings"})


def _price(firm: FirmSandboxes, key: str) -> object:
    return firm.change("salesforce", "PATCH", f"{SALESFORCE}/Contract_Line__c/{key}", json={"Price__c": 4242.5})


def _title(firm: FirmSandboxes, key: str) -> object:
    return firm.change(
        "kantata", "PUT", f"{KANTATA}/workspaces/{key}", json={"workspace": {"title": "Renamed project"}}
    )


def _due(firm: FirmSandboxes, key: str) -> object:
    return firm.change("kantata", "PUT", f"{KANTATA}/workspaces/{key}", json={"workspace": {"due_date": "2031-02-03"}})


def _lead(firm: FirmSandboxes, key: str) -> object:
    """Make another person than the present one the team lead."""
    members = firm.change("kantata", "GET", f"{KANTATA}/workspaces/{key}", params={"include": "participations"}).json()
    seats = {p["user_id"]: p["id"] for p in members["participations"].values()}
    user = kantata_id("user", NEW_LEAD)
    if user not in seats:
        body = {"participation": {"workspace_id": key, "user_id": user}}
        made = firm.change("kantata", "POST", f"{KANTATA}/participations", json=body).json()
        seats[user] = made["results"][0]["id"]
    lead = {"participation": {"team_lead": True}}
    return firm.change("kantata", "PUT", f"{KANTATA}/participations/{seats[user]}", json=lead)


def _another_line(firm: FirmSandboxes) -> ContractLine:
    """A contract line in dollars that is none of the seed case's, whose figures another test looks at."""
    return next(
        line
        for line in firm.firm.contract_lines[5:]
        if line.revenue_method and line.price.currency == "USD" and firm.firm.contract(line.contract).in_erp
    )


def _a_sales_order_line(firm: FirmSandboxes) -> str:
    """The first line of its contract's order."""
    return f"{netsuite_id('salesorder', _another_line(firm).contract)}:1"


def _a_contract_line(firm: FirmSandboxes) -> str:
    return salesforce_id("Contract_Line__c", _another_line(firm).n)


def _method(firm: FirmSandboxes, key: str) -> object:
    order, _, line = key.partition(":")
    item = {"items": [{"line": int(line), "custcol_revenue_method": {"refName": NEW_METHOD}}]}
    return firm.change("netsuite", "PATCH", f"{NETSUITE}/salesOrder/{order}", json={"item": item})


def _invoice_due(firm: FirmSandboxes, key: str) -> object:
    return firm.change("netsuite", "PATCH", f"{NETSUITE}/invoice/{key}", json={"dueDate": "2031-03-04"})


def _business_title(firm: FirmSandboxes, key: str) -> object:
    path = f"{WORKDAY}/workers/{key}/businessTitleChanges"
    firm.change("workday", "POST", path, json={"proposedBusinessTitle": "Chief Plumber"})
    return until(lambda: _worker(firm, key)["primaryJob"]["businessTitle"] == "Chief Plumber", 5)


def _worker(firm: FirmSandboxes, key: str) -> dict[str, Any]:
    worker: dict[str, Any] = firm.change("workday", "GET", f"{STAFFING}/workers/{key}").json()
    return worker


NEW_LEAD = 5
NEW_METHOD = "HOURS_DRAWDOWN"
FEED_S = 15.0
"""How long a change may take while feeds run every two seconds, on a busy machine."""
CASES = [
    Case("salesforce", "customer", lambda _: salesforce_id("Account", 1), _account, "name", "Renamed Holdings"),
    Case(
        "salesforce",
        "contract_line",
        _a_contract_line,
        _price,
        "price { amount currency }",
        {"amount": "4242.50", "currency": "USD"},
    ),
    Case("kantata", "project", lambda _: kantata_id("workspace", 1), _title, "name", "Renamed project"),
    Case("kantata", "project", lambda _: kantata_id("workspace", 1), _due, "endDate", "2031-02-03"),
    Case("netsuite", "contract_line", _a_sales_order_line, _method, "revenueMethod", NEW_METHOD),
    Case("netsuite", "invoice", lambda _: netsuite_id("invoice", 1), _invoice_due, "dueOn", "2031-03-04"),
    Case("workday", "resource", lambda _: workday_wid("worker", 6), _business_title, "title", "Chief Plumber"),
]
TYPES = {
    "customer": "Customer",
    "contract_line": "ContractLine",
    "project": "Project",
    "invoice": "Invoice",
    "resource": "Resource",
}


def _ask(hub: RunningHub, case: Case, entity: str, *, fresh: bool) -> Any:
    name = case.field.partition(" ")[0]
    query = f"query Q($id: ID!) {{ node(id: $id) {{ ... on {TYPES[case.kind]} {{ {case.field} }} }} }}"
    answer = hub.fresh(query, {"id": entity}) if fresh else hub.ask(query, {"id": entity})
    return answer.data["node"][name]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.system}-{case.kind}-{case.field.partition(' ')[0]}")
def test_a_changed_value_shows_at_once_to_who_asks_for_fresh_ones(
    hub: RunningHub, firm: FirmSandboxes, case: Case
) -> None:
    """Others see what is cached until it is too old or the feed brings the change; then they see the same."""
    key = case.record(firm)
    entity = hub.entity(case.system, case.kind, key)
    assert entity is not None
    before = _ask(hub, case, entity, fresh=False)
    assert before != case.shows
    case.change(firm, key)
    assert _ask(hub, case, entity, fresh=False) == before
    assert _ask(hub, case, entity, fresh=True) == case.shows
    assert _ask(hub, case, entity, fresh=False) == case.shows


def test_a_new_team_lead_is_the_manager_at_once(hub: RunningHub, firm: FirmSandboxes) -> None:
    """Also for who finds projects by their manager, once the feed has run."""
    key = kantata_id("workspace", 2)
    entity = hub.entity("kantata", "project", key)
    manager = hub.entity("workday", "resource", workday_wid("worker", NEW_LEAD))
    query = "query Q($id: ID!) { project(id: $id) { manager { id } } }"
    assert hub.ask(query, {"id": entity}).data["project"]["manager"] != {"id": manager}
    _lead(firm, key)
    assert hub.fresh(query, {"id": entity}).data["project"]["manager"] == {"id": manager}
    hub.run_feeds()
    assert hub.ask(query, {"id": entity}).data["project"]["manager"] == {"id": manager}
    by_manager = "query Q($manager: [ID!]) { projects(filter: {manager: $manager}) { nodes { id } } }"
    assert {"id": entity} in hub.ask(by_manager, {"manager": [manager]}).data["projects"]["nodes"]


def test_a_new_customer_shows_with_the_feed_and_goes_with_its_deletion(hub: RunningHub, firm: FirmSandboxes) -> None:
    """Salesforce tells of deletions: the entity leaves lists, and its id is null from then on."""
    query = '{ customers(search: "late comer") { nodes { id name region } } }'
    body = {"Name": "Late Comer Ltd", "Region__c": "EMEA"}
    made = firm.change("salesforce", "POST", f"{SALESFORCE}/Account", json=body).json()["id"]
    assert hub.fresh(query).data["customers"]["nodes"] == []
    hub.run_feeds()
    (found,) = hub.ask(query).data["customers"]["nodes"]
    assert (found["name"], found["region"]) == ("Late Comer Ltd", "EMEA")
    firm.change("salesforce", "DELETE", f"{SALESFORCE}/Account/{made}")
    hub.run_feeds()
    assert hub.ask(query).data["customers"]["nodes"] == []
    assert hub.ask("query Q($id: ID!) { node(id: $id) { id } }", {"id": found["id"]}).data["node"] is None


def test_feeds_bring_new_and_deleted_children_without_being_told(hub: RunningHub, firm: FirmSandboxes) -> None:
    """A Kantata story comes and goes within the feed's own interval."""
    project = hub.entity("kantata", "project", kantata_id("workspace", 3))
    query = "query Q($id: ID!) { project(id: $id) { tasks { name } } }"

    def has_it() -> bool:
        tasks = hub.ask(query, {"id": project}).data["project"]["tasks"]
        return {"name": "Forgotten work"} in tasks

    assert not has_it()
    story = {"title": "Forgotten work", "workspace_id": kantata_id("workspace", 3), "story_type": "task"}
    made = firm.change("kantata", "POST", f"{KANTATA}/stories", json={"story": story}).json()["results"][0]["id"]
    hub.pause_feeds(on=False)
    until(has_it, FEED_S)
    firm.change("kantata", "DELETE", f"{KANTATA}/stories/{made}")
    until(lambda: not has_it(), FEED_S)


def test_an_invoice_comes_and_goes_with_the_feed(hub: RunningHub, firm: FirmSandboxes) -> None:
    """NetSuite lists what it has deleted."""
    key = hub.entity("netsuite", "project", netsuite_id("job", 1))
    query = "query Q($id: ID!) { project(id: $id) { invoices { nodes { number total { amount } } } } }"
    before = hub.ask(query, {"id": key}).data["project"]["invoices"]["nodes"]
    line = {"item": {"id": "1"}, "amount": 123.25, "custcol_project": {"id": netsuite_id("job", 1)}}
    body = {"entity": {"id": netsuite_id("customer", firm.firm.projects[0].customer or 0)}, "item": {"items": [line]}}
    made = path_of(firm.change("netsuite", "POST", f"{NETSUITE}/invoice", json=body))
    hub.run_feeds()
    after = hub.ask(query, {"id": key}).data["project"]["invoices"]["nodes"]
    assert [i["total"]["amount"] for i in after if i not in before] == ["123.25"]
    firm.change("netsuite", "DELETE", made)
    hub.run_feeds()
    assert hub.ask(query, {"id": key}).data["project"]["invoices"]["nodes"] == before


def test_what_a_system_forgets_silently_is_gone_after_two_answers_a_minute_apart(
    hub: RunningHub, firm: FirmSandboxes
) -> None:
    """A Kantata time entry leaves no trace: absence alone is never deletion."""
    own = next(e for e in firm.firm.time_entries if e.state == "DRAFT")
    key = kantata_id("time_entry", own.n)
    entity = hub.entity("kantata", "time_entry", key)
    query = "query Q($id: ID!) { node(id: $id) { id } }"
    firm.change("kantata", "DELETE", f"{KANTATA}/time_entries/{key}")
    hub.run_feeds()
    assert hub.ask(query, {"id": entity}).data["node"] == {"id": entity}
    hub.run_feeds(full=True)
    hub.pause_feeds(on=False)
    hub.do(lambda running: running.worker.run("probe", False))
    assert hub.ask(query, {"id": entity}).data["node"] == {"id": entity}
    hub.do(_a_minute_passes)
    hub.do(lambda running: running.worker.run("probe", False))
    assert hub.ask(query, {"id": entity}).data["node"] is None


async def _a_minute_passes(hub: Hub) -> None:
    async with hub.engine.begin() as connection:
        await connection.execute(text("UPDATE record SET missing_since = missing_since - interval '61 s'"))

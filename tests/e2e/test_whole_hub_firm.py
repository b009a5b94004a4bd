"""What the generated firm's known places look like in the graph: its mess, and the seed case's figures."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from sources.sandbox.firm.model import Contract
from sources.sandbox.firm.seedcase import NAME
from sources.sandbox.firm.vendor_ids import kantata_id, netsuite_id, salesforce_id, workday_wid
from tests.support.stack import FirmSandboxes, RunningHub

pytestmark = pytest.mark.xdist_group("whole-hub")


def mess(firm: FirmSandboxes, name: str) -> Mapping[str, list[int]]:
    """The numbers of the objects of one irregularity, by type."""
    found: dict[str, list[int]] = {}
    for kind, number in next(m for m in firm.firm.mess if m.name == name).objects:
        found.setdefault(kind, []).append(number)
    return found


def node(hub: RunningHub, system: str, kind: str, external_id: str, selection: str) -> dict[str, Any]:
    """What the graph says of the entity behind a record."""
    entity = hub.entity(system, kind, external_id)
    assert entity is not None
    found: dict[str, Any] = hub.ask(f"query Q($id: ID!) {{ node(id: $id) {{ id {selection} }} }}", {"id": entity}).data[
        "node"
    ]
    return found


def project(hub: RunningHub, firm: FirmSandboxes, number: int, selection: str) -> dict[str, Any]:
    """What the graph says of a project."""
    known = firm.firm.project(number)
    system, key = (
        ("kantata", kantata_id("workspace", number)) if known.in_psa else ("netsuite", netsuite_id("job", number))
    )
    return node(hub, system, "project", key, f"... on Project {{ {selection} }}")


def test_a_duplicate_project_master_is_a_second_project_on_the_line(hub: RunningHub, firm: FirmSandboxes) -> None:
    """Both belong to the contract; only the first has the books."""
    duplicate, first = mess(firm, "duplicate project master")["project"]
    line = mess(firm, "duplicate project master")["contract_line"][0]
    selection = "code records { system } contract { projects { id } } tasks { contractLine { id } }"
    two, one = project(hub, firm, duplicate, selection), project(hub, firm, first, selection)
    assert two["id"] != one["id"]
    assert {two["id"], one["id"]} <= {p["id"] for p in one["contract"]["projects"]}
    assert [r["system"] for r in two["records"]] == ["kantata"]
    assert {r["system"] for r in one["records"]} == {"kantata", "netsuite"}
    entity = hub.entity("salesforce", "contract_line", salesforce_id("Contract_Line__c", line))
    assert {"contractLine": {"id": entity}} in two["tasks"]
    assert {"contractLine": {"id": entity}} in one["tasks"]


def test_a_project_that_only_one_of_psa_and_erp_knows_waits_at_the_gate(hub: RunningHub, firm: FirmSandboxes) -> None:
    """With what there is: approved time without actuals, or books without delivery."""
    (no_books,) = mess(firm, "project missing in the ERP")["project"]
    selection = "stage records { system } invoices { totalCount } revenue { period } timeEntries { nodes { status } }"
    shown = project(hub, firm, no_books, selection)
    assert shown["stage"] == "GATE_PENDING"
    assert [r["system"] for r in shown["records"]] == ["kantata"]
    assert shown["invoices"]["totalCount"] == 0
    assert not shown["revenue"]
    assert "APPROVED" in {entry["status"] for entry in shown["timeEntries"]["nodes"]}
    assert not {"POSTED", "BILLED"} & {entry["status"] for entry in shown["timeEntries"]["nodes"]}
    (no_delivery,) = mess(firm, "project missing in the PSA")["project"]
    selection = "code name stage tasks { id } assignments { totalCount } timeEntries { totalCount } manager { id }"
    shown = project(hub, firm, no_delivery, selection)
    assert shown["stage"] == "GATE_PENDING"
    assert (shown["tasks"], shown["assignments"]["totalCount"], shown["timeEntries"]["totalCount"]) == ([], 0, 0)
    assert shown["name"]


def test_an_unmapped_role_has_no_delivery_role(hub: RunningHub, firm: FirmSandboxes) -> None:
    """Null, never a default; the roles beside it are mapped."""
    (number,) = mess(firm, "unmapped sold role")["opportunity"]
    selection = "... on Opportunity { soldRoles { role deliveryRole laborCategory unmapped } }"
    roles = node(hub, "salesforce", "opportunity", salesforce_id("Opportunity", number), selection)["soldRoles"]
    unmapped = [r for r in roles if r["role"] == "Transformation Guru"]
    assert unmapped
    assert all(
        (r["deliveryRole"], r["laborCategory"], r["unmapped"]) == (None, None, "ROLE_UNMAPPED") for r in unmapped
    )
    assert all(r["unmapped"] is None for r in roles if r not in unmapped)
    assert all(r["deliveryRole"] for r in roles if r not in unmapped)


def test_late_time_keeps_its_day_and_shows_the_period_it_is_posted_in(hub: RunningHub, firm: FirmSandboxes) -> None:
    """Every one of them."""
    for number in mess(firm, "late time")["time_entry"]:
        entry = next(e for e in firm.firm.time_entries if e.n == number)
        selection = "... on TimeEntry { workDate postedPeriod }"
        shown = node(hub, "kantata", "time_entry", kantata_id("time_entry", number), selection)
        assert shown["workDate"] == entry.day.isoformat()
        assert shown["postedPeriod"] == entry.posted_period
        assert shown["postedPeriod"] > shown["workDate"][:7]


def test_an_assignment_may_outlast_its_resource(hub: RunningHub, firm: FirmSandboxes) -> None:
    """Shown as it is: the resource is terminated, the assignment goes on."""
    (number,) = mess(firm, "terminated assignee")["booking"]
    selection = "... on Assignment { endDate resource { status endDate } }"
    shown = node(hub, "kantata", "assignment", kantata_id("workspace_allocation", number), selection)
    assert shown["resource"]["status"] == "TERMINATED"
    assert shown["endDate"] > shown["resource"]["endDate"]


def test_a_customer_with_several_spellings_is_one(hub: RunningHub, firm: FirmSandboxes) -> None:
    """With records of three systems, named as its owner names it."""
    (number,) = mess(firm, "customer spelled differently")["customer"]
    customer = firm.firm.customer(number)
    assert len({customer.name, customer.psa_name, customer.erp_name}) == 3
    selection = "... on Customer { name records { system } }"
    shown = node(hub, "salesforce", "customer", salesforce_id("Account", number), selection)
    assert {r["system"] for r in shown["records"]} == {"salesforce", "kantata", "netsuite"}
    assert shown["name"] == customer.name
    assert hub.entity("netsuite", "customer", netsuite_id("customer", number)) == shown["id"]
    assert hub.entity("kantata", "customer", kantata_id("workspace_group", number)) == shown["id"]


def test_namesakes_are_two_customers(hub: RunningHub, firm: FirmSandboxes) -> None:
    """A name never matches."""
    numbers = mess(firm, "customers of the same name")["customer"]
    ids = {hub.entity("salesforce", "customer", salesforce_id("Account", n)) for n in numbers}
    books = {hub.entity("netsuite", "customer", netsuite_id("customer", n)) for n in numbers}
    assert len(ids) == len(numbers) == 2
    assert books == ids
    name = firm.firm.customer(numbers[0]).name
    found = hub.ask("query Q($name: String) { customers(search: $name) { nodes { id name } } }", {"name": name}).data
    assert ids <= {c["id"] for c in found["customers"]["nodes"]}


def test_a_task_may_have_no_contract_line_and_an_assignment_no_resource(hub: RunningHub, firm: FirmSandboxes) -> None:
    """Null without an error."""
    (number,) = mess(firm, "task without contract line")["task"]
    selection = "... on Task { name contractLine { id } }"
    assert node(hub, "kantata", "task", kantata_id("story", number), selection)["contractLine"] is None
    (number,) = mess(firm, "assignment of an unnamed resource")["booking"]
    selection = "... on Assignment { role booking resource { id } }"
    shown = node(hub, "kantata", "assignment", kantata_id("workspace_allocation", number), selection)
    assert shown["resource"] is None
    assert shown["role"]
    assert shown["booking"] == "SOFT"


def test_a_contingent_worker_with_a_purchase_order_is_one_subcontractor(hub: RunningHub, firm: FirmSandboxes) -> None:
    """The vendor of the books wins over the worker of the same e-mail."""
    names = mess(firm, "contingent worker who is a subcontractor")
    (vendor,), (person,) = names["subcontractor"], names["person"]
    selection = "... on Resource { kind name email }"
    shown = node(hub, "netsuite", "subcontractor", netsuite_id("vendor", vendor), selection)
    assert shown["kind"] == "SUBCONTRACTOR"
    worker = hub.entity("workday", "resource", workday_wid("worker", person))
    found = hub.ask("{ resources(first: 100) { nodes { id kind email } } }").data["resources"]["nodes"]
    same = [r for r in found if r["email"] == firm.firm.person(person).email]
    assert (same, worker) == ([{"id": shown["id"], "kind": "SUBCONTRACTOR", "email": shown["email"]}], shown["id"])


def test_the_seed_cases_figures_come_through_the_graph(hub: RunningHub, firm: FirmSandboxes) -> None:
    """The worked contract: two lines, 59,000 recognized, 46,000 billed, 16,000 still open."""
    contract = _seed_contract(firm)
    selection = """... on Contract {
      value { amount currency }
      lines { model price { amount } revenueMethod }
      projects {
        code stage
        milestones { name amount { amount } status }
        revenue { billed { amount } recognized { amount } }
        invoices { nodes { status total { amount } openAmount { amount } lines { amount { amount } } } }
      }
    }"""
    shown = node(hub, "salesforce", "contract", salesforce_id("Contract", contract.n), selection)
    assert shown["value"] == {"amount": "160000.00", "currency": "USD"}
    assert {(line["model"], line["price"]["amount"], line["revenueMethod"]) for line in shown["lines"]} == {
        ("FIXED_FEE_MILESTONE", "60000.00", "COST_TO_COST"),
        ("TM_NOT_TO_EXCEED", "100000.00", "RIGHT_TO_INVOICE"),
    }
    (own,) = shown["projects"]
    assert own["stage"] == "IN_DELIVERY"
    assert sorted(m["amount"]["amount"] for m in own["milestones"]) == ["30000.00", "30000.00"]
    assert _sum(own["revenue"], "billed") == 46_000
    assert _sum(own["revenue"], "recognized") == 59_000
    invoices = own["invoices"]["nodes"]
    lines = [line for invoice in invoices for line in invoice["lines"]]
    assert sum(Decimal(line["amount"]["amount"]) for line in lines) == 46_000
    (still_open,) = [i for i in invoices if Decimal(i["openAmount"]["amount"])]
    assert sum(Decimal(line["amount"]["amount"]) for line in still_open["lines"]) == 16_000


def test_open_receivables_are_what_the_books_have_open(hub: RunningHub, firm: FirmSandboxes) -> None:
    """For every customer of the books, the seed case's among them; in the one currency that it pays in."""
    seed = _seed_contract(firm).customer
    selection = "... on Customer { openReceivables { amount currency } collections }"
    for customer in (c for c in firm.firm.customers if c.in_erp):
        owed = [
            i.total.value - i.paid.value
            for i in firm.firm.invoices
            if i.customer == customer.n and not i.credit and not i.voided
        ]
        shown = node(hub, "netsuite", "customer", netsuite_id("customer", customer.n), selection)["openReceivables"]
        assert sum(owed) == (Decimal(shown["amount"]) if shown else 0)
        assert customer.n != seed or sum(owed) >= 16_000


def _seed_contract(firm: FirmSandboxes) -> Contract:
    own = next(p for p in firm.firm.projects if NAME in p.name)
    assert own.contract is not None
    return firm.firm.contract(own.contract)


def _sum(rows: list[dict[str, Any]], name: str) -> Decimal:
    return sum((Decimal(row[name]["amount"]) for row in rows if row[name] is not None), Decimal(0))

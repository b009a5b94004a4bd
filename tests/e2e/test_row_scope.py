"""Row scope: what is out of it is not there, by whatever way one asks, in memory and in SQL alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.ownership import Role
from hub.domain.records import Value
from tests.support.graph import Graph, token, usd


@dataclass
class Firm:
    """Two practices with one below, two companies, and a project with everything below it in each combination."""

    graph: Graph = field(default_factory=Graph)
    ids: dict[str, CanonicalId] = field(default_factory=dict)

    def add(self, name: str, kind: Kind, kept: Mapping[str, Value], records: Mapping[str, Mapping[str, Value]]) -> None:
        """Add an entity under a name of the test's own."""
        self.ids[name] = self.graph.firm.add(kind, kept, records)

    def __getitem__(self, name: str) -> CanonicalId:
        """Give an entity's id."""
        return self.ids[name]


def make_firm() -> Firm:
    """Make the firm."""
    firm = Firm()
    for code in ("UK01", "US01"):
        own: dict[str, Value] = {"code": code, "name": code, "country": "GB", "currency": "GBP"}
        firm.add(code, Kind.LEGAL_ENTITY, own, {"erp-1": own})
    for code, parent in (("DATA", None), ("ML", "DATA"), ("CLOUD", None)):
        kept: dict[str, Value] = {"code": code, "name": code}
        firm.add(code, Kind.PRACTICE, kept | ({"parent": firm[parent]} if parent else {}), {})
    firm.add("acme", Kind.CUSTOMER, {"name": "Acme"}, {"crm-1": {"name": "Acme"}})
    for practice, entity in (("ML", "UK01"), ("CLOUD", "UK01"), ("DATA", "US01")):
        _add_deal(firm, practice, entity)
    return firm


def _add_deal(firm: Firm, practice: str, entity: str) -> None:
    n = f"{practice}-{entity}"
    person: dict[str, Value] = {"name": f"Person {n}", "status": "ACTIVE"}
    firm.add(
        f"person {n}", Kind.RESOURCE, {**person, "practice": firm[practice], "legal_entity": firm[entity]},
        {"hcm-1": person},
    )  # fmt: skip
    firm.graph.people[f"{n}@example.com"] = firm[f"person {n}"]
    deal: dict[str, Value] = {"name": f"Deal {n}", "status": "WON"}
    firm.add(f"deal {n}", Kind.OPPORTUNITY, {**deal, "customer": firm["acme"]}, {"crm-1": {**deal, "amount": usd("9")}})
    terms: dict[str, Value] = {"number": f"C-{n}", "status": "SIGNED", "value": usd("9")}
    links: dict[str, Value] = {"customer": firm["acme"], "opportunity": firm[f"deal {n}"], "legal_entity": firm[entity]}
    firm.add(f"contract {n}", Kind.CONTRACT, {**terms, **links}, {"crm-1": terms})
    line: dict[str, Value] = {"name": "Line", "price": usd("9")}
    firm.add(f"line {n}", Kind.CONTRACT_LINE, {"name": "Line", "contract": firm[f"contract {n}"]}, {"crm-1": line})
    plan: dict[str, Value] = {"code": f"P-{n}", "name": f"Project {n}"}
    links = {
        "practice": firm[practice], "legal_entity": firm[entity], "customer": firm["acme"],
        "contract": firm[f"contract {n}"], "manager": firm[f"person {n}"], "stage": "IN_DELIVERY",
    }  # fmt: skip
    firm.add(f"project {n}", Kind.PROJECT, {**plan, **links}, {"psa-1": plan})
    for kind, name in ((Kind.TASK, "task"), (Kind.ASSIGNMENT, "booking"), (Kind.TIME_ENTRY, "time")):
        below: dict[str, Value] = {"name": name, "project": firm[f"project {n}"], "resource": firm[f"person {n}"]}
        firm.add(f"{name} {n}", kind, below, {"psa-1": {"name": name}})


HERE = "ML-UK01"
ELSEWHERE = ("CLOUD-UK01", "DATA-US01")
UK_DATA = {"practices": ("DATA",), "legal_entities": ("UK01",)}


async def ask(firm: Firm, query: str, variables: Any = None, *, role: Role = Role.PMO, **grants: Any) -> dict[str, Any]:
    """Ask with a token of these grants."""
    headers = {"Authorization": f"Bearer {token(role, **(grants or UK_DATA))}"}
    return await firm.graph.post(query, variables, headers=headers)


@pytest.fixture
def firm() -> Firm:
    """Give the firm."""
    return make_firm()


async def test_lists_and_their_counts_hold_what_is_in_scope(firm: Firm) -> None:
    """A practice includes what is below it; both grants must match."""
    body = await ask(
        firm,
        """{ projects { totalCount nodes { code tasks { name } timeEntries { totalCount } } }
             resources { totalCount nodes { name } } contracts { totalCount nodes { number projects { code } } } }""",
    )
    assert "errors" not in body
    data = body["data"]
    assert data["projects"]["totalCount"] == 1
    assert data["projects"]["nodes"] == [
        {"code": f"P-{HERE}", "tasks": [{"name": "task"}], "timeEntries": {"totalCount": 1}}
    ]
    assert data["resources"] == {"totalCount": 1, "nodes": [{"name": f"Person {HERE}"}]}
    numbers = {node["number"]: node["projects"] for node in data["contracts"]["nodes"]}
    assert numbers == {f"C-{HERE}": [{"code": f"P-{HERE}"}], "C-CLOUD-UK01": []}


@pytest.mark.parametrize("name", ["project", "task", "booking", "time", "person"])
@pytest.mark.parametrize("where", ELSEWHERE)
async def test_what_is_out_of_scope_is_like_nothing(firm: Firm, name: str, where: str) -> None:
    """`node`, `nodes`, look-ups and codes answer as they do for an id that was never given."""
    hidden = firm[f"{name} {where}"]
    unknown = CanonicalId(hidden[:4] + "0" * 25 + "1")
    query = (
        "query ($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } a: node(id: $id) { ...F } }"
        " fragment F on Node { id }"
    )
    bodies = [await ask(firm, query, {"id": i}) for i in (hidden, unknown)]
    assert bodies[0] == bodies[1] == {"data": {"node": None, "nodes": [None], "a": None}}
    assert (await ask(firm, f'{{ project(code: "P-{where}") {{ id }} }}'))["data"]["project"] is None
    there = await ask(firm, query, {"id": firm[f"{name} {HERE}"]})
    assert there["data"]["node"] is not None


async def test_links_out_of_scope_are_null(firm: Firm) -> None:
    """Also from what everybody sees, and from one's own project to somebody else's person."""
    rows = firm.graph.firm.directory.rows
    rows[firm[f"booking {HERE}"]].kept["resource"] = firm["person DATA-US01"]  # type: ignore[index]
    body = await ask(
        firm,
        """{ projects { nodes { assignments { nodes { resource { name } } } } }
             customers { nodes { projects { totalCount nodes { code } } contracts { totalCount } } } }""",
    )
    assert body["data"]["projects"]["nodes"][0]["assignments"]["nodes"] == [{"resource": None}]
    (acme,) = body["data"]["customers"]["nodes"]
    assert acme["projects"] == {"totalCount": 1, "nodes": [{"code": f"P-{HERE}"}]}
    assert acme["contracts"]["totalCount"] == 2


async def test_no_filter_widens_scope(firm: Firm) -> None:
    """Asking for the other company, practice, manager or name finds nothing."""
    body = await ask(
        firm,
        """query ($practice: ID!, $manager: ID!, $customer: ID!) {
          a: projects(filter: {legalEntity: ["US01", "UK01"], practice: [$practice]}) { totalCount }
          b: projects(filter: {manager: [$manager]}) { totalCount }
          c: projects(filter: {search: "P-DATA"}) { totalCount }
          d: projects(filter: {customer: [$customer]}, last: 50) { totalCount }
          e: resources(filter: {search: "person data"}) { totalCount }
        }""",
        {"practice": firm["CLOUD"], "manager": firm["person DATA-US01"], "customer": firm["acme"]},
    )
    assert [body["data"][alias]["totalCount"] for alias in "abcde"] == [0, 0, 0, 1, 0]


async def test_money_of_contracts_follows_their_projects(firm: Firm) -> None:
    """The contract of a project in scope shows it, another one of the same company withholds it with one error."""
    query = """query ($ids: [ID!]!) { nodes(ids: $ids) {
      ... on Contract { number value { amount } lines { name price { amount } } }
      ... on Opportunity { name amount { amount } }
    } }"""
    mine, other = ([firm[f"contract {n}"], firm[f"deal {n}"]] for n in (HERE, "CLOUD-UK01"))
    body = await ask(firm, query, {"ids": mine})
    assert "errors" not in body
    assert body["data"]["nodes"][0]["value"] == {"amount": "9.00"}
    body = await ask(firm, query, {"ids": other})
    assert body["data"]["nodes"] == [
        {"number": "C-CLOUD-UK01", "value": None, "lines": [{"name": "Line", "price": None}]},
        {"name": "Deal CLOUD-UK01", "amount": None},
    ]
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN_FIELD"
    assert error["extensions"]["fields"] == ["Contract.value", "ContractLine.price", "Opportunity.amount"]


async def test_a_delivery_manager_sees_own_projects_and_the_people_on_them(firm: Firm) -> None:
    """Whoever is no resource of the firm manages nothing."""
    query = "{ projects { nodes { code } } resources { nodes { name } } }"
    body = await ask(firm, query, role=Role.DELIVERY_MANAGER, email="DATA-US01@example.com")
    assert body["data"]["projects"]["nodes"] == [{"code": "P-DATA-US01"}]
    assert body["data"]["resources"]["nodes"] == [{"name": "Person DATA-US01"}]
    body = await ask(firm, query, role=Role.DELIVERY_MANAGER, email="stranger@example.com")
    assert body["data"] == {"projects": {"nodes": []}, "resources": {"nodes": []}}


async def test_a_service_account_for_a_user_sees_what_is_theirs(firm: Firm) -> None:
    """Rights are those of both: the account's groups, the user's projects, no money; others cannot act for anybody."""
    grants = ("read:delivery", "read:people", "read:names", "read:master", "read:commercial")
    query = "{ projects { nodes { code } } contracts { nodes { number value { amount } } } }"
    headers = {"X-Hub-On-Behalf-Of": "DATA-US01@example.com"}

    async def asked(role: Role, **more: Any) -> dict[str, Any]:
        bearer = {"Authorization": f"Bearer {token(role, **more)}"}
        return await firm.graph.post(query, headers={**headers, **bearer})

    body = await asked(Role.SERVICE, allow=grants)
    assert body["data"]["projects"]["nodes"] == [{"code": "P-DATA-US01"}]
    assert {node["value"] for node in body["data"]["contracts"]["nodes"]} == {None}
    body = await asked(Role.PMO)
    assert len(body["data"]["projects"]["nodes"]) == 3
    headers["X-Hub-On-Behalf-Of"] = "no address"
    assert (await asked(Role.SERVICE, allow=grants))["errors"][0]["extensions"]["code"] == "INVALID_INPUT"


async def test_a_service_account_has_rows_as_granted(firm: Firm) -> None:
    """Its kinds by group, its rows by practice and company."""
    body = await ask(
        firm,
        "{ projects { totalCount } resources { totalCount } customers { totalCount } }",
        role=Role.SERVICE,
        allow=("read:delivery",),
        **UK_DATA,
    )
    assert [body["data"][name]["totalCount"] for name in ("projects", "resources", "customers")] == [1, 0, 0]


async def test_cursors_belong_to_a_scope(firm: Firm) -> None:
    """The fingerprint in a cursor names the rows that the list has."""
    from hub.domain.row_scope import RowScope
    from hub.ports import PageQuery
    from hub.store.pages import fingerprint

    scopes = [None, RowScope("a"), RowScope("b")]
    assert len({fingerprint(PageQuery(Kind.PROJECT, scope=scope), None) for scope in scopes}) == 3

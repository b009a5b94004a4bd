"""Who sees what: every role on every field, filter and sort value of the schema, as the table says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    get_named_type,
    is_composite_type,
    is_interface_type,
    is_non_null_type,
    is_required_argument,
)

from hub.domain.audit import READERS
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import Role
from hub.domain.records import SoldPackage, Value
from hub.domain.visibility import (
    FIELDS,
    GROUP_OF_KIND,
    INPUTS,
    READ_GRANT,
    TABLE,
    Access,
    FieldGroup,
    rights_of,
)
from resolvers.fields import GRAPH
from resolvers.graph import KIND_OF_TYPE
from resolvers.rights import NEVER_NULL, STAND_INS
from schema.build import graphql_schema
from tests.support.graph import SmallFirm, small_firm, token, usd

SCHEMA = graphql_schema()
MANAGER = "ann@example.com"
PAGING = {"first", "after", "last", "before", "id", "ids", "code", "filter", "orderBy", "input", "representations"}
BY_COMMANDS = {"Mutation", "CommandError"}
"""Types that are not read by the table of fields, beside payloads and the audit trail."""


def own_types() -> Iterator[GraphQLObjectType]:
    """The object types that are ours."""
    for name, kind in SCHEMA.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            yield kind


ALL_FIELDS = [(kind.name, name) for kind in own_types() for name in kind.fields]
READ_FIELDS = [(t, f) for t, f in ALL_FIELDS if t in GRAPH and not f.startswith("_") and f != "audit"]


def test_every_field_has_a_decision() -> None:
    """And no decision is about a field that there is not, in a type that there is."""
    assert [place for place in ALL_FIELDS if place not in FIELDS] == []
    types = {kind.name: kind for kind in own_types()}
    later = {("ChangeOrder", "treatment"), ("RevenuePeriod", "earned")}
    stale = [(t, f) for t, f in FIELDS if t in types and f not in types[t].fields and (t, f) not in later]
    assert [place for place in stale if place[0] != "Mutation"] == []


def test_every_filter_and_order_has_a_decision() -> None:
    """So that nothing can be found out by asking for what it is."""
    asked: set[tuple[str, str]] = set()
    for name, kind in SCHEMA.type_map.items():
        if isinstance(kind, GraphQLInputObjectType) and name.endswith(("Filter", "Order")):
            asked |= {(name, member) for member in kind.fields}
        if isinstance(kind, GraphQLEnumType) and name.endswith("Sort"):
            asked |= {(name, member) for member in kind.values}
    for of in own_types():
        if of.name in GRAPH:
            asked |= {(f"{of.name}.{n}", a) for n, f in of.fields.items() for a in f.args if a not in PAGING}
    undecided = {member for member in asked if member not in INPUTS}
    assert {member for member in undecided if member[0] != "Query.audit"} == set()


def test_what_is_never_null_has_something_to_show() -> None:
    """A non-null field is shown to whoever sees the row, or has a stand-in, or is an empty list."""
    for type_name, name in READ_FIELDS:
        kind = SCHEMA.type_map[type_name]
        assert isinstance(kind, GraphQLObjectType)
        if not is_non_null_type(kind.fields[name].type) or (type_name, name) in STAND_INS.keys() | NEVER_NULL:
            continue
        group = FIELDS[type_name, name]
        row = GROUP_OF_KIND[KIND_OF_TYPE[type_name]] if type_name in KIND_OF_TYPE else None
        everyone = "-" not in TABLE[group] and "M" not in TABLE[group] and "g" not in TABLE[group]
        inside = {"SoldRole", "SoldPackage", "RevenuePeriod", "SourceHealth"}
        assert everyone or group is row or type_name in inside, f"{type_name}.{name}"


def test_the_audit_trail_is_for_its_readers() -> None:
    """The table and the rule of the trail agree."""
    assert {role for role in Role if rights_of(frozenset({role})).reads(FieldGroup.AUDIT)} == READERS


def test_grants_are_by_name() -> None:
    """No wildcard opens anything, and what the table does not leave to grants no grant opens."""
    everything = frozenset({"*", "read:*", f"{READ_GRANT}{FieldGroup.MARGIN}", f"{READ_GRANT}{FieldGroup.RAW}"})
    service = frozenset({Role.SERVICE})
    assert rights_of(service, everything).readable == rights_of(service).readable
    assert rights_of(service, frozenset({"read:person-cost"})).reads(FieldGroup.PERSON_COST)
    assert not rights_of(frozenset({Role.PMO}), frozenset({"read:person-cost"})).reads(FieldGroup.PERSON_COST)
    granted = rights_of(service, frozenset({"submitTimeEntry"}))
    assert granted.reads(FieldGroup.HOURS)
    assert not granted.reads(FieldGroup.COMMERCIAL)


# -- the matrix, asked ------------------------------------------------------------------------------


def full_firm() -> tuple[SmallFirm, dict[str, CanonicalId]]:
    """Make a firm that has one of everything, and an entity of each type."""
    firm = small_firm()
    add = firm.graph.firm.add
    firm.graph.people[MANAGER] = firm.manager
    task = add(Kind.TASK, {"name": "Do", "project": firm.project}, {"psa-1": {"name": "Do"}})
    spent: dict[str, Value] = {
        "date": date(2026, 1, 9),
        "category": "Travel",
        "amount": usd("10"),
        "status": "SUBMITTED",
    }
    expense = add(Kind.EXPENSE, {"project": firm.project, "resource": firm.manager}, {"psa-1": spent})
    change: dict[str, Value] = {"status": "PROPOSED", "reason": "more", "price_delta": usd("5")}
    order = add(
        Kind.CHANGE_ORDER, {"status": "PROPOSED", "line": firm.line, "contract": firm.contract}, {"crm-1": change}
    )
    sold = (SoldPackage("PK", Decimal(1), usd("7")),)
    firm.graph.firm.change(firm.opportunity, Domain.CRM, sold_packages=sold, stage="Won")
    return firm, {
        "Customer": firm.customer,
        "Opportunity": firm.opportunity,
        "Contract": firm.contract,
        "ContractLine": firm.line,
        "ChangeOrder": order,
        "Project": firm.project,
        "Task": task,
        "Milestone": firm.milestone,
        "Assignment": firm.assignment,
        "TimeEntry": firm.time_entry,
        "Expense": expense,
        "Resource": firm.manager,
        "Invoice": firm.invoice,
        "LegalEntity": firm.entity,
        "Practice": firm.practice,
    }


INSIDE = {
    "SoldRole": ("Opportunity", "soldRoles"),
    "SoldPackage": ("Opportunity", "soldPackages"),
    "InvoiceLine": ("Invoice", "lines"),
    "RevenuePeriod": ("Project", "revenue"),
    "SourceRecord": ("Project", "records"),
}


def question(place: tuple[str, str], ids: dict[str, CanonicalId]) -> str | None:
    """Ask for one field, where it can be reached in one step."""
    type_name, name = place
    kind = SCHEMA.type_map[type_name]
    assert isinstance(kind, GraphQLObjectType)
    field = kind.fields[name]
    if any(is_required_argument(argument) for argument in field.args.values()):
        return None
    asked = f"shown: {name} {_flat(field.type)}"
    if type_name == "Query":
        return None if name == "project" else "{ " + asked + " }"
    if type_name in ids:
        return f'{{ node(id: "{ids[type_name]}") {{ ... on {type_name} {{ {asked} }} }} }}'
    if type_name in INSIDE:
        outer, member = INSIDE[type_name]
        return f'{{ node(id: "{ids[outer]}") {{ ... on {outer} {{ {member} {{ {asked} }} }} }} }}'
    return None


def _flat(kind: Any) -> str:
    named = get_named_type(kind)
    if not is_composite_type(named):
        return ""
    if is_interface_type(named) or "id" in named.fields:  # type: ignore[union-attr]
        return "{ id }"
    first = next(iter(named.fields), "__typename")  # type: ignore[union-attr]
    return "{ __typename }" if first == "edges" else "{ " + first + " }"


def _shown(data: Any) -> list[Any]:
    """Every value of the field that was asked for."""
    if isinstance(data, list):
        return [value for item in data for value in _shown(item)]
    if not isinstance(data, dict):
        return []
    return [data["shown"]] if "shown" in data else [value for member in data.values() for value in _shown(member)]


ALL_GRANTS = [f"{READ_GRANT}{group}" for group in FieldGroup if TABLE[group].split()[-1] == "g"]
CALLERS: dict[str, tuple[Role, dict[str, Any]]] = {
    **{str(role): (role, {}) for role in Role if role not in {Role.SERVICE, Role.DELIVERY_MANAGER}},
    "delivery-manager": (Role.DELIVERY_MANAGER, {"email": MANAGER}),
    "service with every grant": (Role.SERVICE, {"allow": tuple(ALL_GRANTS)}),
}


OVER_ALL = {("Customer", name) for name in ("creditHold", "openReceivables", "collections")}
"""What is over all legal entities, so whoever sees own projects only does not see it."""


@pytest.mark.parametrize("who", CALLERS)
async def test_every_role_on_every_field(who: str) -> None:
    """What may be read is there; what may not is null, a pseudonym or empty, with FORBIDDEN_FIELD; nothing breaks."""
    firm, ids = full_firm()
    role, grants = CALLERS[who]
    rights = rights_of(frozenset({role}), frozenset(grants.get("allow", ())))
    headers = {"Authorization": f"Bearer {token(role, **grants)}"}
    asked = 0
    for place in READ_FIELDS:
        query = question(place, ids)
        if query is None:
            continue
        asked += 1
        body = await firm.graph.post(query, headers=headers)
        codes = {error["extensions"]["code"] for error in body.get("errors", ())}
        values = _shown(body["data"])
        if rights.access(*place) is Access.READ and not (role is Role.DELIVERY_MANAGER and place in OVER_ALL):
            assert codes == set(), (place, body)
        elif place in STAND_INS:
            assert codes == set(), (place, body)
            assert all(value.startswith("Resource ") for value in values), (place, body)
        else:
            assert codes == {"FORBIDDEN_FIELD"}, (place, body)
            assert all(value in (None, []) for value in values), (place, body)
        if place[0] != "Query":
            assert values or FIELDS[place] is FieldGroup.SOURCES, (place, body)
    assert asked > 150


async def test_a_service_account_without_grants_sees_no_rows() -> None:
    """Nothing but reference data exists for it."""
    firm, ids = full_firm()
    headers = {"Authorization": f"Bearer {token(Role.SERVICE, allow=('unknown', '*'))}"}
    body = await firm.graph.post(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename } projects { totalCount } customers { totalCount } }",
        {"ids": list(ids.values())},
        headers=headers,
    )
    there = [node["__typename"] for node in body["data"]["nodes"] if node is not None]
    assert there == ["LegalEntity", "Practice"]
    assert (body["data"]["projects"]["totalCount"], body["data"]["customers"]["totalCount"]) == (0, 0)


REFUSED = [
    '{ resources(filter: {search: "ann"}) { totalCount } }',
    '{ resources(filter: {skill: ["sql"]}) { totalCount } }',
    "{ projects(orderBy: {by: CONTRACT_VALUE}) { totalCount } }",
]


@pytest.mark.parametrize("query", REFUSED)
async def test_what_may_not_be_seen_may_not_be_asked_by(query: str) -> None:
    """The whole request is refused, before anything is read; whoever sees the field may ask by it."""
    firm = small_firm()
    body = await firm.graph.post(query, role=Role.INTEGRATION_SUPPORT)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN_FIELD"]
    assert "data" not in body
    assert firm.graph.firm.directory.queries == []
    assert "errors" not in await firm.graph.post(query, role=Role.PMO)


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query ($f: ResourceFilter) { resources(filter: $f) { totalCount } }", {"f": {"search": "ann"}}),
        ("query ($s: String) { resources(filter: {search: $s}) { totalCount } }", {"s": "ann"}),
        ('query ($s: String = "ann") { resources(filter: {search: $s}) { totalCount } }', {}),
        ('query ($f: ResourceFilter = {search: "ann"}) { resources(filter: $f) { totalCount } }', {}),
        ("query ($o: ProjectOrder) { projects(orderBy: $o) { totalCount } }", {"o": {"by": "CONTRACT_VALUE"}}),
        ("query ($by: ProjectSort!) { projects(orderBy: {by: $by}) { totalCount } }", {"by": "CONTRACT_VALUE"}),
        ('{ __typename x: resources(filter: {search: "ann"}) { totalCount } }', {}),
        ('{ ...F } fragment F on Query { ... on Query { r: resources(filter: {search: "a"}) { totalCount } } }', {}),
    ],
)
async def test_no_detour_hides_a_denied_argument(query: str, variables: dict[str, Any]) -> None:
    """Variables, their defaults, aliases and fragments are looked through."""
    firm = small_firm()
    body = await firm.graph.post(query, variables, role=Role.INTEGRATION_SUPPORT)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN_FIELD"]
    assert "data" not in body


async def test_an_argument_that_says_nothing_is_none() -> None:
    """Null asks for nothing, so it is nobody's secret."""
    firm = small_firm()
    query = "query ($s: String) { resources(filter: {search: $s, skill: null}) { totalCount } }"
    assert "errors" not in await firm.graph.post(query, {}, role=Role.INTEGRATION_SUPPORT)


async def test_names_are_neither_shown_nor_sorted_by_nor_in_cursors() -> None:
    """Integration support sees the same pseudonym each time, in an order that tells nothing."""
    firm = small_firm()
    query = "{ resources { edges { cursor node { id name } } } }"
    first = await firm.graph.data(query, role=Role.INTEGRATION_SUPPORT)
    assert first == await firm.graph.data(query, role=Role.INTEGRATION_SUPPORT)
    assert "Ann" not in str(first)
    assert {q.order_by for q in firm.graph.firm.directory.queries} == {"id"}
    names = {edge["node"]["name"] for edge in first["resources"]["edges"]}
    assert len(names) == 2
    seen = await firm.graph.data("{ resources { nodes { name } } }", role=Role.PMO)
    assert [node["name"] for node in seen["resources"]["nodes"]] == ["Ann", "Zed"]


async def test_every_read_of_a_cost_rate_is_noted() -> None:
    """Also when the same is asked again; nothing is noted where nothing was shown."""
    firm = small_firm()
    query = "query ($id: ID!) { resource(id: $id) { costRate { amount } } }"
    for _ in range(3):
        await firm.graph.data(query, {"id": firm.manager}, role=Role.FINANCE_OPS)
    assert firm.graph.cost_rates_seen == [("tester", firm.manager)] * 3
    await firm.graph.post(query, {"id": firm.manager}, role=Role.PMO)
    await firm.graph.data(query, {"id": firm.subcontractor}, role=Role.FINANCE_OPS)
    assert len(firm.graph.cost_rates_seen) == 3

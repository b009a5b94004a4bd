"""The graph through HTTP, on in-memory stand-ins for directory and record cache."""

from typing import Any

import pytest

from hub.domain.ids import new_id
from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import Role
from tests.support.graph import SmallFirm, small_firm


@pytest.fixture
def firm() -> SmallFirm:
    """Give a small firm and its graph."""
    return small_firm()


PORTFOLIO = """
query Portfolio($first: Int!) {
  projects(first: $first, orderBy: { by: CODE }) {
    nodes {
      id code name stage startDate percentComplete
      customer { name region }
      contract { number status signedOn value { amount currency } lines { name model price { amount } } }
      manager { name title grade }
      milestones { name dueDate status amount { amount currency } approvedAt invoice { number } }
      assignments(first: 10) { nodes { role plannedHours booking resource { name grade } } }
      revenue(from: "2026-02") { period billed { amount } recognized { amount currency } }
    }
  }
}"""


async def test_one_page_with_everything_under_it(firm: SmallFirm) -> None:
    """Values of four systems meet in one answer, each in its format."""
    (project,) = (await firm.graph.data(PORTFOLIO, {"first": 5}))["projects"]["nodes"]
    assert project == {
        "id": firm.project,
        "code": "P-1",
        "name": "Acme build",
        "stage": "IN_DELIVERY",
        "startDate": "2026-01-05",
        "percentComplete": "0.500000",
        "customer": {"name": "Acme", "region": "EMEA"},
        "contract": {
            "number": "C-1",
            "status": "SIGNED",
            "signedOn": "2026-01-02",
            "value": {"amount": "80000.00", "currency": "USD"},
            "lines": [{"name": "Build", "model": "TIME_AND_MATERIALS", "price": {"amount": "80000.00"}}],
        },
        "manager": {"name": "Ann", "title": None, "grade": "G7"},
        "milestones": [
            {
                "name": "Go live",
                "dueDate": "2026-03-01",
                "status": "APPROVED",
                "amount": {"amount": "5000.00", "currency": "USD"},
                "approvedAt": "2026-03-31T08:15:00Z",
                "invoice": {"number": "INV-1"},
            }
        ],
        "assignments": {
            "nodes": [
                {
                    "role": "Architect",
                    "plannedHours": "80.50",
                    "booking": "HARD",
                    "resource": {"name": "Ann", "grade": "G7"},
                }
            ]
        },
        "revenue": [{"period": "2026-02", "billed": None, "recognized": {"amount": "20.00", "currency": "USD"}}],
    }


async def test_reads_are_batched_by_system_and_kind(firm: SmallFirm) -> None:
    """However many projects, each level asks each system once per kind, for the attributes that are selected."""
    for n in range(20):
        firm.graph.firm.add(
            Kind.PROJECT,
            {"code": f"X-{n}", "name": f"X {n}", "stage": "SHELL", "customer": firm.customer, "manager": firm.manager},
            {"psa-1": {"code": f"X-{n}", "name": f"X {n}"}},
        )
    await firm.graph.data("{ projects(first: 50) { nodes { name code customer { name } manager { name } } } }")
    loads = firm.graph.firm.records.loads
    assert [(system, kind, n, names) for system, kind, n, names, _ in loads] == [
        ("psa-1", Kind.PROJECT, 21, frozenset({"name", "code"})),
        ("crm-1", Kind.CUSTOMER, 1, frozenset({"name"})),
        ("hcm-1", Kind.RESOURCE, 1, frozenset({"name"})),
    ]


async def test_a_silent_system_empties_only_its_fields(firm: SmallFirm) -> None:
    """What the directory keeps stands in, the rest is null, and one error names the system."""
    firm.graph.firm.records.down["psa-1"] = "SOURCE_UNAVAILABLE"
    body = await firm.graph.post(PORTFOLIO, {"first": 5})
    (project,) = body["data"]["projects"]["nodes"]
    assert (project["name"], project["startDate"], project["percentComplete"]) == ("Acme build", "2026-01-05", None)
    assert project["milestones"][0] == {
        "name": "Go live",
        "dueDate": "2026-03-01",
        "status": None,
        "amount": None,
        "approvedAt": None,
        "invoice": {"number": "INV-1"},
    }
    assert project["manager"]["grade"] == "G7"
    (error,) = body["errors"]
    assert error["path"] == ["projects", "nodes", 0, "percentComplete"]
    assert error["extensions"]["code"] == "SOURCE_UNAVAILABLE"
    assert error["extensions"]["system"] == "psa-1"
    assert error["extensions"]["fields"] == [
        "Milestone.amount",
        "Milestone.approvedAt",
        "Milestone.status",
        "Project.percentComplete",
    ]


async def test_stale_values_are_served_without_an_error(firm: SmallFirm) -> None:
    """A remembered record serves while its system is silent; provenance says so."""
    records = firm.graph.firm.records
    records.down["psa-1"] = "SOURCE_UNAVAILABLE"
    records.remembered.add(firm.graph.firm.record(firm.project, Domain.PSA))
    data = await firm.graph.data(
        "query ($id: ID!) { project(id: $id) { percentComplete records { system stale unavailable } } }",
        {"id": firm.project},
    )
    assert data["project"] == {
        "percentComplete": "0.500000",
        "records": [
            {"system": "psa-1", "stale": True, "unavailable": "SOURCE_UNAVAILABLE"},
            {"system": "erp-1", "stale": False, "unavailable": None},
        ],
    }


async def test_provenance_tells_every_record(firm: SmallFirm) -> None:
    """Domain, vendor's object type, id, version and times; the version is read only when it is asked for."""
    query = "query ($id: ID!) { project(id: $id) { name records { %s } } }"
    asked = "domain system vendor kind externalId version sourceTimestamp fetchedAt stale unavailable"
    data = await firm.graph.data(query % asked, {"id": firm.project})
    psa, erp = data["project"]["records"]
    held = firm.graph.firm.records.held[firm.graph.firm.record(firm.project, Domain.PSA)]
    assert psa == {
        "domain": "PSA",
        "system": "psa-1",
        "vendor": "kantata",
        "kind": "kantata.project",
        "externalId": firm.graph.firm.record(firm.project, Domain.PSA).external_id,
        "version": held.attributes["version"],
        "sourceTimestamp": "2026-03-31T08:15:00Z",
        "fetchedAt": "2026-03-31T08:15:00Z",
        "stale": False,
        "unavailable": None,
    }
    assert erp["domain"] == "ERP"
    firm.graph.firm.records.loads.clear()
    await firm.graph.data(query % "system fetchedAt", {"id": firm.project})
    assert [names for *_, names, _ in firm.graph.firm.records.loads] == [{"name"}, frozenset()]


async def test_a_record_that_its_system_no_longer_has(firm: SmallFirm) -> None:
    """Its fields are null without an error, what must not be null stays, and provenance says MISSING."""
    del firm.graph.firm.records.held[firm.graph.firm.record(firm.project, Domain.PSA)]
    data = await firm.graph.data(
        "query ($id: ID!) { project(id: $id) { name percentComplete records { system unavailable } } }",
        {"id": firm.project},
    )
    assert data["project"]["name"] == "Acme build"
    assert data["project"]["percentComplete"] is None
    assert data["project"]["records"][0] == {"system": "psa-1", "unavailable": "MISSING"}


async def test_fields_of_people(firm: SmallFirm) -> None:
    """An employee's values are the HCM's; a subcontractor has fewer, without an error."""
    query = "{ resources { nodes { kind name grade role skills practice { code } legalEntity { code currency } } } }"
    ann, zed = (await firm.graph.data(query))["resources"]["nodes"]
    assert ann == {
        "kind": "EMPLOYEE",
        "name": "Ann",
        "grade": "G7",
        "role": "Architect",
        "skills": ["python", "sql"],
        "practice": {"code": "DATA"},
        "legalEntity": {"code": "US01", "currency": "USD"},
    }
    assert (zed["kind"], zed["grade"], zed["skills"], zed["role"]) == ("SUBCONTRACTOR", None, None, "Tester")


async def test_cost_rates_are_for_finance_operations_only(firm: SmallFirm) -> None:
    """Everybody else gets null and one error; nothing is read for them."""
    query = """query ($id: ID!) {
      resource(id: $id) { costRate { amount currency } then: costRate(on: "2026-01-01") { amount } }
    }"""
    firm.graph.firm.change(firm.manager, Domain.HCM, **{"cost_rate@2026-01-01": None})
    data = await firm.graph.data(query, {"id": firm.manager}, role=Role.FINANCE_OPS)
    assert data["resource"] == {"costRate": {"amount": "90.00", "currency": "USD"}, "then": None}
    firm.graph.firm.records.loads.clear()
    for role in (Role.EXECUTIVE, Role.PMO, Role.INTEGRATION_SUPPORT):
        body = await firm.graph.post(query, {"id": firm.manager}, role=role)
        assert body["data"]["resource"] == {"costRate": None, "then": None}
        (error,) = body["errors"]
        assert (error["extensions"]["code"], error["extensions"]["count"]) == ("FORBIDDEN_FIELD", 2)
    assert firm.graph.firm.records.loads == []


async def test_derived_fields(firm: SmallFirm) -> None:
    """Sums and rules of the read side: what is owed, how late, weighted hours, unmapped roles, posted time."""
    data = await firm.graph.data(
        """query ($customer: ID!, $opportunity: ID!, $project: ID!) {
          customer(id: $customer) { creditHold collections openReceivables { amount } contracts { totalCount } }
          opportunity(id: $opportunity) {
            probability weightedHours contract { number }
            soldRoles { role deliveryRole hours billRate { amount } startDate endDate } soldPackages { code }
          }
          project(id: $project) {
            timeEntries(from: "2026-01-06", to: "2026-01-07") {
              nodes { status hours workDate laborCategory postedPeriod }
            }
            none: timeEntries(from: "2026-01-07") { totalCount }
          }
        }""",
        {"customer": firm.customer, "opportunity": firm.opportunity, "project": firm.project},
    )
    assert data["customer"] == {
        "creditHold": False,
        "collections": "OVERDUE",
        "openReceivables": {"amount": "100.50"},
        "contracts": {"totalCount": 1},
    }
    assert data["opportunity"]["probability"] == "0.300000"
    assert data["opportunity"]["weightedHours"] == "120.00"
    assert data["opportunity"]["contract"] == {"number": "C-1"}
    assert data["opportunity"]["soldPackages"] is None
    assert data["opportunity"]["soldRoles"][0] == {
        "role": "Architect",
        "deliveryRole": None,
        "hours": "400.00",
        "billRate": {"amount": "200.00"},
        "startDate": "2026-01-05",
        "endDate": None,
    }
    assert data["project"]["timeEntries"]["nodes"] == [
        {
            "status": "POSTED",
            "hours": "8.00",
            "workDate": "2026-01-06",
            "laborCategory": None,
            "postedPeriod": "2026-01",
        }
    ]
    assert data["project"]["none"] == {"totalCount": 0}


async def test_an_invoice_line_finds_its_milestone(firm: SmallFirm) -> None:
    """The ERP names the milestone in its own words."""
    data = await firm.graph.data(
        "query ($id: ID!) { invoice(id: $id) { total { amount } lines { period milestone { id name } } } }",
        {"id": firm.invoice},
    )
    assert data["invoice"]["lines"] == [{"period": "2026-03", "milestone": {"id": firm.milestone, "name": "Go live"}}]


async def test_nodes_have_a_slot_for_each_id(firm: SmallFirm) -> None:
    """Unknown is null, malformed is an error in its place, types are told by the id."""
    ids = [firm.project, new_id(Kind.PROJECT), "nonsense", firm.practice]
    body = await firm.graph.post(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Project { code } ... on Practice { name } } }",
        {"ids": ids},
    )
    assert body["data"]["nodes"] == [
        {"__typename": "Project", "id": firm.project, "code": "P-1"},
        None,
        None,
        {"__typename": "Practice", "id": firm.practice, "name": "Data"},
    ]
    (error,) = body["errors"]
    assert (error["path"], error["extensions"]["argument"]) == (["nodes", 2], "ids[2]")


async def test_an_id_of_another_type_is_nothing(firm: SmallFirm) -> None:
    """A project's id is no customer; an unknown id is null, not an error."""
    data = await firm.graph.data(
        "query ($a: ID!, $b: ID!) { customer(id: $a) { name } project(id: $b) { name } node(id: $b) { id } }",
        {"a": firm.project, "b": new_id(Kind.PROJECT)},
    )
    assert data == {"customer": None, "project": None, "node": None}


async def test_projects_by_code(firm: SmallFirm) -> None:
    """Exactly one of id and code."""
    assert (await firm.graph.data('{ project(code: "P-1") { name } }'))["project"] == {"name": "Acme build"}
    assert (await firm.graph.data('{ project(code: "none") { name } }'))["project"] is None
    body = await firm.graph.post("{ project { name } }")
    assert body["errors"][0]["extensions"]["argument"] == "id"


async def test_merged_ids_answer_with_the_survivor(firm: SmallFirm) -> None:
    """An old id keeps working."""
    old = new_id(Kind.PROJECT)
    firm.graph.firm.directory.merged[old] = firm.project
    data = await firm.graph.data("query ($id: ID!) { project(id: $id) { id } }", {"id": old})
    assert data["project"]["id"] == firm.project


async def test_paging(firm: SmallFirm) -> None:
    """Forwards by first and after, backwards by last and before; the total counts all pages."""
    for n in range(4):
        firm.graph.firm.add(Kind.PROJECT, {"code": f"B-{n}", "name": f"B {n}", "stage": "SHELL"})
    query = """query ($first: Int, $after: String, $last: Int, $before: String) {
      projects(orderBy: { by: CODE }, first: $first, after: $after, last: $last, before: $before) {
        totalCount nodes { code } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }"""
    page = (await firm.graph.data(query, {"first": 2}))["projects"]
    assert ([n["code"] for n in page["nodes"]], page["totalCount"]) == (["B-0", "B-1"], 5)
    assert page["pageInfo"]["hasNextPage"] is True
    page = (await firm.graph.data(query, {"first": 2, "after": page["pageInfo"]["endCursor"]}))["projects"]
    assert [n["code"] for n in page["nodes"]] == ["B-2", "B-3"]
    page = (await firm.graph.data(query, {"last": 1}))["projects"]
    assert [n["code"] for n in page["nodes"]] == ["P-1"]
    page = (await firm.graph.data(query, {"first": 0}))["projects"]
    assert (page["nodes"], page["totalCount"], page["pageInfo"]["startCursor"]) == ([], 5, None)


@pytest.mark.parametrize(
    ("query", "argument"),
    [
        ('{ project(id: "prj_1") { name } }', "id"),
        ('{ projects(after: "nonsense") { totalCount } }', "after"),
        ("{ projects(first: 201) { totalCount } }", "first"),
        ("{ projects(first: -1) { totalCount } }", "first"),
        ("{ projects(first: 1, last: 1) { totalCount } }", "last"),
        ('{ projects(filter: { customer: ["acme"] }) { totalCount } }', "filter.customer"),
        ('{ projects(filter: { endsAfter: "soon" }) { totalCount } }', "filter.endsAfter"),
        ("{ projects(filter: { stage: [NONE] }) { totalCount } }", "filter.stage.0"),
        ("{ opportunities(filter: { minProbability: 2 }) { totalCount } }", "filter.minProbability"),
        ("{ opportunities(filter: { minProbability: 0.5 }) { totalCount } }", "filter.minProbability"),
        ('{ customers { nodes { openReceivables(currency: "ABC") { amount } } } }', "currency"),
        ('{ customers { nodes { openReceivables(currency: "EUR") { amount } } } }', "currency"),
        ('{ projects { nodes { revenue(from: "2026-13") { period } } } }', "from"),
        ("{ projects { nodes { expenses(first: 1000) { totalCount } } } }", "first"),
    ],
)
async def test_a_bad_argument_is_named(firm: SmallFirm, query: str, argument: str) -> None:
    """Malformed ids, cursors, sizes, filters, currencies and periods are clear errors of the caller."""
    body = await firm.graph.post(query)
    extensions = body["errors"][0]["extensions"]
    assert extensions["argument"] == argument
    assert extensions["code"] in {"INVALID_INPUT", "FX_MISSING"}


async def test_filters_reach_the_directory(firm: SmallFirm) -> None:
    """Legal entities by code, practices, people and dates."""
    query = "query ($filter: ProjectFilter) { projects(filter: $filter) { totalCount } }"
    found: dict[str, Any] = {}
    for name, given in {
        "entity": {"legalEntity": ["US01"]},
        "other": {"legalEntity": ["ZZ"]},
        "stage": {"stage": ["IN_DELIVERY"], "practice": [firm.practice], "manager": [firm.manager]},
        "late": {"startsBefore": "2026-01-05"},
        "search": {"search": "ACME"},
    }.items():
        found[name] = (await firm.graph.data(query, {"filter": given}))["projects"]["totalCount"]
    assert found == {"entity": 1, "other": 0, "stage": 1, "late": 0, "search": 1}


async def test_fresh_values_are_taken_over_before_they_are_used(firm: SmallFirm) -> None:
    """With max-age=0 a manager and a name that changed at the source show at once."""
    bob = firm.graph.firm.add(Kind.RESOURCE, {"name": "Bob"}, {"hcm-1": {"name": "Bob"}})
    firm.graph.firm.change(firm.project, Domain.PSA, name="New name", manager=bob)
    query = "query ($id: ID!) { project(id: $id) { name percentComplete manager { name } } }"
    old = await firm.graph.data(query, {"id": firm.project})
    assert old["project"]["manager"] == {"name": "Ann"}
    new = await firm.graph.data(query, {"id": firm.project}, headers={"Cache-Control": "max-age=0"})
    assert new["project"] == {"name": "New name", "percentComplete": "0.500000", "manager": {"name": "Bob"}}
    assert firm.project in firm.graph.firm.directory.told[0]
    ages = [age for *_, age in firm.graph.firm.records.loads[2:]]
    assert all(age is not None for age in ages)
    assert all("percent_complete" not in record.attributes for record in firm.graph.writer.applied)


async def test_a_silent_system_does_not_stop_a_fresh_read(firm: SmallFirm) -> None:
    """With max-age=0 and the system down, kept links serve as they were."""
    firm.graph.firm.records.down["psa-1"] = "SOURCE_UNAVAILABLE"
    body = await firm.graph.post(
        "{ projects { nodes { name manager { name } } } }", headers={"Cache-Control": "no-cache"}
    )
    assert body["data"]["projects"]["nodes"] == [{"name": "Acme build", "manager": {"name": "Ann"}}]
    assert not any(firm.project in told for told in firm.graph.firm.directory.told)


async def test_sources(firm: SmallFirm) -> None:
    """Every system tells how it does."""
    data = await firm.graph.data("{ sources { system vendor domain status lastContact lagSeconds openExceptions } }")
    assert data["sources"][0] == {
        "system": "crm-1",
        "vendor": "salesforce",
        "domain": "CRM",
        "status": "UP",
        "lastContact": "2026-03-31T08:15:00Z",
        "lagSeconds": 0,
        "openExceptions": 0,
    }


async def test_a_gateway_finds_entities_and_the_subgraph(firm: SmallFirm) -> None:
    """Apollo Federation's two fields work."""
    data = await firm.graph.data(
        "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Project { name } } _service { sdl } }",
        {"r": [{"__typename": "Project", "id": firm.project}]},
    )
    assert data["_entities"] == [{"name": "Acme build"}]
    assert "@key" in data["_service"]["sdl"]

"""Who may change what through the graph: roles, own projects, service accounts and their users, grants on rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from hub.app.auth import Issuer
from hub.app.oidc import FixedKeys
from hub.domain.ownership import Role
from hub.store.merging import merge_entities
from tests.support.commands import EMAIL
from tests.support.fakes import NOW
from tests.support.mutations import Graph
from tests.support.scoped_firm import NOWHERE, UK_CLOUD, UK_DATA, ScopedFirm

EXECUTIVE, PMO, MANAGER, FINANCE = Role.EXECUTIVE, Role.PMO, Role.DELIVERY_MANAGER, Role.FINANCE_OPS
SUPPORT, SERVICE = Role.INTEGRATION_SUPPORT, Role.SERVICE
NOBODY = "nobody@elsewhere.example"
PROVIDER = "https://login.example"
THEIRS = ECKey.generate_key("P-256", {"kid": "theirs"})
"""An identity provider of the firm's, and its key."""


@pytest.fixture
async def graph(migrated_database: str) -> AsyncIterator[Graph]:
    """A graph that takes commands: ada leads the first project, bob is booked on it."""
    firm = ScopedFirm(migrated_database)
    await firm.start()
    await firm.open()
    made = Graph(firm, (Issuer(PROVIDER, "hub", FixedKeys(THEIRS)),))
    yield made
    await made.commands.aclose()
    await firm.close()


class Tries:
    """Commands one after the other, each under a key of its own."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._keys = 0

    async def __call__(self, mutation: str, given: dict[str, Any], *roles: Role, **more: Any) -> str:
        """APPLIED, or the code of the refusal."""
        self._keys += 1
        keyed = {"idempotencyKey": f"k{self._keys}", **given}
        payload = await self._graph.command(mutation, "", keyed, *roles, **more)
        return str(payload["errors"][0]["code"] if payload["errors"] else payload["status"])


@pytest.fixture
def tries(graph: Graph) -> Tries:
    """Give commands."""
    return Tries(graph)


# -- roles ------------------------------------------------------------------------------------------


async def test_a_second_role_widens_what_a_manager_reads_and_not_what_they_change(graph: Graph, tries: Tries) -> None:
    """Only the roles that may give the command count for its reach; reading is a union."""
    ids, bob = graph.firm.ids, dict[str, Any](email=EMAIL["bob"])
    rename = {"id": ids["project"], "name": "Mercury"}
    both = (EXECUTIVE, MANAGER)
    body = await graph.ask("query($id: ID!) { node(id: $id) { id } }", {"id": ids["project"]}, *both, **bob)
    assert body["data"]["node"] == {"id": ids["project"]}
    assert await tries("updateProject", rename, *both, **bob) == "NOT_FOUND"
    assert await tries("completeMilestone", {"id": ids["milestone"]}, *both, **bob) == "NOT_FOUND"
    assert await tries("approveTimeEntry", {"id": ids["entry"]}, PMO, MANAGER, email="cy@firm.example") == "NOT_FOUND"
    assert graph.firm.psa.asked == []
    assert await tries("updateProject", rename, *both, email=EMAIL["ada"]) == "APPLIED"
    assert await tries("updateProject", {**rename, "name": "Venus"}, PMO, MANAGER, **bob) == "APPLIED"


async def test_a_managers_step_is_taken_on_own_projects_only_whatever_other_steps_one_may_take(
    graph: Graph, tries: Tries
) -> None:
    """Finance reaches every project to close it, and is no delivery manager of it by that."""
    hold = {"id": graph.firm.ids["project"], "stage": "ON_HOLD"}
    assert await tries("changeProjectStage", hold, FINANCE, MANAGER, email=EMAIL["bob"]) == "NOT_PERMITTED"
    assert await tries("changeProjectStage", hold, FINANCE, MANAGER, email=EMAIL["ada"]) == "APPLIED"


async def test_a_token_with_the_service_role_has_its_allow_list_and_nothing_else(graph: Graph, tries: Tries) -> None:
    """Another role beside it adds nothing, with a user or without."""
    rename = {"id": graph.firm.ids["project"], "name": "Mercury"}
    assert await tries("updateProject", rename, SERVICE, PMO) == "NOT_PERMITTED"
    assert await tries("updateProject", rename, SERVICE, PMO, on_behalf_of=EMAIL["ada"]) == "NOT_PERMITTED"
    assert await tries("updateProject", rename, SERVICE, PMO, allow=("submitTimeEntry",)) == "NOT_PERMITTED"
    assert await tries("updateProject", rename, SERVICE, PMO, allow=("updateProject",)) == "APPLIED"


# -- on behalf of -----------------------------------------------------------------------------------


async def test_an_account_may_do_for_a_user_what_the_directory_proves_to_be_theirs(graph: Graph, tries: Tries) -> None:
    """Ada leads the project; Bob is only booked on it, and leads nobody, himself included."""
    ids = graph.firm.ids
    cases: list[tuple[str, dict[str, Any]]] = [
        ("updateProject", {"id": ids["project"], "name": "Mercury"}),
        ("completeMilestone", {"id": ids["milestone"]}),
        ("updateAssignment", {"id": ids["booking"], "plannedHours": "10"}),
        ("updateSkills", {"resourceId": ids["bob"], "add": ["Falconry"]}),
        ("changeProjectStage", {"id": ids["project"], "stage": "ON_HOLD"}),
    ]
    for mutation, given in cases:
        account: dict[str, Any] = {"role": SERVICE, "allow": (mutation,)}
        assert await tries(mutation, given, **account, on_behalf_of=EMAIL["bob"]) == "NOT_PERMITTED", mutation
        assert await tries(mutation, given, **account, on_behalf_of=NOBODY) == "NOT_PERMITTED", mutation
    written = [w for adapter in graph.firm.adapters.values() for w in adapter.asked]
    assert written == []
    for mutation, given in cases:
        account = {"role": SERVICE, "allow": (mutation,)}
        assert await tries(mutation, given, **account, on_behalf_of=EMAIL["ada"]) == "APPLIED", mutation


async def test_what_no_directory_proves_is_nobodys_through_an_account(graph: Graph, tries: Tries) -> None:
    """Finance's, the PMO's and integration support's commands, and steps of a project that are theirs."""
    ids = graph.firm.ids
    change = {"reason": "more", "priceDelta": "1", "hoursDelta": "1", "effectiveDate": "2026-07-01"}
    link = {"entityId": ids["customer"], "system": "erp", "kind": "customer", "externalId": "77"}
    cases: list[tuple[str, dict[str, Any]]] = [
        ("setRevenueMethod", {"contractLineId": ids["line"], "revenueMethod": "OVER_TIME"}),
        ("proposeChangeOrder", {"contractLineId": ids["line"], **change}),
        ("linkRecord", link),
    ]
    for mutation, given in cases:
        for user in (EMAIL["ada"], NOBODY):
            account: dict[str, Any] = {"role": SERVICE, "allow": (mutation,), "on_behalf_of": user}
            assert await tries(mutation, given, **account) == "NOT_PERMITTED", mutation
    account = {"role": SERVICE, "allow": ("changeProjectStage",), "on_behalf_of": EMAIL["ada"]}
    delivered = {"id": ids["project"], "stage": "DELIVERED"}
    assert await tries("changeProjectStage", delivered, **account) == "APPLIED"
    closed = {"id": ids["project"], "stage": "CLOSED", "reason": "done"}
    assert await tries("changeProjectStage", closed, **account) == "NOT_PERMITTED"


async def test_time_is_submitted_for_the_worker_or_the_lead(graph: Graph, tries: Tries) -> None:
    """Nobody has other people's time submitted on projects that they do not lead."""
    ids = graph.firm.ids
    time = {"projectId": ids["project"], "taskId": ids["task"], "workDate": "2026-06-16", "hours": "1"}
    account: dict[str, Any] = {"role": SERVICE, "allow": ("submitTimeEntry",)}
    of_ada, of_bob = ({**time, "resourceId": ids[name]} for name in ("ada", "bob"))
    assert await tries("submitTimeEntry", of_bob, **account, on_behalf_of=EMAIL["bob"]) == "APPLIED"
    assert await tries("submitTimeEntry", of_bob, **account, on_behalf_of=EMAIL["ada"]) == "APPLIED"
    assert await tries("submitTimeEntry", of_ada, **account, on_behalf_of=EMAIL["bob"]) in (
        "NOT_FOUND",
        "NOT_PERMITTED",
    )
    assert await tries("submitTimeEntry", of_bob, **account, on_behalf_of=NOBODY) == "NOT_PERMITTED"
    assert await tries("submitTimeEntry", of_ada, **account) == "APPLIED"


# -- grants on rows ---------------------------------------------------------------------------------


async def test_a_contract_is_changed_where_its_money_is_in_scope(graph: Graph, tries: Tries) -> None:
    """A grant on the company does not suffice where the practice is another one's."""
    line = graph.firm.ids["uk line"]
    change = {
        "contractLineId": line,
        "reason": "more",
        "priceDelta": "1",
        "hoursDelta": "1",
        "effectiveDate": "2026-07-01",
    }
    method = {"contractLineId": line, "revenueMethod": "OVER_TIME"}
    assert await tries("proposeChangeOrder", change, PMO, **UK_DATA) == "NOT_FOUND"
    assert await tries("setRevenueMethod", method, FINANCE, **UK_DATA) == "NOT_FOUND"
    assert graph.firm.crm.asked == graph.firm.erp.asked == []
    assert await tries("proposeChangeOrder", change, PMO, **UK_CLOUD) == "APPLIED"
    assert await tries("setRevenueMethod", method, FINANCE, legal_entities=("UK01",)) == "APPLIED"


async def test_a_replay_shows_what_the_caller_reaches_now(graph: Graph) -> None:
    """A project that was handed over, or a token with other grants: the result is told, the project is not there."""
    shown, ids = "project { name }", graph.firm.ids
    mine = {"id": ids["project"], "name": "Mercury"}
    ada: dict[str, Any] = {"role": MANAGER, "email": EMAIL["ada"]}
    first = await graph.command("updateProject", shown, mine, **ada)
    assert (first["status"], first["project"]) == ("APPLIED", {"name": "Mercury"})
    handed = {"idempotencyKey": "2", "id": ids["project"], "managerId": ids["bob"]}
    assert (await graph.command("updateProject", shown, handed))["status"] == "APPLIED"
    again = await graph.command("updateProject", shown, mine, **ada)
    assert (again["status"], again["replayed"], again["project"]) == ("APPLIED", True, None)
    cloud = {"idempotencyKey": "3", "id": ids["uk project"], "name": "Nimbus"}
    assert (await graph.command("updateProject", shown, cloud))["project"] == {"name": "Nimbus"}
    other = await graph.command("updateProject", shown, cloud, **UK_DATA)
    assert (other["status"], other["replayed"], other["project"]) == ("APPLIED", True, None)
    granted: dict[str, Any] = {"role": SERVICE, "allow": ("updateProject",)}
    account = await graph.command("updateProject", shown, {**cloud, "idempotencyKey": "4"}, **granted, **UK_CLOUD)
    assert (account["status"], account["project"]) == ("APPLIED", {"name": "Nimbus"})


# -- the audit trail --------------------------------------------------------------------------------

AUDIT = """query($first: Int, $after: String, $entityId: ID) {
  audit(first: $first, after: $after, entityId: $entityId) {
    totalCount pageInfo { hasNextPage endCursor } nodes { action entityId outcome code } } }"""


async def trail(graph: Graph, *roles: Role, **more: Any) -> tuple[int, list[tuple[str, Any]]]:
    """How many entries there are, and action and entity of those, read in pages of one."""
    found, total, after = list[tuple[str, Any]](), -1, None
    variables = {"entityId": more.pop("entity", None), "first": 1}
    while True:
        body = await graph.ask(AUDIT, {**variables, "after": after}, *roles, **more)
        page = body["data"]["audit"]
        assert total in (-1, page["totalCount"])
        total = page["totalCount"]
        found += [(node["action"], node["entityId"]) for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return total, found
        after = page["pageInfo"]["endCursor"]


async def test_the_audit_trail_holds_what_is_in_scope_and_counts_it(graph: Graph, tries: Tries) -> None:
    """Entries about other rows are not there; those about nothing are their actor's, and of who sees everything."""
    ids = graph.firm.ids
    await tries("updateProject", {"id": ids["project"], "name": "Mercury"})
    await tries("updateProject", {"id": ids["uk project"], "name": "Nimbus"})
    method = {"contractLineId": ids["uk line"], "revenueMethod": "OVER_TIME"}
    await tries("setRevenueMethod", method, FINANCE)
    await tries("updateSkills", {"resourceId": ids["bob"], "add": ["Go"]})
    await tries("linkRecord", {"entityId": ids["customer"], "system": "x", "kind": "y", "externalId": "1"}, SUPPORT)
    await tries("updateProject", {"id": "nonsense", "name": "x"}, FINANCE, email="fin@firm.example")
    assert (await trail(graph, FINANCE))[0] == 6
    for role in (FINANCE, SUPPORT):
        assert await trail(graph, role, email="other@firm.example", **NOWHERE) == (1, [("linkRecord", ids["customer"])])
        assert await trail(graph, role, **NOWHERE, entity=ids["project"]) == (0, [])
    about = [action for action, _ in (await trail(graph, FINANCE, email="x@firm.example", **UK_CLOUD))[1]]
    assert about == ["linkRecord", "setRevenueMethod", "updateProject"]
    about = [action for action, _ in (await trail(graph, FINANCE, email="x@firm.example", **UK_DATA))[1]]
    assert about == ["linkRecord"]
    own = await trail(graph, FINANCE, email="fin@firm.example", **UK_DATA)
    assert (own[0], own[1][0]) == (2, ("updateProject", None))


async def test_a_providers_token_without_grants_reads_no_trail(graph: Graph, tries: Tries) -> None:
    """Without grants only the local key's tokens see everything."""
    await tries("updateProject", {"id": graph.firm.ids["project"], "name": "Mercury"})

    def token(**more: Any) -> str:
        claims = {
            "iss": PROVIDER,
            "aud": "hub",
            "sub": "u1",
            "exp": int(NOW.timestamp()) + 60,
            "roles": ["finance-ops"],
        }
        return jwt.encode({"alg": "ES256", "kid": "theirs"}, {**claims, **more}, THEIRS, algorithms=["ES256"])

    assert await trail(graph, token=token()) == (0, [])
    assert await trail(graph, token=token(practices=["CLOUD"])) == (0, [])
    assert (await trail(graph, FINANCE))[0] == 1


async def test_a_merged_entitys_entries_are_in_the_scope_of_what_it_is_now(graph: Graph, tries: Tries) -> None:
    """They do not vanish for those who see the survivor, nor stay for those who do not."""
    ids = graph.firm.ids
    await tries("updateProject", {"id": ids["project"], "name": "Mercury"})
    async with graph.firm.engine.begin() as connection:
        await merge_entities(connection, ids["uk project"], ids["project"])
    assert (await trail(graph, FINANCE, **UK_CLOUD))[0] == 1
    assert (await trail(graph, FINANCE, **UK_DATA))[0] == 0

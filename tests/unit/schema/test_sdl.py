"""The printed schema: its snapshot, the published contract, and what it says of ownership."""

import subprocess
import sys
from pathlib import Path

import pytest
from graphql import GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, build_schema

from hub.domain.kinds import Domain
from schema import printing
from schema.build import graphql_schema
from schema.ownership import owners
from schema.printing import federation_sdl, plain_sdl, schema_check

CHECK = Path(__file__).parents[4] / "shared" / "contract" / "check.py"
LATER = [
    "ActivateProjectInput",
    "ConfirmStaffingInput",
    "AgingBucket",
    "CostBasis",
    "EntityChange",
    "Exception*",
    "Financials",
    "ModificationTreatment",
    "Mutation.*Exception",
    "Mutation.activateProject",
    "Mutation.confirmStaffing",
    "NoValue*",
    "Outcomes",
    "Portfolio*",
    "RateType",
    "Reconciliation*",
    "Staffing*",
    "Subscription",
    "SyncException*",
    "Utilization*",
    "ChangeOrder.treatment",
    "*.financials",
    "Resource.utilization",
    "ProjectSort.BACKLOG",
    "ProjectSort.GROSS_MARGIN",
    "ProjectSort.WIP",
    "Query.exceptions",
    "Query.outcomes",
    "Query.portfolio",
    "Query.reconciliation",
    "Query.staffing*",
    "Query.utilization",
    "RevenuePeriod.earned",
]
"""What needs metrics, flows or the exception queue, and is left out until it is real."""


def test_the_schema_is_the_snapshot() -> None:
    """Whoever changes the graph commits the new tests/schema.graphql on purpose."""
    assert schema_check() == []


def test_a_breaking_change_is_told_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot with a field that the schema lacks tells of the break."""
    published = tmp_path / "schema.graphql"
    published.write_text(plain_sdl().replace("type Query {", "type Query {\n  lost: Int\n"))
    monkeypatch.setattr(printing, "SNAPSHOT", published)
    assert "breaking: Query.lost was removed." in schema_check()[0].replace("'", "").replace("Field ", "")


@pytest.mark.skipif(not CHECK.exists(), reason="the published contract lies beside the repository, not in it")
def test_the_schema_keeps_the_contract(tmp_path: Path) -> None:
    """Names, nullability, arguments and defaults are the contract's."""
    sdl = tmp_path / "schema.graphql"
    sdl.write_text(plain_sdl())
    done = subprocess.run(
        [sys.executable, CHECK, sdl, "--allow-missing", *LATER], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_everything_is_described() -> None:
    """A reader of the playground finds a sentence on every type, field and argument."""
    bare = []
    for name, kind in graphql_schema().type_map.items():
        if name.startswith(("_", "link__")) or name in {"ID", "String", "Int", "Boolean", "Float"}:
            continue
        if not kind.description:
            bare.append(name)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field_name, field in kind.fields.items():
                parts = {"": field, **getattr(field, "args", {})}
                bare += [f"{name}.{field_name}({a})" for a, part in parts.items() if not part.description]
    assert [name for name in bare if not name.startswith("Query._")] == []


def test_owners_come_from_the_ownership_table() -> None:
    """A link has its attribute's owner, a person two by kind, the stage is the hub's."""
    assert owners("Project", "startDate") == {Domain.PSA}
    assert owners("Project", "customer") == {Domain.CRM, Domain.PSA}
    assert owners("Project", "legalEntity") == {Domain.CRM, Domain.ERP}
    assert owners("Project", "stage") == {Domain.HUB}
    assert owners("Contract", "projects") == {Domain.PSA}
    assert owners("Resource", "name") == {Domain.HCM, Domain.ERP}
    assert owners("Resource", "costRate") == {Domain.HCM, Domain.ERP}
    assert owners("Project", "records") == frozenset()
    assert "milestones: [Milestone!]! @owner(domain: PSA)" in plain_sdl()


def test_the_subgraph_has_keys_and_the_plain_schema_has_not() -> None:
    """Federation's own words appear for a gateway only; both texts are valid."""
    assert 'type Project implements Entity & Node @key(fields: "id")' in federation_sdl()
    plain = plain_sdl()
    assert "@key" not in plain
    assert "_Entity" not in plain
    assert build_schema(plain).query_type is not None


def test_introspection_tells_the_owner_too() -> None:
    """Directives do not show there, so a reader of the playground finds the systems of record in the description."""
    line = graphql_schema().type_map["ContractLine"]
    assert isinstance(line, GraphQLObjectType)
    told = {name: (field.description or "").partition(" System of record: ")[2] for name, field in line.fields.items()}
    assert (told["revenueMethod"], told["price"], told["id"]) == ("ERP.", "CRM.", "")

"""The one schema of the hub."""

from __future__ import annotations

from functools import cache

from graphql import GraphQLSchema
from strawberry.federation import Schema
from strawberry.schema.config import StrawberryConfig

from schema.attach import attach
from schema.commands import Mutation
from schema.commercial import ChangeOrder, ContractLine
from schema.customers import LegalEntity, Practice
from schema.delivery import Assignment, Expense, Milestone, Task, TimeEntry
from schema.query import Query
from schema.scalars import SCALARS


@cache
def build_schema() -> Schema:
    """The schema as Strawberry knows it, a Federation v2 subgraph; every field has its resolver."""
    built = Schema(
        query=Query,
        mutation=Mutation,
        types=[LegalEntity, Practice, ContractLine, ChangeOrder, Task, Milestone, Assignment, TimeEntry, Expense],
        config=StrawberryConfig(scalar_map=SCALARS),
        # As old as it can be: composers refuse versions that are newer than they are, and keys are all that is needed.
        federation_version="2.3",
    )
    attach(graphql_schema(built))
    return built


def graphql_schema(built: Schema | None = None) -> GraphQLSchema:
    """The schema as graphql-core executes it."""
    return (built or build_schema())._schema  # noqa: SLF001 -- Strawberry has no public name for it

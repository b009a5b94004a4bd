"""The workload: a portfolio page of projects with everything under them."""

from __future__ import annotations

from pathlib import Path

from graphql import GraphQLObjectType

from schema.build import graphql_schema

PEERS = Path(__file__).resolve().parents[3] / "shared" / "bench" / "peers"
"""Servers to compare with, where this machine has them beside the repository."""

QUERY = """query Portfolio($first: Int!) {
  projects(first: $first, orderBy: { by: CODE }) {
    nodes {
      id code name stage startDate endDate
      customer { id name region }
      contract {
        id number status signedOn value { amount currency }
        lines { id name model price { amount currency } }
      }
      manager { id name title }
      milestones { id name dueDate status amount { amount currency } }
      assignments(first: 10) {
        nodes { id role plannedHours allocation booking resource { id name title grade location } }
      }
      revenue { period EARNED billed { amount currency } recognized { amount currency } }
    }
  }
}"""
SIZES = (5, 50, 200)


def portfolio_query() -> str:
    """The query, with earned revenue where the schema has it."""
    periods = graphql_schema().type_map["RevenuePeriod"]
    earned = isinstance(periods, GraphQLObjectType) and "earned" in periods.fields
    return QUERY.replace("EARNED", "earned { amount currency }" if earned else "")

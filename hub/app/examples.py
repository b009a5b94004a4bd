"""The queries that the playground offers to begin with."""

from __future__ import annotations

from hub.app.services import Example

PORTFOLIO = """\
# Projects with who leads them, what they are worth, and what is booked, billed and recognized.
query Portfolio($first: Int = 10, $filter: ProjectFilter) {
  projects(first: $first, filter: $filter, orderBy: { by: CODE }) {
    totalCount
    nodes {
      code
      name
      stage
      customer { name region }
      contract { number status value { amount currency } lines { name model price { amount currency } } }
      manager { name title }
      milestones { name dueDate status amount { amount currency } }
      assignments(first: 5) { nodes { role plannedHours booking resource { name grade location } } }
      revenue { period billed { amount currency } recognized { amount currency } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""

PROVENANCE = """\
# Where one page of projects comes from: every record behind them, its version and its age.
query Provenance {
  projects(first: 3) {
    nodes {
      code
      records { domain system kind externalId version sourceTimestamp fetchedAt stale unavailable }
    }
  }
}
"""

PEOPLE = """\
# People with a skill, and what they are booked on.
query People($filter: ResourceFilter) {
  resources(filter: $filter, first: 10) {
    totalCount
    nodes {
      kind
      name
      title
      skills
      practice { name }
      manager { name }
      assignments(first: 5) { nodes { project { code name } role startDate endDate plannedHours } }
    }
  }
}
"""

PIPELINE = """\
# What is being sold, with the hours it would bring.
query Pipeline {
  opportunities(filter: { status: [OPEN], minProbability: "0.2" }, first: 10) {
    totalCount
    nodes {
      name
      stage
      probability
      expectedClose
      amount { amount currency }
      weightedHours
      customer { name openReceivables { amount currency } collections }
      soldRoles { role deliveryRole laborCategory hours }
    }
  }
}
"""

SOURCES = """\
# The systems behind the graph, and how they are doing.
query Sources {
  sources { system vendor domain status lastContact lagSeconds openExceptions }
}
"""

EXAMPLES = (
    Example("Portfolio", PORTFOLIO, {"first": 10, "filter": {"stage": ["IN_DELIVERY", "STAFFED"]}}),
    Example("Where values come from", PROVENANCE),
    Example("People and bookings", PEOPLE, {"filter": {"status": ["ACTIVE"]}}),
    Example("Pipeline", PIPELINE),
    Example("Systems", SOURCES),
)

"""One question over four systems: how many calls it costs, what it shows, and how changes come through."""

import pytest

from tests.support.stack import FirmSandboxes, RunningHub

pytestmark = pytest.mark.xdist_group("whole-hub")

PORTFOLIO = """
query Portfolio($first: Int!) {
  projects(first: $first, orderBy: { by: CODE }) {
    nodes {
      id code name stage startDate endDate
      customer { id name region }
      contract { id number status signedOn value { amount currency } lines { id name model price { amount currency } } }
      manager { id name title }
      milestones { id name dueDate status amount { amount currency } }
      assignments(first: 10) {
        nodes { id role plannedHours allocation booking resource { id name title grade location } }
      }
      revenue { period billed { amount currency } recognized { amount currency } }
    }
  }
}
"""
MOST_CALLS = 25


def test_a_portfolio_costs_a_few_calls_and_then_none(hub: RunningHub, firm: FirmSandboxes) -> None:
    """Never one per project; the second time everything is in memory."""
    first = hub.ask(PORTFOLIO, {"first": 50})
    calls = firm.calls("query")
    assert len(first.data["projects"]["nodes"]) == len(firm.firm.projects)
    assert 4 <= sum(calls.values()) <= MOST_CALLS, calls
    firm.forget_requests()
    again = hub.ask(PORTFOLIO, {"first": 50})
    assert again.body == first.body
    assert sum(firm.calls("query").values()) == 0

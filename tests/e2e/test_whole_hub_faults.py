"""A system of record that fails: the page comes in time, says what it lacks and whose fault it is, and heals alone."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support.stack import SYSTEMS, FirmSandboxes, RunningHub, until

pytestmark = pytest.mark.xdist_group("whole-hub")

RECORDS = "records { system stale unavailable }"
PAGE = f"""
{{
  projects(first: 50, orderBy: {{ by: CODE }}) {{
    nodes {{
      id code name stage startDate percentComplete {RECORDS}
      customer {{ name region creditHold collections {RECORDS} }}
      contract {{ number status value {{ amount }} lines {{ name model revenueMethod price {{ amount }} }} }}
      manager {{ name title grade {RECORDS} }}
      milestones {{ name dueDate status }}
      assignments(first: 5) {{ nodes {{ role plannedHours resource {{ name title }} }} }}
      invoices(first: 3) {{ nodes {{ number status total {{ amount }} }} }}
      revenue {{ period billed {{ amount }} recognized {{ amount }} }}
    }}
  }}
}}
"""
LACKS = {
    "salesforce": {"contract.lines.price"},
    "kantata": {"percentComplete", "milestones.status"},
    "netsuite": {
        "customer.creditHold",
        "customer.collections",
        "contract.lines.revenueMethod",
        "invoices.nodes.total",
        "revenue",
    },
    "workday": {"manager.grade"},
}
"""What of the page is null when a system is silent; the directory keeps all else of it."""
FIELDS = {
    "salesforce": ["ContractLine.price"],
    "kantata": ["Milestone.status", "Project.percentComplete"],
    "netsuite": [
        "ContractLine.revenueMethod",
        "Customer.collections",
        "Customer.creditHold",
        "Invoice.total",
        "Project.revenue",
    ],
    "workday": ["Resource.grade"],
}
SOONER_THAN_S = 11.0
HEALED_WITHIN_S = 10.0


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf, and every null, with its path; positions are left in it."""
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield from leaves(below, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from leaves(below, f"{path}[{number}]")
    else:
        yield path, value


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Fields of projects that differ, by their place in the query; `records` left out."""
    left, right = dict(leaves(before)), dict(leaves(after))
    places = {
        key for key in left.keys() | right.keys() if (key in left, left.get(key)) != (key in right, right.get(key))
    }
    bare = {re.sub(r"\[\d+\]", "", place).removeprefix("projects.nodes.") for place in places}
    return {place for place in bare if "records." not in place}


def records(data: Any) -> Iterator[Mapping[str, Any]]:
    """Every source record in an answer."""
    if isinstance(data, Mapping):
        if set(data) == {"system", "stale", "unavailable"}:
            yield data
        for below in data.values():
            yield from records(below)
    elif isinstance(data, list):
        for below in data:
            yield from records(below)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_silent_system_costs_its_own_values_only_and_heals(hub: RunningHub, firm: FirmSandboxes, system: str) -> None:
    """What the directory keeps is served and marked, the rest is null with one error that names the system."""
    before = hub.ask(PAGE)
    assert before.data
    hub.clear_cache()
    firm[system].set_fault("down")
    during = hub.ask(PAGE)
    assert during.seconds < SOONER_THAN_S
    (error,) = during.errors
    assert error["extensions"]["code"] == "SOURCE_UNAVAILABLE"
    assert error["extensions"]["class"] == "PLATFORM_AVAILABILITY"
    assert error["extensions"]["system"] == system
    assert error["extensions"]["fields"] == FIELDS[system]
    differs = changed(before.data, during.body["data"])
    assert {place for place in differs if not any(place.startswith(lost) for lost in LACKS[system])} == set()
    assert {lost for lost in LACKS[system] if not any(place.startswith(lost) for place in differs)} == set()
    for record in records(during.body["data"]):
        assert (record["unavailable"] is not None) == (record["system"] == system), record
    firm.clear_faults()
    # Asked all the time: that must not keep the hub from asking the system again.
    until(lambda: hub.ask(PAGE).body == before.body, HEALED_WITHIN_S)


FAULTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "slow": ("workday", {"fault": "slow", "delay_s": 30}, "SOURCE_UNAVAILABLE"),
    "throttled": ("kantata", {"fault": "throttle", "retry_after_s": 1}, "RATE_LIMITED"),
    "failing": ("netsuite", {"fault": "error"}, "SOURCE_UNAVAILABLE"),
    "under maintenance": ("salesforce", {"fault": "html", "status": 200}, "SOURCE_UNAVAILABLE"),
    "cut off": ("netsuite", {"fault": "half-body"}, "SOURCE_UNAVAILABLE"),
    "malformed": ("salesforce", {"fault": "malformed"}, "SCHEMA_DRIFT"),
    "without a CRM field": ("salesforce", {"fault": "drift", "field": "Name"}, "SCHEMA_DRIFT"),
    "without a PSA field": ("kantata", {"fault": "drift", "field": "title"}, "SCHEMA_DRIFT"),
    "without an ERP field": ("netsuite", {"fault": "drift", "field": "stamp"}, "SCHEMA_DRIFT"),
    "without an HCM field": ("workday", {"fault": "drift", "field": "fullName"}, "SCHEMA_DRIFT"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_by_its_code(hub: RunningHub, firm: FirmSandboxes, fault: str) -> None:
    """The page comes in time, one error says whose fault it is, and it is over when the fault is."""
    system, committed, code = FAULTS[fault]
    firm[system].set_fault(**committed)
    during = hub.ask(PAGE)
    assert during.seconds < SOONER_THAN_S
    assert [(e["extensions"]["code"], e["extensions"]["system"]) for e in during.errors] == [(code, system)]
    firm.clear_faults()
    until(lambda: hub.ask(PAGE).errors == [], HEALED_WITHIN_S)


@pytest.mark.parametrize("system", [system for system in SYSTEMS if system != "kantata"])
def test_an_expired_token_shows_nowhere(hub: RunningHub, firm: FirmSandboxes, system: str) -> None:
    """The hub signs in again and repeats the call; Kantata's token does not expire."""
    before = hub.ask(PAGE)
    hub.clear_cache()
    firm[system].set_fault("expire-tokens")
    after = hub.ask(PAGE)
    assert after.body == before.body
    assert after.seconds < 5

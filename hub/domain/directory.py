"""What the hub's own directory keeps durably of each kind, with its last good value.

Kept is what the graph makes non-null, what one may filter and sort by, every link between entities,
and what the project stage is derived from (domain.md section 3). Everything else lives in the record
cache only. A person's cost rate is never kept.
"""

from __future__ import annotations

from hub.domain.kinds import Domain, Kind
from hub.domain.ownership import attributes_of

KEPT: dict[Kind, frozenset[str]] = {
    Kind.CUSTOMER: frozenset("name region parent".split()),
    Kind.OPPORTUNITY: frozenset("name customer status probability expected_close".split()),
    Kind.CONTRACT: frozenset("number customer opportunity legal_entity status signed_on value".split()),
    Kind.CONTRACT_LINE: frozenset("contract name model".split()),
    Kind.CHANGE_ORDER: frozenset("line status effective_date".split()),
    Kind.PROJECT: frozenset(
        "code name delivery_status archived start_date end_date practice customer contract manager"
        " legal_entity financial_status".split()
    ),
    Kind.TASK: frozenset("project name contract_line planned_hours start_date end_date done".split()),
    Kind.MILESTONE: frozenset("project name due_date".split()),
    Kind.ASSIGNMENT: frozenset("project resource role start_date end_date planned_hours booking".split()),
    Kind.TIME_ENTRY: frozenset("project task resource work_date status posted_period".split()),
    Kind.EXPENSE: frozenset("project resource date status".split()),
    Kind.RESOURCE: frozenset(
        "name email status title job_profile skills practice legal_entity manager hire_date end_date".split()
    ),
    Kind.SUBCONTRACTOR: frozenset("name email role legal_entity".split()),
    Kind.LEGAL_ENTITY: frozenset("code name country currency".split()),
    Kind.PRACTICE: frozenset("code name parent".split()),
    Kind.INVOICE: frozenset("number customer project issued_on status lines".split()),
}
"""Attributes by kind of record; `lines` of an invoice is kept for its links to milestones only."""


def kept_by(domain: Domain, kind: Kind) -> frozenset[str]:
    """The kept attributes that systems of that domain supply for that kind: what a change feed asks for."""
    return KEPT[kind] & attributes_of(domain, kind)

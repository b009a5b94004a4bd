"""Who owns what: the one table of systems of record (domain.md section 1).

Every attribute of every kind of record has exactly one owner. `WRITERS` of a rule say which roles may
change it through the hub; an empty set means that the hub never writes it. Attributes are named as
records name them; `field` is the graph's name where it is not simply the camel-cased attribute.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from hub.domain.kinds import Domain, Kind

CRM, PSA, ERP, HCM, HUB = Domain.CRM, Domain.PSA, Domain.ERP, Domain.HCM, Domain.HUB


class Role(StrEnum):
    """The roles of callers (domain.md 9.1)."""

    EXECUTIVE = "executive"
    PMO = "pmo"
    DELIVERY_MANAGER = "delivery-manager"
    FINANCE_OPS = "finance-ops"
    INTEGRATION_SUPPORT = "integration-support"
    SERVICE = "service"


NOBODY: frozenset[Role] = frozenset()
DELIVERY = frozenset({Role.PMO, Role.DELIVERY_MANAGER})
TIME_WRITERS = frozenset({Role.SERVICE})
TIME_APPROVERS = frozenset({Role.DELIVERY_MANAGER})
FINANCE = frozenset({Role.FINANCE_OPS})
SUPPORT = frozenset({Role.INTEGRATION_SUPPORT})


@dataclass(frozen=True, slots=True)
class Rule:
    """One attribute of one kind: its system of record and who may write it through the hub."""

    kind: Kind
    attribute: str
    owner: Domain
    writers: frozenset[Role] = NOBODY


def owns(owner: Domain, kind: Kind, attributes: str, *, writers: frozenset[Role] = NOBODY) -> tuple[Rule, ...]:
    """Rules for several attributes (separated by spaces) of one kind with one owner."""
    return tuple(Rule(kind, name, owner, writers) for name in attributes.split())


def _table(*groups: Iterable[Rule]) -> tuple[Rule, ...]:
    return tuple(rule for group in groups for rule in group)


RULES: tuple[Rule, ...] = _table(
    # Customer: the CRM's account is controlled master data; what it owes is the ERP's.
    owns(CRM, Kind.CUSTOMER, "name industry region parent tax_registration"),
    owns(ERP, Kind.CUSTOMER, "credit_hold open_items"),
    # Opportunity, sold roles and packages: the hub may not change probability or value.
    owns(CRM, Kind.OPPORTUNITY, "name customer stage status probability amount expected_close start_date region"),
    owns(CRM, Kind.OPPORTUNITY, "sold_roles sold_packages"),
    # Contract and its commercial terms are sold in the CRM; how a line's revenue is recognized is the ERP's.
    owns(CRM, Kind.CONTRACT, "number customer opportunity legal_entity status signed_on value"),
    owns(CRM, Kind.CONTRACT_LINE, "contract name model price cap start_date end_date billing_terms"),
    owns(ERP, Kind.CONTRACT_LINE, "revenue_method", writers=FINANCE),
    owns(
        CRM,
        Kind.CHANGE_ORDER,
        "line status reason price_delta hours_delta effective_date",
        writers=frozenset({Role.PMO}),
    ),
    # Project: delivery in the PSA, money in the ERP, the lifecycle stage in the hub.
    owns(PSA, Kind.PROJECT, "name start_date end_date manager", writers=DELIVERY),
    owns(PSA, Kind.PROJECT, "code delivery_status archived practice customer contract percent_complete"),
    owns(ERP, Kind.PROJECT, "legal_entity financial_status billing_type revenue"),
    owns(HUB, Kind.PROJECT, "stage", writers=DELIVERY | FINANCE),
    owns(PSA, Kind.TASK, "project name contract_line planned_hours remaining_hours billable start_date end_date done"),
    owns(
        PSA,
        Kind.MILESTONE,
        "completed_at",
        writers=frozenset({Role.DELIVERY_MANAGER}),
    ),
    # A delivery manager sees no project but their own, so the other person who accepts may be the PMO.
    owns(PSA, Kind.MILESTONE, "status approved_at", writers=DELIVERY),
    owns(PSA, Kind.MILESTONE, "project name due_date amount completed_by"),
    owns(
        PSA,
        Kind.ASSIGNMENT,
        "project resource role start_date end_date planned_hours allocation booking",
        writers=DELIVERY,
    ),
    owns(
        PSA,
        Kind.TIME_ENTRY,
        "project task resource role work_date hours billable note",
        writers=TIME_WRITERS,
    ),
    owns(PSA, Kind.TIME_ENTRY, "status approved_at", writers=TIME_APPROVERS),
    owns(ERP, Kind.TIME_ENTRY, "posted_period"),
    owns(PSA, Kind.EXPENSE, "project resource date category amount billable status"),
    # People: employees in the HCM, subcontractors in the ERP's accounts payable.
    owns(HCM, Kind.RESOURCE, "name email status hire_date end_date title grade location job_profile fte"),
    owns(HCM, Kind.RESOURCE, "practice legal_entity manager cost_rate"),
    owns(HCM, Kind.RESOURCE, "skills", writers=DELIVERY),
    # What a person can work: hours of each weekday (Monday first), public holidays, days off with their hours.
    owns(HCM, Kind.RESOURCE, "work_week holidays time_off"),
    owns(ERP, Kind.SUBCONTRACTOR, "name email role legal_entity cost_rate"),
    # Money posted.
    owns(ERP, Kind.INVOICE, "number customer project status issued_on due_on total open_amount lines"),
    owns(ERP, Kind.LEGAL_ENTITY, "code name country currency"),
    # Reference data and what only the hub knows.
    owns(HUB, Kind.PRACTICE, "code name parent"),
)


@cache
def _owners() -> dict[tuple[Kind, str], Rule]:
    table: dict[tuple[Kind, str], Rule] = {}
    for rule in RULES:
        if (rule.kind, rule.attribute) in table:
            raise ValueError(f"{rule.kind}.{rule.attribute} has two owners")
        table[rule.kind, rule.attribute] = rule
    return table


def rule_of(kind: Kind, attribute: str) -> Rule:
    """The rule of one attribute; raises KeyError when the kind has no such attribute."""
    return _owners()[kind, attribute]


def owner_of(kind: Kind, attribute: str) -> Domain:
    """The domain that is the system of record of one attribute; raises KeyError when there is none."""
    return rule_of(kind, attribute).owner


BESIDE: frozenset[tuple[Kind, str]] = frozenset((Kind.RESOURCE, name) for name in ("work_week", "holidays", "time_off"))
"""Attributes that the owner keeps in lists of their own, beside the record: they are no part of its version.

A vacation that is approved changes no record, and a version of a hundred people must not cost their calendars.
"""


@cache
def versioned_of(domain: Domain, kind: Kind) -> frozenset[str]:
    """The attributes whose values make the version of a record of that domain (domain.md 6.2)."""
    return frozenset(name for name in attributes_of(domain, kind) if (kind, name) not in BESIDE)


@cache
def attributes_of(domain: Domain, kind: Kind) -> frozenset[str]:
    """The attributes that systems of that domain supply for that kind of record."""
    return frozenset(rule.attribute for rule in RULES if rule.kind is kind and rule.owner is domain)

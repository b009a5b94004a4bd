"""The domains and kinds of the graph, and the id prefix of each kind (domain.md 2.1)."""

from __future__ import annotations

from enum import StrEnum


class Domain(StrEnum):
    """Which sort of system owns something; HUB is the hub itself and its reference data."""

    CRM = "CRM"
    PSA = "PSA"
    ERP = "ERP"
    HCM = "HCM"
    HUB = "HUB"


class Kind(StrEnum):
    """What a record or an entity is; SUBCONTRACTOR is a kind of record whose entity is a RESOURCE."""

    CUSTOMER = "customer"
    OPPORTUNITY = "opportunity"
    CONTRACT = "contract"
    CONTRACT_LINE = "contract_line"
    CHANGE_ORDER = "change_order"
    PROJECT = "project"
    TASK = "task"
    MILESTONE = "milestone"
    ASSIGNMENT = "assignment"
    TIME_ENTRY = "time_entry"
    EXPENSE = "expense"
    RESOURCE = "resource"
    SUBCONTRACTOR = "subcontractor"
    LEGAL_ENTITY = "legal_entity"
    PRACTICE = "practice"
    INVOICE = "invoice"


PREFIX: dict[Kind, str] = {
    Kind.CUSTOMER: "cus",
    Kind.OPPORTUNITY: "opp",
    Kind.CONTRACT: "ctr",
    Kind.CONTRACT_LINE: "cln",
    Kind.CHANGE_ORDER: "cho",
    Kind.PROJECT: "prj",
    Kind.TASK: "tsk",
    Kind.MILESTONE: "mil",
    Kind.ASSIGNMENT: "asg",
    Kind.TIME_ENTRY: "tim",
    Kind.EXPENSE: "exp",
    Kind.RESOURCE: "wrk",
    Kind.SUBCONTRACTOR: "sub",
    Kind.LEGAL_ENTITY: "len",
    Kind.PRACTICE: "prc",
    Kind.INVOICE: "inv",
}
"""The type prefix of canonical ids, by kind of record."""


def entity_kind(kind: Kind) -> Kind:
    """The kind of entity that a record of this kind belongs to."""
    return Kind.RESOURCE if kind is Kind.SUBCONTRACTOR else kind

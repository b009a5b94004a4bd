"""Who may see what (domain.md 9.1): field groups by role in one table, and the group of every field of the graph.

It starts closed: what is not decided here is nobody's, and a test fails for every field, filter and sort
value of the schema without a decision. Which rows somebody sees is hub.domain.row_scope; whose rates a figure of
cost is made with is hub.domain.cost_basis, by the groups MARGIN, ACTUAL_COST and PERSON_COST of this table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import lru_cache

from hub.domain.kinds import Kind
from hub.domain.ownership import Role


class Access(IntEnum):
    """How a value is shown; several roles have the highest of theirs."""

    NONE = 0
    """Null with FORBIDDEN_FIELD."""
    MASKED = 1
    """The same, for money of which one may know that it is there."""
    PSEUDONYM = 2
    """A name that stands for the person, always the same in this installation."""
    READ = 3
    """As it is."""


class FieldGroup(StrEnum):
    """Fields that are decided about together; the values are the words of a service account's grants."""

    FRAME = "frame"
    """What every answer is made of: ids, provenance, pages, money's own fields, payloads."""
    REFERENCE = "reference"
    """Legal entities and practices."""
    MASTER = "master"
    """Customers, opportunities, contracts and their lines, without money."""
    DELIVERY = "delivery"
    """Project, task, milestone, schedule."""
    HOURS = "hours"
    """Hours, time entries, expenses without their amount, utilization."""
    NOTES = "notes"
    """Free text about work: it may name people, so it goes with their names."""
    INVOICES = "invoices"
    """Invoices without money."""
    COMMERCIAL = "commercial"
    """Bill rates, contract price, amounts of invoices and expenses, receivables."""
    REVENUE = "revenue"
    """Recognized revenue, backlog."""
    MARGIN = "margin"
    """Margin, estimates, planned cost: at the basis that hub.domain.cost_basis chooses for the caller."""
    ACTUAL_COST = "actual-cost"
    """No field's own: such figures as they are in fact, of groups of workers so large that nobody's rate shows."""
    PERSON_COST = "person-cost"
    """What one person costs per hour."""
    PEOPLE = "people"
    """That there is somebody: kind, status, role, practice, employer, manager; nothing that names a person."""
    NAMES = "names"
    """The names of people."""
    PERSON = "person"
    """Business contact, title, grade, skills, location, dates of hire and leaving."""
    TIME_OFF = "time-off"
    EXCEPTIONS = "exceptions"
    RAW = "raw"
    """Raw payloads and replay."""
    SOURCES = "sources"
    """The state of the systems."""
    RECONCILIATION = "reconciliation"
    STAFFING = "staffing"
    EXPLAIN = "explain"
    """How an answer came about; in demo mode everyone's."""
    AUDIT = "audit"


G = FieldGroup
COLUMNS = (
    Role.EXECUTIVE,
    Role.PMO,
    Role.DELIVERY_MANAGER,
    Role.FINANCE_OPS,
    Role.INTEGRATION_SUPPORT,
    Role.SERVICE,
)
_LETTERS = {"R": Access.READ, "P": Access.PSEUDONYM, "M": Access.MASKED, "-": Access.NONE}
GRANTABLE = "g"
"""A service account may be granted it, by name; never by a wildcard."""

# Columns: executive, PMO, delivery manager, finance ops, integration support, service account.
TABLE: Mapping[FieldGroup, str] = {
    G.FRAME: "R R R R R R",
    G.REFERENCE: "R R R R R R",
    G.MASTER: "R R R R R g",
    G.DELIVERY: "R R R R R g",
    G.HOURS: "R R R R R g",
    G.NOTES: "R R R R - g",
    G.INVOICES: "R R R R R g",
    G.COMMERCIAL: "R R R R M g",
    G.REVENUE: "R R R R M g",
    G.MARGIN: "R R R R - -",
    G.ACTUAL_COST: "R - - R - -",
    G.PERSON_COST: "- - - R - g",
    G.PEOPLE: "R R R R R g",
    G.NAMES: "R R R R P g",
    G.PERSON: "R R R R - g",
    G.TIME_OFF: "- R R - - -",
    G.EXCEPTIONS: "- R R R R -",
    G.RAW: "- - - - R -",
    G.SOURCES: "- R - - R -",
    G.RECONCILIATION: "- R - R R -",
    G.STAFFING: "R R R - - -",
    G.EXPLAIN: "- - - - R -",
    G.AUDIT: "- - - R R -",
}
"""domain.md 9.1: R read, M masked, P pseudonym, g per grant, - none. People without names still are people (P)."""

READ_GRANT = "read:"
"""Prefix of a service account's grant on a group, `read:hours`; the other grants are names of mutations."""
_OF_PROJECT = frozenset({G.DELIVERY})
_OF_TIME = frozenset({G.DELIVERY, G.HOURS, G.PEOPLE})
_OF_ALL = frozenset({G.MASTER, G.DELIVERY, G.HOURS, G.PEOPLE, G.INVOICES})
SEEN_WITH: Mapping[str, frozenset[FieldGroup]] = {
    **dict.fromkeys(("updateProject", "changeProjectStage", "confirmStaffing"), _OF_PROJECT | {G.PEOPLE}),
    **dict.fromkeys(("completeMilestone", "approveMilestone"), _OF_PROJECT),
    **dict.fromkeys(("assignResource", "updateAssignment"), _OF_TIME),
    **dict.fromkeys(("submitTimeEntry", "approveTimeEntry", "rejectTimeEntry"), _OF_TIME),
    "activateProject": frozenset({G.MASTER, G.DELIVERY}),
    "updateSkills": frozenset({G.PEOPLE, G.PERSON}),
    **dict.fromkeys(("setRevenueMethod", "proposeChangeOrder"), frozenset({G.MASTER})),
    "linkRecord": _OF_ALL,
}
"""What a service account sees with the grant of a mutation: the things that the mutation is about, without money."""

FOR_SOMEBODY = frozenset({G.FRAME, G.REFERENCE, G.MASTER, G.DELIVERY, G.HOURS, G.NOTES, G.PEOPLE, G.NAMES, G.PERSON})
"""What a service account sees at most on behalf of a user, whose roles the hub does not know: no money."""


@dataclass(frozen=True, eq=False)
class Rights:
    """What a caller may see of fields; the same rights are the same object, so they may be part of a key."""

    levels: Mapping[FieldGroup, Access]
    denied_inputs: frozenset[tuple[str, str]] = field(init=False, repr=False)
    """The filters, orders and arguments that the caller may not use."""
    _fields: Mapping[tuple[str, str], Access] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shown = {of: self.levels[group] for of, group in FIELDS.items()}
        object.__setattr__(self, "_fields", shown)
        denied = frozenset(of for of, group in INPUTS.items() if not self.reads(group))
        object.__setattr__(self, "denied_inputs", denied)

    def access(self, type_name: str, field_name: str) -> Access:
        """How a field is shown; one that nobody has decided about is nobody's."""
        return self._fields.get((type_name, field_name), Access.NONE)

    def reads(self, group: FieldGroup) -> bool:
        """Whether the group is shown as it is."""
        return self.levels[group] is Access.READ

    @property
    def readable(self) -> frozenset[FieldGroup]:
        """The groups that are shown as they are."""
        return frozenset(group for group in FieldGroup if self.reads(group))


@lru_cache(maxsize=512)
def rights_of(roles: frozenset[Role], allow: frozenset[str] = frozenset(), *, for_somebody: bool = False) -> Rights:
    """The rights of a caller with these roles and grants; several roles are a union.

    `for_somebody`: a service account acts on behalf of a user.
    """
    granted = _granted(allow) if Role.SERVICE in roles else frozenset[FieldGroup]()
    levels = {group: max((_level(group, role, granted) for role in roles), default=Access.NONE) for group in FieldGroup}
    if for_somebody:
        levels = {g: level if g in FOR_SOMEBODY else Access.NONE for g, level in levels.items()}
    return Rights(levels)


@lru_cache(maxsize=512)
def common_rights(roles: frozenset[Role], allow: frozenset[str] = frozenset(), *, for_somebody: bool = False) -> Rights:
    """What holds on every row that the caller sees: being a delivery manager adds to other roles on own projects only.

    Filters and orders are judged by these, because they look at all rows.
    """
    others = roles - {Role.DELIVERY_MANAGER}
    return rights_of(others or roles, allow, for_somebody=for_somebody)


def _level(group: FieldGroup, role: Role, granted: frozenset[FieldGroup]) -> Access:
    letter = TABLE[group].split()[COLUMNS.index(role)]
    if letter == GRANTABLE:
        return Access.READ if group in granted else Access.NONE
    return _LETTERS[letter]


def _granted(allow: Iterable[str]) -> frozenset[FieldGroup]:
    """The groups that a service account's grants open; unknown words, `*` among them, open nothing."""
    named = frozenset(group for group in FieldGroup if f"{READ_GRANT}{group}" in allow)
    return named.union(*(SEEN_WITH.get(word, frozenset()) for word in allow))


# -- the group of every field -----------------------------------------------------------------------


def _all(group: FieldGroup, type_name: str, names: str) -> dict[tuple[str, str], FieldGroup]:
    return {(type_name, name): group for name in names.split()}


_ENTITY = "id records"
_LISTED = "Customer Opportunity Contract Project Assignment TimeEntry Expense Resource Invoice".split()
_PAYLOADS = {
    "ProjectPayload": "project",
    "AssignmentPayload": "assignment",
    "TimeEntryPayload": "timeEntry",
    "MilestonePayload": "milestone",
    "ResourcePayload": "resource",
    "ContractLinePayload": "contractLine",
    "ContractPayload": "contract",
    "EntityPayload": "entity",
}
# A field that leads to entities has its own type's group: which of them are there is a matter of rows.
FIELDS: Mapping[tuple[str, str], FieldGroup] = {
    **_all(
        G.FRAME,
        "Query",
        "node nodes customer customers opportunity opportunities contract contracts project projects resource"
        " resources invoice _entities _service",
    ),
    **_all(G.FRAME, "_Service", "sdl"),
    # The audit trail is refused as a whole (hub.domain.audit), to everyone but the readers of its entries.
    **_all(G.FRAME, "Query", "audit"),
    **_all(G.AUDIT, "AuditConnection", "edges nodes pageInfo totalCount"),
    **_all(G.AUDIT, "AuditEdge", "cursor node"),
    **_all(G.AUDIT, "AuditEntry", "at actor roles onBehalfOf correlationId action entityId outcome code values"),
    **_all(G.AUDIT, "AuditedValue", "attribute before after"),
    **_all(G.SOURCES, "Query", "sources"),
    **_all(
        G.FRAME,
        "Mutation",
        "updateProject changeProjectStage activateProject confirmStaffing assignResource updateAssignment"
        " submitTimeEntry approveTimeEntry rejectTimeEntry completeMilestone approveMilestone updateSkills"
        " setRevenueMethod proposeChangeOrder linkRecord",
    ),
    **{
        key: group
        for name, shown in _PAYLOADS.items()
        for key, group in _all(G.FRAME, name, f"status errors correlationId replayed {shown}").items()
    },
    **_all(G.FRAME, "CommandError", "code class message field owner allowed"),
    **{
        key: group
        for name in _LISTED
        for key, group in {
            **_all(G.FRAME, f"{name}Connection", "edges nodes pageInfo totalCount"),
            **_all(G.FRAME, f"{name}Edge", "cursor node"),
        }.items()
    },
    **_all(G.FRAME, "PageInfo", "hasNextPage hasPreviousPage startCursor endCursor"),
    **_all(
        G.FRAME,
        "SourceRecord",
        "domain system vendor kind externalId version sourceTimestamp fetchedAt stale unavailable",
    ),
    **_all(G.SOURCES, "SourceHealth", "system vendor domain status lastContact lagSeconds openExceptions"),
    **_all(G.FRAME, "Money", "amount currency"),
    **_all(G.REFERENCE, "LegalEntity", "id code name country currency"),
    **_all(G.REFERENCE, "Practice", "id code name parent"),
    **_all(G.MASTER, "Customer", f"{_ENTITY} name industry region parent opportunities contracts projects"),
    **_all(G.COMMERCIAL, "Customer", "creditHold openReceivables collections"),
    **_all(
        G.MASTER,
        "Opportunity",
        f"{_ENTITY} name customer stage status probability expectedClose startDate region soldRoles soldPackages"
        " contract weightedHours",
    ),
    **_all(G.COMMERCIAL, "Opportunity", "amount"),
    **_all(G.MASTER, "SoldRole", "role deliveryRole laborCategory unmapped hours startDate endDate"),
    **_all(G.COMMERCIAL, "SoldRole", "billRate"),
    **_all(G.MASTER, "SoldPackage", "code quantity"),
    **_all(G.COMMERCIAL, "SoldPackage", "price"),
    **_all(
        G.MASTER,
        "Contract",
        f"{_ENTITY} number customer opportunity legalEntity status signedOn lines changeOrders projects",
    ),
    **_all(G.COMMERCIAL, "Contract", "value"),
    **_all(G.MASTER, "ContractLine", f"{_ENTITY} name model startDate endDate revenueMethod"),
    **_all(G.COMMERCIAL, "ContractLine", "price cap"),
    **_all(G.MASTER, "ChangeOrder", f"{_ENTITY} line status reason hoursDelta effectiveDate treatment"),
    **_all(G.COMMERCIAL, "ChangeOrder", "priceDelta"),
    **_all(
        G.DELIVERY,
        "Project",
        f"{_ENTITY} code name stage startDate endDate practice legalEntity customer contract manager percentComplete"
        " tasks milestones assignments timeEntries expenses invoices revenue",
    ),
    **_all(G.DELIVERY, "Task", f"{_ENTITY} name contractLine billable startDate endDate"),
    **_all(G.HOURS, "Task", "plannedHours remainingHours"),
    **_all(G.DELIVERY, "Milestone", f"{_ENTITY} name dueDate status completedAt approvedAt invoice"),
    **_all(G.COMMERCIAL, "Milestone", "amount"),
    **_all(G.DELIVERY, "Assignment", f"{_ENTITY} project resource role startDate endDate allocation booking"),
    **_all(G.HOURS, "Assignment", "plannedHours"),
    **_all(
        G.HOURS,
        "TimeEntry",
        f"{_ENTITY} resource project task workDate hours billable status laborCategory approvedAt postedPeriod",
    ),
    **_all(G.NOTES, "TimeEntry", "note"),
    **_all(G.HOURS, "Expense", f"{_ENTITY} resource project date category billable status"),
    **_all(G.COMMERCIAL, "Expense", "amount"),
    **_all(G.PEOPLE, "Resource", f"{_ENTITY} kind status role practice legalEntity manager assignments"),
    **_all(G.NAMES, "Resource", "name"),
    **_all(G.PERSON, "Resource", "email hireDate endDate title grade location skills"),
    **_all(G.PERSON_COST, "Resource", "costRate"),
    **_all(G.INVOICES, "Invoice", f"{_ENTITY} number customer project status issuedOn dueOn lines"),
    **_all(G.COMMERCIAL, "Invoice", "total openAmount"),
    **_all(G.INVOICES, "InvoiceLine", "description period milestone"),
    **_all(G.COMMERCIAL, "InvoiceLine", "amount"),
    **_all(G.DELIVERY, "RevenuePeriod", "period"),
    **_all(G.REVENUE, "RevenuePeriod", "planned earned billed recognized"),
    **_all(
        G.MARGIN,
        "Financials",
        "plannedCost actualCost estimateToComplete estimateAtCompletion costBasis plannedMargin grossMargin"
        " percentComplete lossProvision",
    ),
    **_all(G.MARGIN, "StaffingCandidate", "plannedMargin"),
}
"""(type, field) → its group."""

COST_FIELDS = frozenset(of for of, group in FIELDS.items() if group is G.MARGIN)
"""Fields from which a cost can be worked out: each shows what hub.domain.cost_basis lets it."""

GROUP_OF_KIND: Mapping[Kind, FieldGroup] = {
    **dict.fromkeys((Kind.LEGAL_ENTITY, Kind.PRACTICE), G.REFERENCE),
    **dict.fromkeys((Kind.CUSTOMER, Kind.OPPORTUNITY, Kind.CONTRACT, Kind.CONTRACT_LINE, Kind.CHANGE_ORDER), G.MASTER),
    **dict.fromkeys((Kind.PROJECT, Kind.TASK, Kind.MILESTONE, Kind.ASSIGNMENT), G.DELIVERY),
    **dict.fromkeys((Kind.TIME_ENTRY, Kind.EXPENSE), G.HOURS),
    **dict.fromkeys((Kind.RESOURCE, Kind.SUBCONTRACTOR), G.PEOPLE),
    Kind.INVOICE: G.INVOICES,
}
"""Without this group a kind's rows do not exist for the caller (a service account without the grant)."""

INPUTS: Mapping[tuple[str, str], FieldGroup] = {
    **_all(
        G.DELIVERY,
        "ProjectFilter",
        "stage practice legalEntity customer manager model startsBefore endsAfter search",
    ),
    **_all(G.DELIVERY, "ProjectOrder", "by direction"),
    **_all(G.DELIVERY, "ProjectSort", "NAME CODE START_DATE END_DATE"),
    **_all(G.COMMERCIAL, "ProjectSort", "CONTRACT_VALUE"),
    **_all(G.MARGIN, "ProjectSort", "GROSS_MARGIN"),
    **_all(G.REVENUE, "ProjectSort", "WIP BACKLOG"),
    **_all(G.PEOPLE, "ResourceFilter", "kind status role practice legalEntity manager"),
    **_all(G.PERSON, "ResourceFilter", "skill"),
    **_all(G.NAMES, "ResourceFilter", "search"),
    **_all(G.MASTER, "OpportunityFilter", "status customer minProbability closesBefore search"),
    **_all(G.MASTER, "ContractFilter", "status customer legalEntity model search"),
    **_all(G.MASTER, "Query.customers", "search"),
    # Where a field is denied its arguments are of no use, so the field alone decides.
    **_all(G.FRAME, "Customer.openReceivables", "currency"),
    **_all(G.FRAME, "Project.timeEntries", "from to status"),
    **_all(G.FRAME, "Project.revenue", "from to currency"),
    **_all(G.FRAME, "Resource.assignments", "from to"),
    **_all(G.FRAME, "Resource.costRate", "on"),
}
"""(input type or sort, its member) and (`Type.field`, its argument) → the group that one must read to ask by it."""

"""What the generated firm consists of, in words of the trade and of no vendor.

Every object has `n`, its number within its type (1, 2, 3 …, stable for a seed and size), from which
`vendor_ids` derives the id that a vendor would have given it. Objects refer to each other by `n`.
`canonical` is the hub's canonical id where the firm's systems already carry it as an outward
reference, None where they never got one. Dates are local calendar dates, instants are aware UTC,
money is exact. `modified` is the instant of the last change in the system that owns the object.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, TypeVar


class Size(StrEnum):
    """How large the firm is: small for tests, medium for the demo, large for load."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class Model(StrEnum):
    """The six commercial models a contract line can have."""

    TIME_AND_MATERIALS = "TIME_AND_MATERIALS"
    TM_NOT_TO_EXCEED = "TM_NOT_TO_EXCEED"
    FIXED_FEE_MILESTONE = "FIXED_FEE_MILESTONE"
    FIXED_FEE_PERCENT_COMPLETE = "FIXED_FEE_PERCENT_COMPLETE"
    MANAGED_RECURRING = "MANAGED_RECURRING"
    RETAINER_SUBSCRIPTION = "RETAINER_SUBSCRIPTION"


class TimeState(StrEnum):
    """Where a time entry or an expense stands in its approval."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Amount:
    """Money of the generated firm: an exact decimal in the currency's own minor unit, and its ISO code."""

    value: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class LegalEntity:
    """A company of the firm; `code` is what other systems call it (US01, UK01, JP01)."""

    n: int
    code: str
    name: str
    country: str
    currency: str


@dataclass(frozen=True, slots=True)
class Practice:
    """A practice or sub-practice; `parent` is a practice code or None."""

    n: int
    code: str
    name: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class CostRate:
    """A person's standard cost per hour from a date on."""

    valid_from: date
    rate: Amount


@dataclass(frozen=True, slots=True)
class TimeOff:
    """Approved hours away on one day; `kind` such as Vacation, Sick, Parental."""

    day: date
    hours: Decimal
    kind: str


@dataclass(frozen=True, slots=True)
class Person:
    """A worker in the HCM: employee, or contingent worker when `contingent`.

    `terminated` is the last day of work; `role` is empty for the few people outside delivery.
    """

    n: int
    employee_number: str
    first_name: str
    last_name: str
    email: str
    hired: date
    terminated: date | None
    on_leave: bool
    title: str
    job_profile: str
    role: str
    grade: str
    location: str
    country: str
    company: str
    practice: str
    manager: int | None
    skills: tuple[str, ...]
    fte: Decimal
    cost_rates: tuple[CostRate, ...]
    time_off: tuple[TimeOff, ...]
    contingent: bool
    modified: datetime

    @property
    def name(self) -> str:
        """The display name."""
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class Subcontractor:
    """A person supplied by a vendor of the ERP: purchase order, its rate per hour and its limit."""

    n: int
    name: str
    email: str
    role: str
    company: str
    practice: str
    purchase_order: str
    rate: Amount
    limit: Amount
    modified: datetime


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer; the three names differ where the systems spell it differently."""

    n: int
    canonical: str | None
    name: str
    psa_name: str
    erp_name: str
    industry: str
    region: str
    country: str
    currency: str
    tax_registration: str
    parent: int | None
    company: str
    credit_hold: bool
    in_erp: bool
    modified: datetime


@dataclass(frozen=True, slots=True)
class SoldRole:
    """A role sold on an opportunity, with its hours and rate."""

    n: int
    role: str
    hours: Decimal
    bill_rate: Amount
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class SoldPackage:
    """A service package sold on an opportunity."""

    n: int
    code: str
    name: str
    quantity: Decimal
    price: Amount


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A deal in the CRM; `probability` is 0..1; `stage` is the CRM's own stage name."""

    n: int
    canonical: str | None
    name: str
    customer: int
    stage: str
    closed: bool
    won: bool
    probability: Decimal
    amount: Amount
    expected_close: date
    start: date | None
    region: str
    company: str
    practice: str
    sold_roles: tuple[SoldRole, ...]
    sold_packages: tuple[SoldPackage, ...]
    modified: datetime


@dataclass(frozen=True, slots=True)
class ContractLine:
    """One line of a contract; `revenue_method` is set by the ERP, None while it has not been set.

    `price` includes the approved change orders.
    """

    n: int
    canonical: str | None
    contract: int
    name: str
    model: Model
    price: Amount
    cap: Amount | None
    start: date
    end: date
    billing_terms: str
    revenue_method: str | None
    bill_rate: Amount
    modified: datetime


@dataclass(frozen=True, slots=True)
class ChangeOrder:
    """A change of a contract line; `status` is Proposed, Approved or Rejected."""

    n: int
    canonical: str | None
    line: int
    status: str
    reason: str
    price_delta: Amount
    hours_delta: Decimal
    effective: date
    modified: datetime


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract; `crm_status` is Draft, In Approval or Activated, `signed_on` None until signed."""

    n: int
    canonical: str | None
    number: str
    customer: int
    opportunity: int | None
    company: str
    crm_status: str
    cancelled: bool
    signed_on: date | None
    start: date
    end: date
    value: Amount
    template: str
    template_version: str
    early_start_until: date | None
    in_erp: bool
    modified: datetime


@dataclass(frozen=True, slots=True)
class Project:
    """A project as the PSA and the ERP see it; `psa_status` is one of the PSA's status keys."""

    n: int
    canonical: str | None
    code: str
    name: str
    customer: int | None
    contract: int | None
    lines: tuple[int, ...]
    practice: str
    company: str
    currency: str
    manager: int | None
    psa_status: int
    archived: bool
    start: date
    end: date
    percent_complete: int
    in_psa: bool
    in_erp: bool
    erp_open: bool
    billing_type: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a project; hours are planned and logged so far; `line` is a contract line or None."""

    n: int
    canonical: str | None
    project: int
    line: int | None
    name: str
    planned_minutes: int
    billable: bool
    start: date
    end: date
    done: bool
    modified: datetime


@dataclass(frozen=True, slots=True)
class Milestone:
    """A billing milestone; accepted by a different person than the one who completed it."""

    n: int
    canonical: str | None
    project: int
    line: int
    name: str
    due: date
    amount: Amount
    completed_at: datetime | None
    accepted_on: date | None
    accepted_by: str | None
    invoice: int | None
    modified: datetime


@dataclass(frozen=True, slots=True)
class Booking:
    """Hours of a person (or of a role still unnamed) on a project; `person` or `subcontractor` or neither."""

    n: int
    canonical: str | None
    project: int
    person: int | None
    subcontractor: int | None
    role: str
    start: date
    end: date
    minutes: int
    percent: Decimal
    hard: bool
    modified: datetime


@dataclass(frozen=True, slots=True)
class TimeEntry:
    """Time on one day; entries that were submitted together share `submission`.

    `posted_period` (YYYY-MM) is set once the ERP holds an actual for it, `invoice` once billed.
    """

    n: int
    project: int
    task: int
    person: int | None
    subcontractor: int | None
    day: date
    minutes: int
    billable: bool
    note: str
    state: TimeState
    submission: int | None
    approver: int | None
    approved_at: datetime | None
    posted_period: str | None
    invoice: int | None
    modified: datetime


@dataclass(frozen=True, slots=True)
class Expense:
    """An expense of a person on a project."""

    n: int
    project: int
    person: int
    day: date
    category: str
    amount: Amount
    billable: bool
    state: TimeState
    modified: datetime


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """A line of an invoice or credit memo; `milestone` when it bills one."""

    n: int
    project: int
    line: int
    description: str
    amount: Amount
    milestone: int | None


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice of the ERP, or a credit memo when `credit`; `paid` is the amount applied so far, tax included.

    A credit memo carries positive amounts and names in `credits` the invoice that it is applied to; what it
    is applied for counts in that invoice's `paid` as a payment does.
    """

    n: int
    number: str
    credit: bool
    customer: int
    company: str
    issued: date
    due: date
    period: str
    lines: tuple[InvoiceLine, ...]
    tax: Amount
    total: Amount
    paid: Amount
    disputed: bool
    voided: bool
    modified: datetime
    credits: int | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """A customer payment applied to one invoice."""

    n: int
    invoice: int
    day: date
    amount: Amount
    modified: datetime


@dataclass(frozen=True, slots=True)
class RevenueRow:
    """One row of a revenue plan: planned for `planned_period`; posted in `posting_period` once recognized.

    Time and materials has no plan: its rows are `recognized` and not `planned`, for the period they are posted in.
    """

    n: int
    project: int
    line: int
    planned_period: str
    posting_period: str | None
    amount: Amount
    planned: bool
    recognized: bool
    modified: datetime


@dataclass(frozen=True, slots=True)
class Mess:
    """A listed irregularity of the firm: what is wrong, where (type and numbers), and what the graph should show."""

    name: str
    objects: tuple[tuple[str, int], ...]
    shows: str


class Numbered(Protocol):
    """Any object of the firm with a number."""

    @property
    def n(self) -> int:
        """The number within the type."""


N = TypeVar("N", bound=Numbered)
T = TypeVar("T")


def numbered(rows: Sequence[N], n: int) -> N:
    """The row numbered n of a list that is ordered by number; KeyError when there is none."""
    if 0 < n <= len(rows) and rows[n - 1].n == n:
        return rows[n - 1]
    return next_or_raise((row for row in rows if row.n == n), n)


def next_or_raise(rows: Iterator[T], key: object) -> T:
    """The first of the rows; KeyError naming the key when there is none."""
    for row in rows:
        return row
    raise KeyError(key)


@dataclass(slots=True)
class Firm:
    """The whole firm, each list ordered by `n`; `today` is the day as of which it was generated.

    `holidays` are by country code. The look-ups by number raise KeyError when there is no such object.
    """

    seed: int
    size: Size
    today: date
    legal_entities: list[LegalEntity] = field(default_factory=list)
    practices: list[Practice] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    subcontractors: list[Subcontractor] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    opportunities: list[Opportunity] = field(default_factory=list)
    contracts: list[Contract] = field(default_factory=list)
    contract_lines: list[ContractLine] = field(default_factory=list)
    change_orders: list[ChangeOrder] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    milestones: list[Milestone] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    time_entries: list[TimeEntry] = field(default_factory=list)
    expenses: list[Expense] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    revenue_rows: list[RevenueRow] = field(default_factory=list)
    holidays: dict[str, list[date]] = field(default_factory=dict)
    mess: list[Mess] = field(default_factory=list)

    def legal_entity(self, code: str) -> LegalEntity:
        """The legal entity with this code; KeyError when there is none."""
        return next_or_raise((e for e in self.legal_entities if e.code == code), code)

    def practice(self, code: str) -> Practice:
        """The practice with this code; KeyError when there is none."""
        return next_or_raise((p for p in self.practices if p.code == code), code)

    def person(self, n: int) -> Person:
        """The n-th worker."""
        return numbered(self.people, n)

    def subcontractor(self, n: int) -> Subcontractor:
        """The n-th subcontractor."""
        return numbered(self.subcontractors, n)

    def customer(self, n: int) -> Customer:
        """The n-th customer."""
        return numbered(self.customers, n)

    def opportunity(self, n: int) -> Opportunity:
        """The n-th opportunity."""
        return numbered(self.opportunities, n)

    def contract(self, n: int) -> Contract:
        """The n-th contract."""
        return numbered(self.contracts, n)

    def line(self, n: int) -> ContractLine:
        """The n-th contract line."""
        return numbered(self.contract_lines, n)

    def project(self, n: int) -> Project:
        """The n-th project."""
        return numbered(self.projects, n)

    def task(self, n: int) -> Task:
        """The n-th task."""
        return numbered(self.tasks, n)

    def invoice(self, n: int) -> Invoice:
        """The n-th invoice or credit memo."""
        return numbered(self.invoices, n)

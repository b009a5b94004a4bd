"""Kantata's rows as records' attributes: one table per kind says where each attribute comes from.

A `Field` names the columns that must be there (a column that is gone is drift, not an empty value), the
associations to side-load, and the mapped custom fields; so a caller's attributes decide what is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from hashlib import sha256

from hub.domain.ids import MalformedId, parse_id
from hub.domain.kinds import Domain, Kind
from hub.domain.money import Money, minor_from_vendor, minor_units, total
from hub.domain.records import BY_CANONICAL, Key, Ref, Value, by_id_in
from sources.kantata.wire import Envelope, identifier, identifiers
from sources.shapes import Row
from sources.versions import instant_text

DEFAULT_MAPPING: Mapping[str, str] = {
    "project.code": "Project code",
    "project.practice": "Practice",
    "project.contract": "Contract",
    "task.contract_line": "Contract line",
    "milestone.approved_at": "Accepted on",
    "milestone.approved_by": "Accepted by",
}
"""Which custom field of the tenant holds an attribute that Kantata itself does not have."""

CANONICAL_SERVICE = "plumbline"
STATUS_BY_KEY = {100: "NOT_STARTED", 200: "ACTIVE", 300: "ON_HOLD", 400: "COMPLETE", 500: "CANCELLED"}
STATUS_BY_SUBMISSION = {"pending": "SUBMITTED", "approved": "APPROVED", "rejected": "REJECTED", "cancelled": "DRAFT"}
HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Billing:
    """The billing milestones of one story together: what they bill, and whether all are on an invoice."""

    amount: Money | None
    billed: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What a row is read with: its envelope, custom field ids by mapping entry, and what other calls gave."""

    page: Envelope
    custom: Mapping[str, frozenset[str]] = field(default_factory=dict)
    billing: Mapping[str, Billing] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)


Read = Callable[[Row, Look], Value]


@dataclass(frozen=True, slots=True)
class Field:
    """Where one attribute comes from."""

    read: Read
    columns: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    custom: str | None = None
    billing: bool = False
    roles: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What a set of attributes needs: columns, associations, mapped fields, billing milestones, role names."""

    fields: tuple[tuple[str, Read], ...]
    columns: frozenset[str]
    include: tuple[str, ...]
    custom: tuple[str, ...]
    billing: bool
    roles: bool

    def values(self, row: Row, look: Look) -> dict[str, Value]:
        """The attributes of one row; raises SourceShapeBroken for a column that is gone or of another type."""
        if not self.columns <= row.data.keys():
            gone = min(self.columns - row.data.keys())
            raise row.broken(gone, "there")
        return {name: read(row, look) for name, read in self.fields}


@cache
def reading(kind: Kind, attributes: frozenset[str]) -> Reading:
    """The plan for reading these attributes of that kind; raises KeyError for one that Kantata does not supply."""
    chosen = [(name, FIELDS[kind][name]) for name in sorted(attributes)]
    return Reading(
        fields=tuple((name, item.read) for name, item in chosen),
        columns=frozenset(column for _, item in chosen for column in item.columns),
        include=tuple(sorted({name for _, item in chosen for name in item.include})),
        custom=tuple(item.custom for _, item in chosen if item.custom),
        billing=any(item.billing for _, item in chosen),
        roles=any(item.roles for _, item in chosen),
    )


# Columns.


def _text(column: str) -> Field:
    return Field(lambda row, _: row.text(column), (column,))


def _title(column: str) -> Field:
    return Field(lambda row, _: row.required(column, row.text(column)), (column,))


def _flag(column: str) -> Field:
    return Field(lambda row, _: row.required(column, row.flag(column)), (column,))


def _day(column: str) -> Field:
    return Field(lambda row, _: row.day(column), (column,))


def _ref(kind: Kind, column: str, include: tuple[str, ...] = ()) -> Field:
    def read(row: Row, _: Look) -> Value:
        vendor_id = identifier(row, column)
        return None if vendor_id is None else Ref(kind, vendor_id)

    return Field(read, (column,), include)


def _hours(column: str) -> Field:
    return Field(lambda row, _: _in_hours(row.integer(column)), (column,))


def _in_hours(minutes: int | None) -> Decimal | None:
    """Minutes as hours with two places, rounded once, half up."""
    return None if minutes is None else (Decimal(minutes) / 60).quantize(HUNDREDTH, rounding=ROUND_HALF_UP)


def _fraction(column: str) -> Field:
    def read(row: Row, _: Look) -> Value:
        percent = row.number(column)
        return None if percent is None else percent / 100

    return Field(read, (column,))


def _custom(entry: str, ref: Callable[[str], Ref] | None = None) -> Field:
    def read(row: Row, look: Look) -> Value:
        text = custom_text(row, look, entry)
        return text if text is None or ref is None else ref(text)

    return Field(read, include=("custom_field_values",), custom=entry)


def custom_text(row: Row, look: Look, entry: str) -> str | None:
    """The row's value of a mapped custom field, None where it has none; a choice gives its label."""
    wanted = look.custom[entry]
    for value_id in identifiers(row, "custom_field_value_ids"):
        value = look.page.side("custom_field_values", value_id)
        if identifier(value, "custom_field_id") in wanted:
            return value.text("display_value" if value.text("type") in ("single", "multi") else "value")
    return None


def money(row: Row, column: str) -> Money | None:
    """Subunits with the vendor's own base unit, or the currency's minor unit where the row has no base unit."""
    subunits = row.integer(column)
    if subunits is None:
        return None
    currency = row.required("currency", row.text("currency"))
    base = row.integer("currency_base_unit")
    return minor_from_vendor(subunits, currency, 10 ** minor_units(currency) if base is None else base)


def _money(column: str) -> Field:
    return Field(lambda row, _: money(row, column), (column, "currency"))


# Projects.


def _delivery_status(row: Row, _: Look) -> Value:
    status = row.data["status"]
    key = Row(row.system, row.operation, status).integer("key") if isinstance(status, dict) else None
    if key not in STATUS_BY_KEY:
        raise row.broken("status.key", "a known project status")
    return STATUS_BY_KEY[key]


def _manager(row: Row, look: Look) -> Value:
    """The provider's team lead; among several the one whom the workspace names, else the first made."""
    leads = [look.page.side("participations", lead) for lead in identifiers(row, "participation_ids")]
    users = [
        identifier(lead, "user_id")
        for lead in sorted(leads, key=lambda lead: int(identifier(lead, "id") or 0))
        if lead.required("is_team_lead", lead.flag("is_team_lead")) and lead.text("role") != "buyer"
    ]
    named = identifier(row, "primary_maven_id")
    user = named if named in users else next(iter(users), None)
    return None if user is None else Ref(Kind.RESOURCE, user)


def _company(row: Row, look: Look) -> Value:
    """The workspace's primary group, when it is a company: other groups are only labels."""
    group_id = identifier(row, "primary_workspace_group_id")
    if group_id is None:
        return None
    group = look.page.side("workspace_groups", group_id)
    return Ref(Kind.CUSTOMER, group_id) if group.required("company", group.flag("company")) else None


# Stories.


def _done(row: Row, _: Look) -> Value:
    return row.required("state", row.text("state")) == "completed"


def _remaining(row: Row, _: Look) -> Value:
    """Estimate less logged, never below zero: the vendor has no estimate to complete of its own."""
    estimate = row.integer("time_estimate_in_minutes")
    if estimate is None:
        return None
    billable = row.integer("logged_billable_time_in_minutes") or 0
    other = row.integer("logged_nonbillable_time_in_minutes") or 0
    return _in_hours(max(0, estimate - billable - other))


def _accepted(row: Row, look: Look) -> datetime | None:
    """Midnight UTC of the day of acceptance: the tenant keeps no finer moment."""
    text = custom_text(row, look, "milestone.approved_at")
    if text is None:
        return None
    day = Row(row.system, row.operation, {"Accepted on": text}).day("Accepted on")
    return None if day is None else datetime.combine(day, time(), UTC)


def _billing(row: Row, look: Look) -> Billing | None:
    return look.billing.get(row.required("id", identifier(row, "id")))


def _milestone_status(row: Row, look: Look) -> Value:
    billing = _billing(row, look)
    if billing is not None and billing.billed:
        return "BILLED"
    if _accepted(row, look) is not None:
        return "APPROVED"
    return "COMPLETED" if _done(row, look) else "PLANNED"


def _milestone_amount(row: Row, look: Look) -> Value:
    billing = _billing(row, look)
    return None if billing is None else billing.amount


def _completion(row: Row, look: Look) -> Row | None:
    """The state change by which the story last became completed; None while it is not completed."""
    if not _done(row, look):
        return None
    changes = [look.page.side("story_state_changes", c) for c in identifiers(row, "story_state_change_ids")]
    done = [change for change in changes if change.text("state") == "completed" and change.instant("created_at")]
    # Of several in one second the last made counts: stamps have whole seconds.
    return max(done, key=lambda c: (c.instant("created_at"), int(identifier(c, "id") or 0)), default=None)


def _completed_at(row: Row, look: Look) -> Value:
    change = _completion(row, look)
    return None if change is None else change.instant("created_at")


def _completed_by(row: Row, look: Look) -> Value:
    """Who completed the story: for what the hub writes that is the user of its token."""
    change = _completion(row, look)
    user = None if change is None else identifier(change, "user_id")
    return None if user is None else Ref(Kind.RESOURCE, user)


def billing_by_story(found: Iterable[tuple[Row, Envelope]]) -> dict[str, Billing]:
    """Billing milestones by the story they belong to; a cancelled invoice does not count as billed."""
    by_story: dict[str, list[tuple[Row, Envelope]]] = {}
    for row, page in found:
        story = identifier(row, "story_id")
        if story is not None:
            by_story.setdefault(story, []).append((row, page))
    return {story: _billing_of(rows) for story, rows in by_story.items()}


def _billing_of(found: list[tuple[Row, Envelope]]) -> Billing:
    amounts = [amount for row, _ in found if (amount := money(row, "amount_in_cents")) is not None]
    if len({amount.currency for amount in amounts}) > 1:
        raise found[0][0].broken("currency", "the same on all billing milestones of a story")
    amount = total(amounts, amounts[0].currency) if amounts else None
    return Billing(amount, all(_is_billed(row, page) for row, page in found))


def _is_billed(row: Row, page: Envelope) -> bool:
    invoices = [page.side("invoices", invoice) for invoice in identifiers(row, "invoice_ids")]
    return any(invoice.text("status") != "cancelled" for invoice in invoices)


# Bookings, time and expenses.


def _booked_user(row: Row, look: Look) -> Value:
    user = identifier(_booked(row, look), "user_id")
    return None if user is None else Ref(Kind.RESOURCE, user)


def _booked_role(row: Row, look: Look) -> Value:
    role = identifier(_booked(row, look), "role_id")
    return None if role is None else look.roles.get(role)


def _booked(row: Row, look: Look) -> Row:
    return booked(row, look.page)


def booked(row: Row, page: Envelope) -> Row:
    """The workspace resource that a booking is for: a named person, or a role still unnamed."""
    vendor_id = row.required("workspace_resource_id", identifier(row, "workspace_resource_id"))
    return page.side("workspace_resources", vendor_id)


def _booking(row: Row, _: Look) -> Value:
    return "HARD" if row.required("hard", row.flag("hard")) else "SOFT"


def _time_role(row: Row, look: Look) -> Value:
    role = identifier(row, "role_id")
    return None if role is None else look.page.side("roles", role).text("name")


def _submission(collection: str) -> Callable[[Row, Look], Row | None]:
    def find(row: Row, look: Look) -> Row | None:
        vendor_id = identifier(row, "recent_submission_id")
        return None if vendor_id is None else look.page.side(collection, vendor_id)

    return find


def _approval(submission: Row | None) -> str:
    """Where a submission stands; what was never submitted, or withdrawn, is a draft."""
    if submission is None:
        return "DRAFT"
    status = STATUS_BY_SUBMISSION.get(submission.text("status") or "")
    if status is None:
        raise submission.broken("status", "a known submission status")
    return status


def _status(collection: str, include: str) -> Field:
    find = _submission(collection)

    def read(row: Row, look: Look) -> Value:
        if row.required("is_invoiced", row.flag("is_invoiced")):
            return "BILLED"
        return _approval(find(row, look))

    return Field(read, ("is_invoiced", "recent_submission_id"), (include,))


def _approved_at(row: Row, look: Look) -> Value:
    """The moment of the submission's approval; its last change where the vendor gives the day only."""
    submission = _submission("timesheet_submissions")(row, look)
    if submission is None or _approval(submission) != "APPROVED":
        return None
    resolved = submission.text("current_resolution_created_at_date")
    return submission.instant("current_resolution_created_at_date" if resolved and "T" in resolved else "updated_at")


FIELDS: Mapping[Kind, Mapping[str, Field]] = {
    Kind.CUSTOMER: {},
    Kind.RESOURCE: {},
    Kind.PROJECT: {
        "name": _title("title"),
        "start_date": _day("start_date"),
        "end_date": _day("due_date"),
        "archived": _flag("archived"),
        "percent_complete": _fraction("percentage_complete"),
        "delivery_status": Field(_delivery_status, ("status",)),
        "manager": Field(_manager, ("primary_maven_id",), ("participations",)),
        "customer": Field(_company, ("primary_workspace_group_id",), ("primary_workspace_group",)),
        "code": _custom("project.code"),
        "practice": _custom("project.practice", lambda code: Ref(Kind.PRACTICE, code, "code")),
        "contract": _custom("project.contract", lambda text: Ref(Kind.CONTRACT, text, by_id_in(Domain.CRM))),
    },
    Kind.TASK: {
        "project": _ref(Kind.PROJECT, "workspace_id"),
        "name": _title("title"),
        "contract_line": _custom(
            "task.contract_line", lambda text: Ref(Kind.CONTRACT_LINE, text, by_id_in(Domain.CRM))
        ),
        "planned_hours": _hours("time_estimate_in_minutes"),
        "remaining_hours": Field(
            _remaining,
            (
                "time_estimate_in_minutes",
                "logged_billable_time_in_minutes",
                "logged_nonbillable_time_in_minutes",
            ),
        ),
        "billable": _flag("billable"),
        "start_date": _day("start_date"),
        "end_date": _day("due_date"),
        "done": Field(_done, ("state",)),
    },
    Kind.MILESTONE: {
        "project": _ref(Kind.PROJECT, "workspace_id"),
        "name": _title("title"),
        "due_date": _day("due_date"),
        "status": Field(_milestone_status, ("state",), ("custom_field_values",), "milestone.approved_at", billing=True),
        "amount": Field(_milestone_amount, billing=True),
        "completed_at": Field(_completed_at, ("state",), ("story_state_changes",)),
        "completed_by": Field(_completed_by, ("state",), ("story_state_changes",)),
        "approved_at": Field(_accepted, (), ("custom_field_values",), "milestone.approved_at"),
    },
    Kind.ASSIGNMENT: {
        "project": _ref(Kind.PROJECT, "workspace_id"),
        "resource": Field(_booked_user, ("workspace_resource_id",), ("workspace_resource",)),
        "role": Field(_booked_role, ("workspace_resource_id",), ("workspace_resource",), roles=True),
        "start_date": _day("start_date"),
        "end_date": _day("end_date"),
        "planned_hours": _hours("minutes"),
        "allocation": _fraction("percentage"),
        "booking": Field(_booking, ("hard",)),
    },
    Kind.TIME_ENTRY: {
        "project": _ref(Kind.PROJECT, "workspace_id"),
        "task": _ref(Kind.TASK, "story_id"),
        "resource": _ref(Kind.RESOURCE, "user_id"),
        "role": Field(_time_role, ("role_id",), ("role",)),
        "work_date": _day("date_performed"),
        "hours": _hours("time_in_minutes"),
        "billable": _flag("billable"),
        "note": _text("notes"),
        "status": _status("timesheet_submissions", "recent_submission"),
        "approved_at": Field(_approved_at, ("recent_submission_id",), ("recent_submission",)),
    },
    Kind.EXPENSE: {
        "project": _ref(Kind.PROJECT, "workspace_id"),
        "resource": _ref(Kind.RESOURCE, "user_id"),
        "date": _day("date"),
        "category": _text("category"),
        "amount": _money("amount_in_cents"),
        "billable": _flag("is_billable"),
        "status": _status("expense_report_submissions", "recent_submission"),
    },
}


# Identity.


def keys_of(kind: Kind, row: Row, page: Envelope, system: str) -> tuple[Key, ...]:
    """What the row can be matched by: references to other systems that it carries, and business keys."""
    keys = [key for reference in identifiers(row, "external_reference_ids") if (key := _key(kind, reference, page))]
    if kind is Kind.RESOURCE and (email := row.text("email_address")):
        keys.append(Key("email", email.casefold()))
    if kind is Kind.TIME_ENTRY:
        keys.append(Key("hub_key", _hub_key(row, system)))
    return tuple(keys)


def _key(kind: Kind, reference_id: str, page: Envelope) -> Key | None:
    reference = page.side("external_references", reference_id)
    service, model = reference.text("service_name"), reference.text("service_model")
    value = reference.required("service_model_ref", identifier(reference, "service_model_ref"))
    if service == CANONICAL_SERVICE:
        return Key(BY_CANONICAL, value) if _is_canonical(value) else None
    if kind is Kind.CUSTOMER and (service, model) == ("salesforce", "Account"):
        return Key(by_id_in(Domain.CRM), value)
    if kind is Kind.RESOURCE and (service, model) == ("workday", "Employee"):
        return Key("employee_number", value)
    return None


def _is_canonical(text: str) -> bool:
    try:
        parse_id(text)
    except MalformedId:
        return False
    return True


def _hub_key(row: Row, system: str) -> str:
    """The key under which the ERP's actual for this entry is known (domain.md 6.2)."""
    stamp = instant_text(row.required("updated_at", row.instant("updated_at")))
    vendor_id = row.required("id", identifier(row, "id"))
    parts = ["PSA", system, "TimeEntry", vendor_id, stamp, "ERP:createActual"]
    return sha256(json.dumps(parts, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def label_of(kind: Kind, row: Row) -> str:
    """A name for people."""
    match kind:
        case Kind.CUSTOMER:
            return row.text("name") or ""
        case Kind.RESOURCE:
            return row.text("full_name") or ""
        case Kind.TIME_ENTRY:
            return f"{row.text('date_performed')}, {_in_hours(row.integer('time_in_minutes'))} h"
        case Kind.EXPENSE:
            return f"{row.text('date')}, {row.text('category')}"
        case Kind.ASSIGNMENT:
            return f"{row.text('start_date')} to {row.text('end_date')}"
        case _:
            return row.text("title") or ""

"""The generated firm is consistent, whatever seed and day it is generated for."""

import re
from collections import Counter, defaultdict
from dataclasses import fields
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from sources.sandbox.firm.amounts import MINOR_UNITS
from sources.sandbox.firm.days import closes_on, period_of
from sources.sandbox.firm.generate import LEDGER, generate
from sources.sandbox.firm.model import Amount, Firm, Model, Project, Size, TimeState

DAYS = (date(2026, 6, 17), date(2026, 11, 23), date(2027, 1, 1), date(2028, 2, 29), date(2026, 8, 2))
TIME_BILLED = {Model.TIME_AND_MATERIALS, Model.TM_NOT_TO_EXCEED}
LISTS = [f.name for f in fields(Firm) if f.name not in ("seed", "size", "today", "holidays")]


@pytest.fixture(scope="module", params=[(seed, DAYS[seed % len(DAYS)]) for seed in range(7, 17)], ids=str)
def firm(request: pytest.FixtureRequest) -> Firm:
    """Give a small firm for each of several seeds and days: middles, ends and beginnings of periods and weeks."""
    seed, today = request.param
    return generate(Size.SMALL, seed=seed, today=today)


def amounts_in(value: Any) -> list[Amount]:
    """Find every amount in an object and what it holds."""
    if isinstance(value, Amount):
        return [value]
    if isinstance(value, tuple | list):
        return [found for item in value for found in amounts_in(item)]
    names = getattr(value, "__dataclass_fields__", ())
    return [found for name in names for found in amounts_in(getattr(value, name))]


def test_numbers_run_from_one(firm: Firm) -> None:
    """Every list is ordered by number without a gap, so a look-up by number works."""
    for name in LISTS:
        rows = getattr(firm, name)
        assert rows, name
        if name != "mess":
            assert [row.n for row in rows] == list(range(1, len(rows) + 1)), name


def test_amounts_are_in_minor_units(firm: Firm) -> None:
    """Yen have no decimals, dinars three, the others two."""
    for name in LISTS:
        for amount in amounts_in(getattr(firm, name)):
            assert -amount.value.as_tuple().exponent == MINOR_UNITS[amount.currency], (name, amount)  # type: ignore[operator]


def test_no_stamp_lies_in_the_future(firm: Firm) -> None:
    """Everything was last changed before the firm's day began."""
    midnight = datetime.combine(firm.today, time(), UTC)
    for name in LISTS:
        if name not in ("legal_entities", "practices", "mess"):
            assert max(row.modified for row in getattr(firm, name)) < midnight, name


def test_canonical_ids_are_unique_and_well_formed(firm: Firm) -> None:
    """Prefix and ULID; some objects of most types have none yet."""
    prefixes = {
        "customers": "cus",
        "opportunities": "opp",
        "contracts": "ctr",
        "contract_lines": "cln",
        "change_orders": "cho",
        "projects": "prj",
        "tasks": "tsk",
        "milestones": "mil",
        "bookings": "asg",
    }
    seen: Counter[str] = Counter()
    for name, prefix in prefixes.items():
        ids = [row.canonical for row in getattr(firm, name)]
        known = [i for i in ids if i is not None]
        assert known, name
        assert name == "milestones" or len(known) < len(ids), name
        assert all(re.fullmatch(rf"{prefix}_[0-7][0-9A-HJKMNP-TV-Z]{{25}}", i) for i in known)
        seen.update(known)
    assert max(seen.values()) == 1


def test_references_resolve(firm: Firm) -> None:
    """Whatever names another object names one that exists, of the right parent."""
    for line in firm.contract_lines:
        firm.contract(line.contract)
    for project in firm.projects:
        assert (project.contract is None) == (project.customer is None) == (not project.lines)
        assert {firm.line(n).contract for n in project.lines} <= {project.contract}
        if project.manager is not None:
            firm.person(project.manager)
    for task in firm.tasks:
        project = firm.project(task.project)
        assert project.in_psa
        assert task.line is None or task.line in project.lines
    for milestone in firm.milestones:
        assert milestone.line in firm.project(milestone.project).lines
        assert milestone.invoice is None or not firm.invoice(milestone.invoice).voided
    for contract in firm.contracts:
        firm.customer(contract.customer)
        if contract.opportunity is not None:
            assert firm.opportunity(contract.opportunity).customer == contract.customer
    for entry in firm.time_entries:
        assert firm.task(entry.task).project == entry.project
        assert (entry.person is None) != (entry.subcontractor is None)
    for change in firm.change_orders:
        firm.line(change.line)
    for payment in firm.payments:
        assert firm.invoice(payment.invoice).paid.value >= payment.amount.value


def test_managers_form_a_tree(firm: Firm) -> None:
    """Following managers always ends at the managing director."""
    for person in firm.people:
        seen = set()
        at = person
        while at.manager is not None:
            assert at.n not in seen
            seen.add(at.n)
            at = firm.person(at.manager)
        assert at.n == 1


def test_people_are_told_apart(firm: Firm) -> None:
    """E-mails and employee numbers are unique; cost rates are dated in order from the day of hire."""
    assert len({p.email for p in firm.people}) == len({p.employee_number for p in firm.people}) == len(firm.people)
    for person in firm.people:
        starts = [rate.valid_from for rate in person.cost_rates]
        assert starts[0] == person.hired
        assert all(a < b for a, b in pairwise(starts))
    assert any(p.terminated for p in firm.people)
    assert any(p.on_leave for p in firm.people)
    assert any(p.hired > firm.today for p in firm.people)


def test_contract_values_are_the_sums_of_their_lines(firm: Firm) -> None:
    """In one currency, which is the customer's."""
    prices: dict[int, Decimal] = defaultdict(Decimal)
    for line in firm.contract_lines:
        prices[line.contract] += line.price.value
        contract = firm.contract(line.contract)
        assert line.price.currency == contract.value.currency == firm.customer(contract.customer).currency
        assert contract.start <= line.start <= line.end <= contract.end
        assert (line.cap is not None) == (line.model is Model.TM_NOT_TO_EXCEED)
    assert prices == {c.n: c.value.value for c in firm.contracts}


def test_milestones_sum_to_the_price(firm: Firm) -> None:
    """The last one takes the rounding rest; acceptance follows completion and billing follows acceptance."""
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for milestone in firm.milestones:
        sums[milestone.line] += milestone.amount.value
        if milestone.accepted_on is not None:
            assert milestone.completed_at is not None
            assert milestone.completed_at.date() <= milestone.accepted_on < firm.today
        if milestone.invoice is not None:
            invoice = firm.invoice(milestone.invoice)
            assert milestone.accepted_on is not None
            assert milestone.accepted_on <= invoice.issued
            assert milestone.amount in [line.amount for line in invoice.lines if line.milestone == milestone.n]
    assert sums == {n: firm.line(n).price.value for n in sums}


def test_bookings_lie_in_their_projects(firm: Firm) -> None:
    """And within employment, but for the listed one; an open role is never hard."""
    beyond = []
    for booking in firm.bookings:
        project = firm.project(booking.project)
        assert project.in_psa
        assert project.start <= booking.start <= booking.end <= project.end
        if booking.person is None and booking.subcontractor is None:
            assert not booking.hard
        if booking.person is not None:
            person = firm.person(booking.person)
            assert person.hired <= booking.start
            if person.terminated is not None and person.terminated < booking.end:
                beyond.append(booking.n)
    assert [("booking", n) for n in beyond] == [o for o in mess(firm, "terminated assignee") if o[0] == "booking"]


def test_time_is_worked_by_those_who_are_booked(firm: Firm) -> None:
    """On working days of the past, inside a booking and while employed, never while away, at most 24 hours a day."""
    booked = defaultdict(list)
    for booking in firm.bookings:
        booked[booking.project, booking.person, booking.subcontractor].append((booking.start, booking.end))
    away = {p.n: {off.day for off in p.time_off} | set(firm.holidays.get(p.country, ())) for p in firm.people}
    daily: Counter[Any] = Counter()
    for entry in firm.time_entries:
        assert entry.day.weekday() < 5
        assert entry.day < firm.today
        assert entry.minutes > 0
        assert entry.minutes % 15 == 0
        assert any(a <= entry.day <= b for a, b in booked[entry.project, entry.person, entry.subcontractor])
        assert entry.billable == firm.task(entry.task).billable
        if entry.person is not None:
            person = firm.person(entry.person)
            assert person.hired <= entry.day <= (person.terminated or entry.day)
            assert entry.day not in away[person.n]
        daily[entry.person, entry.subcontractor, entry.day] += entry.minutes
    assert max(daily.values()) <= 24 * 60


def test_time_is_in_states_that_can_be(firm: Firm) -> None:
    """Approved by another person after the day, posted only when approved, drafts in no submission."""
    submissions = defaultdict(set)
    for entry in firm.time_entries:
        approved = entry.state is TimeState.APPROVED
        assert (entry.approved_at is not None) == approved
        assert (entry.submission is None) == (entry.state is TimeState.DRAFT)
        assert entry.approver != entry.person or entry.approver is None
        if entry.approved_at is not None:
            assert entry.approved_at.date() > entry.day
        if entry.posted_period is not None:
            assert approved
            assert entry.approved_at is not None
            assert entry.posted_period >= period_of(entry.day)
            assert entry.approved_at.date() < closes_on(entry.posted_period)
            assert firm.project(entry.project).in_erp
        if entry.submission is not None:
            submissions[entry.submission].add((entry.person, entry.subcontractor, entry.project, entry.state))
    assert all(len(group) == 1 for group in submissions.values())
    assert set(submissions) == set(range(1, len(submissions) + 1))
    assert {e.state for e in firm.time_entries} == set(TimeState)


def test_invoices_add_up(firm: Firm) -> None:
    """Lines plus tax make the total; what was paid or credited makes `paid`, never more than the total."""
    applied: dict[int, Decimal] = defaultdict(Decimal)
    for payment in firm.payments:
        applied[payment.invoice] += payment.amount.value
        assert firm.invoice(payment.invoice).issued < payment.day < firm.today
    for invoice in firm.invoices:
        if invoice.credits is not None:
            applied[invoice.credits] += invoice.total.value
    for invoice in firm.invoices:
        contract = {firm.line(line.line).contract for line in invoice.lines}
        assert len(contract) == 1
        assert {line.amount.currency for line in invoice.lines} == {invoice.total.currency}
        assert sum(line.amount.value for line in invoice.lines) + invoice.tax.value == invoice.total.value
        assert invoice.issued < firm.today
        assert invoice.period == period_of(invoice.issued)
        assert invoice.credit == (invoice.credits is not None)
        if not invoice.credit:
            assert invoice.paid.value == applied[invoice.n] <= invoice.total.value
        assert not (invoice.voided and invoice.paid.value)


def test_nothing_is_billed_beyond_its_price_or_before_signature(firm: Firm) -> None:
    """Per line, credit memos left out; on signed contracts and projects of the ERP only."""
    billed: dict[int, Decimal] = defaultdict(Decimal)
    for invoice in firm.invoices:
        for line in invoice.lines:
            contract = firm.contract(firm.line(line.line).contract)
            assert contract.signed_on is not None
            assert contract.signed_on <= invoice.issued
            assert firm.project(line.project).in_erp
            if not invoice.voided and not invoice.credit:
                billed[line.line] += line.amount.value
    assert all(value <= firm.line(n).price.value for n, value in billed.items())


def test_billed_time_is_what_the_invoice_says(firm: Firm) -> None:
    """An invoice line of time is the sum of its entries at the line's rate."""
    value: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    for entry in firm.time_entries:
        if entry.invoice is not None:
            task = firm.task(entry.task)
            assert entry.state is TimeState.APPROVED
            assert entry.billable
            assert task.line is not None
            rate = firm.line(task.line).bill_rate
            places = Decimal(1).scaleb(-MINOR_UNITS[rate.currency])
            value[entry.invoice, task.line] += (rate.value * entry.minutes / 60).quantize(places, "ROUND_HALF_UP")
    shown = {
        (i.n, line.line): line.amount.value
        for i in firm.invoices
        for line in i.lines
        if not i.voided and not i.credit and firm.line(line.line).model in TIME_BILLED
    }
    assert value == shown


def test_revenue_is_planned_to_the_price_and_never_recognized_beyond(firm: Firm) -> None:
    """Plans of fixed lines sum to the price exactly; time has no plan."""
    planned: dict[int, Decimal] = defaultdict(Decimal)
    recognized: dict[int, Decimal] = defaultdict(Decimal)
    for row in firm.revenue_rows:
        line = firm.line(row.line)
        assert row.project in {p.n for p in firm.projects if row.line in p.lines and p.in_erp}
        assert row.planned == (line.model not in TIME_BILLED)
        assert row.recognized == (row.posting_period is not None)
        if row.planned:
            planned[row.line] += row.amount.value
        if row.recognized:
            assert row.posting_period is not None
            assert row.posting_period <= period_of(firm.today)
            recognized[row.line] += row.amount.value
    assert planned == {n: firm.line(n).price.value for n in planned}
    assert all(value <= firm.line(n).price.value for n, value in recognized.items())


def test_every_model_stage_and_paper_occurs(firm: Firm) -> None:
    """The small firm already shows everything once."""
    assert {line.model for line in firm.contract_lines} == set(Model)
    assert {c.status for c in firm.change_orders} == {"Proposed", "Approved", "Rejected"}
    assert {c.crm_status for c in firm.contracts} == {"Draft", "In Approval", "Activated"}
    assert {p.psa_status for p in firm.projects} == {100, 200, 300, 400, 500}
    assert {(p.in_psa, p.in_erp) for p in firm.projects} == {(True, True), (True, False), (False, True)}
    assert {"USD", "GBP", "EUR", "JPY", "KWD"} <= {c.value.currency for c in firm.contracts}
    assert any(c.early_start_until and c.signed_on is None for c in firm.contracts)
    assert any(i.voided for i in firm.invoices)
    assert any(i.credit for i in firm.invoices)
    assert any(0 < i.paid.value < i.total.value for i in firm.invoices)
    assert any(i.due < firm.today and i.paid.value < i.total.value for i in firm.invoices)
    assert any(i.disputed for i in firm.invoices)
    assert len({o.stage for o in firm.opportunities}) == 10


def stage_of(firm: Firm, project: Project) -> str:
    """Derive the stage as the domain definitions do for a project that the hub did not open: the first match."""
    tasks = [t for t in firm.tasks if t.project == project.n]
    hard = [b for b in firm.bookings if b.project == project.n and b.hard]
    posted = any(e.posted_period for e in firm.time_entries if e.project == project.n)
    posted = posted or any(r.recognized for r in firm.revenue_rows if r.project == project.n)
    if project.archived or (project.in_erp and not project.erp_open):
        return "CLOSED" if posted else "CANCELLED"
    if project.psa_status == 300:
        return "ON_HOLD"
    if project.psa_status == 400 or (tasks and all(t.done for t in tasks)):
        return "DELIVERED"
    if not (project.in_psa and project.in_erp):
        return "GATE_PENDING"
    if project.start <= firm.today and (hard or posted):
        return "IN_DELIVERY"
    open_roles = [b for b in firm.bookings if b.project == project.n and b.person is None and b.subcontractor is None]
    return "STAFFED" if hard and project.manager and len(open_roles) <= 1 else "SHELL"


def test_projects_are_in_every_stage(firm: Firm) -> None:
    """The fixed deals' projects derive to the stages they were made for, in order; then duplicate and internal ones."""
    assert [stage_of(firm, project) for project in firm.projects] == [
        "IN_DELIVERY",
        "IN_DELIVERY",
        "IN_DELIVERY",
        "DELIVERED",
        "CLOSED",
        "STAFFED",
        "SHELL",
        "ON_HOLD",
        "CANCELLED",
        "GATE_PENDING",
        "GATE_PENDING",
        "IN_DELIVERY",
        "IN_DELIVERY",
        "IN_DELIVERY",
        "GATE_PENDING",
        "IN_DELIVERY",
        "IN_DELIVERY",
    ]


def test_the_seed_case_is_the_worked_contract(firm: Firm) -> None:
    """Billed 30,000 and 16,000, recognized 36,000 and 23,000, collected 30,000; 18,000 of cost on 300 of 500 hours."""
    project = firm.project(1)
    assessment, implementation = (firm.line(n) for n in project.lines)
    assert (assessment.model, assessment.price) == (Model.FIXED_FEE_MILESTONE, Amount(Decimal("60000.00"), "USD"))
    assert [m.amount.value for m in firm.milestones if m.line == assessment.n] == [30000, 30000]
    assert implementation.cap == Amount(Decimal("100000.00"), "USD")
    billed: Counter[int] = Counter()
    for invoice in firm.invoices:
        for line in invoice.lines:
            billed[line.line] += int(line.amount.value) if line.line in project.lines else 0
    assert (billed[assessment.n], billed[implementation.n]) == (30000, 16000)
    recognized = {
        n: sum(r.amount.value for r in firm.revenue_rows if r.line == n and r.recognized) for n in project.lines
    }
    assert recognized == {assessment.n: 36000, implementation.n: 23000}
    invoices = {i.n for i in firm.invoices if any(line.line in project.lines for line in i.lines)}
    assert sum(p.amount.value for p in firm.payments if p.invoice in invoices) == 30000
    worked: Counter[int | None] = Counter()
    cost = Decimal(0)
    for entry in firm.time_entries:
        if entry.project == 1:
            worked_on = firm.task(entry.task).line
            assert entry.state is TimeState.APPROVED
            assert entry.billable
            worked[worked_on] += entry.minutes
            assert entry.person is not None
            if worked_on == assessment.n:
                cost += firm.person(entry.person).cost_rates[-1].rate.value * entry.minutes / 60
    assert worked == {assessment.n: 300 * 60, implementation.n: 120 * 60}
    assert cost == 18000
    assert [t.planned_minutes for t in firm.tasks if t.project == 1 and t.line == assessment.n] == [500 * 60]


def mess(firm: Firm, name: str) -> tuple[tuple[str, int], ...]:
    """Find the objects of a listed irregularity."""
    return next(m.objects for m in firm.mess if m.name == name)


def test_the_listed_mess_is_there(firm: Firm) -> None:
    """Every listed irregularity is true of the objects it names, and of no others where that can be counted."""
    (_, duplicate), (_, original), (_, line) = mess(firm, "duplicate project master")
    assert line in firm.project(duplicate).lines
    assert line in firm.project(original).lines
    live = Counter(n for p in firm.projects if p.in_psa and not p.archived for n in p.lines)
    assert [n for n, count in live.items() if count > 1] == [line]
    assert not firm.project(duplicate).in_erp

    [(_, missing)] = mess(firm, "project missing in the ERP")
    assert not firm.project(missing).in_erp
    assert any(e.project == missing and e.state is TimeState.APPROVED for e in firm.time_entries)

    [(_, unmapped)] = mess(firm, "unmapped sold role")
    guru = [o.n for o in firm.opportunities if any(r.role == "Transformation Guru" for r in o.sold_roles)]
    assert guru == [unmapped]

    late = mess(firm, "late time")
    assert late
    for _, n in late:
        entry = firm.time_entries[n - 1]
        assert entry.approved_at is not None
        assert entry.approved_at.date() >= closes_on(period_of(entry.day))
        assert entry.posted_period is not None
        assert entry.posted_period > period_of(entry.day)

    (_, booking), (_, left) = mess(firm, "terminated assignee")
    terminated = firm.person(left).terminated
    assert terminated is not None
    assert terminated < firm.today < firm.bookings[booking - 1].end

    [(_, spelled)] = mess(firm, "customer spelled differently")
    customer = firm.customer(spelled)
    assert len({customer.name, customer.psa_name, customer.erp_name}) == 3

    first, second = (firm.customer(n) for _, n in mess(firm, "customers of the same name"))
    assert first.name == second.name
    assert first.tax_registration != second.tax_registration

    (_, task), _ = mess(firm, "task without contract line")
    assert firm.task(task).line is None

    (_, unnamed), _ = mess(firm, "assignment of an unnamed resource")
    assert firm.bookings[unnamed - 1].person is None

    (_, supplied), (_, worker) = mess(firm, "contingent worker who is a subcontractor")
    assert firm.subcontractor(supplied).email == firm.person(worker).email
    assert firm.person(worker).contingent


def test_the_same_arguments_give_the_same_firm() -> None:
    """Equal in every list; another seed gives another firm."""
    one, two = (generate(Size.SMALL, seed=3, today=DAYS[0]) for _ in range(2))
    assert [getattr(one, name) for name in LISTS] == [getattr(two, name) for name in LISTS]
    assert generate(Size.SMALL, seed=4, today=DAYS[0]).people != one.people


def test_the_ledger_is_worked_out_at_first_use() -> None:
    """Reading people costs no time entries; reading one ledger list fills all of them."""
    firm = generate(Size.SMALL, today=DAYS[0])
    assert firm.people
    assert not any(name in LEDGER for name in dir(firm) if name in vars(firm))
    with pytest.raises(AttributeError):
        object.__getattribute__(firm, "time_entries")
    assert firm.invoices
    assert object.__getattribute__(firm, "time_entries")


def test_look_ups_say_when_nothing_is_there() -> None:
    """An unknown number or code is a KeyError, also in a firm made by hand with gaps."""
    firm = generate(Size.SMALL, today=DAYS[0])
    assert firm.practice("DATA-ENG").parent == "DATA"
    assert firm.legal_entity("JP01").currency == "JPY"
    by_hand = Firm(1, Size.SMALL, DAYS[0], people=[firm.people[4]])
    assert by_hand.person(5) is firm.people[4]
    for look_up in (lambda: firm.person(0), lambda: firm.project(999), lambda: firm.practice("X")):
        with pytest.raises(KeyError):
            look_up()


def test_the_medium_firm_has_its_size() -> None:
    """About 240 projects and 300 people with fifteen months of time, each person's week near what is booked."""
    firm = generate(Size.MEDIUM, today=DAYS[1])
    assert (len(firm.projects), len(firm.people), len(firm.customers)) == (240, 300, 40)
    assert 50_000 < len(firm.time_entries) < 100_000
    assert firm.time_entries[0].day < firm.today - timedelta(days=420)

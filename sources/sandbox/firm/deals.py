"""What the firm sold and how it goes: the plan from which contracts, projects, bookings and money all follow.

A deal has one customer, one currency and one team; its lines are sized by the team's hours, so that
prices, bookings and time agree with each other. The first deals are a fixed list that shows every
stage and every listed irregularity in every size; the rest are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from random import Random

from sources.sandbox.firm.amounts import PRICE_LEVEL, amount, quoted
from sources.sandbox.firm.customers import (
    JAPANESE_CUSTOMER,
    KUWAITI_CUSTOMER,
    NAMESAKES,
    SEED_CUSTOMER,
    SPELLED_CUSTOMER,
    SUBSIDIARY_CUSTOMER,
)
from sources.sandbox.firm.days import next_working_day, working_days
from sources.sandbox.firm.model import Amount, Customer, Model, Size
from sources.sandbox.firm.organization import ROLES, SUB_PRACTICES
from sources.sandbox.firm.scale import Setting


class Course(StrEnum):
    """How a deal's project goes: the stage that the hub should derive, and by which way where there are two."""

    IN_DELIVERY = "IN_DELIVERY"
    EARLY_START = "EARLY_START"
    DELIVERED = "DELIVERED"
    ALL_TASKS_DONE = "ALL_TASKS_DONE"
    CLOSED = "CLOSED"
    STAFFED = "STAFFED"
    SHELL = "SHELL"
    ON_HOLD = "ON_HOLD"
    CANCELLED = "CANCELLED"
    GATE_PSA_ONLY = "GATE_PSA_ONLY"
    GATE_ERP_ONLY = "GATE_ERP_ONLY"
    MISSING_IN_ERP = "MISSING_IN_ERP"


STARTED = frozenset(
    {
        Course.IN_DELIVERY,
        Course.EARLY_START,
        Course.DELIVERED,
        Course.ALL_TASKS_DONE,
        Course.CLOSED,
        Course.ON_HOLD,
        Course.MISSING_IN_ERP,
    }
)
"""Courses on which work has begun, so that there is time."""

TM = Model.TIME_AND_MATERIALS
NTE = Model.TM_NOT_TO_EXCEED
MILESTONE = Model.FIXED_FEE_MILESTONE
PERCENT = Model.FIXED_FEE_PERCENT_COMPLETE
MANAGED = Model.MANAGED_RECURRING
RETAINER = Model.RETAINER_SUBSCRIPTION
TIME_BILLED = frozenset({TM, NTE})

_TERMS = {
    TM: "Monthly in arrears, net 30",
    NTE: "Monthly in arrears up to the cap, net 30",
    MILESTONE: "On accepted milestone, net 30",
    PERCENT: "Monthly by progress, net 45",
    MANAGED: "Monthly in arrears, net 30",
    RETAINER: "Quarterly in advance, net 14",
}
_METHODS = {
    TM: ("RIGHT_TO_INVOICE",),
    NTE: ("RIGHT_TO_INVOICE",),
    MILESTONE: ("COST_TO_COST", "POINT_IN_TIME"),
    PERCENT: ("COST_TO_COST", "HOURS_TO_HOURS"),
    MANAGED: ("RATABLE",),
    RETAINER: ("RATABLE", "HOURS_DRAWDOWN"),
}
_MARGINS = {TM: (95, 105), NTE: (70, 95)}
"""Prices in percent of the booked hours' value: estimates hold, some caps do not; fixed prices are a risk taken."""
_DRAWN_MODELS = (
    *[(TM,)] * 5,
    *[(NTE,)] * 3,
    *[(MILESTONE,)] * 4,
    *[(PERCENT,)] * 3,
    *[(MANAGED,)] * 2,
    (RETAINER,),
    *[(MILESTONE, TM)] * 3,
    (PERCENT, MANAGED),
    (MILESTONE, NTE, RETAINER),
)
_DRAWN_COURSES = (
    *[Course.CLOSED] * 46,
    *[Course.IN_DELIVERY] * 30,
    *[Course.DELIVERED] * 8,
    Course.ALL_TASKS_DONE,
    *[Course.STAFFED] * 5,
    *[Course.SHELL] * 4,
    *[Course.ON_HOLD] * 3,
    *[Course.CANCELLED] * 2,
    Course.GATE_PSA_ONLY,
    Course.GATE_ERP_ONLY,
    Course.EARLY_START,
)
_TEAMS: tuple[tuple[tuple[str, int], ...], ...] = (
    (("Engagement Manager", 25), ("Senior Consultant", 100), ("Developer", 100)),
    (("Engagement Manager", 25), ("Solution Architect", 50), ("Developer", 100), ("QA Engineer", 50)),
    (("Engagement Manager", 25), ("Data Engineer", 100), ("Business Analyst", 50)),
    (
        ("Engagement Manager", 50),
        ("Solution Architect", 50),
        ("Consultant", 100),
        ("Developer", 100),
        ("QA Engineer", 50),
    ),
    (("Engagement Manager", 25), ("Consultant", 100)),
    (("Senior Consultant", 50), ("Data Engineer", 100), ("Developer", 50)),
)


@dataclass(frozen=True, slots=True)
class LinePlan:
    """A contract line to be: its hours are what the team is expected to work on it."""

    model: Model
    start: date
    end: date
    hours: int
    bill_rate: Amount
    price: Amount
    method: str | None
    terms: str


@dataclass(frozen=True, slots=True)
class Deal:
    """A sold deal; `team` holds roles with their percentage, `projects` the line indexes that each project covers."""

    number: int
    course: Course
    customer: Customer
    practice: str
    start: date
    end: date
    signed_on: date | None
    team: tuple[tuple[str, int], ...]
    lines: tuple[LinePlan, ...]
    projects: tuple[tuple[int, ...], ...]
    work: str

    @property
    def currency(self) -> str:
        """The currency of the contract."""
        return self.customer.currency

    @property
    def value(self) -> Amount:
        """The contract value: the sum of its lines' prices."""
        return Amount(sum((line.price.value for line in self.lines), Decimal(0)), self.currency)


SEED_DEAL = 1
LATE_TIME_DEAL = 2
DUPLICATED_DEAL = 3
MISSING_DEAL = 11
TERMINATED_DEAL = 13
UNNAMED_DEAL = 6
_FIXED: tuple[tuple[Course, int, tuple[Model, ...]], ...] = (
    (Course.IN_DELIVERY, SEED_CUSTOMER, (MILESTONE, NTE)),
    (Course.IN_DELIVERY, SPELLED_CUSTOMER, (TM,)),
    (Course.IN_DELIVERY, JAPANESE_CUSTOMER, (MILESTONE,)),
    (Course.DELIVERED, SUBSIDIARY_CUSTOMER, (PERCENT,)),
    (Course.CLOSED, NAMESAKES[0], (TM,)),
    (Course.STAFFED, SPELLED_CUSTOMER, (MANAGED,)),
    (Course.SHELL, SUBSIDIARY_CUSTOMER, (RETAINER,)),
    (Course.ON_HOLD, NAMESAKES[1], (TM,)),
    (Course.CANCELLED, NAMESAKES[0], (MILESTONE,)),
    (Course.GATE_ERP_ONLY, JAPANESE_CUSTOMER, (TM,)),
    (Course.MISSING_IN_ERP, SPELLED_CUSTOMER, (NTE,)),
    (Course.IN_DELIVERY, KUWAITI_CUSTOMER, (MANAGED, RETAINER)),
    (Course.IN_DELIVERY, NAMESAKES[0], (PERCENT, TM)),
    (Course.EARLY_START, SEED_CUSTOMER, (TM,)),
)


def deals(setting: Setting, customers: list[Customer], works: dict[str, tuple[str, ...]]) -> list[Deal]:
    """Every sold deal: the fixed ones, then drawn ones until their projects fill the firm's size.

    The seed case is the first and comes without team, lines or dates of its own here: see `seedcase`.
    """
    buyers = [c for c in customers if c.in_erp and not c.credit_hold]
    internal = max(2, setting.scale.projects // 20)
    room = setting.scale.projects - internal - 1  # one place is kept for the duplicate project master
    result: list[Deal] = []
    while room > 0:
        number = len(result) + 1
        random = setting.rng(f"deal:{number}")
        if number <= len(_FIXED):
            course, buyer, models = _FIXED[number - 1]
            customer = customers[buyer - 1]
        else:
            course, models = random.choice(_DRAWN_COURSES), random.choice(_DRAWN_MODELS)
            customer = random.choice(buyers)
        deal = _deal(setting, number, course, customer, models, random, works)
        result.append(deal)
        room -= len(deal.projects)
    return result


def _deal(
    setting: Setting,
    number: int,
    course: Course,
    customer: Customer,
    models: tuple[Model, ...],
    random: Random,
    works: dict[str, tuple[str, ...]],
) -> Deal:
    start, end = _dates(setting, course, random, fixed=number <= len(_FIXED))
    team = _TEAMS[4 + number % 2] if number <= len(_FIXED) else _drawn_team(setting, random)
    practice = SUB_PRACTICES[(number * 5 + random.randrange(2)) % len(SUB_PRACTICES)]
    lines = _lines(models, start, end, team, customer.currency, random, course)
    split = number > len(_FIXED) and len(lines) > 1 and random.random() < 0.25
    return Deal(
        number=number,
        course=course,
        customer=customer,
        practice=practice,
        start=start,
        end=end,
        signed_on=None if course is Course.EARLY_START else _signed(setting, start, random),
        team=team,
        lines=tuple(lines),
        projects=tuple((i,) for i in range(len(lines))) if split else (tuple(range(len(lines))),),
        work=random.choice(works[practice.split("-")[0]]),
    )


def _drawn_team(setting: Setting, random: Random) -> tuple[tuple[str, int], ...]:
    """One of the usual teams, now and then with one or two more people; the large firm has too few for that."""
    more = tuple(extra for extra in (("Developer", 50), ("Consultant", 100)) if random.random() < 0.45)
    return random.choice(_TEAMS) + (more if setting.size is not Size.LARGE else ())


def _dates(setting: Setting, course: Course, random: Random, *, fixed: bool) -> tuple[date, date]:
    """First and last day of the work, so that the course is true on the firm's day."""
    today, history = setting.today, (setting.today - setting.history_start).days

    def ago(least: int, most: int) -> date:
        return today - timedelta(days=random.randrange(least, max(least + 1, most)))

    if course is Course.CLOSED:
        earliest = min(110, history - 1)
        start = min(ago(earliest, history), ago(earliest, history))
        end = start + timedelta(days=random.randrange(60, 270))
        return next_working_day(start), min(end, ago(52, 60))
    if course in (Course.DELIVERED, Course.ALL_TASKS_DONE):
        return next_working_day(ago(75, 100 if fixed else min(300, history))), ago(8, 30)
    if course in STARTED:
        start = ago(80, 105) if fixed else ago(20, min(400, history))
        return next_working_day(start), today + timedelta(days=random.randrange(35, 170))
    start = next_working_day(today + timedelta(days=random.randrange(8, 60)))
    return start, start + timedelta(days=random.randrange(60, 220))


def _signed(setting: Setting, start: date, random: Random) -> date:
    return min(start, setting.today) - timedelta(days=random.randrange(3, 25))


def _lines(
    models: tuple[Model, ...],
    start: date,
    end: date,
    team: tuple[tuple[str, int], ...],
    currency: str,
    random: Random,
    course: Course,
) -> list[LinePlan]:
    """One plan per model; project-like lines follow one another, services run along all the time."""
    percent = sum(share for _, share in team)
    blended = sum((ROLES[role].bill * share for role, share in team), Decimal(0)) / percent
    rate = amount((blended * PRICE_LEVEL[currency] / 5).quantize(Decimal(1)) * 5, currency)
    if currency == "KWD":
        rate = amount((blended * PRICE_LEVEL[currency]).quantize(Decimal("0.5")), currency)
    phased = [m for m in models if m not in (MANAGED, RETAINER)]
    span = (end - start).days + 1
    plans: list[LinePlan] = []
    for model in models:
        first, last = start, end
        if model in phased and len(phased) > 1:
            at = phased.index(model)
            first = start + timedelta(days=span * at // len(phased))
            last = start + timedelta(days=span * (at + 1) // len(phased) - 1)
        overlapping = 1 + sum(1 for m in models if m in (MANAGED, RETAINER) and m is not model)
        hours = max(40, len(working_days(first, last)) * 8 * percent // 100 // overlapping)
        least, most = _MARGINS.get(model, (80, 110))
        margin = Decimal(random.randrange(least, most)) / 100
        ready = course not in (Course.SHELL, Course.GATE_PSA_ONLY, Course.MISSING_IN_ERP)
        plans.append(
            LinePlan(
                model=model,
                start=first,
                end=last,
                hours=hours,
                bill_rate=rate,
                price=quoted(rate.value * hours * margin, currency),
                method=random.choice(_METHODS[model]) if ready else None,
                terms=_TERMS[model],
            )
        )
    return plans


def undelivered(
    setting: Setting, customers: list[Customer], works: dict[str, tuple[str, ...]], *, first: int
) -> list[Deal]:
    """Deals whose contracts have no project: drafts, in approval, just signed, cancelled; numbered from `first`."""
    buyers = [c for c in customers if c.in_erp]
    rows: list[Deal] = []
    for number in range(first, first + max(4, setting.scale.projects // 15)):
        random = setting.rng(f"deal:{number}")
        models = random.choice(_DRAWN_MODELS)
        deal = _deal(setting, number, Course.SHELL, random.choice(buyers), models, random, works)
        rows.append(replace(deal, projects=()))
    return rows

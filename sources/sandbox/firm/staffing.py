"""Who is booked on which project: named people as far as they are free, and open roles where nobody is.

Bookings keep within a person's employment, except the listed one of the terminated assignee, and a person
is booked above 100 percent only where that was done on purpose, in about one booking of a hundred.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from sources.sandbox.firm.days import instant, past, working_days
from sources.sandbox.firm.deals import SEED_DEAL, STARTED, TERMINATED_DEAL, UNNAMED_DEAL, Course, Deal
from sources.sandbox.firm.model import Booking, Person, Project, Subcontractor
from sources.sandbox.firm.people import CAST, FIRST_HEAD
from sources.sandbox.firm.projects import Work
from sources.sandbox.firm.scale import Setting

_NOT_STAFFED = frozenset({Course.CANCELLED, Course.GATE_ERP_ONLY})
_NEVER_DRAWN = frozenset(
    {1, 2, 3, 4, 5, 6, CAST.seed_manager, CAST.assessor, CAST.second_assessor, CAST.implementer}
    | {CAST.terminated, CAST.on_leave, CAST.future_hire, CAST.contingent}
)
"""Management and the cast: booked for their parts only."""


@dataclass(slots=True)
class Roster:
    """Who could be booked, and how much of each week everyone is booked already (percent, by weeks since 2000)."""

    by_role: dict[str, list[Person]]
    everyone: list[Person]
    subcontractors: list[Subcontractor]
    load: dict[tuple[str, int], dict[int, int]] = field(default_factory=lambda: defaultdict(dict))

    def peak(self, key: tuple[str, int], first: date, last: date) -> int:
        """The highest weekly load between two days."""
        load = self.load[key]
        return max((load.get(week, 0) for week in _weeks(first, last)), default=0)

    def book(self, key: tuple[str, int], first: date, last: date, percent: int) -> None:
        """Add a booking's load to the weeks it touches."""
        load = self.load[key]
        for week in _weeks(first, last):
            load[week] = load.get(week, 0) + percent


def _weeks(first: date, last: date) -> range:
    return range((first.toordinal() - 1) // 7, (last.toordinal() - 1) // 7 + 1)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a team."""

    role: str
    percent: int
    first: date
    last: date
    hard: bool


def bookings(
    setting: Setting, works: list[Work], staff: list[Person], subcontractors: list[Subcontractor]
) -> list[Booking]:
    """Every booking, ordered by number."""
    drawn = [p for p in staff if p.role and p.n not in _NEVER_DRAWN]
    by_role: dict[str, list[Person]] = defaultdict(list)
    for person in drawn:
        by_role[person.role].append(person)
    roster = Roster(by_role, drawn, subcontractors)
    rows: list[Booking] = []
    for work in works:
        if not work.project.in_psa:
            continue
        if work.deal is None:
            if not work.lines:
                _staff_internal(setting, rows, work.project, roster)
        elif work.deal.number == SEED_DEAL:
            _staff_seed(setting, rows, work)
        elif work.deal.course not in _NOT_STAFFED:
            _staff(setting, rows, work, work.deal, roster)
    return rows


def _staff_seed(setting: Setting, rows: list[Booking], work: Work) -> None:
    first, second = work.lines
    project = work.project
    parts = (
        (CAST.seed_manager, Slot("Engagement Manager", 25, project.start, project.end, hard=True)),
        (CAST.assessor, Slot("Senior Consultant", 50, first.start, first.end, hard=True)),
        (CAST.second_assessor, Slot("Business Analyst", 50, first.start, first.end, hard=True)),
        (CAST.implementer, Slot("Developer", 100, second.start, second.end, hard=True)),
    )
    for person, slot in parts:
        rows.append(_booking(setting, len(rows) + 1, project, slot, person=person))


def _staff_internal(setting: Setting, rows: list[Booking], project: Project, roster: Roster) -> None:
    random = setting.rng(f"staffing:{project.n}")
    settled = [p for p in roster.everyone if p.hired <= project.start and p.terminated is None]
    for person in random.sample(settled, min(3, len(settled))):
        slot = Slot(person.role, 10, project.start, project.end, hard=False)
        rows.append(_booking(setting, len(rows) + 1, project, slot, person=person.n))


def _staff(setting: Setting, rows: list[Booking], work: Work, deal: Deal, roster: Roster) -> None:
    project = work.project
    random = setting.rng(f"staffing:{project.n}")
    hard = deal.course in STARTED or deal.course is Course.STAFFED
    for at, (role, percent) in enumerate(deal.team):
        slot = Slot(role, percent, project.start, project.end, hard=hard)
        if deal.course is Course.SHELL:
            rows.append(_booking(setting, len(rows) + 1, project, slot))
        elif role == "Engagement Manager" and project.manager is not None and _has_room(roster, project.manager, slot):
            roster.book(("person", project.manager), slot.first, slot.last, percent)
            rows.append(_booking(setting, len(rows) + 1, project, slot, person=project.manager))
        elif deal.number == TERMINATED_DEAL and at == len(deal.team) - 1:
            rows.append(_booking(setting, len(rows) + 1, project, slot, person=CAST.terminated))
        else:
            _fill(setting, rows, project, slot, roster, random)
    if deal.number == UNNAMED_DEAL:
        open_role = Slot("QA Engineer", 50, project.start, project.end, hard=False)
        rows.append(_booking(setting, len(rows) + 1, project, open_role))


def _has_room(roster: Roster, person: int, slot: Slot) -> bool:
    return roster.peak(("person", person), slot.first, slot.last) + slot.percent <= 100


def _fill(setting: Setting, rows: list[Booking], project: Project, slot: Slot, roster: Roster, random: Random) -> None:
    """Book a subcontractor now and then, else the least booked fit person, else leave the role open."""
    n = len(rows) + 1
    if random.random() < 0.07 or n == FIRST_HEAD * 2:
        supplied = random.choice(roster.subcontractors)
        key = ("subcontractor", supplied.n)
        if roster.peak(key, slot.first, slot.last) + slot.percent <= 100:
            roster.book(key, slot.first, slot.last, slot.percent)
            rows.append(_booking(setting, n, project, slot, subcontractor=supplied.n))
            return
    overbook = random.random() < 0.01
    for pool in (roster.by_role.get(slot.role, []), roster.everyone):
        for percent in (slot.percent, slot.percent // 2):
            person = _freest(pool, slot, percent, roster, random, overbook=overbook)
            if person is not None:
                taken = Slot(slot.role, percent, slot.first, slot.last, hard=slot.hard)
                roster.book(("person", person.n), slot.first, slot.last, percent)
                rows.append(_booking(setting, n, project, taken, person=person.n))
                return
    rows.append(_booking(setting, n, project, Slot(slot.role, slot.percent, slot.first, slot.last, hard=False)))


def _freest(
    pool: list[Person], slot: Slot, percent: int, roster: Roster, random: Random, *, overbook: bool
) -> Person | None:
    """The person with the lowest peak among a sample of those employed throughout, if that leaves room."""
    fit = [p for p in random.sample(pool, min(len(pool), 24)) if _is_there(p, slot)]
    if not fit:
        return None
    best = min(fit, key=lambda p: roster.peak(("person", p.n), slot.first, slot.last))
    room = 100 - roster.peak(("person", best.n), slot.first, slot.last)
    return best if percent <= room or overbook else None


def _is_there(person: Person, slot: Slot) -> bool:
    ended = person.terminated is not None and person.terminated < slot.last
    return person.hired <= slot.first and not ended and not person.on_leave


def _booking(
    setting: Setting,
    n: int,
    project: Project,
    slot: Slot,
    *,
    person: int | None = None,
    subcontractor: int | None = None,
) -> Booking:
    minutes = len(working_days(slot.first, slot.last)) * 480 * slot.percent // 100
    named = person is not None or subcontractor is not None
    linked = named and slot.hard and project.canonical is not None and n % 3 != 0
    touched = min(slot.first, setting.today - timedelta(days=n % 20)) - timedelta(days=n % 7)
    return Booking(
        n=n,
        canonical=setting.canonical("asg", n, touched) if linked else None,
        project=project.n,
        person=person,
        subcontractor=subcontractor,
        role=slot.role,
        start=slot.first,
        end=slot.last,
        minutes=minutes,
        percent=Decimal(slot.percent),
        hard=slot.hard and named,
        modified=past(instant(touched, 10, n % 60), setting.today),
    )

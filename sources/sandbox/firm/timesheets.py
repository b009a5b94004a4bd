"""Time and expenses: what the booked people wrote down, week by week, and how far its approval has come.

Old weeks are approved and posted, the last one is partly approved, the running one is partly drafted.
A few weeks are approved only after their period has closed and are posted to a later one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from random import Random

from sources.sandbox.firm.amounts import PRICE_LEVEL, amount
from sources.sandbox.firm.days import (
    closes_on,
    earliest_open_period,
    instant,
    monday_of,
    months_later,
    past,
    period_of,
    working_days,
)
from sources.sandbox.firm.deals import DUPLICATED_DEAL, LATE_TIME_DEAL, SEED_DEAL, STARTED, Course
from sources.sandbox.firm.model import Booking, Expense, Firm, Person, Task, TimeEntry, TimeState
from sources.sandbox.firm.names import NOTES
from sources.sandbox.firm.organization import CURRENCY_OF
from sources.sandbox.firm.people import CAST, MANAGING_DIRECTOR
from sources.sandbox.firm.projects import HELD_DAYS, Work
from sources.sandbox.firm.scale import Setting
from sources.sandbox.firm.seedcase import (
    ASSESSMENT_WORKED_HOURS,
    IMPLEMENTATION_DAYS,
    POSTED_DAYS,
    assessment_days,
    implementation_days,
)

REJECTED_DEAL = LATE_TIME_DEAL
"""Its whole team's time of three weeks ago was rejected."""
_DECIDED = frozenset({TimeState.APPROVED, TimeState.REJECTED})
LONGEST_DAY = 11 * 60
"""Minutes; whoever is booked for more works until then."""
DRAFT_DEAL = DUPLICATED_DEAL
"""Its team has not submitted the last week yet."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A time entry before its number, submission and invoice are known; `batch` are the entries submitted with it."""

    day: date
    booking: Booking
    task: Task
    minutes: int
    note: str
    state: TimeState
    batch: tuple[int, int] | None
    approver: int | None
    approved_at: datetime | None
    posted_period: str | None

    @property
    def billable(self) -> bool:
        """Time is billable as its task is."""
        return self.task.billable


def logged_time(setting: Setting, firm: Firm, works: list[Work]) -> list[Logged]:
    """All time, ordered by day and then by booking."""
    tasks_of: dict[int, list[Task]] = {}
    for task in firm.tasks:
        tasks_of.setdefault(task.project, []).append(task)
    away = {p.n: _away(firm, p) for p in firm.people}
    worked: dict[tuple[int | None, int | None, date], int] = {}
    rows: list[Logged] = []
    for booking in firm.bookings:
        work = works[booking.project - 1]
        if booking.person is None and booking.subcontractor is None:
            continue
        if work.deal is not None and (work.deal.number == SEED_DEAL or work.deal.course not in STARTED):
            continue
        person = firm.person(booking.person) if booking.person is not None else None
        sheet = _Timesheet(
            setting=setting,
            work=work,
            booking=booking,
            tasks=tasks_of[booking.project],
            random=setting.rng(f"time:{booking.n}"),
            daily=int(booking.percent) * 480 * float(person.fte if person is not None else 1) / 100,
            worked=worked,
        )
        free = away[person.n] if person is not None else frozenset()
        days = [day for day in working_days(*_span(setting, work, booking, person)) if day not in free]
        for monday, week in groupby(days, key=monday_of):
            rows.extend(sheet.week(monday, list(week)))
    _log_seed(firm, rows, works, setting)
    rows.sort(key=lambda entry: (entry.day, entry.booking.n))
    return rows


def _away(firm: Firm, person: Person) -> frozenset[date]:
    return frozenset(off.day for off in person.time_off) | frozenset(firm.holidays.get(person.country, ()))


def _span(setting: Setting, work: Work, booking: Booking, person: Person | None) -> tuple[date, date]:
    """The first and the last day on which a booking can carry time."""
    last = min(booking.end, setting.today - timedelta(days=1))
    if work.deal is not None and work.deal.course is Course.ON_HOLD:
        last = min(last, setting.today - timedelta(days=HELD_DAYS))
    if person is not None and person.terminated is not None:
        last = min(last, person.terminated)
    return max(booking.start, setting.history_start), last


def _late_week(setting: Setting) -> date:
    """The week that the late deal's time was approved too late for: in the middle of the month before last."""
    return monday_of(months_later(setting.today, -2).replace(day=15))


@dataclass(slots=True)
class _Timesheet:
    """The time of one booking in the making; `daily` are minutes, `worked` everybody's minutes by day so far."""

    setting: Setting
    work: Work
    booking: Booking
    tasks: list[Task]
    random: Random
    daily: float
    worked: dict[tuple[int | None, int | None, date], int]

    def week(self, monday: date, days: list[date]) -> list[Logged]:
        """The entries of the days of one week, all on one task and in one state."""
        booking, random = self.booking, self.random
        usual = 1 if booking.percent <= 10 else 3 if booking.percent <= 25 else 5
        wanted = min(self.setting.scale.logged_days, usual)
        if len(days) > wanted:
            days = sorted(random.sample(days, wanted))
        task = self._task(days)
        state, approved_at = _approval(self.setting, monday, self.work, random)
        single = random.random() < 0.1
        posted = _posted(self.setting, self.work, monday, approved_at)
        note = random.choice(NOTES)
        entries: list[Logged] = []
        for day in days:
            minutes = self._minutes(day, self.daily * 5 / usual)
            batch = (booking.n, -day.toordinal()) if single else (booking.n, monday.toordinal())
            entry = Logged(
                day=day,
                booking=booking,
                task=task,
                minutes=minutes,
                note=note,
                state=state,
                batch=None if state is TimeState.DRAFT else batch,
                approver=_approver(self.work, booking) if state in _DECIDED else None,
                approved_at=approved_at,
                posted_period=_period(day, approved_at) if posted else None,
            )
            if minutes > 0:
                entries.append(entry)
        return entries

    def _task(self, days: list[date]) -> Task:
        """A task that runs in these days, by how much of it is planned a day; the first one where none does."""
        running = [t for t in self.tasks if t.start <= days[0] and t.end >= days[0]] or self.tasks[:1]
        weights = [max(1, t.planned_minutes // ((t.end - t.start).days + 1)) for t in running]
        return self.random.choices(running, weights)[0]

    def _minutes(self, day: date, usual: float) -> int:
        """Quarters of hours around the usual, as far as the person's long day has room."""
        key = (self.booking.person, self.booking.subcontractor, day)
        before = self.worked.get(key, 0)
        minutes = max(15, round(usual * self.random.uniform(0.85, 1.1) / 15) * 15)
        minutes = min(minutes, LONGEST_DAY - before)
        self.worked[key] = before + minutes
        return minutes


def _approval(setting: Setting, monday: date, work: Work, random: Random) -> tuple[TimeState, datetime | None]:
    """A week's state on the firm's day, and when it was approved."""
    this_week = monday_of(setting.today)
    chance = random.random()
    delay = timedelta(days=7 + random.randrange(3))
    if work.deal is not None and work.deal.number == REJECTED_DEAL and monday == this_week - timedelta(days=21):
        return TimeState.REJECTED, None
    if work.deal is not None and work.deal.number == DRAFT_DEAL and monday >= this_week - timedelta(days=7):
        return TimeState.DRAFT, None
    if work.deal is not None and work.deal.number == LATE_TIME_DEAL and monday == _late_week(setting):
        closed = closes_on(period_of(monday))
        return TimeState.APPROVED, instant(closed + timedelta(days=2), 10, 30)
    if monday >= this_week:
        return (TimeState.DRAFT if chance < 0.6 else TimeState.SUBMITTED), None
    if monday == this_week - timedelta(days=7):
        if monday + delay >= setting.today or chance > 0.6:
            return (TimeState.DRAFT if chance > 0.93 else TimeState.SUBMITTED), None
    elif work.project.percent_complete < 100 and chance > 0.985:
        return (TimeState.REJECTED if chance > 0.993 else TimeState.SUBMITTED), None
    elif work.project.percent_complete < 100 and chance < 0.008:
        delay += timedelta(days=40)
    approved_at = past(instant(monday + delay, 9 + random.randrange(8), random.randrange(60)), setting.today)
    return TimeState.APPROVED, approved_at


def _approver(work: Work, booking: Booking) -> int:
    """The project's manager, or the managing director for the manager's own time."""
    manager = work.project.manager
    return MANAGING_DIRECTOR if manager is None or manager == booking.person else manager


def _posted(setting: Setting, work: Work, monday: date, approved_at: datetime | None) -> bool:
    """Whether the ERP holds actuals: approved at least two days ago, on a project that it knows."""
    return (
        approved_at is not None
        and work.project.in_erp
        and approved_at.date() < setting.today - timedelta(days=2)
        and monday < setting.today
    )


def _period(day: date, approved_at: datetime | None) -> str:
    """The period that approved time posts to: its own, or the earliest open one when that has closed."""
    if approved_at is None or approved_at.date() < closes_on(period_of(day)):
        return period_of(day)
    return earliest_open_period(approved_at.date())


def _log_seed(firm: Firm, rows: list[Logged], works: list[Work], setting: Setting) -> None:
    """The seed case's time: 300 hours of assessment by two people, 120 of implementation by one."""
    project = works[0].project
    assessment, implementation = (t for t in firm.tasks if t.project == project.n)
    by_person = {b.person: b for b in firm.bookings if b.project == project.n}
    days = assessment_days(setting)
    whole, rest = divmod(ASSESSMENT_WORKED_HOURS // 2, 8)
    for person in (CAST.assessor, CAST.second_assessor):
        for day, hours in zip(days, (*[8] * whole, rest), strict=False):
            rows.append(_seed_entry(work=works[0], booking=by_person[person], task=assessment, day=day, hours=hours))
    worked = zip(implementation_days(setting), IMPLEMENTATION_DAYS, strict=True)
    for at, (day, hours) in enumerate(worked):
        entry = _seed_entry(
            work=works[0],
            booking=by_person[CAST.implementer],
            task=implementation,
            day=day,
            hours=hours,
            posted=at < POSTED_DAYS,
        )
        rows.append(entry)


def _seed_entry(*, work: Work, booking: Booking, task: Task, day: date, hours: int, posted: bool = True) -> Logged:
    """A day's time of the seed case, approved the next day by the project's manager."""
    approved_at = instant(day + timedelta(days=1), 16)
    return Logged(
        day=day,
        booking=booking,
        task=task,
        minutes=hours * 60,
        note=f"{task.name} work",
        state=TimeState.APPROVED,
        batch=(booking.n, monday_of(day).toordinal()),
        approver=work.project.manager,
        approved_at=approved_at,
        posted_period=_period(day, approved_at) if posted else None,
    )


def time_entries(setting: Setting, logged: list[Logged], invoices: dict[int, int]) -> list[TimeEntry]:
    """The entries, numbered in the order given; `invoices` is the invoice of each billed position."""
    submissions: dict[tuple[int, int], int] = {}
    rows: list[TimeEntry] = []
    for at, entry in enumerate(logged):
        submission = None if entry.batch is None else submissions.setdefault(entry.batch, len(submissions) + 1)
        touched = entry.approved_at or instant(entry.day, 17, at % 60)
        rows.append(
            TimeEntry(
                n=at + 1,
                project=entry.booking.project,
                task=entry.task.n,
                person=entry.booking.person,
                subcontractor=entry.booking.subcontractor,
                day=entry.day,
                minutes=entry.minutes,
                billable=entry.task.billable,
                note=entry.note,
                state=entry.state,
                submission=submission,
                approver=entry.approver,
                approved_at=entry.approved_at,
                posted_period=entry.posted_period,
                invoice=invoices.get(at),
                modified=past(touched, setting.today),
            )
        )
    return rows


_CATEGORIES = (("Travel", 240), ("Accommodation", 180), ("Meals", 45), ("Software", 90), ("Local transport", 25))


def expenses(setting: Setting, firm: Firm, logged: list[Logged]) -> list[Expense]:
    """Expenses of people on days on which they worked: about one for every sixty time entries."""
    random = setting.rng("expenses")
    rows: list[Expense] = []
    for entry in logged:
        person = entry.booking.person
        if random.random() > 1 / 60 or person is None or entry.booking.project == 1:
            continue
        category, dollars = random.choice(_CATEGORIES)
        currency = CURRENCY_OF[firm.people[person - 1].company]
        value = Decimal(dollars * random.randrange(60, 140)) / 100 * PRICE_LEVEL[currency]
        state = entry.state if entry.state is not TimeState.DRAFT else TimeState.SUBMITTED
        rows.append(
            Expense(
                n=len(rows) + 1,
                project=entry.booking.project,
                person=person,
                day=entry.day,
                category=category,
                amount=amount(value, currency),
                billable=entry.task.line is not None and random.random() < 0.6,
                state=state,
                modified=past(entry.approved_at or instant(entry.day, 18, 5), setting.today),
            )
        )
    return rows

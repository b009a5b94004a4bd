"""Projects in every stage, the duplicate master, internal work, and the tasks of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sources.sandbox.firm.contracts import ContractBook
from sources.sandbox.firm.days import instant, months_later, past
from sources.sandbox.firm.deals import (
    DUPLICATED_DEAL,
    LATE_TIME_DEAL,
    SEED_DEAL,
    STARTED,
    TIME_BILLED,
    Course,
    Deal,
    LinePlan,
)
from sources.sandbox.firm.model import ContractLine, Model, Person, Project, Task
from sources.sandbox.firm.names import INTERNAL_WORK, PHASES
from sources.sandbox.firm.organization import LEGAL_ENTITIES, TOP_PRACTICES
from sources.sandbox.firm.people import CAST, FIRST_HEAD
from sources.sandbox.firm.scale import Setting

_PSA_STATUS = {
    Course.IN_DELIVERY: 200,
    Course.EARLY_START: 200,
    Course.MISSING_IN_ERP: 200,
    Course.ALL_TASKS_DONE: 200,
    Course.DELIVERED: 400,
    Course.CLOSED: 400,
    Course.ON_HOLD: 300,
    Course.CANCELLED: 500,
}
"""The PSA's status keys: 200 active, 300 on hold, 400 complete, 500 cancelled; the others are at 100, not started."""
_NO_PSA = frozenset({Course.GATE_ERP_ONLY})
_NO_ERP = frozenset({Course.GATE_PSA_ONLY, Course.MISSING_IN_ERP, Course.CANCELLED})
_DONE = frozenset({Course.DELIVERED, Course.ALL_TASKS_DONE, Course.CLOSED})
_BILLING_TYPE = {
    Model.TIME_AND_MATERIALS: "TM",
    Model.TM_NOT_TO_EXCEED: "TM",
    Model.FIXED_FEE_MILESTONE: "FBM",
    Model.FIXED_FEE_PERCENT_COMPLETE: "FBI",
    Model.MANAGED_RECURRING: "FBI",
    Model.RETAINER_SUBSCRIPTION: "FBI",
}
HELD_DAYS = 14
"""How long ago the projects on hold were put there."""


@dataclass(frozen=True, slots=True)
class Work:
    """A project together with the plan behind it: `deal` is None for internal work and for the duplicate master."""

    project: Project
    deal: Deal | None
    lines: tuple[ContractLine, ...]
    plans: tuple[LinePlan, ...] = ()


def works(setting: Setting, deals: list[Deal], book: ContractBook, staff: list[Person]) -> list[Work]:
    """Every project, ordered by number: those of the deals, then the duplicate master, then internal ones."""
    lines_of: dict[int, list[ContractLine]] = {}
    for line in book.lines:
        lines_of.setdefault(line.contract, []).append(line)
    managers = _managers(staff)
    rows: list[Work] = []
    for deal in deals:
        for covered in deal.projects:
            lines = tuple(lines_of[deal.number][i] for i in covered)
            plans = tuple(deal.lines[i] for i in covered)
            rows.append(Work(_delivery(setting, len(rows) + 1, deal, lines, managers), deal, lines, plans))
    duplicated = next(w for w in rows if w.deal is not None and w.deal.number == DUPLICATED_DEAL)
    rows.append(_duplicate(setting, len(rows) + 1, duplicated))
    rows.extend(_internal(setting, n) for n in range(len(rows) + 1, setting.scale.projects + 1))
    return rows


def _managers(staff: list[Person]) -> list[Person]:
    """Engagement managers who stay, the seed case's own one excepted, and the practice heads."""
    heads = range(FIRST_HEAD, FIRST_HEAD + len(TOP_PRACTICES))
    return [
        p
        for p in staff
        if (p.role == "Engagement Manager" or p.n in heads)
        and p.n != CAST.seed_manager
        and p.terminated is None
        and not p.on_leave
    ]


def _delivery(setting: Setting, n: int, deal: Deal, lines: tuple[ContractLine, ...], managers: list[Person]) -> Project:
    random = setting.rng(f"project:{n}")
    course = deal.course
    start, end = min(line.start for line in lines), max(line.end for line in lines)
    there = [m for m in managers if m.hired <= start]
    local = [m for m in there if m.company == deal.customer.company] or there
    manager = CAST.seed_manager if deal.number == SEED_DEAL else random.choice(local).n
    in_erp = course not in _NO_ERP
    born = min(start, setting.today) - timedelta(days=2)
    linked = in_erp or course is Course.CANCELLED
    models = {line.model for line in lines}
    types = {_BILLING_TYPE[model] for model in models}
    return Project(
        n=n,
        canonical=setting.canonical("prj", n, born) if linked else None,
        code=f"P-{10000 + n}",
        name=_project_name(deal, lines),
        customer=deal.customer.n,
        contract=deal.number,
        lines=tuple(line.n for line in lines),
        practice=deal.practice,
        company=deal.customer.company,
        currency=deal.currency,
        manager=None if course is Course.SHELL else manager,
        psa_status=_PSA_STATUS.get(course, 100),
        archived=course in (Course.CLOSED, Course.CANCELLED),
        start=start,
        end=end,
        percent_complete=_percent(setting, deal, start, end),
        in_psa=course not in _NO_PSA,
        in_erp=in_erp,
        erp_open=in_erp and course is not Course.CLOSED,
        billing_type=types.pop() if len(types) == 1 else "CB",
        modified=past(_touched(setting, course, start, end), setting.today),
    )


def _project_name(deal: Deal, lines: tuple[ContractLine, ...]) -> str:
    if len(lines) < len(deal.lines):
        return f"{deal.customer.name} – {deal.work} ({lines[0].name.split(': ')[-1]})"
    return f"{deal.customer.name} – {deal.work}"


def _percent(setting: Setting, deal: Deal, start: date, end: date) -> int:
    """Physical progress as the project manager enters it, in steps of five."""
    if deal.course in _DONE:
        return 100
    if deal.course not in STARTED:
        return 0
    passed = 100 * (setting.today - start).days // max(1, (end - start).days)
    return max(0, min(95, passed // 5 * 5))


def _touched(setting: Setting, course: Course, start: date, end: date) -> datetime:
    random = setting.rng(f"touched:{start}:{end}")
    minute = random.randrange(60)
    if course is Course.CLOSED:
        return instant(end + timedelta(days=34), 17, minute)
    if course is Course.ON_HOLD:
        return instant(setting.today - timedelta(days=HELD_DAYS), 12, minute)
    return instant(min(end, setting.today - timedelta(days=random.randrange(1, 12))), 15, minute)


def _duplicate(setting: Setting, n: int, original: Work) -> Work:
    """A second PSA project that somebody created by hand for a line that has one already."""
    first = original.project
    second = Project(
        n=n,
        canonical=None,
        code=f"P-{10000 + n}",
        name=first.name.replace(" – ", " - ") + " (new)",
        customer=first.customer,
        contract=first.contract,
        lines=first.lines,
        practice=first.practice,
        company=first.company,
        currency=first.currency,
        manager=first.manager,
        psa_status=100,
        archived=False,
        start=first.start + timedelta(days=7),
        end=first.end,
        percent_complete=0,
        in_psa=True,
        in_erp=False,
        erp_open=False,
        billing_type=first.billing_type,
        modified=instant(setting.today - timedelta(days=9), 8, 17),
    )
    return Work(second, None, original.lines)


def _internal(setting: Setting, n: int) -> Work:
    entity = LEGAL_ENTITIES[n % len(LEGAL_ENTITIES)]
    practice = TOP_PRACTICES[n % len(TOP_PRACTICES)]
    start = setting.history_start
    project = Project(
        n=n,
        canonical=setting.canonical("prj", n, start),
        code=f"P-{10000 + n}",
        name=f"{INTERNAL_WORK[n % len(INTERNAL_WORK)]} ({entity.code})",
        customer=None,
        contract=None,
        lines=(),
        practice=practice,
        company=entity.code,
        currency=entity.currency,
        manager=FIRST_HEAD + n % len(TOP_PRACTICES),
        psa_status=200,
        archived=False,
        start=start,
        end=months_later(setting.today, 7) - timedelta(days=1),
        percent_complete=50,
        in_psa=True,
        in_erp=True,
        erp_open=True,
        billing_type="TM",
        modified=instant(setting.today - timedelta(days=2 + n % 25), 9, n % 60),
    )
    return Work(project, None, ())


def tasks(setting: Setting, all_works: list[Work]) -> list[Task]:
    """The tasks of every project of the PSA, ordered by number: the phases of each line, one after the other."""
    rows: list[Task] = []
    for work in all_works:
        if work.project.in_psa:
            _add_tasks(setting, rows, work)
    return rows


def _add_tasks(setting: Setting, rows: list[Task], work: Work) -> None:
    project, deal = work.project, work.deal
    if not work.lines:
        for name in ("Meetings and planning", "Execution"):
            _add_task(setting, rows, project, None, (name, 160 * 60, False), (project.start, project.end))
        return
    if deal is None:
        line = work.lines[0]
        _add_task(setting, rows, project, line.n, ("Delivery", 80 * 60, True), (project.start, project.end))
        return
    for line, plan in zip(work.lines, work.plans, strict=True):
        minutes = plan.hours * 60
        if deal.number == SEED_DEAL:
            _add_task(setting, rows, project, line.n, (line.name, minutes, True), (line.start, line.end))
            continue
        phases = PHASES[line.model.value]
        billed = line.model in TIME_BILLED
        if billed:
            coordination = ("Travel and coordination", minutes // 20 // 15 * 15, False)
            _add_task(setting, rows, project, line.n, coordination, (line.start, line.end))
        span = (line.end - line.start).days + 1
        for i, phase in enumerate(phases):
            first = line.start + timedelta(days=span * i // len(phases))
            last = line.start + timedelta(days=max(1, span * (i + 1) // len(phases)) - 1)
            detail = (phase, minutes // len(phases) // 15 * 15, True)
            _add_task(setting, rows, project, line.n, detail, (first, max(first, last)), course=deal.course)
    if deal.number == LATE_TIME_DEAL:
        _add_task(setting, rows, project, None, ("Ad-hoc requests", 40 * 60, True), (project.start, project.end))


def _add_task(
    setting: Setting,
    rows: list[Task],
    project: Project,
    line: int | None,
    detail: tuple[str, int, bool],
    dates: tuple[date, date],
    *,
    course: Course | None = None,
) -> None:
    n = len(rows) + 1
    name, minutes, billable = detail
    first, last = dates
    done = project.percent_complete == 100 or (course in STARTED and last < setting.today - timedelta(days=3))
    recent = first > setting.today - timedelta(days=30)
    known = project.canonical is not None and not recent and line is not None
    touched = last if done else min(first, setting.today - timedelta(days=1 + n % 6))
    rows.append(
        Task(
            n=n,
            canonical=setting.canonical("tsk", n, first) if known else None,
            project=project.n,
            line=line,
            name=name,
            planned_minutes=minutes,
            billable=billable,
            start=first,
            end=last,
            done=done,
            modified=past(instant(touched, 16, n % 60), setting.today),
        )
    )

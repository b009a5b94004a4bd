"""Billing milestones: shares of a line's price that fall due over its time, completed and then accepted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sources.sandbox.firm.amounts import amount, shares
from sources.sandbox.firm.days import instant, next_working_day, past
from sources.sandbox.firm.deals import SEED_DEAL, STARTED, Course
from sources.sandbox.firm.model import Firm, Milestone, Model
from sources.sandbox.firm.organization import top_practice
from sources.sandbox.firm.projects import HELD_DAYS
from sources.sandbox.firm.revenue import Sold
from sources.sandbox.firm.scale import Setting

_NAMES = ("Kick-off and plan", "Design accepted", "Build complete", "Acceptance")
_SEED_NAMES = ("Current state assessed", "Roadmap accepted")


def milestones(setting: Setting, firm: Firm, sold: list[Sold]) -> list[Milestone]:
    """Every milestone in number order; the amounts of a line sum to its price. None is billed yet: see `billed`."""
    heads = {p.practice: p.email for p in firm.people[:6]}
    rows: list[Milestone] = []
    for item in sold:
        if item.line.model is Model.FIXED_FEE_MILESTONE and item.work.project.in_psa:
            _add(setting, rows, item, heads[top_practice(item.work.project.practice)])
    return rows


def billed(rows: list[Milestone], invoices: dict[int, int]) -> list[Milestone]:
    """The milestones with the invoice that bills each, given by milestone number."""
    return [replace(row, invoice=invoices[row.n]) if row.n in invoices else row for row in rows]


def _add(setting: Setting, rows: list[Milestone], item: Sold, accepted_by: str) -> None:
    line = item.line
    random = setting.rng(f"milestones:{line.n}")
    seed = line.contract == SEED_DEAL
    count = 2 if seed else random.randrange(2, 5)
    weights = [1] * count if seed else [random.choice((20, 30, 33, 50)) for _ in range(count)]
    span = (line.end - line.start).days
    today = setting.today - timedelta(days=HELD_DAYS if item.course is Course.ON_HOLD else 3)
    finished = item.course in (Course.CLOSED, Course.DELIVERED, Course.ALL_TASKS_DONE)
    slipped = not seed and line.contract > 20 and not finished and random.random() < 0.15
    for i, value in enumerate(shares(line.price.value, weights, line.price.currency)):
        due = line.start + timedelta(days=span * (i + 1) // count)
        done_on = next_working_day(due + timedelta(days=0 if i == count - 1 else i % 2))
        done = item.course in STARTED and not slipped and (finished or done_on < today)
        done_on = min(done_on, setting.today - timedelta(days=2))
        accepted = done_on + timedelta(days=4) if done else None
        if accepted is not None and accepted >= setting.today - timedelta(days=1):
            accepted = None
        touched = accepted or (done_on if done else min(line.start, setting.today - timedelta(days=3)))
        rows.append(
            Milestone(
                n=len(rows) + 1,
                canonical=setting.canonical("mil", len(rows) + 1, line.start) if line.canonical else None,
                project=item.work.project.n,
                line=line.n,
                name=_SEED_NAMES[i] if seed else f"{i + 1}. {_NAMES[i if i < count - 1 else 3]}",
                due=due,
                amount=amount(value, line.price.currency),
                completed_at=past(instant(done_on, 15, 45), setting.today) if done else None,
                accepted_on=accepted,
                accepted_by=accepted_by if accepted else None,
                invoice=None,
                modified=past(instant(touched, 17, 5), setting.today),
            )
        )

"""What is to be billed and when: time by the month, milestones on acceptance, services on their schedule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sources.sandbox.firm.days import instant, months_later, period_start, periods_between
from sources.sandbox.firm.deals import SEED_DEAL, TIME_BILLED, Course
from sources.sandbox.firm.model import Milestone, Model
from sources.sandbox.firm.revenue import Sold, entry_value, planned_parts, recognized_until
from sources.sandbox.firm.scale import Setting
from sources.sandbox.firm.seedcase import BILLED_DAYS
from sources.sandbox.firm.timesheets import Logged

_TIME_BILLING_DAY = 5
_PROGRESS_BILLING_DAY = 9
_SERVICE_BILLING_DAY = 2


@dataclass(frozen=True, slots=True)
class Charge:
    """An amount of one contract line that goes on the invoice of a day; `entries` are positions of billed time."""

    sold: Sold
    issued: date
    description: str
    value: Decimal
    milestone: int | None = None
    entries: tuple[int, ...] = ()


def charges(
    setting: Setting,
    sold: list[Sold],
    logged: list[Logged],
    billable: dict[int, list[int]],
    milestones: list[Milestone],
) -> list[Charge]:
    """All charges of lines that may be billed, none beyond the price of its line."""
    milestones_of: dict[int, list[Milestone]] = {}
    for milestone in milestones:
        milestones_of.setdefault(milestone.line, []).append(milestone)
    found: list[Charge] = []
    for item in sold:
        if not item.earns:
            continue
        if item.line.model in TIME_BILLED:
            found.extend(_for_time(setting, item, logged, billable.get(item.line.n, [])))
        elif item.line.model is Model.FIXED_FEE_MILESTONE:
            found.extend(_for_milestones(setting, item, milestones_of.get(item.line.n, [])))
        elif item.line.model is Model.RETAINER_SUBSCRIPTION:
            found.extend(_in_advance(setting, item))
        else:
            found.extend(_in_arrears(setting, item))
    return [charge for charge in found if charge.value > 0]


def _for_time(setting: Setting, item: Sold, logged: list[Logged], positions: list[int]) -> list[Charge]:
    """One charge a month for what was approved by then; the entry that would cross the price stays unbilled."""
    if item.line.contract == SEED_DEAL:
        issued = max(logged[at].day for at in positions[:BILLED_DAYS]) + timedelta(days=2)
        return [_time_charge(item, issued, positions[:BILLED_DAYS], logged)]
    left = item.line.price.value
    allowed: list[int] = []
    for at in positions:
        value = entry_value(logged[at], item.line)
        if value > left:
            break
        left -= value
        allowed.append(at)
    found: list[Charge] = []
    for issued in _cycles(setting, item):
        is_last = item.course is Course.CLOSED and issued > item.line.end
        due = [at for at in allowed if is_last or _is_due(logged[at], issued)]
        if due:
            taken = set(due)
            allowed = [at for at in allowed if at not in taken]
            found.append(_time_charge(item, issued, due, logged))
    return found


def _cycles(setting: Setting, item: Sold) -> list[date]:
    """The billing days of a time-billed line up to the firm's day; closed work is billed to the end soon after it."""
    periods = periods_between(item.line.start, setting.today)
    days = [months_later(period_start(p), 1).replace(day=_TIME_BILLING_DAY) for p in periods]
    if item.course is Course.CLOSED:
        return [*(day for day in days if day < item.line.end), item.line.end + timedelta(days=20)]
    return [day for day in days if day < setting.today]


def _is_due(entry: Logged, issued: date) -> bool:
    """Time of the months before the billing day that was approved by then."""
    approved = entry.approved_at is not None and entry.approved_at < instant(issued, 0)
    return approved and entry.day < issued.replace(day=1)


def _time_charge(item: Sold, issued: date, positions: list[int], logged: list[Logged]) -> Charge:
    value = sum((entry_value(logged[at], item.line) for at in positions), Decimal(0))
    minutes = sum(logged[at].minutes for at in positions)
    description = f"{item.line.name}: {Decimal(minutes) / 60:.2f} h"
    return Charge(item, issued, description, value, entries=tuple(positions))


def _for_milestones(setting: Setting, item: Sold, milestones: list[Milestone]) -> list[Charge]:
    found: list[Charge] = []
    for milestone in milestones:
        if milestone.accepted_on is None:
            continue
        issued = milestone.accepted_on + timedelta(days=3)
        if issued < setting.today:
            found.append(Charge(item, issued, milestone.name, milestone.amount.value, milestone.n))
    return found


def _in_arrears(setting: Setting, item: Sold) -> list[Charge]:
    """A month's part of the price, billed in the month after it."""
    managed = item.line.model is Model.MANAGED_RECURRING
    billing_day = _SERVICE_BILLING_DAY if managed else _PROGRESS_BILLING_DAY
    until = recognized_until(setting, item).replace(day=1)
    found: list[Charge] = []
    for period, value in planned_parts(item):
        first = period_start(period)
        issued = months_later(first, 1).replace(day=billing_day)
        if first < until and issued < setting.today:
            found.append(Charge(item, issued, f"{item.line.name}, {period}", value))
    return found


def _in_advance(setting: Setting, item: Sold) -> list[Charge]:
    """Three months' parts at a time, billed as the first of them begins."""
    parts = planned_parts(item)
    until = recognized_until(setting, item)
    found: list[Charge] = []
    for at in range(0, len(parts), 3):
        quarter = parts[at : at + 3]
        issued = max(period_start(quarter[0][0]), item.line.start)
        if issued < until:
            value = sum((value for _, value in quarter), Decimal(0))
            found.append(Charge(item, issued, f"{item.line.name}, {quarter[0][0]} to {quarter[-1][0]}", value))
    return found

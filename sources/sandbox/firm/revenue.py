"""Revenue as the ERP plans and posts it: straight over a fixed line's periods, and as posted for billed time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sources.sandbox.firm.amounts import amount, rounded, straight_line
from sources.sandbox.firm.days import closes_on, instant, months_later, past, period_of, period_start, periods_between
from sources.sandbox.firm.deals import SEED_DEAL, STARTED, TIME_BILLED, Course
from sources.sandbox.firm.model import Contract, ContractLine, Firm, RevenueRow, TimeState
from sources.sandbox.firm.projects import HELD_DAYS, Work
from sources.sandbox.firm.scale import Setting
from sources.sandbox.firm.timesheets import Logged


@dataclass(frozen=True, slots=True)
class Sold:
    """A contract line with the project that covers it and the contract it belongs to."""

    line: ContractLine
    work: Work
    contract: Contract

    @property
    def course(self) -> Course:
        """How the project of the line goes."""
        return self.work.deal.course if self.work.deal is not None else Course.CANCELLED

    @property
    def earns(self) -> bool:
        """Whether the ERP can bill and recognize: signed, started, and known to it with a revenue method."""
        return (
            self.contract.signed_on is not None
            and self.course in STARTED
            and self.work.project.in_erp
            and self.line.revenue_method is not None
        )


def sold_lines(firm: Firm, works: list[Work]) -> list[Sold]:
    """Every contract line that a project covers, once: the duplicate master adds nothing."""
    return [
        Sold(line, work, firm.contracts[line.contract - 1])
        for work in works
        if work.deal is not None
        for line in work.lines
    ]


def entry_value(entry: Logged, line: ContractLine) -> Decimal:
    """What an entry is billed at: its hours at the line's rate, rounded as one line."""
    return rounded(line.bill_rate.value * entry.minutes / 60, line.bill_rate.currency)


def billable_by_line(logged: list[Logged]) -> dict[int, list[int]]:
    """The positions of approved billable entries per contract line, in the order in which they use up a cap."""
    found: dict[int, list[int]] = {}
    for at, entry in enumerate(logged):
        if entry.task.line is not None and entry.task.billable and entry.state is TimeState.APPROVED:
            found.setdefault(entry.task.line, []).append(at)
    for positions in found.values():
        positions.sort(key=lambda at: (logged[at].approved_at, logged[at].day, at))
    return found


def revenue_rows(
    setting: Setting, sold: list[Sold], logged: list[Logged], billable: dict[int, list[int]]
) -> list[RevenueRow]:
    """Every revenue row, ordered by line and period."""
    rows: list[RevenueRow] = []
    for item in sold:
        if item.line.model in TIME_BILLED:
            if item.earns:
                _add_posted(setting, rows, item, logged, billable.get(item.line.n, []))
        elif item.line.revenue_method is not None and item.work.project.in_erp:
            _add_planned(setting, rows, item)
    return rows


def planned_parts(item: Sold) -> list[tuple[str, Decimal]]:
    """A fixed line's price per period: by days, and evenly by month for the seed case."""
    line = item.line
    periods = periods_between(line.start, line.end)
    by_month = item.work.deal is not None and item.work.deal.number == SEED_DEAL
    weights = [1 if by_month else _days_within(period, line) for period in periods]
    return list(zip(periods, straight_line(line.price.value, weights, line.price.currency), strict=True))


def _days_within(period: str, line: ContractLine) -> int:
    first = period_start(period)
    last = months_later(first, 1) - timedelta(days=1)
    return (min(last, line.end) - max(first, line.start)).days + 1


def recognized_until(setting: Setting, item: Sold) -> date:
    """The day from whose period on there is no fixed-fee revenue yet: the firm's day, or when work was held."""
    held = setting.today - timedelta(days=HELD_DAYS)
    return held if item.course is Course.ON_HOLD else setting.today


def _add_planned(setting: Setting, rows: list[RevenueRow], item: Sold) -> None:
    until = period_of(recognized_until(setting, item))
    for period, value in planned_parts(item):
        recognized = item.earns and period < until
        touched = closes_on(period) if recognized else item.contract.signed_on or setting.today
        rows.append(
            RevenueRow(
                n=len(rows) + 1,
                project=item.work.project.n,
                line=item.line.n,
                planned_period=period,
                posting_period=period if recognized else None,
                amount=amount(value, item.line.price.currency),
                planned=True,
                recognized=recognized,
                modified=past(instant(touched, 5, 30), setting.today),
            )
        )


def _add_posted(
    setting: Setting, rows: list[RevenueRow], item: Sold, logged: list[Logged], positions: list[int]
) -> None:
    line = item.line
    left = line.price.value
    values: dict[str, Decimal] = {}
    stamps: dict[str, date] = {}
    for at in positions:
        entry = logged[at]
        if entry.posted_period is None or entry.approved_at is None:
            continue
        value = min(left, entry_value(entry, line))
        left -= value
        values[entry.posted_period] = values.get(entry.posted_period, Decimal(0)) + value
        stamps[entry.posted_period] = entry.approved_at.date()
    for period, value in sorted(values.items()):
        if value > 0:
            rows.append(
                RevenueRow(
                    n=len(rows) + 1,
                    project=item.work.project.n,
                    line=line.n,
                    planned_period=period,
                    posting_period=period,
                    amount=amount(value, line.price.currency),
                    planned=False,
                    recognized=True,
                    modified=past(instant(stamps[period], 23, 15), setting.today),
                )
            )

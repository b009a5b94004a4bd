"""Generates the firm: the same for the same size, seed and day, consistent in itself, with its mess listed.

Everything is anchored at `today`: history lies before it, plans after it, and no stamp is later than its
midnight (UTC). Every part draws from random numbers of its own. What follows from time (entries, expenses,
milestones' billing, invoices, payments, revenue, and the list of the mess) is worked out at first use, so that
systems which know nothing of it start at once.

Facts that all systems of the firm share: a period closes as the sixth day of the next month begins
(`days.closes_on`); approved time posts to its own period, or to the earliest open one; billing goes monthly
for time, on acceptance for milestones, monthly in arrears for progress and services, quarterly in advance
for retainers. The large firm logs time on one day a week only, to keep its ledger in bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from sources.sandbox.firm.charges import charges
from sources.sandbox.firm.contracts import ContractBook, change_orders, contracts
from sources.sandbox.firm.customers import customers
from sources.sandbox.firm.days import holidays
from sources.sandbox.firm.deals import Deal, deals, undelivered
from sources.sandbox.firm.invoicing import billing
from sources.sandbox.firm.irregularities import irregularities
from sources.sandbox.firm.milestones import billed, milestones
from sources.sandbox.firm.model import Firm, Size
from sources.sandbox.firm.names import WORK
from sources.sandbox.firm.opportunities import pipeline
from sources.sandbox.firm.organization import LEGAL_ENTITIES, PLACES, PRACTICES
from sources.sandbox.firm.people import people, subcontractors
from sources.sandbox.firm.projects import Work, tasks, works
from sources.sandbox.firm.revenue import billable_by_line, revenue_rows, sold_lines
from sources.sandbox.firm.scale import Setting
from sources.sandbox.firm.seedcase import seed_deal
from sources.sandbox.firm.staffing import bookings
from sources.sandbox.firm.timesheets import expenses, logged_time, time_entries

LEDGER = frozenset({"time_entries", "expenses", "milestones", "invoices", "payments", "revenue_rows", "mess"})
"""The lists of a firm that are worked out at first use, all of them together."""


class GeneratedFirm(Firm):
    """A firm whose ledger lists fill themselves when the first of them is read."""

    _fill: Callable[[GeneratedFirm], None] | None = None

    def defer(self, fill: Callable[[GeneratedFirm], None]) -> None:
        """Take the ledger lists away until one of them is read; then `fill` sets them all."""
        for name in LEDGER:
            delattr(self, name)
        self._fill = fill

    def __getattr__(self, name: str) -> Any:
        if name not in LEDGER or self._fill is None:
            raise AttributeError(name)
        fill, self._fill = self._fill, None
        fill(self)
        return getattr(self, name)


def generate(size: Size, *, seed: int = 7, today: date) -> Firm:
    """The firm of a size and seed as of a day."""
    setting = Setting(seed, Size(size), today)
    firm = GeneratedFirm(seed, setting.size, today)
    firm.legal_entities = list(LEGAL_ENTITIES)
    firm.practices = list(PRACTICES)
    years = range(setting.history_start.year, today.year + 2)
    firm.holidays = {country: holidays(country, years) for country in sorted({p.country for p in PLACES})}
    firm.people = people(setting)
    firm.subcontractors = subcontractors(setting, firm.people)
    firm.customers = customers(setting)
    sold = deals(setting, firm.customers, WORK)
    sold[0] = seed_deal(setting, sold[0])
    pending = undelivered(setting, firm.customers, WORK, first=len(sold) + 1)
    book = contracts(setting, sold, pending)
    unmapped = _sell(setting, firm, book, [*sold, *pending])
    firm.contracts, firm.contract_lines = book.contracts, book.lines
    firm.change_orders = change_orders(setting, book, sold)
    all_works = works(setting, sold, book, firm.people)
    firm.projects = [work.project for work in all_works]
    firm.tasks = tasks(setting, all_works)
    firm.bookings = bookings(setting, all_works, firm.people, firm.subcontractors)
    firm.defer(lambda unfilled: _fill_ledger(setting, unfilled, all_works, unmapped))
    return firm


def _sell(setting: Setting, firm: Firm, book: ContractBook, all_deals: list[Deal]) -> int:
    """Set the opportunities; the number of the one that sells the unmapped role."""
    made = pipeline(setting, firm.customers, book, all_deals)
    firm.opportunities = made.rows
    if made.unmapped is None:
        raise RuntimeError("no opportunity sells the unmapped role")
    return made.unmapped


def _fill_ledger(setting: Setting, firm: Firm, all_works: list[Work], unmapped: int) -> None:
    logged = logged_time(setting, firm, all_works)
    sold = sold_lines(firm, all_works)
    billable = billable_by_line(logged)
    planned = milestones(setting, firm, sold)
    papers = billing(setting, firm, charges(setting, sold, logged, billable, planned))
    firm.time_entries = time_entries(setting, logged, papers.invoice_of_entry)
    firm.expenses = expenses(setting, firm, logged)
    firm.milestones = billed(planned, papers.invoice_of_milestone)
    firm.invoices, firm.payments = papers.invoices, papers.payments
    firm.revenue_rows = revenue_rows(setting, sold, logged, billable)
    firm.mess = irregularities(firm, all_works, unmapped)

"""Invoices from charges, with tax, voided twins, credit memos, disputes and what customers have paid so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from sources.sandbox.firm.amounts import amount, rounded
from sources.sandbox.firm.charges import Charge
from sources.sandbox.firm.days import instant, past, period_of
from sources.sandbox.firm.deals import SEED_DEAL, Course
from sources.sandbox.firm.model import Amount, Customer, Firm, Invoice, InvoiceLine, Payment
from sources.sandbox.firm.scale import Setting

_TAX = {("UK01", "GB"): Decimal("0.20"), ("JP01", "JP"): Decimal("0.10")}
"""Tax where seller and buyer are in one country; exports are zero rated or reverse charged, US services untaxed."""


PAYMENT_DAYS = 30
CREDIT_DAYS = 12


@dataclass(slots=True)
class _Paper:
    """An invoice or credit memo in the making; `against` is what a credit memo credits."""

    charges: list[Charge]
    issued: date
    credit: bool = False
    voided: bool = False
    disputed: bool = False
    against: _Paper | None = None
    n: int = 0
    applied: list[tuple[date, Decimal]] = field(default_factory=list)
    """Payments: day and amount."""
    credited: Decimal = Decimal(0)

    @property
    def net(self) -> Decimal:
        """The sum of the lines."""
        return sum((charge.value for charge in self.charges), Decimal(0))

    @property
    def customer(self) -> int:
        """The number of the customer."""
        return self.charges[0].sold.contract.customer

    @property
    def currency(self) -> str:
        """The contract's currency."""
        return self.charges[0].sold.line.price.currency


@dataclass(slots=True)
class Billing:
    """The papers, what was paid, and which invoice bills which time entry (by position) and milestone (by number)."""

    invoices: list[Invoice]
    payments: list[Payment]
    invoice_of_entry: dict[int, int]
    invoice_of_milestone: dict[int, int]


def billing(setting: Setting, firm: Firm, charges: list[Charge]) -> Billing:
    """Every invoice and credit memo in the order of issue, and every payment."""
    grouped: dict[tuple[date, int], list[Charge]] = {}
    for charge in charges:
        grouped.setdefault((charge.issued, charge.sold.contract.n), []).append(charge)
    papers = [_Paper(grouped[key], key[0]) for key in sorted(grouped)]
    others = [paper for paper in papers if paper.charges[0].sold.contract.n != SEED_DEAL]
    extra = [_void_twin(paper) for paper in others[2::60]]
    extra += [_credit_memo(firm, paper) for paper in [p for p in others if _may_be_credited(setting, p)][::25]]
    papers = sorted([*papers, *extra], key=lambda p: (p.issued, p.credit, not p.voided))
    for at, paper in enumerate(papers):
        paper.n = at + 1
    _settle(setting, firm, [p for p in papers if not p.credit and not p.voided])
    return Billing(
        invoices=[_invoice(setting, firm, paper) for paper in papers],
        payments=_payments(setting, papers),
        invoice_of_entry={at: p.n for p in papers if _bills(p) for charge in p.charges for at in charge.entries},
        invoice_of_milestone={c.milestone: p.n for p in papers if _bills(p) for c in p.charges if c.milestone},
    )


def _bills(paper: _Paper) -> bool:
    return not paper.credit and not paper.voided


def _void_twin(paper: _Paper) -> _Paper:
    """The first try of an invoice, voided on the day and issued again."""
    return _Paper(paper.charges, paper.issued, voided=True)


def _may_be_credited(setting: Setting, paper: _Paper) -> bool:
    """Whether the day of a credit memo has come; what is closed was billed in full and stays so."""
    first = paper.charges[0]
    passed = paper.issued + timedelta(days=CREDIT_DAYS) < setting.today
    return passed and first.sold.course is not Course.CLOSED and first.value > 12


def _credit_memo(firm: Firm, paper: _Paper) -> _Paper:
    """A concession of a twelfth on the invoice's first line."""
    first = paper.charges[0]
    issued = paper.issued + timedelta(days=CREDIT_DAYS)
    value = rounded(first.value / 12, paper.currency)
    charge = Charge(first.sold, issued, f"Concession on {first.description}", value)
    memo = _Paper([charge], issued, credit=True, against=paper)
    paper.credited = memo.net + _tax(firm, memo)
    return memo


def _customer(firm: Firm, paper: _Paper) -> Customer:
    return firm.customers[paper.customer - 1]


def _tax(firm: Firm, paper: _Paper) -> Decimal:
    rate = _TAX.get((paper.charges[0].sold.contract.company, _customer(firm, paper).country), Decimal(0))
    return rounded(paper.net * rate, paper.currency)


def _settle(setting: Setting, firm: Firm, invoices: list[_Paper]) -> None:
    """Of nine invoices that are past due one is unpaid and one half paid; every second unpaid one is disputed."""
    overdue = 0
    for paper in invoices:
        first = paper.charges[0]
        random = setting.rng(f"payment:{first.sold.line.n}:{paper.issued}")
        total = paper.net + _tax(firm, paper) - paper.credited
        day = paper.issued + timedelta(days=random.randrange(16, PAYMENT_DAYS))
        if first.sold.contract.n == SEED_DEAL:
            paper.applied = [(paper.issued + timedelta(days=5), total)] if first.milestone is not None else []
        elif first.sold.course is Course.CLOSED:
            paper.applied = [(min(day, setting.today - timedelta(days=2)), total)]
        elif paper.issued + timedelta(days=PAYMENT_DAYS) >= setting.today:
            paper.applied = [(day, total)] if day < setting.today else []
        else:
            overdue += 1
            paper.disputed = overdue % 18 == 1
            paper.applied = _late_payments(paper, total, day, overdue % 9)


def _late_payments(paper: _Paper, total: Decimal, day: date, turn: int) -> list[tuple[date, Decimal]]:
    """What has come in for an invoice whose due day has passed: nothing, a half, two halves, or all at once."""
    half = rounded(total / 2, paper.currency)
    if turn == 1:
        return []
    if turn == 2:
        return [(day, half)]
    if turn == 5:
        return [(day, half), (paper.issued + timedelta(days=PAYMENT_DAYS), total - half)]
    return [(day, total)]


def _invoice(setting: Setting, firm: Firm, paper: _Paper) -> Invoice:
    currency = paper.currency
    tax = _tax(firm, paper)
    total = paper.net + tax
    paid = sum((value for _, value in paper.applied), Decimal(0)) + paper.credited
    contract = paper.charges[0].sold.contract
    last = max((day for day, _ in paper.applied), default=paper.issued)
    prefix = "CM" if paper.credit else "INV"
    return Invoice(
        n=paper.n,
        number=f"{prefix}{10000 + paper.n}",
        credit=paper.credit,
        customer=paper.customer,
        company=contract.company,
        issued=paper.issued,
        due=paper.issued + timedelta(days=PAYMENT_DAYS),
        period=period_of(paper.issued),
        lines=tuple(_line(i + 1, charge) for i, charge in enumerate(paper.charges)),
        tax=amount(tax, currency),
        total=amount(total, currency),
        paid=Amount(rounded(total if paper.credit else 0 if paper.voided else paid, currency), currency),
        disputed=paper.disputed,
        voided=paper.voided,
        modified=past(instant(last, 11, paper.n % 60), setting.today),
        credits=paper.against.n if paper.against is not None else None,
    )


def _line(n: int, charge: Charge) -> InvoiceLine:
    return InvoiceLine(
        n=n,
        project=charge.sold.work.project.n,
        line=charge.sold.line.n,
        description=charge.description,
        amount=amount(charge.value, charge.sold.line.price.currency),
        milestone=charge.milestone,
    )


def _payments(setting: Setting, papers: list[_Paper]) -> list[Payment]:
    found = sorted((day, paper.n, value) for paper in papers for day, value in paper.applied)
    currencies = {paper.n: paper.currency for paper in papers}
    return [
        Payment(
            n=at + 1,
            invoice=n,
            day=day,
            amount=amount(value, currencies[n]),
            modified=past(instant(day, 11, n % 60), setting.today),
        )
        for at, (day, n, value) in enumerate(found)
    ]

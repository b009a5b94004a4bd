"""The pipeline: won deals behind the contracts, open ones at every stage, and lost ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from sources.sandbox.firm.amounts import PRICE_LEVEL, amount, quoted
from sources.sandbox.firm.contracts import ContractBook
from sources.sandbox.firm.days import instant, past, working_days
from sources.sandbox.firm.deals import Deal
from sources.sandbox.firm.model import Amount, Contract, Customer, Opportunity, SoldPackage, SoldRole
from sources.sandbox.firm.names import PACKAGES, WORK
from sources.sandbox.firm.organization import ROLE_MIX, ROLES, SUB_PRACTICES, top_practice
from sources.sandbox.firm.scale import Setting

OPEN_STAGES = (
    ("Prospecting", Decimal("0.05")),
    ("Prospecting", Decimal("0.10")),
    ("Qualification", Decimal("0.15")),
    ("Needs Analysis", Decimal("0.20")),
    ("Value Proposition", Decimal("0.50")),
    ("Id. Decision Makers", Decimal("0.60")),
    ("Perception Analysis", Decimal("0.70")),
    ("Proposal/Price Quote", Decimal("0.75")),
    ("Negotiation/Review", Decimal("0.90")),
)
"""The CRM's open stages with their probability; the first one is below the floor for placeholder demand."""
UNMAPPED_ROLE = "Transformation Guru"


class Pipeline:
    """The opportunities in the making: numbers of deals, sold roles and packages run through all of them."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.rows: list[Opportunity] = []
        self.unmapped: int | None = None
        self._roles = 0
        self._packages = 0

    def add_sold(self, contract: Contract, deal: Deal) -> int:
        """The opportunity behind a contract: won when that is signed, else late in the pipeline."""
        random = self.setting.rng(f"opportunity:{contract.n}")
        signed = contract.signed_on is not None
        lost = contract.cancelled and not signed
        close = contract.signed_on or self.setting.today + timedelta(days=random.randrange(5, 30))
        stage = "Closed Won" if signed else "Closed Lost" if lost else "Negotiation/Review"
        share = Decimal(1) if signed else Decimal(0) if lost else Decimal("0.90")
        row = self._row(deal.customer, deal.practice, close, contract.value, (stage, share), random)
        roles = self._sold_roles(_team_hours(deal), deal.currency, deal.start, deal.end)
        self.rows.append(replace(row, name=f"{deal.customer.name}: {deal.work}", start=deal.start, sold_roles=roles))
        return row.n

    def add_open(self, customer: Customer, i: int, *, lost: bool) -> None:
        """An open or a lost opportunity; a few have no start date, and one sells a role that nothing maps."""
        random = self.setting.rng(f"pipeline:{lost}:{i}")
        stage = ("Closed Lost", Decimal(0)) if lost else OPEN_STAGES[i % len(OPEN_STAGES)]
        overdue = not lost and i % 12 == 11
        away = -random.randrange(10, 100) if lost else -35 if overdue else random.randrange(6, 120)
        close = self.setting.today + timedelta(days=away)
        start = close + timedelta(days=random.randrange(10, 60))
        practice = random.choice(SUB_PRACTICES)
        wanted = {role: random.randrange(4, 40) * 10 for role in random.sample(ROLE_MIX, 2)}
        is_unmapped = self.unmapped is None and not lost and stage[0] == "Negotiation/Review"
        if is_unmapped:
            wanted = {UNMAPPED_ROLE: 160} | wanted
        roles = self._sold_roles(wanted, customer.currency, start, start + timedelta(days=random.randrange(60, 200)))
        value = sum((role.bill_rate.value * role.hours for role in roles), Decimal(0))
        row = self._row(customer, practice, close, quoted(value, customer.currency), stage, random)
        name = f"{customer.name}: {random.choice(WORK[top_practice(practice)])}"
        self.rows.append(
            replace(
                row,
                name=name,
                start=None if i % 9 == 1 else start,
                sold_roles=roles,
                sold_packages=self._sold_packages(practice, customer.currency) if i % 3 == 0 else (),
            )
        )
        if is_unmapped:
            self.unmapped = row.n

    def _row(
        self,
        customer: Customer,
        practice: str,
        close: date,
        value: Amount,
        stage: tuple[str, Decimal],
        random: Random,
    ) -> Opportunity:
        n = len(self.rows) + 1
        name, probability = stage
        touched = min(close, self.setting.today) - timedelta(days=random.randrange(9))
        linked = probability >= Decimal("0.5") and n % 4 != 0
        return Opportunity(
            n=n,
            canonical=self.setting.canonical("opp", n, touched) if linked else None,
            name="",
            customer=customer.n,
            stage=name,
            closed=name.startswith("Closed"),
            won=name == "Closed Won",
            probability=probability,
            amount=value,
            expected_close=close,
            start=None,
            region=customer.region,
            company=customer.company,
            practice=practice,
            sold_roles=(),
            sold_packages=(),
            modified=past(instant(touched, 13, 10 + n % 45), self.setting.today),
        )

    def _sold_roles(self, wanted: dict[str, int], currency: str, start: date, end: date) -> tuple[SoldRole, ...]:
        rows: list[SoldRole] = []
        for role, hours in wanted.items():
            self._roles += 1
            dollars = ROLES[role].bill if role in ROLES else Decimal(400)
            rate = amount(dollars * PRICE_LEVEL[currency], currency)
            rows.append(SoldRole(self._roles, role, Decimal(hours), rate, start, end))
        return tuple(rows)

    def _sold_packages(self, practice: str, currency: str) -> tuple[SoldPackage, ...]:
        self._packages += 1
        code, name = PACKAGES[top_practice(practice)]
        price = quoted(Decimal(15_000) * PRICE_LEVEL[currency], currency)
        return (SoldPackage(self._packages, code, name, Decimal(1), price),)


def _team_hours(deal: Deal) -> dict[str, int]:
    """The hours per role that the team of a deal is expected to work."""
    days = len(working_days(deal.start, deal.end))
    hours: dict[str, int] = {}
    for role, percent in deal.team:
        hours[role] = hours.get(role, 0) + max(8, days * 8 * percent // 100)
    return hours


def pipeline(setting: Setting, customers: list[Customer], book: ContractBook, deals: list[Deal]) -> Pipeline:
    """Every opportunity, and the contracts' references to theirs; a few contracts came without one."""
    made = Pipeline(setting)
    for i, deal in enumerate(deals):
        contract = book.contracts[i]
        if contract.n > 20 and contract.n % 23 == 0:
            continue
        book.contracts[i] = replace(contract, opportunity=made.add_sold(contract, deal))
    random = setting.rng("pipeline")
    for i in range(setting.scale.open_opportunities):
        made.add_open(random.choice(customers), i, lost=False)
    for i in range(setting.scale.open_opportunities // 3):
        made.add_open(random.choice(customers), i, lost=True)
    return made

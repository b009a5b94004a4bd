"""Contracts with their lines and change orders: one per deal, and some that have no project yet or never will."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sources.sandbox.firm.amounts import amount
from sources.sandbox.firm.days import instant, past
from sources.sandbox.firm.deals import SEED_DEAL, STARTED, TIME_BILLED, Course, Deal, LinePlan
from sources.sandbox.firm.model import ChangeOrder, Contract, ContractLine, Model
from sources.sandbox.firm.names import LINE_NAMES
from sources.sandbox.firm.scale import Setting

_REASONS = (
    "Additional legal entity in scope",
    "Extended hypercare",
    "Client-side delay of data delivery",
    "Further interfaces",
    "Reduced training scope",
)
_NOT_IN_ERP = frozenset({Course.GATE_PSA_ONLY, Course.MISSING_IN_ERP})
_SEED_LINES = ("Assessment", "Implementation")


@dataclass(slots=True)
class ContractBook:
    """The contracts and their lines, each ordered by number; the contract of a deal has the deal's number."""

    contracts: list[Contract]
    lines: list[ContractLine]


def contracts(setting: Setting, deals: list[Deal], undelivered: list[Deal]) -> ContractBook:
    """A contract per deal; those of `undelivered` have no project: drafts, in approval, just signed, cancelled."""
    book = ContractBook([], [])
    for deal in deals:
        _add(setting, book, deal, _status(deal.course), cancelled=deal.course is Course.CANCELLED)
    for i, deal in enumerate(undelivered):
        status = ("Draft", "In Approval", "Activated", "Draft")[i % 4]
        _add(setting, book, deal, status, cancelled=i % 4 == 3)
    return book


def change_orders(setting: Setting, book: ContractBook, deals: list[Deal]) -> list[ChangeOrder]:
    """Change orders of every third running or finished contract: approved, proposed and rejected in turn."""
    rows: list[ChangeOrder] = []
    running = [d for d in deals if d.course in STARTED and d.number != SEED_DEAL and d.signed_on]
    by_contract: dict[int, list[ContractLine]] = {}
    for line in book.lines:
        by_contract.setdefault(line.contract, []).append(line)
    for i, deal in enumerate(running):
        if i % 3 and setting.scale.projects > 20:
            continue
        random = setting.rng(f"change:{deal.number}")
        line = random.choice(by_contract[deal.number])
        status = ("Approved", "Proposed", "Rejected")[len(rows) % 3]
        hours = Decimal(random.randrange(2, 12) * 5)
        sign = -1 if status == "Rejected" and random.random() < 0.5 else 1
        effective = min(max(deal.start, setting.today - timedelta(days=40)), deal.end)
        rows.append(
            ChangeOrder(
                n=len(rows) + 1,
                canonical=setting.canonical("cho", len(rows) + 1, effective) if status == "Approved" else None,
                line=line.n,
                status=status,
                reason=random.choice(_REASONS),
                price_delta=amount(_capped_delta(line, hours) * sign, line.price.currency),
                hours_delta=hours * sign,
                effective=effective,
                modified=past(instant(effective, 15, 20), setting.today),
            )
        )
    return rows


def _capped_delta(line: ContractLine, hours: Decimal) -> Decimal:
    """The value of the hours, at most a tenth of the line's price (which includes it once approved)."""
    return min(line.bill_rate.value * hours, line.price.value / 10)


def _status(course: Course) -> str:
    return "In Approval" if course is Course.EARLY_START else "Activated"


def _add(setting: Setting, book: ContractBook, deal: Deal, status: str, *, cancelled: bool) -> None:
    n = len(book.contracts) + 1
    signed = deal.signed_on if status == "Activated" else None
    in_erp = signed is not None or deal.course is Course.EARLY_START
    in_erp = in_erp and deal.course not in _NOT_IN_ERP and deal.course is not Course.CANCELLED
    touched = past(instant(signed or setting.today - timedelta(days=4 + n % 20), 10, 5), setting.today)
    born = (signed or setting.today) - timedelta(days=10)
    for i, plan in enumerate(deal.lines):
        _add_line(setting, book, deal, plan, i, in_erp=in_erp)
    book.contracts.append(
        Contract(
            n=n,
            canonical=setting.canonical("ctr", n, born) if in_erp else None,
            number=f"{n:08d}",
            customer=deal.customer.n,
            opportunity=None,
            company=deal.customer.company,
            crm_status=status,
            cancelled=cancelled,
            signed_on=signed,
            start=min(line.start for line in deal.lines),
            end=max(line.end for line in deal.lines),
            value=deal.value,
            template=_template(deal),
            template_version=f"{setting.today.year - 1}.{1 + n % 3}",
            early_start_until=_early_start(setting, deal),
            in_erp=in_erp,
            modified=touched,
        )
    )


def _early_start(setting: Setting, deal: Deal) -> date | None:
    return setting.today + timedelta(days=21) if deal.course is Course.EARLY_START else None


def _add_line(setting: Setting, book: ContractBook, deal: Deal, plan: LinePlan, i: int, *, in_erp: bool) -> None:
    n = len(book.lines) + 1
    capped = plan.model is Model.TM_NOT_TO_EXCEED
    changed = instant((deal.signed_on or setting.today) - timedelta(days=2), 16, 40)
    book.lines.append(
        ContractLine(
            n=n,
            canonical=setting.canonical("cln", n, deal.signed_on or setting.today) if in_erp else None,
            contract=len(book.contracts) + 1,
            name=_SEED_LINES[i] if deal.number == SEED_DEAL else f"{deal.work}: {LINE_NAMES[plan.model]}",
            model=plan.model,
            price=plan.price,
            cap=plan.price if capped else None,
            start=plan.start,
            end=plan.end,
            billing_terms=plan.terms,
            revenue_method=plan.method if in_erp else None,
            bill_rate=plan.bill_rate,
            modified=past(changed, setting.today),
        )
    )


def _template(deal: Deal) -> str:
    """The contract template: by whether the deal holds time-billed lines, fixed ones or both."""
    time_billed = [plan.model in TIME_BILLED for plan in deal.lines]
    if all(time_billed):
        return "MSA-TM"
    return "MSA-MIXED" if any(time_billed) else "MSA-FIXED"

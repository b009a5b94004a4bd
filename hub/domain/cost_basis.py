"""The inference rule for cost (domain.md 9.1): the only place where a figure of cost may choose its basis.

With hours and a cost known, one person's rate can be solved for. So whoever may not read it sees people's cost
at the mean rate of their role, and what groups cost in fact only where nothing can be solved for fewer than
FEWEST workers:

| the caller reads (hub.domain.visibility) | basis |
|---|---|
| no MARGIN: integration support, service accounts | none: not permitted |
| PERSON_COST: finance ops | ACTUAL |
| ACTUAL_COST: executives | ACTUAL where the rule below lets it, else ROLE_AVERAGE |
| otherwise: PMO, delivery managers | ROLE_AVERAGE |

The rule: the total and its groups cut the work into pieces that lie in exactly the same figures. If the workers of
each such piece are at least FEWEST, every sum and difference of the figures is about whole pieces, so about
FEWEST workers or more. If any piece has fewer, all figures are at role average: of two groups of one total, the
one shown in fact would give the other away. For one group of one total this is the rule as domain.md has it: the
group and its complement have five workers, or are empty. It holds for the figures that are given together: who
makes figures that are asked for one by one passes all groupings that the caller can ask for.

Means are made by the same rule: pools of FEWEST or more, whose differences are too. Fewer who would be left
beside the pools of their wider role are not part of its mean, though they are shown at it.

Not covered: how hours weigh (one worker with nearly all hours of five; figures of the same five workers for
several spans of time), and means that change when somebody joins or leaves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

from hub.domain.money import Money, total
from hub.domain.visibility import FieldGroup, Rights

FEWEST = 5
"""The fewest workers whose cost may be told together."""
RATE_PLACES = Decimal("0.0001")
NOT_PERMITTED, SOURCE_UNAVAILABLE = "NOT_PERMITTED", "SOURCE_UNAVAILABLE"
"""Why there is no figure (domain.md section 0, ratio edge rule)."""


class CostBasis(StrEnum):
    """Whose rates a figure of cost is made with."""

    ACTUAL = "ACTUAL"
    ROLE_AVERAGE = "ROLE_AVERAGE"


@dataclass(frozen=True, slots=True)
class HourlyRate:
    """Money per hour, with four places."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class RatedWorker:
    """A worker, by canonical id, with what decides about their mean: role, cost region and standard cost rate."""

    worker: str
    role: str
    region: str
    rate: HourlyRate


@dataclass(frozen=True, slots=True)
class Piece:
    """One worker's part of some work: the same person in two groups is two pieces, and counts in each."""

    worker: str
    of: str


@dataclass(frozen=True, slots=True)
class CostFigure:
    """A cost as a caller may see it, made by `cost_of` only; without an amount `missing` is the reason."""

    amount: Money | None
    basis: CostBasis | None
    missing: str | None = None


# -- which basis ------------------------------------------------------------------------------------


def basis_for(rights: Rights, whole: Collection[Piece], *groups: Collection[Piece]) -> CostBasis | None:
    """The basis of a total and of all its groups together; None when the caller may see no such figure.

    `groups` may overlap: groupings by several dimensions, and what filters leave. Raises ValueError for a group
    that is not within the whole, because nothing is known then about what is left beside it.
    """
    if not rights.reads(FieldGroup.MARGIN):
        return None
    if rights.reads(FieldGroup.PERSON_COST):
        return CostBasis.ACTUAL
    if rights.reads(FieldGroup.ACTUAL_COST) and nothing_solvable(whole, *groups):
        return CostBasis.ACTUAL
    return CostBasis.ROLE_AVERAGE


def nothing_solvable(whole: Collection[Piece], *groups: Collection[Piece]) -> bool:
    """Whether no sum or difference of these figures is the cost of fewer than FEWEST workers."""
    everything, inside = frozenset(whole), [frozenset(group) for group in groups]
    if any(not group <= everything for group in inside):
        raise ValueError("a group is part of its whole")
    workers: dict[tuple[bool, ...], set[str]] = defaultdict(set)
    for piece in everything:
        workers[tuple(piece in group for group in inside)].add(piece.worker)
    return all(len(together) >= FEWEST for together in workers.values())


# -- mean rates -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Pool:
    """The workers of one role in one region, those of the roles below included; or of the whole firm.

    `waiting` have no mean yet, `pooled` are part of the mean of a role below or of this one.
    """

    waiting: list[RatedWorker] = field(default_factory=list)
    pooled: list[RatedWorker] = field(default_factory=list)


def role_average_rates(workers: Iterable[RatedWorker], parents: Mapping[str, str]) -> dict[str, HourlyRate | None]:
    """The mean rate at which each worker is shown, in the currency of their own; None where not even the firm has one.

    `parents` leads from a role to the wider one. A worker gets the mean of their role in their cost region, of the
    nearest wider role there, or of the firm: the first that has FEWEST workers. Rates of different currencies are
    never mixed: each currency has pools of its own.
    """
    by_currency: dict[str, list[RatedWorker]] = defaultdict(list)
    seen: set[str] = set()
    for worker in workers:
        if worker.worker in seen:
            raise ValueError("a worker has one rate at a time")
        seen.add(worker.worker)
        by_currency[worker.rate.currency].append(worker)
    rates: dict[str, HourlyRate | None] = dict.fromkeys(seen)
    for members in by_currency.values():
        rates |= _means(members, parents)
    return rates


def _means(workers: Iterable[RatedWorker], parents: Mapping[str, str]) -> dict[str, HourlyRate]:
    """The means of one currency, from the narrowest roles to the firm."""
    pools: dict[tuple[str, str], _Pool] = defaultdict(_Pool)
    for worker in workers:
        pools[worker.role, worker.region].waiting.append(worker)
    firm, rates = _Pool(), dict[str, HourlyRate]()
    depths = {role: len(_wider(role, parents)) for role in {*parents, *parents.values(), *(r for r, _ in pools)}}
    for role in sorted(depths, key=lambda r: (-depths[r], r)):
        for region in [place for of, place in list(pools) if of == role]:
            pool = pools[role, region]
            rates |= _settle(pool)
            above = pools[parents[role], region] if role in parents else firm
            above.waiting += pool.waiting
            above.pooled += pool.pooled
    return rates | _settle(firm)


def _settle(pool: _Pool) -> dict[str, HourlyRate]:
    """Give those who wait the pool's mean, if it is one of FEWEST workers and tells nothing of fewer."""
    waiting, enough = pool.waiting, len(pool.waiting) >= FEWEST
    if not waiting or not (enough or pool.pooled):
        return {}
    pool.waiting = []
    if enough:
        pool.pooled = pool.pooled + waiting
    mean = _mean([worker.rate for worker in pool.pooled])
    return {worker.worker: mean for worker in waiting}


def _mean(rates: Collection[HourlyRate]) -> HourlyRate:
    amount = sum((rate.amount for rate in rates), Decimal(0)) / len(rates)
    return HourlyRate(amount.quantize(RATE_PLACES, rounding=ROUND_HALF_UP), next(iter(rates)).currency)


def _wider(role: str, parents: Mapping[str, str]) -> list[str]:
    """The wider roles, nearest first; raises ValueError for roles in a circle."""
    found: list[str] = []
    while role in parents:
        role = parents[role]
        if role in found:
            raise ValueError(f"role {role} is wider than itself")
        found.append(role)
    return found


# -- figures ----------------------------------------------------------------------------------------


def cost_of(
    hours: Mapping[str, Decimal], rates: Mapping[str, HourlyRate | None], basis: CostBasis | None, currency: str
) -> CostFigure:
    """The cost of hours by worker: each worker's line rounded to the minor unit, then added (domain.md section 0).

    `rates` are the workers' own for ACTUAL, and `role_average_rates` for ROLE_AVERAGE. Without a permitted rate for
    everybody there is no figure. Raises MixedCurrency for a rate in another currency than the figure's.
    """
    if basis is None:
        return CostFigure(None, None, NOT_PERMITTED)
    if not hours.keys() <= rates.keys():
        return CostFigure(None, basis, SOURCE_UNAVAILABLE)
    lines = []
    for worker, worked in hours.items():
        rate = rates[worker]
        if rate is None:
            return CostFigure(None, basis, NOT_PERMITTED)
        lines.append(Money.of(worked * rate.amount, rate.currency))
    return CostFigure(total(lines, currency), basis)


def amount_of(figure: CostFigure) -> Money | None:
    """What the graph shows of a figure of cost."""
    return _checked(figure).amount


def basis_of(figure: CostFigure) -> CostBasis | None:
    """The label that goes with a figure of cost."""
    return _checked(figure).basis


def _checked(figure: object) -> CostFigure:
    if not isinstance(figure, CostFigure):
        raise TypeError("a cost is shown as a figure that says its basis")
    return figure


READERS: frozenset[Callable[[Any], Any]] = frozenset({amount_of, basis_of})
"""Through one of these every field of hub.domain.visibility.COST_FIELDS gets its value; a test compares."""

"""How much of everything a firm of each size has, and the setting that every part is generated in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random

from sources.sandbox.firm.canonical import canonical_id, rng
from sources.sandbox.firm.days import months_later
from sources.sandbox.firm.model import Size


@dataclass(frozen=True, slots=True)
class Scale:
    """Counts of one size; `logged_days` is how many days of a working week carry time (5, or fewer to thin it)."""

    people: int
    subcontractors: int
    customers: int
    projects: int
    open_opportunities: int
    history_months: int
    logged_days: int


SCALES = {
    Size.SMALL: Scale(
        people=28,
        subcontractors=2,
        customers=8,
        projects=17,
        open_opportunities=12,
        history_months=4,
        logged_days=5,
    ),
    Size.MEDIUM: Scale(
        people=300,
        subcontractors=16,
        customers=40,
        projects=240,
        open_opportunities=90,
        history_months=15,
        logged_days=5,
    ),
    Size.LARGE: Scale(
        people=3000,
        subcontractors=120,
        customers=500,
        projects=5000,
        open_opportunities=900,
        history_months=24,
        logged_days=1,
    ),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """Seed, size and day of one generation."""

    seed: int
    size: Size
    today: date

    @property
    def scale(self) -> Scale:
        """The counts of this size."""
        return SCALES[self.size]

    @property
    def history_start(self) -> date:
        """The first day of the firm's recorded history."""
        return months_later(self.today, -self.scale.history_months)

    def rng(self, part: str) -> Random:
        """The random numbers of one part."""
        return rng(self.seed, part)

    def canonical(self, prefix: str, n: int, born: date) -> str:
        """The canonical id of the n-th object with this prefix."""
        return canonical_id(prefix, self.seed, n, born)

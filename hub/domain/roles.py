"""Role mapping: sold role (CRM) → delivery role (PSA) → labor category (ERP) (domain.md 2.3).

A row holds for a scope (practice, legal entity, region: any of them may be open) and for the half-open
interval `[valid_from, valid_to)`. The most specific scope wins; two rows that could both win are a
configuration error. There is no silent default: an unmapped role maps to None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a row holds, or where a lookup happens; None is open in a row and unknown in a lookup."""

    practice: str | None = None
    legal_entity: str | None = None
    region: str | None = None

    def fields(self) -> tuple[str | None, str | None, str | None]:
        """The three parts in a fixed order."""
        return (self.practice, self.legal_entity, self.region)

    def covers(self, other: Scope) -> bool:
        """Whether every part that this scope fixes is the same in the other."""
        return all(mine is None or mine == theirs for mine, theirs in zip(self.fields(), other.fields(), strict=True))

    def specificity(self) -> int:
        """How many parts are fixed."""
        return sum(part is not None for part in self.fields())


@dataclass(frozen=True, slots=True)
class MapRow:
    """One row of a role map."""

    source: str
    target: str
    scope: Scope = field(default_factory=Scope)
    valid_from: date | None = None
    valid_to: date | None = None

    def holds(self, on: date) -> bool:
        """Whether the row is in force on that day."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on < self.valid_to)


def ambiguities(rows: Sequence[MapRow]) -> list[str]:
    """Pairs of rows of which neither could win: same source, equally specific, overlapping scope and dates."""
    return [
        f"{a.source!r} maps to both {a.target!r} and {b.target!r} in one scope and on one day"
        for a, b in combinations(rows, 2)
        if a.source == b.source
        and a.scope.specificity() == b.scope.specificity()
        and _scopes_meet(a.scope, b.scope)
        and _intervals_meet(a, b)
    ]


def _scopes_meet(a: Scope, b: Scope) -> bool:
    return all(x is None or y is None or x == y for x, y in zip(a.fields(), b.fields(), strict=True))


def _intervals_meet(a: MapRow, b: MapRow) -> bool:
    starts_before = a.valid_from is None or b.valid_to is None or a.valid_from < b.valid_to
    return starts_before and (b.valid_from is None or a.valid_to is None or b.valid_from < a.valid_to)


def look_up(rows: Iterable[MapRow], source: str, scope: Scope, on: date) -> str | None:
    """The target of the most specific row in force, None when the role is not mapped (ROLE_UNMAPPED)."""
    fitting = [r for r in rows if r.source == source and r.holds(on) and r.scope.covers(scope)]
    best = max(fitting, key=lambda r: r.scope.specificity(), default=None)
    return None if best is None else best.target


@dataclass(frozen=True, slots=True)
class RoleMap:
    """The firm's role maps and the delivery role that each job profile of the HCM stands for."""

    sold_to_delivery: tuple[MapRow, ...] = ()
    delivery_to_labor: tuple[MapRow, ...] = ()
    profiles: Mapping[str, str] = field(default_factory=dict)

    def delivery_role(self, sold_role: str, scope: Scope, *, demand_start: date) -> str | None:
        """The delivery role of a sold role on the day its demand starts."""
        return look_up(self.sold_to_delivery, sold_role, scope, demand_start)

    def labor_category(self, delivery_role: str, scope: Scope, *, work_date: date) -> str | None:
        """The ERP's labor category of a delivery role on the day of the work."""
        return look_up(self.delivery_to_labor, delivery_role, scope, work_date)

    def delivery_role_of_profile(self, job_profile: str) -> str | None:
        """The primary delivery role of people with that job profile."""
        return self.profiles.get(job_profile)

    def problems(self) -> list[str]:
        """What makes the maps unusable, for the start's list of problems."""
        return [*ambiguities(self.sold_to_delivery), *ambiguities(self.delivery_to_labor)]

"""The inference rule for cost: who gets which basis, and that nobody's rate can be solved for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.domain.cost_basis import (
    FEWEST,
    NOT_PERMITTED,
    SOURCE_UNAVAILABLE,
    CostBasis,
    CostFigure,
    HourlyRate,
    Piece,
    RatedWorker,
    amount_of,
    basis_for,
    basis_of,
    cost_of,
    nothing_solvable,
    role_average_rates,
)
from hub.domain.money import MixedCurrency, Money
from hub.domain.ownership import Role
from hub.domain.visibility import rights_of

ACTUAL, ROLE_AVERAGE = CostBasis.ACTUAL, CostBasis.ROLE_AVERAGE


def pieces(*workers: int, of: str = "") -> frozenset[Piece]:
    """One piece of work by each of these workers."""
    return frozenset(Piece(str(worker), of) for worker in workers)


def usd(amount: str) -> HourlyRate:
    """A rate in dollars."""
    return HourlyRate(Decimal(amount), "USD")


def staff(role: str, *rates: str, region: str = "US", currency: str = "USD") -> list[RatedWorker]:
    """Workers of one role and region, named by role, region and number."""
    made = (HourlyRate(Decimal(rate), currency) for rate in rates)
    return [RatedWorker(f"{role}-{region}-{number}", role, region, rate) for number, rate in enumerate(made)]


# -- which basis ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roles", "many", "few"),
    [
        ({Role.EXECUTIVE}, ACTUAL, ROLE_AVERAGE),
        ({Role.PMO}, ROLE_AVERAGE, ROLE_AVERAGE),
        ({Role.DELIVERY_MANAGER}, ROLE_AVERAGE, ROLE_AVERAGE),
        ({Role.FINANCE_OPS}, ACTUAL, ACTUAL),
        ({Role.INTEGRATION_SUPPORT}, None, None),
        ({Role.SERVICE}, None, None),
        ({Role.PMO, Role.EXECUTIVE}, ACTUAL, ROLE_AVERAGE),
        ({Role.DELIVERY_MANAGER, Role.FINANCE_OPS}, ACTUAL, ACTUAL),
    ],
)
def test_each_role_has_the_basis_of_its_column(roles: set[Role], many: CostBasis | None, few: CostBasis | None) -> None:
    """domain.md 9.1, margin and planned cost; several roles are a union."""
    rights = rights_of(frozenset(roles))
    assert basis_for(rights, pieces(*range(5))) is many
    assert basis_for(rights, pieces(*range(4))) is few


def test_a_service_account_sees_no_cost_whatever_it_is_granted() -> None:
    """Not even with the grant on single rates: their group is closed to it."""
    granted = rights_of(frozenset({Role.SERVICE}), frozenset({"read:person-cost", "read:margin", "read:actual-cost"}))
    assert basis_for(granted, pieces(*range(50))) is None


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (range(5), True),
        (range(4), False),
        (range(16), False),
        (range(15), True),
        (range(20), True),
        ((), True),
    ],
)
def test_a_group_and_its_complement_have_five_workers_or_are_empty(group: Iterable[int], *, expected: bool) -> None:
    """Twenty workers in the total."""
    assert nothing_solvable(pieces(*range(20)), pieces(*group)) is expected


def test_one_small_group_puts_its_whole_total_at_role_average() -> None:
    """Else the total less the other groups would be the small one's cost."""
    total, large, middle, small = pieces(*range(17)), pieces(*range(7)), pieces(*range(7, 14)), pieces(14, 15, 16)
    assert not nothing_solvable(total, large, middle, small)
    assert not nothing_solvable(total, large, middle)
    assert nothing_solvable(total, large)


def test_groupings_that_cross_are_judged_together() -> None:
    """Each alone would do; together they differ by one worker."""
    total, by_practice, by_entity = pieces(*range(20)), pieces(*range(10)), pieces(*range(11))
    assert nothing_solvable(total, by_practice)
    assert nothing_solvable(total, by_entity)
    assert not nothing_solvable(total, by_practice, by_entity)


def test_a_person_in_two_groups_counts_in_each() -> None:
    """Five people who work on both projects are five workers of either."""
    both = (pieces(*range(5), of="one"), pieces(*range(5), of="two"))
    assert nothing_solvable(both[0] | both[1], *both)
    several_pieces_of_four = frozenset(Piece(str(w), str(n)) for w in range(4) for n in range(9))
    assert not nothing_solvable(several_pieces_of_four)


def test_a_group_outside_its_total_is_a_mistake() -> None:
    """Nobody could tell what is left beside it."""
    with pytest.raises(ValueError, match="part of its whole"):
        nothing_solvable(pieces(*range(9)), pieces(*range(5, 12)))


# -- mean rates -------------------------------------------------------------------------------------


def test_five_of_a_role_and_region_have_a_mean_of_their_own() -> None:
    """The other region has another, with four places, rounded half up."""
    here = staff("Consultant", "40", "50", "60", "70", "80.00025")
    there = staff("Consultant", "1", "1", "1", "1", "1", "2", region="UK")
    rates = role_average_rates(here + there, {})
    assert {rates[w.worker] for w in here} == {usd("60.0001")}
    assert {rates[w.worker] for w in there} == {usd("1.1667")}


def test_fewer_than_five_have_the_mean_of_the_wider_role_then_of_the_firm() -> None:
    """The wider role of the same region; a role below belongs to the wider one."""
    narrow, wide = staff("Data Consultant", "10"), staff("Consultant", "40", "40", "40", "40")
    rates = role_average_rates(narrow + wide, {"Data Consultant": "Consultant"})
    assert set(rates.values()) == {usd("34")}
    strangers = staff("Analyst", "1", "1", region="UK") + staff("Lawyer", "4", "4", "5")
    assert set(role_average_rates(strangers, {}).values()) == {usd("3")}


def test_a_firm_of_four_has_no_mean() -> None:
    """So there is nothing to show; and each currency is a firm of its own."""
    four, euros = staff("Consultant", "1", "2", "3", "4"), staff("Consultant", "9", region="DE", currency="EUR")
    assert set(role_average_rates(four + euros, {}).values()) == {None}


def test_a_few_beside_large_pools_are_shown_at_a_mean_that_leaves_them_out() -> None:
    """Else the firm's mean less the pools' would be theirs."""
    pool, lone = staff("Consultant", *["40"] * 5), staff("Director", "200")
    rates = role_average_rates(pool + lone, {})
    assert rates[lone[0].worker] == usd("40")


def test_roles_in_a_circle_and_two_rates_of_a_worker_are_mistakes() -> None:
    """Refused with the reason."""
    workers = staff("A", "1")
    with pytest.raises(ValueError, match="wider than itself"):
        role_average_rates(workers, {"A": "B", "B": "A"})
    with pytest.raises(ValueError, match="one rate"):
        role_average_rates(workers * 2, {})


# -- figures ----------------------------------------------------------------------------------------


def test_three_workers_cost_what_their_role_does() -> None:
    """The example of domain.md 9.1: 18,600, not 21,000."""
    workers = staff("Consultant", "40", "60", "110", "50", "50")
    hours = {worker.worker: Decimal(100) for worker in workers[:3]}
    actual = {worker.worker: worker.rate for worker in workers}
    means = role_average_rates(workers, {})
    assert cost_of(hours, means, ROLE_AVERAGE, "USD") == CostFigure(Money(18_600_00, "USD"), ROLE_AVERAGE)
    assert cost_of(hours, actual, ACTUAL, "USD") == CostFigure(Money(21_000_00, "USD"), ACTUAL)


def test_lines_are_rounded_before_they_are_added() -> None:
    """Three lines of half a cent are three cents; the yen has no cents."""
    rates: Mapping[str, HourlyRate | None] = dict.fromkeys("abc", usd("0.0050"))
    assert cost_of(dict.fromkeys("abc", Decimal(1)), rates, ACTUAL, "USD").amount == Money(3, "USD")
    yen: Mapping[str, HourlyRate | None] = dict.fromkeys("abc", HourlyRate(Decimal("10.5"), "JPY"))
    assert cost_of(dict.fromkeys("abc", Decimal(1)), yen, ACTUAL, "JPY").amount == Money(33, "JPY")


def test_without_a_rate_for_everybody_there_is_no_figure_but_a_reason() -> None:
    """A part of the cost would be taken for the whole."""
    hours = {"a": Decimal(1), "b": Decimal(1)}
    assert cost_of(hours, {"a": usd("1"), "b": None}, ROLE_AVERAGE, "USD").missing == NOT_PERMITTED
    assert cost_of(hours, {"a": usd("1")}, ACTUAL, "USD").missing == SOURCE_UNAVAILABLE
    assert cost_of(hours, {}, None, "USD") == CostFigure(None, None, NOT_PERMITTED)
    assert cost_of({}, {}, ACTUAL, "USD").amount == Money(0, "USD")


def test_currencies_of_rates_are_never_mixed() -> None:
    """Whoever wants one figure of both converts the rates first."""
    with pytest.raises(MixedCurrency):
        cost_of({"a": Decimal(1)}, {"a": usd("1")}, ACTUAL, "EUR")


def test_only_a_figure_with_its_basis_can_be_shown() -> None:
    """A plain amount is refused."""
    figure = CostFigure(Money(1, "USD"), ACTUAL)
    assert (amount_of(figure), basis_of(figure)) == (Money(1, "USD"), ACTUAL)
    with pytest.raises(TypeError):
        amount_of(Money(1, "USD"))  # type: ignore[arg-type]


# -- the hunt: exact linear algebra -----------------------------------------------------------------


def rank(rows: Sequence[Sequence[int]]) -> int:
    """The rank of a matrix."""
    left, found = [[Fraction(n) for n in row] for row in rows], 0
    for column in range(len(left[0]) if left else 0):
        pivot = next((row for row in left[found:] if row[column]), None)
        if pivot is None:
            continue
        left.remove(pivot)
        left.insert(found, pivot)
        for row in left[found + 1 :]:
            factor = row[column] / pivot[column]
            row[:] = [a - factor * b for a, b in zip(row, pivot, strict=True)]
        found += 1
    return found


def solvable(figures: Sequence[frozenset[Piece]]) -> set[str] | None:
    """Fewer than FEWEST workers of whom a sum of multiples of these figures tells something; None if there are none.

    Such a sum exists exactly if the matrix loses rank when the columns of those workers are left out.
    """
    columns: dict[str, dict[tuple[int, ...], None]] = defaultdict(dict)
    for piece in frozenset[Piece]().union(*figures):
        columns[piece.worker][tuple(int(piece in figure) for figure in figures)] = None
    # Workers whose columns are the same are told about together only, so one is asked about with all of them.
    alike: dict[frozenset[tuple[int, ...]], set[str]] = defaultdict(set)
    for worker, own in columns.items():
        alike[frozenset(own)].add(worker)
    full = rank([list(row) for kind in alike for row in kind])
    for number in range(1, FEWEST):
        for some in combinations(alike, number):
            workers = set[str]().union(*(alike[kind] for kind in some))
            if len(workers) < FEWEST:
                others = [list(row) for kind in alike if kind not in some for row in kind]
                if rank(others) < full:
                    return workers
    return None


def test_the_hunt_finds_what_is_known_to_leak() -> None:
    """Two groupings that differ by one worker; a total and all of its groups but one; and nothing where nothing is."""
    assert solvable([pieces(*range(20)), pieces(*range(10)), pieces(*range(11))]) == {"10"}
    assert solvable([pieces(*range(12)), pieces(*range(5)), pieces(*range(5, 9))]) is not None
    assert solvable([pieces(*range(12)), pieces(*range(6))]) is None


DIMENSIONS = st.lists(
    st.tuples(st.integers(0, 13), st.integers(0, 1), st.integers(0, 1), st.booleans()), min_size=5, max_size=40
)


@settings(max_examples=60, deadline=None)
@example([(w, w // 7, w // 7, True) for w in range(14)])
@example([(w, w // 7, int(w > 7), True) for w in range(14)])
@given(DIMENSIONS)
def test_nothing_that_an_executive_sees_in_fact_tells_of_fewer_than_five(
    work: list[tuple[int, int, int, bool]],
) -> None:
    """A total, its groups by two dimensions, and the same of what a filter leaves."""
    rights = rights_of(frozenset({Role.EXECUTIVE}))
    figures = figures_of(work)
    if basis_for(rights, *figures) is ACTUAL:
        assert solvable(figures) is None


def figures_of(work: Iterable[tuple[int, int, int, bool]]) -> list[frozenset[Piece]]:
    """The total first; then the filter's total, and the groups by either dimension of both."""
    found: dict[object, set[Piece]] = defaultdict(set)
    for worker, practice, entity, billable in work:
        piece = Piece(str(worker), f"{practice}{entity}{billable}")
        groups = ["total", ("practice", practice), ("entity", entity)]
        for group in groups + ([("billable", group) for group in groups] if billable else []):
            found[group].add(piece)
    return [frozenset(found.pop("total")), *map(frozenset, found.values())]


@pytest.mark.parametrize(("shared", "expected"), [(7, ACTUAL), (8, ROLE_AVERAGE)])
def test_the_rule_lets_through_what_tells_nothing(shared: int, expected: CostBasis) -> None:
    """Two groupings with the same boundary are harmless; one worker between them is not."""
    figures = figures_of([(w, int(w >= 7), int(w >= shared), True) for w in range(14)])
    assert basis_for(rights_of(frozenset({Role.EXECUTIVE})), *figures) is expected


ROLES = ("Partner", "Consultant", "Junior", "Analyst", "Lawyer")
PARENTS = {"Consultant": "Partner", "Junior": "Consultant", "Analyst": "Partner"}
HEADCOUNTS = st.dictionaries(
    st.tuples(st.sampled_from(ROLES), st.sampled_from(["US", "UK"])), st.integers(1, 6), max_size=6
)


@settings(max_examples=60, deadline=None)
@example({("Consultant", "US"): 5, ("Junior", "US"): 1})
@example({("Lawyer", "US"): 5, ("Analyst", "UK"): 4, ("Junior", "US"): 5})
@given(HEADCOUNTS)
def test_mean_rates_tell_nothing_of_fewer_than_five(headcounts: dict[tuple[str, str], int]) -> None:
    """Whatever means are shown, and however they are added and subtracted."""
    names = {
        f"{role} {region} {number}": (role, region)
        for (role, region), count in headcounts.items()
        for number in range(count)
    }
    figures = pools_behind(names)
    assert all(len(figure) >= FEWEST for figure in figures)
    assert solvable(figures) is None


def pools_behind(names: Mapping[str, tuple[str, str]]) -> list[frozenset[Piece]]:
    """Whose rates are in the means that are shown: those with whose rate a mean moves."""
    behind: dict[str, set[Piece]] = {name: set() for name in names}
    for one in names:
        workers = [RatedWorker(name, *at, usd("1000" if name == one else "0")) for name, at in names.items()]
        for name, mean in role_average_rates(workers, PARENTS).items():
            assert (mean is None) is (len(names) < FEWEST)
            if mean is not None and mean.amount:
                behind[name].add(Piece(one, ""))
    return list({frozenset(pool) for pool in behind.values() if pool})

"""The table has a row for every mutation, and a cell for everything that the contract and the rules name."""

from __future__ import annotations

from hub.usecases.mutations import MUTATIONS
from tests.integration.commands.table import CASES, TO_COME


def test_every_mutation_has_one_row() -> None:
    """A new mutation fails here until its row is written."""
    rows = [str(case) for case in CASES]
    assert len(rows) == len(set(rows))
    names = {case.name for case in CASES}
    assert names | TO_COME == MUTATIONS.keys()
    assert not TO_COME & names

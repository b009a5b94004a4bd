"""The table: one row for each mutation."""

from __future__ import annotations

from tests.integration.commands import projects
from tests.integration.commands.case import Case

CASES: tuple[Case, ...] = (*projects.CASES,)
BY_NAME = {case.name: case for case in CASES}
OWNED = tuple(case for case in CASES if case.system is not None)
"""The rows of mutations that a system carries out."""
TO_COME = frozenset(
    {
        "changeProjectStage",
        "assignResource",
        "updateAssignment",
        "submitTimeEntry",
        "approveTimeEntry",
        "rejectTimeEntry",
        "completeMilestone",
        "approveMilestone",
        "updateSkills",
        "setRevenueMethod",
        "proposeChangeOrder",
        "linkRecord",
    }
)
"""Mutations whose row is not written yet."""

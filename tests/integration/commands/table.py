"""The table: one row for each mutation, and further rows for what is special about some."""

from __future__ import annotations

from tests.integration.commands import bookings, contracts, links, milestones, projects, skills, time_entries
from tests.integration.commands.case import Case

CASES: tuple[Case, ...] = (
    *projects.CASES,
    *bookings.CASES,
    *time_entries.CASES,
    *milestones.CASES,
    *skills.CASES,
    *contracts.CASES,
    *links.CASES,
)
OWNED = tuple(case for case in CASES if case.system is not None)
"""The rows of mutations that a system carries out."""

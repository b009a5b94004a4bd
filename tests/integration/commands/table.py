"""The table: one row for each mutation, and further rows for what is special about some."""

from __future__ import annotations

from tests.integration.commands import bookings, milestones, projects, time_entries
from tests.integration.commands.case import Case

CASES: tuple[Case, ...] = (*projects.CASES, *bookings.CASES, *time_entries.CASES, *milestones.CASES)
OWNED = tuple(case for case in CASES if case.system is not None)
"""The rows of mutations that a system carries out."""
TO_COME = frozenset({"updateSkills", "setRevenueMethod", "proposeChangeOrder", "linkRecord"})
"""Mutations whose row is not written yet."""

"""The stage of a project that the hub did not open: domain.md section 3, first match."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from hub.domain.lifecycle import (
    Booking,
    PlannedWork,
    ProjectStage,
    StageFacts,
    derive_stage,
    hours_within,
    working_days,
)

TODAY = date(2026, 3, 15)
WORK = PlannedWork(Decimal(160), date(2026, 4, 1), date(2026, 5, 1))
LIVE = StageFacts(
    opportunity_lost=False,
    delivery_status="ACTIVE",
    archived=False,
    financial_status="OPEN",
    all_tasks_done=False,
    has_manager=True,
    start=date(2026, 4, 1),
    end=date(2026, 5, 1),
    required=(WORK,),
    bookings=(),
    posted=False,
)
HARD = Booking(WORK, hard=True, assignable=True)


@pytest.mark.parametrize(
    ("facts", "stage"),
    [
        (replace(LIVE, opportunity_lost=True, delivery_status=None), "LOST"),
        (replace(LIVE, opportunity_lost=True), "SHELL"),
        (replace(LIVE, archived=True, posted=True), "CLOSED"),
        (replace(LIVE, archived=True), "CANCELLED"),
        (replace(LIVE, financial_status="CLOSED", posted=True), "CLOSED"),
        (replace(LIVE, delivery_status="CANCELLED"), "CANCELLED"),
        (replace(LIVE, delivery_status="ON_HOLD"), "ON_HOLD"),
        (replace(LIVE, delivery_status="COMPLETE"), "DELIVERED"),
        (replace(LIVE, all_tasks_done=True), "DELIVERED"),
        (replace(LIVE, financial_status=None), "GATE_PENDING"),
        (replace(LIVE, delivery_status=None), "GATE_PENDING"),
        (LIVE, "SHELL"),
        (replace(LIVE, bookings=(HARD,)), "STAFFED"),
        (replace(LIVE, start=TODAY, bookings=(HARD,)), "IN_DELIVERY"),
        (replace(LIVE, start=TODAY, posted=True), "IN_DELIVERY"),
        (replace(LIVE, start=TODAY, bookings=(replace(HARD, hard=False),)), "SHELL"),
    ],
)
def test_the_first_rule_that_matches_gives_the_stage(facts: StageFacts, stage: str) -> None:
    """One case per rule, in their order."""
    assert derive_stage(facts, today=TODAY) is ProjectStage(stage)


@pytest.mark.parametrize(
    "facts",
    [
        replace(LIVE, has_manager=False, bookings=(HARD,)),
        replace(LIVE, bookings=(replace(HARD, assignable=False),)),
        replace(LIVE, bookings=(replace(HARD, work=replace(WORK, hours=Decimal(159))),)),
        replace(LIVE, bookings=(replace(HARD, work=replace(WORK, start=date(2026, 5, 4), end=date(2026, 6, 1))),)),
    ],
)
def test_staffing_needs_a_manager_and_enough_hard_hours_of_assignable_people_at_the_start(facts: StageFacts) -> None:
    """Stage 3: one hour short, too late, an inactive person or no manager is not staffed."""
    assert derive_stage(facts, today=TODAY) is ProjectStage.SHELL


def test_hours_are_spread_over_working_days() -> None:
    """22 working days in April 2026; a week of it has five."""
    assert working_days(date(2026, 4, 1), date(2026, 5, 1)) == 22
    assert working_days(date(2026, 4, 4), date(2026, 4, 6)) == 0
    week = hours_within(
        PlannedWork(Decimal(220), date(2026, 4, 1), date(2026, 5, 1)), date(2026, 4, 6), date(2026, 4, 13)
    )
    assert week == 50

"""The staged quote-to-project lifecycle (domain.md section 3): stages, allowed transitions, derived stage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum


class ProjectStage(StrEnum):
    """Where a project stands between a placeholder and its closing."""

    PLACEHOLDER = "PLACEHOLDER"
    GATE_PENDING = "GATE_PENDING"
    GATE_FAILED = "GATE_FAILED"
    SHELL = "SHELL"
    STAFFED = "STAFFED"
    IN_DELIVERY = "IN_DELIVERY"
    ON_HOLD = "ON_HOLD"
    DELIVERED = "DELIVERED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"
    LOST = "LOST"


STAFFING_WINDOW = timedelta(days=28)
"""Staffing counts as confirmed when the hard bookings cover the required hours of this first stretch."""


@dataclass(frozen=True, slots=True)
class PlannedWork:
    """Hours over the half-open interval `[start, end)` of calendar days, spread evenly over its working days."""

    hours: Decimal
    start: date | None
    end: date | None


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking that names a person: its hours, and whether that person may be assigned (active, with a cost rate)."""

    work: PlannedWork
    hard: bool
    assignable: bool


@dataclass(frozen=True, slots=True)
class StageFacts:
    """What the CRM, PSA and ERP say of one project.

    `delivery_status` is None without a PSA record, `financial_status` is None without an ERP one.
    `posted` tells whether time, an invoice or revenue was ever posted; `all_tasks_done` is False when
    there are no tasks.
    """

    opportunity_lost: bool
    delivery_status: str | None
    archived: bool
    financial_status: str | None
    all_tasks_done: bool
    has_manager: bool
    start: date | None
    end: date | None
    required: tuple[PlannedWork, ...]
    bookings: tuple[Booking, ...]
    posted: bool


def derive_stage(facts: StageFacts, *, today: date) -> ProjectStage:
    """The stage of a project that the hub did not open itself: the first rule that matches."""
    in_psa, in_erp = facts.delivery_status is not None, facts.financial_status is not None
    if facts.opportunity_lost and not in_psa:
        return ProjectStage.LOST
    if facts.archived or facts.delivery_status == "CANCELLED" or facts.financial_status == "CLOSED":
        return ProjectStage.CLOSED if facts.posted else ProjectStage.CANCELLED
    if facts.delivery_status == "ON_HOLD":
        return ProjectStage.ON_HOLD
    if facts.delivery_status == "COMPLETE" or (in_psa and facts.all_tasks_done):
        return ProjectStage.DELIVERED
    if not (in_psa and in_erp):
        return ProjectStage.GATE_PENDING
    started = facts.start is not None and facts.start <= today
    if started and (facts.posted or any(b.hard for b in facts.bookings)):
        return ProjectStage.IN_DELIVERY
    return ProjectStage.STAFFED if staffing_confirmed(facts) else ProjectStage.SHELL


def staffing_confirmed(facts: StageFacts) -> bool:
    """Whether stage 3 holds: a manager, and hard bookings of assignable people for all hours of the first 28 days."""
    if not facts.has_manager or facts.start is None:
        return False
    hard = [b for b in facts.bookings if b.hard]
    if not hard or not all(b.assignable for b in hard):
        return False
    until = facts.start + STAFFING_WINDOW
    window_end = until if facts.end is None else min(until, facts.end)
    required = sum((hours_within(w, facts.start, window_end) for w in facts.required), Decimal(0))
    booked = sum((hours_within(b.work, facts.start, window_end) for b in hard), Decimal(0))
    return required > 0 and booked >= required


def hours_within(work: PlannedWork, start: date, end: date) -> Decimal:
    """The part of the hours that falls into `[start, end)`, spread evenly over the working days (Monday to Friday)."""
    if work.start is None or work.end is None:
        return work.hours
    days = working_days(work.start, work.end)
    if days == 0:
        return work.hours if start <= work.start < end else Decimal(0)
    inside = working_days(max(start, work.start), min(end, work.end))
    return work.hours * inside / days


def working_days(start: date, end: date) -> int:
    """The number of Mondays to Fridays in `[start, end)`; 0 when the interval is empty."""
    if end <= start:
        return 0
    weeks, rest = divmod((end - start).days, 7)
    return weeks * 5 + sum((start + timedelta(days=i)).weekday() < 5 for i in range(rest))

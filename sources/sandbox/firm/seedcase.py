"""The seed case of the business: a fixed-fee assessment and then a capped implementation, in one deal and one project.

It reproduces the worked contract of the domain definitions on the firm's day. Line A: price 60,000 in two
milestones of 30,000, 300 hours at a cost of 60 worked and 200 to go, 36,000 recognized, 30,000 billed and
collected. Line B: cap 100,000 at 200 per hour, 120 approved billable hours, of which 115 are posted (23,000
recognized) and 80 billed (16,000, unpaid).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from sources.sandbox.firm.amounts import amount
from sources.sandbox.firm.days import holidays, months_later, working_days
from sources.sandbox.firm.deals import Deal, LinePlan
from sources.sandbox.firm.model import Model
from sources.sandbox.firm.scale import Setting

NAME = "Assessment and implementation"
ASSESSMENT_PRICE = Decimal(60_000)
ASSESSMENT_PERIODS = 5
ASSESSMENT_PLANNED_HOURS = 500
ASSESSMENT_WORKED_HOURS = 300
IMPLEMENTATION_CAP = Decimal(100_000)
IMPLEMENTATION_RATE = Decimal(200)
IMPLEMENTATION_DAYS = (*[8] * 14, 3, 5)
"""Hours of the implementation per day worked: the last five are approved but not posted yet."""
POSTED_DAYS = 15
BILLED_DAYS = 10


def assessment_start(setting: Setting) -> date:
    """The first day of line A: three full months lie between it and the running one."""
    return months_later(setting.today, -3)


def assessment_days(setting: Setting) -> list[date]:
    """The days on which line A can have been worked, from its first one on."""
    start = assessment_start(setting)
    return _office_days(start, start + timedelta(days=60))


def implementation_days(setting: Setting) -> list[date]:
    """The days on which line B was worked: the last working days, up to three days before the firm's day."""
    last = setting.today - timedelta(days=3)
    return _office_days(last - timedelta(days=40), last)[-len(IMPLEMENTATION_DAYS) :]


def _office_days(first: date, last: date) -> list[date]:
    """Working days without the holidays of the team, who all sit in the United States."""
    free = set(holidays("US", range(first.year, last.year + 1)))
    return [day for day in working_days(first, last) if day not in free]


def seed_deal(setting: Setting, drawn: Deal) -> Deal:
    """The seed case's deal in place of a drawn one with the same number and customer."""
    start = assessment_start(setting)
    first_end = months_later(setting.today, ASSESSMENT_PERIODS - 3) - timedelta(days=1)
    second_start = implementation_days(setting)[0]
    end = setting.today + timedelta(days=92)
    rate = amount(IMPLEMENTATION_RATE, "USD")
    return replace(
        drawn,
        practice="DATA-ENG",
        start=start,
        end=end,
        signed_on=start - timedelta(days=9),
        team=(("Engagement Manager", 25), ("Senior Consultant", 50), ("Business Analyst", 50), ("Developer", 100)),
        work=NAME,
        lines=(
            LinePlan(
                model=Model.FIXED_FEE_MILESTONE,
                start=start,
                end=first_end,
                hours=ASSESSMENT_PLANNED_HOURS,
                bill_rate=rate,
                price=amount(ASSESSMENT_PRICE, "USD"),
                method="COST_TO_COST",
                terms="On accepted milestone, net 30",
            ),
            LinePlan(
                model=Model.TM_NOT_TO_EXCEED,
                start=second_start,
                end=end,
                hours=int(IMPLEMENTATION_CAP / IMPLEMENTATION_RATE),
                bill_rate=rate,
                price=amount(IMPLEMENTATION_CAP, "USD"),
                method="RIGHT_TO_INVOICE",
                terms="Monthly in arrears up to the cap, net 30",
            ),
        ),
        projects=((0, 1),),
    )

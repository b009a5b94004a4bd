"""Who works for the firm: managers above their people, rates that rise over the years, leave, and subcontractors.

The first people have fixed parts: 1 managing director, 2 finance director, 3-6 heads of the four
practices, then the people of `Cast`, who play the seed case and the listed irregularities.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from sources.sandbox.firm import names
from sources.sandbox.firm.amounts import PRICE_LEVEL, amount
from sources.sandbox.firm.days import instant, months_later, past, working_days
from sources.sandbox.firm.model import Amount, CostRate, Person, Subcontractor, TimeOff
from sources.sandbox.firm.organization import (
    CORPORATE_PRACTICE,
    CURRENCY_OF,
    GRADE_COST,
    PLACES,
    ROLE_MIX,
    ROLES,
    SUB_PRACTICES,
    TOP_PRACTICES,
    Place,
    top_practice,
)
from sources.sandbox.firm.scale import Setting

MANAGING_DIRECTOR = 1
FINANCE_DIRECTOR = 2
FIRST_HEAD = 3
SPAN_OF_CONTROL = 12


@dataclass(frozen=True, slots=True)
class Cast:
    """The numbers of the people with a part of their own, the same in every size."""

    seed_manager: int = 7
    assessor: int = 8
    second_assessor: int = 9
    implementer: int = 10
    terminated: int = 11
    on_leave: int = 12
    future_hire: int = 13
    contingent: int = 14


CAST = Cast()
SEED_COST_RATE = amount(60, "USD")
"""What an hour of the seed case's assessors costs, so that 300 hours are 18,000."""

_CAST_ROLES = {
    CAST.seed_manager: "Engagement Manager",
    CAST.assessor: "Senior Consultant",
    CAST.second_assessor: "Business Analyst",
    CAST.implementer: "Developer",
    CAST.terminated: "Consultant",
    CAST.on_leave: "Solution Architect",
    CAST.future_hire: "QA Engineer",
    CAST.contingent: "Developer",
}
_SEED_TEAM = (CAST.seed_manager, CAST.assessor, CAST.second_assessor, CAST.implementer)


@dataclass(frozen=True, slots=True)
class _Post:
    """What a person is hired as."""

    role: str
    job_profile: str
    title: str
    grade: str
    practice: str
    place: Place
    manager: int | None


def people(setting: Setting) -> list[Person]:
    """Every worker, ordered by number; managers form a tree under the managing director."""
    random = setting.rng("people")
    taken: set[str] = set()
    return [_person(setting, n, random, taken) for n in range(1, setting.scale.people + 1)]


def subcontractors(setting: Setting, staff: list[Person]) -> list[Subcontractor]:
    """People supplied by vendors; the first one is also a contingent worker of the HCM, under the same e-mail."""
    random = setting.rng("subcontractors")
    twin = staff[CAST.contingent - 1]
    rows: list[Subcontractor] = []
    for n in range(1, setting.scale.subcontractors + 1):
        place = PLACES[0] if n == 1 else PLACES[n % len(PLACES)]
        first, last = _name(random, place.country)
        role = twin.role if n == 1 else ROLE_MIX[n % len(ROLE_MIX)]
        rate = _price(ROLES[role].cost * Decimal("1.5"), CURRENCY_OF[place.company])
        rows.append(
            Subcontractor(
                n=n,
                name=twin.name if n == 1 else f"{first} {last}",
                email=twin.email if n == 1 else f"{first}.{last}{n}@craftpool.example".lower(),
                role=role,
                company=place.company,
                practice=twin.practice if n == 1 else SUB_PRACTICES[n % len(SUB_PRACTICES)],
                purchase_order=f"PO{5000 + n}",
                rate=rate,
                limit=amount(rate.value * random.choice((400, 800, 1200)), rate.currency),
                modified=past(instant(setting.history_start + timedelta(days=n % 60)), setting.today),
            )
        )
    return rows


def _person(setting: Setting, n: int, random: Random, taken: set[str]) -> Person:
    post = _post(setting, n, random)
    first, last = _name(random, post.place.country)
    contingent = n == CAST.contingent or (n > 30 and n % 27 == 0)
    hired = _hired(setting, n, random)
    terminated = _terminated(setting, n, random, hired)
    on_leave = n == CAST.on_leave or (n > 30 and n % 61 == 0 and terminated is None and hired <= setting.today)
    fte = Decimal("0.8") if n > CAST.contingent and random.random() < 0.12 else Decimal(1)
    changed = hired + timedelta(days=random.randrange(1 + max(0, (setting.today - hired).days)))
    return Person(
        n=n,
        employee_number=f"C-{n:04d}" if contingent else f"E-{n:04d}",
        first_name=first,
        last_name=last,
        email=_email(first, last, taken, contingent=contingent),
        hired=hired,
        terminated=terminated,
        on_leave=on_leave,
        title=post.title,
        job_profile=post.job_profile,
        role=post.role,
        grade=post.grade,
        location=post.place.city,
        country=post.place.country,
        company=post.place.company,
        practice=post.practice,
        manager=post.manager,
        skills=_skills(random, post),
        fte=fte,
        cost_rates=_cost_rates(setting, n, post, hired),
        time_off=_time_off(setting, random, n=n, on_leave=on_leave, fte=fte),
        contingent=contingent,
        modified=past(instant(max(changed, terminated or changed), 14), setting.today),
    )


def _post(setting: Setting, n: int, random: Random) -> _Post:
    if n == MANAGING_DIRECTOR:
        return _Post("", "Executive", "Managing Director", "Director", CORPORATE_PRACTICE, PLACES[0], None)
    if n == FINANCE_DIRECTOR:
        return _Post("", "Finance", "Finance Director", "Director", CORPORATE_PRACTICE, PLACES[0], MANAGING_DIRECTOR)
    if n < FIRST_HEAD + len(TOP_PRACTICES):
        practice = TOP_PRACTICES[n - FIRST_HEAD]
        role, title = "Solution Architect", f"Head of {practice.title() if len(practice) > 3 else practice} Practice"
        return _Post(role, role, title, "Director", practice, PLACES[(n * 2) % len(PLACES)], MANAGING_DIRECTOR)
    place = PLACES[0] if n in _SEED_TEAM else PLACES[n % len(PLACES)]
    practice = "DATA-ENG" if n in _SEED_TEAM else SUB_PRACTICES[n % len(SUB_PRACTICES)]
    if n > 30 and n % 40 == 0:
        return _Post("", "Finance", "Project Accountant", "Professional", CORPORATE_PRACTICE, place, FINANCE_DIRECTOR)
    head = FIRST_HEAD + TOP_PRACTICES.index(top_practice(practice))
    lead = _is_lead(n)
    manager = head if lead else _lead_of(setting, n, practice, head)
    role = _CAST_ROLES.get(n) or ROLE_MIX[(n // len(SUB_PRACTICES) + n) % len(ROLE_MIX)]
    grade = "Principal" if lead else random.choice(("Associate", "Professional", "Professional", "Senior", "Senior"))
    ranked = grade in ("Associate", "Principal") and not ROLES[role].title.startswith("Senior")
    title = f"{grade} {ROLES[role].title}" if ranked else ROLES[role].title
    return _Post(role, role, title, grade, practice, place, manager)


def _is_lead(n: int) -> bool:
    """Whether a person leads a team: the first block after the cast, and then one block of each span."""
    return n > 30 and (n // len(SUB_PRACTICES)) % SPAN_OF_CONTROL == 4


def _lead_of(setting: Setting, n: int, practice: str, head: int) -> int:
    """The team lead of the person's sub-practice in the block of people around them, else the practice head."""
    block = n - (n % (len(SUB_PRACTICES) * SPAN_OF_CONTROL)) + len(SUB_PRACTICES) * 4
    lead = block + SUB_PRACTICES.index(practice)
    is_post = 30 < lead <= setting.scale.people and lead != n and lead % 40 != 0
    return lead if is_post and SUB_PRACTICES[lead % len(SUB_PRACTICES)] == practice else head


def _name(random: Random, country: str) -> tuple[str, str]:
    if country == "JP":
        return random.choice(names.JAPANESE_FIRST), random.choice(names.JAPANESE_LAST)
    return random.choice(names.WESTERN_FIRST), random.choice(names.WESTERN_LAST)


def _email(first: str, last: str, taken: set[str], *, contingent: bool) -> str:
    domain = "craftpool.example" if contingent else "northlight.example"
    base, count = f"{first}.{last}".lower(), 1
    email = f"{base}@{domain}"
    while email in taken:
        count += 1
        email = f"{base}{count}@{domain}"
    taken.add(email)
    return email


def _hired(setting: Setting, n: int, random: Random) -> date:
    if n == CAST.future_hire or (n > 30 and n % 53 == 0):
        return months_later(setting.today, 1) + timedelta(days=14)
    if n < CAST.contingent or random.random() < 0.8:
        return months_later(setting.history_start, -random.randrange(2, 96))
    return setting.history_start + timedelta(days=random.randrange((setting.today - setting.history_start).days - 20))


def _terminated(setting: Setting, n: int, random: Random, hired: date) -> date | None:
    if n == CAST.terminated:
        return setting.today - timedelta(days=12)
    if n <= 30 or n % 23 != 0 or hired >= setting.today - timedelta(days=60):
        return None
    return max(hired, setting.history_start) + timedelta(
        days=random.randrange(20, (setting.today - max(hired, setting.history_start)).days)
    )


def _skills(random: Random, post: _Post) -> tuple[str, ...]:
    if not post.role:
        return ()
    pool = names.SKILLS[top_practice(post.practice)]
    return tuple(dict.fromkeys((*random.sample(pool, random.randrange(1, 4)), names.ROLE_SKILLS[post.role])))


def _price(dollars: Decimal, currency: str) -> Amount:
    """A rate per hour at the price level of a currency, in whole units of it."""
    return amount((dollars * PRICE_LEVEL[currency]).quantize(Decimal(1)), currency)


def _cost_rates(setting: Setting, n: int, post: _Post, hired: date) -> tuple[CostRate, ...]:
    """A rate from the day of hire and a rise at the turn of every year since, the coming one included."""
    currency = CURRENCY_OF[post.place.company]
    if n in (CAST.assessor, CAST.second_assessor):
        return (CostRate(hired, SEED_COST_RATE),)
    base = ROLES[post.role].cost if post.role else Decimal(80)
    level = base * GRADE_COST[post.grade] * PRICE_LEVEL[currency]
    rises = [date(year, 1, 1) for year in range(hired.year + 1, setting.today.year + 2)][-3:]
    starts = [hired, *(day for day in rises if day > hired)]
    rates = (amount((level * (Decimal(100) + 3 * i) / 100), currency) for i in range(len(starts)))
    return tuple(CostRate(start, rate) for start, rate in zip(starts, rates, strict=True))


def _time_off(setting: Setting, random: Random, *, n: int, on_leave: bool, fte: Decimal) -> tuple[TimeOff, ...]:
    """A week of vacation every few months, single sick days, and the leave of those who are on it."""
    hours = 8 * fte
    if n in _SEED_TEAM:
        return ()
    away: dict[date, str] = {}
    day = setting.history_start + timedelta(days=random.randrange(80))
    horizon = setting.today + timedelta(days=120)
    while day < horizon:
        away |= dict.fromkeys(working_days(day, day + timedelta(days=random.choice((4, 6, 11)))), "Vacation")
        day += timedelta(days=random.randrange(70, 140))
    span = (setting.today - setting.history_start).days
    sick = (setting.history_start + timedelta(days=random.randrange(span)) for _ in range(span // 75))
    away |= {day: "Sick" for day in sick if day.weekday() < 5}
    if on_leave:
        leave = working_days(setting.today - timedelta(days=35), setting.today + timedelta(days=75))
        away |= dict.fromkeys(leave, "Parental")
    return tuple(TimeOff(day, hours, kind) for day, kind in sorted(away.items()))

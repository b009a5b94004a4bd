"""The firm itself: legal entities, practices, places, roles, and what a role costs and bills."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sources.sandbox.firm.model import LegalEntity, Practice

LEGAL_ENTITIES = (
    LegalEntity(1, "US01", "Northlight Consulting Inc.", "US", "USD"),
    LegalEntity(2, "UK01", "Northlight Consulting Ltd", "GB", "GBP"),
    LegalEntity(3, "JP01", "Northlight Consulting K.K.", "JP", "JPY"),
)
PRACTICES = (
    Practice(1, "CLOUD", "Cloud", None),
    Practice(2, "DATA", "Data & AI", None),
    Practice(3, "ERP", "Enterprise Applications", None),
    Practice(4, "SEC", "Security", None),
    Practice(5, "CLOUD-INFRA", "Cloud Infrastructure", "CLOUD"),
    Practice(6, "CLOUD-APPS", "Cloud Applications", "CLOUD"),
    Practice(7, "DATA-ENG", "Data Engineering", "DATA"),
    Practice(8, "DATA-ANALYTICS", "Analytics", "DATA"),
    Practice(9, "ERP-FIN", "ERP Finance", "ERP"),
    Practice(10, "ERP-SCM", "ERP Supply Chain", "ERP"),
    Practice(11, "SEC-IAM", "Identity & Access", "SEC"),
    Practice(12, "SEC-OPS", "Security Operations", "SEC"),
)
TOP_PRACTICES = tuple(p.code for p in PRACTICES if p.parent is None)
SUB_PRACTICES = tuple(p.code for p in PRACTICES if p.parent is not None)
CORPORATE_PRACTICE = "CLOUD"
"""Where the few people outside delivery are budgeted: every worker has a practice."""

CURRENCY_OF = {entity.code: entity.currency for entity in LEGAL_ENTITIES}
REGION_COMPANY = {"Americas": "US01", "EMEA": "UK01", "APAC": "JP01"}


def top_practice(code: str) -> str:
    """The practice that a practice or sub-practice belongs to."""
    return code.split("-", maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class Place:
    """An office: its city, country and employing company."""

    city: str
    country: str
    company: str


PLACES = (
    Place("New York", "US", "US01"),
    Place("Austin", "US", "US01"),
    Place("London", "GB", "UK01"),
    Place("New York", "US", "US01"),
    Place("Tokyo", "JP", "JP01"),
    Place("Austin", "US", "US01"),
    Place("Berlin", "DE", "UK01"),
    Place("London", "GB", "UK01"),
    Place("Osaka", "JP", "JP01"),
    Place("Manchester", "GB", "UK01"),
)
"""Offices in the order in which staff is spread over them; a repeated one is twice as large."""


@dataclass(frozen=True, slots=True)
class Role:
    """A delivery role: its US cost and price per hour, and the base of its job titles."""

    name: str
    cost: Decimal
    bill: Decimal
    title: str


ROLES = {
    role.name: role
    for role in (
        Role("Engagement Manager", Decimal(85), Decimal(260), "Engagement Manager"),
        Role("Solution Architect", Decimal(92), Decimal(280), "Architect"),
        Role("Senior Consultant", Decimal(72), Decimal(220), "Senior Consultant"),
        Role("Consultant", Decimal(52), Decimal(170), "Consultant"),
        Role("Developer", Decimal(56), Decimal(180), "Software Developer"),
        Role("Data Engineer", Decimal(62), Decimal(190), "Data Engineer"),
        Role("Business Analyst", Decimal(50), Decimal(160), "Business Analyst"),
        Role("QA Engineer", Decimal(45), Decimal(140), "QA Engineer"),
    )
}
ROLE_MIX = (
    "Senior Consultant",
    "Developer",
    "Consultant",
    "Engagement Manager",
    "Data Engineer",
    "Business Analyst",
    "Solution Architect",
    "Developer",
    "QA Engineer",
    "Consultant",
    "Senior Consultant",
    "Data Engineer",
)
"""Delivery roles in the order in which staff is hired into them."""

GRADES = ("Associate", "Professional", "Senior", "Principal", "Director")
GRADE_COST = {
    "Associate": Decimal("0.85"),
    "Professional": Decimal(1),
    "Senior": Decimal("1.15"),
    "Principal": Decimal("1.35"),
    "Director": Decimal("1.7"),
}

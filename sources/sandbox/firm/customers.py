"""The firm's customers: several countries and currencies, parents, one with three spellings, one pair of namesakes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from sources.sandbox.firm.days import instant, months_later, past
from sources.sandbox.firm.model import Customer
from sources.sandbox.firm.names import CUSTOMER_FIRST, CUSTOMER_LAST
from sources.sandbox.firm.organization import REGION_COMPANY
from sources.sandbox.firm.scale import Setting

SEED_CUSTOMER = 1
JAPANESE_CUSTOMER = 2
SPELLED_CUSTOMER = 3
SUBSIDIARY_CUSTOMER = 4
NAMESAKES = (5, 6)
KUWAITI_CUSTOMER = 7
PROSPECT = 8
ON_CREDIT_HOLD = 6


@dataclass(frozen=True, slots=True)
class _Market:
    """A country that customers come from; `tax` is the pattern of its tax registrations, # a digit."""

    country: str
    currency: str
    region: str
    suffix: str
    tax: str


_MARKETS = {
    "US": _Market("US", "USD", "Americas", "Inc.", "##-#######"),
    "GB": _Market("GB", "GBP", "EMEA", "Ltd", "GB#########"),
    "DE": _Market("DE", "EUR", "EMEA", "GmbH", "DE#########"),
    "FR": _Market("FR", "EUR", "EMEA", "SAS", "FR###########"),
    "JP": _Market("JP", "JPY", "APAC", "K.K.", "T#############"),
    "KW": _Market("KW", "KWD", "EMEA", "K.S.C.", "KW-######"),
}
_MARKET_CYCLE = ("US", "GB", "US", "DE", "JP", "US", "FR", "GB", "US", "KW")
_FIXED = {
    SEED_CUSTOMER: ("US", "Harborview Logistics", "Transportation"),
    JAPANESE_CUSTOMER: ("JP", "Hoshizora Components", "Manufacturing"),
    SPELLED_CUSTOMER: ("GB", "Saint Albans Mutual", "Insurance"),
    SUBSIDIARY_CUSTOMER: ("DE", "Albans Mutual Versicherung", "Insurance"),
    NAMESAKES[0]: ("US", "Meridian Health", "Healthcare"),
    NAMESAKES[1]: ("GB", "Meridian Health", "Healthcare"),
    KUWAITI_CUSTOMER: ("KW", "Bayan Energy Services", "Energy"),
    PROSPECT: ("US", "Cedar Point Foods", "Consumer Goods"),
}


def customers(setting: Setting) -> list[Customer]:
    """Every customer, ordered by number."""
    random = setting.rng("customers")
    pool = [(f"{first} {last}", industry) for last, industry in CUSTOMER_LAST for first in CUSTOMER_FIRST]
    random.shuffle(pool)
    return [_customer(setting, n, random, pool) for n in range(1, setting.scale.customers + 1)]


def _customer(setting: Setting, n: int, random: Random, pool: list[tuple[str, str]]) -> Customer:
    if n in _FIXED:
        country, base, industry = _FIXED[n]
    else:
        country = _MARKET_CYCLE[n % len(_MARKET_CYCLE)]
        base, industry = pool[n]
    market = _MARKETS[country]
    name = base if n in NAMESAKES else f"{base} {market.suffix}"
    born = months_later(setting.history_start, -random.randrange(1, 40))
    changed = setting.history_start + timedelta(days=random.randrange((setting.today - setting.history_start).days))
    prospect = n == PROSPECT or (n > PROSPECT and n % 17 == 0)
    # The hub has not linked every customer yet: those it meets by tax registration and country, or not at all.
    linked = n not in NAMESAKES and not prospect and n % 9 != 0
    return Customer(
        n=n,
        canonical=setting.canonical("cus", n, born) if linked else None,
        name=name,
        psa_name="St. Albans Mutual" if n == SPELLED_CUSTOMER else _psa_name(n, base, name),
        erp_name="SAINT ALBANS MUTUAL LIMITED" if n == SPELLED_CUSTOMER else _erp_name(n, name),
        industry=industry,
        region=market.region,
        country=country,
        currency=market.currency,
        tax_registration="".join(str(random.randrange(10)) if c == "#" else c for c in market.tax),
        parent=_parent(n),
        company=REGION_COMPANY[market.region],
        credit_hold=n == ON_CREDIT_HOLD or (n > PROSPECT and n % 29 == 0),
        in_erp=not prospect,
        modified=past(instant(changed, 11), setting.today),
    )


def _psa_name(n: int, base: str, name: str) -> str:
    """Most spellings agree; the PSA drops the legal form of some."""
    return base if n > PROSPECT and n % 7 == 0 else name


def _erp_name(n: int, name: str) -> str:
    """The ERP holds some names in capitals, as its first import had them."""
    return name.upper() if n > PROSPECT and n % 11 == 0 else name


def _parent(n: int) -> int | None:
    if n == SUBSIDIARY_CUSTOMER:
        return SPELLED_CUSTOMER
    return n - 3 if n > PROSPECT + 3 and n % 6 == 0 else None

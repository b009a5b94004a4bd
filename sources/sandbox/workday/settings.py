"""What can be set on a Workday tenant of the sandbox."""

from __future__ import annotations

from dataclasses import dataclass

STAFFING = "Staffing"
SKILLS = "Worker Profile and Skills"
TIME_OFF = "Time Off and Leave"
SYSTEM = "System"
PROCESSES = "Public Business Processes"
ALL_SCOPES = frozenset({STAFFING, SKILLS, TIME_OFF, SYSTEM, PROCESSES})


@dataclass(frozen=True, slots=True)
class Settings:
    """The tenant's settings, with the vendor's defaults.

    `event_delay_s` is how long a business process takes by the clock, in seconds; None leaves it waiting
    for an approval. `strict` refuses a page size over the maximum and an unknown query parameter with
    400; otherwise the one is clamped and the other ignored. `scopes` are the API client's functional
    areas; a call outside them is 403.
    """

    token_lifetime_s: int = 3600
    rest_page_rows: int = 20
    rest_page_max: int = 100
    wql_page_max: int = 100
    wql_total: bool = True
    event_delay_s: float | None = 2.0
    strict: bool = True
    client_credentials: bool = True
    scopes: frozenset[str] = ALL_SCOPES

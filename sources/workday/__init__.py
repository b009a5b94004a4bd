"""Workday, the HCM: workers, their skills, calendars and cost rates, read in bulk with WQL.

WQL v1 at `https://{services host}/ccx/api/wql/v1/{tenant}/data` (the host is configuration, never derived
from the user interface's); evidence from public connectors and the vendor's older OpenAPI snapshots, read
2026-11, because the reference itself is behind a customer login. Auth is OAuth 2.0: refresh token by
default (sources.auth.RefreshToken), client credentials or JWT bearer where the tenant's API client allows
them. No public rate limits; 429 with or without Retry-After is the transport's.

Quirks that this adapter works around:
- REST has no fetch by several ids and no change filter; WQL has both, so REST is not used for reading.
- WQL's aliases are the tenant's: all come through the mapping; an entry mapped to "" is not read.
- `total` can be missing: a short page ends a list. Rows shift between pages: pages overlap by one.
- Values of instance fields are `{id, descriptor}`; descriptors are display text. Grades, locations, job
  profiles and skills are shown as such. The status is keyed on its descriptor for want of anything else
  documented, so `Wording` is a setting; an unknown one is drift.
- Names may carry "(Terminated)" or "(On Leave)": exactly these endings are cut off, no other.
- Money is `{value, currency}` or a number beside a currency column; both documented forms are read.
- Terminated workers stay in `allWorkers`; a rescinded hire vanishes (probe). Security may hide rows: an
  empty answer is not proof of deletion, which is why the probe asks twice.
- Work schedules and holidays are rows by location, approved time off rows by employee: sources.workday.lists.
  Weekdays are told by their English names; another one is drift. A location is joined by its id.
- Contingent workers are included; their label says so. Where the ERP has the same person as a
  subcontractor, that record wins in the hub.

- Writes (skills, staffing v6) start business processes; what is pending is told by businessProcess v1. See
  sources.workday.writes. Event statuses are keyed on display text too, by `Wording` likewise.

Checklist: paging — done (sources.paging); batching — done, one page of ids a query; throttling — the
transport's; partial failure — a call fails as a whole; clock skew — only "future hire" compares with our
date; incremental — by lastFunctionallyUpdated, and a full pass finds what a missing stamp hides; effective
dating — `cost_rate@YYYY-MM-DD` reads the sources as of that date.
"""

from sources.workday.adapter import Wording, WorkdayAdapter, classify
from sources.workday.translate import DEFAULT_MAPPING, STATUSES
from sources.workday.writes import EVENT_STATES

__all__ = ["DEFAULT_MAPPING", "EVENT_STATES", "STATUSES", "Wording", "WorkdayAdapter", "classify"]

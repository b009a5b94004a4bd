"""A Workday tenant: REST services and WQL over one HCM, as an integration sees them.

Product and versions: Workday REST staffing/v6, common v1, absenceManagement/v2, businessProcess/v1, wql/v1.
Written from public vendor facts, read 2026-11-23 (OpenAPI snapshots of common, absenceManagement and
businessProcess; an SDK generated from staffing v6; public worked examples of WQL). The tenant's own fields are
those of the demo firm's profile.

Facts relied on: `/ccx/api/{service}/{version}/{tenant}/…` and `/ccx/oauth2/{tenant}/token`; collections are
`{total, data}` with limit (default 20, at most 100) and a zero-based offset; instances are `{id, descriptor}`
with a WID of 32 lower-case hex digits, and a reference id `TYPE=value` may name one; REST has no modified
stamp and no field selection; writes start business processes whose event can be followed; validation errors
are `{error, errors: [{error, field?, code?}]}`; a terminated worker leaves the default lists and no more.

What the vendor leaves open, and what this tenant does:
- Token refusals: invalid_client is 401, every other 400. JWT bearer: `aud` is "wd" or ends with the token
  endpoint's path, `exp` is at most ten minutes ahead, `sub` the integration user. Only the refresh grant
  answers a refresh token, the same one.
- A page size over the maximum, and an unknown query parameter, are 400 when `strict`, else clamped and
  ignored. WQL pages are 100 rows by default and at most. `total` of WQL can be switched off.
- WQL: empty fields are left out of a row; money is `{currency, value}` and compares by value; instances are
  `{id, descriptor}` or, with `ref{a, b}`, an object of those fields; they compare by WID or by a quoted
  `TYPE=value`. `=` on text is exact, startsWith, contains and endsWith ignore letter case, text can be
  ordered. Moments are UTC with milliseconds and a moment without a zone in a literal is UTC. ORDER BY may
  name a field that is not selected. HAVING, PARAMETERS, WHERE ON, data source filters and entryMoment are
  refused. A syntax error is 400 and names the token.
- Types on `allWorkers`: instances are workerStatus, managementLevel (the grade), location, jobProfile and
  workerType; costRate is money; fte a number; hireDate, terminationDate and costRateFrom dates;
  lastFunctionallyUpdated a moment; everything else is text, so also company, practiceCode and
  managerEmployeeID. `worker` is the row's own instance. employeeID holds a contingent worker's number too.
- Sources: `allWorkers` has every worker (Active, On Leave, Terminated, Future Hire); `allActiveEmployees`
  employees who are Active or On Leave; `workerSkills` and `approvedTimeOff` cover every worker;
  `workSchedules` is a row per location and weekday (Monday …), `holidays` a row per calendar, location, date.
- Effective dating: status, termination date (shown once reached; it is the last day of work) and cost rate
  are as of `effectiveAsOfDate`, today (UTC) by default; title, organization and skills are kept as of now
  only. Leave begins today, as the firm's records hold no past of it.
- Staffing and common lists hold neither future hires nor (unless asked for) terminated workers; by id every
  worker is served. The display text of a worker ends in "(On Leave)" or "(Terminated)".
- Skills: POST names the item by `skillItem.id` (WID or `Skill_ID=…`) or `skillItem.skillName`; a display
  text alone is not enough, being read-only. DELETE takes the id of the worker's skill, not of the item. A
  second change of the same skill of the same worker while one is pending is refused (A178). The stamp
  `lastFunctionallyUpdated` moves to the instant at which the process completes.
- 429 and 500 bodies are `{"error": …}`; Retry-After is in whole seconds. No ETag, no If-Match, no idempotency.
- Compensation, birth dates and home addresses are not served at all.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sources.sandbox.core import Clock, VendorApp
from sources.sandbox.credentials import WorkdayCredentials
from sources.sandbox.firm.model import Firm
from sources.sandbox.workday.app import build_app
from sources.sandbox.workday.settings import Settings

__all__ = ["Settings", "create_app"]


def utc_now() -> datetime:
    """The time by the machine's clock."""
    return datetime.now(UTC)


def create_app(
    firm: Firm, credentials: WorkdayCredentials, *, clock: Clock = utc_now, settings: Settings | None = None
) -> VendorApp:
    """The tenant of a firm, its tables built anew; `settings` default to the vendor's."""
    return build_app(firm, credentials, clock, settings or Settings())

"""Kantata OX (formerly Mavenlink), API v1: a tenant of the firm, spoken to as its public documentation says.

Facts relied on: the envelope (`count`, ordered `results`, typed maps, `meta`), paging (`page` with
`per_page` clamped to 200; `limit` with `offset` only together), `only` without paging, silent
`include`s, default filters that hide rows, singular and plural root keys, 200 on create and 204 on
delete, the error body, the subscribed-events feed. The custom fields are those of the firm's tenant
profile (text, date, single choice); external references carry the ids of the other systems.

Choices where the documentation is silent stand in the docstring of the module that makes them
(`workspaces`, `stories`, `team`, `allocations`, `timekeeping`, `approvals`, `billing`,
`custom_fields`, `events`, `filters`, `writing`, `web`). Those that a reader most needs:

- subcontractors are guests of another account, so the default `on_my_account=true` of time entries
  hides their time; subtotals of stories include it all the same;
- `external_reference_service_model_refs` (up to 200) works on every collection that carries external
  references, narrowed by `external_reference_service_name` and `external_reference_service_model`;
- approve, reject and cancel are PUT on `/timesheet_submissions/{id}/…`, and for expense reports alike;
- parents' `updated_at`: a story moves with its time entries and sub-stories, a workspace with its
  participations, a subject with its custom field values; nothing else rolls up;
- revoking the token (the fault "expire-tokens") makes the personal token bad for good, as the vendor
  does; `authorization` then answers with the token that an administrator would issue next, and that
  one works beside nothing else;
- no rate limit of its own: throttling is a fault, 429 without Retry-After unless one is asked for.

Not served: assignments, rates and rate cards, time off, workweeks, organizations, resource requests,
invoice writes, bulk rejection and cancellation, custom field definitions' writes, the OAuth code flow.
"""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from sources.sandbox.core import Clock, VendorApp, utc_now
from sources.sandbox.credentials import KantataCredentials
from sources.sandbox.firm.model import Firm
from sources.sandbox.kantata.catalog import CATALOG
from sources.sandbox.kantata.errors import system
from sources.sandbox.kantata.reading import PageRules, Reader
from sources.sandbox.kantata.seed_accounts import seed_accounts
from sources.sandbox.kantata.seed_projects import seed_projects
from sources.sandbox.kantata.seed_time import seed_events, seed_time
from sources.sandbox.kantata.tenant import Tenant
from sources.sandbox.kantata.web import PREFIX, Api, error_response, same_token

PORT = 9111
# The limit of the vendor's web server, found with lists of ids in `only`.
LONGEST_REQUEST_LINE = 8190


class PersonalToken:
    """The administrator's token: good until revoked, after which only a newly issued one is."""

    def __init__(self, first: str) -> None:
        self._first = first
        self._revoked = 0

    @property
    def current(self) -> str:
        """The token that is good now."""
        return self._first if self._revoked == 0 else f"{self._first}-{self._revoked + 1}"

    def revoke(self) -> None:
        """Make the current token bad for good."""
        self._revoked += 1

    def accepts(self, presented: str) -> bool:
        """Whether the token opens the API."""
        return same_token(presented, self.current)


def build_tenant(firm: Firm, clock: Clock) -> Tenant:
    """The firm as this vendor's account holds it: projects in the PSA, and all that hangs on them."""
    tenant = Tenant(clock)
    seed_accounts(tenant, firm)
    seed_projects(tenant, firm)
    seed_time(tenant, firm)
    seed_events(tenant, firm.today)
    return tenant


def create_app(
    firm: Firm,
    credentials: KantataCredentials,
    *,
    clock: Clock = utc_now,
    page_rows: int = 20,
    max_page_rows: int = 200,
    longest_request_line: int = LONGEST_REQUEST_LINE,
) -> VendorApp:
    """The vendor's API on a fresh tenant of the firm; `page_rows` and `max_page_rows` are the vendor's page sizes."""
    tenant = build_tenant(firm, clock)
    token = PersonalToken(credentials.token)
    reader = Reader(tenant, CATALOG, PageRules(page_rows, max_page_rows))
    api = Api(tenant, CATALOG, reader, token.accepts, longest_request_line)
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    return VendorApp(
        vendor="kantata",
        port=PORT,
        routes=[Route(f"{PREFIX}{{path:path}}", api.handle, methods=methods)],
        token_paths=(),
        authorization=lambda: f"Bearer {token.current}",
        expire_tokens=token.revoke,
        throttled=_throttled,
        failed=lambda: error_response(system(503, "The service is temporarily unavailable")),
    )


def _throttled(retry_after_s: float | None) -> Response:
    headers = {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:g}"}
    return error_response(system(429, "Rate limit exceeded; wait a little and try again"), headers)

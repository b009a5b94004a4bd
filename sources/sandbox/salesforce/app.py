"""The tenant's HTTP side: routes, authentication, limits and headers around the calls of the REST API."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sources.sandbox.core import Clock, VendorApp, utc_now
from sources.sandbox.credentials import SalesforceCredentials
from sources.sandbox.firm.model import Firm
from sources.sandbox.salesforce.calls import API_ROOT, Call, Reply, Router, split_url
from sources.sandbox.salesforce.collections_api import CollectionsApi
from sources.sandbox.salesforce.composite_api import CompositeApi
from sources.sandbox.salesforce.describe_api import DescribeApi
from sources.sandbox.salesforce.errors import ApiError, not_found, request_limit_exceeded, server_unavailable
from sources.sandbox.salesforce.firm_rows import build_database, integration_user_id
from sources.sandbox.salesforce.oauth import TOKEN_PATH, Sessions, TokenEndpoint
from sources.sandbox.salesforce.query_api import MAX_BATCH_ROWS, QueryApi
from sources.sandbox.salesforce.replication_api import ReplicationApi
from sources.sandbox.salesforce.rows_api import RowsApi
from sources.sandbox.salesforce.tenant import Settings, Tenant

PORT = 9101
VERSIONS = {"v65.0": "Winter '26", "v66.0": "Spring '26", "v67.0": "Summer '26"}
MAX_URI_BYTES = 16_384
BASE_DAILY_CALLS = 100_000
DAILY_CALLS_PER_USER = 1_000
_METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"]
_RESOURCES = ("sobjects", "query", "queryAll", "limits", "composite")


def create_app(
    firm: Firm,
    credentials: SalesforceCredentials,
    *,
    clock: Clock = utc_now,
    page_rows: int = MAX_BATCH_ROWS,
    session_idle: timedelta = timedelta(hours=2),
    cursor_life: timedelta = timedelta(days=2),
    daily_calls: int | None = None,
) -> VendorApp:
    """The tenant of a firm.

    `page_rows` is the page size without a batchSize header, `daily_calls` the allowance per 24 hours
    (None: 100,000 and 1,000 more for each active user).
    """
    now = clock()
    database = build_database(firm, credentials.username, now)
    users = sum(bool(row["IsActive"]) for row in database.table("User").rows.values())
    allowance = BASE_DAILY_CALLS + DAILY_CALLS_PER_USER * users if daily_calls is None else daily_calls
    settings = Settings(page_rows, session_idle, cursor_life, allowance)
    tenant = Tenant(database, user_id=integration_user_id(), settings=settings, clock=clock)
    sessions = Sessions(tenant)
    api = _RestApi(tenant, sessions)
    return VendorApp(
        vendor="salesforce",
        port=PORT,
        routes=_routes(api, TokenEndpoint(tenant, sessions, credentials)),
        token_paths=(TOKEN_PATH,),
        authorization=lambda: f"Bearer {sessions.open()}",
        expire_tokens=sessions.expire_all,
        throttled=lambda _retry_after_s: api.error_response(request_limit_exceeded()),
        failed=lambda: api.error_response(server_unavailable()),
    )


def _routes(api: _RestApi, token_endpoint: TokenEndpoint) -> list[BaseRoute]:
    return [
        Route(TOKEN_PATH, token_endpoint.__call__, methods=_METHODS),
        Route(API_ROOT, api.list_versions, methods=["GET"]),
        Route(f"{API_ROOT}/", api.list_versions, methods=["GET"]),
        Route(f"{API_ROOT}/{{rest:path}}", api.answer, methods=_METHODS),
    ]


class _RestApi:
    """Everything below `/services/data`."""

    def __init__(self, tenant: Tenant, sessions: Sessions) -> None:
        self._tenant = tenant
        self._sessions = sessions
        self._router = Router()
        self._router.add("", get=_list_resources)
        self._router.add("limits", get=self._limits)
        rows = RowsApi(tenant)
        QueryApi(tenant).add_to(self._router)
        # The fixed words below an object (describe, updated, deleted) win over row ids.
        DescribeApi(tenant, rows).add_to(self._router)
        ReplicationApi(tenant).add_to(self._router)
        rows.add_to(self._router)
        CompositeApi(tenant, self._dispatch).add_to(self._router)
        CollectionsApi(tenant).add_to(self._router)

    async def list_versions(self, _request: Request) -> Response:
        """The versions, without authentication and without counting."""
        body = [
            {"label": label, "url": f"{API_ROOT}/{version}", "version": version.removeprefix("v")}
            for version, label in VERSIONS.items()
        ]
        return _response(Reply(body=body), {})

    async def answer(self, request: Request) -> Response:
        """Answer one API call."""
        try:
            _check_size(request)
            self._sessions.check(request.headers.get("authorization"))
            self._tenant.count_call()
            reply = self._dispatch(await _call_of(request))
        except ApiError as exc:
            return self.error_response(exc)
        return _response(reply, self._limit_header())

    def error_response(self, error: ApiError) -> Response:
        """An error as HTTP."""
        return _response(Reply(error.status, error.body()), self._limit_header() if error.status != 401 else {})

    def _dispatch(self, call: Call) -> Reply:
        if call.version not in VERSIONS:
            raise not_found()
        return self._router.handle(call)

    def _limit_header(self) -> dict[str, str]:
        used, allowed = self._tenant.calls_used(), self._tenant.settings.daily_calls
        return {"Sforce-Limit-Info": f"api-usage={used}/{allowed}"}

    def _limits(self, _call: Call, _names: Mapping[str, str]) -> Reply:
        allowed = self._tenant.settings.daily_calls
        untouched = {"DailyBulkApiBatches": 15_000, "DailyBulkV2QueryJobs": 10_000, "DailyStreamingApiEvents": 10_000}
        body = {name: {"Max": limit, "Remaining": limit} for name, limit in untouched.items()}
        body["DailyApiRequests"] = {"Max": allowed, "Remaining": max(0, allowed - self._tenant.calls_used())}
        return Reply(body=body)


def _list_resources(call: Call, _names: Mapping[str, str]) -> Reply:
    return Reply(body={each: f"{call.base_url}/{each}" for each in _RESOURCES})


def _check_size(request: Request) -> None:
    uri_bytes = len(request.scope["raw_path"]) + len(request.scope["query_string"]) + 1
    if uri_bytes > MAX_URI_BYTES:
        raise ApiError(414, "URI_TOO_LONG", f"The length of the URI exceeds the {MAX_URI_BYTES:,} byte limit")
    header_bytes = sum(len(name) + len(value) + 4 for name, value in request.scope["headers"])
    if uri_bytes + header_bytes > MAX_URI_BYTES:
        message = f"The combined length of the URI and headers exceeds the {MAX_URI_BYTES:,} byte limit"
        raise ApiError(431, "REQUEST_HEADER_FIELDS_TOO_LARGE", message)


async def _call_of(request: Request) -> Call:
    raw_path = request.scope["raw_path"].decode("ascii", "replace").partition("?")[0]
    path, query = split_url(f"{raw_path}?{request.scope['query_string'].decode('ascii', 'replace')}")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Call(request.method, path[2], path[3:], query, headers, content=await request.body())


def _response(reply: Reply, more_headers: Mapping[str, str]) -> Response:
    headers = {**reply.headers, **more_headers, "x-sfdc-request-id": secrets.token_hex(16)}
    if reply.body is None:
        return Response(status_code=reply.status, headers=headers)
    response = Response(orjson.dumps(reply.body), reply.status, headers, media_type="application/json;charset=UTF-8")
    # The vendor sends chunks; without a length the server does the same.
    del response.headers["content-length"]
    return response

"""The tenant as one app: its tables, its token desk, and the routes of all its services."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sources.sandbox.core import Clock, VendorApp
from sources.sandbox.credentials import WorkdayCredentials
from sources.sandbox.firm.model import Firm
from sources.sandbox.workday.absence import absence_routes
from sources.sandbox.workday.business_process import business_process_routes
from sources.sandbox.workday.calls import ALL_METHODS, Desk
from sources.sandbox.workday.oauth import TokenDesk, oauth_refusal
from sources.sandbox.workday.processes import Processes
from sources.sandbox.workday.replies import RefusedError, failed, json_response, not_found, throttled
from sources.sandbox.workday.settings import Settings
from sources.sandbox.workday.skills import skill_routes
from sources.sandbox.workday.staffing import staffing_routes
from sources.sandbox.workday.tenant import build_tenant
from sources.sandbox.workday.workers import common_routes
from sources.sandbox.workday.wql_api import wql_routes

PORT = 9131


def build_app(firm: Firm, credentials: WorkdayCredentials, clock: Clock, settings: Settings) -> VendorApp:
    """The tenant of a firm."""
    tokens = TokenDesk(credentials, settings, clock)
    desk = Desk(
        name=credentials.tenant,
        tenant=build_tenant(firm),
        processes=Processes(settings.event_delay_s),
        tokens=tokens,
        settings=settings,
        clock=clock,
    )
    return VendorApp(
        vendor="workday",
        port=PORT,
        routes=[
            _token_route(desk),
            *wql_routes(desk),
            *staffing_routes(desk),
            *skill_routes(desk),
            *common_routes(desk),
            *absence_routes(desk),
            *business_process_routes(desk),
            Route("/ccx/{rest:path}", _nowhere, methods=ALL_METHODS),
        ],
        token_paths=("/ccx/oauth2/",),
        authorization=lambda: f"Bearer {tokens.issue()}",
        expire_tokens=tokens.expire_all,
        throttled=throttled,
        failed=failed,
    )


def _token_route(desk: Desk) -> Route:
    async def token(request: Request) -> Response:
        body = await request.body()
        try:
            if request.path_params["tenant"] != desk.name:
                raise not_found("unknown tenant")
            if request.method != "POST":
                raise oauth_refusal(405, "invalid_request", "the token endpoint takes POST")
            headers = request.headers
            granted = desk.tokens.grant(body, headers.get("content-type", ""), headers.get("authorization"))
        except RefusedError as refusal:
            return refusal.response()
        return json_response(granted, headers={"Cache-Control": "no-store"})

    return Route("/ccx/oauth2/{tenant}/token", token, methods=ALL_METHODS)


async def _nowhere(_request: Request) -> Response:
    return not_found().response()

"""The WQL service (wql/v1): queries by GET and POST, and what there is to query."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from sources.sandbox.firm.vendor_ids import workday_wid
from sources.sandbox.workday.calls import Answer, Call, Desk, resource
from sources.sandbox.workday.replies import invalid, not_found
from sources.sandbox.workday.settings import SYSTEM
from sources.sandbox.workday.wql.columns import field_body
from sources.sandbox.workday.wql.data_source import DataSource
from sources.sandbox.workday.wql.engine import SOURCES, Engine
from sources.sandbox.workday.wql.grammar import WqlError

# Entries of the lists that carry no alias cannot be queried: real tenants list such, so ours has one of each.
UNQUERYABLE_SOURCE = {"id": workday_wid("data_source", "unaliased"), "descriptor": "Trended Workers"}
UNQUERYABLE_FIELD = {"id": workday_wid("field", "unaliased"), "descriptor": "Business Object Instance", "type": "Text"}


def wql_routes(desk: Desk) -> list[Route]:
    """The routes of the service."""
    engine = Engine(desk.tenant)
    root = "/ccx/api/wql/v1/{tenant}"

    def query_by_get(call: Call) -> Answer:
        call.allow("query", "limit", "offset")
        return _data(engine, call, call.first("query"))

    def query_by_post(call: Call) -> Answer:
        call.allow("limit", "offset")
        return _data(engine, call, call.json_object(["query"]).get("query"))

    return [
        resource(desk, f"{root}/data", SYSTEM, GET=query_by_get, POST=query_by_post),
        resource(desk, f"{root}/dataSources", SYSTEM, GET=list_data_sources),
        resource(desk, f"{root}/dataSources/{{ID}}", SYSTEM, GET=get_data_source),
        resource(desk, f"{root}/dataSources/{{ID}}/fields", SYSTEM, GET=list_fields),
    ]


def _data(engine: Engine, call: Call, query: object) -> Answer:
    if not isinstance(query, str) or not query.strip():
        raise invalid("query is required", field="query")
    most = call.desk.settings.wql_page_max
    limit, offset = call.page(most, most)
    try:
        result = engine.run(query, call.today)
        data = result.page(limit, offset)
    except WqlError as exc:
        raise invalid(str(exc), field="query") from exc
    if not call.desk.settings.wql_total:
        return Answer({"data": data})
    return Answer({"total": len(result.rows), "data": data})


def list_data_sources(call: Call) -> Answer:
    """The data sources, or the one with the alias asked for."""
    call.allow("limit", "offset", "alias")
    alias = call.first("alias")
    bodies: list[dict[str, Any]] = [*(source.body() for source in SOURCES.values()), UNQUERYABLE_SOURCE]
    return call.collection([body for body in bodies if alias in (None, body.get("alias"))], lambda body: body)


def get_data_source(call: Call) -> Answer:
    """One data source by its id."""
    call.allow()
    return Answer(_source(call).body())


def list_fields(call: Call) -> Answer:
    """The fields of a data source, or the one with the alias asked for."""
    call.allow("limit", "offset", "alias")
    source = _source(call)
    alias = call.first("alias")
    bodies = [*(field_body(source.alias, column) for column in source.columns.values()), UNQUERYABLE_FIELD]
    return call.collection([body for body in bodies if alias in (None, body.get("alias"))], lambda body: body)


def _source(call: Call) -> DataSource:
    wid = call.instance_id("ID")
    source = next((source for source in SOURCES.values() if source.wid == wid), None)
    if source is None:
        raise not_found()
    return source

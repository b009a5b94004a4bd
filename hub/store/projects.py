"""What the hub derives of a project from its neighbours: stage, customer, legal entity, value, commercial models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.domain.capacity import ONE_DAY
from hub.domain.ids import CanonicalId
from hub.domain.lifecycle import Booking, PlannedWork, ProjectStage, StageFacts, derive_stage
from hub.domain.records import Value
from hub.store.codec import decode, encode
from hub.store.statements import text

RELEASED = "ACTIVE"
"""What the PSA says of a project that it holds no longer."""
_PROJECTS = """
SELECT p.id, p.kept, c.customer_id, c.legal_entity_id, c.value_key, o.status AS opportunity_status,
  (SELECT array_agg(DISTINCT l.models[1]) FROM entity t JOIN entity l ON l.id = t.contract_line_id
    WHERE t.project_id = p.id AND t.kind = 'task' AND t.deleted_at IS NULL AND t.merged_into IS NULL
    AND l.models[1] IS NOT NULL) AS covered_models,
  (SELECT array_agg(DISTINCT l.models[1]) FROM entity l WHERE l.contract_id = p.contract_id
    AND l.kind = 'contract_line' AND l.deleted_at IS NULL AND l.merged_into IS NULL
    AND l.models[1] IS NOT NULL) AS contract_models,
  EXISTS (SELECT 1 FROM entity x WHERE x.project_id = p.id AND x.deleted_at IS NULL AND x.merged_into IS NULL
    AND (x.kind = 'invoice' OR x.kind = 'time_entry' AND x.status IN ('APPROVED', 'POSTED', 'BILLED'))) AS posted
FROM entity p LEFT JOIN entity c ON c.id = p.contract_id LEFT JOIN entity o ON o.id = c.opportunity_id
WHERE p.id = ANY(CAST(:ids AS text[]))"""
_TASKS = (
    "SELECT project_id, kept FROM entity WHERE kind = 'task' AND project_id = ANY(CAST(:ids AS text[]))"
    " AND deleted_at IS NULL AND merged_into IS NULL"
)
_BOOKINGS = (
    "SELECT a.project_id, a.kept, r.status AS employment FROM entity a JOIN entity r ON r.id = a.resource_id"
    " WHERE a.kind = 'assignment' AND a.project_id = ANY(CAST(:ids AS text[]))"
    " AND a.deleted_at IS NULL AND a.merged_into IS NULL"
)
_STORE = """
UPDATE entity SET kept = (entity.kept - 'customer' - 'legal_entity') || n.kept, status = n.stage,
  customer_id = n.customer, legal_entity_id = n.legal_entity, value_key = n.value_key, models = n.models,
  changed_at = now()
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS n(id text, kept jsonb, stage text, customer text, legal_entity text,
  value_key text, models text[])
WHERE entity.id = n.id AND (entity.status, entity.customer_id, entity.legal_entity_id, entity.value_key, entity.models)
  IS DISTINCT FROM (n.stage, n.customer, n.legal_entity, n.value_key, n.models)
RETURNING entity.id"""


async def derive_projects(connection: AsyncConnection, ids: Sequence[CanonicalId], today: date) -> list[CanonicalId]:
    """Derive these projects again; returns those whose derived values changed."""
    if not ids:
        return []
    given = {"ids": list(ids)}
    projects = (await connection.execute(text(_PROJECTS), given)).all()
    tasks = _by_project((await connection.execute(text(_TASKS), given)).all())
    bookings = _by_project((await connection.execute(text(_BOOKINGS), given)).all())
    rows = [_derived(p, tasks[p.id], bookings[p.id], today) for p in projects]
    stored = await connection.execute(text(_STORE), {"rows": orjson.dumps(rows).decode()})
    return [CanonicalId(row.id) for row in stored]


async def stage_without_hold(engine: AsyncEngine, project: CanonicalId, today: date) -> ProjectStage:
    """The stage that the rules give a project that the PSA holds, once it no longer does."""
    given = {"ids": [project]}
    async with engine.connect() as connection:
        row = (await connection.execute(text(_PROJECTS), given)).one()
        tasks = (await connection.execute(text(_TASKS), given)).all()
        bookings = (await connection.execute(text(_BOOKINGS), given)).all()
    facts = _facts(row, decode(row.kept), [decode(t.kept) for t in tasks], bookings)
    return derive_stage(replace(facts, delivery_status=RELEASED), today=today)


def _by_project(rows: Sequence[Any]) -> Mapping[str, list[Any]]:
    grouped: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[row.project_id].append(row)
    return grouped


def _derived(project: Any, tasks: Sequence[Any], bookings: Sequence[Any], today: date) -> dict[str, Any]:
    """One project's derived values, JSON-ready."""
    own = decode(project.kept)
    stage = derive_stage(_facts(project, own, [decode(t.kept) for t in tasks], bookings), today=today)
    customer = project.customer_id or own.get("own_customer")
    legal_entity = project.legal_entity_id or own.get("own_legal_entity")
    return {
        "id": project.id,
        "stage": stage,
        "customer": customer,
        "legal_entity": legal_entity,
        "value_key": project.value_key,
        "models": project.covered_models or project.contract_models,
        "kept": encode({"stage": str(stage), "customer": customer, "legal_entity": legal_entity}),
    }


def _facts(
    project: Any, own: Mapping[str, Value], tasks: Sequence[Mapping[str, Value]], bookings: Sequence[Any]
) -> StageFacts:
    return StageFacts(
        opportunity_lost=project.opportunity_status == "LOST",
        delivery_status=_text(own.get("delivery_status")),
        archived=own.get("archived") is True,
        financial_status=_text(own.get("financial_status")),
        all_tasks_done=bool(tasks) and all(t.get("done") is True for t in tasks),
        has_manager=own.get("manager") is not None,
        start=_day(own.get("start_date")),
        end=_after(own.get("end_date")),
        required=tuple(_work(t) for t in tasks),
        bookings=tuple(
            Booking(_work(kept), kept.get("booking") == "HARD", row.employment == "ACTIVE")
            for row in bookings
            for kept in [decode(row.kept)]
        ),
        posted=project.posted,
    )


def _work(kept: Mapping[str, Value]) -> PlannedWork:
    hours = kept.get("planned_hours")
    return PlannedWork(
        hours if isinstance(hours, Decimal) else Decimal(0), _day(kept.get("start_date")), _after(kept.get("end_date"))
    )


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None


def _day(value: Value) -> date | None:
    return value if isinstance(value, date) else None


def _after(value: Value) -> date | None:
    """Vendors give the last day; intervals here are half-open (domain.md section 0)."""
    # The last day that there is stands for no end at the vendors, and no day comes after it.
    return min(value, date.max - ONE_DAY) + ONE_DAY if isinstance(value, date) else None

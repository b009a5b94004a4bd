"""The audit trail: who did what, to what, and what became of it."""

from __future__ import annotations

import strawberry

from schema.declare import PageInfo, told, value
from schema.scalars import DateTime


@value
class AuditedValue:
    """One attribute, before and after."""

    attribute: str = told("The attribute's name in the hub's records.")
    before: str | None = told("What it was; null where it was nothing, or you may not see it.")
    after: str | None = told("What it is since; null where it is nothing, or you may not see it.")


@value
class AuditEntry:
    """One command that somebody gave, or one look at what a person costs."""

    at: DateTime = told("When.")
    actor: str = told(
        "Whose token it was: the work e-mail, or the token's subject; a pseudonym for those who read no names."
    )
    roles: list[str] = told("The token's roles.")
    on_behalf_of: str | None = told("The user for whom a service account acted; a pseudonym likewise.")
    correlation_id: strawberry.ID = told("Ties together everything that was done for the request.")
    action: str = told("The mutation's name, or `read:costRate`.")
    entity_id: strawberry.ID | None = told("What it concerned.")
    outcome: str = told("What became of it, such as `APPLIED` or `REJECTED`.")
    code: str | None = told("Why it was refused.")
    values: list[AuditedValue] = told("What was to change.")


@value
class AuditEdge:
    """One entry of a page, with its place in the trail."""

    cursor: str = told("The place in the trail: pass it as `after` to go on from here.")
    node: AuditEntry = told("The entry.")


@value
class AuditConnection:
    """A page of the audit trail, newest first."""

    edges: list[AuditEdge] = told("The entries of the page with their cursors.")
    nodes: list[AuditEntry] = told("The entries of the page.")
    page_info: PageInfo = told("Where the page stands in the trail.")
    total_count: int = told("How many entries there are on all pages together.")

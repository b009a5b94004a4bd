"""Where reading begins."""

from __future__ import annotations

import strawberry

from schema.audit import AuditConnection
from schema.commercial import Contract, Opportunity
from schema.customers import Customer
from schema.declare import AFTER, SEARCH_DESCRIPTION, Connection, argument, first, told, value
from schema.delivery import Project
from schema.inputs import ContractFilter, OpportunityFilter, ProjectFilter, ProjectOrder, ResourceFilter
from schema.nodes import Node, SourceHealth
from schema.resources import Resource
from schema.revenue import Invoice

_ID = argument("id", strawberry.ID, "The canonical id.")


@value
class Query:
    """Reading: entities by id, lists with filters, and the state of the systems behind them."""

    node: Node | None = told("Anything by its id; null when there is nothing with it.", _ID)
    nodes: list[Node | None] = told(
        "Several by their ids, in the order given: null where there is nothing, an error for a malformed id.",
        argument("ids", list[strawberry.ID], "The canonical ids, at most 200."),
    )
    customer: Customer | None = told("One customer.", _ID)
    customers: Connection[Customer] = told(
        "All customers, by name.", argument("search", str | None, SEARCH_DESCRIPTION), first(20), AFTER
    )
    opportunity: Opportunity | None = told("One opportunity.", _ID)
    opportunities: Connection[Opportunity] = told(
        "All opportunities, by name.",
        argument("filter", OpportunityFilter | None, "Which of them."),
        first(20),
        AFTER,
    )
    contract: Contract | None = told("One contract.", _ID)
    contracts: Connection[Contract] = told(
        "All contracts, by number.", argument("filter", ContractFilter | None, "Which of them."), first(20), AFTER
    )
    project: Project | None = told(
        "One project, by its id or its code: give exactly one of the two.",
        argument("id", strawberry.ID | None, "The canonical id."),
        argument("code", str | None, "The project's code."),
    )
    projects: Connection[Project] = told(
        "All projects, by name unless ordered otherwise. Page forwards with `first` and `after`, or backwards with"
        " `last` and `before`.",
        argument("filter", ProjectFilter | None, "Which of them."),
        argument("orderBy", ProjectOrder | None, "In which order."),
        first(20),
        AFTER,
        argument("last", int | None, "How many to give at most from the end, 0 to 200; not together with `first`."),
        argument("before", str | None, "Give what comes before this cursor of an earlier page."),
    )
    resource: Resource | None = told("One person.", _ID)
    resources: Connection[Resource] = told(
        "All people who can be staffed, by name.",
        argument("filter", ResourceFilter | None, "Which of them."),
        first(20),
        AFTER,
    )
    invoice: Invoice | None = told("One invoice.", _ID)
    audit: AuditConnection = told(
        "Who did what, newest first; for integration support and finance operations.",
        first(50),
        AFTER,
        argument("entityId", strawberry.ID | None, "Only what concerned this entity."),
    )
    sources: list[SourceHealth] = told("The systems of record behind the graph, and how they are doing.")

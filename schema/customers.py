"""Master data: customers, the firm's own legal entities and practices."""

from __future__ import annotations

from schema.declare import AFTER, Connection, argument, entity, first, told
from schema.enums import CollectionsIndicator
from schema.nodes import Entity, Money, Node
from schema.refs import ContractRef, OpportunityRef, ProjectRef
from schema.scalars import Currency


@entity
class LegalEntity(Node):
    """A company of the firm: it employs people, signs contracts, and keeps its own books."""

    code: str = told("Short code of the company, such as `US01`.")
    name: str = told("Name of the company.")
    country: str = told("Country of the company, as an ISO 3166 code.")
    currency: Currency = told("The currency of its books.")


@entity
class Practice(Node):
    """A part of the firm that delivers one sort of work; practices form a tree."""

    code: str = told("Short code of the practice.")
    name: str = told("Name of the practice.")
    parent: Practice | None = told("The practice that this one is part of; null at the top.")


@entity
class Customer(Entity):
    """A company that the firm sells to."""

    name: str = told("Name of the customer.")
    industry: str | None = told("The customer's line of business.")
    region: str | None = told("The sales region that the customer belongs to.")
    parent: Customer | None = told("The customer that owns this one; null at the top.")
    credit_hold: bool | None = told("Whether finance has stopped further business with this customer.")
    open_receivables: Money | None = told(
        "What the customer owes: the unpaid part of all invoices, tax included.",
        argument("currency", Currency | None, "The currency to tell it in; needed when there are several."),
    )
    collections: CollectionsIndicator | None = told("How late the customer pays.")
    opportunities: Connection[OpportunityRef] = told("The customer's opportunities, by name.", first(20), AFTER)
    contracts: Connection[ContractRef] = told("The customer's contracts, by number.", first(20), AFTER)
    projects: Connection[ProjectRef] = told("Projects done for the customer, by code.", first(20), AFTER)

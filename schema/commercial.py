"""What is sold: opportunities, contracts, their lines and changes."""

from __future__ import annotations

from schema.declare import entity, told, value
from schema.enums import ChangeOrderStatus, CommercialModel, ContractStatus, OpportunityStatus
from schema.nodes import Entity, Money
from schema.refs import CustomerRef, LegalEntityRef, ProjectRef
from schema.scalars import Date, Decimal


@value
class SoldRole:
    """Work that an opportunity sells, as hours of a role."""

    role: str = told("The role in the words of the CRM.")
    delivery_role: str | None = told("The PSA's role that it maps to on its start date; null when it is not mapped.")
    labor_category: str | None = told("The ERP's labor category that the role maps to; null when it is not mapped.")
    unmapped: str | None = told("Why a mapping above is null: ROLE_UNMAPPED; null when both are there.")
    hours: Decimal | None = told("Hours sold.")
    bill_rate: Money | None = told("Price of one hour.")
    start_date: Date | None = told("First day of the work.")
    end_date: Date | None = told("Last day of the work.")


@value
class SoldPackage:
    """A ready-made service package that an opportunity sells."""

    code: str = told("Code of the package.")
    quantity: Decimal | None = told("How many of it.")
    price: Money | None = told("Price of one.")


@entity
class Opportunity(Entity):
    """A deal that is being sold, was won, or was lost."""

    name: str = told("Name of the deal.")
    customer: CustomerRef | None = told("Who would buy.")
    stage: str | None = told("The CRM's own stage of the sale.")
    status: OpportunityStatus = told("Open, won or lost.")
    probability: Decimal | None = told("How likely the deal is to be won, from 0 to 1.")
    amount: Money | None = told("What the deal is worth.")
    expected_close: Date | None = told("When the decision is expected.")
    start_date: Date | None = told("When the work would start.")
    region: str | None = told("The sales region of the deal.")
    sold_roles: list[SoldRole] | None = told("The work that is sold, by role.")
    sold_packages: list[SoldPackage] | None = told("The service packages that are sold.")
    contract: Contract | None = told("The contract that came of it.")
    weighted_hours: Decimal | None = told("Hours of all sold roles, times the probability.")


@entity
class ContractLine(Entity):
    """A part of a contract with its own price and way of billing."""

    name: str = told("Name of the line.")
    model: CommercialModel | None = told("How the line is priced.")
    price: Money | None = told("Agreed price of the line.")
    cap: Money | None = told("The most that may be billed, where the model has a cap.")
    start_date: Date | None = told("First day of the line.")
    end_date: Date | None = told("Last day of the line.")
    revenue_method: str | None = told("How the ERP recognizes the line's revenue; null until finance has set it.")


@entity
class ChangeOrder(Entity):
    """An agreed or proposed change of a contract line."""

    line: ContractLine | None = told("The line that it changes.")
    status: ChangeOrderStatus = told("Proposed, approved or rejected.")
    reason: str | None = told("Why the line changes.")
    price_delta: Money | None = told("What is added to the line's price; negative for a reduction.")
    hours_delta: Decimal | None = told("What is added to the line's hours; negative for a reduction.")
    effective_date: Date | None = told("The day from which it holds.")


@entity
class Contract(Entity):
    """What a customer has ordered, from which company of the firm, at what price."""

    number: str = told("Number of the contract.")
    customer: CustomerRef | None = told("Who ordered.")
    opportunity: Opportunity | None = told("The deal that it came from.")
    legal_entity: LegalEntityRef | None = told("The company of the firm that signed it.")
    status: ContractStatus = told("How the contract stands.")
    signed_on: Date | None = told("The day of the signature.")
    value: Money | None = told("Value of the whole contract.")
    lines: list[ContractLine] = told("The parts of the contract, by name.")
    change_orders: list[ChangeOrder] | None = told("Changes of its lines, by effective date.")
    projects: list[ProjectRef] = told("The projects that deliver it, by code.")

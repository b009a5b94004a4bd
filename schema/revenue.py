"""Money billed and recognized: invoices and revenue by period."""

from __future__ import annotations

from schema.declare import entity, told, value
from schema.enums import InvoiceStatus
from schema.nodes import Entity, Money
from schema.refs import CustomerRef, MilestoneRef, ProjectRef
from schema.scalars import Date, Period


@value
class InvoiceLine:
    """A line of an invoice, without tax."""

    description: str | None = told("What is charged.")
    amount: Money | None = told("How much, without tax.")
    period: Period | None = told("The accounting period that it is posted to.")
    milestone: MilestoneRef | None = told("The milestone that it bills.")


@entity
class Invoice(Entity):
    """A bill to a customer, posted in the ERP."""

    number: str = told("Number of the invoice.")
    customer: CustomerRef | None = told("Who is billed.")
    project: ProjectRef | None = told("The project that is billed.")
    status: InvoiceStatus | None = told("How the invoice stands.")
    issued_on: Date | None = told("The day of issue.")
    due_on: Date | None = told("The day by which it is to be paid.")
    total: Money | None = told("The whole amount, tax included.")
    open_amount: Money | None = told("What is not paid yet, tax included.")
    lines: list[InvoiceLine] | None = told("What is charged.")


@value
class RevenuePeriod:
    """Money of one project in one accounting period."""

    period: Period = told("The accounting period.")
    planned: Money | None = told("What the ERP's schedule plans to recognize; null where there is no plan.")
    billed: Money | None = told("What was invoiced, without tax.")
    recognized: Money | None = told("What was recognized as revenue.")

"""The rows of the table for contracts: revenue methods in the ERP, change orders in the CRM."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from hub.domain.commands import Outcome
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain
from hub.ports import Entity
from tests.integration.commands.case import Case, Ready, Refused, given
from tests.support.commands import FINANCE, PMO
from tests.support.live import NOW, Live

ORDERS = "/services/rest/record/v1/salesOrder"
QUERY = "/services/data/v66.0/query"
METHODS = ("RATABLE", "COST_TO_COST", "HOURS_TO_HOURS", "POINT_IN_TIME")
BILLED = """
SELECT e.id FROM entity e WHERE e.kind = 'contract_line' AND e.deleted_at IS NULL
  AND EXISTS (SELECT 1 FROM record r WHERE r.entity_id = e.id AND r.system = 'netsuite')
ORDER BY e.id"""
UNBILLED = BILLED.replace("EXISTS", "NOT EXISTS")
SIGNED = """
SELECT e.id FROM entity e JOIN entity c ON c.id = e.contract_id AND c.status IN ('SIGNED', 'ACTIVE')
WHERE e.kind = 'contract_line' AND e.deleted_at IS NULL ORDER BY e.id"""
ENDED = SIGNED.replace("'SIGNED', 'ACTIVE'", "'COMPLETED', 'CANCELLED'")


async def _line(hub: Live, statement: str) -> Entity:
    """One line after the other of those that fit."""
    rows = await hub.rows(statement)
    return await hub.entity(CanonicalId(rows[hub.number() % len(rows)].id))


def _on(statement: str) -> Any:
    """The same for another line."""

    async def spoil(hub: Live, ready: Ready) -> Ready:
        return ready.but(contractLineId=(await _line(hub, statement)).id)

    return spoil


# -- setRevenueMethod -------------------------------------------------------------------------------


def sales_order(hub: Live, number: str) -> dict[int, dict[str, Any]]:
    """What NetSuite says of a sales order's lines."""
    answer = hub.vendor("netsuite", f"{ORDERS}/{number}?expandSubResources=true")
    items = answer["item"]["items"]
    return {item["line"]: {n: v for n, v in item.items() if n != "links"} for item in items}


async def _set_method(hub: Live) -> Ready:
    line = await _line(hub, BILLED)
    key = line.keys[Domain.ERP]
    order, _, number = key.external_id.partition(":")

    def method() -> str | None:
        found = sales_order(hub, order)[int(number)].get("custcol_revenue_method")
        return None if found is None else str(found["refName"])

    new, theirs = [m for m in METHODS if m != method()][:2]

    def wanted(before: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
        there = before[int(number)]
        return {**before, int(number): {**there, "custcol_revenue_method": ids[new]}}

    def meddle() -> object:
        change = {"line": int(number), "custcol_revenue_method": {"refName": theirs}}
        return hub.vendor("netsuite", f"{ORDERS}/{order}", "PATCH", {"item": {"items": [change]}})

    ids = {name: {"id": str(n), "refName": name} for n, name in METHOD_IDS.items()}
    return Ready(
        FINANCE,
        {"contractLineId": line.id, "revenueMethod": new},
        lambda: sales_order(hub, order),
        wanted,
        other={"revenueMethod": theirs},
        shows={"revenue_method": new},
        record=key,
        meddle=meddle,
    )


METHOD_IDS = {3: "POINT_IN_TIME", 4: "RATABLE", 7: "COST_TO_COST", 8: "HOURS_TO_HOURS"}
"""The ids of the account's own list."""
SET_METHOD = Case(
    "setRevenueMethod",
    "netsuite",
    _set_method,
    (
        Refused("INVALID_INPUT", "an empty name", given(revenueMethod=" "), "revenueMethod"),
        Refused("INVALID_INPUT", "a name too long", given(revenueMethod="m" * 201), "revenueMethod"),
        Refused(
            "INVALID_INPUT", "none of the account's", given(revenueMethod="by moonlight"), "revenueMethod", asks=True
        ),
        Refused("XREF_MISSING", "a line that the ERP has not", _on(UNBILLED), "contractLineId"),
    ),
    # The one attribute that the ERP owns of a line is the one that is set: who has set it just before is overruled.
    disturbed=False,
)

# -- proposeChangeOrder -----------------------------------------------------------------------------


def change_orders(hub: Live, line: Entity) -> list[dict[str, Any]]:
    """What Salesforce says of the change orders of a line."""
    columns = "Id, Reason__c, Price_Delta__c, Hours_Delta__c, Effective_Date__c, Status__c"
    where = f"Contract_Line__c = '{line.keys[Domain.CRM].external_id}'"
    soql = f"SELECT {columns} FROM Change_Order__c WHERE {where}"
    rows = hub.vendor("salesforce", f"{QUERY}?q={soql.replace(' ', '+').replace('=', '%3D')}")["records"]
    return by_reason([{name: value for name, value in row.items() if name != "attributes"} for row in rows])


def without_ids(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Change orders as they can be foretold: the vendor makes the ids."""
    return [{name: value for name, value in row.items() if name != "Id"} for row in rows]


def by_reason(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Change orders in an order that the vendor cannot give: a long text is not sorted."""
    return sorted(rows, key=lambda row: str(row["Reason__c"]))


async def _propose(hub: Live) -> Ready:
    line, number = await _line(hub, SIGNED), hub.number()
    reason = f"a wider scope {number}"

    def wanted(before: list[dict[str, Any]]) -> list[dict[str, Any]]:
        made = {
            "Reason__c": reason,
            "Price_Delta__c": 1000 + number,
            "Hours_Delta__c": 8.5,
            "Effective_Date__c": NOW.date().isoformat(),
            "Status__c": "Proposed",
        }
        return by_reason([*before, made])

    async def also(outcome: Outcome) -> None:
        """It is listed under its contract, which is what the payload shows."""
        assert outcome.entity == line.kept["contract"]
        (made,) = [row["Id"] for row in change_orders(hub, line) if row["Reason__c"] == reason]
        listed = await hub.rows(
            "SELECT o.status FROM entity o JOIN record r ON r.entity_id = o.id AND r.external_id = :made"
            " WHERE o.kind = 'change_order' AND o.contract_id = :contract",
            contract=outcome.entity,
            made=made,
        )
        assert [row.status for row in listed] == ["PROPOSED"]

    return Ready(
        PMO,
        {
            "contractLineId": line.id,
            "reason": reason,
            "priceDelta": Decimal(1000 + number),
            "hoursDelta": Decimal("8.5"),
            "effectiveDate": NOW.date(),
        },
        lambda: without_ids(change_orders(hub, line)),
        wanted,
        other={"hoursDelta": Decimal(9)},
        also=also,
    )


async def _in_another_currency(hub: Live, ready: Ready) -> Ready:
    """Finer than any currency's minor unit."""
    return ready.but(priceDelta=Decimal("0.00001"))


PROPOSE = Case(
    "proposeChangeOrder",
    "salesforce",
    _propose,
    (
        Refused("INVALID_INPUT", "an empty reason", given(reason=" "), "reason"),
        Refused("INVALID_INPUT", "a reason too long", given(reason="r" * 2_001), "reason"),
        Refused("INVALID_INPUT", "no change", given(priceDelta=Decimal(0), hoursDelta=Decimal(0)), "priceDelta"),
        Refused("INVALID_INPUT", "no number", given(priceDelta=Decimal("NaN")), "priceDelta"),
        Refused("INVALID_INPUT", "too much", given(priceDelta=Decimal(10) ** 13), "priceDelta"),
        Refused("INVALID_INPUT", "finer than the currency", _in_another_currency, "priceDelta"),
        Refused("INVALID_INPUT", "a day in antiquity", given(effectiveDate=date.min), "effectiveDate"),
        Refused("INVALID_INPUT", "endless hours", given(hoursDelta=Decimal("Infinity")), "hoursDelta"),
        Refused("INVALID_INPUT", "finer than a hundredth", given(hoursDelta=Decimal("1.001")), "hoursDelta"),
        Refused("CONTRACT_NOT_ACTIVE", "a contract that has ended", _on(ENDED), "contractLineId"),
    ),
    versioned=False,
    disturbed=False,
)

CASES = (SET_METHOD, PROPOSE)

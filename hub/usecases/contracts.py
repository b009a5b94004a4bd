"""Contracts: proposed changes go to the CRM, how a line's revenue is recognized to the ERP (domain.md section 1)."""

from __future__ import annotations

from decimal import Decimal

from hub.domain import commands
from hub.domain.commands import refuse
from hub.domain.ids import new_id
from hub.domain.kinds import Kind
from hub.domain.money import Money, minor_units
from hub.domain.records import Value
from hub.errors import InvalidInput
from hub.ports import Entity, SourceWrite
from hub.store.ledger import Sending
from hub.usecases.desk import Given, Mutation, Work, writers_of
from hub.usecases.projects import MAX_REASON, check_day, check_text

MOST = Decimal(10) ** 12
ENDED = frozenset({"COMPLETED", "CANCELLED"})


# -- setRevenueMethod -------------------------------------------------------------------------------


def _check_method(given: Given) -> None:
    check_text("revenueMethod", given["revenueMethod"], 200)


async def _prepare_method(work: Work) -> Sending:
    line = work.targets["contractLineId"]
    key = work.key(line, ["revenue_method"], field="contractLineId")
    before = await work.current(key)
    values: dict[str, Value] = {"revenue_method": work.given["revenueMethod"].strip()}
    write = SourceWrite(
        "update", key.kind, key.external_id, values, work.token, version=work.given.get("expectedVersion")
    )
    return Sending(key.system, write, work.locks, line.id, before)


# -- proposeChangeOrder -----------------------------------------------------------------------------


def _check_change(given: Given) -> None:
    check_day("effectiveDate", given["effectiveDate"])
    check_text("reason", given["reason"], MAX_REASON)
    for field in ("priceDelta", "hoursDelta"):
        if not given[field].is_finite() or abs(given[field]) > MOST:
            raise InvalidInput(field, f"must be at most {MOST}")
    if given["hoursDelta"] != given["hoursDelta"].quantize(Decimal("0.01")):
        raise InvalidInput("hoursDelta", "has at most two decimal places")
    if not given["priceDelta"] and not given["hoursDelta"]:
        raise InvalidInput("priceDelta", "a change order changes the price or the hours")


async def _prepare_change(work: Work) -> Sending:
    line = work.targets["contractLineId"]
    contract = await work.linked(line, "contract")
    if contract is None:
        refuse(commands.NOT_FOUND, "The line belongs to no contract.", field="contractLineId")
    if contract.kept.get("status") in ENDED:
        refuse(
            "CONTRACT_NOT_ACTIVE",
            f"The contract is {contract.kept['status']}: nothing changes it.",
            field="contractLineId",
        )
    key = work.key(line, ["price"], field="contractLineId")
    values: dict[str, Value] = {
        "line": work.ref(line, key.system, field="contractLineId"),
        "status": "PROPOSED",
        "reason": work.given["reason"],
        "price_delta": _price(work.given["priceDelta"], contract),
        "hours_delta": work.given["hoursDelta"],
        "effective_date": work.given["effectiveDate"],
    }
    write = SourceWrite("create", Kind.CHANGE_ORDER, None, values, work.token, new_id(Kind.CHANGE_ORDER))
    return Sending(key.system, write, work.locks, contract.id)


def _price(delta: Decimal, contract: Entity) -> Money:
    """The difference in the contract's currency, in which the line is priced."""
    value = contract.kept.get("value")
    if not isinstance(value, Money):
        refuse(commands.XREF_MISSING, "The contract's currency is not known.", cls=commands.DATA_QUALITY)
    places = minor_units(value.currency)
    if delta != delta.quantize(Decimal(1).scaleb(-places)):
        refuse(
            commands.INVALID_INPUT,
            f"{value.currency} has {places} decimal places.",
            cls=commands.DATA_QUALITY,
            field="priceDelta",
        )
    return Money.of(delta, value.currency)


MUTATIONS = (
    Mutation(
        "setRevenueMethod",
        writers_of(Kind.CONTRACT_LINE, "revenue_method"),
        {"contractLineId": Kind.CONTRACT_LINE},
        _prepare_method,
        _check_method,
        "contractLineId",
    ),
    Mutation(
        "proposeChangeOrder",
        writers_of(Kind.CHANGE_ORDER, "line", "reason", "price_delta", "hours_delta", "effective_date"),
        {"contractLineId": Kind.CONTRACT_LINE},
        _prepare_change,
        _check_change,
        shows=None,
    ),
)

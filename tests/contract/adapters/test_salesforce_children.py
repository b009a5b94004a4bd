"""Sold roles and packages: rows of their own, whose changes the opportunity's stamp does not tell."""

from __future__ import annotations

from decimal import Decimal

from hub.domain.kinds import Kind
from sources.sandbox.firm.vendor_ids import salesforce_id
from tests.contract.adapters.systems import SYSTEMS, connect
from tests.support.sandboxes import small_firm, start_sandbox


async def test_children_are_right_although_the_parents_stamp_stands_still() -> None:
    """Many opportunities take three calls; a changed role shows on the next read."""
    sold = next(o for o in small_firm().opportunities if o.sold_roles)
    role = sold.sold_roles[0]
    ids = [salesforce_id("Opportunity", o.n) for o in small_firm().opportunities]
    wanted = frozenset({"sold_roles", "sold_packages"})
    with start_sandbox("salesforce") as running:
        connection = connect(SYSTEMS["salesforce"], running)
        before = await connection.adapter.fetch(Kind.OPPORTUNITY, ids, wanted)
        assert len(running.requests()) == 3
        await connection.transport.call(
            "PATCH",
            f"/services/data/v66.0/sobjects/Sold_Role__c/{salesforce_id('Sold_Role__c', role.n)}",
            json={"Hours__c": 1234.5},
            expect=(204,),
        )
        after = await connection.adapter.fetch(Kind.OPPORTUNITY, ids, wanted)
        await connection.adapter.aclose()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a and b and a.attributes != b.attributes]
    assert [b.key.external_id for _, b in changed] == [salesforce_id("Opportunity", sold.n)]
    (old, new) = changed[0]
    assert old.stamp == new.stamp
    hours = [r.hours for r in new.attributes["sold_roles"]]  # type: ignore[union-attr]
    assert Decimal("1234.50") in hours
    packages = {p.code for o in small_firm().opportunities for p in o.sold_packages}
    read = {p.code for r in after if r for p in r.attributes["sold_packages"]}  # type: ignore[union-attr]
    assert read == packages

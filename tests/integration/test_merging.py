"""Merging two entities: tombstones, redirects, links that follow, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.domain.kinds import Kind
from hub.domain.merge import MergeRefused
from hub.domain.records import Ref
from hub.store.merging import merge_entities
from tests.integration.test_directory import CONTRACT, CUSTOMER, LINE, UK, Store, job, project, rec


@pytest.fixture
async def store(migrated_database: str) -> AsyncIterator[Store]:
    """An empty directory."""
    opened = Store(migrated_database)
    yield opened
    await opened.engine.dispose()


async def test_the_survivor_keeps_its_id_and_old_ids_still_resolve_in_one_hop(store: Store) -> None:
    """Cross references and links move; a chain of merges collapses."""
    others = [rec("crm", Kind.CUSTOMER, f"001{x}", {"name": x, "region": None, "parent": None}) for x in "BC"]
    owned = rec("crm", Kind.CONTRACT, "800A", {**CONTRACT.attributes, "customer": Ref(Kind.CUSTOMER, "001B")})
    await store.apply(CUSTOMER, *others, owned, LINE, UK)
    acme, b, c = await store.all(Kind.CUSTOMER)
    async with store.engine.begin() as connection:
        await merge_entities(connection, c.id, b.id)
    async with store.engine.begin() as connection:
        await merge_entities(connection, acme.id, c.id)
    store.reader.forget()
    survivor = await store.one(Kind.CUSTOMER)
    assert survivor.id == acme.id
    assert {key.external_id for key in survivor.records} == {"001A", "001B", "001C"}
    assert [e.id for e in await store.reader.entities([b.id, c.id]) if e] == [acme.id, acme.id]
    assert (await store.one(Kind.CONTRACT)).kept["customer"] == acme.id


async def test_kinds_and_postings_that_do_not_fit_are_refused(store: Store) -> None:
    """Two projects with invoices in different legal entities stay two; nothing has changed then."""
    us = rec("erp", Kind.LEGAL_ENTITY, "3", {"code": "US01", "name": "US Inc", "country": "US", "currency": "USD"})
    elsewhere = rec(
        "erp", Kind.PROJECT, "4712", {"legal_entity": Ref(Kind.LEGAL_ENTITY, "3"), "financial_status": "OPEN"}
    )
    bills = [
        rec(
            "erp",
            Kind.INVOICE,
            f"40{n}",
            {"number": f"I-{n}", "project": Ref(Kind.PROJECT, f"471{n}"), "status": "OPEN"},
        )
        for n in (1, 2)
    ]
    await store.apply(UK, us, job("4711", None), elsewhere, *bills, project("77", code="P-77", contract=None))
    billed = [p for p in await store.all(Kind.PROJECT) if p.kept["code"] != "P-77"]
    (invoice, _) = await store.all(Kind.INVOICE)
    for survivor, loser in ((billed[0].id, billed[1].id), (billed[0].id, invoice.id)):
        with pytest.raises(MergeRefused):
            async with store.engine.begin() as connection:
                await merge_entities(connection, survivor, loser)
    assert len(await store.all(Kind.PROJECT)) == 3

"""Salesforce's cursors, on an org whose pages are five rows."""

from __future__ import annotations

import pytest

from hub.domain.kinds import Kind
from hub.errors import SourceUnavailable
from sources.sandbox.firm.vendor_ids import salesforce_id
from tests.contract.adapters.systems import SYSTEMS, connect
from tests.support.sandboxes import small_firm, start_sandbox


@pytest.fixture(autouse=True)
def _no_page_size_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the page size to the org: the small firm has no thousand rows."""
    monkeypatch.setattr("sources.salesforce.adapter.FEED_ROWS", None)


async def test_feeds_and_children_follow_the_cursor_to_its_end() -> None:
    """Every page is read, in order, and none twice; children of one opportunity may lie on two pages."""
    firm = small_firm()
    with start_sandbox("salesforce", page_rows=5) as running:
        connection = connect(SYSTEMS["salesforce"], running)
        pages = [page async for page in connection.adapter.changes(Kind.OPPORTUNITY, None)]
        assert [len(page.records) for page in pages[:-1]] == [5] * (len(pages) - 1)
        ids = [record.key.external_id for page in pages for record in page.records]
        assert sorted(ids) == sorted(salesforce_id("Opportunity", o.n) for o in firm.opportunities)
        records = await connection.adapter.fetch(Kind.OPPORTUNITY, ids, frozenset({"sold_roles"}))
        await connection.adapter.aclose()
    sold = {salesforce_id("Opportunity", o.n): len(o.sold_roles) for o in firm.opportunities}
    read = {r.key.external_id: len(r.attributes["sold_roles"]) for r in records if r}  # type: ignore[arg-type]
    assert read == sold


async def test_a_feed_that_breaks_keeps_what_it_gave() -> None:
    """The first page is whole, and its watermark is where the next run starts."""
    with start_sandbox("salesforce", page_rows=5) as running:
        connection = connect(SYSTEMS["salesforce"], running)
        running.set_fault("down", match="/query/")
        pages = aiter(connection.adapter.changes(Kind.OPPORTUNITY, None))
        given = await anext(pages)
        with pytest.raises(SourceUnavailable):
            await anext(pages)
        running.clear_faults()
        again = [page async for page in connection.adapter.changes(Kind.OPPORTUNITY, given.watermark)]
        told = {record.key for page in [given, *again] for record in page.records}
        assert len(told) == len(small_firm().opportunities)
        await connection.adapter.aclose()

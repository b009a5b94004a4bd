"""Row scope in SQL: pages and counts hold just the rows that the rule lets through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hub.domain.ids import CanonicalId, new_id
from hub.domain.kinds import Kind
from hub.domain.records import Value
from hub.domain.row_scope import RowScope
from hub.errors import InvalidInput
from hub.ports import Entity, PageQuery
from hub.store.codec import encode
from hub.store.columns import columns_of
from hub.store.database import open_engine
from hub.store.directory_reader import PostgresDirectory
from hub.store.directory_writer import store_entity_rows
from hub.usecases.scoped_directory import ScopedDirectory, View
from tests.support.fakes import in_scope

PRACTICES = [new_id(Kind.PRACTICE) for _ in range(2)]
UNITS = [new_id(Kind.LEGAL_ENTITY) for _ in range(2)]


def _rows() -> dict[CanonicalId, Entity]:
    """Make a project with everything below it in each combination, and one that belongs nowhere."""
    rows: dict[CanonicalId, Entity] = {}

    def add(kind: Kind, **kept: Value) -> CanonicalId:
        made = new_id(kind)
        shown = {name: value for name, value in kept.items() if value is not None}
        rows[made] = Entity(made, kind, kind, {}, (), {"name": "x", **shown})
        return made

    for practice, unit in [*((p, u) for p in PRACTICES for u in UNITS), (None, None)]:
        person = add(Kind.RESOURCE, practice=practice, legal_entity=unit)
        contract = add(Kind.CONTRACT, legal_entity=unit)
        line = add(Kind.CONTRACT_LINE, contract=contract)
        add(Kind.CHANGE_ORDER, line=line, contract=contract)
        project = add(Kind.PROJECT, practice=practice, legal_entity=unit, contract=contract, manager=person)
        for kind in (Kind.TASK, Kind.MILESTONE, Kind.ASSIGNMENT, Kind.TIME_ENTRY, Kind.EXPENSE, Kind.INVOICE):
            add(kind, project=project, resource=person)
        add(Kind.CUSTOMER)
    add(Kind.INVOICE)
    return rows


def _scopes(rows: dict[CanonicalId, Entity]) -> list[RowScope]:
    mine = [next(e for e in rows.values() if e.kind is kind).id for kind in (Kind.PROJECT, Kind.RESOURCE)]
    own = {"projects": frozenset(mine[:1]), "people": frozenset(mine[1:])}
    return [
        RowScope("a", practices=frozenset(PRACTICES[:1])),
        RowScope("b", legal_entities=frozenset(UNITS[:1])),
        RowScope("c", frozenset(PRACTICES[:1]), frozenset(UNITS[:1])),
        RowScope("d", **own),
        RowScope("e", frozenset(PRACTICES[1:]), **own),
        RowScope("f", frozenset(), frozenset()),
    ]


@pytest.fixture
async def directory(migrated_database: str) -> PostgresDirectory:
    """Give an empty directory."""
    return PostgresDirectory(open_engine(migrated_database))


async def test_sql_and_rule_agree(directory: PostgresDirectory) -> None:
    """For every kind and scope, of lists and of children."""
    rows = _rows()
    stored = [
        {"id": e.id, "kind": e.kind, "record_kind": e.kind, "kept": encode(e.kept), **columns_of(e.kind, e.kept)}
        for e in rows.values()
    ]
    async with directory._engine.begin() as connection:
        await store_entity_rows(connection, stored)
    for scope in _scopes(rows):
        for kind in {e.kind for e in rows.values()}:
            expected = {i for i, e in rows.items() if e.kind is kind and in_scope(e, scope, rows)}
            page = await directory.page(PageQuery(kind, scope=scope))
            assert (set(page.ids), page.total) == (expected, len(expected)), (scope, kind)
        parents = [i for i, e in rows.items() if e.kind is Kind.PROJECT]
        pages = await directory.child_pages(PageQuery(Kind.TASK, via="project", scope=scope), parents)
        for parent in parents:
            assert bool(pages[parent].ids) is in_scope(rows[parent], scope, rows)
    await _cursors_stay_inside(directory, _scopes(rows))
    await directory._engine.dispose()


async def test_a_code_finds_the_entity_in_scope_behind_one_that_is_not(directory: PostgresDirectory) -> None:
    """Two projects share a code, as they may in two systems: each caller finds their own, or none."""
    kept: list[dict[str, Value]] = [{"name": "x", "code": "P-1", "practice": practice} for practice in PRACTICES]
    first, second = sorted(new_id(Kind.PROJECT) for _ in PRACTICES)
    stored = [
        {"id": i, "kind": Kind.PROJECT, "record_kind": Kind.PROJECT, "kept": encode(k), **columns_of(Kind.PROJECT, k)}
        for i, k in zip((first, second), kept, strict=True)
    ]
    async with directory._engine.begin() as connection:
        await store_entity_rows(connection, stored)

    async def found(practices: frozenset[CanonicalId], code: str = "P-1", **view: Any) -> CanonicalId | None:
        scope = RowScope(repr(sorted(practices)), practices=practices)
        return await ScopedDirectory(directory, View(scope, scope, **view)).by_code(Kind.PROJECT, code)

    assert await found(frozenset(PRACTICES[:1])) == first
    assert await found(frozenset(PRACTICES[1:])) == second
    assert await found(frozenset(PRACTICES)) == first
    assert await found(frozenset()) is None
    assert await found(frozenset(PRACTICES), "p-1") is None
    assert await found(frozenset(PRACTICES), hidden=frozenset({Kind.PROJECT})) is None
    await directory._engine.dispose()


async def _cursors_stay_inside(directory: PostgresDirectory, scopes: list[RowScope]) -> None:
    """A cursor of everybody's list, or of another caller's, is refused."""
    query = PageQuery(Kind.PROJECT, first=1)
    cursor = (await directory.page(query)).cursors[0]
    for scope in scopes:
        with pytest.raises(InvalidInput):
            await directory.page(replace(query, after=cursor, scope=scope))
    own = (await directory.page(replace(query, scope=scopes[0]))).cursors[0]
    with pytest.raises(InvalidInput):
        await directory.page(replace(query, after=own))

"""Row scope as SQL: the rule of hub.domain.row_scope as conditions on rows of `entity`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind, entity_kind
from hub.domain.row_scope import CONTRACT_PARTS, CONTRACTS, PROJECT_PARTS, RowScope

LIVE = ("deleted_at IS NULL", "merged_into IS NULL")


class ScopeSql:
    """Conditions under which rows are in scope; what they refer to is added to `parameters`."""

    def __init__(self, scope: RowScope, parameters: dict[str, Any]) -> None:
        self._scope = scope
        self._parameters = parameters

    def rows(self, row: str, kind: Kind) -> list[str]:
        """What limits rows of the kind; nothing where no limit concerns it: a kind of nobody's scope has none."""
        scope = self._scope
        if scope.unlimited:
            return []
        if kind in PROJECT_PARTS:
            return [f"{row}.project_id IN ({self._ids(Kind.PROJECT)})"]
        if kind in CONTRACT_PARTS:
            return [f"{row}.contract_id IN ({self._ids(Kind.CONTRACT)})"]
        granted = {"practice_id": scope.practices, "legal_entity_id": scope.legal_entities}
        limits: Mapping[str, frozenset[CanonicalId] | None] = {
            Kind.PROJECT: {**granted, "id": scope.projects},
            Kind.RESOURCE: {**granted, "id": scope.people},
            Kind.CONTRACT: {"legal_entity_id": scope.legal_entities},
        }.get(kind, {})
        return [self._among(f"{row}.{column}", ids) for column, ids in limits.items() if ids is not None]

    def money(self, row: str, kind: Kind) -> list[str]:
        """The same where the row shows money: that of a contract is in scope with one of its projects."""
        limits = self.rows(row, kind)
        if kind not in CONTRACTS or self._scope.decides_contracts:
            return limits
        contract = f"{row}.id" if kind is Kind.CONTRACT else f"{row}.contract_id"
        return [*limits, f"{contract} IN ({self._ids(Kind.PROJECT, 'contract_id')})"]

    def any_kind(self, row: str) -> str:
        """What limits rows of whatever kind, with their money."""
        by_limits: dict[str, list[str]] = {}
        for kind in sorted({entity_kind(kind) for kind in Kind}):
            by_limits.setdefault(" AND ".join(self.money(row, kind)) or "true", []).append(f"'{kind}'")
        return " OR ".join(f"{row}.kind IN ({', '.join(kinds)}) AND {limits}" for limits, kinds in by_limits.items())

    def _ids(self, kind: Kind, column: str = "id") -> str:
        """The rows of a kind that are in scope, by id or by what they belong to."""
        inner = [f"s.kind = '{kind}'", *(f"s.{part}" for part in LIVE), *self.rows("s", kind)]
        return f"SELECT s.{column} FROM entity s WHERE {' AND '.join(inner)}"

    def _among(self, column: str, ids: Iterable[CanonicalId]) -> str:
        name = f"scope{len(self._parameters)}"
        self._parameters[name] = sorted(ids)
        return f"{column} = ANY(CAST(:{name} AS text[]))"

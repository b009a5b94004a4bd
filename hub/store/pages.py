"""Keyset paging: a page query as SQL, and rows as a page.

A cursor names its list (a fingerprint of the query and the parent), the sort value and the id of its
row, so a page stays right while rows come and go, and a cursor of another list is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any

import orjson

from hub.domain.ids import CanonicalId
from hub.errors import InvalidInput
from hub.ports import Condition, EntityPage, Op, PageQuery
from hub.store.columns import SORT_COLUMN
from hub.store.scoping import ScopeSql

EMPTY_PAGE = EntityPage((), (), has_next=False, has_previous=False, total=0)

_TEXT_COLUMNS = {
    "stage": "status",
    "employment": "status",
    "status": "status",
    "role": "role",
    "record_kind": "record_kind",
}
_DATES = {"start_date", "end_date", "date"}


def fingerprint(query: PageQuery, parent: CanonicalId | None) -> str:
    """What a cursor must match: everything that decides membership and order, not the page's size or place."""
    scope = None if query.scope is None else query.scope.identity
    identity = (query.kind, query.conditions, query.order_by, query.descending, query.via, parent, scope)
    return hashlib.sha256(repr(identity).encode()).hexdigest()[:12]


def encode_cursor(query: PageQuery, parent: CanonicalId | None, sort_value: str | None, row_id: str) -> str:
    """The opaque cursor of one row."""
    return base64.urlsafe_b64encode(orjson.dumps([fingerprint(query, parent), sort_value, row_id])).decode().rstrip("=")


def decode_cursor(argument: str, cursor: str, query: PageQuery, parent: CanonicalId | None) -> tuple[str | None, str]:
    """Sort value and id of the cursor's row; raises InvalidInput naming the argument."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        mark, value, row_id = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error):
        raise InvalidInput(argument, "is not a cursor of this graph") from None
    if mark != fingerprint(query, parent) or not isinstance(row_id, str) or not isinstance(value, str | None):
        raise InvalidInput(argument, "is a cursor of another list")
    return value, row_id


class PageSql:
    """The two statements of a page query (rows and counts) and their parameters.

    With parents, the same page is read for each of them in one lateral join. Rows come in page order,
    with one row more than asked for when there is a next page.
    """

    def __init__(self, query: PageQuery, parents: Sequence[CanonicalId] | None) -> None:
        self._query = query
        self.parameters: dict[str, Any] = {"kind": str(query.kind)}
        self._column = SORT_COLUMN[query.order_by]
        where = ["e.kind = :kind", "e.deleted_at IS NULL", "e.merged_into IS NULL"]
        where += [self._condition(n, condition) for n, condition in enumerate(query.conditions)]
        if query.scope is not None:
            where += ScopeSql(query.scope, self.parameters).rows("e", query.kind)
        source, parent = "", "NULL::text"
        if parents is not None:
            self.parameters["parents"] = list(parents)
            where.append(f"e.{query.via}_id = p.id")
            source, parent = "unnest(CAST(:parents AS text[])) AS p(id) CROSS JOIN LATERAL ", "p.id"
        filtered = " AND ".join(where)
        placed = " AND ".join([filtered, *self._place(parents)])
        limit = self._limit()
        rows = (
            f"(SELECT e.id, CAST(e.{self._column} AS text) AS sort_value, e.{self._column} AS sort_key FROM entity e"
            f" WHERE {placed} ORDER BY {self._order('e.' + self._column, 'e.id')}{limit}) r"
        )
        order = self._order("r.sort_key", "r.id")
        counts = f"(SELECT count(*) AS total FROM entity e WHERE {filtered}) r"
        self.rows = f"SELECT {parent} AS parent, r.id, r.sort_value FROM {source}{rows} ORDER BY {parent}, {order}"
        self.counts = f"SELECT {parent} AS parent, r.total FROM {source}{counts}"

    def _backwards(self) -> bool:
        return self._query.last is not None

    def _order(self, column: str, row_id: str) -> str:
        """Nulls come last in either direction of the list, so they come first when reading from its end."""
        descending = self._query.descending != self._backwards()
        direction = "DESC" if descending else "ASC"
        nulls = "FIRST" if self._backwards() else "LAST"
        return f"{column} {direction} NULLS {nulls}, {row_id} {direction}"

    def _limit(self) -> str:
        wanted = self._query.first if self._query.first is not None else self._query.last
        if wanted is None:
            return ""
        self.parameters["limit"] = wanted + 1
        return " LIMIT :limit"

    def _place(self, parents: Sequence[CanonicalId] | None) -> list[str]:
        """The keyset conditions of `after` and `before`."""
        query = self._query
        if query.after is None and query.before is None:
            return []
        if parents is not None and len(parents) != 1:
            raise InvalidInput("after", "pages on within one parent at a time")
        parent = parents[0] if parents else None
        places = []
        for argument, cursor, later in (("after", query.after, True), ("before", query.before, False)):
            if cursor is not None:
                value, row_id = decode_cursor(argument, cursor, query, parent)
                places.append(self._beyond(argument, value, row_id, later=later))
        return places

    def _beyond(self, name: str, value: str | None, row_id: str, *, later: bool) -> str:
        """Rows that come later (or earlier) in the list than the cursor's row; nulls are the list's end."""
        column = f"e.{self._column}"
        self.parameters[f"{name}_id"] = row_id
        ahead = ">" if later != self._query.descending else "<"
        tie = f"e.id {ahead} :{name}_id"
        if value is None:
            same = f"({column} IS NULL AND {tie})"
            return same if later else f"({column} IS NOT NULL OR {same})"
        self.parameters[f"{name}_value"] = self._typed(name, value)
        mark = f":{name}_value"
        beyond = f"{column} {ahead} {mark} OR ({column} = {mark} AND {tie})"
        return f"({beyond} OR {column} IS NULL)" if later else f"({beyond})"

    def _typed(self, argument: str, value: str) -> str | date:
        if self._column not in _DATES:
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise InvalidInput(argument, "is not a cursor of this graph") from None

    def _condition(self, n: int, condition: Condition) -> str:
        name = f"c{n}"
        column = _column(condition.attribute)
        match condition.op:
            case Op.IN:
                self.parameters[name] = [str(v) for v in condition.values]
                return f"e.{column} = ANY(CAST(:{name} AS text[]))"
            case Op.OVERLAPS:
                self.parameters[name] = [str(v) for v in condition.values]
                return f"e.{column} && CAST(:{name} AS text[])"
            case Op.CONTAINS:
                self.parameters[name] = str(condition.values[0]).casefold()
                return f"position(:{name} IN e.search) > 0"
            case Op.SUBTREE:
                self.parameters[name] = [str(v) for v in condition.values]
                return f"e.{column} IN ({_SUBTREE.format(name=name)})"
            case Op.LESS | Op.GREATER_OR_EQUAL:
                self.parameters[name] = condition.values[0]
                compared = f"e.{column} {'<' if condition.op is Op.LESS else '>='} :{name}"
                return f"({compared} OR e.{column} IS NULL)" if None in condition.values else compared


_SUBTREE = (
    'WITH RECURSIVE tree AS (SELECT CAST(unnest(CAST(:{name} AS text[])) AS text) COLLATE "C" AS id UNION'
    " SELECT c.id FROM entity c JOIN tree ON c.parent_id = tree.id WHERE c.kind = 'practice') SELECT id FROM tree"
)


def _column(attribute: str) -> str:
    """The column behind an attribute; links end in `_id`."""
    plain = {"probability", "skills", "models", "code", "start_date", "end_date", "date", "search"}
    if attribute in _TEXT_COLUMNS:
        return _TEXT_COLUMNS[attribute]
    return attribute if attribute in plain else f"{attribute}_id"


def build_page(query: PageQuery, parent: CanonicalId | None, rows: Sequence[Any], total: int) -> EntityPage:
    """The page that the rows of `PageSql.rows` make: the extra row tells of more, backward reads are turned round."""
    wanted = query.first if query.first is not None else query.last
    more = wanted is not None and len(rows) > wanted
    kept = list(rows[:wanted] if wanted is not None else rows)
    backwards = query.last is not None
    if backwards:
        kept.reverse()
    return EntityPage(
        tuple(CanonicalId(row.id) for row in kept),
        tuple(encode_cursor(query, parent, row.sort_value, row.id) for row in kept),
        has_next=query.before is not None if backwards else more,
        has_previous=more if backwards else query.after is not None,
        total=total,
    )

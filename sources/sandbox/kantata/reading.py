"""List and show: filters, order, paging, side-loading, and the envelope they come in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from sources.sandbox.kantata.errors import not_found
from sources.sandbox.kantata.filters import words
from sources.sandbox.kantata.identifiers import read_ids
from sources.sandbox.kantata.resource import Association, Resource, Selection
from sources.sandbox.kantata.tables import sort_key
from sources.sandbox.kantata.tenant import Tenant

Query = Mapping[str, str]
# Parameters that choose what of a result is shown, not what the result is.
_PRESENTATION = frozenset({"page", "per_page", "limit", "offset", "include", "optional_fields", "only"})
_KEPT_RESULTS = 24
_FAR = 10**15


@dataclass(frozen=True, slots=True)
class PageRules:
    """The vendor's page sizes."""

    default_rows: int = 20
    max_rows: int = 200


class Reader:
    """Answers list and show requests on one tenant."""

    def __init__(self, tenant: Tenant, catalog: Mapping[str, Resource], rules: PageRules) -> None:
        self._tenant = tenant
        self._catalog = catalog
        self._rules = rules
        # Paging through a big table asks the same question again and again; the answer's ids are kept
        # until anything is written. The page is still cut afresh per request, as with the vendor.
        self._results: OrderedDict[tuple[Any, ...], list[int]] = OrderedDict()
        self._version = -1

    def index(self, resource: Resource, query: Query) -> dict[str, Any]:
        """The envelope of a list request. Raises Refusal for a filter that cannot be read."""
        if "only" in query:
            ids = self._only(resource, query)
            return self._envelope(resource, ids, query, count=len(ids), numbered=1)
        ids = self._matching(resource, query)
        page, per_page = self._page(query)
        start, size = self._window(query, page, per_page)
        return self._envelope(resource, ids[start : start + size], query, count=len(ids), numbered=page)

    def show(self, resource: Resource, row_id: int, query: Query) -> dict[str, Any]:
        """The envelope with one record; 404 when it is missing or hidden by a filter."""
        envelope = self.index(resource, {**query, "only": str(row_id)})
        if not envelope["results"]:
            raise not_found()
        return envelope

    def written(self, resource: Resource, ids: list[int], query: Query) -> dict[str, Any]:
        """The envelope that answers a write: the written records, whatever the default filters say."""
        return self._envelope(resource, ids, query, count=len(ids), numbered=1)

    def _page(self, query: Query) -> tuple[int, int]:
        per_page = _positive(query.get("per_page"), self._rules.default_rows)
        return _positive(query.get("page"), 1), min(per_page, self._rules.max_rows)

    def _window(self, query: Query, page: int, per_page: int) -> tuple[int, int]:
        if "limit" in query and "offset" in query:
            limit = _integer(query["limit"], 1)
            return max(0, _integer(query["offset"], 0)), min(max(1, limit), self._rules.max_rows)
        return (page - 1) * per_page, per_page

    def _only(self, resource: Resource, query: Query) -> list[int]:
        table = self._tenant.table(resource.collection)
        found = {row_id for row_id in read_ids(query["only"]) if row_id in table.rows}
        return self._sorted(resource, self._filtered(resource, query, found), query)

    def _matching(self, resource: Resource, query: Query) -> list[int]:
        version = self._tenant.version
        if version != self._version:
            self._results.clear()
            self._version = version
        narrowing = frozenset((name, value) for name, value in query.items() if name not in _PRESENTATION)
        key = (resource.collection, narrowing)
        if key not in self._results:
            self._results[key] = self._sorted(resource, self._filtered(resource, query, None), query)
            if len(self._results) > _KEPT_RESULTS:
                self._results.popitem(last=False)
        self._results.move_to_end(key)
        return self._results[key]

    def _filtered(self, resource: Resource, query: Query, ids: set[int] | None) -> set[int]:
        """What the filters leave of the ids, of the whole collection when None."""
        table = self._tenant.table(resource.collection)
        dropped: list[AbstractSet[int]] = []
        tests: list[Callable[[Any], bool]] = []
        for selection in self._selections(resource, query):
            if selection.keep is not None:
                ids = set(selection.keep) if ids is None else ids & selection.keep
            if selection.drop:
                dropped.append(selection.drop)
            if selection.drop_test is not None:
                tests.append(selection.drop_test)
        # Drops come last: most requests have narrowed the collection by then.
        left = (set(table.rows) if ids is None else ids).difference(*dropped)
        for test in tests:
            left = {row_id for row_id in left if not test(table.rows[row_id])}
        needle = query.get("search", "").strip().lower()
        if needle and resource.search is not None and "only" not in query:
            return {row_id for row_id in left if needle in resource.search(table.rows[row_id]).lower()}
        return left

    def _selections(self, resource: Resource, query: Query) -> Iterator[Selection]:
        for name, rule in resource.filters.items():
            value = query.get(name, rule.default)
            if value is not None and (name in query or rule.yields_to not in query):
                yield rule.apply(self._tenant, value)

    def _sorted(self, resource: Resource, ids: set[int], query: Query) -> list[int]:
        column, descending = _order(resource, query.get("order"))
        table = self._tenant.table(resource.collection)
        if ids and isinstance(getattr(table.rows[next(iter(ids))], column), str):
            by_id = sorted(ids)
            return sorted(by_id, key=lambda i: str(getattr(table.rows[i], column)), reverse=descending)
        if len(ids) * 8 > len(table):
            return [row_id for _, row_id in table.ordered(column, descending=descending) if row_id in ids]
        sign = -1 if descending else 1
        return sorted(ids, key=lambda i: (sign * sort_key(getattr(table.rows[i], column)), i))

    def _envelope(
        self, resource: Resource, ids: list[int], query: Query, *, count: int, numbered: int
    ) -> dict[str, Any]:
        _, page_size = self._page(query)
        maps: dict[str, dict[str, Any]] = {resource.collection: {}}
        included = _included(resource, query)
        self._side_load(resource, ids, included, maps)
        wanted = [name for name in words(query.get("optional_fields", "")) if name in resource.optional]
        table = self._tenant.table(resource.collection)
        for row_id in ids:
            row = table.rows[row_id]
            body = resource.render(self._tenant, row)
            body.update((name, resource.optional[name](self._tenant, row)) for name in wanted)
            body.update(self._printed(included, row))
            maps[resource.collection][str(row_id)] = body
        return {
            "count": count,
            "results": [{"key": resource.collection, "id": str(row_id)} for row_id in ids],
            **maps,
            "meta": {
                "count": count,
                "page_count": -(-count // page_size),
                "page_number": numbered if count else 0,
                "page_size": page_size,
            },
        }

    def _side_load(
        self, resource: Resource, ids: list[int], wanted: list[Association], maps: dict[str, dict[str, Any]]
    ) -> None:
        table = self._tenant.table(resource.collection)
        for association in wanted:
            for collection in association.collections:
                maps.setdefault(collection, {})
            for row_id in ids:
                for collection, other_id in association.refs(self._tenant, table.rows[row_id]):
                    self._load(collection, other_id, maps.setdefault(collection, {}))

    def _load(self, collection: str, row_id: int, rows: dict[str, Any]) -> None:
        key = str(row_id)
        if key in rows or not self._tenant.has_table(collection):
            return
        row = self._tenant.table(collection).get(row_id)
        if row is not None:
            rows[key] = self._catalog[collection].render(self._tenant, row)

    def _printed(self, associations: list[Association], row: Any) -> dict[str, Any]:
        """The id members that only an include brings."""
        printed: dict[str, Any] = {}
        for association in associations:
            found = association.refs(self._tenant, row)
            if association.key.endswith("_ids"):
                printed[association.key] = [str(row_id) for _, row_id in found]
            elif association.key.endswith("_ref"):
                printed[association.key] = {"key": found[0][0], "id": str(found[0][1])} if found else None
            else:
                printed[association.key] = str(found[0][1]) if found else None
        return printed


def _included(resource: Resource, query: Query) -> list[Association]:
    """The associations to side-load; unknown names, and those out of place, are ignored."""
    named = (resource.associations.get(name) for name in words(query.get("include", "")))
    return [found for found in named if found is not None and ("only" in query or not found.by_id_only)]


def _order(resource: Resource, wanted: str | None) -> tuple[str, bool]:
    """The column and direction; an order that is not on the list falls back to the default."""
    name, _, direction = (wanted or "").partition(":")
    if name not in resource.orders or direction not in {"", "asc", "desc"}:
        return resource.default_order
    return resource.orders[name], direction == "desc"


def _integer(text: str | None, default: int) -> int:
    try:
        # Beyond any list, and still a number that JSON readers hold.
        return max(-_FAR, min(_FAR, int(text or "")))
    except ValueError:
        return default


def _positive(text: str | None, default: int) -> int:
    """A number of at least 1; anything else is the default, never an error."""
    value = _integer(text, default)
    return value if value >= 1 else default

"""How a collection is described: its rendering, associations, filters, orders and writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sources.sandbox.kantata.tenant import Tenant, singular

if TYPE_CHECKING:
    from sources.sandbox.kantata.attributes import Attributes

Ref = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a filter does to a collection: keep only these ids, drop these, drop the rows that pass a test.

    The test is for filters that hide much by default: it is asked only of rows that are left otherwise.
    """

    keep: frozenset[int] | set[int] | None = None
    drop: frozenset[int] | set[int] | None = None
    drop_test: Callable[[Any], bool] | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """A query parameter that narrows a collection; with `default` it applies even when absent.

    `yields_to` names a parameter in whose presence the default does not apply.
    """

    apply: Callable[[Tenant, str], Selection]
    default: str | None = None
    yields_to: str | None = None


@dataclass(frozen=True, slots=True)
class Association:
    """What `include=<name>` side-loads; the key's ending (`_ids`, `_id`, `_ref`) tells how it is printed.

    `collections` get a map in the answer even when nothing is found. With `by_id_only` the include
    counts in requests with `only` (and show) alone, and is ignored elsewhere.
    """

    key: str
    collections: tuple[str, ...]
    refs: Callable[[Tenant, Any], list[Ref]]
    by_id_only: bool = False


@dataclass(frozen=True, slots=True)
class Writes:
    """What may be written; an action that is None has no route. `prepare_*` validate and answer the deed itself."""

    create_fields: frozenset[str] = frozenset()
    update_fields: frozenset[str] = frozenset()
    prepare_create: Callable[[Tenant, Attributes], Callable[[], Any]] | None = None
    prepare_update: Callable[[Tenant, Any, Attributes], Callable[[], None]] | None = None
    delete: Callable[[Tenant, Any], None] | None = None
    bulk: int = 1


@dataclass(frozen=True, slots=True)
class Resource:
    """One collection of the API.

    `orders` maps the allowed names of `order=` to columns; `default_order` is (column, descending).
    `optional` are the members that appear only with `optional_fields`. `search` gives the text that
    `search=` looks into. `hidden` are ids never shown.
    """

    collection: str
    render: Callable[[Tenant, Any], dict[str, Any]]
    associations: Mapping[str, Association] = field(default_factory=dict)
    filters: Mapping[str, Filter] = field(default_factory=dict)
    orders: Mapping[str, str] = field(default_factory=lambda: {"updated_at": "updated_at", "created_at": "created_at"})
    default_order: tuple[str, bool] = ("updated_at", True)
    optional: Mapping[str, Callable[[Tenant, Any], Any]] = field(default_factory=dict)
    search: Callable[[Any], str] | None = None
    writes: Writes = field(default_factory=Writes)

    @property
    def singular(self) -> str:
        """The root key of one record."""
        return singular(self.collection)


def text_id(value: int | None) -> str | None:
    """An id as the wire writes it."""
    return None if value is None else str(value)


def to_one(key: str, collection: str, column: str | None = None) -> Association:
    """An association held in a column of the row."""
    source = column or key

    def refs(_tenant: Tenant, row: Any) -> list[Ref]:
        value = getattr(row, source)
        return [] if value is None else [(collection, value)]

    return Association(key, (collection,), refs)


def to_many(key: str, collection: str, ids: Callable[[Tenant, Any], Any], *, by_id_only: bool = False) -> Association:
    """An association found by asking for ids."""

    def refs(tenant: Tenant, row: Any) -> list[Ref]:
        return [(collection, row_id) for row_id in ids(tenant, row)]

    return Association(key, (collection,), refs, by_id_only)


def nothing(key: str, collection: str, *, by_id_only: bool = False) -> Association:
    """An association that the vendor knows and this tenant has no records of."""
    return Association(key, (collection,), lambda _tenant, _row: [], by_id_only)


def references(subject_type: str) -> Association:
    """A record's external references."""
    return to_many(
        "external_reference_ids",
        "external_references",
        lambda tenant, row: [found.id for found in tenant.references_of(subject_type, row.id)],
    )


def custom_values(subject_type: str) -> Association:
    """A record's custom field values."""
    return to_many(
        "custom_field_value_ids",
        "custom_field_values",
        lambda tenant, row: [found.id for found in tenant.values_of(subject_type, row.id)],
    )

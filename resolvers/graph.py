"""Every field of the graph's read side and where its value comes from: the one table that both executors run on.

The reference path (graphql-core with aiodataloader) and the planned path (the compiled engine) look a
field up here and do the same: a field is either the directory's (`Kept`, `Link`, `Children`, `Pages`,
`Provenance`), or a record's (`Attr`), or worked out from several of those (`Derived`). Values below an
entity (money, lines, periods, pages) are plain objects whose fields are `Part`s. The table itself is
resolvers.fields.GRAPH.

Names: an object type's fields are keyed by their name in the graph; attributes are named as records
name them (hub.domain.ownership).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind
from hub.domain.records import Value
from hub.domain.visibility import FieldGroup
from hub.ports import Entity

Arguments: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Attr:
    """An attribute of the record that owns it.

    `attribute` is looked up for the entity's record kind (an employee's name is the HCM's, a
    subcontractor's the ERP's). What the directory keeps of it serves when the record cannot be had
    (resolvers.values). `of` turns the record's value into the graph's. `owned`: the members of the
    value refer to the entity's neighbours, so they are handed on as `Owned`.
    """

    attribute: str
    of: Callable[[Any], Any] | None = None
    owned: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A value that only the directory has: what the hub itself derives and keeps."""

    name: str


@dataclass(frozen=True, slots=True)
class Link:
    """Another entity, by the canonical id that the directory keeps under `name`.

    `owners` says whose word the link is where it is not the attribute's own owner.
    """

    name: str
    target: str
    owners: tuple[Domain, ...] = ()


@dataclass(frozen=True, slots=True)
class Reverse:
    """The one entity of `kind` whose link `via` names this one (an opportunity's contract)."""

    kind: Kind
    via: str
    target: str


@dataclass(frozen=True, slots=True)
class Children:
    """All entities of `kind` whose link `via` names this one, in the given order; `owners` as in Link."""

    kind: Kind
    via: str
    target: str
    order_by: str
    owners: tuple[Domain, ...] = ()


@dataclass(frozen=True, slots=True)
class Pages:
    """A connection: pages of entities of `kind`; below an entity through the link `via`.

    `conditions` turns the field's filter arguments into directory conditions; `order` its order
    arguments into (sort name, descending).
    """

    kind: Kind
    target: str
    default_first: int
    via: str | None = None
    order_by: str = "name"
    conditions: Callable[[Arguments], tuple[Any, ...]] | None = None
    order: Callable[[Arguments], tuple[str, bool]] | None = None


@dataclass(frozen=True, slots=True)
class Derived:
    """A value worked out by a pure function of the entity's attributes and kept values.

    `needs` are record attributes, or a function of the arguments giving them (a cost rate on a day);
    `fn(values, arguments, context)` gets each needed attribute by name, and every kept value by its name
    under `kept`. A needed attribute that is unavailable makes the field null with that reason, unless
    `partial` is set: then it is None in `values`.
    """

    needs: tuple[str, ...] | Callable[[Arguments], tuple[str, ...]]
    fn: Callable[[Values, Arguments, Any], Any]
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Provenance:
    """The records behind an entity, each with what is known of it now."""


@dataclass(frozen=True, slots=True)
class Part:
    """A member of a plain value object, optionally turned into the graph's value."""

    name: str
    of: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class PartLink:
    """A reference inside an owned value object that means another entity (an invoice line's milestone).

    It is a Ref in the vendor's words: a canonical id, or the external id of one of the entities of
    `kind` whose link `via` names the value's entity.
    """

    name: str
    target: str
    kind: Kind
    via: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """The one entity of `kind` that the arguments name by `id`, or by `code` where `by_code` is set."""

    kind: Kind
    target: str
    by_code: bool = False


@dataclass(frozen=True, slots=True)
class ByIds:
    """Entities of any type by their ids: one for `id`, or a list with a slot for each of `ids`.

    `references`: the ids are in the representations that a federation gateway sends instead.
    """

    many: bool = False
    references: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """The state of every system of the estate."""


@dataclass(frozen=True, slots=True)
class Owned:
    """A member of a record's value, with the entity that it belongs to."""

    entity: Entity
    value: Any


@dataclass(frozen=True, slots=True)
class Veiled:
    """A plain value of an entity of which some field groups are withheld."""

    withheld: frozenset[FieldGroup]
    value: Any


@dataclass(frozen=True, slots=True)
class Values:
    """What a derived field is worked out from."""

    attributes: Mapping[str, Value]
    kept: Mapping[str, Value]
    id: CanonicalId


FieldSource: TypeAlias = (
    Attr | Kept | Link | Reverse | Children | Pages | Derived | Provenance | Part | PartLink | Lookup | ByIds | Health
)

TYPE_OF_KIND: Mapping[Kind, str] = {
    Kind.CUSTOMER: "Customer",
    Kind.OPPORTUNITY: "Opportunity",
    Kind.CONTRACT: "Contract",
    Kind.CONTRACT_LINE: "ContractLine",
    Kind.CHANGE_ORDER: "ChangeOrder",
    Kind.PROJECT: "Project",
    Kind.TASK: "Task",
    Kind.MILESTONE: "Milestone",
    Kind.ASSIGNMENT: "Assignment",
    Kind.TIME_ENTRY: "TimeEntry",
    Kind.EXPENSE: "Expense",
    Kind.RESOURCE: "Resource",
    Kind.LEGAL_ENTITY: "LegalEntity",
    Kind.PRACTICE: "Practice",
    Kind.INVOICE: "Invoice",
}
"""The object type of each kind of entity."""
KIND_OF_TYPE: Mapping[str, Kind] = {name: kind for kind, name in TYPE_OF_KIND.items()}

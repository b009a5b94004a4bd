"""Field and object metadata of the tenant: what a describe call tells, and what reading and writing obey."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

TEXT_TYPES = frozenset({"string", "picklist", "textarea", "phone", "url", "email"})
ID_TYPES = frozenset({"id", "reference"})
NUMBER_TYPES = frozenset({"int", "double", "currency", "percent"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object.

    `length` bounds texts in characters; `precision` and `scale` are the digits of a number in all and
    after the point. `cascade` marks a parent whose deletion deletes the row. `long_text` cannot be
    filtered or sorted on. `default` fills a field that a create leaves out.
    """

    name: str
    type: str
    label: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    calculated: bool = False
    auto_number: bool = False
    external_id: bool = False
    unique: bool = False
    id_lookup: bool = False
    long_text: bool = False
    picklist: tuple[str, ...] = ()
    restricted: bool = False
    reference_to: str | None = None
    relationship: str | None = None
    child_relationship: str | None = None
    cascade: bool = False
    default: str | bool | float | None = None

    @property
    def custom(self) -> bool:
        """Whether this tenant added the field."""
        return self.name.endswith("__c")

    @property
    def filterable(self) -> bool:
        """Whether a WHERE or ORDER BY may name the field."""
        return not self.long_text

    @property
    def required(self) -> bool:
        """Whether a create must give the field a value."""
        return not self.nillable and self.createable and self.default is None and self.type != "boolean"


@dataclass(frozen=True, slots=True)
class ChildRelationship:
    """The way from a parent to its children: `name` as sub-selects spell it."""

    name: str
    child_object: str
    child_field: str
    cascade: bool


@dataclass(slots=True)
class ObjectType:
    """One object of the tenant; `fields` and `children` are keyed by lower-case name, in describe order."""

    name: str
    label: str
    label_plural: str
    key_prefix: str
    fields: dict[str, Field]
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    children: dict[str, ChildRelationship] = field(default_factory=dict)
    parents: dict[str, Field] = field(default_factory=dict)

    @property
    def custom(self) -> bool:
        """Whether this tenant added the object."""
        return self.name.endswith("__c")

    def find_field(self, name: str) -> Field | None:
        """The field of that name in any case, or None."""
        return self.fields.get(name.lower())

    def unique_fields(self) -> list[Field]:
        """The fields no two live rows may share a value of."""
        return [each for each in self.fields.values() if each.unique]


Catalogue = dict[str, ObjectType]
"""The objects of the tenant by lower-case name."""


def build_catalogue(objects: Iterable[ObjectType]) -> Catalogue:
    """Index the objects by lower-case name and connect parents with their children."""
    catalogue = {each.name.lower(): each for each in objects}
    for child in catalogue.values():
        for each in child.fields.values():
            _connect(catalogue, child, each)
    return catalogue


def _connect(catalogue: Catalogue, child: ObjectType, reference: Field) -> None:
    if reference.relationship is None or reference.reference_to is None:
        return
    child.parents[reference.relationship.lower()] = reference
    if reference.child_relationship is not None:
        parent = catalogue[reference.reference_to.lower()]
        parent.children[reference.child_relationship.lower()] = ChildRelationship(
            reference.child_relationship, child.name, reference.name, reference.cascade
        )

"""What a caller may see, at the place where a field is read: the tables are hub.domain's, both executors ask here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.domain.visibility import FIELDS, Access, FieldGroup, Rights
from hub.ports import Entity
from resolvers.graph import Arguments, Derived, Owned, Values, Veiled

Place = tuple[str, str]
"""(type, field)."""

NONE_WITHHELD: frozenset[FieldGroup] = frozenset()


def _pseudonym(values: Values, _: Arguments, around: Any) -> str:
    return str(around.reads.pseudonyms.of(values.id))


STAND_INS: Mapping[Place, Derived] = {("Resource", "name"): Derived((), _pseudonym)}
"""What is shown in place of fields that nobody is without, to those who may not see them."""
NEVER_NULL: frozenset[Place] = frozenset({("Query", "sources")})
"""Lists that the contract makes non-null: to those who may not see them they are empty, with the error beside it."""
COST_RATE: Place = ("Resource", "costRate")
"""Every read of it is audited."""


def may_see(rights: Rights, place: Place, parent: Any = None) -> bool:
    """Whether the field is shown as it is, of this parent where one is given."""
    return rights.access(*place) is Access.READ and FIELDS[place] not in withheld_of(parent)


def withheld_of(parent: Any) -> frozenset[FieldGroup]:
    """The groups that are not shown of an entity, or of a value inside it."""
    match parent:
        case Entity() | Veiled():
            return parent.withheld
        case Owned():
            return parent.entity.withheld
        case _:
            return NONE_WITHHELD

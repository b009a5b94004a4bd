"""Which fields of the graph a caller may see: fields by field group; the groups' rule is hub.domain.visibility."""

from __future__ import annotations

from collections.abc import Mapping

from hub.domain.callers import Caller
from hub.domain.visibility import FieldGroup, may_read

GROUP_OF: Mapping[tuple[str, str], FieldGroup] = {
    ("Resource", "costRate"): FieldGroup.PERSON_COST,
}
"""(type, field) → the group that decides about it; a field that is not here is open."""


def may_see(caller: Caller, type_name: str, field_name: str) -> bool:
    """Whether the caller may see that field."""
    group = GROUP_OF.get((type_name, field_name))
    return group is None or may_read(caller.roles, group)

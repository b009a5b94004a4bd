"""Who may see what (domain.md 9.1): field groups, and the roles that may read each.

It starts closed: a group is decided here or nobody's. Only the cost rate of a person is decided so far;
a field outside every group is open to every role.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from hub.domain.ownership import Role


class FieldGroup(StrEnum):
    """Fields that are decided about together."""

    PERSON_COST = "person-cost"
    """What one person costs per hour."""


READERS: Mapping[FieldGroup, frozenset[Role]] = {
    FieldGroup.PERSON_COST: frozenset({Role.FINANCE_OPS}),
}
"""The roles that may read each group."""


def may_read(roles: frozenset[Role], group: FieldGroup) -> bool:
    """Whether a caller with these roles may read the group; several roles are a union."""
    return bool(roles & READERS.get(group, frozenset()))

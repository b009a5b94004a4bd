"""Which rows somebody sees (domain.md 9.1, row scope): grants are practice subtree times legal entity, both match.

What a row's scope is: a project has its practice and its contracting entity; what is below a project
follows it; a person has a home practice and an employer; contracts, their lines and change orders have
the contract's legal entity. Customers, opportunities and reference data belong to nobody's scope: every
role sees them. A delivery manager sees the projects that he or she manages and the people booked there.

Money of a contract is shown where one of its projects is in scope (or, without a grant on practices, by
its legal entity alone), an opportunity's where its contract's is. A customer's receivables are over all
legal entities, so whoever sees a part of the firm's rows does not see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from hub.domain.callers import LOCAL_ISSUER, Caller
from hub.domain.ids import CanonicalId
from hub.domain.kinds import Kind
from hub.domain.ownership import Role
from hub.domain.records import Value

PROJECT_PARTS = frozenset({Kind.TASK, Kind.MILESTONE, Kind.ASSIGNMENT, Kind.TIME_ENTRY, Kind.EXPENSE, Kind.INVOICE})
"""Kinds that follow the project that they are linked to."""
CONTRACT_PARTS = frozenset({Kind.CONTRACT_LINE, Kind.CHANGE_ORDER})
"""Kinds that follow their contract."""
CONTRACTS = CONTRACT_PARTS | {Kind.CONTRACT}
WIDE = CONTRACTS | {Kind.CUSTOMER, Kind.OPPORTUNITY}
"""Kinds that are shown beyond the scope of their money."""

_ALL = "all"


class Own(Enum):
    """Which of their own rows somebody is limited to."""

    NO_LIMIT = auto()
    MANAGED = auto()
    """Projects that the person manages, and the people booked there."""
    TAKES_PART = auto()
    """The same, and projects that the person is booked on."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a caller sees, in the token's words; None: no limit of that sort."""

    practices: frozenset[str] | None = None
    legal_entities: frozenset[str] | None = None
    own: Own = Own.NO_LIMIT
    email: str | None = None

    @property
    def unlimited(self) -> bool:
        """Whether every row is seen."""
        return self.practices is None and self.legal_entities is None and self.own is Own.NO_LIMIT


def reach_of(caller: Caller, on_behalf_of: Caller | None = None, *, by: frozenset[Role] | None = None) -> Reach | None:
    """How far the caller sees; None: nothing at all.

    Without grants of both sorts a token sees everything only when the local key has signed it. A user on
    whose behalf a service account acts limits it to what the directory proves to be that user's. `by` are the roles
    that may do what is to be done (a mutation's writers, say): the caller's others widen nothing. Without it all
    count, for reading is a union.
    """
    practices, entities = caller.practices or None, caller.legal_entities or None
    if caller.issuer != LOCAL_ISSUER and (practices is None or entities is None):
        return None
    if on_behalf_of is not None:
        return Reach(practices, entities, Own.TAKES_PART, on_behalf_of.email)
    counting = caller.roles if by is None or Role.SERVICE in caller.roles else caller.roles & by
    managed = counting == {Role.DELIVERY_MANAGER}
    return Reach(practices, entities, Own.MANAGED if managed else Own.NO_LIMIT, caller.email if managed else None)


def own_reach_of(caller: Caller) -> Reach | None:
    """How far a delivery manager's rights go who has other roles too: own projects, inside the same grants."""
    return reach_of(Caller(caller.subject, frozenset({Role.DELIVERY_MANAGER}), caller.practices,
                           caller.legal_entities, caller.email, caller.allow, caller.issuer))  # fmt: skip


@dataclass(frozen=True, slots=True)
class RowScope:
    """A reach in canonical ids; None: no limit of that sort. `identity` stays the same while the ids behind it change.

    `projects` and `people` are one's own; a person is shown when both the grants and these allow it.
    """

    identity: str = _ALL
    practices: frozenset[CanonicalId] | None = None
    legal_entities: frozenset[CanonicalId] | None = None
    projects: frozenset[CanonicalId] | None = None
    people: frozenset[CanonicalId] | None = None

    @property
    def unlimited(self) -> bool:
        """Whether every row is in scope."""
        return self.practices is None and self.legal_entities is None and self.projects is None

    def has_project(self, project: CanonicalId, kept: Mapping[str, Value]) -> bool:
        """Whether a project with these kept values is in scope."""
        return self._granted(kept) and (self.projects is None or project in self.projects)

    def has_person(self, person: CanonicalId, kept: Mapping[str, Value]) -> bool:
        """Whether a resource with these kept values is in scope."""
        return self._granted(kept) and (self.people is None or person in self.people)

    def has_contract(self, kept: Mapping[str, Value]) -> bool:
        """Whether a contract with these kept values is in scope."""
        return self.legal_entities is None or kept.get("legal_entity") in self.legal_entities

    @property
    def decides_contracts(self) -> bool:
        """Whether a contract's legal entity alone tells that its money is in scope."""
        return self.practices is None and self.projects is None

    def _granted(self, kept: Mapping[str, Value]) -> bool:
        practice = self.practices is None or kept.get("practice") in self.practices
        return practice and self.has_contract(kept)


EVERYTHING = RowScope()
"""No limit."""

"""The rules of commands: repeats, rights, manual steps, segregation, employment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import product

import pytest

from hub.domain.callers import Caller
from hub.domain.capacity import Employment
from hub.domain.commands import (
    NEXT_STATES,
    PROVABLE,
    Actor,
    CommandState,
    Refused,
    Repeat,
    StageFactsNow,
    allowed_steps,
    authorize,
    different_people,
    manual_step,
    repeat_of,
    require_employed,
    roles_of,
    unexpected_changes,
)
from hub.domain.identity import digest
from hub.domain.lifecycle import ProjectStage
from hub.domain.ownership import Role

S, C = ProjectStage, CommandState
EVERY_ROLE = frozenset(Role)


def code_of(rule: Callable[[], object]) -> str | None:
    """The code with which a rule refuses; None when it does not."""
    try:
        rule()
    except Refused as refused:
        return refused.refusal.code
    return None


@pytest.mark.parametrize(
    ("state", "alive", "repeat"),
    [
        (C.APPLIED, False, Repeat.STORED),
        (C.REJECTED, False, Repeat.STORED),
        (C.ACCEPTED, False, Repeat.STORED),
        (C.UNKNOWN, True, Repeat.UNKNOWN),
        (C.UNKNOWN, False, Repeat.UNKNOWN),
        (C.SENT, True, Repeat.IN_PROGRESS),
        (C.SENT, False, Repeat.UNKNOWN),
        (C.RECEIVED, True, Repeat.IN_PROGRESS),
        (C.RECEIVED, False, Repeat.RUN),
    ],
)
def test_what_a_known_key_gets(state: CommandState, alive: bool, repeat: Repeat) -> None:  # noqa: FBT001 - a case
    """Only what was never sent may be run; another request under the key is refused in every state."""
    assert repeat_of(state, same_request=True, alive=alive) is repeat
    assert repeat_of(state, same_request=False, alive=alive) is Repeat.REUSED


def test_nothing_follows_a_final_state_and_nothing_sent_is_sent_again() -> None:
    """UNKNOWN never goes back to where a write is made."""
    assert not NEXT_STATES[C.APPLIED] | NEXT_STATES[C.REJECTED]
    assert not {C.SENT, C.RECEIVED} & (NEXT_STATES[C.UNKNOWN] | NEXT_STATES[C.ACCEPTED])


def test_every_manual_step_of_every_stage() -> None:
    """Exactly the steps of the definition, whoever asks; the refusal lists what is allowed."""
    expected = {
        *product((S.SHELL, S.STAFFED, S.IN_DELIVERY), [S.ON_HOLD]),
        *product([S.ON_HOLD], (S.SHELL, S.STAFFED, S.IN_DELIVERY)),
        (S.IN_DELIVERY, S.DELIVERED),
        *product((S.GATE_PENDING, S.GATE_FAILED, S.SHELL, S.STAFFED), [S.CANCELLED]),
        (S.DELIVERED, S.CLOSED),
        (S.CLOSED, S.DELIVERED),
    }
    for start, to in product(S, S):
        now = StageFactsNow(start, returns_to=to)
        refused = code_of(lambda now=now, to=to: manual_step(now, to, EVERY_ROLE, reason="r"))  # type: ignore[misc]
        assert (refused is None) == ((start, to) in expected), (start, to)
        assert (to in allowed_steps(now)) == ((start, to) in expected)


@pytest.mark.parametrize(
    ("start", "to", "roles"),
    [
        (S.SHELL, S.ON_HOLD, {Role.PMO, Role.DELIVERY_MANAGER}),
        (S.ON_HOLD, S.SHELL, {Role.PMO, Role.DELIVERY_MANAGER}),
        (S.IN_DELIVERY, S.DELIVERED, {Role.PMO, Role.DELIVERY_MANAGER}),
        (S.SHELL, S.CANCELLED, {Role.PMO}),
        (S.DELIVERED, S.CLOSED, {Role.FINANCE_OPS}),
        (S.CLOSED, S.DELIVERED, {Role.FINANCE_OPS}),
    ],
)
def test_who_may_take_a_manual_step(start: ProjectStage, to: ProjectStage, roles: set[Role]) -> None:
    """Every other role is refused."""
    for role in Role:
        now = StageFactsNow(start, returns_to=to)
        refused = code_of(lambda role=role, now=now: manual_step(now, to, frozenset({role}), reason="r"))  # type: ignore[misc]
        assert refused == (None if role in roles else "NOT_PERMITTED")


def test_what_else_stands_against_a_step() -> None:
    """The stage that a hold left, what was posted, the reason, the ERP's own closing."""
    held = StageFactsNow(S.ON_HOLD, returns_to=S.STAFFED)
    assert code_of(lambda: manual_step(held, S.SHELL, EVERY_ROLE, reason=None)) == "INVALID_TRANSITION"
    assert code_of(lambda: manual_step(held, S.STAFFED, EVERY_ROLE, reason=None)) is None
    assert allowed_steps(StageFactsNow(S.ON_HOLD, returns_to=S.DELIVERED)) == ()
    posted = StageFactsNow(S.STAFFED, posted=True)
    assert code_of(lambda: manual_step(posted, S.CANCELLED, EVERY_ROLE, reason=None)) == "ALREADY_POSTED"
    closed = StageFactsNow(S.CLOSED)
    assert code_of(lambda: manual_step(closed, S.DELIVERED, EVERY_ROLE, reason=None)) == "REASON_REQUIRED"
    erp = StageFactsNow(S.CLOSED, closed_in_erp=True)
    assert code_of(lambda: manual_step(erp, S.DELIVERED, EVERY_ROLE, reason="r")) == "NOT_SYSTEM_OF_RECORD"


def test_rights_of_people_and_service_accounts() -> None:
    """The grant is the allow-list; an approval needs a user, whose own roles limit it."""
    writers = frozenset({Role.DELIVERY_MANAGER})

    def asks(
        *roles: Role, allow: tuple[str, ...] = (), user: frozenset[Role] | None = None, approval: bool = False
    ) -> str | None:
        caller = Caller("x", frozenset(roles), allow=frozenset(allow))
        behind = None if user is None else Caller("u", user)
        return code_of(lambda: authorize(Actor(caller, behind), "m", writers, approval=approval))

    assert asks(Role.DELIVERY_MANAGER) is None
    assert asks(Role.PMO) == "NOT_PERMITTED"
    assert asks(Role.SERVICE) == "NOT_PERMITTED"
    assert asks(Role.SERVICE, allow=("m",)) is None
    assert asks(Role.SERVICE, allow=("m",), approval=True) == "ON_BEHALF_OF_REQUIRED"
    assert asks(Role.SERVICE, allow=("m",), approval=True, user=writers) is None
    assert asks(Role.SERVICE, allow=("m",), user=frozenset({Role.PMO})) == "NOT_PERMITTED"
    assert asks(Role.SERVICE, user=writers) == "NOT_PERMITTED"
    assert asks(Role.SERVICE, Role.DELIVERY_MANAGER) == "NOT_PERMITTED"
    assert asks(Role.SERVICE, Role.DELIVERY_MANAGER, user=writers) == "NOT_PERMITTED"
    assert asks(Role.SERVICE, allow=("m",), user=frozenset()) is None
    assert asks(Role.DELIVERY_MANAGER, user=writers) == "NOT_PERMITTED"


def test_what_the_directory_cannot_prove_no_user_may() -> None:
    """Of a user without named roles it proves that they lead a project, and whose time it is."""
    account = Caller("x", frozenset({Role.SERVICE}), allow=frozenset({"m"}))
    for role in Role:
        asked = Actor(account, Caller("u", frozenset()))
        refused = code_of(lambda role=role, asked=asked: authorize(asked, "m", frozenset({role}), approval=False))  # type: ignore[misc]
        assert refused == (None if role in PROVABLE else "NOT_PERMITTED")


def test_the_roles_that_a_command_is_judged_by() -> None:
    """A person's own; for an account any, unless its user has fewer."""
    person, account = Caller("p", frozenset({Role.PMO})), Caller("x", frozenset({Role.SERVICE, Role.PMO}))
    finance = Caller("u", frozenset({Role.FINANCE_OPS}))
    assert roles_of(Actor(person)) == {Role.PMO}
    assert roles_of(Actor(account)) == EVERY_ROLE
    assert roles_of(Actor(account, finance)) == {Role.FINANCE_OPS}
    assert roles_of(Actor(account, Caller("u", frozenset()))) == {Role.DELIVERY_MANAGER}


def test_nobody_approves_their_own() -> None:
    """An approver who cannot be told apart is refused too; a submitter nobody knows is somebody else."""
    assert code_of(lambda: different_people("a", "a")) == "SEGREGATION_OF_DUTIES"
    assert code_of(lambda: different_people(None, "a")) == "APPROVER_UNKNOWN"
    assert code_of(lambda: different_people("a", None)) is None


def test_employment_includes_its_first_and_last_day() -> None:
    """A day more on either side is refused; so is anything for somebody who has left on an unknown day."""
    employed = Employment(date(2026, 1, 5), date(2026, 3, 31))
    assert code_of(lambda: require_employed(employed, date(2026, 1, 5), date(2026, 3, 31), field="f")) is None
    assert code_of(lambda: require_employed(employed, date(2026, 1, 4), date(2026, 3, 1), field="f")) == "OUT_OF_DATES"
    assert code_of(lambda: require_employed(employed, date(2026, 2, 1), date(2026, 4, 1), field="f")) == "OUT_OF_DATES"
    gone = Employment(ended=True)
    assert code_of(lambda: require_employed(gone, date(2026, 2, 1), date(2026, 2, 1), field="f")) == "OUT_OF_DATES"


def test_foreign_changes_are_those_that_nothing_explains() -> None:
    """Written attributes and their consequences are expected; what was not read both times is unknown."""
    before: dict[str, object] = {"name": "a", "end": 1, "status": "x", "gone": 1}
    after: dict[str, object] = {"name": "b", "end": 2, "status": "x", "new": 1}
    assert unexpected_changes(before, after, frozenset({"name"})) == {"end"}


def test_equal_requests_have_equal_hashes() -> None:
    """Order of members, kind of number and outer space do not matter; values do."""
    one = {"hours": Decimal("7.50"), "day": date(2026, 3, 30), "note": " a "}
    same = {"note": "a", "day": date(2026, 3, 30), "hours": Decimal("7.50"), "left": None}
    assert digest([one]) == digest([same])
    assert digest([one]) != digest([{**one, "hours": Decimal("8.00")}])

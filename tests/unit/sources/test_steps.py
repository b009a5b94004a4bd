"""What a failure in the middle of a change is told as."""

from __future__ import annotations

import pytest

from hub.errors import (
    HubError,
    SourceMisconfigured,
    SourceRejected,
    SourceShapeBroken,
    SourceThrottled,
    SourceUnavailable,
    VersionConflict,
    WriteOutcomeUnknown,
)
from sources.steps import stepwise

FAILURES: list[HubError] = [
    SourceUnavailable("psa", "gone", operation="PUT x"),
    SourceThrottled("psa", "slow down"),
    SourceMisconfigured("psa", "no right"),
    SourceShapeBroken("psa", "id is not there"),
]


@pytest.mark.parametrize("failure", [*FAILURES, SourceRejected("psa", "no"), VersionConflict("changed")])
def test_before_the_first_step_a_failure_stays_what_it_is(failure: HubError) -> None:
    """Only that nothing was sent is added."""
    with pytest.raises(type(failure)) as caught, stepwise("psa"):
        raise failure
    assert caught.value is failure
    assert not isinstance(failure, SourceUnavailable) or not failure.sent


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("shows", [True, False])
def test_after_a_step_a_failure_leaves_the_fate_open(failure: HubError, *, shows: bool) -> None:
    """Whether the step shows or not: the rest may still be made."""
    with pytest.raises(WriteOutcomeUnknown) as caught:
        run(failure, shows=shows)
    assert caught.value.__cause__ is failure


@pytest.mark.parametrize(
    ("shows", "undone", "reason"),
    [(True, False, "PARTLY_APPLIED:validation:x"), (False, False, "validation:x"), (True, True, "validation:x")],
)
def test_a_refusal_says_whether_a_part_shows(reason: str, *, shows: bool, undone: bool) -> None:
    """The system's own reason stays in it."""
    with pytest.raises(SourceRejected) as caught:
        run(SourceRejected("psa", "no", reason="validation:x"), shows=shows, undone=undone)
    assert caught.value.reason == reason


def run(failure: HubError, *, shows: bool, undone: bool = False) -> None:
    """A change that fails after its first step."""
    with stepwise("psa") as steps:
        steps.step(shows=shows)
        if undone:
            steps.undone()
        raise failure

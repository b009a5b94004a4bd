"""Arguments are checked before anything is read, and a refusal names the argument."""

from enum import Enum
from typing import Any

import pytest

from hub.domain.ids import new_id
from hub.domain.kinds import Kind
from hub.errors import InvalidInput
from resolvers.arguments import (
    Window,
    as_written,
    canonical_id,
    canonical_ids,
    exactly_one,
    few_enough,
    plain,
    text,
    window,
)


def test_a_missing_or_null_size_is_the_default() -> None:
    """Absent and null mean the same."""
    assert window({}, 20) == Window(20, None, None, None)
    assert window({"first": None, "after": "c"}, 50) == Window(50, "c", None, None)


def test_zero_is_allowed_and_last_reads_from_the_end() -> None:
    """A page of nothing still counts the whole."""
    assert window({"first": 0}, 20).first == 0
    assert window({"last": 5, "before": "c"}, 20) == Window(None, None, 5, "c")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"first": -1}, "first"),
        ({"first": 201}, "first"),
        ({"last": 201}, "last"),
        ({"last": -1}, "last"),
        ({"first": 1, "last": 1}, "last"),
    ],
)
def test_bad_sizes_are_refused(arguments: dict[str, int], named: str) -> None:
    """Negative, too many, or both ends at once."""
    with pytest.raises(InvalidInput) as refused:
        window(arguments, 20)
    assert refused.value.argument == named


def test_a_default_beside_last_is_not_the_callers() -> None:
    """The schema fills `first` in; only what the caller wrote contradicts `last`."""
    assert as_written({"first": 20, "last": 5}, {"last"}) == {"last": 5}
    assert as_written({"first": 20, "last": 5}, {"first", "last"}) == {"first": 20, "last": 5}
    assert as_written({"first": 20}, set()) == {"first": 20}


def test_ids_are_checked() -> None:
    """A malformed id is refused by the argument's name, a repeated one counts once."""
    good = new_id(Kind.PROJECT)
    assert canonical_id("id", good) == good
    assert canonical_ids("filter.customer", [good, good]) == (good,)
    for bad in ("", "prj_1", "xyz_01ARZ3NDEKTSV4RRFFQ69G5FAV", good + "A", good.lower()):
        with pytest.raises(InvalidInput, match=r"^id: "):
            canonical_id("id", bad)


@pytest.mark.parametrize("given", [{}, {"id": None}, {"id": "a", "code": "b"}])
def test_exactly_one_of_two(given: dict[str, Any]) -> None:
    """None and both are refused."""
    with pytest.raises(InvalidInput):
        exactly_one(given, ("id", "code"))


def test_exactly_one_tells_which() -> None:
    """A null counts as not given."""
    assert exactly_one({"id": None, "code": "P-1"}, ("id", "code")) == "code"


def test_texts_and_lists_have_bounds() -> None:
    """What no database can look for, and lists longer than a page, are refused."""
    assert text("search", "é") == "é"
    with pytest.raises(InvalidInput):
        text("search", "\x00")
    with pytest.raises(InvalidInput):
        few_enough("ids", ["x"] * 201)


def test_enums_become_their_names() -> None:
    """Inputs and lists are gone through."""

    class Colour(Enum):
        RED = "RED"

    assert plain({"a": [Colour.RED], "b": {"c": Colour.RED}, "d": 1}) == {"a": ["RED"], "b": {"c": "RED"}, "d": 1}

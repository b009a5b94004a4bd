"""Checking arguments: every refusal is an InvalidInput that names the argument as the caller wrote it.

Scalars check themselves while a request is coerced (schema.scalars); what is here needs more than the
value's own shape. Both executors call these functions with coerced arguments.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hub.domain.ids import CanonicalId, MalformedId, kind_of, parse_id
from hub.errors import InvalidInput
from resolvers.graph import TYPE_OF_KIND, Arguments, ByIds

MAX_PAGE = 200
"""How many entities one page, or one list of ids, may ask for."""
MAX_REFERENCES = 5_000
"""How many representations a gateway may send at once: it sends all entities of its own answer together."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list is asked for; exactly one of `first` and `last` is set."""

    first: int | None
    after: str | None
    last: int | None
    before: str | None


def plain(value: Any) -> Any:
    """The value with every enum member replaced by its name in the graph, in lists and inputs too."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(member) for member in value]
    return value


def as_written(arguments: Arguments, written: Collection[str]) -> Arguments:
    """The arguments without a `first` that only the schema's default put beside the caller's `last`."""
    if arguments.get("last") is None or "first" in written:
        return arguments
    return {name: value for name, value in arguments.items() if name != "first"}


def window(arguments: Arguments, default_first: int) -> Window:
    """The page that is asked for. Raises InvalidInput for a bad size or a contradiction."""
    first, last = arguments.get("first"), arguments.get("last")
    after, before = arguments.get("after"), arguments.get("before")
    if first is not None and last is not None:
        raise InvalidInput("last", "cannot be asked together with first")
    if last is None:
        return Window(_size("first", default_first if first is None else first), after, None, before)
    return Window(None, after, _size("last", last), before)


def _size(argument: str, wanted: int) -> int:
    if wanted < 0:
        raise InvalidInput(argument, "must not be negative")
    if wanted > MAX_PAGE:
        raise InvalidInput(argument, f"must be at most {MAX_PAGE}")
    return wanted


def canonical_id(argument: str, text: str) -> CanonicalId:
    """The id in the text. Raises InvalidInput when it is malformed."""
    try:
        return parse_id(text)
    except MalformedId as problem:
        raise InvalidInput(argument, str(problem)) from None


def canonical_ids(argument: str, texts: Sequence[str]) -> tuple[CanonicalId, ...]:
    """The ids in the texts, without repetition. Raises InvalidInput for a malformed or for too many."""
    few_enough(argument, texts)
    return tuple(dict.fromkeys(canonical_id(argument, text) for text in texts))


def few_enough(argument: str, values: Sequence[object], most: int = MAX_PAGE) -> None:
    """Raise InvalidInput for a list that is longer than a page may be."""
    if len(values) > most:
        raise InvalidInput(argument, f"must have at most {most} values")


def id_slots(source: ByIds, arguments: Arguments) -> list[CanonicalId | InvalidInput]:
    """The ids that a list names, in its order; a bad one is an error in its own slot.

    Raises InvalidInput for too many.
    """
    if source.references:
        given = arguments["representations"]
        few_enough("representations", given, MAX_REFERENCES)
        return [_referred(f"representations[{n}]", one) for n, one in enumerate(given)]
    few_enough("ids", arguments["ids"])
    return [_slot(f"ids[{n}]", one) for n, one in enumerate(arguments["ids"])]


def _slot(argument: str, given: str) -> CanonicalId | InvalidInput:
    try:
        return canonical_id(argument, given)
    except InvalidInput as refusal:
        return refusal


def _referred(argument: str, representation: object) -> CanonicalId | InvalidInput:
    """The id in a gateway's reference to an entity, which names the type as well."""
    given = representation if isinstance(representation, Mapping) else {}
    if not isinstance(given.get("id"), str):
        return InvalidInput(argument, "has no id")
    slot = _slot(f"{argument}.id", given["id"])
    if isinstance(slot, InvalidInput) or TYPE_OF_KIND[kind_of(slot)] == given.get("__typename"):
        return slot
    return InvalidInput(f"{argument}.__typename", f"does not go with the id of a {TYPE_OF_KIND[kind_of(slot)]}")


def text(argument: str, value: str) -> str:
    """The text itself. Raises InvalidInput for the one character that no database can look for."""
    if "\x00" in value:
        raise InvalidInput(argument, "must not contain the character U+0000")
    return value


def exactly_one(arguments: Arguments, names: Sequence[str]) -> str:
    """The name of the one argument that is given. Raises InvalidInput for none or several."""
    given = [name for name in names if arguments.get(name) is not None]
    if len(given) != 1:
        raise InvalidInput(names[0], f"give exactly one of {' and '.join(names)}")
    return given[0]

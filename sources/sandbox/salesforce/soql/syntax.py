"""The parts of a parsed query. `position` is the offset of a part in the query's text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LiteralKind(StrEnum):
    """What a literal looks like, before any field says what it must be."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"
    DATE = "date"
    DATETIME = "datetime"
    DATE_FUNCTION = "date function"


@dataclass(frozen=True, slots=True)
class Path:
    """A field, by way of parent relationships when there is more than one name."""

    names: tuple[str, ...]
    position: int

    @property
    def text(self) -> str:
        """The path as it was written."""
        return ".".join(self.names)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """COUNT and its kin; `path` is None for COUNT() only."""

    function: str
    path: Path | None
    alias: str | None
    position: int


@dataclass(frozen=True, slots=True)
class AliasedPath:
    """A grouped field under another name in the result."""

    path: Path
    alias: str


@dataclass(frozen=True, slots=True)
class FieldsCall:
    """FIELDS(ALL), FIELDS(STANDARD) or FIELDS(CUSTOM)."""

    group: str
    position: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal; `text` is unescaped for strings, upper case for date functions and booleans."""

    kind: LiteralKind
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field or aggregate against one literal; `operator` is = != < <= > >= or LIKE."""

    left: Path | Aggregate
    operator: str
    literal: Literal


@dataclass(frozen=True, slots=True)
class Membership:
    """IN and NOT IN, a list of literals or a sub-query."""

    left: Path
    negated: bool
    members: tuple[Literal, ...] | Query


@dataclass(frozen=True, slots=True)
class SetMembership:
    """INCLUDES and EXCLUDES of multi-select picklists."""

    left: Path
    negated: bool
    members: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Combination:
    """Conditions joined by one operator throughout; mixing needs parentheses."""

    operator: str
    parts: tuple[Condition, ...]


Condition = Comparison | Membership | SetMembership | Negation | Combination


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One ORDER BY key; nulls come first unless said otherwise."""

    target: Path | Aggregate
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class SubSelect:
    """A child sub-select in the SELECT list."""

    query: Query
    position: int


SelectItem = Path | Aggregate | AliasedPath | FieldsCall | SubSelect


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query or sub-query."""

    select: tuple[SelectItem, ...]
    source: Path
    alias: str | None
    where: Condition | None
    group_by: tuple[Path, ...]
    having: Condition | None
    order_by: tuple[OrderKey, ...]
    limit: int | None
    offset: int | None

"""The grammar of WQL and what a parsed query consists of.

Statement: SELECT … FROM source (parameter = value, …) WHERE … GROUP BY … ORDER BY … LIMIT n. Keywords are
case-insensitive, names are not. Text is in single or double quotes; a quote inside is doubled or escaped by
a backslash. A WID stands bare or in quotes. PARAMETERS, HAVING and WHERE ON are not spoken here.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

GRAMMAR = r"""
start: _SELECT [DISTINCT] items _FROM source [where] [group] [order] [limit]
items: item ("," item)*
item: (aggregate | field) [_AS NAME]
field: NAME ["{" nested ("," nested)* "}"]
nested: field [_AS NAME] -> item
aggregate: FUNCTION "(" [DISTINCT] NAME ")"
source: NAME ["(" parameter ("," parameter)* ")"]
parameter: NAME "=" (literal | NAME)

where: _WHERE disjunction
disjunction: conjunction (_OR conjunction)*
conjunction: negation (_AND negation)*
?negation: _NOT negation -> negated
         | "(" disjunction ")"
         | test
?test: NAME OPERATOR literal -> comparison
     | NAME _IN "(" literal ("," literal)* ")" -> member
     | NAME _NOT _IN "(" literal ("," literal)* ")" -> non_member
     | NAME _IS _EMPTY -> empty
     | NAME _IS _NOT _EMPTY -> filled
     | NAME TEXT_OPERATOR literal -> text_test

group: _GROUP _BY NAME ("," NAME)*
order: _ORDER _BY sort ("," sort)*
sort: NAME [DIRECTION]
limit: _LIMIT COUNT
?literal: STRING | WID | NUMBER | BOOLEAN

_SELECT.2: /select\b/i
DISTINCT.2: /distinct\b/i
_FROM.2: /from\b/i
_AS.2: /as\b/i
_WHERE.2: /where\b/i
_GROUP.2: /group\b/i
_ORDER.2: /order\b/i
_BY.2: /by\b/i
_LIMIT.2: /limit\b/i
_AND.2: /and\b/i
_OR.2: /or\b/i
_NOT.2: /not\b/i
_IN.2: /in\b/i
_IS.2: /is\b/i
_EMPTY.2: /empty\b/i
DIRECTION.2: /(asc|desc)\b/i
BOOLEAN.2: /(true|false)\b/i
TEXT_OPERATOR.2: /(startsWith|contains|endsWith)\b/i
FUNCTION.2: /(count|sum|min|max|avg)(?=\s*\()/i
OPERATOR: "!=" | "<=" | ">=" | "=" | "<" | ">"
WID.3: /[0-9a-f]{32}(?!\w)/
NUMBER: /-?\d+(\.\d+)?(?!\w)/
COUNT: /\d{1,9}(?!\w)/
NAME: /[A-Za-z_]\w*/
STRING: /'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"/
%ignore /\s+/
"""


class WqlError(Exception):
    """A query that the tenant does not understand; the text names the offending token."""


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted literal."""

    value: str


@dataclass(frozen=True, slots=True)
class Wid:
    """A bare WID literal."""

    value: str


Literal = Text | Wid | Decimal | bool


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the data source, with the fields wanted of the instance it refers to, if any."""

    name: str
    nested: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A function over a field of a group: count, sum, min, max or avg."""

    function: str
    distinct: bool
    name: str


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the select list; `label` is its name in the result."""

    value: Field | Aggregate
    label: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Field against literal; `operator` is one of = != < > <= >=."""

    name: str
    operator: str
    literal: Literal


@dataclass(frozen=True, slots=True)
class Membership:
    """Field in a list of literals, or not in it."""

    name: str
    literals: tuple[Literal, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Emptiness:
    """Field is empty, or is not."""

    name: str
    negated: bool


@dataclass(frozen=True, slots=True)
class TextTest:
    """Field starts with, contains or ends with a text; `operator` is in lower case."""

    name: str
    operator: str
    literal: Literal


@dataclass(frozen=True, slots=True)
class Negation:
    """The opposite of a condition."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Junction:
    """Several conditions of which all (`every`) or any must hold."""

    conditions: tuple[Condition, ...]
    every: bool


Condition = Comparison | Membership | Emptiness | TextTest | Negation | Junction


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query; `parameters` are those of the data source, a bare name as its text."""

    items: tuple[Item, ...]
    distinct: bool
    source: str
    parameters: dict[str, Literal]
    where: Condition | None
    group_by: tuple[str, ...]
    order_by: tuple[tuple[str, bool], ...]
    limit: int | None


@lru_cache(maxsize=256)
def parse_query(text: str) -> Query:
    """The query that a text says; raises WqlError, which names the token that does not fit."""
    try:
        query: Query = _BUILDER.transform(_PARSER.parse(text))
    except UnexpectedToken as exc:
        raise WqlError(_unexpected(exc.token.type, str(exc.token), exc)) from exc
    except UnexpectedCharacters as exc:
        word = text[exc.pos_in_stream :].split(maxsplit=1)[0]
        raise WqlError(_unexpected("", word, exc)) from exc
    except (RecursionError, VisitError) as exc:
        raise WqlError("invalid query: the conditions are nested too deeply") from exc
    return query


def _unexpected(kind: str, token: str, where: UnexpectedInput) -> str:
    if kind == "$END":
        return "invalid query: unexpected end of the query"
    return f"invalid query: unexpected token '{token}' at line {where.line} column {where.column}"


def _unquoted(token: str) -> str:
    quote, inside = token[0], token[1:-1].replace(token[0] * 2, token[0])
    return inside.replace("\\" + quote, quote).replace("\\\\", "\\")


class _Builder(Transformer[Token, Any]):
    """Turns the parse tree into a Query, bottom up; one method per rule or terminal."""

    def STRING(self, token: Token) -> Text:  # noqa: N802 - Lark calls terminals by their own names
        return Text(_unquoted(token))

    def WID(self, token: Token) -> Wid:  # noqa: N802
        return Wid(str(token))

    def NUMBER(self, token: Token) -> Decimal:  # noqa: N802
        return Decimal(token)

    def BOOLEAN(self, token: Token) -> bool:  # noqa: N802
        return token.lower() == "true"

    def field(self, parts: list[Any]) -> Field:
        return Field(str(parts[0]), tuple(part for part in parts[1:] if part is not None))

    def aggregate(self, parts: list[Any]) -> Aggregate:
        function, distinct, name = parts
        return Aggregate(function.lower(), distinct is not None, str(name))

    def item(self, parts: list[Any]) -> Item:
        value, label = parts
        fallback = value.name if isinstance(value, Field) else f"{value.function}_{value.name}"
        return Item(value, fallback if label is None else str(label))

    def items(self, parts: list[Item]) -> tuple[Item, ...]:
        return tuple(parts)

    def parameter(self, parts: list[Any]) -> tuple[str, Literal]:
        name, value = parts
        return str(name), Text(str(value)) if isinstance(value, Token) else value

    def source(self, parts: list[Any]) -> tuple[str, dict[str, Literal]]:
        return str(parts[0]), dict(part for part in parts[1:] if part is not None)

    def comparison(self, parts: list[Any]) -> Comparison:
        return Comparison(str(parts[0]), str(parts[1]), parts[2])

    def member(self, parts: list[Any]) -> Membership:
        return Membership(str(parts[0]), tuple(parts[1:]), negated=False)

    def non_member(self, parts: list[Any]) -> Membership:
        return Membership(str(parts[0]), tuple(parts[1:]), negated=True)

    def empty(self, parts: list[Any]) -> Emptiness:
        return Emptiness(str(parts[0]), negated=False)

    def filled(self, parts: list[Any]) -> Emptiness:
        return Emptiness(str(parts[0]), negated=True)

    def text_test(self, parts: list[Any]) -> TextTest:
        return TextTest(str(parts[0]), parts[1].lower(), parts[2])

    def negated(self, parts: list[Condition]) -> Negation:
        return Negation(parts[0])

    def conjunction(self, parts: list[Condition]) -> Condition:
        return parts[0] if len(parts) == 1 else Junction(tuple(parts), every=True)

    def disjunction(self, parts: list[Condition]) -> Condition:
        return parts[0] if len(parts) == 1 else Junction(tuple(parts), every=False)

    def where(self, parts: list[Condition]) -> Condition:
        return parts[0]

    def group(self, parts: list[Token]) -> tuple[str, ...]:
        return tuple(str(part) for part in parts)

    def sort(self, parts: list[Any]) -> tuple[str, bool]:
        name, direction = parts
        return str(name), direction is not None and direction.lower() == "desc"

    def order(self, parts: list[tuple[str, bool]]) -> tuple[tuple[str, bool], ...]:
        return tuple(parts)

    def limit(self, parts: list[Token]) -> int:
        return int(parts[0])

    def start(self, parts: list[Any]) -> Query:
        distinct, items, (source, parameters), where, group_by, order_by, limit = parts
        return Query(
            items=items,
            distinct=distinct is not None,
            source=source,
            parameters=parameters,
            where=where,
            group_by=group_by or (),
            order_by=order_by or (),
            limit=limit,
        )


_PARSER = Lark(GRAMMAR, parser="lalr", lexer="contextual", maybe_placeholders=True)
_BUILDER = _Builder()

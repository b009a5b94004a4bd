"""The grammar of the supported SOQL subset.

Keywords are case-insensitive and may also be field names where no keyword can stand, as in SOQL. AND
and OR may not be mixed without parentheses, which SOQL refuses too. Not supported, and refused as
malformed: TYPEOF, USING SCOPE, WITH, FOR, ALL ROWS, ROLLUP and CUBE, field functions in filters
(CALENDAR_YEAR, DISTANCE, convertCurrency, toLabel, format).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, v_args

from sources.sandbox.salesforce.errors import ApiError
from sources.sandbox.salesforce.soql.failures import QueryText
from sources.sandbox.salesforce.soql.syntax import (
    Aggregate,
    AliasedPath,
    Combination,
    Comparison,
    Condition,
    FieldsCall,
    Literal,
    LiteralKind,
    Membership,
    Negation,
    OrderKey,
    Path,
    Query,
    SelectItem,
    SetMembership,
    SubSelect,
)

MAX_QUERY_CHARACTERS = 100_000
MAX_STRING_CHARACTERS = 4_000

_GRAMMAR = r"""
start: query
query: SELECT select_list FROM path alias? where? group_by? having? order_by? limit? offset?
alias: AS? NAME
select_list: select_item ("," select_item)*
select_item: path            -> plain
    | path NAME              -> aliased
    | aggregate
    | FIELDS "(" NAME ")"    -> fields_call
    | "(" query ")"          -> sub_select
aggregate: FUNCTION "(" path? ")" NAME?
bare_aggregate: FUNCTION "(" path? ")"
path: NAME ("." NAME)*

where: WHERE condition
having: HAVING condition
?condition: unary
    | unary (AND unary)+     -> conjunction
    | unary (OR unary)+      -> disjunction
?unary: NOT unary            -> negation
    | "(" condition ")"
    | path OPERATOR literal  -> comparison
    | bare_aggregate OPERATOR literal -> comparison
    | path LIKE literal      -> like
    | path IN members        -> is_in
    | path NOT IN members    -> is_not_in
    | path INCLUDES list     -> includes
    | path EXCLUDES list     -> excludes
?members: list | "(" query ")" -> sub_query
list: "(" literal ("," literal)* ")"
literal: STRING | DATETIME | DATE | NUMBER | WORD

group_by: GROUP BY path ("," path)*
order_by: ORDER BY order_key ("," order_key)*
order_key: (path | bare_aggregate) direction? nulls?
direction: ASC | DESC
nulls: NULLS (FIRST | LAST)
limit: LIMIT COUNT
offset: OFFSET COUNT

SELECT.3: /select\b/i
FROM.3: /from\b/i
WHERE.3: /where\b/i
HAVING.3: /having\b/i
AND.3: /and\b/i
OR.3: /or\b/i
NOT.3: /not\b/i
LIKE.3: /like\b/i
IN.3: /in\b/i
INCLUDES.3: /includes\b/i
EXCLUDES.3: /excludes\b/i
GROUP.3: /group(?=\s+by\b)/i
ORDER.3: /order(?=\s+by\b)/i
BY.3: /by\b/i
AS.3: /as\b/i
ASC.3: /asc\b/i
DESC.3: /desc\b/i
NULLS.3: /nulls\b/i
FIRST.3: /first\b/i
LAST.3: /last\b/i
LIMIT.3: /limit\b/i
OFFSET.3: /offset\b/i
FIELDS.3: /fields(?=\s*\()/i
FUNCTION.3: /(count_distinct|count|sum|avg|min|max)(?=\s*\()/i
OPERATOR: "!=" | "<>" | "<=" | ">=" | "=" | "<" | ">"
STRING: /'(\\.|[^'\\])*'/s
DATETIME.3: /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})/i
DATE.2: /\d{4}-\d{2}-\d{2}/
COUNT: /\d{1,9}(?![\d.])/
NUMBER: /[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/
WORD: /[A-Za-z][A-Za-z0-9_]*(:\d+)?/
NAME: /[A-Za-z][A-Za-z0-9_]*/
%import common.WS
%ignore WS
"""
_PARSER = Lark(_GRAMMAR, parser="lalr", lexer="contextual")
_ESCAPES = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "b": "\b",
    "f": "\f",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "_": "\\_",
    "%": "\\%",
}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@lru_cache(maxsize=256)
def parse_query(text: str) -> Query:
    """Parse a query; raises ApiError MALFORMED_QUERY as the vendor words it."""
    source = QueryText(text)
    if not text.strip():
        raise ApiError(400, "MALFORMED_QUERY", "SOQL statements cannot be empty or null")
    if len(text) > MAX_QUERY_CHARACTERS:
        raise ApiError(400, "MALFORMED_QUERY", "SOQL statement is too long, maximum length is 100,000 characters")
    try:
        tree = _PARSER.parse(text)
    except UnexpectedInput as exc:
        raise _syntax_error(source, exc) from exc
    return _Builder(visit_tokens=False).transform(tree)


def _syntax_error(source: QueryText, exc: UnexpectedInput) -> ApiError:
    token = getattr(exc, "token", None)
    position = getattr(exc, "pos_in_stream", None)
    if position is None or (token is not None and token.type == "$END"):
        return source.failure("MALFORMED_QUERY", len(source.text), "unexpected token: '<EOF>'")
    if source.text[position] == ":":
        return source.failure("MALFORMED_QUERY", position, "Bind variables only allowed in Apex code")
    word = str(token) if token is not None else source.text[position]
    return source.failure("MALFORMED_QUERY", position, f"unexpected token: '{word}'")


def _position(token: Token) -> int:
    return token.start_pos or 0


def _literal(token: Token) -> Literal:
    text, position = str(token), _position(token)
    kinds = {"DATETIME": LiteralKind.DATETIME, "DATE": LiteralKind.DATE, "NUMBER": LiteralKind.NUMBER}
    if token.type == "STRING":
        return Literal(LiteralKind.STRING, _unescaped(text[1:-1]), position)
    if token.type in kinds:
        return Literal(kinds[token.type], text, position)
    word = text.upper()
    if word in {"TRUE", "FALSE"}:
        return Literal(LiteralKind.BOOLEAN, word, position)
    kind = LiteralKind.NULL if word == "NULL" else LiteralKind.DATE_FUNCTION
    return Literal(kind, word, position)


def _unescaped(text: str) -> str:
    # An escaped wildcard keeps its backslash: only LIKE can tell it from the wildcard.
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], "\\" + found[1]), text) if "\\" in text else text


@v_args(inline=True)
class _Builder(Transformer[Token, Query]):
    """Turns lark's tree into the parts of `syntax`."""

    def start(self, query: Query) -> Query:
        return query

    def query(self, _select: Token, items: tuple[SelectItem, ...], _from: Token, source: Path, *clauses: Any) -> Query:
        found: dict[str, Any] = dict(clauses)
        return Query(
            items,
            source,
            found.get("alias"),
            found.get("where"),
            found.get("group_by", ()),
            found.get("having"),
            found.get("order_by", ()),
            found.get("limit"),
            found.get("offset"),
        )

    def alias(self, *tokens: Token) -> tuple[str, str]:
        return "alias", str(tokens[-1])

    def select_list(self, *items: SelectItem) -> tuple[SelectItem, ...]:
        return items

    def select_item(self, item: Aggregate) -> Aggregate:
        return item

    def plain(self, path: Path) -> Path:
        return path

    def aliased(self, path: Path, alias: Token) -> AliasedPath:
        return AliasedPath(path, str(alias))

    def aggregate(self, function: Token, *rest: Any) -> Aggregate:
        path = rest[0] if rest and isinstance(rest[0], Path) else None
        alias = str(rest[-1]) if rest and isinstance(rest[-1], Token) else None
        return Aggregate(function.upper(), path, alias, _position(function))

    def bare_aggregate(self, function: Token, path: Path | None = None) -> Aggregate:
        return Aggregate(function.upper(), path, None, _position(function))

    def fields_call(self, fields: Token, group: Token) -> FieldsCall:
        return FieldsCall(group.upper(), _position(fields))

    def sub_select(self, query: Query) -> SubSelect:
        return SubSelect(query, query.source.position)

    def path(self, *names: Token) -> Path:
        return Path(tuple(str(each) for each in names), _position(names[0]))

    def where(self, _where: Token, condition: Condition) -> tuple[str, Condition]:
        return "where", condition

    def having(self, _having: Token, condition: Condition) -> tuple[str, Condition]:
        return "having", condition

    def conjunction(self, *parts: Any) -> Combination:
        return Combination("AND", tuple(each for each in parts if not isinstance(each, Token)))

    def disjunction(self, *parts: Any) -> Combination:
        return Combination("OR", tuple(each for each in parts if not isinstance(each, Token)))

    def negation(self, _not: Token, part: Condition) -> Negation:
        return Negation(part)

    def comparison(self, left: Path | Aggregate, operator: Token, literal: Literal) -> Comparison:
        return Comparison(left, "!=" if operator == "<>" else str(operator), literal)

    def like(self, left: Path, _like: Token, literal: Literal) -> Comparison:
        return Comparison(left, "LIKE", literal)

    def is_in(self, left: Path, _in: Token, members: tuple[Literal, ...] | Query) -> Membership:
        return Membership(left, negated=False, members=members)

    def is_not_in(self, left: Path, _not: Token, _in: Token, members: tuple[Literal, ...] | Query) -> Membership:
        return Membership(left, negated=True, members=members)

    def includes(self, left: Path, _word: Token, members: tuple[Literal, ...]) -> SetMembership:
        return SetMembership(left, negated=False, members=members)

    def excludes(self, left: Path, _word: Token, members: tuple[Literal, ...]) -> SetMembership:
        return SetMembership(left, negated=True, members=members)

    def sub_query(self, query: Query) -> Query:
        return query

    def list(self, *literals: Literal) -> tuple[Literal, ...]:
        return literals

    def literal(self, token: Token) -> Literal:
        return _literal(token)

    def group_by(self, _group: Token, _by: Token, *paths: Path) -> tuple[str, tuple[Path, ...]]:
        return "group_by", paths

    def order_by(self, _order: Token, _by: Token, *keys: OrderKey) -> tuple[str, tuple[OrderKey, ...]]:
        return "order_by", keys

    def order_key(self, target: Path | Aggregate, *words: str) -> OrderKey:
        return OrderKey(target, "DESC" in words, "LAST" in words)

    def direction(self, word: Token) -> str:
        return word.upper()

    def nulls(self, _nulls: Token, word: Token) -> str:
        return word.upper()

    def limit(self, _limit: Token, number: Token) -> tuple[str, int]:
        return "limit", int(number)

    def offset(self, _offset: Token, number: Token) -> tuple[str, int]:
        return "offset", int(number)

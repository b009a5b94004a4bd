"""From a plan to Python source: one function per selection set on entities, which gives each entity's JSON.

For a selection set of, say, `{ id name customer { name } }` on projects the code is, in essence:

    def rows_1(ids, run):
        for i in ids:                           # the entity and its records, as they are now
            e = entity(i); r0 = record(e.keys[PSA], needed)
            m = memo.get(i)                     # what its own fields looked like, for these very records
            if m is None or m[0] is not e or m[1] is not r0:
                m = memo[i] = own_1(e, r0, run)
        c0 = [e.kept.get("customer") for ...]   # one column per relation, one call for all of its entities
        t0 = rows_2(set(c0), run)
        return {i: b"".join((m[2], t0.get(x0, b"null"), m[3])) for ...}

`m[2]`, `m[3]` are the encoded fields before and after the relation. So a record is formatted and encoded
once per version of it, and an answer is put together from bytes. The code knows only answers without
fault: anything else raises, and the careful pass (resolvers.engine.interpreter) makes the response.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson
from graphql import (
    GraphQLEnumType,
    GraphQLOutputType,
    get_named_type,
    is_enum_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from hub.domain.ids import CanonicalId
from hub.domain.kinds import Domain, Kind
from hub.domain.visibility import FIELDS, FieldGroup
from resolvers.engine.binding import record_kinds
from resolvers.engine.interpreter import found_for, provenance
from resolvers.engine.plan import FieldPlan, Identity, Plan, Selection, TypeName
from resolvers.engine.sight import NotHere
from resolvers.faults import Lack
from resolvers.graph import Attr, Children, Derived, Kept, Link, Pages, Part, PartLink, Provenance, Reverse
from resolvers.values import attribute_value, field_value, needed, owner, part

Rows: TypeAlias = Callable[[Any, Any], dict[CanonicalId, bytes]]
"""(ids, run) → the JSON of each entity that there is, by the id that was asked for."""

PLAIN = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
"""Nothing is encoded that has not been brought into the graph's form."""
NO_ATTRIBUTES: dict[str, Any] = {}
NULL = b"null"


class Trouble(Exception):
    """The answer is not without fault: the careful pass has to make it."""


class Withheld(Trouble):
    """Something of an entity is withheld from this caller."""


@dataclass(slots=True)
class Code:
    """The generated functions of a plan: rows by the number of the selection set, connections by the field's."""

    source: str
    rows: dict[int, Rows]
    connections: dict[int, Callable[..., bytes]]


def generate(plan: Plan) -> Code:
    """Write and compile the code of a plan."""
    writer = _Writer()
    entities = [s for s in plan.entity_selections() if s.problem is None]
    for selection in entities:
        writer.rows(selection)
    pages = [f for f in plan.fields if isinstance(f.source, Pages)]
    for asked in pages:
        writer.connection(asked)
    source = "\n".join(writer.lines)
    exec(compile(source, "<plan>", "exec"), writer.names)  # noqa: S102 -- the source is written here, from the plan
    return Code(
        source,
        {s.number: writer.names[f"rows_{s.number}"] for s in entities},
        {f.number: writer.names[f"page_{f.number}"] for f in pages},
    )


def targets(asked: FieldPlan) -> list[Selection]:
    """The selection sets on entities that a connection's code takes rows of, in the order of its arguments."""
    found: list[Selection] = []
    for selection in asked.below.values():
        if selection.kind is not None:
            found.append(selection)
        else:
            found.extend(s for below in selection.fields for s in targets(below))
    return found


# -- helpers that generated code calls --------------------------------------------------------------


def _none(entity: Any, attribute: str, loaded: Any) -> Any:
    """What an attribute is where its record has no value for it."""
    value = attribute_value(entity, attribute, lambda _: loaded)
    if isinstance(value, Lack):
        raise Trouble
    return value


def _derived(asked: FieldPlan, entity: Any, run: Any) -> Any:
    found = found_for(entity, run.bound, run.sight)
    value = field_value(asked.source, entity, run.bound.given(asked), found, run.request)  # type: ignore[arg-type]
    if isinstance(value, Lack):
        raise Trouble
    return value


def _trouble() -> Any:
    raise Trouble


def _dumps(value: Any) -> bytes:
    return orjson.dumps(value, option=PLAIN)


def has_references(asked: FieldPlan) -> bool:
    """Whether the field's value leads to further entities from inside."""
    return any(isinstance(f.source, PartLink) or has_references(f) for s in asked.below.values() for f in s.fields)


def _groups(selection: Selection) -> frozenset[FieldGroup]:
    """The field groups of an entity's fields, and of those of the plain values in it."""
    own = {group for f in selection.fields if (group := FIELDS.get(f.place)) is not None}
    inside = (s for f in selection.fields for s in f.below.values() if s.kind is None)
    return frozenset(own).union(*map(_groups, inside))


# -- the writer -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Chunk:
    """Own fields between two relations, and the relation behind them (None at the end)."""

    own: list[FieldPlan] = field(default_factory=list)
    relation: FieldPlan | None = None


class _Writer:
    """Gathers source lines and the constants that they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {
            "NotHere": NotHere,
            "Trouble": Trouble,
            "Withheld": Withheld,
            "NO_ATTRIBUTES": NO_ATTRIBUTES,
            "NULL": NULL,
            "dumps": _dumps,
            "none": _none,
            "derived": _derived,
            "trouble": _trouble,
            "part": part,
            "provenance": provenance,
            "join": b"".join,
            "comma": b",".join,
        }
        self._values: set[int] = set()

    def _constant(self, prefix: str, value: Any) -> str:
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    # -- entities --------------------------------------------------------------------------------

    def rows(self, selection: Selection) -> None:
        """The function of a selection set on entities, and the one for the entities' own fields."""
        chunks = _chunks(selection)
        domains = _domains(selection)
        every = any(isinstance(f.source, Provenance) for f in selection.fields)
        self._own(selection, chunks, domains)
        self._gather(selection, domains, every=every)
        relations = [c.relation for c in chunks if c.relation is not None]
        first = 1 + len(domains) + every
        if not relations:
            self.lines.append(f"    return {{i: m[{first}] for i, _, m in live}}")
            return
        self.lines.append("    if not live: return {}")
        cells = [self._relation(n, asked) for n, asked in enumerate(relations)]
        columns = "".join(f", x{n}" for n in range(len(relations)))
        zipped = "".join(f", c{n}" for n in range(len(relations)))
        pieces = [f"m[{first}]"]
        for n, cell in enumerate(cells):
            pieces += [cell, f"m[{first + n + 1}]"]
        self.lines.append(f"    return {{i: join(({', '.join(pieces)})) for (i, e, m){columns} in zip(live{zipped})}}")

    def _gather(self, selection: Selection, domains: Sequence[Domain], *, every: bool) -> None:
        """The entities with their records, and their own fields' encoding for those records."""
        number = selection.number
        self.lines += [
            f"def rows_{number}(ids, run):",
            "    sight = run.sight; entity = sight.peek_entity; record = sight.peek_record",
            f"    memo = run.memos[{number}]; live = []",
        ]
        kinds = record_kinds(selection)
        for k, kind in enumerate(kinds):
            for d, domain in enumerate(domains):
                need = f"run.bound.need({self._constant('K', kind)}, {self._constant('D', domain)})"
                self.lines.append(f"    a{k}_{d} = {need if domain in _domains(selection, kind) else None}")
        self.lines += [
            "    for i in ids:",
            "        e = entity(i)",
            "        if e is None:",
            "            sight.gone(); continue",
        ]
        if domains:
            self.lines.append("        keys = e.keys")
        if len(kinds) > 1 and domains:
            self.lines.append(f"        second = e.record_kind is {self._constant('K', kinds[1])}")
        for d, domain in enumerate(domains):
            need = f"a0_{d}" if len(kinds) == 1 else f"(a1_{d} if second else a0_{d})"
            unneeded = "" if len(kinds) == 1 else f" or {need} is None"
            self.lines += [
                f"        key = keys.get({self._constant('D', domain)})",
                f"        if key is None{unneeded}: r{d} = None",
                "        else:",
                f"            r{d} = record(key, {need})",
                f"            if r{d} is None: raise NotHere",
            ]
        known = [f"m[{1 + d}] is not r{d}" for d in range(len(domains))]
        if every:
            self.lines.append("        p = provenance(e, run.bound, sight, run.request)")
            known.append(f"m[{1 + len(domains)}] != p")
        records = "".join(f"r{d}, " for d in range(len(domains))) + ("p, " if every else "")
        self.lines += [
            "        m = memo.get(i)",
            f"        if {' or '.join(['m is None', 'm[0] is not e', *known])}:",
            f"            m = run.remember(memo, i, own_{number}(e, {records}run))",
            "        live.append((i, e, m))",
        ]

    def _own(self, selection: Selection, chunks: Sequence[_Chunk], domains: Sequence[Domain]) -> None:
        """The encoding of an entity's own fields, chunk by chunk, behind what it was made from."""
        every = any(isinstance(f.source, Provenance) for f in selection.fields)
        records = "".join(f"r{d}, " for d in range(len(domains))) + ("p, " if every else "")
        self.lines.append(f"def own_{selection.number}(e, {records}run):")
        groups = self._constant("G", _groups(selection))
        self.lines.append(f"    if e.withheld and not e.withheld.isdisjoint({groups}): raise Withheld")
        for d in range(len(domains)):
            self.lines.append(
                f"    v{d} = NO_ATTRIBUTES if r{d} is None or r{d}.record is None else r{d}.record.attributes"
            )
        for chunk in chunks:
            for asked in chunk.own:
                self._own_field(selection, asked, domains)
        encoded = [self._encoded(n, chunk) for n, chunk in enumerate(chunks)]
        self.lines.append(f"    return (e, {records}{', '.join(encoded)},)")

    def _encoded(self, n: int, chunk: _Chunk) -> str:
        """The bytes of a chunk: what comes before the first field, the fields, and the name of the relation."""
        before = "{" if n == 0 else ("," if chunk.own or chunk.relation else "}")
        behind = f'"{chunk.relation.key}":' if chunk.relation else ("}" if chunk.own or n == 0 else "")
        if not chunk.own:
            return repr((before + behind).encode())
        members = ", ".join(f'"{f.key}": f{f.number}' for f in chunk.own)
        if chunk.relation:
            behind = "," + behind
        inner = f"dumps({{{members}}})[1:-1]"
        return f"{before.encode()!r} + {inner} + {behind.encode()!r}"

    def _own_field(self, selection: Selection, asked: FieldPlan, domains: Sequence[Domain]) -> None:
        variable = f"f{asked.number}"
        match asked.source:
            case TypeName():
                self.lines.append(f"    {variable} = {asked.type_name!r}")
            case Identity():
                self.lines.append(f"    {variable} = e.id")
            case Kept() as source:
                self.lines.append(f"    {variable} = e.kept.get({source.name!r})")
                self._completed(asked, variable)
            case Attr() as source:
                self._attribute(selection, source, variable, domains)
                self._completed(asked, variable)
            case Derived():
                self.lines.append(f"    {variable} = derived({self._constant('F', asked)}, e, run)")
                self._completed(asked, variable)
            case Provenance():
                self.lines.append(f"    {variable} = p")
                self._completed(asked, variable)
            case _:
                self.lines.append("    raise Trouble")
                self.lines.append(f"    {variable} = None")

    def _attribute(self, selection: Selection, source: Attr, variable: str, domains: Sequence[Domain]) -> None:
        """The value of an attribute; which record has it may depend on the kind of record."""
        reads = [self._read(kind, source, domains) for kind in record_kinds(selection)]
        if len(set(reads)) == 1:
            self.lines.append(f"    {variable}, r = {reads[0]}")
        else:
            second = self._constant("K", record_kinds(selection)[1])
            self.lines.append(f"    {variable}, r = ({reads[1]}) if e.record_kind is {second} else ({reads[0]})")
        self.lines.append(f"    if {variable} is None: {variable} = none(e, {source.attribute!r}, r)")
        if source.of is not None:
            shown = self._constant("OF", source.of)
            self.lines.append(f"    if {variable} is not None: {variable} = {shown}({variable})")

    def _read(self, kind: Kind, source: Attr, domains: Sequence[Domain]) -> str:
        domain = owner(kind, source.attribute)
        if domain is None or domain not in domains:
            return "None, None"
        d = domains.index(domain)
        return f"v{d}.get({source.attribute!r}), r{d}"

    # -- plain values ----------------------------------------------------------------------------

    def _completed(self, asked: FieldPlan, variable: str) -> None:
        """Bring a value into the response's form, in place."""
        kind = asked.returns
        if is_non_null_type(kind):
            self.lines.append(f"    if {variable} is None: raise Trouble")
            kind = kind.of_type
        expression = self._complete(asked, kind, variable)
        if expression != variable:
            self.lines.append(f"    if {variable} is not None: {variable} = {expression}")

    def _complete(self, asked: FieldPlan, kind: GraphQLOutputType, variable: str, depth: int = 0) -> str:
        """An expression that completes a value which is not None."""
        if is_list_type(kind):
            item, of = f"y{depth}", kind.of_type
            non_null = is_non_null_type(of)
            inner = self._complete(asked, of.of_type if non_null else of, item, depth + 1)
            missing = "trouble()" if non_null else "None"
            return f"[{missing} if {item} is None else {inner} for {item} in {variable}]"
        if is_leaf_type(kind):
            return self._leaf(kind, variable)
        selection = asked.below[get_named_type(kind).name]
        self._value(selection)
        return f"value_{selection.number}({variable}, run)"

    def _leaf(self, kind: Any, variable: str) -> str:
        if is_enum_type(kind):
            return f"({variable} if {variable} in {self._constant('E', _names(kind))} else trouble())"
        plain = {"Boolean": "bool", "Int": "int"}.get(kind.name, "str")
        coerce = self._constant("C", kind.coerce_output_value)
        return f"({variable} if type({variable}) is {plain} else {coerce}({variable}))"

    def _value(self, selection: Selection) -> None:
        """The function that makes a dictionary of a plain value object."""
        if selection.number in self._values:
            return
        self._values.add(selection.number)
        outer, self.lines = self.lines, []
        self.lines.append(f"def value_{selection.number}(o, run):")
        if selection.problem is not None:
            self.lines.append("    raise Trouble")
        for asked in selection.fields:
            self._member(asked)
        members = ", ".join(f'"{f.key}": f{f.number}' for f in selection.fields)
        self.lines.append(f"    return {{{members}}}")
        # A nested value's function may have been written between; order does not matter to module-level names.
        self.lines, mine = outer, self.lines
        self._early(mine)

    def _early(self, lines: list[str]) -> None:
        """Put a function in front of the one that is being written."""
        start = max((n for n, line in enumerate(self.lines) if line.startswith("def ")), default=0)
        self.lines[start:start] = lines

    def _member(self, asked: FieldPlan) -> None:
        variable = f"f{asked.number}"
        match asked.source:
            case TypeName():
                self.lines.append(f"    {variable} = {asked.type_name!r}")
            case Part() as source:
                self.lines.append(f"    {variable} = part(o, {source.name!r})")
                if source.of is not None:
                    shown = self._constant("OF", source.of)
                    self.lines.append(f"    if {variable} is not None: {variable} = {shown}({variable})")
                self._completed(asked, variable)
            case _:
                self.lines.append("    raise Trouble")
                self.lines.append(f"    {variable} = None")

    # -- relations -------------------------------------------------------------------------------

    def _relation(self, n: int, asked: FieldPlan) -> str:
        """The column of a relation and the rows behind it; returns the expression of one cell `x{n}`."""
        below = targets(asked)
        match asked.source:
            case Link(name=name):
                self.lines.append(f"    c{n} = [e.kept.get({name!r}) for _, e, _ in live]")
                self.lines.append(f"    t{n} = rows_{below[0].number}({{x for x in c{n} if x is not None}}, run)")
                return _one(asked, n)
            case Reverse():
                self._column(n, asked)
                self.lines.append(f"    c{n} = [p.ids[0] if p.ids else None for p in c{n}]")
                self.lines.append(f"    t{n} = rows_{below[0].number}({{x for x in c{n} if x is not None}}, run)")
                return _one(asked, n)
            case Children():
                self._column(n, asked)
                self.lines.append(f"    t{n} = rows_{below[0].number}({{x for p in c{n} for x in p.ids}}, run)")
                return f"b'[' + comma([t{n}[y] for y in x{n}.ids if y in t{n}]) + b']'"
            case Pages():
                self._column(n, asked)
                self.lines.append(f"    s{n} = {{x for p in c{n} for x in p.ids}}")
                rows = "".join(f", rows_{s.number}(s{n}, run)" for s in below)
                self.lines.append(f"    t{n} = (run,{rows[1:]}{',' if rows else ''})")
                return f"page_{asked.number}(x{n}, *t{n})"
            case _:
                self.lines.append(f"    c{n} = [run.inside({self._constant('F', asked)}, e) for _, e, _ in live]")
                return f"x{n}"

    def _column(self, n: int, asked: FieldPlan) -> None:
        self.lines.append(f"    c{n} = run.pages({self._constant('F', asked)}, [e.id for _, e, _ in live])")

    def connection(self, asked: FieldPlan) -> None:
        """The function that writes one page; it takes the rows of its targets in order."""
        (selection,) = asked.below.values()
        rows = [f"t{n}" for n in range(len(targets(asked)))]
        self._header(f"page_{asked.number}", ["p", "run", *rows])
        if selection.problem is not None:
            self.lines.append("    raise Trouble")
        left = list(rows)
        pieces = [self._page_field(f, left) for f in selection.fields]
        self.lines.append(f"    return join(({_object_pieces(selection, pieces)}))")

    def _header(self, name: str, parameters: Sequence[str]) -> None:
        self.lines.append(f"def {name}({', '.join(parameters)}):")

    def _page_field(self, asked: FieldPlan, rows: list[str]) -> str:
        if isinstance(asked.source, TypeName):
            return repr(orjson.dumps(asked.type_name))
        if asked.name == "totalCount":
            return "b'%d' % p.total"
        if asked.name == "nodes":
            table = rows.pop(0)
            return f"b'[' + comma([{table}[y] for y in p.ids if y in {table}]) + b']'"
        if asked.name == "edges":
            return self._edges(asked, rows)
        if asked.name == "pageInfo":
            return self._page_info(asked)
        raise LookupError(f"a page has no {asked.name}")

    def _edges(self, asked: FieldPlan, rows: list[str]) -> str:
        (selection,) = asked.below.values()
        pieces: list[str] = []
        tables: list[str] = []
        for member in selection.fields:
            if isinstance(member.source, TypeName):
                pieces.append(repr(orjson.dumps(member.type_name)))
            elif member.name == "cursor":
                pieces.append("dumps(c)")
            else:
                tables.append(rows.pop(0))
                pieces.append(f"{tables[-1]}[y]")
        body = f"join(({_object_pieces(selection, pieces)}))"
        if not tables:
            # Without a node nobody has looked whether the entities are still there.
            return f"b'[' + comma([{body} for y, c in zip(p.ids, p.cursors) if run.living(y)]) + b']'"
        return f"b'[' + comma([{body} for y, c in zip(p.ids, p.cursors) if y in {tables[0]}]) + b']'"

    def _page_info(self, asked: FieldPlan) -> str:
        (selection,) = asked.below.values()
        known = {
            "hasNextPage": "p.has_next",
            "hasPreviousPage": "p.has_previous",
            "startCursor": "(p.cursors[0] if p.cursors else None)",
            "endCursor": "(p.cursors[-1] if p.cursors else None)",
        }
        members = ", ".join(
            f'"{f.key}": {repr(f.type_name) if isinstance(f.source, TypeName) else known[f.name]}'
            for f in selection.fields
        )
        return f"dumps({{{members}}})"


def _object_pieces(selection: Selection, pieces: Sequence[str]) -> str:
    """The pieces of an object with their keys between them, as the members of a tuple."""
    written = ["b'{'"] if not pieces else []
    for n, (asked, piece) in enumerate(zip(selection.fields, pieces, strict=True)):
        written += [repr(f'{"," if n else "{"}"{asked.key}":'.encode()), piece]
    return ", ".join([*written, "b'}'"])


def _one(asked: FieldPlan, n: int) -> str:
    return f"t{n}[x{n}]" if is_non_null_type(asked.returns) else f"t{n}.get(x{n}, NULL)"


def _names(kind: GraphQLEnumType) -> frozenset[str]:
    return frozenset(kind.values)


def _chunks(selection: Selection) -> list[_Chunk]:
    """The fields in order, cut at every relation."""
    chunks = [_Chunk()]
    for asked in selection.fields:
        relation = isinstance(asked.source, Link | Reverse | Children | Pages) or has_references(asked)
        if relation:
            chunks[-1].relation = asked
            chunks.append(_Chunk())
        else:
            chunks[-1].own.append(asked)
    return chunks


def _domains(selection: Selection, *kinds: Kind) -> list[Domain]:
    """The domains whose records the own fields are made from, for some kinds of record or for all of the selection."""
    sources = [f.source for f in selection.fields if isinstance(f.source, Attr | Derived) and not has_references(f)]
    names = [name for source in sources for name in needed(source, {})]
    found = (owner(kind, name) for kind in kinds or record_kinds(selection) for name in names)
    return list(dict.fromkeys(domain for domain in found if domain is not None))

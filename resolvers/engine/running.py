"""One run of a plan's generated code: the root fields, and what the code needs around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import orjson

from hub.domain.ids import CanonicalId
from hub.ports import EntityPage
from resolvers.engine.binding import Bound
from resolvers.engine.codegen import NULL, Code, Trouble, targets
from resolvers.engine.interpreter import Interpreter, named_by
from resolvers.engine.plan import FieldPlan, Plan
from resolvers.engine.sight import Sight
from resolvers.graph import TYPE_OF_KIND, ByIds, Derived, Lookup, Pages
from resolvers.request import Request

ENCODINGS = 150_000
"""How many encodings all plans keep together; one has some hundred bytes."""


class Memo(dict[CanonicalId, tuple[Any, ...]]):
    """The encodings of one selection set, by entity: what each was made from, then the encoding."""

    # One memo is never another, whatever is in it.
    __hash__ = object.__hash__  # type: ignore[assignment] # dictionaries have none, on purpose


class Room:
    """Where all encodings of the process are; too many are forgotten all at once, which is cheap and seldom."""

    def __init__(self, limit: int = ENCODINGS) -> None:
        self._limit = limit
        self._made = 0
        self._memos: WeakSet[Memo] = WeakSet()

    def memo(self) -> Memo:
        """Room for one selection set."""
        made = Memo()
        self._memos.add(made)
        return made

    def keep(self, memo: Memo, canonical_id: CanonicalId, encoding: tuple[Any, ...]) -> None:
        """Keep an encoding."""
        self._made += 1
        if self._made > self._limit:
            self._made = 1
            for each in self._memos:
                each.clear()
        memo[canonical_id] = encoding


ROOM = Room()


def new_memos(plan: Plan) -> list[Memo]:
    """Room for the encodings of a plan, by number of the selection set."""
    return [ROOM.memo() for _ in plan.selections]


def varies(plan: Plan) -> bool:
    """Whether encodings may depend on the variables of a request: then they are kept per set of variables."""
    return any(isinstance(f.source, Derived) and f.nodes[0].arguments for f in plan.fields)


@dataclass(slots=True)
class Run:
    """The code of a plan on what is in sight. Raises NotHere; anything else it raises means: the careful pass."""

    code: Code
    bound: Bound
    sight: Sight
    request: Request
    memos: list[Memo]

    def response(self) -> bytes:
        """The JSON of the response's data."""
        pieces = [b'"%b":%b' % (f.key.encode(), self._root(f)) for f in self.bound.plan.root.fields]
        return b"{" + b",".join(pieces) + b"}"

    def _root(self, asked: FieldPlan) -> bytes:
        match asked.source:
            case Pages():
                page = self.sight.page(self.bound.query(asked))
                ids = dict.fromkeys(page.ids)
                rows = [self.code.rows[s.number](ids, self) for s in targets(asked)]
                return self.code.connections[asked.number](page, self, *rows)
            case Lookup():
                return self._named(asked, named_by(self.bound.target(asked), self.sight))
            case ByIds(many=True):
                return b"[" + b",".join([self._slot(asked, slot) for slot in self.bound.target(asked)]) + b"]"
            case ByIds():
                return self._slot(asked, self.bound.target(asked))
            case _:
                return self.inside(asked, None)

    def _slot(self, asked: FieldPlan, slot: Any) -> bytes:
        if not isinstance(slot, str):
            raise Trouble
        return self._named(asked, CanonicalId(slot))

    def _named(self, asked: FieldPlan, canonical_id: CanonicalId | None) -> bytes:
        """One entity that the caller has named."""
        entity = None if canonical_id is None else self.sight.entity(canonical_id)
        if canonical_id is None or entity is None:
            return NULL
        selection = asked.below[TYPE_OF_KIND[entity.kind]]
        return self.code.rows[selection.number]((canonical_id,), self)[canonical_id]

    # -- called by generated code ----------------------------------------------------------------

    def remember(self, memo: Memo, canonical_id: CanonicalId, encoding: tuple[Any, ...]) -> tuple[Any, ...]:
        """Keep an encoding, and give it back."""
        ROOM.keep(memo, canonical_id, encoding)
        return encoding

    def pages(self, asked: FieldPlan, parents: Sequence[CanonicalId]) -> Sequence[EntityPage]:
        """The pages of a relation, one per parent."""
        return self.sight.pages(self.bound.query(asked), parents)

    def inside(self, asked: FieldPlan, parent: Any) -> bytes:
        """A value from inside of which references lead on, or that no entity has; too rare to generate code for."""
        careful = Interpreter(self.bound, self.sight, self.request)
        value = careful.field(asked, parent, ())
        if careful.errors or careful.faults:
            raise Trouble
        return orjson.dumps(value)

    def living(self, canonical_id: CanonicalId) -> bool:
        """Whether there is such an entity still."""
        return self.sight.entity(canonical_id) is not None

"""The planned path: executes queries from kept plans, at once when everything is in memory.

`Engine.answer_now` never waits; `Engine.answer` loads what is missing. Both give the JSON of the data, and
beside it the errors and faults, which the endpoint words as it does for the reference path.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import orjson
from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode
from graphql.execution.values import VariableValues, get_variable_values

from resolvers.engine.binding import Bound, bind
from resolvers.engine.codegen import Code, Withheld, generate
from resolvers.engine.explain import Steps
from resolvers.engine.interpreter import Interpreter
from resolvers.engine.kept import Answers, Watching
from resolvers.engine.loading import Loading
from resolvers.engine.plan import Declined, Plan
from resolvers.engine.planner import Planner, operation_of, switches_of
from resolvers.engine.running import Memo, Run, new_memos, varies
from resolvers.engine.sight import Memory, NotHere, Sight
from resolvers.reads import Reads
from resolvers.request import Request

log = logging.getLogger(__name__)

PLANS = 500
"""How many operations are kept planned."""
VARIANTS = 32
"""How many variants of one operation are kept: by its switches, the caller's rights and the day."""
BINDINGS = 64
"""How many sets of variables are kept bound to one operation."""
LONGEST_VARIABLES = 4_096
"""Bytes of variables up to which a binding is kept."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lru(Generic[K, V]):
    """A bounded mapping that forgets what was used longest ago."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._items)

    def get(self, key: K) -> V | None:
        """The value, now the most recently used; or None."""
        found = self._items.get(key)
        if found is not None:
            self._items.move_to_end(key)
        return found

    def put(self, key: K, value: V) -> V:
        """Keep a value."""
        self._items[key] = value
        if len(self._items) > self._limit:
            self._items.popitem(last=False)
        return value


@dataclass(frozen=True, slots=True)
class Operation:
    """A validated operation as a request names it. The same document object is the same operation again."""

    document: DocumentNode
    name: str | None = None
    variables: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The JSON of `data`; where something is wrong also the data itself and the errors (faults: in the request)."""

    data: bytes
    tree: Any = None
    errors: tuple[GraphQLError, ...] = ()


@dataclass(slots=True)
class Counts:
    """How answers came about since the process started."""

    kept: int = 0
    at_once: int = 0
    loaded: int = 0
    careful: int = 0
    needless: int = 0
    """Careful passes that found nothing wrong: the generated code has an error, which costs time only."""
    planned: int = 0


@dataclass(slots=True, eq=False)
class _Compiled:
    """A plan, its code (None where only the careful pass can serve), and the encodings made with it."""

    plan: Plan
    code: Code | None
    memos: list[Memo]


@dataclass(slots=True, eq=False)
class _Ready:
    """A plan with variables; `memos` are the plan's own unless encodings depend on the variables."""

    code: Code | None
    bound: Bound
    memos: list[Memo]


@dataclass(slots=True, eq=False)
class _Prepared:
    """What is kept of one operation: what decides about its variants, the variants, and bindings of each."""

    document: DocumentNode
    operation: OperationDefinitionNode
    switches: tuple[str, ...]
    variants: Lru[Hashable, _Compiled] = field(default_factory=lambda: Lru(VARIANTS))
    bindings: Lru[Hashable, _Ready] = field(default_factory=lambda: Lru(BINDINGS))


class Engine:
    """Executes queries on the planned path; one for the life of a schema."""

    def __init__(self, schema: GraphQLSchema, reads: Reads, *, keep_answers: bool = True) -> None:
        self._schema = schema
        self._reads = reads
        self._memory = Memory(reads)
        self._answers = Answers(reads) if keep_answers else None
        self._prepared: Lru[tuple[int, str | None], _Prepared] = Lru(PLANS)
        self.counts = Counts()

    def __len__(self) -> int:
        """The number of operations that are kept planned."""
        return len(self._prepared)

    def answer_now(self, operation: Operation, request: Request) -> Answer | None:
        """The answer if it needs no waiting. Raises Declined for what is not for this path."""
        if request.max_age_s is not None:
            return None
        ready = self._ready(operation, request)
        if request.reads.directory is not self._reads.directory:
            # Whoever sees only a part of the rows shares no answers with others.
            return self._made_now(ready, Memory(request.reads), request)
        if self._answers is None or ready.code is None:
            return self._made_now(ready, self._memory, request)
        kept = self._answers.get(ready)
        if kept is not None:
            self.counts.kept += 1
            return Answer(kept)
        if not self._answers.asked_again(ready):
            return self._made_now(ready, self._memory, request)
        stamp, watching = self._answers.stamp(), Watching(self._reads)
        answer = self._made_now(ready, watching, request)
        if answer is not None and not answer.errors and not request.faults:
            self._answers.put(ready, answer.data, stamp, watching)
        return answer

    def _made_now(self, ready: _Ready, memory: Memory, request: Request) -> Answer | None:
        try:
            answer = self._answer(ready, memory, request)
        except NotHere:
            return None
        self.counts.at_once += 1
        return answer

    async def answer(self, operation: Operation, request: Request, steps: Steps | None = None) -> Answer:
        """The answer, with whatever has to be loaded for it. Raises Declined for what is not for this path.

        `steps` takes down what is done, for those who ask for an explanation.
        """
        steps = steps or Steps()
        ready = self._ready(operation, request)
        loaded = await Loading(ready.bound, request, steps).run()
        self.counts.loaded += 1
        with steps.step("write", 1):
            return self._answer(ready, loaded, request)

    def _answer(self, ready: _Ready, sight: Sight, request: Request) -> Answer:
        """The generated code's answer, or the careful pass's where that stumbles."""
        stumble: Exception | None = None
        if ready.code is not None:
            try:
                return Answer(Run(ready.code, ready.bound, sight, request, ready.memos).response())
            except NotHere:
                raise
            except Exception as problem:  # noqa: BLE001 -- the careful pass meets it at its place and words it
                self.counts.careful += 1
                stumble = problem
        careful = Interpreter(ready.bound, sight, request)
        tree = careful.response()
        request.faults.extend(careful.faults)
        if stumble is not None and not isinstance(stumble, Withheld) and not careful.errors and not careful.faults:
            self.counts.needless += 1
            log.warning("generated code failed where nothing is wrong", exc_info=stumble)
        return Answer(orjson.dumps(tree), tree, tuple(careful.errors))

    # -- from operation to bound plan ------------------------------------------------------------

    def _ready(self, operation: Operation, request: Request) -> _Ready:
        # What is prepared holds its document, so nobody else's can come to have the same identity.
        prepared = self._prepared.get((id(operation.document), operation.name)) or self._prepare(operation)
        raw = orjson.dumps(operation.variables or {}, option=orjson.OPT_SORT_KEYS)
        rights = request.rights
        key = (raw, rights, request.today)
        known = prepared.bindings.get(key)
        if known is not None:
            return known
        variables = get_variable_values(
            self._schema, prepared.operation.variable_definitions or (), dict(operation.variables or {})
        )
        if not isinstance(variables, VariableValues):
            raise Declined
        compiled = self._compiled(prepared, operation.document, variables, rights, request)
        memos = new_memos(compiled.plan) if varies(compiled.plan) else compiled.memos
        ready = _Ready(compiled.code, bind(compiled.plan, variables), memos)
        if len(raw) <= LONGEST_VARIABLES:
            prepared.bindings.put(key, ready)
        return ready

    def _prepare(self, operation: Operation) -> _Prepared:
        found = operation_of(operation.document, operation.name)
        prepared = _Prepared(operation.document, found, switches_of(operation.document))
        return self._prepared.put((id(operation.document), operation.name), prepared)

    def _compiled(
        self,
        prepared: _Prepared,
        document: DocumentNode,
        variables: VariableValues,
        rights: Hashable,
        request: Request,
    ) -> _Compiled:
        switched = tuple(variables.coerced.get(name) for name in prepared.switches)
        key = (switched, rights, request.today)
        known = prepared.variants.get(key)
        if known is not None:
            return known
        try:
            plan = Planner(self._schema, document, prepared.operation, variables, request.rights).plan()
        except GraphQLError:
            raise Declined from None
        self.counts.planned += 1
        sound = not plan.audited and all(selection.problem is None for selection in plan.selections)
        return prepared.variants.put(key, _Compiled(plan, generate(plan) if sound else None, new_memos(plan)))

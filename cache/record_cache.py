"""The record cache: memory, then Redis, then the system of record; one fetch per key at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cache.memory import Entry, MemoryTier, merged
from cache.policy import (
    FAILURE_S,
    NEGATIVE_S,
    POLICY,
    WAIT_S,
    WAIT_WITH_STAND_IN_S,
    Decision,
    Freshness,
    decide,
)
from cache.redis_tier import RedisTier
from hub.context import within
from hub.domain.kinds import Kind
from hub.domain.records import Record, RecordKey
from hub.errors import SourceError, SourceUnavailable
from hub.ports import CachedRecord, SourceAdapter

log = logging.getLogger(__name__)

MEMORY_ENTRIES = 200_000
WRITES_REMEMBERED = 10_000
OTHERS_FETCH_S = 3.0
"""How long this replica waits for another one's fetch before it fetches itself."""
POLL_S = 0.02

Clock = Callable[[], float]
KeysHook = Callable[[Sequence[RecordKey]], Coroutine[object, object, None]]
"""Hears, beside the answer, what a fetch has shown of these objects."""


@dataclass(slots=True)
class CacheCounts:
    """How the cache has been used since the process started; the caller may take differences."""

    hits: int = 0
    shared_hits: int = 0
    misses: int = 0
    stale_served: int = 0
    renewals: int = 0


@dataclass(slots=True, eq=False)
class _Flight:
    """A fetch under way: what it asks for, how it ends (None, or the source's error), and how many wait for that.

    `overtaken` are its keys that were put while it was under way: what it brings of them may be older. `voided`
    are those that the hub has written meanwhile: they are fetched once more. `got` is what it has brought.
    """

    keys: Sequence[RecordKey]
    attributes: frozenset[str]
    done: asyncio.Future[SourceError | None]
    overtaken: set[RecordKey] = field(default_factory=set)
    voided: set[RecordKey] = field(default_factory=set)
    got: dict[RecordKey, Entry] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    waiting: int = 0


class RecordCache:
    """See hub.ports.RecordReader. `clock` gives epoch seconds."""

    def __init__(
        self,
        adapters: Mapping[str, SourceAdapter],
        *,
        shared: RedisTier | None = None,
        memory_entries: int = MEMORY_ENTRIES,
        clock: Clock = time.time,
        on_missing: KeysHook | None = None,
        on_changed: KeysHook | None = None,
    ) -> None:
        """`on_missing` hears what a system does not have, `on_changed` what differs from what was in memory."""
        self._adapters = adapters
        self._shared = shared
        self._memory = MemoryTier(memory_entries)
        self._clock = clock
        self._on_missing = on_missing
        self._on_changed = on_changed
        self._flights: dict[RecordKey, list[_Flight]] = defaultdict(list)
        self._failures: dict[tuple[str, Kind], tuple[float, SourceError]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._looks: list[set[RecordKey]] = []
        """For each look into the shared tier that is under way: what of it is old by now."""
        self._puts: set[asyncio.Future[None]] = set()
        """The writes to the shared tier that are under way."""
        self._written: OrderedDict[RecordKey, float] = OrderedDict()
        """When some process of the hub last wrote these, the latest last: what was read before that is old."""
        self.counts = CacheCounts()
        self.version = 0
        """Moves whenever any entry of this process changes or goes: what was built from entries may be old then."""

    @property
    def shared(self) -> bool:
        """Whether there is a tier that it has in common with other processes."""
        return self._shared is not None

    # -- reading ---------------------------------------------------------------------------------

    def peek(self, key: RecordKey, attributes: frozenset[str]) -> CachedRecord | None:
        """The fresh record with all those attributes if it is in memory, else None."""
        entry = self._memory.get(key)
        if entry is None:
            return None
        until = entry.fresh_until.get(attributes)
        if until is None:
            until = self._fresh_until(key, entry, attributes)
        return entry.served if self._clock() <= until else None

    def now(self) -> float:
        """The present, on the clock of `fresh_until`."""
        return self._clock()

    def fresh_until(self, key: RecordKey, attributes: frozenset[str]) -> float:
        """Until when `peek` gives the entry in memory, if nothing changes; 0 when it is not there."""
        entry = self._memory.get(key)
        return 0.0 if entry is None else self._fresh_until(key, entry, attributes)

    def _fresh_until(self, key: RecordKey, entry: Entry, attributes: frozenset[str]) -> float:
        fetched = entry.oldest(attributes)
        fresh_s = _freshness(key, entry).fresh_s
        until = 0.0 if fetched is None else fetched + fresh_s
        entry.fresh_until[attributes] = until
        return until

    async def load(
        self, keys: Sequence[RecordKey], attributes: frozenset[str], *, max_age_s: float | None = None
    ) -> list[CachedRecord]:
        """Records by key, in the order given; a source's fault shows as `stale` or `unavailable`, never as an error."""
        unique = list(dict.fromkeys(keys))
        waiting = [k for k in unique if self._decide(k, attributes, max_age_s) is Decision.FETCH]
        self.counts.hits += len(unique) - len(waiting)
        errors: dict[RecordKey, SourceError] = {}
        got: dict[RecordKey, Entry] = {}
        if waiting:
            self._note(set(unique) - set(waiting), got)
            if self._shared is not None and max_age_s is None:
                waiting = await self._take_shared(waiting, attributes, got)
            self.counts.misses += len(waiting)
            errors = await self._fetch_all(waiting, attributes, got)
        old = [k for k in unique if self._decide(k, attributes, max_age_s) is Decision.SERVE_AND_RENEW]
        self._renew(old, attributes)
        return [self._answer(key, attributes, errors.get(key), got.get(key)) for key in keys]

    def _decide(self, key: RecordKey, attributes: frozenset[str], max_age_s: float | None) -> Decision:
        entry = self._memory.get(key)
        fetched = None if entry is None else entry.oldest(attributes)
        if entry is None or fetched is None:
            return Decision.FETCH
        return decide(self._clock() - fetched, _freshness(key, entry), max_age_s)

    def _answer(
        self, key: RecordKey, attributes: frozenset[str], error: SourceError | None, got: Entry | None
    ) -> CachedRecord:
        """What memory says; what this reader `got` when it has been forgotten again before the answer."""
        entry = self._memory.get(key)
        if got is not None and (entry is None or entry.oldest(attributes) is None):
            entry = got
        if entry is not None and entry.oldest(attributes) is not None:
            if error is None or entry.record is None:
                return entry.served
            self.counts.stale_served += 1
            return CachedRecord(entry.record, stale=True, unavailable=error.code)
        code = SourceUnavailable.code if error is None else error.code
        partial = None if entry is None else entry.record
        return CachedRecord(partial, stale=partial is not None, unavailable=code)

    async def _take_shared(
        self, keys: Sequence[RecordKey], attributes: frozenset[str], got: dict[RecordKey, Entry]
    ) -> list[RecordKey]:
        """Take what the shared tier has into memory, and note it in `got`; the keys that still need a fetch."""
        if self._shared is None:
            return list(keys)
        old = set[RecordKey]()
        self._looks.append(old)
        try:
            found = await self._shared.get(keys)
        finally:
            self._looks.remove(old)
        for key, entry in zip(keys, found, strict=True):
            if entry is not None and key not in old:
                self._remember(key, _combined(self._memory.get(key), entry))
        still = [k for k in keys if self._decide(k, attributes, None) is Decision.FETCH]
        self.counts.shared_hits += len(keys) - len(still)
        self._note(set(keys) - set(still), got)
        return still

    def _note(self, keys: Iterable[RecordKey], got: dict[RecordKey, Entry]) -> None:
        """What memory has now, for a reader who goes on waiting while others may make it forget that."""
        got.update((key, entry) for key in keys if (entry := self._memory.get(key)) is not None)

    # -- fetching: one flight per key ------------------------------------------------------------

    async def _fetch_all(
        self, keys: Sequence[RecordKey], attributes: frozenset[str], got: dict[RecordKey, Entry]
    ) -> dict[RecordKey, SourceError]:
        """Fetch keys of any systems and kinds side by side, noted in `got`; the errors by key."""
        joined: dict[RecordKey, _Flight] = {}
        groups: dict[tuple[str, Kind], list[RecordKey]] = defaultdict(list)
        for key in keys:
            flight = next((f for f in self._flights.get(key, ()) if attributes <= f.attributes), None)
            if flight is not None:
                joined[key] = flight
            else:
                groups[key.system, key.kind].append(key)
        for (system, kind), group in groups.items():
            joined |= dict.fromkeys(group, self._take_off(system, kind, group, attributes))
        await self._landed(set(joined.values()))
        got.update((key, flight.got[key]) for key, flight in joined.items() if key in flight.got)
        return {key: error for key, flight in joined.items() if (error := flight.done.result()) is not None}

    def _take_off(self, system: str, kind: Kind, keys: Sequence[RecordKey], attributes: frozenset[str]) -> _Flight:
        flight = _Flight(keys, attributes, asyncio.get_running_loop().create_future())
        for key in keys:
            self._flights[key].append(flight)
        flight.task = self._start(self._fly(system, kind, flight))
        return flight

    async def _landed(self, flights: Collection[_Flight]) -> None:
        """Wait for flights; one that nobody waits for any more, because all who did have gone, is called off."""
        for flight in flights:
            flight.waiting += 1
        try:
            await asyncio.gather(*(asyncio.shield(flight.done) for flight in flights))
        finally:
            for flight in flights:
                flight.waiting -= 1
                if flight.waiting == 0 and not flight.done.done() and flight.task is not None:
                    # Nobody may join it from now on: it brings nothing.
                    self._strike(flight)
                    flight.task.cancel()

    def _strike(self, flight: _Flight) -> None:
        for key in flight.keys:
            flights = self._flights.get(key, [])
            if flight in flights:
                flights.remove(flight)
            if not flights:
                self._flights.pop(key, None)

    async def _fly(self, system: str, kind: Kind, flight: _Flight) -> None:
        """Fetch one group and end its flight; whoever waits goes on even if the one who asked has gone."""
        error: SourceError | None = None
        try:
            await self._fetch_group(system, kind, flight.keys, flight)
        except SourceError as fault:
            error = fault
        except Exception as fault:
            log.exception("fetching %s of %s failed", kind, system)
            error = SourceUnavailable(system, "the answer could not be used")
            error.__cause__ = fault
        finally:
            self._strike(flight)
            if not flight.done.done():
                flight.done.set_result(error)

    async def _fetch_group(self, system: str, kind: Kind, keys: Sequence[RecordKey], flight: _Flight) -> None:
        attributes = flight.attributes
        recent = self._failures.get((system, kind))
        if recent is not None and self._clock() < recent[0]:
            raise recent[1]
        mine = await self._leave_to_others(keys, attributes, flight.got)
        if not mine and not flight.voided:
            return
        entries = [self._memory.get(key) for key in mine]
        has_stand_in = all(e is not None and e.oldest(attributes) is not None for e in entries)
        try:
            with within(WAIT_WITH_STAND_IN_S if has_stand_in else WAIT_S):
                found = await self._ask(system, kind, mine, attributes) if mine else {}
                while again := [key for key in keys if key in flight.voided]:
                    flight.voided.clear()
                    found |= await self._ask(system, kind, again, attributes)
            self._tell(self._on_changed, [key for key, record in found.items() if self._has_moved(key, record)])
            # Whoever comes from now on reads memory: what this flight has brought may be old before it ends.
            self._strike(flight)
            await self._store(self._without_older(found, flight.overtaken), flight.got)
            self._tell(self._on_missing, [key for key, record in found.items() if record is None])
        except SourceError as fault:
            # Noted where it happens: a failure that only answers for an earlier one must not prolong it, or a
            # system that is asked for more than once a second would never be called again.
            self._failures[system, kind] = (self._clock() + FAILURE_S, fault)
            raise
        finally:
            if self._shared is not None:
                await self._shared.end_flights(mine)

    async def _ask(
        self, system: str, kind: Kind, keys: Sequence[RecordKey], attributes: frozenset[str]
    ) -> dict[RecordKey, Record | None]:
        records = await self._adapters[system].fetch(kind, [key.external_id for key in keys], attributes)
        return dict(zip(keys, records, strict=True))

    def _has_moved(self, key: RecordKey, record: Record | None) -> bool:
        """Whether this process had another version of the object, as other replicas may still have."""
        old = self._memory.get(key)
        return record is not None and old is not None and old.record is not None and old.record.stamp != record.stamp

    def _tell(self, hook: KeysHook | None, keys: Sequence[RecordKey]) -> None:
        if keys and hook is not None:
            _ = self._start(self._told(hook, keys))

    async def _told(self, hook: KeysHook, keys: Sequence[RecordKey]) -> None:
        """Tell of objects beside the answer, which does not depend on it."""
        try:
            await hook(keys)
        except Exception:
            log.exception("what a fetch has shown could not be told")

    def _without_older(
        self, records: Mapping[RecordKey, Record | None], overtaken: set[RecordKey]
    ) -> Mapping[RecordKey, Record | None]:
        """What was fetched, but where a write or a feed was faster, with what that has put."""
        return {key: self._newest(key, record) if key in overtaken else record for key, record in records.items()}

    def _newest(self, key: RecordKey, fetched: Record | None) -> Record | None:
        entry = self._memory.get(key)
        if entry is None:
            return fetched
        if entry.record is None or fetched is None:
            return entry.record
        return replace(entry.record, attributes={**fetched.attributes, **entry.record.attributes})

    async def _leave_to_others(
        self, keys: Sequence[RecordKey], attributes: frozenset[str], got: dict[RecordKey, Entry]
    ) -> list[RecordKey]:
        """The keys that this replica must fetch itself; those that another one is fetching are waited for first."""
        if self._shared is None:
            return list(keys)
        taken = await self._shared.take_flights(keys)
        mine = [k for k, ok in zip(keys, taken, strict=True) if ok]
        theirs = [k for k, ok in zip(keys, taken, strict=True) if not ok]
        give_up = self._clock() + OTHERS_FETCH_S
        while theirs and self._clock() < give_up:
            await asyncio.sleep(POLL_S)
            theirs = await self._take_shared(theirs, attributes, got)
        return mine + theirs

    def _renew(self, keys: Sequence[RecordKey], attributes: frozenset[str]) -> None:
        """Fetch in the background what was served a little old."""
        if keys:
            self.counts.renewals += len(keys)
            _ = self._start(self._renewed(keys, attributes))

    async def _renewed(self, keys: Sequence[RecordKey], attributes: frozenset[str]) -> None:
        await self._fetch_all(keys, attributes, {})

    def _start(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- writing ---------------------------------------------------------------------------------

    async def _store(
        self, records: Mapping[RecordKey, Record | None], got: dict[RecordKey, Entry], *, shared: bool = True
    ) -> None:
        """Put records into memory and the shared tier, and note in `got` what memory has of them now."""
        now = self._clock()
        stored: dict[RecordKey, Entry] = {}
        for key, record in records.items():
            stored[key] = Entry(None, {}, now) if record is None else merged(self._memory.get(key), record, now)
            self._remember(key, stored[key])
        got.update(stored)
        if shared:
            await self._share(stored)

    async def _share(self, entries: Mapping[RecordKey, Entry]) -> None:
        """Put entries into the shared tier."""
        if self._shared is None:
            return
        by_time: dict[float, dict[RecordKey, Entry]] = defaultdict(dict)
        for key, entry in entries.items():
            by_time[NEGATIVE_S if entry.record is None else POLICY[key.kind].keep_s][key] = entry
        under_way = asyncio.get_running_loop().create_future()
        self._puts.add(under_way)
        try:
            for ttl_s, group in by_time.items():
                await self._shared.put(group, ttl_s)
        finally:
            self._puts.discard(under_way)
            under_way.set_result(None)

    def _remember(self, key: RecordKey, entry: Entry) -> None:
        self._memory.put(key, entry)
        self.version += 1

    async def put(self, records: Iterable[Record]) -> None:
        """Take over records that have just been read, unless they were read before the hub wrote them.

        Tombstones become misses.
        """
        written = self._written
        await self._put((r for r in records if r.fetched_at.timestamp() >= written.get(r.key, 0.0)), shared=True)

    async def write(self, records: Collection[Record]) -> None:
        """Take over what a confirmed write has just read: for this process only, until all replicas know (`share`)."""
        keys = [record.key for record in records]
        self._note_written(keys)
        self._void_flights(keys)
        await self._put(records, shared=False)
        if self._shared is not None:
            await self._puts_under_way()
            await self._shared.drop(keys)

    async def share(self, records: Collection[Record]) -> None:
        """Put what `write` took over into the shared tier, now that all replicas know.

        Into memory too: meanwhile this process may have taken from the shared tier what another one put there late.
        """
        self._void_flights(record.key for record in records)
        await self._put(records, shared=True)

    async def _put(self, records: Iterable[Record], *, shared: bool) -> None:
        put = {record.key: None if record.deleted else record for record in records}
        for key in put.keys() & self._flights.keys():
            for flight in self._flights[key]:
                flight.overtaken.add(key)
        self._outdate(put)
        await self._store(put, {}, shared=shared)

    def _note_written(self, keys: Iterable[RecordKey]) -> None:
        for key in keys:
            self._written[key] = self._clock()
            self._written.move_to_end(key)
        while len(self._written) > WRITES_REMEMBERED:
            self._written.popitem(last=False)

    def _void_flights(self, keys: Iterable[RecordKey]) -> None:
        """What is being fetched of these right now may be old: it is fetched once more."""
        for key in keys:
            for flight in self._flights.get(key, ()):
                flight.voided.add(key)

    def _outdate(self, keys: Iterable[RecordKey]) -> None:
        """What is being read of these from the shared tier right now may be old."""
        for look in self._looks:
            look.update(keys)

    async def _puts_under_way(self) -> None:
        """Wait for the writes to the shared tier that have begun."""
        if self._puts:
            await asyncio.wait(set(self._puts))

    async def void(self, keys: Sequence[RecordKey]) -> None:
        """Another replica has written these: nothing read of them before now may come up again, nor be shared."""
        self._note_written(keys)
        self.forget(keys)
        self._outdate(keys)
        self._void_flights(keys)
        if self._shared is not None:
            await self._puts_under_way()
            await self._shared.drop(keys)

    def forget(self, keys: Iterable[RecordKey]) -> None:
        """Drop entries of this process's memory: another replica has written them."""
        self._memory.drop(keys)
        self.version += 1

    async def drop(self, keys: Sequence[RecordKey]) -> None:
        """Drop entries of this process and of the shared tier."""
        self.forget(keys)
        if self._shared is not None:
            await self._shared.drop(keys)

    def forget_all(self) -> None:
        """Drop all of this process's memory."""
        self._memory.clear()
        self._failures.clear()
        self.version += 1

    async def clear(self) -> None:
        """Drop everything, in the shared tier too."""
        self.forget_all()
        if self._shared is not None:
            await self._shared.clear()

    async def aclose(self) -> None:
        """End the fetches under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._shared is not None:
            await self._shared.aclose()

    def __len__(self) -> int:
        """The number of entries in memory."""
        return len(self._memory)


def _freshness(key: RecordKey, entry: Entry) -> Freshness:
    return POLICY[key.kind] if entry.record is not None else Freshness(NEGATIVE_S, 0.0)


def _combined(mine: Entry | None, theirs: Entry) -> Entry:
    """The shared entry, with the private attributes that only this process's memory has of the same version."""
    if mine is None or mine.record is None or theirs.record is None or mine.record.stamp != theirs.record.stamp:
        return theirs
    both = merged(mine, theirs.record, 0.0)
    at = {name: max(mine.at.get(name, 0.0), theirs.at.get(name, 0.0)) for name in both.at}
    return Entry(both.record, at)

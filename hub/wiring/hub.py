"""Puts one hub process together: database, directory, systems, cache, feeds; and takes it apart in order."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from cache.record_cache import RecordCache
from cache.redis_tier import RedisTier
from cache.shared_texts import RedisTexts
from hub.domain.kinds import Domain
from hub.domain.pseudonyms import Pseudonyms
from hub.domain.records import RecordKey
from hub.errors import ConfigError
from hub.estate import Estate, read_estate
from hub.feeds.monitor import FeedMonitor, LoadState, first_load_state
from hub.feeds.reference import REFERENCE, load_reference
from hub.feeds.worker import FeedWorker
from hub.settings import Settings, unknown_variables
from hub.store.announcements import Announcements
from hub.store.audit import PostgresAuditTrail
from hub.store.database import migrate
from hub.store.directory_reader import PostgresDirectory
from hub.store.directory_writer import PostgresDirectoryWriter
from hub.store.missing import note_missing
from hub.store.replicas import Replicas
from hub.store.secrets import PSEUDONYMS, VERSIONS, installation_secret
from hub.usecases.scoped_directory import Sights
from hub.usecases.write_through import WriteThrough
from hub.wiring.commands import run_commands, sights_of
from hub.wiring.database import open_database
from hub.wiring.systems import BudgetFor, Connection, connect_all
from resolvers.reads import Reads
from sources.budget import Budget
from sources.shared_budget import SharedBudget
from sources.transport import Limits
from sources.versions import Versions

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hub:
    """One running hub process; `reads` is what its graph reads from."""

    settings: Settings
    estate: Estate
    engine: AsyncEngine
    cache: RecordCache
    connections: Mapping[str, Connection]
    reads: Reads
    worker: FeedWorker
    replicas: Replicas
    texts: RedisTexts | None
    commands: WriteThrough
    sights: Sights
    audit: PostgresAuditTrail

    @property
    def listening(self) -> bool:
        """Whether this process hears of changes."""
        return self.replicas.listening.is_set()

    async def load_states(self) -> dict[str, LoadState]:
        """How far the first load of each system is."""
        return await first_load_state(self.engine, set(self.connections))


def read_configuration(settings: Settings, environ: Mapping[str, str]) -> Estate:
    """The estate that the settings name. Raises ConfigError with every problem of settings and estate together."""
    problems: list[str] = []
    used: frozenset[str] = frozenset()
    estate: Estate | None = None
    if settings.estate is None:
        problems.append("HUB_ESTATE: is missing")
    else:
        try:
            estate = read_estate(settings.estate, environ)
            used = estate.secret_names
        except ConfigError as error:
            problems += error.problems
    if estate is not None:
        problems += unknown_variables(environ, used)
    if problems or estate is None:
        raise ConfigError(problems)
    return estate


@asynccontextmanager
async def open_hub(settings: Settings, estate: Estate) -> AsyncIterator[Hub]:
    """A hub that reads and feeds while inside. Raises ConfigError when the estate cannot work."""
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_database(settings))
        await migrate(engine)
        redis_url = None if settings.redis_url is None else settings.redis_url.get_secret_value()
        versions = Versions(await installation_secret(engine, VERSIONS))
        connections = connect_all(estate, await _budgets(redis_url, stack), versions)
        for connection in connections.values():
            stack.push_async_callback(connection.adapter.aclose)
        adapters = {key: connection.adapter for key, connection in connections.items()}
        shared = None if redis_url is None else RedisTier(redis_url)

        async def tell_others(keys: Sequence[RecordKey]) -> None:
            """The cache and the announcements need each other; this one is called later."""
            await announcements.publish(keys)

        cache = RecordCache(adapters, shared=shared, on_missing=partial(note_missing, engine), on_changed=tell_others)
        stack.push_async_callback(cache.aclose)
        replicas = Replicas(engine)
        announcements = Announcements(engine, cache, replicas)
        directory = PostgresDirectory(engine, replicas)
        replicas.start()
        stack.push_async_callback(replicas.aclose)
        texts = None if redis_url is None else RedisTexts(redis_url)
        if texts is not None:
            stack.push_async_callback(texts.aclose)
        roles = estate.reference.roles()
        pseudonyms = Pseudonyms(await installation_secret(engine, PSEUDONYMS))
        domains = {key: config.domain for key, config in estate.systems.items()} | {REFERENCE: Domain.HUB}
        writer = PostgresDirectoryWriter(engine, domains=domains, roles=roles)
        await load_reference(engine, writer, estate.reference)
        transports = {key: connection.transport for key, connection in connections.items()}
        monitor = FeedMonitor(engine, adapters, transports)
        worker = FeedWorker(
            engine,
            adapters,
            writer,
            cache=cache,
            announcer=announcements,
            transports=transports,
            feed_seconds=settings.feed_seconds,
        )
        await worker.start()
        stack.push_async_callback(worker.stop)
        commands = await stack.enter_async_context(
            run_commands(
                engine,
                adapters,
                directory,
                writer,
                cache,
                announcements,
                settle_s=settings.verify_settle_seconds,
                pseudonyms=pseudonyms,
            )
        )
        yield Hub(
            settings,
            estate,
            engine,
            cache,
            connections,
            Reads(directory, writer, cache, adapters, monitor, roles, pseudonyms),
            worker,
            replicas,
            texts,
            commands,
            sights_of(engine, directory),
            PostgresAuditTrail(engine),
        )


async def _budgets(redis_url: str | None, stack: AsyncExitStack) -> BudgetFor:
    """Budgets over all replicas where there is Redis, else each process's own."""
    if redis_url is None:
        return lambda _system, _limits: None
    redis = Redis.from_url(redis_url)
    stack.push_async_callback(redis.aclose)

    def shared(system: str, limits: Limits) -> Budget:
        return SharedBudget(redis, system, limits.concurrent, limits.calls_per_minute)

    return shared


def local_settings_file(data_dir: Path) -> Path:
    """Where a running demo notes which database it uses, so that commands in another shell find it."""
    return data_dir / "running.json"

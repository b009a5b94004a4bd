"""One hub process: settings and estate checked, everything opened, the graph served until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
import uvloop

from hub.app.application import create_app
from hub.app.auth import ClaimNames, Issuer, Verifier, local_issuer
from hub.app.oidc import DiscoveredKeys
from hub.app.persisted import read_manifest
from hub.app.services import Limits, Readiness, Services
from hub.app.tokens import installation_key, local_token
from hub.domain.ownership import Role
from hub.estate import Estate
from hub.feeds.monitor import LoadState
from hub.settings import PREFIX, RUNNING_NOTE, Settings
from hub.store.people import busiest_manager
from hub.wiring.hub import Hub, open_hub, read_configuration

log = logging.getLogger(__name__)

LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s %(message)s"
QUIET = ("httpx", "stamina", "alembic", "procrastinate", "uvicorn.access", "uvicorn.error")
"""Loggers that tell of every call; their warnings stay."""
DEMO_ROLES = (Role.PMO, Role.FINANCE_OPS, Role.DELIVERY_MANAGER, Role.EXECUTIVE, Role.INTEGRATION_SUPPORT)
"""The playground offers these, and begins with the role that may read most of its examples."""
GARBAGE_THRESHOLDS = (50_000, 20, 100)
"""Directory and cache hold hundreds of thousands of objects that live on: looking through them as often as Python does
by default costs a large answer more than making it."""


def serve(settings: Settings, environ: Mapping[str, str]) -> int:
    """Serve until SIGINT or SIGTERM; the exit status. Raises ConfigError before anything is opened."""
    logging.basicConfig(level=settings.log_level.upper(), format=LOG_FORMAT)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    estate = read_configuration(settings, environ)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_until_stopped(settings, estate))


async def _until_stopped(settings: Settings, estate: Estate) -> int:
    """Serve; a signal while things are still being opened ends that cleanly, later ones are the server's."""
    work = asyncio.ensure_future(_serve(settings, estate))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        log.info("stopped while starting")
    return 0


async def _serve(settings: Settings, estate: Estate) -> None:
    async with open_hub(settings, estate) as hub:
        with _noted(settings):
            app = create_app(_services(hub))
            config = uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=int(settings.drain_seconds) or 1,
                server_header=False,
            )
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, lambda: None)
            gc.freeze()
            gc.set_threshold(*GARBAGE_THRESHOLDS)
            log.info("listening on http://%s:%s", settings.host, settings.port)
            await uvicorn.Server(config).serve()


def _services(hub: Hub) -> Services:
    settings = hub.settings

    def now() -> datetime:
        return datetime.now(UTC)

    async def readiness() -> Readiness:
        states = await hub.load_states()
        loading = [state for state in states.values() if state is LoadState.LOADING]
        ready = not loading and hub.listening
        if ready and settings.demo:
            await _name_manager(hub, tokens)
        return Readiness(ready, {"systems": dict(states)})

    trusted = {} if settings.trusted_documents is None else read_manifest(settings.trusted_documents)
    tokens = {str(role): local_token(settings.data_dir, [role]) for role in DEMO_ROLES}
    return Services(
        reads=hub.reads,
        verifier=Verifier(*_issuers(settings), now=now),
        readiness=readiness,
        demo_tokens=tokens if settings.demo else None,
        limits=_limits(settings),
        cors_origins=settings.origins,
        trusted_documents=trusted,
        trusted_only=settings.trusted_only,
        shared_texts=hub.texts,
        commands=hub.commands,
        sights=hub.sights,
        audit=hub.audit,
        catch_up=hub.replicas.catch_up,
        now=now,
    )


async def _name_manager(hub: Hub, tokens: dict[str, str]) -> None:
    """Make the demo's delivery manager one who has projects: without any, the role sees none."""
    role, manager = Role.DELIVERY_MANAGER, await busiest_manager(hub.engine)
    if manager is not None:
        tokens[role] = local_token(hub.settings.data_dir, [role], subject=manager)


def _issuers(settings: Settings) -> list[Issuer]:
    """Whose tokens are good here: the configured providers', and the local key's without any, or in the demo."""
    names = ClaimNames(
        settings.oidc_roles_claim,
        settings.oidc_practices_claim,
        settings.oidc_legal_entities_claim,
        settings.oidc_email_claim,
        settings.oidc_allow_claim,
        settings.oidc_role_prefix,
    )
    providers = [Issuer(name, audience, DiscoveredKeys(name), names) for name, audience in settings.providers.items()]
    local = [local_issuer(installation_key(settings.data_dir))] if settings.demo or not providers else []
    return [*providers, *local]


def _limits(settings: Settings) -> Limits:
    return Limits(
        depth=settings.limit_depth,
        aliases=settings.limit_aliases,
        tokens=settings.limit_tokens,
        cost=settings.limit_cost,
        seconds=settings.request_seconds,
    )


@contextlib.contextmanager
def _noted(settings: Settings) -> Iterator[None]:
    """Leave a note of the embedded database in use while inside."""
    if settings.database_url is not None:
        yield
        return
    note = settings.data_dir / RUNNING_NOTE
    body = {f"{PREFIX}DATABASE_NAME": settings.database_name, f"{PREFIX}DATA_DIR": str(settings.data_dir)}
    _write_private(note, json.dumps(body))
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)

"""The command line: run the hub or the demo, make tokens, look at the schema, steer cache and feeds."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hub.domain.ownership import Role
from hub.errors import ConfigError, HubError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hub.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
schema_app = typer.Typer(no_args_is_help=True, help="The graph's schema.")
cache_app = typer.Typer(no_args_is_help=True, help="The record cache of all running hub processes.")
feeds_app = typer.Typer(no_args_is_help=True, help="The change feeds of all running hub processes.")
app.add_typer(schema_app, name="schema")
app.add_typer(cache_app, name="cache")
app.add_typer(feeds_app, name="feeds")

T = TypeVar("T")


class Size(StrEnum):
    """Sizes of the demo's firm."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


@app.command()
def serve() -> None:
    """Run one hub process with the settings in the environment (HUB_*)."""
    from hub.serve import serve as run

    raise typer.Exit(run(_settings(), os.environ))


@app.command()
def demo(size: Annotated[Size, typer.Option(help="How large the generated firm is.")] = Size.MEDIUM) -> None:
    """Run the sandboxes and a hub on a generated firm, until Ctrl-C."""
    from hub.demo.supervisor import Demo

    raise typer.Exit(asyncio.run(Demo(size, _settings().data_dir).run()))


@app.command()
def token(
    role: Annotated[list[Role], typer.Option(help="A role; may be given several times.")],
    subject: Annotated[str | None, typer.Option(help="The caller's e-mail address.")] = None,
    practice: Annotated[list[str] | None, typer.Option(help="Grant on a practice and what is below it.")] = None,
    legal_entity: Annotated[list[str] | None, typer.Option(help="Grant on a legal entity.")] = None,
    allow: Annotated[list[str] | None, typer.Option(help="A mutation that a service account may call.")] = None,
) -> None:
    """Print a token of the local key, for the demo and for tests. Without grants it sees everything."""
    from hub.app.tokens import local_token

    made = local_token(
        _settings().data_dir,
        role,
        subject=subject,
        practices=practice or [],
        legal_entities=legal_entity or [],
        allow=allow or [],
    )
    typer.echo(made)


@schema_app.command("print")
def schema_print(
    *, federation: Annotated[bool, typer.Option("--federation", help="As an Apollo Federation subgraph.")] = False
) -> None:
    """Print the schema."""
    from schema.printing import federation_sdl, plain_sdl

    typer.echo(federation_sdl() if federation else plain_sdl())


@schema_app.command("check")
def schema_check() -> None:
    """Compare the schema with the committed one; a difference must be committed on purpose."""
    from schema.printing import schema_check as differences

    found = differences()
    for line in found:
        typer.echo(line)
    raise typer.Exit(1 if found else 0)


@cache_app.command("clear")
def cache_clear() -> None:
    """Forget every cached record, in all processes and in Redis."""
    from hub.store.announcements import clear_everywhere

    _with_database(clear_everywhere)


@feeds_app.command("pause")
def feeds_pause() -> None:
    """Stop all feeds: no upstream call is made for them until `resume`."""
    from hub.feeds.control import pause_feeds

    _with_database(pause_feeds)


@feeds_app.command("resume")
def feeds_resume() -> None:
    """Let the feeds run again."""
    from hub.feeds.control import resume_feeds

    _with_database(resume_feeds)


@feeds_app.command("run")
def feeds_run(
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Also the daily full pass, which finds what a feed missed.")
    ] = False,
) -> None:
    """Run every feed once, now, even while they are paused; returns when all have ended."""
    from hub.feeds.control import run_feeds_now

    failed = False
    for report in _with_database(lambda engine: run_feeds_now(engine, full=full)):
        failed |= report.failure is not None
        typer.echo(f"{report.feed.system:20s} {report.feed.kind:15s} {report.records:8d} {report.failure or 'ok'}")
    raise typer.Exit(1 if failed else 0)


@feeds_app.command("status")
def feeds_status() -> None:
    """Show how far each feed is."""
    from hub.store.watermarks import Watermarks

    async def states(engine: AsyncEngine) -> list[str]:
        found = await Watermarks(engine).all()
        return [
            f"{feed.system:20s} {feed.kind:15s} "
            f"{'loaded' if state.first_load_done_at else 'loading':8s} "
            f"ran {f'{state.ran_at:%Y-%m-%dT%H:%M:%SZ}' if state.ran_at else 'never':21s} {state.failure or 'ok'}"
            for feed, state in sorted(found.items())
        ]

    for line in _with_database(states):
        typer.echo(line)


def _settings() -> Settings:
    """The settings of the environment; where it names no database, those of the hub that runs in the data folder."""
    from hub.settings import read_settings

    environ = dict(os.environ)
    if not _names_a_database(environ) and _running_note().exists():
        environ |= json.loads(_running_note().read_text())
    return read_settings(environ)


def _running_note() -> Path:
    """Where a hub on the embedded database notes which database it uses."""
    from hub.settings import RUNNING_NOTE

    return Path(os.environ.get("HUB_DATA_DIR") or ".hub") / RUNNING_NOTE


def _names_a_database(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("HUB_DATABASE_URL") or environ.get("HUB_DATABASE_NAME"))


def _with_database(work: Callable[[AsyncEngine], Coroutine[None, None, T]]) -> T:
    async def run() -> T:
        async with _database() as engine:
            return await work(engine)

    return asyncio.run(run())


@asynccontextmanager
async def _database() -> AsyncIterator[AsyncEngine]:
    from hub.wiring.database import open_database

    settings = _settings()
    if not _names_a_database(os.environ) and not _running_note().exists():
        raise ConfigError(["no hub runs here: start one (`make demo`), or name its database with HUB_DATABASE_URL"])
    async with open_database(settings) as engine:
        yield engine


def main() -> None:
    """Entry of the `hub` command: a configuration's problems are printed as a list, without a traceback."""
    try:
        app()
    except ConfigError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
    except HubError as error:
        typer.echo(f"{error.code}: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()

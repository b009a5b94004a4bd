"""Databases for tests, on a real PostgreSQL: the one named by HUB_TEST_DATABASE_URL, else the embedded wheel's."""

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from hub.store import embedded

# What a test writes need not survive a power cut.
FAST_AND_FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}


@dataclass(slots=True)
class DatabaseServer:
    """Makes and drops databases on one server; `prefix` keeps concurrent test processes apart."""

    admin_url: URL
    prefix: str
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)
    _templates: dict[str, str] = field(default_factory=dict, repr=False)

    def create(self, template: str = "template0") -> str:
        """Create a database and return its SQLAlchemy address (asyncpg); empty unless a template is named."""
        name = f"{self.prefix}_{next(self._numbers)}"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}"), name, template)
        return self.admin_url.set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Drop a database that `create` made, whoever is still connected to it."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), _name_of(url))

    def template(self, key: str, prepare: Callable[[str], None]) -> str:
        """Return the name of a template, made once per test process by `prepare` from an empty database's address."""
        if key not in self._templates:
            url = self.create()
            prepare(url)
            self._templates[key] = _name_of(url)
        return self._templates[key]

    def drop_templates(self) -> None:
        """Drop what `template` made."""
        for name in self._templates.values():
            self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), name)
        self._templates.clear()

    def _execute(self, statement: sql.SQL, *names: str) -> None:
        admin = conninfo(self.admin_url.render_as_string(hide_password=False))
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(statement.format(*map(sql.Identifier, names)))


def conninfo(url: str) -> str:
    """Return the libpq connection string (psycopg, procrastinate) for a SQLAlchemy address."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextlib.contextmanager
def database_server(run_id: str, worker: str) -> Iterator[DatabaseServer]:
    """Give the test run's server to one of its processes; the processes of a run share an embedded one."""
    prefix = f"hub_test_{run_id[:8]}_{worker}"
    configured = os.environ.get("HUB_TEST_DATABASE_URL")
    if configured:
        server = DatabaseServer(make_url(configured).set(drivername="postgresql+asyncpg"), prefix)
        try:
            yield server
        finally:
            server.drop_templates()
        return
    with embedded.start(_data_dir(run_id), parameters=FAST_AND_FORGETFUL) as started:
        yield DatabaseServer(make_url(started.url()), prefix)


def remove_embedded_server(run_id: str) -> None:
    """Delete the run's embedded server, and stop it first if a killed test process left it running."""
    data_dir = _data_dir(run_id)
    if (data_dir / "postmaster.pid").exists():
        embedded.start(data_dir).stop()
    shutil.rmtree(data_dir.parent, ignore_errors=True)


def _data_dir(run_id: str) -> Path:
    """Return a short path outside pytest's own directory, which is closed to the account the server runs as."""
    return Path(tempfile.gettempdir()) / f"plumbline-tests-{run_id[:8]}" / "pg"


def _name_of(url: str) -> str:
    name = make_url(url).database
    assert name is not None
    return name

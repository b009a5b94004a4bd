"""Tokens of the local key: for the demo, for tests, and for an installation without an identity provider."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from joserfc.jwk import ECKey

from hub.app.auth import Grant, local_key, sign
from hub.domain.ownership import Role

LIFETIME_S = 12 * 3600
KEY_FILE = "local-key.pem"


def installation_key(data_dir: Path) -> ECKey:
    """The local key of the installation in that folder, made at its first use."""
    return local_key(data_dir / KEY_FILE)


def local_token(
    data_dir: Path,
    roles: Sequence[Role],
    *,
    subject: str | None = None,
    practices: Sequence[str] = (),
    legal_entities: Sequence[str] = (),
    allow: Sequence[str] = (),
) -> str:
    """A token good for twelve hours; `subject` is an e-mail address, without grants it sees everything."""
    name = subject or f"{roles[0]}@demo.example"
    grant = Grant(name, tuple(roles), tuple(practices), tuple(legal_entities), name, tuple(allow))
    return sign(installation_key(data_dir), grant, now=datetime.now(UTC), lifetime_s=LIFETIME_S)

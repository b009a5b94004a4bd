"""Who asks: bearer tokens (JWT, ES256 only), signed by the local key; an `Issuer` may as well bring other keys.

Claims: `sub`, `roles`, `practices`, `legal_entities`, `email`, `allow`; `iss`, `aud` and `exp` are checked.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from hub.domain.callers import Caller
from hub.domain.ownership import Role
from hub.errors import HubError

ALGORITHM = "ES256"
LOCAL_ISSUER = "plumbline-local"
AUDIENCE = "plumbline"
CLOCK_SKEW_S = 30
MAX_TOKEN_LENGTH = 8_192
TOKENS_IN_MEMORY = 2_000

KeyFinder = Callable[[], KeySet]
"""Gives the keys that an issuer signs with now."""


class Unauthenticated(HubError):
    """There is no token, or it is not good; the message says which, without repeating any of it."""

    code = "UNAUTHENTICATED"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens are accepted."""

    name: str
    audience: str
    keys: KeyFinder


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token says about its bearer."""

    subject: str
    roles: tuple[Role, ...]
    practices: tuple[str, ...] = ()
    legal_entities: tuple[str, ...] = ()
    email: str | None = None
    allow: tuple[str, ...] = ()


def local_key(path: Path) -> ECKey:
    """The key of this installation; made at the first use, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_once(path, ECKey.generate_key("P-256").as_pem(private=True))
    return _with_id(ECKey.import_key(path.read_text(encoding="ascii")))


def _write_once(path: Path, pem: bytes) -> None:
    """Write the whole file or none of it; when another process was first, its key stays."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _with_id(key: ECKey) -> ECKey:
    key.ensure_kid()
    return key


def local_issuer(key: ECKey) -> Issuer:
    """The issuer whose tokens `sign` makes."""
    keys = KeySet([key])
    return Issuer(LOCAL_ISSUER, AUDIENCE, lambda: keys)


def sign(key: ECKey, grant: Grant, *, now: datetime, lifetime_s: int) -> str:
    """A token for the bearer, good for so many seconds."""
    issued = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": LOCAL_ISSUER,
        "aud": AUDIENCE,
        "sub": grant.subject,
        "iat": issued,
        "exp": issued + lifetime_s,
        "roles": list(grant.roles),
        "practices": list(grant.practices),
        "legal_entities": list(grant.legal_entities),
        "allow": list(grant.allow),
    }
    if grant.email is not None:
        claims["email"] = grant.email
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, key, algorithms=[ALGORITHM])


class Verifier:
    """Turns tokens into callers; verified ones are remembered by their hash until they expire."""

    def __init__(self, issuer: Issuer, *, now: Callable[[], datetime], remembered: int = TOKENS_IN_MEMORY) -> None:
        self._issuer = issuer
        self._now = now
        self._limit = remembered
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    def caller(self, authorization: str | None) -> Caller:
        """The caller behind an Authorization header. Raises Unauthenticated."""
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("a bearer token is required")
        if len(token) > MAX_TOKEN_LENGTH:
            raise Unauthenticated("the token is not valid")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and self._now().timestamp() < known[0]:
            self._known.move_to_end(digest)
            return known[1]
        expires, caller = self._verified(token)
        self._remember(digest, expires, caller)
        return caller

    def _remember(self, digest: bytes, expires: float, caller: Caller) -> None:
        self._known[digest] = (expires, caller)
        self._known.move_to_end(digest)
        while len(self._known) > self._limit:
            self._known.popitem(last=False)

    def _verified(self, token: str) -> tuple[float, Caller]:
        try:
            claims = jwt.decode(token, self._issuer.keys(), algorithms=[ALGORITHM]).claims
            self._claims().validate(claims)
        except (JoseError, ValueError, TypeError, KeyError) as problem:
            raise Unauthenticated(_reason(problem)) from problem
        return float(claims["exp"]) + CLOCK_SKEW_S, _caller(claims)

    def _claims(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=int(self._now().timestamp()),
            leeway=CLOCK_SKEW_S,
            iss={"essential": True, "value": self._issuer.name},
            aud={"essential": True, "value": self._issuer.audience},
            exp={"essential": True},
            sub={"essential": True},
        )


def _reason(problem: Exception) -> str:
    return "the token has expired" if getattr(problem, "error", "") == "expired_token" else "the token is not valid"


def _caller(claims: dict[str, Any]) -> Caller:
    roles = frozenset(Role(name) for name in _texts(claims, "roles") if name in set(Role))
    if not roles:
        raise Unauthenticated("the token names no role of this hub")
    email, subject = claims.get("email"), claims["sub"]
    return Caller(
        subject=str(subject),
        roles=roles,
        practices=frozenset(_texts(claims, "practices")),
        legal_entities=frozenset(_texts(claims, "legal_entities")),
        email=email if isinstance(email, str) else None,
        allow=frozenset(_texts(claims, "allow")),
        issuer=str(claims["iss"]),
    )


def _texts(claims: dict[str, Any], name: str) -> Iterable[str]:
    """The texts of a list claim. A claim of another shape restricts nothing by accident: it is refused."""
    value = claims.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Unauthenticated("the token is not valid")
    return value

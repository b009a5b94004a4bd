"""Who asks: bearer tokens (JWT), signed by the local key or by a configured OpenID provider.

Before anything of a token is believed: its length, then whose it says it is (`iss`), which key (`kid`) that
issuer has under this id, whether that key is for this algorithm; then signature, `aud`, `exp`, `nbf`, `iat`
with CLOCK_SKEW_S of tolerance. `none` and HMAC are no algorithms here. Claims: `sub`, `roles`, `practices`,
`legal_entities`, `email`, `allow`; a provider may name them otherwise (ClaimNames).
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from hub.app.oidc import ALGORITHMS, FixedKeys, SigningKey
from hub.domain.callers import LOCAL_ISSUER, Caller
from hub.domain.ownership import Role
from hub.errors import HubError, InvalidInput

ALGORITHM = "ES256"
AUDIENCE = "plumbline"
CLOCK_SKEW_S = 60
MAX_TOKEN_LENGTH = 8_192
TOKENS_IN_MEMORY = 2_000


class Unauthenticated(HubError):
    """There is no token, or it is not good; the message says which, without repeating any of it."""

    code = "UNAUTHENTICATED"


class KeySource(Protocol):
    """The keys that an issuer signs with."""

    async def find(self, kid: str) -> SigningKey | None:
        """The key with that id; None where there is none. Raises ProviderUnavailable.

        Another object says that the keys have been read anew, even where the key is the same.
        """
        ...


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Under which names an issuer's tokens say what the hub wants to know; dots lead into objects.

    Roles are the hub's own words behind `role_prefix`; others are not for this hub.
    """

    roles: str = "roles"
    practices: str = "practices"
    legal_entities: str = "legal_entities"
    email: str = "email"
    allow: str = "allow"
    role_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens are accepted."""

    name: str
    audience: str
    keys: KeySource
    claims: ClaimNames = field(default_factory=ClaimNames)


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
    return Issuer(LOCAL_ISSUER, AUDIENCE, FixedKeys(key))


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


EMAIL = re.compile(r"[^\s@\x00-\x1f]{1,64}@[^\s@\x00-\x1f]{1,189}")


def user_named(header: str | None, caller: Caller) -> Caller | None:
    """The user for whom the caller says to act (`X-Hub-On-Behalf-Of`): a work e-mail, which names no roles.

    What such a user may do is judged by what the hub knows of them (hub.usecases.on_behalf);
    what is read for them ends at their own rows (hub.domain.row_scope). Raises InvalidInput.
    """
    email = (header or "").strip()
    if not email:
        return None
    if not EMAIL.fullmatch(email):
        raise InvalidInput("X-Hub-On-Behalf-Of", "is not an e-mail address")
    return Caller(email, frozenset(), email=email, issuer=caller.issuer)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a good token has proven, until when, and by which key of whose."""

    caller: Caller
    expires: float
    keys: KeySource
    kid: str
    key: SigningKey


class Verifier:
    """Turns tokens into callers; verified ones are remembered by their hash.

    Until they expire, and no longer than their issuer has the key that they were verified with: a key that was read
    anew verifies them anew, and a withdrawn one no more.
    """

    def __init__(self, *issuers: Issuer, now: Callable[[], datetime], remembered: int = TOKENS_IN_MEMORY) -> None:
        self._issuers = {issuer.name: issuer for issuer in issuers}
        self._now = now
        self._limit = remembered
        self._known: OrderedDict[bytes, Verified] = OrderedDict()

    async def caller(self, authorization: str | None) -> Caller:
        """The caller behind an Authorization header. Raises Unauthenticated, ProviderUnavailable."""
        token = _bearer(authorization)
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and await self._still_good(known):
            self._known.move_to_end(digest)
            return known.caller
        self._known.pop(digest, None)
        try:
            verified = await self._verified(token)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as problem:
            # The library's words may repeat parts of the token, so they go nowhere, not even as a cause.
            raise Unauthenticated(_reason(problem)) from None
        self._remember(digest, verified)
        return verified.caller

    async def _still_good(self, known: Verified) -> bool:
        return self._now().timestamp() < known.expires and await known.keys.find(known.kid) is known.key

    def _remember(self, digest: bytes, verified: Verified) -> None:
        self._known[digest] = verified
        self._known.move_to_end(digest)
        while len(self._known) > self._limit:
            self._known.popitem(last=False)

    async def _verified(self, token: str) -> Verified:
        """Whose the token is, and until when. Raises what the library raises, or ValueError."""
        header, payload = _peeked(token)
        issuer = self._issuers.get(str(payload.get("iss")))
        if issuer is None or header["alg"] not in ALGORITHMS:
            raise ValueError("not ours")
        found = await issuer.keys.find(header["kid"])
        if found is None or header["alg"] not in found.algorithms:
            raise ValueError("no such key")
        claims = jwt.decode(token, found.key, algorithms=[header["alg"]]).claims
        self._rules(issuer).validate(claims)
        _require_instants(claims)
        expires = float(claims["exp"]) + CLOCK_SKEW_S
        return Verified(_caller(claims, issuer), expires, issuer.keys, header["kid"], found)

    def _rules(self, issuer: Issuer) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=int(self._now().timestamp()),
            leeway=CLOCK_SKEW_S,
            iss={"essential": True, "value": issuer.name},
            aud={"essential": True, "value": issuer.audience},
            exp={"essential": True},
            sub={"essential": True},
        )


def _bearer(authorization: str | None) -> str:
    """The token of a header, looked at no further; one that is too long is not even split."""
    if authorization is not None and len(authorization) > MAX_TOKEN_LENGTH:
        raise Unauthenticated("the token is not valid")
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("a bearer token is required")
    return token


def _peeked(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims before anything is verified: only to find the key. Raises ValueError."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("this is no signed token")
    header, payload = (json.loads(base64.urlsafe_b64decode(p + "=" * (-len(p) % 4))) for p in parts[:2])
    if not isinstance(header, dict) or not isinstance(payload, dict):
        raise ValueError("this is no signed token")  # noqa: TRY004 -- a value is wrong, not our code
    if not isinstance(header.get("kid"), str) or not isinstance(header.get("alg"), str) or "crit" in header:
        raise ValueError("the header is not ours")
    return header, payload


def _require_instants(claims: Mapping[str, Any]) -> None:
    """Times are finite numbers: JSON as Python reads it has a NaN, which no comparison refuses."""
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name)
        if value is not None and (isinstance(value, bool) or not math.isfinite(value)):
            raise ValueError(f"{name} is no instant")


def _reason(problem: Exception) -> str:
    return "the token has expired" if getattr(problem, "error", "") == "expired_token" else "the token is not valid"


def _caller(claims: dict[str, Any], issuer: Issuer) -> Caller:
    names = issuer.claims
    known = {f"{names.role_prefix}{role}": role for role in Role}
    roles = frozenset(known[name] for name in _texts(claims, names.roles) if name in known)
    if not roles:
        raise Unauthenticated("the token names no role of this hub")
    email = _claim(claims, names.email)
    proven = isinstance(email, str) and claims.get("email_verified") is not False
    return Caller(
        subject=str(claims["sub"]),
        roles=roles,
        practices=frozenset(_texts(claims, names.practices)),
        legal_entities=frozenset(_texts(claims, names.legal_entities)),
        email=email if proven else None,
        allow=frozenset(_texts(claims, names.allow)),
        issuer=issuer.name,
    )


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, else by a path of names with dots (`realm_access.roles`)."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for step in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def _texts(claims: Mapping[str, Any], name: str) -> Iterable[str]:
    """The texts of a list claim. A claim of another shape restricts nothing by accident: it is refused."""
    value = _claim(claims, name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Unauthenticated("the token is not valid")
    return value

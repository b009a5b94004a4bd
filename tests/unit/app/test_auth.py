"""Only good tokens of the trusted issuer make a caller."""

import base64
import hmac
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from hub.app.auth import AUDIENCE, Grant, Unauthenticated, Verifier, local_issuer, local_key, sign
from hub.domain.callers import LOCAL_ISSUER
from hub.domain.ownership import Role

NOW = datetime(2026, 3, 31, 8, tzinfo=UTC)
KEY = ECKey.generate_key("P-256")
KEY.ensure_kid()
GRANT = Grant("ann@example.com", (Role.PMO, Role.FINANCE_OPS), ("DATA",), ("UK01",), "ann@example.com", ("x",))


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def verifier(clock: Clock) -> Verifier:
    """Give a verifier of the local key's tokens."""
    return Verifier(local_issuer(KEY), now=clock)


def _signed(changes: dict[str, Any], key: ECKey = KEY) -> str:
    claims = {
        "iss": LOCAL_ISSUER,
        "aud": AUDIENCE,
        "sub": "ann",
        "exp": int(NOW.timestamp()) + 60,
        "roles": ["pmo"],
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "ES256", "kid": KEY.kid}, claims, key, algorithms=["ES256"])


async def test_a_token_tells_who_asks(verifier: Verifier) -> None:
    """All claims arrive; several roles are a union."""
    caller = await verifier.caller("Bearer " + sign(KEY, GRANT, now=NOW, lifetime_s=60))
    assert caller.roles == {Role.PMO, Role.FINANCE_OPS}
    assert (caller.subject, caller.email, caller.issuer) == ("ann@example.com", "ann@example.com", LOCAL_ISSUER)
    assert [*caller.practices, *caller.legal_entities, *caller.allow] == ["DATA", "UK01", "x"]


async def test_an_unknown_role_beside_a_known_one_is_ignored(verifier: Verifier) -> None:
    """An identity provider may know roles of other applications."""
    assert (await verifier.caller("bearer " + _signed({"roles": ["admin", "pmo"]}))).roles == {Role.PMO}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "someone-else"},
        {"iss": None},
        {"aud": "another-application"},
        {"aud": None},
        {"exp": None},
        {"exp": int(NOW.timestamp()) - 61},
        {"exp": "tomorrow"},
        {"nbf": int(NOW.timestamp()) + 600},
        {"sub": None},
        {"roles": None},
        {"roles": ["admin"]},
        {"roles": "pmo"},
        {"practices": "DATA"},
        {"legal_entities": [1]},
    ],
)
async def test_bad_claims_are_refused(verifier: Verifier, changes: dict[str, Any]) -> None:
    """Everything that must be there is checked, and a claim of a wrong shape never widens a grant."""
    with pytest.raises(Unauthenticated):
        await verifier.caller("Bearer " + _signed(changes))


async def test_another_key_or_algorithm_is_refused(verifier: Verifier) -> None:
    """The algorithm is pinned: neither `none`, nor HMAC with the public key, nor somebody's own key."""
    stranger = ECKey.generate_key("P-256")
    forged = _signed({}, stranger)
    head = base64.urlsafe_b64encode(orjson.dumps({"alg": "none"})).decode().rstrip("=")
    unsigned = ".".join((head, forged.split(".")[1], ""))
    head = base64.urlsafe_b64encode(orjson.dumps({"alg": "HS256", "kid": KEY.kid})).decode().rstrip("=")
    signed = f"{head}.{forged.split('.')[1]}"
    mac = hmac.digest(KEY.as_pem(private=False), signed.encode(), "sha256")
    confused = f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    for bad in (forged, unsigned, confused):
        with pytest.raises(Unauthenticated):
            await verifier.caller(f"Bearer {bad}")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer a.b.c", "Bearer " + "a" * 9000])
async def test_what_is_no_token_is_refused(verifier: Verifier, header: str | None) -> None:
    """And the refusal repeats nothing of it."""
    with pytest.raises(Unauthenticated) as refused:
        await verifier.caller(header)
    assert "abc" not in str(refused.value)


async def test_a_remembered_token_still_expires(verifier: Verifier, clock: Clock) -> None:
    """Memory saves the signature check, not the expiry."""
    header = "Bearer " + sign(KEY, GRANT, now=NOW, lifetime_s=60)
    assert await verifier.caller(header) is await verifier.caller(header)
    clock.now = NOW + timedelta(minutes=5)
    with pytest.raises(Unauthenticated, match="expired"):
        await verifier.caller(header)


async def test_only_so_many_tokens_are_remembered(clock: Clock) -> None:
    """The oldest one goes."""
    verifier = Verifier(local_issuer(KEY), now=clock, remembered=1)
    headers = ["Bearer " + _signed({"sub": name}) for name in ("ann", "bob")]
    first = await verifier.caller(headers[0])
    await verifier.caller(headers[1])
    assert await verifier.caller(headers[0]) is not first


def test_the_local_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    """A second start finds the same key; nobody else may read it."""
    path = tmp_path / "state" / "key.pem"
    key = local_key(path)
    assert local_key(path).kid == key.kid
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["key.pem"]

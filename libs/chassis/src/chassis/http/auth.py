"""Authentication by signed tokens, which every service checks without asking identity."""

import asyncio
import contextlib
import hashlib
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Protocol
from uuid import UUID

import httpx
import jwt
import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from jwt import PyJWK
from pydantic import BaseModel

from chassis import clock
from chassis.errors import Forbidden, Unauthenticated, Unavailable
from chassis.http.client import Gateway
from chassis.monitoring.loops import Stuck

log = structlog.get_logger()

ISSUER = AUDIENCE = "guichet"
KEYS_PATH = "/api/identity/keys"
SERVICE_TOKENS_PATH = "/api/identity/service-tokens"
SPARE_SECONDS = 15  # before its end, a token is no more used for something new
KEYS_PAUSE_SECONDS = 2
UNKNOWN_KEY = "where all tokens are refused, see that GUICHET_INTERNAL_URL leads to their Guichet"
MAX_CHECKED = 2_000  # tokens of a minute; some 1 KiB each


class KeysUnavailable(Unavailable):
    code = "keys_unavailable"


@dataclass(frozen=True)
class Caller:
    """The person on whose behalf a request is made, as signed by identity.

    `token` authenticates calls to other services on this person's behalf.
    """

    id: UUID
    role: str
    name: str
    session_id: UUID
    token: str


class ServiceToken(BaseModel):
    access_token: str
    expires_in: float


class ServiceTokens:
    """A service's own tokens for its background work, which identity gives in exchange for its
    secret.

    Raises `Problem` where identity does not answer or refuses.
    """

    def __init__(self, http: httpx.AsyncClient, service: str, secret: str) -> None:
        self.gateway = Gateway(http)
        self.known = {"service": service, "secret": secret}
        self.last = ServiceToken(access_token="", expires_in=0)
        self.good_until = float("-inf")

    async def token(self) -> str:
        """One that is valid for at least a few more seconds."""
        if time.monotonic() >= self.good_until:
            self.last = await self.gateway.send(
                "POST", SERVICE_TOKENS_PATH, self.known, ServiceToken
            )
            self.good_until = time.monotonic() + self.last.expires_in - SPARE_SECONDS
        return self.last.access_token

    async def renewed(self, refused: str) -> str:
        """Another token than the one that was refused; a concurrent call may have fetched it
        already.
        """
        if self.last.access_token == refused:
            self.good_until = float("-inf")
        return await self.token()


class Keys(Protocol):
    """A source of the public keys that verify tokens."""

    async def key(self, kid: str) -> PyJWK | None: ...

    def now(self) -> datetime:
        """The signer's time: tokens expire by it."""
        ...


class PublishedKeys:
    """Identity's public keys: refreshed in the background, and fetched for an unknown key id.

    A token with a known key is checked without waiting, however long identity does not answer.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.known: dict[str, PyJWK] = {}
        self.requested_at = float("-inf")  # failed requests count, too: not every caller shall try
        self.is_silent = True
        self.identity_time: tuple[datetime, float] | None = None  # and when it was requested
        self.fetching = asyncio.Lock()

    def now(self) -> datetime:
        """By our steady clock since: the other one may be set at any moment."""
        if self.identity_time is None:
            return clock.now()
        moment, requested_at = self.identity_time
        return moment + timedelta(seconds=time.monotonic() - requested_at)

    async def key(self, kid: str) -> PyJWK | None:
        """None for a key that identity has not published; raises `KeysUnavailable` if it does not
        answer.
        """
        if kid not in self.known:
            async with self.fetching:
                if time.monotonic() - self.requested_at > KEYS_PAUSE_SECONDS:
                    await self.ask()
                    self.warn_of_unknown(kid)
            if kid not in self.known and self.is_silent:  # perhaps it has been published meanwhile
                raise KeysUnavailable("the signing keys cannot be read now")
        return self.known.get(kid)

    def warn_of_unknown(self, kid: str) -> None:
        """Forged, or we read the keys of another Guichet and refuse everybody."""
        if kid not in self.known and not self.is_silent:
            log.warning("unknown_signing_key", remedy=UNKNOWN_KEY)

    async def ask(self) -> None:
        with contextlib.suppress(Stuck):
            await self.read()

    async def read(self) -> None:
        """Raises `Stuck` where identity does not answer."""
        self.requested_at = time.monotonic()
        try:
            answer = await self.http.get(KEYS_PATH)
            if not answer.is_success:
                raise httpx.HTTPError(str(answer.status_code))
            published = answer.json()
            self.known = {key["kid"]: PyJWK(key) for key in published["keys"]}
            if now := published.get("now"):  # the previous release does not publish it
                self.identity_time = datetime.fromisoformat(now), self.requested_at
            self.is_silent = False
        except (httpx.HTTPError, ValueError, KeyError, jwt.PyJWTError) as error:
            self.is_silent = True
            raise Stuck(
                f"identity does not publish its keys ({type(error).__name__}): see that it runs and"
                " that GUICHET_INTERNAL_URL leads to the gateway"
            ) from error


@dataclass(frozen=True)
class Checked:
    """A token that was found valid, by which key, and until when (seconds since the epoch).

    By the clock of who signed it.
    """

    caller: Caller
    kid: str
    key: PyJWK
    ends_at: float


class CheckedTokens:
    """A cache of valid tokens by their hash, each until it expires or its key is withdrawn."""

    def __init__(self, most: int = MAX_CHECKED) -> None:
        self.most = most
        self.known: dict[bytes, Checked] = {}

    async def caller(self, keys: Keys, token: str) -> Caller:
        """As `read_token`."""
        name = hashlib.sha256(token.encode()).digest()
        known = self.known.get(name)
        if known is not None:
            if keys.now().timestamp() < known.ends_at and await keys.key(known.kid) is known.key:
                return known.caller
            self.known.pop(name, None)
        checked = await check_token(keys, token)
        self.known[name] = checked
        while len(self.known) > self.most:
            del self.known[next(iter(self.known))]
        return checked.caller


class Bearer(HTTPBearer):
    """A dependency: the bearer of a valid token; otherwise 401 `unauthenticated`.

    All in one, for each dependency costs every request some 0.05 ms.
    """

    def __init__(self) -> None:
        super().__init__(
            scheme_name="HTTPBearer", description="A token from POST /api/identity/tokens."
        )

    async def __call__(self, request: Request) -> Caller:  # ty: ignore[incompatible-method-override]
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("a bearer token is required")
        tokens: CheckedTokens = request.app.state.checked_tokens
        return await tokens.caller(request.app.state.keys, token)


async def read_token(keys: Keys, token: str) -> Caller:
    """Whose it is; otherwise raises 401 `unauthenticated`."""
    return (await check_token(keys, token)).caller


async def check_token(keys: Keys, token: str) -> Checked:
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        key = await keys.key(kid) if isinstance(kid, str) else None
        if key is None:
            raise Unauthenticated("the token is signed by an unknown key")
        claims = jwt.decode(
            token,
            key,
            algorithms=["EdDSA"],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={
                "verify_iat": False,
                "verify_exp": False,  # it ends by the clock of who signed it, not by ours
                "require": ["exp", "iat", "sub", "role", "name", "sid"],
            },
        )
        ends_at = float(claims["exp"])
        if keys.now().timestamp() >= ends_at:
            raise Unauthenticated("the token has ended")
        who = Caller(
            id=UUID(claims["sub"]),
            role=str(claims["role"]),
            name=str(claims["name"]),
            session_id=UUID(claims["sid"]),
            token=token,
        )
        return Checked(who, str(kid), key, ends_at)
    except (jwt.PyJWTError, ValueError, TypeError) as invalid:
        raise Unauthenticated("the token is not valid") from invalid


CurrentCaller = Annotated[Caller, Depends(Bearer())]


class RequireRole(Bearer):
    """As `Bearer`, for some roles: 403 `forbidden` to the others."""

    def __init__(self, *roles: str) -> None:
        super().__init__()
        self.roles = frozenset(roles)

    async def __call__(self, request: Request) -> Caller:
        who = await super().__call__(request)
        if who.role not in self.roles:
            raise Forbidden(f"reserved to: {', '.join(sorted(self.roles))}")
        return who


def require_role(*roles: str) -> RequireRole:
    """A dependency that accepts these roles and answers 403 `forbidden` to others."""
    return RequireRole(*roles)

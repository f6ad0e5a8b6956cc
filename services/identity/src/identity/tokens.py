"""Secrets, signing keys and access tokens."""

import base64
import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt import PyJWK
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.data.database import Database
from chassis.http.auth import AUDIENCE, ISSUER, KEYS_PAUSE_SECONDS
from contracts.identity import api
from contracts.identity.roles import SERVICE
from identity.models import Account, SigningKey

ACCESS_SECONDS = 60
KEYS_AGE_SECONDS = 600
LOCK = 7_301_002


def new_secret() -> str:
    """256 random bits; the database stores only its hash."""
    return secrets.token_urlsafe(32)


REFUSES = "no."  # in no secret by chance: it has no full stop


def new_refusal() -> str:
    """A secret that refuses what a link is for, and can do nothing else."""
    return REFUSES + new_secret()


def is_refusal(secret: str) -> bool:
    return secret.startswith(REFUSES)


def secret_hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


BROWSERS = "guichet-browsers"  # an audience of its own: no service takes it for a caller
BROWSER_LASTS = timedelta(days=400)
BROWSER_ACCOUNTS = 20  # one counter's computer is shared; the oldest is forgotten first


@dataclass(frozen=True)
class Browser:
    """A browser, with hashes of the accounts that have signed in there."""

    id: str
    accounts: tuple[str, ...] = ()

    @classmethod
    def new(cls) -> "Browser":
        return cls(secrets.token_urlsafe(12))

    def knows(self, account: Account) -> bool:
        return hashed_id(account.id) in self.accounts

    def after(self, account_id: UUID) -> "Browser":
        """The browser after this account has signed in there."""
        name = hashed_id(account_id)
        others = [known for known in self.accounts if known != name]
        return replace(self, accounts=(*others, name)[-BROWSER_ACCOUNTS:])


def hashed_id(account_id: UUID) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(account_id.bytes).digest()[:15]).decode()


@dataclass(frozen=True)
class Signer:
    """A signing key, loaded."""

    kid: str
    private: Ed25519PrivateKey = field(repr=False)
    public: PyJWK

    @classmethod
    def of(cls, key: SigningKey) -> "Signer":
        return cls(key.kid, read_private(key.private_pem), PyJWK(published(key).model_dump()))

    def access_token(self, account: Account, session_id: UUID) -> str:
        """A token that every service accepts for a minute."""
        spoken = {"locale": account.language} if account.language else {}
        return self.sign(
            account.id,
            account.role,
            account.name,
            session_id,
            given_name=account.first_name,
            **spoken,
        )

    def service_token(self, service: str) -> str:
        """The same for one of our services, without account or session."""
        name = f"/guichet/{service}"
        return self.sign(
            uuid5(NAMESPACE_URL, name), SERVICE, service, uuid5(NAMESPACE_URL, f"{name}/session")
        )

    def browser_token(self, browser: Browser) -> str:
        """What a browser stores and sends when somebody signs in."""
        claims = {
            "iss": ISSUER,
            "aud": BROWSERS,
            "jti": browser.id,
            "accounts": browser.accounts,
            "exp": clock.now() + BROWSER_LASTS,
        }
        return jwt.encode(claims, self.private, algorithm="EdDSA", headers={"kid": self.kid})

    def sign(self, subject: UUID, role: str, name: str, session_id: UUID, **more: str) -> str:
        now = clock.now()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(subject),
            "role": role,
            "name": name,
            "sid": str(session_id),
            "iat": now,
            "exp": now + timedelta(seconds=ACCESS_SECONDS),
            **more,
        }
        return jwt.encode(claims, self.private, algorithm="EdDSA", headers={"kid": self.kid})


class SigningKeys:
    """Identity's keys, shared by all replicas through the database.

    `given` (PEM) signs, if operators bring their own key; else the newest one does, and the first
    is created here. All are published, so that a change of keys invalidates no token.
    """

    def __init__(self, database: Database, given: str | None = None) -> None:
        self.database = database
        self.given = read_private(given) if given else None
        self.kid_given = kid_of(self.given) if self.given else ""
        self.signers: list[Signer] = []
        self.read_at = float("-inf")

    async def current(self) -> Signer:
        """The key that signs; one added by another replica is noticed within ten minutes."""
        if time.monotonic() - self.read_at > KEYS_AGE_SECONDS:
            await self.read()
        return self.signers[0]

    async def key(self, kid: str) -> PyJWK | None:
        """The keys for `chassis.http.auth`, without an HTTP request of identity to itself."""
        if kid not in self.known and time.monotonic() - self.read_at > KEYS_PAUSE_SECONDS:
            await self.read()
        return self.known.get(kid)

    async def browser(self, token: str) -> Browser:
        """The browser of this token; a new one if we have not signed it."""
        try:
            key = await self.key(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                return Browser.new()
            claims = jwt.decode(token, key, algorithms=["EdDSA"], audience=BROWSERS, issuer=ISSUER)
        except jwt.PyJWTError:
            return Browser.new()
        return Browser(claims["jti"], tuple(claims["accounts"]))

    def now(self) -> datetime:
        return clock.now()

    @property
    def known(self) -> dict[str, PyJWK]:
        return {signer.kid: signer.public for signer in self.signers}

    async def read(self) -> Sequence[SigningKey]:
        """All keys, the signing one first."""
        async with self.database.transaction() as session:
            keys = await all_keys(session)
            if self.is_missing_in(keys):
                keys = await self.add_key(session)
        if self.given:
            keys = sorted(keys, key=lambda key: key.kid != self.kid_given)
        self.signers = [Signer.of(key) for key in keys]
        self.read_at = time.monotonic()
        return keys

    async def add_key(self, session: AsyncSession) -> Sequence[SigningKey]:
        """Replicas may start at the same time: the second one waits and finds the first one's key."""
        await session.execute(select(func.pg_advisory_xact_lock(LOCK)))
        if self.is_missing_in(await all_keys(session)):
            session.add(signing_key(self.given or Ed25519PrivateKey.generate()))
            await session.flush()
        return await all_keys(session)

    def is_missing_in(self, keys: Sequence[SigningKey]) -> bool:
        return self.kid_given not in {key.kid for key in keys} if self.given else not keys


def published(key: SigningKey) -> api.Key:
    return api.Key(kid=key.kid, x=key.public_x)


async def all_keys(session: AsyncSession) -> Sequence[SigningKey]:
    return (await session.scalars(select(SigningKey).order_by(SigningKey.created_at.desc()))).all()


def read_private(pem: str) -> Ed25519PrivateKey:
    """Raises `ValueError` unless it is an Ed25519 key."""
    private = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError("it is no key of Ed25519")
    return private


def signing_key(private: Ed25519PrivateKey) -> SigningKey:
    return SigningKey(
        kid=kid_of(private),
        private_pem=private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode(),
        public_x=base64.urlsafe_b64encode(raw_public(private)).decode().rstrip("="),
        created_at=clock.now(),
    )


def kid_of(private: Ed25519PrivateKey) -> str:
    return hashlib.sha256(raw_public(private)).hexdigest()[:16]


def raw_public(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

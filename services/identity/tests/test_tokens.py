"""Signing keys are made once, whoever starts first, and tokens are checked with them alone."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError
from sqlalchemy import delete, func, select

from chassis.errors import Unauthenticated
from chassis.http.auth import read_token
from identity.models import Account, SigningKey
from identity.settings import Settings
from identity.tokens import SigningKeys, signing_key


def somebody() -> Account:
    return Account(
        id=uuid4(),
        role="seller",
        first_name="Julien",
        last_name="Morel",
        email="julien@example.org",
        password_hash="",
        registered_at=datetime.now(UTC),
    )


@pytest.fixture
async def fresh(busy_app):
    """A database in which nobody has made a key yet."""
    database = busy_app.state.database
    async with database.transaction() as session:
        await session.execute(delete(SigningKey))
    return database


async def test_replicas_that_start_together_share_one_key(fresh):
    replicas = [SigningKeys(fresh) for _ in range(4)]
    await asyncio.gather(*(replica.read() for replica in replicas))

    assert len({(await replica.current()).kid for replica in replicas}) == 1
    async with fresh.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SigningKey)) == 1

    account, session_id = somebody(), uuid4()
    signed = (await replicas[0].current()).access_token(account, session_id)
    caller = await read_token(replicas[1], signed)
    assert (caller.id, caller.role, caller.name) == (account.id, "seller", "Julien Morel")
    assert caller.session_id == session_id


async def test_the_newest_key_signs_and_the_older_ones_still_count(fresh):
    keys = SigningKeys(fresh)
    before = (await keys.current()).access_token(somebody(), uuid4())
    newer = signing_key(Ed25519PrivateKey.generate())
    newer.created_at += timedelta(seconds=1)
    async with fresh.transaction() as session:
        session.add(newer)

    other = SigningKeys(fresh)
    assert (await other.current()).kid == newer.kid
    assert await read_token(other, before)
    # A replica that has not read the newer key yet does when it meets it.
    after = (await other.current()).access_token(somebody(), uuid4())
    keys.read_at -= 10
    assert await read_token(keys, after)


async def test_the_key_that_operators_bring_signs_and_the_ones_before_still_count(fresh):
    made_here = SigningKeys(fresh)
    before = (await made_here.current()).access_token(somebody(), uuid4())
    first, second = (signing_key(Ed25519PrivateKey.generate()) for _ in range(2))

    replicas = [SigningKeys(fresh, first.private_pem) for _ in range(3)]
    await asyncio.gather(*(replica.read() for replica in replicas))
    assert {(await replica.current()).kid for replica in replicas} == {first.kid}
    assert await read_token(replicas[0], before)

    renewed = SigningKeys(fresh, second.private_pem)
    assert (await renewed.current()).kid == second.kid
    assert (await SigningKeys(fresh, first.private_pem).current()).kid == first.kid  # put back
    async with fresh.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SigningKey)) == 3


def test_what_is_no_key_of_ed25519_is_refused_at_the_start():
    other = X25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    for wrong in ("half a key", other.decode()):
        with pytest.raises(ValidationError, match="no private key of Ed25519") as refused:
            Settings.model_validate(
                {"database_url": "postgresql+psycopg://x@y/z", "signing_key": wrong}
            )
        assert wrong not in str(refused.value)


async def test_tokens_of_strangers_and_of_the_past_are_refused(fresh):
    keys = SigningKeys(fresh)
    signer = await keys.current()
    good = signer.access_token(somebody(), uuid4())
    claims = jwt.decode(good, options={"verify_signature": False})

    def signed(key=signer.private, kid=signer.kid, **changes):
        return jwt.encode(claims | changes, key, algorithm="EdDSA", headers={"kid": kid})

    unknown = signing_key(Ed25519PrivateKey.generate())
    past = datetime.now(UTC) - timedelta(minutes=1)
    for token in (
        signed(exp=past),
        signed(iss="somebody"),
        signed(aud="somebody"),
        signed(kid="unknown"),
        jwt.encode(claims, unknown.private_pem, algorithm="EdDSA", headers={"kid": signer.kid}),
        jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": signer.kid}),
        "no token",
    ):
        with pytest.raises(Unauthenticated):
            await read_token(keys, token)
    assert await read_token(keys, signed())

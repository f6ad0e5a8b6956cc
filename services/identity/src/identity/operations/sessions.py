"""Sign in, go on, and sign out."""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import ColumnElement, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.data.database import Database, new_id
from chassis.data.writing import reader_of
from chassis.errors import NotFound, Unauthenticated
from chassis.http.auth import Caller
from chassis.http.session_check import SessionEnded
from chassis.pruning import Prunable
from contracts.identity import api
from identity import tokens
from identity.models import USER_AGENT_LENGTH, Account, Lifetime, Session
from identity.operations import attempts
from identity.passwords import Passwords
from identity.queries import accounts
from identity.tokens import Browser

# Old rows to delete: ended sessions and links, failures that no longer count.
LONG_AGO = "now() - interval '30 days'"
PAST = (
    Prunable("sessions", f"expires_at < {LONG_AGO} OR revoked_at < {LONG_AGO}", "expires_at"),
    Prunable("links", f"expires_at < {LONG_AGO}", "expires_at"),
    Prunable("slowdowns", "last_failed_at < now() - interval '1 day'", "last_failed_at"),
)

MAX_SESSIONS = 20  # per person: beyond that the least recently used one ends

Lifetimes = Callable[[str], Lifetime]


class CredentialsWrong(Unauthenticated):
    """Wrong address or password, or a disabled account: the answer does not show which."""

    code = "credentials_wrong"


class SessionUnknown(NotFound):
    code = "session_unknown"


async def sign_in(
    database: Database,
    passwords: Passwords,
    given: api.NewSession,
    *,
    address: str,
    user_agent: str,
    browser: Browser,
    lifetime: Lifetimes,
) -> api.OpenedSession:
    authenticated = await attempts.authenticate(
        database,
        passwords,
        email=given.email,
        password=given.password,
        address=address,
        browser=browser,
    )
    if authenticated is None:
        raise CredentialsWrong("wrong e-mail address or password")
    newer_hash = None
    if passwords.is_outdated(authenticated.password_hash):
        async with passwords.turn(authenticated.email_key, address):
            newer_hash = await passwords.hash(given.password)
    async with database.transaction() as session:
        account = await accounts.locked(session, authenticated.id)
        if account is None or not is_unchanged(account, authenticated):
            raise CredentialsWrong("the account has changed since")
        account.password_hash = newer_hash or account.password_hash
        return await open_session(session, account, user_agent, lifetime(account.role))


def is_unchanged(account: Account, authenticated: Account) -> bool:
    """Whether the account still is as it was checked before this transaction."""
    return account.enabled and account.password_hash == authenticated.password_hash


async def open_session(
    session: AsyncSession, account: Account, user_agent: str, lifetime: Lifetime
) -> api.OpenedSession:
    now = clock.now()
    await make_room(session, account.id)
    token = tokens.new_secret()
    opened = Session(
        id=new_id(),
        account_id=account.id,
        token_hash=tokens.secret_hash(token),
        opened_at=now,
        last_used_at=now,
        expires_at=now + min(lifetime),
        user_agent="".join(filter(str.isprintable, user_agent))[:USER_AGENT_LENGTH],
    )
    session.add(opened)
    return api.OpenedSession(
        token=token,
        expires_at=opened.expires_at,
        account=await accounts.account(await reader_of(session), account.id),
    )


async def make_room(session: AsyncSession, account_id: UUID) -> None:
    """End the least recently used sessions; the account is locked, so that none is opened
    meanwhile.
    """
    reader = await reader_of(session)
    surplus = (await accounts.open_sessions(reader, account_id))[MAX_SESSIONS - 1 :]
    if surplus:
        await close_sessions(session, account_id, Session.id.in_([one.id for one in surplus]))


async def go_on(session: AsyncSession, token: str, lifetime: Lifetimes) -> tuple[Account, Session]:
    """The account and session of a session token; this use extends the session."""
    now = clock.now()
    row = (
        await session.execute(
            select(Account, Session)
            .join(Session, Session.account_id == Account.id)
            .where(Session.token_hash == tokens.secret_hash(token))
        )
    ).one_or_none()
    if row is None or not row.Session.is_open(now) or not row.Account.enabled:
        raise SessionEnded("the session has ended; sign in again")
    row.Session.use(now, lifetime(row.Account.role))
    return row.Account, row.Session


async def close_session(session: AsyncSession, caller: Caller, session_id: UUID) -> None:
    """Close one of the caller's own sessions. Idempotent."""
    known = await session.scalar(
        select(Session.id).where(Session.id == session_id, Session.account_id == caller.id)
    )
    if known is None:
        raise SessionUnknown("you have no such session")
    await close_sessions(session, caller.id, Session.id == session_id)


async def close_other_sessions(session: AsyncSession, caller: Caller) -> int:
    return await close_sessions(session, caller.id, Session.id != caller.session_id)


async def close_sessions(
    session: AsyncSession, account_id: UUID, which: ColumnElement[bool] | None = None
) -> int:
    """Returns how many were open; access tokens already signed stay valid for a minute."""
    now = clock.now()
    closed = await session.scalars(
        update(Session)
        .where(
            Session.account_id == account_id,
            Session.revoked_at.is_(None),
            Session.expires_at > now,
            true() if which is None else which,
        )
        .values(revoked_at=now)
        .returning(Session.id)
    )
    return len(closed.all())

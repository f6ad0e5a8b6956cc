"""Operations on one's own account, and what all changes of accounts share."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.data.database import Database, refusing
from chassis.data.writing import reader_of, savepoint
from chassis.errors import Malformed, NotFound, Refusal, Unauthenticated
from chassis.http.auth import Caller
from chassis.messaging.outbox import Again, is_gone, publish
from contracts.identity import api
from contracts.identity.events import CustomerChanged, PasswordChanged, StaffMemberChanged
from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from identity.models import Account
from identity.operations import attempts, links, sessions
from identity.passwords import Passwords
from identity.queries import accounts
from identity.tokens import Browser


class CurrentPasswordWrong(Malformed):
    code = "current_password_wrong"


class EmailTaken(Refusal):
    code = "email_taken"


async def change_password(
    database: Database,
    passwords: Passwords,
    caller: Caller,
    change: api.PasswordChange,
    *,
    address: str,
) -> None:
    """Requires the current password, slowed down like a sign-in; all other sessions end."""
    authenticated = await prove_again(database, passwords, caller, change.current_password, address)
    new_hash = await passwords.choose(
        change.new_password, field="new_password", owner=names_of(authenticated)
    )
    async with database.transaction() as session:
        account = await still(session, authenticated)
        await give_password(session, account, new_hash)
        await sessions.close_other_sessions(session, caller)


async def change_email(
    database: Database,
    passwords: Passwords,
    caller: Caller,
    change: api.EmailChange,
    *,
    address: str,
    mail: bool,
    links_an_hour: int,
) -> api.Account:
    """Requires the current password. With mail, the new address takes effect once the link sent to it is
    opened; without, at once.

    Whether somebody else has that address is only revealed to its mailbox. Without mail the answer
    reveals it, so tries are counted, in a transaction of their own: 429 `too_many_attempts`.
    """
    authenticated = await prove_again(database, passwords, caller, change.current_password, address)
    if not mail:
        async with database.transaction() as session:
            await attempts.try_address(session, account_id=caller.id)
    async with database.transaction() as session:
        account = await still(session, authenticated)
        if mail and change.email != account.email:
            await links.request_for_address(session, account, change.email, an_hour=links_an_hour)
        else:
            await links.revoke(session, account.id, Purpose.EMAIL)
            await give_address(session, account, change.email)
        return await accounts.account(await reader_of(session), account.id)


async def choose_language(session: AsyncSession, caller: Caller, language: str | None) -> None:
    """Of pages, from the next access token on, and of mails. Idempotent."""
    account = await accounts.locked(session, caller.id)
    if account is None or not account.enabled:
        raise Unauthenticated("this account cannot be used any more")
    if account.change(language=language):
        announce(session, account)


async def give_up_pending_email(session: AsyncSession, caller: Caller) -> None:
    """The address stays as it is. Idempotent."""
    await accounts.locked(session, caller.id)
    await links.revoke(session, caller.id, Purpose.EMAIL)


async def prove_again(
    database: Database, passwords: Passwords, caller: Caller, password: str, address: str
) -> Account:
    """Failures are counted per session: others cannot slow down somebody who is signed in."""
    email = (await accounts.account(database.reader, caller.id)).email
    authenticated = await attempts.authenticate(
        database,
        passwords,
        email=email,
        password=password,
        address=address,
        browser=Browser(str(caller.session_id)).after(caller.id),
    )
    if authenticated is None or authenticated.id != caller.id:
        raise current_password_wrong()
    return authenticated


def current_password_wrong() -> CurrentPasswordWrong:
    return CurrentPasswordWrong("not the current password", field="current_password")


async def still(session: AsyncSession, authenticated: Account) -> Account:
    """The account, locked, if its password is still the one that was checked."""
    account = await accounts.locked(session, authenticated.id)
    if account is None or not sessions.is_unchanged(account, authenticated):
        raise current_password_wrong()
    return account


# --- All changes of accounts ------------------------------------------------------------------


async def give_address(session: AsyncSession, account: Account, email: str) -> None:
    """Publishes the change, if it is one; 409 `email_taken`."""
    async with unique_address(session):
        is_new = account.change(email=email)
    if is_new:
        await links.follow_address(session, account)
        announce(session, account)


async def give_password(session: AsyncSession, account: Account, password_hash: str) -> None:
    """Store and publish a locked account's new password; ends its links and change of address."""
    first = not account.has_password
    account.password_hash = password_hash
    await links.revoke_all(session, account.id)
    now = clock.now()
    publish(session, PasswordChanged(account_id=account.id, changed_at=now, first=first))


@asynccontextmanager
async def unique_address(session: AsyncSession) -> AsyncGenerator[None]:
    """Inside this block an account may get an address that no other account has.

    PostgreSQL decides, also between two at the same time; 409 `email_taken` for the second.
    """
    with refusing("uq_accounts_email_key", email_taken()):
        async with savepoint(session):
            yield


def email_taken(holder: Account | None = None) -> EmailTaken:
    """Names the holder if it is a customer; for staff only."""
    context = {}
    if holder is not None and holder.is_customer:
        context = {
            "customer_id": str(holder.id),
            "first_name": holder.first_name,
            "last_name": holder.last_name,
        }
    return EmailTaken("another account has this address", field="email", context=context)


def announce(session: AsyncSession, account: Account) -> None:
    """Publish the account's state, if this transaction commits."""
    publish(session, changed_customer(account) if account.is_customer else changed_staff(account))


async def from_tables(session: AsyncSession) -> AsyncGenerator[Again]:
    """The current state of accounts whose events the outbox no longer holds."""
    gone = is_gone(CustomerChanged, Account.id) & is_gone(StaffMemberChanged, Account.id)
    found = await session.stream_scalars(
        select(Account).where(gone).order_by(Account.registered_at, Account.id)
    )
    async for account in found:
        state = changed_customer(account) if account.is_customer else changed_staff(account)
        yield Again(state, account.version, clock.now())
        session.expunge(account)


def changed_customer(account: Account) -> CustomerChanged:
    return CustomerChanged(
        customer_id=account.id,
        version=account.version,
        first_name=account.first_name,
        last_name=account.last_name,
        email=account.email,
        enabled=account.enabled,
        registered_at=account.registered_at,
        changed_at=clock.now(),
        language=account.language,
    )


def changed_staff(account: Account) -> StaffMemberChanged:
    return StaffMemberChanged(
        staff_member_id=account.id,
        version=account.version,
        first_name=account.first_name,
        last_name=account.last_name,
        email=account.email,
        role=Role(account.role),
        enabled=account.enabled,
        language=account.language,
    )


async def reset_password(
    database: Database, passwords: Passwords, account: Account, password: str
) -> None:
    """Set a new password without the current one: every session ends, slow-downs are reset."""
    new_hash = await passwords.choose(password, field="password", owner=names_of(account))
    async with database.transaction() as session:
        account_now = await accounts.locked(session, account.id)
        if account_now is None:
            raise NotFound("this account no longer exists")
        await replace_password(session, account_now, new_hash)


async def replace_password(session: AsyncSession, account: Account, password_hash: str) -> None:
    await give_password(session, account, password_hash)
    await sessions.close_sessions(session, account.id)
    await attempts.forget_failures(session, email=account.email)


async def first_password(
    passwords: Passwords, new: api.NewCustomer | api.NewStaffMember, *, mail: bool
) -> str | None:
    """Its hash; None for somebody who is invited by mail to choose one."""
    if new.password is None:
        links.require_mail(mail, field="password")
        return None
    return await passwords.choose(new.password, field="password", owner=names_of(new))


def names_of(person: Account | api.NewCustomer | api.NewStaffMember) -> tuple[str, str, str]:
    """The names that must not be used as the password."""
    return person.first_name, person.last_name, person.email

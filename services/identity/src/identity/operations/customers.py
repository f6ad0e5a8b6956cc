"""Operations of staff on customers' accounts."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.data.database import Database, new_id
from contracts.identity import api
from contracts.identity.emails import suggestion_for
from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from identity.models import Account, Link
from identity.operations import accounts as account_operations
from identity.operations import links
from identity.operations.accounts import EmailTaken, announce, email_taken, unique_address
from identity.passwords import Passwords
from identity.queries import accounts


async def register_customer(
    session: AsyncSession, new: api.NewCustomer, password_hash: str | None
) -> Account:
    """Without a password, the customer gets an invitation by mail."""
    customer = Account(
        id=new_id(),
        role=Role.CUSTOMER,
        first_name=new.first_name,
        last_name=new.last_name,
        email=new.email,
        password_hash=password_hash,
        registered_at=clock.now(),
    )
    async with unique_address_naming_holder(session, new.email):
        session.add(customer)
    announce(session, customer)
    if not customer.has_password:
        await links.invite(session, customer)
    return customer


async def invite_customer(session: AsyncSession, customer_id: UUID, *, an_hour: int) -> Link:
    """Mail a link by which the customer can choose a password."""
    customer = await accounts.customer(session, customer_id, lock=True)
    return await links.invite_again(session, customer, an_hour=an_hour)


async def change_customer(
    session: AsyncSession, customer_id: UUID, change: api.CustomerChange
) -> Account:
    """Fields that are not given stay; equal values are no change."""
    customer = await accounts.customer(session, customer_id, lock=True)
    async with unique_address_naming_holder(session, change.email or customer.email):
        before = customer.email
        is_new = customer.change(**change.model_dump(exclude_none=True))
    if customer.email != before:
        await links.revoke(session, customer.id, Purpose.EMAIL)
        await links.follow_address(session, customer)
    if is_new:
        announce(session, customer)
    return customer


async def reset_password(
    database: Database, passwords: Passwords, customer_id: UUID, password: str
) -> None:
    """The customer has chosen a new one at the counter."""
    async with database.transaction() as session:
        customer = await accounts.customer(session, customer_id)
    await account_operations.reset_password(database, passwords, customer, password)


@asynccontextmanager
async def unique_address_naming_holder(session: AsyncSession, email: str) -> AsyncGenerator[None]:
    """As `unique_address`; the refusal names the customer who has the address, for staff."""
    try:
        async with unique_address(session):
            yield
    except EmailTaken as taken:
        raise email_taken(await accounts.account_by_email(session, email)) from taken


async def check_email(session: AsyncSession, email: str) -> api.EmailChecked:
    holder = await accounts.account_by_email(session, email)
    is_customer = holder is not None and holder.is_customer
    return api.EmailChecked(
        taken=holder is not None,
        customer=api.Customer.model_validate(holder) if is_customer else None,
        suggestion=suggestion_for(email),
    )

"""Routes by which staff manage customers."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from chassis.data.database import Reading, Transaction
from chassis.data.writing import reader_of
from chassis.http.idempotency import Once
from chassis.http.routing import Routes
from contracts.identity import api
from contracts.paging import PAGE_MOST
from identity.operations import accounts, customers, links
from identity.queries import accounts as account_queries
from identity.queries import customers as customer_queries
from identity.queries import links as link_queries
from identity.routes.parameters import (
    NO_BODY,
    Staff,
    TheDatabase,
    ThePasswords,
    TheSettings,
)

router = Routes("identity")

CustomerIds = Annotated[list[UUID], Query(alias="id", min_length=1, max_length=PAGE_MOST)]


@router.post("/customers", status_code=201)
async def register_customer(
    *,
    new: api.NewCustomer,
    _: Staff,
    passwords: ThePasswords,
    settings: TheSettings,
    session: Transaction,
    once: Once,
) -> api.Customer:
    """Register a customer with the password that the customer has just chosen.

    Without one an invitation is sent; 409 `mail_unavailable` where no mail can be.
    """
    password_hash = await accounts.first_password(passwords, new, mail=settings.mail)

    async def read(customer_id: UUID) -> api.Customer:
        return await account_queries.customer_for_staff(await reader_of(session), customer_id)

    return await once.create(
        new,
        lambda: customers.register_customer(session, new, password_hash),
        read,
        show=api.Customer.model_validate,
    )


@router.post("/customers/search")
async def search_customers(wanted: api.CustomerSearch, _: Staff, reader: Reading) -> api.Customers:
    """Up to two characters match beginnings of words, three or more any part."""
    return await customer_queries.search_customers(reader, wanted)


@router.post("/customers/email-check")
async def check_email(check: api.EmailCheck, _: Staff, session: Transaction) -> api.EmailChecked:
    return await customers.check_email(session, check.email)


@router.get("/customers")
async def customers_by_id(ids: CustomerIds, _: Staff, reader: Reading) -> api.Customers:
    """The customers with these ids, sorted by name; unknown ids are left out."""
    found = await account_queries.customers(reader, ids)
    return api.Customers(customers=found, count=len(found))


@router.get("/customers/{customer_id}")
async def customer(customer_id: UUID, _: Staff, reader: Reading) -> api.Customer:
    return await account_queries.customer_for_staff(reader, customer_id)


@router.patch("/customers/{customer_id}")
async def change_customer(
    customer_id: UUID, change: api.CustomerChange, _: Staff, session: Transaction
) -> api.Customer:
    changed = await customers.change_customer(session, customer_id, change)
    return api.Customer.model_validate(changed)


@router.put("/customers/{customer_id}/password", status_code=204)
async def reset_customer_password(
    customer_id: UUID,
    reset: api.PasswordReset,
    _: Staff,
    database: TheDatabase,
    passwords: ThePasswords,
) -> None:
    """Set a password that the customer has just chosen at the counter; the customer's sessions end."""
    await customers.reset_password(database, passwords, customer_id, reset.password)


@router.post("/customers/{customer_id}/links", status_code=201)
async def invite_customer(
    customer_id: UUID, _: Staff, session: Transaction, settings: TheSettings, once: Once
) -> api.RequestedLink:
    """Send a link to choose a password, valid for a day; it replaces earlier ones.

    429 `too_many_links` once enough were sent to this person in an hour.
    """
    links.require_mail(settings.mail)
    an_hour = settings.links_an_hour
    return await once.create(
        NO_BODY,
        lambda: customers.invite_customer(session, customer_id, an_hour=an_hour),
        lambda link_id: link_queries.requested_link(session, link_id),
        show=api.RequestedLink.model_validate,
    )

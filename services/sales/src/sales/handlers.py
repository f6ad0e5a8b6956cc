"""Events of identity and catalog: who may buy, and what can be sold."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.messaging.bus import Subscriptions
from contracts.catalog.events import ProductsChanged
from contracts.identity.events import CustomerChanged
from sales import operations

subscriptions = Subscriptions()


@subscriptions.on(CustomerChanged)
async def remember_customer(session: AsyncSession, event: CustomerChanged) -> None:
    await operations.remember_customer(
        session,
        customer_id=event.customer_id,
        version=event.version,
        enabled=event.enabled,
        first_name=event.first_name,
        last_name=event.last_name,
        email=event.email,
    )


@subscriptions.on(ProductsChanged)
async def remember_products(session: AsyncSession, event: ProductsChanged) -> None:
    await operations.remember_products(session, event.products)

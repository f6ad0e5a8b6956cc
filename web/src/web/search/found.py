"""Asks several services for a text, for staff or for a customer."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from chassis.text.folding import fold
from contracts.catalog.api import Product
from contracts.identity.api import SEARCH_SHORTEST, Customer
from contracts.numbers import sale_number_in, serial_numbers_in
from contracts.paging import PAGE_MOST
from contracts.sales.api import Sale
from contracts.tickets.api import Found as FoundTicket
from contracts.tickets.api import OwnedProductOfMine, StaffFound, UnresolvedOfCustomer
from web.clients import catalog, identity, sales, tickets
from web.clients.gateway import Gateway, if_answered
from web.shared.sessions import SignedIn
from web.shared.text.matches import holds

LISTED_MOST = 5  # of customers and of products


@dataclass(frozen=True, kw_only=True)
class Found:
    """The matches in the order in which they are shown; `silent` names parts whose service did not
    answer.
    """

    exact: list[FoundTicket] | list[StaffFound]
    sales: list[Sale] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    unresolved: dict[UUID, UnresolvedOfCustomer] = field(default_factory=dict)
    products: list[Product] = field(default_factory=list)
    owned: list[OwnedProductOfMine] = field(default_factory=list)
    requests: list[FoundTicket] | list[StaffFound]
    next: str | None = None
    silent: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        groups = (self.exact, self.sales, self.customers, self.products, self.owned, self.requests)
        return sum(map(len, groups))


async def search(person: SignedIn, text: str, *, limit: int, after: str | None = None) -> Found:
    """For staff everything; for a customer what is theirs, which the services decide."""
    if person.is_staff:
        return await for_staff(person.gateway, text, limit=limit, after=after)
    return await for_customer(person.gateway, text, limit=limit, after=after)


async def for_staff(gateway: Gateway, text: str, *, limit: int, after: str | None) -> Found:
    found, sold, customers, products = await asyncio.gather(
        tickets.search_for_staff(gateway, text, limit=limit, after=after),
        if_answered(nothing() if after else sales_numbered(gateway, text)),
        if_answered(nothing() if after else customers_like(gateway, text)),
        if_answered(nothing() if after else products_like(gateway, text)),
    )
    parts = {"sales": sold, "customers": customers, "products": products}
    return Found(
        exact=found.exact,
        sales=sold or [],
        customers=customers or [],
        unresolved=await unresolved_of(gateway, customers or []),
        products=products or [],
        requests=found.found,
        next=found.next,
        silent=[name for name, part in parts.items() if part is None],
    )


async def for_customer(gateway: Gateway, text: str, *, limit: int, after: str | None) -> Found:
    found, owned = await asyncio.gather(
        tickets.search_for_customer(gateway, text, limit=limit, after=after),
        if_answered(nothing() if after else owned_like(gateway, text)),
    )
    return Found(
        exact=found.exact,
        owned=owned or [],
        requests=found.found,
        next=found.next,
        silent=["owned"] if owned is None else [],
    )


# --- What each service knows -------------------------------------------------------------------


async def nothing() -> list:
    return []


async def sales_numbered(gateway: Gateway, text: str) -> list[Sale]:
    """By their number or by (part of) their serial number."""
    folded = fold(text)
    number, serial_numbers = sale_number_in(folded), serial_numbers_in(folded)
    asked = [number] if number else serial_numbers
    answers = await asyncio.gather(
        *(sales.search_sales(gateway, text=each, limit=LISTED_MOST) for each in asked)
    )
    found = {sale.id: sale for answer in answers for sale in answer.sales}
    return [
        sale
        for sale in found.values()
        if sale.number == number or any(part in sale.serial_number for part in serial_numbers)
    ][:LISTED_MOST]


async def customers_like(gateway: Gateway, text: str) -> list[Customer]:
    """Nobody's name or address is without a letter, as numbers are."""
    if len(text) < SEARCH_SHORTEST or not any(map(str.isalpha, text)):
        return []
    return (await identity.search_customers(gateway, text=text, limit=LISTED_MOST)).customers


async def unresolved_of(
    gateway: Gateway, customers: Iterable[Customer]
) -> dict[UUID, UnresolvedOfCustomer]:
    ids = [customer.id for customer in customers]
    return await if_answered(tickets.unresolved(gateway, ids)) or {} if ids else {}


async def products_like(gateway: Gateway, text: str) -> list[Product]:
    """A few at most, including withdrawn ones: a longer list is for the counter."""
    found = await catalog.search_products(gateway, text=text, withdrawn=True)
    listed = found.exact + found.on_sale.products + found.withdrawn.products
    products = {product.id: product for product in listed}
    return list(products.values())[:LISTED_MOST]


async def owned_like(gateway: Gateway, text: str) -> list[OwnedProductOfMine]:
    """Among the newest of one call; also by the number of the sale."""
    folded = fold(text)
    number, serial_numbers = sale_number_in(folded), serial_numbers_in(folded)
    owned, bought = await asyncio.gather(
        tickets.owned_products(gateway, limit=PAGE_MOST),
        sales.my_purchases(gateway, limit=PAGE_MOST) if number else nothing(),
    )
    wanted = {sale.id for sale in bought if sale.number == number}
    return [
        product
        for product in owned.owned_products
        if product.sale_id in wanted
        or any(part in product.serial_number for part in serial_numbers)
        or holds(f"{product.designation}\n{product.reference}\n{product.serial_number}", text)
    ][:LISTED_MOST]

"""Sales: mine of today, all by search; one with its confirmation and cancellation."""

import asyncio
from uuid import UUID

from fastapi import APIRouter, Request, Response

from contracts.sales.api import Sale, Sales, SaleSearch
from web.clients import identity, sales
from web.clients.gateway import Gateway, Problem
from web.counter.barcodes import code_39, qr_code
from web.shared.forms import Form, Typed
from web.shared.rendering import page, redirect
from web.shared.searches import SearchPage
from web.shared.sessions import SignedIn, Staff

router = APIRouter()

RECENT = 5
PAGE = 25

# --- The list ---------------------------------------------------------------------------------

SEARCHES = SearchPage("/ventes", ("text", "sold_from", "sold_to", "after"))


@router.post("/ventes")
async def search_sales(request: Request, person: Staff, form: Typed) -> Response:
    """By POST, so that no name gets into an address or a log."""
    return SEARCHES.searched(request, person, form)


@router.get("/ventes")
async def sales_page(request: Request, person: Staff, r: str = "") -> Response:
    """The search results, or my sales of today, which are the likeliest to be corrected."""
    form = SEARCHES.recalled(request, person, r)
    asked = form.fields_of(SaleSearch)
    after = asked.pop("after", None)
    searched = any(asked.values())
    found = Sales(sales=[])
    try:
        if searched:
            found = await sales.search_sales(
                person.gateway, **asked | {"limit": PAGE, "after": after}
            )
        else:
            found = await sales.my_sales_today(person.gateway, limit=PAGE, after=after)
    except Problem as problem:
        form.refused(problem)
    return page(
        request,
        "counter/sales.html",
        person=person,
        tab="counter",
        status=form.status,
        form=form,
        searched=searched,
        rows=await with_buyers(person.gateway, found.sales),
        next=found.next,
    )


# --- One sale ---------------------------------------------------------------------------------


@router.get("/ventes/{sale_id:uuid}")
async def show_sale(request: Request, person: Staff, sale_id: UUID) -> Response:
    return await confirmation(request, person, sale_id, Form(values={"reason": ""}))


@router.post("/ventes/{sale_id:uuid}/annulation")
async def cancel_sale(request: Request, person: Staff, sale_id: UUID, form: Typed) -> Response:
    try:
        await sales.cancel_sale(person.gateway, sale_id, reason=form["reason"])
    except Problem as problem:
        return await confirmation(request, person, sale_id, form.refused(problem))
    return redirect(request, f"/ventes/{sale_id}", done="sale_cancelled")


async def confirmation(request: Request, person: SignedIn, sale_id: UUID, form: Form) -> Response:
    sale = await sales.sale(person.gateway, sale_id)
    customer, recent = await asyncio.gather(
        identity.customer(person.gateway, sale.customer_id),
        sales.my_sales_today(person.gateway, limit=RECENT),
    )
    address = request.app.state.settings.public_url
    return page(
        request,
        "counter/sale.html",
        person=person,
        tab="counter",
        status=form.status,
        facts={"first_name": customer.first_name},
        circumstance="" if customer.has_password else "no password",
        form=form,
        sale=sale,
        customer=customer,
        recent=await with_buyers(person.gateway, recent.sales),
        code_39=code_39(sale.serial_number),
        address=address,
        qr_code=qr_code(address),
    )


async def with_buyers(gateway: Gateway, some: list[Sale]) -> list[tuple[Sale, str]]:
    """Each sale with its buyer's name; empty if the customer no longer exists."""
    buyers = await identity.customers(gateway, {sale.customer_id for sale in some})
    names = {id: f"{buyer.first_name} {buyer.last_name}" for id, buyer in buyers.items()}
    return [(sale, names.get(sale.customer_id, "")) for sale in some]

"""What a customer bought, with links to ask for help."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from web.clients import tickets
from web.shared.rendering import page
from web.shared.sessions import Customer

router = APIRouter()


@router.get("/mes-appareils")
async def my_products(
    request: Request,
    customer: Customer,
    after: Annotated[str | None, Query(alias="apres")] = None,
) -> Response:
    owned = await tickets.owned_products(customer.gateway, after=after)
    return page(
        request,
        "mine/products.html",
        person=customer,
        tab="products",
        owned=owned,
        page_cursor=after or "",
        is_first_page=after is None,
    )

"""Calls to catalog: the product search."""

from uuid import UUID

from contracts.catalog.api import Product, ProductSearch
from web.clients.gateway import Gateway


async def search_products(gateway: Gateway, *, text: str, withdrawn: bool = False) -> ProductSearch:
    """`withdrawn` asks for the list of those no longer on sale, which are always counted."""
    return await gateway.get("/api/catalog/products", ProductSearch, text=text, withdrawn=withdrawn)


async def product(gateway: Gateway, product_id: UUID) -> Product:
    return await gateway.get(f"/api/catalog/products/{product_id}", Product)

"""The seller's counter: new sales, past ones, and the customers."""

from fastapi import APIRouter

from web.counter import customers, new_sale, sales

router = APIRouter()
for part in (new_sale, customers, sales):
    router.include_router(part.router)
